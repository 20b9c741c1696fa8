//! `headrace cluster create`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::api::{Remote, Request, watch};
use crate::commands::{duration, key_value, object};
use crate::failure::Failure;
use crate::output::{say, show};
use crate::runtime::one_thread;

/// Make a cluster
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster create orders --wait
  headrace cluster create orders --brokers 3 --config log.retention.hours=24 --deletion-protection
  headrace cluster create orders --brokers 5 --replication-factor 3 --min-insync-replicas 2
  headrace cluster create orders --brokers 3 --storage-size 100Gi --listener external=nodeport
  headrace cluster create orders --validate-only -o json")]
pub(crate) struct Create {
    /// Name of the cluster: lower-case letters, digits and hyphens
    name: String,
    /// How many brokers
    #[arg(long, value_name = "N", default_value_t = 1)]
    brokers: u32,
    /// Replicas of a topic that does not say how many [default: 3, or one on each broker where there are fewer]
    #[arg(long, value_name = "N")]
    replication_factor: Option<u32>,
    /// In-sync replicas that a write with acks=all needs [default: 2 of 3 replicas, else 1]
    #[arg(long, value_name = "N")]
    min_insync_replicas: Option<u32>,
    /// Configuration by Kafka's own names; repeat for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// On Kubernetes: the size of each broker's volume [default: 10Gi]
    #[arg(long, value_name = "AMOUNT")]
    storage_size: Option<String>,
    /// On Kubernetes: the storage class of the volumes [default: Kubernetes' own default]
    #[arg(long, value_name = "NAME")]
    storage_class: Option<String>,
    /// On Kubernetes: a way in from outside, of type nodeport or loadbalancer; repeat for more
    #[arg(long = "listener", value_name = "NAME=TYPE", value_parser = key_value)]
    listeners: Vec<(String, String)>,
    /// A label; repeat for more
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = key_value)]
    labels: Vec<(String, String)>,
    /// The project that is to own it
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Refuse to delete it until this is switched off
    #[arg(long)]
    deletion_protection: bool,
    /// Only say whether it could be made
    #[arg(long, conflicts_with = "wait")]
    validate_only: bool,
    /// A repeated request with the same key makes nothing twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Follow the operation, and end when the cluster runs
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m", requires = "wait")]
    timeout: Duration,
    #[command(flatten)]
    remote: Remote,
}

impl Create {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(self.create())
    }

    async fn create(self) -> Result<(), Failure> {
        let api = self.remote.api()?;
        let mut body = json!({
            "name": self.name,
            "brokers": self.brokers,
            "config": object(&self.config),
            "labels": object(&self.labels),
            "deletion_protection": self.deletion_protection,
        });
        if let Some(project) = &self.project {
            body["project"] = json!(project);
        }
        if let Some(replicas) = self.replication_factor {
            body["replication_factor"] = json!(replicas);
        }
        if let Some(replicas) = self.min_insync_replicas {
            body["min_insync_replicas"] = json!(replicas);
        }
        if let Some(size) = &self.storage_size {
            body["kubernetes"]["storage"]["size"] = json!(size);
        }
        if let Some(class) = &self.storage_class {
            body["kubernetes"]["storage"]["class"] = json!(class);
        }
        if !self.listeners.is_empty() {
            let listener = |(name, kind): &(String, String)| json!({"name": name, "type": kind});
            body["listeners"] = self.listeners.iter().map(listener).collect();
        }
        let key = self.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let headers = [("idempotency-key", key)];
        let validate = [("validate_only", "true")];
        let doing = format!("creating cluster {}", self.name);
        let request = Request {
            headers: &headers,
            query: if self.validate_only { &validate } else { &[] },
            ..Request::post(&["clusters"], body, &doing)
        };
        let answer = api.send(request).await?;
        if self.validate_only {
            return show(self.remote.output, &answer, super::details);
        }
        if !self.wait {
            say("accepted; `headrace cluster wait` or `headrace operation watch` follows it");
            return show(self.remote.output, &answer, crate::commands::operation::details);
        }
        say(&doing);
        let operation = watch::to_success(&api, &answer, self.timeout).await?;
        let id = operation["cluster_id"].as_str().unwrap_or(&self.name);
        let cluster =
            api.send(Request::get(&["clusters", id], format!("reading cluster {}", self.name))).await?;
        show(self.remote.output, &cluster, super::details)
    }
}
