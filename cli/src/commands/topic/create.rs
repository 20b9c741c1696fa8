//! `headrace topic create`.

use clap::Args;
use serde_json::json;

use crate::api::{Remote, Request};
use crate::commands::{key_value, object};
use crate::failure::Failure;
use crate::kafka::ClusterName;
use crate::output::show;
use crate::runtime::one_thread;

/// Make a topic
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace topic create payments --cluster orders
  headrace topic create payments --cluster orders --partitions 6 --config retention.ms=86400000")]
pub(crate) struct Create {
    /// Name of the topic
    topic: String,
    /// How many partitions [default: the cluster's num.partitions]
    #[arg(long, value_name = "N")]
    partitions: Option<i32>,
    /// Copies of each partition [default: the cluster's default.replication.factor]
    #[arg(long, value_name = "N")]
    replication_factor: Option<i16>,
    /// Configuration by Kafka's own names; repeat for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    #[command(flatten)]
    cluster: ClusterName,
    #[command(flatten)]
    remote: Remote,
}

impl Create {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let api = self.remote.api()?;
            let cluster = self.cluster.resolve(&api).await?;
            let mut body = json!({ "name": self.topic });
            if let Some(partitions) = self.partitions {
                body["partitions"] = json!(partitions);
            }
            if let Some(replicas) = self.replication_factor {
                body["replication_factor"] = json!(replicas);
            }
            if !self.config.is_empty() {
                body["config"] = object(&self.config);
            }
            let doing = format!("creating topic {} in cluster {cluster}", self.topic);
            let topic = api.send(Request::post(&["clusters", &cluster, "topics"], body, doing)).await?;
            show(self.remote.output, &topic, super::details)
        })
    }
}
