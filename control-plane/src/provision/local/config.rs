//! The files that a broker and an agent are started with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::cluster::kafka_id;
use crate::domain::replication;
use crate::provision::INTERNAL_LISTENER;
use crate::store::clusters::Stored;
use crate::store::nodes::Node;

/// The broker's configuration in its node's folder.
pub(super) const BROKER_FILE: &str = "broker.properties";
/// The agent's configuration.
pub(super) const AGENT_FILE: &str = "agent.json";
/// The agent's API key, mode 0600.
pub(super) const AGENT_KEY_FILE: &str = "agent-key";
/// The broker's data.
pub(super) const DATA_DIR: &str = "data";

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addresses {
    host: String,
    client_port: i32,
    internal_port: i32,
    admin_port: i32,
}

impl Addresses {
    /// Of a node that has all its ports.
    pub(super) fn of(node: &Node) -> Option<Self> {
        Some(Self {
            host: node.host.clone(),
            client_port: node.client_port?,
            internal_port: node.internal_port?,
            admin_port: node.admin_port?,
        })
    }

    /// For Kafka clients.
    pub(super) fn client(&self) -> String {
        format!("{}:{}", self.host, self.client_port)
    }

    /// For other brokers, the agent and us.
    pub(super) fn internal(&self) -> String {
        format!("{}:{}", self.host, self.internal_port)
    }

    /// For health and metrics.
    pub(super) fn admin(&self) -> String {
        format!("{}:{}", self.host, self.admin_port)
    }
}

/// Tells configurations apart.
pub(super) fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// A broker's configuration: what the service decides, and what the user set. `joining` is how it comes to its cluster.
pub(super) fn broker(
    cluster: &Stored,
    node: i32,
    addresses: &Addresses,
    joining: &str,
    dir: &Path,
) -> String {
    let listeners =
        format!("PLAINTEXT://{},{INTERNAL_LISTENER}://{}", addresses.client(), addresses.internal());
    let security = format!("PLAINTEXT:PLAINTEXT,{INTERNAL_LISTENER}:PLAINTEXT");
    let mut properties: BTreeMap<&str, String> = replication::properties(&cluster.spec);
    properties.extend(cluster.spec.config.iter().map(|(key, value)| (key.as_str(), value.clone())));
    properties.insert("node.id", node.to_string());
    properties.insert("cluster.id", kafka_id(cluster.id));
    properties.extend(joining.split_once('=').map(|(key, value)| (key, value.to_owned())));
    properties.insert("listeners", listeners.clone());
    properties.insert("advertised.listeners", listeners);
    properties.insert("listener.security.protocol.map", security);
    properties.insert("inter.broker.listener.name", INTERNAL_LISTENER.to_owned());
    properties.insert("log.dirs", dir.join(DATA_DIR).display().to_string());
    properties.insert("headrace.admin.listener", addresses.admin());
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

#[derive(Debug, Serialize, Deserialize)]
struct AgentConfig<'a> {
    cluster_id: Uuid,
    node_id: i32,
    broker_admin: String,
    bootstrap: String,
    control_plane: Vec<String>,
    api_key_file: &'a str,
    state_dir: &'a str,
    broker_pid_file: &'a str,
    log_dirs: Vec<&'a str>,
}

/// An agent's configuration.
pub(super) fn agent(cluster: Uuid, node: i32, addresses: &Addresses, urls: &[String]) -> String {
    let config = AgentConfig {
        cluster_id: cluster,
        node_id: node,
        broker_admin: format!("http://{}", addresses.admin()),
        bootstrap: addresses.internal(),
        control_plane: urls.to_vec(),
        api_key_file: AGENT_KEY_FILE,
        state_dir: ".",
        broker_pid_file: "broker.pid",
        log_dirs: vec![DATA_DIR],
    };
    serde_json::to_string_pretty(&config).unwrap_or_default()
}

/// Where the agent of a folder reports.
pub(super) fn agent_urls(dir: &Path) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(dir.join(AGENT_FILE)) else { return Vec::new() };
    serde_json::from_str::<AgentConfig<'_>>(&text).map(|config| config.control_plane).unwrap_or_default()
}
