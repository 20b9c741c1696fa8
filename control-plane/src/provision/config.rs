//! The files that a broker and an agent are started with, wherever they run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::INTERNAL_LISTENER;
use crate::domain::cluster::kafka_id;
use crate::domain::replication;
use crate::store::clusters::Stored;

/// Tells configurations apart.
pub(super) fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// Lets consumers that name their rack read from a replica there (KIP-392).
const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// One listener of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listener {
    /// Kafka's name for it, in capitals.
    pub(super) name: String,
    /// `host:port` on which the broker listens.
    pub(super) bind: String,
    /// `host:port` that clients are told.
    pub(super) advertised: String,
}

/// Where a broker listens and keeps its data: what its provider decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// All listeners, the one between brokers too.
    pub(super) listeners: Vec<Listener>,
    /// `host:port` for health and metrics.
    pub(super) admin: String,
    /// Its log directory.
    pub(super) data: String,
    /// The rack that it stands in.
    pub(super) rack: Option<String>,
}

/// What is the same for every broker of a cluster: what follows from the spec, and what the user set over that.
pub(super) fn of_all_brokers(cluster: &Stored) -> BTreeMap<&str, String> {
    let mut properties: BTreeMap<&str, String> = replication::properties(&cluster.spec);
    properties.extend(cluster.spec.config.iter().map(|(key, value)| (key.as_str(), value.clone())));
    properties.insert("cluster.id", kafka_id(cluster.id));
    properties.insert("inter.broker.listener.name", INTERNAL_LISTENER.to_owned());
    properties
}

/// A broker's configuration: what the service decides, and what the user set. `joining` is how it comes to its cluster.
pub(super) fn broker(cluster: &Stored, node: i32, joining: &str, place: &Place) -> String {
    let list = |each: &dyn Fn(&Listener) -> String| {
        let texts: Vec<String> = place.listeners.iter().map(each).collect();
        texts.join(",")
    };
    let mut properties = of_all_brokers(cluster);
    properties.insert("node.id", node.to_string());
    properties.extend(joining.split_once('=').map(|(key, value)| (key, value.to_owned())));
    properties.insert("listeners", list(&|listener| format!("{}://{}", listener.name, listener.bind)));
    properties.insert(
        "advertised.listeners",
        list(&|listener| format!("{}://{}", listener.name, listener.advertised)),
    );
    properties
        .insert("listener.security.protocol.map", list(&|listener| format!("{}:PLAINTEXT", listener.name)));
    properties.insert("log.dirs", place.data.clone());
    properties.insert("headrace.admin.listener", place.admin.clone());
    if let Some(rack) = &place.rack {
        // What the user names goes before.
        properties.entry("broker.rack").or_insert_with(|| rack.clone());
        properties.entry("replica.selector.class").or_insert_with(|| RACK_AWARE_SELECTOR.to_owned());
    }
    let mut text =
        "# Written by the control plane, which writes it again: change the cluster instead.\n".to_owned();
    if cluster.spec.restarts > 0 {
        // Who was started with another number has yet to be restarted.
        let _ = writeln!(text, "# restart {}", cluster.spec.restarts);
    }
    text + &write_properties(properties.iter().map(|(key, value)| (*key, value.as_str())))
}

/// As Java writes them.
pub(super) fn write_properties<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

/// An agent's configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AgentConfig<'a> {
    pub(super) cluster_id: Uuid,
    pub(super) node_id: i32,
    pub(super) broker_admin: String,
    pub(super) bootstrap: String,
    pub(super) control_plane: Vec<String>,
    pub(super) api_key_file: &'a str,
    pub(super) state_dir: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) broker_pid_file: Option<&'a str>,
    pub(super) log_dirs: Vec<&'a str>,
}

impl AgentConfig<'_> {
    /// As the agent reads it.
    pub(super) fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
