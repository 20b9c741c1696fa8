//! `headrace operation list`.

use clap::Args;

use crate::api::Remote;
use crate::failure::Failure;
use crate::output::{Table, items, show, text};
use crate::runtime::one_thread;

/// List operations
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace operation list
  headrace operation list -o json | jq '.items[] | select(.state == \"failed\")'")]
pub(crate) struct List {
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let all = self.remote.api()?.list(&["operations"], &[], "listing operations").await?;
            show(self.remote.output, &all, |all| {
                let mut table = Table::new(&["ID", "KIND", "CLUSTER", "STATE", "PROGRESS", "CREATED"])
                    .when_empty("no operations yet");
                for operation in items(all) {
                    let columns = ["/id", "/kind", "/cluster_name", "/state", "/progress", "/created_at"];
                    table.row(columns.map(|part| text(operation, part)));
                }
                table
            })
        })
    }
}
