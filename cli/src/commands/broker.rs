//! `headrace broker`: one broker.

use std::path::{Path, PathBuf};

use clap::Args;
use headrace_broker::Options;

use crate::failure::Failure;
use crate::output::{print, safe};
use crate::runtime::{LogArgs, Signals, one_thread};

/// Run one broker (started by the service itself)
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace broker --config broker.properties
  headrace broker --config broker.properties --check
  headrace broker --set node.id=1 --set log.dirs=/tmp/kafka --set listeners=PLAINTEXT://127.0.0.1:9092")]
pub(crate) struct Broker {
    /// Properties file with Kafka's own names
    #[arg(long, env = "HEADRACE_BROKER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A property that the file does not say, or says otherwise; repeat for more
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print what is wrong with the file, a line for each key, and start nothing
    #[arg(long, requires = "config", conflicts_with = "overrides")]
    check: bool,
    #[command(flatten)]
    log: LogArgs,
}

impl Broker {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.check {
            return check(&self.config.unwrap_or_default());
        }
        self.log.install()?;
        let options = Options::load(self.config.as_deref(), &self.overrides)
            .map_err(|error| Failure::usage(error.to_string()))?;
        one_thread(async move {
            let mut signals = Signals::listen()?;
            headrace_broker::run(options, async move { signals.next().await })
                .await
                .map_err(|error| Failure::doing("running the broker", error))
        })
    }
}

/// The problems go to standard output, for programs too: each line is `key: what is wrong`.
fn check(file: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::doing(format!("reading {}", file.display()), error))?;
    let problems = headrace_broker::config::check(&text);
    for problem in &problems {
        print(&format!("{}\n", safe(problem)))?;
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(Failure::usage(format!("{} has {count} problem(s)", file.display()))),
    }
}
