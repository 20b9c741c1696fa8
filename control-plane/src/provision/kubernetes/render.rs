//! What a cluster's objects should be. Pure: the same cluster gives the same objects.
//!
//! Nothing is said here that the API server would say by itself, for what is said is also compared.

mod network;
mod pods;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Settings;
use super::kinds::Kind;
use super::names::{self, ADMIN_PORT, CLIENT_PORT, FINALIZER, INTERNAL_PORT, WRITTEN};
use crate::domain::pods::{Listener as Outside, PORT_FIRST};
use crate::provision::INTERNAL_LISTENER;
use crate::provision::config::{self, AgentConfig, Listener, Place};
use crate::store::clusters::Stored;
use crate::store::nodes::Node;

pub(super) use network::{broker_services, cluster_services, network_policy};
pub(super) use pods::{revision, stateful_set};

/// Brokers that one that joins is told of; it needs one that answers.
const SERVERS_MAX: usize = 4;
/// Where a pod has its volume.
const VOLUME_DIR: &str = "/var/lib/headrace";
/// Where a pod has its configuration.
const CONFIG_DIR: &str = "/etc/headrace";
/// Where the agent may write.
const RUN_DIR: &str = "/run/headrace";
/// The variable with the address of the node on which the pod runs.
const NODE_IP: &str = "HEADRACE_NODE_IP";
/// The variable with the zone of that node; empty where nodes have none.
const ZONE: &str = "HEADRACE_ZONE";

/// An object as it should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Desired {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// As it is applied.
    pub(super) body: Value,
    /// Tells what it says from what it said before.
    pub(super) written: String,
}

impl Desired {
    /// Completes an object by what all have: kind, name, labels, owner and the mark of what was written.
    fn new(of: &Of<'_>, kind: Kind, name: String, mut body: Value) -> Self {
        if let Some(owner) = of.owner.filter(|_| kind != Kind::ConfigMap) {
            body["metadata"]["ownerReferences"] =
                json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": of.cluster.name, "uid": owner}]);
        }
        Self::unowned(of, kind, name, body)
    }

    /// The same for what outlives the cluster's other objects.
    pub(super) fn unowned(of: &Of<'_>, kind: Kind, name: String, mut body: Value) -> Self {
        let resource = kind.resource();
        body["apiVersion"] = resource.api_version.into();
        body["kind"] = resource.kind.into();
        body["metadata"]["name"] = name.clone().into();
        body["metadata"]["namespace"] = of.namespace().into();
        for (key, value) in names::labels(of.cluster) {
            body["metadata"]["labels"][key] = value.into();
        }
        let written = config::hash(&body.to_string());
        body["metadata"]["annotations"][WRITTEN] = written.clone().into();
        Self { kind, name, body, written }
    }
}

/// Of which cluster, and in what surroundings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) cluster: &'a Stored,
    pub(super) settings: &'a Settings,
    /// What the pods run.
    pub(super) image: &'a str,
    /// The uid of the ConfigMap, which owns all other objects.
    pub(super) owner: Option<&'a str>,
}

impl Of<'_> {
    /// Where all objects are.
    pub(super) fn namespace(&self) -> &str {
        self.settings.namespace_of(self.cluster)
    }

    /// The name under which a broker is found inside Kubernetes, wherever its pod runs.
    pub(super) fn host(&self, node: i32) -> String {
        let (namespace, cluster_domain) = (self.namespace(), &self.settings.cluster_domain);
        let cluster = &self.cluster.name;
        format!("{}.{}.{namespace}.svc.{cluster_domain}", names::pod(cluster, node), names::headless(cluster))
    }

    /// What clients inside Kubernetes begin with.
    pub(super) fn bootstrap(&self) -> String {
        let (namespace, cluster_domain) = (self.namespace(), &self.settings.cluster_domain);
        format!("{}.{namespace}.svc.{cluster_domain}:{CLIENT_PORT}", names::bootstrap(&self.cluster.name))
    }

    /// Each has the port that was chosen when it was asked for.
    fn listeners(&self) -> impl Iterator<Item = (u16, &Outside)> {
        let listeners = self.cluster.spec.listeners.iter();
        listeners.map(|listener| (listener.port.unwrap_or(PORT_FIRST), listener))
    }

    /// Where a broker listens; `None` while it is not known what clients outside are to be told.
    fn place(&self, node: &Node) -> Option<Place> {
        let host = self.host(node.node_id);
        let inside = |name: &str, port: u16| Listener {
            name: name.to_owned(),
            bind: format!(":{port}"),
            advertised: format!("{host}:{port}"),
        };
        let mut listeners = vec![inside("PLAINTEXT", CLIENT_PORT), inside(INTERNAL_LISTENER, INTERNAL_PORT)];
        for (port, listener) in self.listeners() {
            let external = node.external.get(&listener.name)?;
            let node_ip = || format!("${{env:{NODE_IP}}}");
            let host = external.host.clone().unwrap_or_else(node_ip);
            listeners.push(Listener {
                name: listener.name.to_ascii_uppercase(),
                bind: format!(":{port}"),
                advertised: format!("{host}:{}", external.port),
            });
        }
        Some(Place {
            listeners,
            admin: format!(":{ADMIN_PORT}"),
            data: format!("{VOLUME_DIR}/data"),
            rack: Some(format!("${{env:{ZONE}}}")),
        })
    }
}

/// Every broker's and agent's configuration, and the owner of all else; `None` while one is not decided.
pub(super) fn config_map(of: &Of<'_>, nodes: &[Node]) -> Option<Desired> {
    let mut data = BTreeMap::new();
    for node in nodes {
        let pod = names::pod(&of.cluster.name, node.node_id);
        let joining = joining(of, node, nodes)?;
        let broker = config::broker(of.cluster, node.node_id, &joining, &of.place(node)?);
        data.insert(format!("{pod}.properties"), broker);
        data.insert(format!("{pod}.json"), agent(of, node.node_id));
    }
    let body = json!({"metadata": {"finalizers": [FINALIZER]}, "data": data});
    Some(Desired::new(of, Kind::ConfigMap, of.cluster.name.clone(), body))
}

/// How a broker that finds its disk empty comes to its cluster. Once there is one it joins that, even if it was one of those who began
/// it: a voter that lost its disk must not begin again as one.
fn joining(of: &Of<'_>, node: &Node, nodes: &[Node]) -> Option<String> {
    let decided = node.joining.clone()?;
    if of.cluster.status.observed_generation == 0 || nodes.len() == 1 {
        return Some(decided);
    }
    let others = nodes.iter().filter(|other| other.node_id != node.node_id);
    let others: Vec<String> = others.filter_map(Node::internal).take(SERVERS_MAX).collect();
    Some(format!("controller.quorum.bootstrap.servers={}", others.join(",")))
}

fn agent(of: &Of<'_>, node: i32) -> String {
    let config = AgentConfig {
        cluster_id: of.cluster.id,
        node_id: node,
        // The agent shares the broker's network.
        broker_admin: format!("http://127.0.0.1:{ADMIN_PORT}"),
        bootstrap: format!("127.0.0.1:{INTERNAL_PORT}"),
        control_plane: vec![of.settings.url.clone()],
        api_key_file: "agent-key",
        state_dir: RUN_DIR,
        broker_pid_file: None,
        log_dirs: vec![VOLUME_DIR],
    };
    config.text()
}

/// The agents' keys, by pod, as the API server keeps them: in base64.
pub(super) fn keys(of: &Of<'_>, data: &BTreeMap<String, String>) -> Desired {
    let body = json!({"type": "Opaque", "data": data});
    Desired::new(of, Kind::Secret, names::keys(&of.cluster.name), body)
}

/// Who the pods are: nobody, who may do nothing.
pub(super) fn service_account(of: &Of<'_>) -> Desired {
    let body = json!({"automountServiceAccountToken": false});
    Desired::new(of, Kind::ServiceAccount, of.cluster.name.clone(), body)
}

/// Lets a node's drain take one broker at a time, and none while replicas are not in sync: a pod that is ready may have much to fetch.
pub(super) fn disruption_budget(of: &Of<'_>) -> Desired {
    let behind = of.cluster.status.partitions.is_some_and(|partitions| !partitions.are_well());
    let body = json!({"spec": {
        "maxUnavailable": if behind && of.cluster.spec.brokers > 1 { 0 } else { 1 },
        "selector": {"matchLabels": names::selector(of.cluster.id)},
    }});
    Desired::new(of, Kind::PodDisruptionBudget, of.cluster.name.clone(), body)
}

/// Has the Prometheus operator scrape the brokers, where it is installed.
pub(super) fn pod_monitor(of: &Of<'_>) -> Desired {
    let body = json!({"spec": {
        "selector": {"matchLabels": names::selector(of.cluster.id)},
        "podMetricsEndpoints": [{"port": "admin", "path": "/metrics"}],
    }});
    Desired::new(of, Kind::PodMonitor, of.cluster.name.clone(), body)
}
