//! `headrace cluster list`.

use clap::Args;

use crate::api::Remote;
use crate::failure::Failure;
use crate::output::{Table, items, show, text};
use crate::runtime::one_thread;

/// List clusters
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster list
  headrace cluster list -o json | jq -r '.items[].status.bootstrap_servers'")]
pub(crate) struct List {
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let all = self.remote.api()?.list(&["clusters"], &[], "listing clusters").await?;
            show(self.remote.output, &all, |all| {
                let mut table = Table::new(&["NAME", "STATE", "BROKERS", "BOOTSTRAP SERVERS", "CREATED"])
                    .when_empty("no clusters yet: `headrace cluster create NAME` makes one");
                for cluster in items(all) {
                    let brokers =
                        format!("{}/{}", text(cluster, "/status/brokers_ready"), text(cluster, "/brokers"));
                    table.row([
                        text(cluster, "/name"),
                        text(cluster, "/status/state"),
                        brokers,
                        text(cluster, "/status/bootstrap_servers"),
                        text(cluster, "/created_at"),
                    ]);
                }
                table
            })
        })
    }
}
