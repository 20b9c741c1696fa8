//! The command line: one file per command, and the table that names them.

mod agent;
mod api_key;
mod broker;
mod cluster;
mod completion;
mod consume;
mod control_plane;
mod docs_cli;
mod down;
mod operation;
mod produce;
mod topic;
pub(crate) mod up;

use clap::{Parser, Subcommand};

pub(crate) use cluster::is_settled as cluster_is_settled;

use crate::failure::{EXIT_CODES, Failure};

/// Managed Kafka on your own machines: a service that makes clusters when you ask for them.
///
/// `headrace up` starts the service on this machine; the other commands talk to it.
#[derive(Debug, Parser)]
#[command(
    name = "headrace",
    version,
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    max_term_width = 110
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Down(down::Down),
    #[command(subcommand)]
    Cluster(cluster::Command),
    #[command(subcommand)]
    Topic(topic::Command),
    Produce(produce::Produce),
    Consume(consume::Consume),
    #[command(subcommand)]
    Operation(operation::Command),
    #[command(subcommand)]
    ApiKey(api_key::Command),
    Broker(broker::Broker),
    Agent(agent::Agent),
    ControlPlane(control_plane::ControlPlane),
    Completion(completion::Completion),
    #[command(hide = true)]
    DocsCli(docs_cli::DocsCli),
}

impl Cli {
    /// Does it.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Up(command) => command.run(),
            Command::Down(command) => command.run(),
            Command::Cluster(command) => command.run(),
            Command::Topic(command) => command.run(),
            Command::Produce(command) => command.run(),
            Command::Consume(command) => command.run(),
            Command::Operation(command) => command.run(),
            Command::ApiKey(command) => command.run(),
            Command::Broker(command) => command.run(),
            Command::Agent(command) => command.run(),
            Command::ControlPlane(command) => command.run(),
            Command::Completion(command) => command.run(),
            Command::DocsCli(command) => command.run(),
        }
    }
}

/// `key=value`, for every flag that takes pairs.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not KEY=VALUE")),
    }
}

/// A time to wait: `90`, `90s`, `500ms`, `5m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let wrong = || format!("{text:?} is not a time such as 500ms, 30s, 5m or 1h");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ms_per_unit = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    // A year is longer than anyone waits, and far from where clocks overflow.
    const MS_MAX: u64 = 366 * 24 * 3_600_000;
    number
        .checked_mul(ms_per_unit)
        .filter(|ms| *ms <= MS_MAX)
        .map(std::time::Duration::from_millis)
        .ok_or_else(wrong)
}

/// Pairs as a JSON object.
pub(crate) fn object(pairs: &[(String, String)]) -> serde_json::Value {
    pairs.iter().map(|(key, value)| (key.clone(), serde_json::Value::from(value.as_str()))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for bad in ["", "s", "-1", "1d", "1.5s", "99999999999999999999", "9999999999h"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn pairs_need_a_key() {
        assert_eq!(key_value("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(key_value("=b").is_err() && key_value("ab").is_err());
    }

    #[test]
    fn every_command_shows_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            if command.has_subcommands() {
                command.get_subcommands().for_each(|sub| walk(sub, &path));
            } else if !command.is_hide_set() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("headrace "), "{path} has no example in its help");
            }
        }
        walk(&Cli::command(), "");
    }
}
