//! The files that a broker and an agent on this machine are started with.

use std::path::Path;

use uuid::Uuid;

use crate::provision::INTERNAL_LISTENER;
use crate::provision::config::{self, AgentConfig, Listener, Place};
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

/// A broker's configuration.
pub(super) fn broker(
    cluster: &Stored,
    node: i32,
    addresses: &Addresses,
    joining: &str,
    dir: &Path,
) -> String {
    let listener = |name: &str, address: String| Listener {
        name: name.to_owned(),
        bind: address.clone(),
        advertised: address,
    };
    let place = Place {
        listeners: vec![
            listener("PLAINTEXT", addresses.client()),
            listener(INTERNAL_LISTENER, addresses.internal()),
        ],
        admin: addresses.admin(),
        data: dir.join(DATA_DIR).display().to_string(),
        rack: None,
    };
    config::broker(cluster, node, joining, &place)
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
        broker_pid_file: Some("broker.pid"),
        log_dirs: vec![DATA_DIR],
    };
    config.text()
}

/// Where the agent of a folder reports.
pub(super) fn agent_urls(dir: &Path) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(dir.join(AGENT_FILE)) else { return Vec::new() };
    serde_json::from_str::<AgentConfig<'_>>(&text).map(|config| config.control_plane).unwrap_or_default()
}
