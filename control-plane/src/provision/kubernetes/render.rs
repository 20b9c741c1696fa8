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
use crate::provision::config::{self, AgentConfig, Listener, Place};
use crate::provision::{INTERNAL_LISTENER, joining};
use crate::store::clusters::Stored;
use crate::store::nodes::Node;

pub(super) use network::{broker_services, cluster_services, network_policy};
pub(super) use pods::{revision, stateful_set};

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
        let joining = joining::now(of.cluster, node, nodes)?;
        let broker = config::broker(of.cluster, node.node_id, &joining, &of.place(node)?);
        data.insert(format!("{pod}.properties"), broker);
        data.insert(format!("{pod}.json"), agent(of, node.node_id));
    }
    let body = json!({"metadata": {"finalizers": [FINALIZER]}, "data": data});
    Some(Desired::new(of, Kind::ConfigMap, of.cluster.name.clone(), body))
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
    let (brokers, status) = (of.cluster.spec.brokers, &of.cluster.status);
    let behind = status.partitions.is_some_and(|partitions| !partitions.are_well());
    let body = json!({"spec": {
        "maxUnavailable": if behind && brokers > 1 { 0 } else { 1 },
        // A broker that does not serve is no loss, and must not hold up the drain of its node. Where all serve, a pod that is not ready
        // lacks its agent only.
        "unhealthyPodEvictionPolicy": if status.brokers_ready < brokers { "AlwaysAllow" } else { "IfHealthyBudget" },
        "selector": {"matchLabels": names::selector(of.cluster.id)},
    }});
    Desired::new(of, Kind::PodDisruptionBudget, of.cluster.name.clone(), body)
}

/// Has the Prometheus operator scrape the brokers, where it is installed.
pub(super) fn pod_monitor(of: &Of<'_>) -> Desired {
    let body = json!({"metadata": {"labels": of.settings.pod_monitor_labels}, "spec": {
        "selector": {"matchLabels": names::selector(of.cluster.id)},
        "podMetricsEndpoints": [{"port": "admin", "path": "/metrics"}],
    }});
    Desired::new(of, Kind::PodMonitor, of.cluster.name.clone(), body)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::cluster::{Spec, Status};
    use crate::domain::pods::{ListenerKind, Pods};
    use crate::store::nodes::External;

    fn cluster() -> Stored {
        let listener = |name: &str, kind, port| Outside {
            name: name.to_owned(),
            port: Some(port),
            kind,
            advertised_host: None,
            allowed_cidrs: vec!["10.0.0.0/8".to_owned()],
            annotations: [("example.net/scheme".to_owned(), "internal".to_owned())].into(),
        };
        let now = crate::clock::now();
        Stored {
            id: uuid::Uuid::nil(),
            name: "orders".to_owned(),
            project_id: uuid::Uuid::nil(),
            project: "default".to_owned(),
            spec: Spec {
                kubernetes: Some(Pods::default()),
                listeners: vec![
                    listener("near", ListenerKind::NodePort, 9094),
                    listener("far", ListenerKind::LoadBalancer, 9095),
                ],
                ..Spec::of(3)
            },
            status: Status::pending(),
            generation: 1,
            deletion_requested_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn settings() -> Settings {
        Settings {
            namespace: "kafka".to_owned(),
            all_namespaces: false,
            images: [].into(),
            image_pull_policy: "IfNotPresent".to_owned(),
            image_pull_secrets: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            url: "http://headrace:8080".to_owned(),
            start_timeout: Duration::from_secs(180),
            pod_monitors: false,
            pod_monitor_labels: BTreeMap::new(),
        }
    }

    fn node(node_id: i32) -> Node {
        let external =
            |kind, port, host: Option<&str>| External { host: host.map(ToOwned::to_owned), port, kind };
        Node {
            node_id,
            host: format!("orders-{node_id}.orders-brokers.kafka.svc.cluster.local"),
            joining: Some("controller.quorum.voters=1@h:9091".to_owned()),
            sighting: None,
            client_port: Some(9092),
            internal_port: Some(9091),
            admin_port: Some(9644),
            external: [
                ("near".to_owned(), external(ListenerKind::NodePort, 31_000, None)),
                ("far".to_owned(), external(ListenerKind::LoadBalancer, 9095, Some("lb.example.net"))),
            ]
            .into(),
        }
    }

    #[test]
    fn networks_reach_their_listener_and_nobody_else_the_internal_one() {
        let (cluster, settings) = (cluster(), settings());
        let of = Of { cluster: &cluster, settings: &settings, image: "headrace:0", owner: None };
        let ingress = network_policy(&of).body["spec"]["ingress"].clone();
        let from = |port: &str| {
            let rules = ingress.as_array().into_iter().flatten();
            let rule = rules.into_iter().find(|rule| {
                rule["ports"].as_array().into_iter().flatten().any(|opened| opened["port"] == port)
            });
            rule.map(|rule| rule["from"].clone()).unwrap_or_default()
        };
        for listener in ["near", "far"] {
            assert_eq!(from(listener), json!([{"ipBlock": {"cidr": "10.0.0.0/8"}}]), "{listener}");
        }
        let inner = from("internal");
        assert_eq!(inner[0], json!({"podSelector": {"matchLabels": names::selector(cluster.id)}}));
        assert_eq!(inner[1]["podSelector"]["matchLabels"]["app.kubernetes.io/name"], "headrace");
        assert_eq!(from("client"), json!([{"namespaceSelector": {}}]));
    }

    #[test]
    fn each_listener_has_a_service_of_its_own_for_each_broker() {
        let (cluster, settings) = (cluster(), settings());
        let of = Of { cluster: &cluster, settings: &settings, image: "headrace:0", owner: Some("uid") };
        let services = broker_services(&of, 2, Some(&node(2)));
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["orders-broker-2", "orders-broker-2-near", "orders-broker-2-far"]);
        let [inside, near, far] = services.as_slice() else { panic!("{names:?}") };
        assert_eq!(inside.body["spec"]["type"], "ClusterIP");
        assert_eq!(near.body["spec"]["ports"][0]["nodePort"], 31_000, "the one that it had");
        assert_eq!(near.body["spec"]["externalTrafficPolicy"], "Local", "or nobody's address is seen");
        assert_eq!(far.body["spec"]["loadBalancerSourceRanges"], json!(["10.0.0.0/8"]));
        assert_eq!(far.body["spec"]["ports"][0].get("nodePort"), None);
        assert_eq!(far.body["metadata"]["annotations"]["example.net/scheme"], "internal");
        assert_eq!(far.body["metadata"]["ownerReferences"][0]["uid"], "uid");
    }

    #[test]
    fn a_broker_tells_each_client_the_listener_by_which_it_came_and_joins_what_has_begun() {
        let (mut cluster, settings) = (cluster(), settings());
        let nodes = [node(1), node(2), node(3)];
        let written = |cluster: &Stored| {
            let of = Of { cluster, settings: &settings, image: "headrace:0", owner: None };
            let map = config_map(&of, &nodes).expect("all is decided");
            map.body["data"]["orders-2.properties"].as_str().expect("a text").to_owned()
        };
        let first = written(&cluster);
        for expected in [
            "PLAINTEXT://orders-2.orders-brokers.kafka.svc.cluster.local:9092",
            "NEAR://${env:HEADRACE_NODE_IP}:31000",
            "FAR://lb.example.net:9095",
            "controller.quorum.voters=1@h:9091",
            "broker.rack=${env:HEADRACE_ZONE}",
        ] {
            assert!(first.contains(expected), "{expected} in {first}");
        }
        cluster.status.observed_generation = 1;
        let later = written(&cluster);
        assert!(!later.contains("quorum.voters"), "with an empty disk it must not begin again: {later}");
        assert!(later.contains("controller.quorum.bootstrap.servers=orders-1.orders-brokers"), "{later}");
    }

    #[test]
    fn pods_are_spread_and_only_what_they_are_made_of_replaces_them() {
        let (mut cluster, settings) = (cluster(), settings());
        let set = |cluster: &Stored| {
            stateful_set(&Of { cluster, settings: &settings, image: "headrace:0", owner: None }).body
        };
        let template = |set: &Value| set["spec"]["template"].clone();
        let before = set(&cluster);
        let spread = template(&before)["spec"]["topologySpreadConstraints"].clone();
        assert_eq!(spread[0]["topologyKey"], "topology.kubernetes.io/zone");
        assert_eq!(spread[1]["topologyKey"], "kubernetes.io/hostname");
        for container in template(&before)["spec"]["containers"].as_array().expect("containers") {
            let security = &container["securityContext"];
            assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
            assert_eq!(security["readOnlyRootFilesystem"], true);
        }
        cluster.spec.brokers = 5;
        cluster.spec.listeners[0].allowed_cidrs.clear();
        cluster.spec.listeners[1].annotations.clear();
        assert_eq!(template(&set(&cluster)), template(&before), "nobody is restarted for these");
        cluster.spec.listeners[0].advertised_host = Some("kafka.example.net".to_owned());
        assert_ne!(template(&set(&cluster)), template(&before));
    }

    fn budget(cluster: &Stored) -> Value {
        let of = Of { cluster, settings: &settings(), image: "headrace:0", owner: None };
        disruption_budget(&of).body["spec"].clone()
    }

    #[test]
    fn a_drain_takes_nobody_while_replicas_are_behind() {
        let mut cluster = cluster();
        let away = |cluster: &Stored| budget(cluster)["maxUnavailable"].clone();
        assert_eq!(away(&cluster), 1);
        cluster.status.partitions =
            Some(crate::domain::health::Partitions { total: 9, under_replicated: 1, ..Default::default() });
        assert_eq!(away(&cluster), 0);
        cluster.spec.brokers = 1;
        assert_eq!(away(&cluster), 1, "there is nobody to wait for");
    }

    #[test]
    fn a_broker_that_serves_is_protected_though_its_agent_does_not_run() {
        let mut cluster = cluster();
        let policy = |cluster: &Stored| budget(cluster)["unhealthyPodEvictionPolicy"].clone();
        cluster.status.brokers_ready = 2;
        assert_eq!(policy(&cluster), "AlwaysAllow");
        cluster.status.brokers_ready = 3;
        assert_eq!(policy(&cluster), "IfHealthyBudget");
    }
}
