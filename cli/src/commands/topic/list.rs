//! `headrace topic list`.

use clap::Args;

use crate::api::Remote;
use crate::failure::Failure;
use crate::kafka::ClusterName;
use crate::output::{Table, items, show, text};
use crate::runtime::one_thread;

/// List the topics of a cluster
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace topic list --cluster orders
  headrace topic list --cluster orders --internal -o json")]
pub(crate) struct List {
    /// With those that the brokers keep for themselves
    #[arg(long)]
    internal: bool,
    #[command(flatten)]
    cluster: ClusterName,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let api = self.remote.api()?;
            let cluster = self.cluster.resolve(&api).await?;
            let doing = format!("listing the topics of cluster {cluster}");
            let mut all = api.list(&["clusters", &cluster, "topics"], &[], &doing).await?;
            if let Some(topics) = all["items"].as_array_mut().filter(|_| !self.internal) {
                topics.retain(|topic| topic["internal"] != true);
            }
            show(self.remote.output, &all, |all| {
                let mut table = Table::new(&["NAME", "PARTITIONS", "REPLICATION", "HEALTH", "ID"])
                    .when_empty("no topics yet: `headrace topic create NAME` makes one");
                for topic in items(all) {
                    let [name, partitions, replicas, id] =
                        ["/name", "/partitions", "/replication_factor", "/id"].map(|part| text(topic, part));
                    table.row([name, partitions, replicas, super::health(topic), id]);
                }
                table
            })
        })
    }
}
