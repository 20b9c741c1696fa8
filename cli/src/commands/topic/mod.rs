//! `headrace topic …`: the topics of a cluster, through the REST API.

mod create;
mod delete;
mod describe;
mod list;

use clap::Subcommand;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Table, numbers, pairs, text};

/// Make, see and remove topics
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    List(list::List),
    Describe(describe::Describe),
    Delete(delete::Delete),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::List(command) => command.run(),
            Self::Describe(command) => command.run(),
            Self::Delete(command) => command.run(),
        }
    }
}

/// How its partitions are, in words.
fn health(topic: &Value) -> String {
    let told = [
        ("offline", "/health/offline"),
        ("under min ISR", "/health/under_min_isr"),
        ("under-replicated", "/health/under_replicated"),
    ];
    let troubles: Vec<String> = told
        .iter()
        .filter_map(|(word, pointer)| {
            let count = topic.pointer(pointer)?.as_u64().filter(|count| *count > 0)?;
            Some(format!("{word} {count}"))
        })
        .collect();
    if troubles.is_empty() { "all in sync".into() } else { troubles.join("  ") }
}

/// One topic in full: a line of its own for each partition.
fn details(topic: &Value) -> Table {
    let mut table = Table::new(&[]);
    for (label, pointer) in [
        ("name", "/name"),
        ("id", "/id"),
        ("partitions", "/partitions"),
        ("replication factor", "/replication_factor"),
    ] {
        table.row([label.to_owned(), text(topic, pointer)]);
    }
    table.row(["config".into(), pairs(&topic["config"])]);
    table.row(["health".into(), health(topic)]);
    for partition in topic["partition_details"].as_array().into_iter().flatten() {
        let told = format!(
            "leader {}  epoch {}  replicas {}  in sync {}",
            text(partition, "/leader"),
            text(partition, "/leader_epoch"),
            numbers(&partition["replicas"]),
            numbers(&partition["isr"]),
        );
        table.row([format!("partition {}", text(partition, "/partition")), told]);
    }
    table
}
