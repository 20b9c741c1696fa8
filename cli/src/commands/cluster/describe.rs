//! `headrace cluster describe`.

use clap::Args;
use serde_json::{Value, json};

use crate::api::{Remote, Request};
use crate::failure::Failure;
use crate::output::{Table, items, show, text};
use crate::runtime::one_thread;

/// Show one cluster with its partitions' health and its brokers
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster describe orders
  headrace cluster describe orders -o json | jq '.brokers[] | select(.is_controller).id'")]
pub(crate) struct Describe {
    /// Name or id
    cluster: String,
    #[command(flatten)]
    remote: Remote,
}

impl Describe {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let api = self.remote.api()?;
            let doing = format!("reading cluster {}", self.cluster);
            let cluster = api.send(Request::get(&["clusters", &self.cluster], &doing)).await?;
            let path = ["clusters", self.cluster.as_str(), "brokers"];
            let brokers =
                api.list(&path, &[], &format!("reading the brokers of cluster {}", self.cluster)).await?;
            let all = json!({"cluster": cluster, "brokers": items(&brokers)});
            show(self.remote.output, &all, described)
        })
    }
}

/// The cluster, its partitions, and a line for each broker.
fn described(all: &Value) -> Table {
    let mut table = super::details(&all["cluster"]);
    table.row(["brokers missing".into(), missing(&all["cluster"]["status"]["brokers_missing"])]);
    table.row(["partitions".into(), partitions(&all["cluster"]["status"]["partitions"])]);
    for broker in all["brokers"].as_array().into_iter().flatten() {
        table.row([format!("broker {}", text(broker, "/id")), one(broker)]);
        if broker["trouble"].is_object() {
            let trouble =
                format!("{}: {}", text(broker, "/trouble/reason"), text(broker, "/trouble/message"));
            table.row([String::new(), trouble]);
        }
    }
    table
}

fn missing(ids: &Value) -> String {
    let Some(ids) = ids.as_array() else { return "-".into() };
    let ids: Vec<String> = ids.iter().map(Value::to_string).collect();
    if ids.is_empty() { "none".into() } else { ids.join(", ") }
}

fn partitions(health: &Value) -> String {
    if !health.is_object() {
        return "-".into();
    }
    format!(
        "{}  under-replicated {}  under min ISR {}  offline {}",
        text(health, "/total"),
        text(health, "/under_replicated"),
        text(health, "/under_min_isr"),
        text(health, "/offline"),
    )
}

fn one(broker: &Value) -> String {
    let mut words = vec![text(broker, "/membership")];
    for (pointer, word) in [("/is_controller", "controller"), ("/is_voter", "voter")] {
        if broker.pointer(pointer) == Some(&Value::Bool(true)) {
            words.push(word.to_owned());
        }
    }
    words.push(format!("leads {} of {}", text(broker, "/leaders"), text(broker, "/partitions")));
    words.push(format!("{}:{}", text(broker, "/host"), text(broker, "/port")));
    words.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_line_and_what_is_not_known_a_dash() {
        let known = json!({"id": 1, "membership": "running", "is_controller": true, "is_voter": true,
                           "leaders": 3, "partitions": 9, "host": "127.0.0.1", "port": 19092});
        assert_eq!(one(&known), "running  controller  voter  leads 3 of 9  127.0.0.1:19092");
        let stopped = json!({"id": 2, "membership": "stopped", "is_voter": null});
        assert_eq!(one(&stopped), "stopped  leads - of -  -:-");
        let all = json!({"brokers": [{"id": 2, "trouble": {"reason": "Unschedulable", "message": "no node takes its pod"}}]});
        assert!(described(&all).render().contains("Unschedulable: no node takes its pod"));
        let health = json!({"total": 9, "under_replicated": 2, "under_min_isr": null, "offline": 0});
        assert_eq!(partitions(&health), "9  under-replicated 2  under min ISR -  offline 0");
        assert_eq!(partitions(&Value::Null), "-");
        assert_eq!([json!([]), json!([2, 3]), json!(null)].map(|ids| missing(&ids)), ["none", "2, 3", "-"]);
    }
}
