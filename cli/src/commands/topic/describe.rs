//! `headrace topic describe`.

use clap::Args;

use crate::api::{Remote, Request};
use crate::failure::Failure;
use crate::kafka::ClusterName;
use crate::output::show;
use crate::runtime::one_thread;

/// Show one topic with its partitions
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace topic describe payments --cluster orders
  headrace topic describe payments --cluster orders -o yaml")]
pub(crate) struct Describe {
    /// Name of the topic
    topic: String,
    #[command(flatten)]
    cluster: ClusterName,
    #[command(flatten)]
    remote: Remote,
}

impl Describe {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let api = self.remote.api()?;
            let cluster = self.cluster.resolve(&api).await?;
            let doing = format!("reading topic {} of cluster {cluster}", self.topic);
            let topic = api.send(Request::get(&["clusters", &cluster, "topics", &self.topic], doing)).await?;
            show(self.remote.output, &topic, super::details)
        })
    }
}
