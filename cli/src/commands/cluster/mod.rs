//! `headrace cluster …`: ask for clusters, change them, remove them.

mod connection;
mod create;
mod delete;
mod describe;
mod get;
mod lifecycle;
mod list;
mod replace_broker;
mod restart;
mod scale;
mod update;
mod wait;

use clap::Subcommand;

use serde_json::Value;
pub(crate) use wait::is_settled;

use crate::failure::Failure;
use crate::output::{Table, pairs, text};

/// Make, see, change and remove clusters
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    List(list::List),
    Get(get::Get),
    Describe(describe::Describe),
    Connection(connection::Connection),
    Wait(wait::Wait),
    Update(update::Update),
    Scale(scale::Scale),
    Restart(restart::Restart),
    ReplaceBroker(replace_broker::ReplaceBroker),
    Delete(delete::Delete),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::List(command) => command.run(),
            Self::Get(command) => command.run(),
            Self::Describe(command) => command.run(),
            Self::Connection(command) => command.run(),
            Self::Wait(command) => command.run(),
            Self::Update(command) => command.run(),
            Self::Scale(command) => command.run(),
            Self::Restart(command) => command.run(),
            Self::ReplaceBroker(command) => command.run(),
            Self::Delete(command) => command.run(),
        }
    }
}

/// One cluster in full.
fn details(cluster: &Value) -> Table {
    let mut table = Table::new(&[]);
    for (label, pointer) in [
        ("name", "/name"),
        ("id", "/id"),
        ("project", "/project"),
        ("state", "/status/state"),
        ("bootstrap servers", "/status/bootstrap_servers"),
        ("brokers", "/brokers"),
        ("brokers ready", "/status/brokers_ready"),
        ("replication factor", "/replication_factor"),
        ("min in-sync replicas", "/min_insync_replicas"),
        ("engine", "/engine/kind"),
        ("engine version", "/engine/version"),
        ("deletion protection", "/deletion_protection"),
        ("generation", "/generation"),
        ("created", "/created_at"),
    ] {
        table.row([label.to_owned(), text(cluster, pointer)]);
    }
    table.row(["config".into(), pairs(&cluster["config"])]);
    table.row(["labels".into(), pairs(&cluster["labels"])]);
    for condition in cluster["status"]["conditions"].as_array().into_iter().flatten() {
        let status = format!("{} {}", text(condition, "/status"), text(condition, "/message"));
        table.row([text(condition, "/type"), status]);
    }
    table
}
