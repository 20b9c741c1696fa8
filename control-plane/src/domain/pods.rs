//! How a cluster's brokers run on Kubernetes, and by which ways clients reach them. Only the `kubernetes` provider takes
//! these.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Where and how brokers' pods run. What is absent has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = KubernetesSpec)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pods {
    /// The namespace of all its objects, where the service may use others than its own. It cannot be changed later.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Each broker's volume.
    #[serde(default)]
    pub storage: Storage,
    /// What each broker's container asks for and is held to.
    #[serde(default)]
    pub resources: Resources,
    /// Labels that a node must have.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that brokers bear, as in a pod's `tolerations`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub tolerations: Vec<Value>,
    /// As a pod's `affinity`. Brokers are spread over zones and nodes anyway, where there are several.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub affinity: Option<Value>,
    /// The pods' priority class.
    #[serde(default)]
    pub priority_class: Option<String>,
}

/// A broker's volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = KubernetesStorage)]
#[serde(deny_unknown_fields)]
pub(crate) struct Storage {
    /// Its size, such as `100Gi`. It can grow where the storage class allows it, and never shrinks.
    #[serde(default = "Storage::default_size")]
    #[schema(example = "100Gi", default = "10Gi")]
    pub size: String,
    /// Its storage class; the Kubernetes cluster's default when absent. It cannot be changed later.
    #[serde(default)]
    pub class: Option<String>,
    /// Whether the volumes stay when the cluster is deleted.
    #[serde(default)]
    pub retain: bool,
}

impl Storage {
    fn default_size() -> String {
        "10Gi".to_owned()
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self { size: Self::default_size(), class: None, retain: false }
    }
}

/// Amounts of `cpu`, `memory` and so on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = KubernetesResources)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resources {
    /// What a node must have free. Default: `cpu` 100m, `memory` 128Mi.
    #[serde(default = "Resources::default_requests")]
    pub requests: BTreeMap<String, String>,
    /// What a broker may use at most. Default: as much as its node has.
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
}

impl Resources {
    fn default_requests() -> BTreeMap<String, String> {
        [("cpu", "100m"), ("memory", "128Mi")]
            .map(|(name, amount)| (name.to_owned(), amount.to_owned()))
            .into()
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self { requests: Self::default_requests(), limits: BTreeMap::new() }
    }
}

/// The lowest port of a listener from outside.
pub(crate) const PORT_FIRST: u16 = 9094;
/// The highest.
pub(crate) const PORT_LAST: u16 = 9599;

/// Gives each listener that names no port the one that it had, or the lowest that is free.
pub(crate) fn choose_ports(listeners: &mut [Listener], before: &[Listener]) {
    for listener in listeners.iter_mut().filter(|listener| listener.port.is_none()) {
        listener.port = before.iter().find(|old| old.name == listener.name).and_then(|old| old.port);
    }
    for place in 0..listeners.len() {
        let taken = |port: &u16| {
            let used = listeners.iter().map(|listener| listener.port).enumerate();
            used.filter(|(other, _)| *other != place).any(|(_, used)| used == Some(*port))
        };
        let is_right = listeners[place].port.is_some_and(|port| !taken(&port));
        if !is_right {
            listeners[place].port = (PORT_FIRST..=PORT_LAST).find(|port| !taken(port));
        }
    }
}

/// A way by which clients outside Kubernetes reach the brokers. The one inside is always there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    /// Lower-case letters and digits, at most 15; `internal` and `plaintext` are taken.
    #[schema(example = "external")]
    pub name: String,
    /// The port on which brokers listen, which is also a load balancer's; 9094 to 9599. Chosen when absent.
    #[serde(default)]
    #[schema(minimum = 9094, maximum = 9599)]
    pub port: Option<u16>,
    /// How the brokers are reached.
    #[serde(rename = "type")]
    pub kind: ListenerKind,
    /// What clients are told instead of the node's or the load balancer's address; `{broker}` stands for the broker's
    /// id. For private networks and VPNs.
    #[serde(default)]
    #[schema(example = "kafka-{broker}.example.net")]
    pub advertised_host: Option<String>,
    /// Networks that may connect; everybody when empty.
    #[serde(default)]
    #[schema(example = json!(["10.0.0.0/8"]))]
    pub allowed_cidrs: Vec<String>,
    /// Annotations of the Services, by which clouds take their settings.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// How the brokers are reached from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListenerKind {
    /// A port of every node for each broker.
    NodePort,
    /// A load balancer for each broker.
    LoadBalancer,
}

/// Why a broker does not serve, as far as it can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BrokerTrouble)]
pub(crate) struct Trouble {
    /// One word for programs, such as `Unschedulable`.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Trouble {
    /// Whether this is how every pod begins and ends.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.reason.as_str(), "Starting" | "NotReady" | "Stopping")
    }
}

#[cfg(test)]
mod tests {
    use super::{Listener, ListenerKind, choose_ports};

    fn listener(name: &str, port: Option<u16>) -> Listener {
        Listener {
            name: name.to_owned(),
            port,
            kind: ListenerKind::NodePort,
            advertised_host: None,
            allowed_cidrs: Vec::new(),
            annotations: [].into(),
        }
    }

    #[test]
    fn a_listener_keeps_its_port_whatever_becomes_of_the_others() {
        let mut first = [listener("a", None), listener("b", None), listener("c", Some(9094))];
        choose_ports(&mut first, &[]);
        assert_eq!(first.clone().map(|listener| listener.port), [Some(9095), Some(9096), Some(9094)]);
        let mut second = [listener("b", None), listener("d", None)];
        choose_ports(&mut second, &first);
        assert_eq!(second.map(|listener| listener.port), [Some(9096), Some(9094)]);
    }
}
