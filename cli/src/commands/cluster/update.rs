//! `headrace cluster update`.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::api::{Remote, Request, watch};
use crate::commands::{duration, key_value};
use crate::failure::Failure;
use crate::output::{say, show};
use crate::runtime::one_thread;

/// Change a cluster
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster update orders --config log.retention.hours=48 --wait
  headrace cluster update orders --remove-config log.retention.hours --label team=billing
  headrace cluster update orders --storage-size 200Gi --wait
  headrace cluster update orders --deletion-protection false")]
pub(crate) struct Update {
    /// Name or id
    cluster: String,
    /// How many brokers
    #[arg(long, value_name = "N")]
    brokers: Option<u32>,
    /// Replicas of a topic that does not say how many
    #[arg(long, value_name = "N")]
    replication_factor: Option<u32>,
    /// In-sync replicas that a write with acks=all needs
    #[arg(long, value_name = "N")]
    min_insync_replicas: Option<u32>,
    /// Another version of the engine, one of `GET /v1/versions`
    #[arg(long, value_name = "VERSION")]
    engine_version: Option<String>,
    /// On Kubernetes: the new size of each broker's volume
    #[arg(long, value_name = "AMOUNT")]
    storage_size: Option<String>,
    /// Set configuration by Kafka's own names; what is not named stays
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// Back to the default
    #[arg(long, value_name = "KEY")]
    remove_config: Vec<String>,
    /// Set a label; what is not named stays
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = key_value)]
    labels: Vec<(String, String)>,
    /// Remove a label
    #[arg(long, value_name = "KEY")]
    remove_label: Vec<String>,
    /// Whether deleting it is refused
    #[arg(long, value_name = "BOOL")]
    deletion_protection: Option<bool>,
    /// Only if nobody changed it since this generation
    #[arg(long, value_name = "GENERATION")]
    if_match: Option<i64>,
    /// Follow the operation to its end
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m", requires = "wait")]
    timeout: Duration,
    #[command(flatten)]
    remote: Remote,
}

impl Update {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(self.update())
    }

    async fn update(self) -> Result<(), Failure> {
        let api = self.remote.api()?;
        let path = ["clusters", self.cluster.as_str()];
        let doing = format!("changing cluster {}", self.cluster);
        // Maps are replaced as a whole, so one key is changed by reading, changing and writing back what was read.
        let now = api.send(Request::get(&path, format!("reading cluster {}", self.cluster))).await?;
        let body = self.changes(&now);
        if body.as_object().is_none_or(Map::is_empty) {
            return Err(Failure::usage("nothing to change")
                .hint("name at least one of --brokers, --config, --label, …"));
        }
        let generation = self.if_match.or(now["generation"].as_i64()).unwrap_or_default();
        let headers = [("if-match", format!("\"{generation}\""))];
        let answer = api.send(Request { headers: &headers, ..Request::patch(&path, body, &doing) }).await?;
        if !self.wait {
            return show(self.remote.output, &answer, crate::commands::operation::details);
        }
        say(&doing);
        watch::to_success(&api, &answer, self.timeout).await?;
        let cluster = api.send(Request::get(&path, format!("reading cluster {}", self.cluster))).await?;
        show(self.remote.output, &cluster, super::details)
    }

    fn changes(&self, now: &Value) -> Value {
        let mut body = json!({});
        if let Some(brokers) = self.brokers {
            body["brokers"] = json!(brokers);
        }
        if let Some(replicas) = self.replication_factor {
            body["replication_factor"] = json!(replicas);
        }
        if let Some(replicas) = self.min_insync_replicas {
            body["min_insync_replicas"] = json!(replicas);
        }
        if let Some(version) = &self.engine_version {
            body["engine"] = json!({"version": version});
        }
        if let Some(size) = &self.storage_size {
            // Replaced as a whole, so what is not named is written back.
            body["kubernetes"] = now["kubernetes"].clone();
            body["kubernetes"]["storage"]["size"] = json!(size);
        }
        if let Some(protection) = self.deletion_protection {
            body["deletion_protection"] = json!(protection);
        }
        if !self.config.is_empty() || !self.remove_config.is_empty() {
            body["config"] = merged(&now["config"], &self.config, &self.remove_config);
        }
        if !self.labels.is_empty() || !self.remove_label.is_empty() {
            body["labels"] = merged(&now["labels"], &self.labels, &self.remove_label);
        }
        body
    }
}

/// A map with some keys set and some removed. Pure.
fn merged(now: &Value, set: &[(String, String)], remove: &[String]) -> Value {
    let mut map = now.as_object().cloned().unwrap_or_default();
    for key in remove {
        map.remove(key);
    }
    for (key, value) in set {
        map.insert(key.clone(), json!(value));
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let now = json!({"a": "1", "b": "2", "c": "3"});
        let merged = merged(&now, &[("a".into(), "9".into()), ("d".into(), "4".into())], &["b".into()]);
        assert_eq!(merged, json!({"a": "9", "c": "3", "d": "4"}));
    }
}
