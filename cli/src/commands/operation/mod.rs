//! `headrace operation …`: changes while they happen.

mod get;
mod list;
mod watch;

use clap::Subcommand;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Table, text};

/// See and follow changes
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Watch(watch::Watch),
    Get(get::Get),
    List(list::List),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Watch(command) => command.run(),
            Self::Get(command) => command.run(),
            Self::List(command) => command.run(),
        }
    }
}

/// One operation in full: a line of its own for each step.
pub(crate) fn details(operation: &Value) -> Table {
    let mut table = Table::new(&[]);
    for (label, pointer) in [
        ("operation", "/id"),
        ("kind", "/kind"),
        ("cluster", "/cluster_name"),
        ("state", "/state"),
        ("progress", "/progress"),
        ("created", "/created_at"),
        ("finished", "/finished_at"),
    ] {
        table.row([label.to_owned(), text(operation, pointer)]);
    }
    for step in operation["steps"].as_array().into_iter().flatten() {
        let message = step["message"].as_str().map(|message| format!(": {message}")).unwrap_or_default();
        table.row([format!("step {}", text(step, "/name")), format!("{}{message}", text(step, "/state"))]);
    }
    if operation["error"].is_object() {
        let error = &operation["error"];
        let why = [&error["detail"], &error["title"]].into_iter().find_map(Value::as_str).unwrap_or("-");
        table.row(["error".into(), why.to_owned()]);
    }
    table
}
