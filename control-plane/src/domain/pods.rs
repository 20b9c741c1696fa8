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

/// A way by which clients outside Kubernetes reach the brokers. The one inside is always there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    /// Lower-case letters and digits, at most 15; `internal` and `plaintext` are taken.
    #[schema(example = "external")]
    pub name: String,
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
