//! `headrace topic delete`.

use clap::Args;

use crate::api::{Remote, Request};
use crate::failure::Failure;
use crate::kafka::ClusterName;
use crate::output::say;
use crate::runtime::one_thread;

/// Delete a topic with its records
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace topic delete payments --cluster orders")]
pub(crate) struct Delete {
    /// Name of the topic
    topic: String,
    #[command(flatten)]
    cluster: ClusterName,
    #[command(flatten)]
    remote: Remote,
}

impl Delete {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let api = self.remote.api()?;
            let cluster = self.cluster.resolve(&api).await?;
            let doing = format!("deleting topic {} of cluster {cluster}", self.topic);
            api.send(Request::delete(&["clusters", &cluster, "topics", &self.topic], doing)).await?;
            say(&format!("topic {} is deleted", crate::output::safe(&self.topic)));
            Ok(())
        })
    }
}
