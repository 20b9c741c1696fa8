//! `headrace api-key list`.

use clap::Args;

use crate::api::Remote;
use crate::failure::Failure;
use crate::output::{Table, items, show, text};
use crate::runtime::one_thread;

/// List API keys, without the keys themselves
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace api-key list")]
pub(crate) struct List {
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let all = self.remote.api()?.list(&["api-keys"], &[], "listing API keys").await?;
            show(self.remote.output, &all, |all| {
                let mut table = Table::new(&["ID", "NAME", "ROLE", "PROJECT", "PREFIX", "CREATED"])
                    .when_empty("no API keys");
                for key in items(all) {
                    let columns = ["/id", "/name", "/role", "/project", "/prefix", "/created_at"];
                    table.row(columns.map(|part| text(key, part)));
                }
                table
            })
        })
    }
}
