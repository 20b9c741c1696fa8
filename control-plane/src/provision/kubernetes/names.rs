//! What a cluster's objects are called, and the marks that they carry. Pure.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::store::clusters::Stored;

/// Who writes the objects: the field manager, and the value of the label by which they are watched.
pub(super) const MANAGER: &str = "headrace";
/// The label by which they are watched.
pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label that names the cluster.
pub(super) const CLUSTER_ID: &str = "headrace.dev/cluster-id";
/// The label of a broker's Service that names the broker.
pub(super) const BROKER_ID: &str = "headrace.dev/broker-id";
/// The annotation that says as what an object was written.
pub(super) const WRITTEN: &str = "headrace.dev/written";
/// The annotation of a pod that says which revision of its cluster it was made by.
pub(super) const REVISION: &str = "headrace.dev/revision";
/// Keeps the object that owns all others until the service has let go of it.
pub(super) const FINALIZER: &str = "headrace.dev/cluster";
/// The label that the StatefulSet controller gives each pod.
pub(super) const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

/// For clients inside Kubernetes.
pub(super) const CLIENT_PORT: u16 = 9092;
/// For other brokers, the agent and the control plane.
pub(super) const INTERNAL_PORT: u16 = 9091;
/// For health and metrics.
pub(super) const ADMIN_PORT: u16 = 9644;

/// A broker's pod.
pub(super) fn pod(cluster: &str, node: i32) -> String {
    format!("{cluster}-{node}")
}

/// The volume claim of a broker's pod.
pub(super) fn claim(cluster: &str, node: i32) -> String {
    format!("data-{}", pod(cluster, node))
}

/// The broker of a pod or a volume claim.
pub(super) fn node_of(cluster: &str, name: &str) -> Option<i32> {
    let pod = name.strip_prefix("data-").unwrap_or(name);
    pod.strip_prefix(cluster)?.strip_prefix('-')?.parse().ok()
}

/// The Service that gives every pod its name.
pub(super) fn headless(cluster: &str) -> String {
    format!("{cluster}-brokers")
}

/// The Service that clients begin with.
pub(super) fn bootstrap(cluster: &str) -> String {
    format!("{cluster}-bootstrap")
}

/// A broker's own Service.
pub(super) fn broker_service(cluster: &str, node: i32) -> String {
    format!("{cluster}-broker-{node}")
}

/// The Service of a broker for one listener.
pub(super) fn listener_service(cluster: &str, node: i32, listener: &str) -> String {
    format!("{}-{listener}", broker_service(cluster, node))
}

/// The Secret with the agents' keys.
pub(super) fn keys(cluster: &str) -> String {
    format!("{cluster}-agents")
}

/// What tells a cluster's pods from all others.
pub(super) fn selector(id: Uuid) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("app.kubernetes.io/name", "headrace-broker".to_owned()), (CLUSTER_ID, id.to_string())])
}

/// What every object of a cluster carries.
pub(super) fn labels(cluster: &Stored) -> BTreeMap<&'static str, String> {
    let mut labels = selector(cluster.id);
    labels.insert("app.kubernetes.io/instance", cluster.name.clone());
    labels.insert("app.kubernetes.io/component", "broker".to_owned());
    labels.insert("app.kubernetes.io/part-of", "headrace".to_owned());
    labels.insert(MANAGED_BY, MANAGER.to_owned());
    labels
}

/// The namespace in a broker's full name, as [`super::render::Of::host`] makes it.
pub(super) fn namespace_of<'h>(cluster: &str, node: i32, host: &'h str) -> Option<&'h str> {
    let rest = host.strip_prefix(&format!("{}.{}.", pod(cluster, node), headless(cluster)))?;
    rest.split_once(".svc.").map(|(namespace, _)| namespace)
}

#[cfg(test)]
mod tests {
    use super::{claim, namespace_of, node_of, pod};

    #[test]
    fn a_name_gives_its_broker_back() {
        assert_eq!(node_of("orders", &pod("orders", 12)), Some(12));
        assert_eq!(node_of("orders", &claim("orders", 3)), Some(3));
        assert_eq!(node_of("orders", "orders-new-1"), None);
        assert_eq!(node_of("orders", "other-1"), None);
        let host = "orders-2.orders-brokers.kafka.svc.cluster.local";
        assert_eq!(namespace_of("orders", 2, host), Some("kafka"));
        assert_eq!(namespace_of("orders", 1, host), None);
    }
}
