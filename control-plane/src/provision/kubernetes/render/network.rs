//! Services and who may connect.

use serde_json::{Value, json};

use super::{Desired, Of};
use crate::domain::pods::ListenerKind;
use crate::provision::kubernetes::kinds::Kind;
use crate::provision::kubernetes::names::{
    self, ADMIN_PORT, BROKER_ID, CLIENT_PORT, INTERNAL_PORT, POD_NAME,
};
use crate::store::nodes::Node;

/// The Service that gives pods their names, and the one that clients begin with.
pub(in crate::provision::kubernetes) fn cluster_services(of: &Of<'_>) -> [Desired; 2] {
    let (cluster, selector) = (&of.cluster.name, names::selector(of.cluster.id));
    let headless = json!({"spec": {
        "clusterIP": "None",
        // Brokers have to find one another before any of them is ready.
        "publishNotReadyAddresses": true,
        "selector": selector,
        "ports": [port("client", CLIENT_PORT), port("internal", INTERNAL_PORT), port("admin", ADMIN_PORT)],
    }});
    let bootstrap = json!({"spec": {
        "type": "ClusterIP",
        "selector": selector,
        "ports": [port("client", CLIENT_PORT)],
    }});
    [
        Desired::new(of, Kind::Service, names::headless(cluster), headless),
        Desired::new(of, Kind::Service, names::bootstrap(cluster), bootstrap),
    ]
}

/// A broker's own Services: the one inside, and one for each listener.
pub(in crate::provision::kubernetes) fn broker_services(
    of: &Of<'_>,
    id: i32,
    node: Option<&Node>,
) -> Vec<Desired> {
    let cluster = &of.cluster.name;
    let service = |name: String, annotations: Value, mut spec: Value| {
        spec["selector"] = json!({POD_NAME: names::pod(cluster, id)});
        let metadata = json!({"annotations": annotations, "labels": {BROKER_ID: id.to_string()}});
        Desired::new(of, Kind::Service, name, json!({"metadata": metadata, "spec": spec}))
    };
    // A client that was told this broker must reach it as soon as it listens.
    let inside = json!({"type": "ClusterIP", "ports": [port("client", CLIENT_PORT)], "publishNotReadyAddresses": true});
    let mut services = vec![service(names::broker_service(cluster, id), json!({}), inside)];
    for (number, listener) in of.listeners() {
        let mut opened = port(&listener.name, number);
        let mut spec = json!({"publishNotReadyAddresses": true});
        match listener.kind {
            ListenerKind::NodePort => {
                // The one that it had, so that clients find it again when the Service was lost.
                let known = node.and_then(|node| node.external.get(&listener.name));
                if let Some(known) = known.filter(|known| known.kind == ListenerKind::NodePort) {
                    opened["nodePort"] = known.port.into();
                }
                spec["type"] = "NodePort".into();
                if !listener.allowed_cidrs.is_empty() && listener.advertised_host.is_none() {
                    // Each client is told the node of its broker: nobody has to be passed on, which would hide where it comes from.
                    spec["externalTrafficPolicy"] = "Local".into();
                }
            }
            ListenerKind::LoadBalancer => {
                spec["type"] = "LoadBalancer".into();
                // It balances nothing: the way to the one pod can be the direct one, and keeps the client's address.
                spec["externalTrafficPolicy"] = "Local".into();
                if !listener.allowed_cidrs.is_empty() {
                    spec["loadBalancerSourceRanges"] = json!(listener.allowed_cidrs);
                }
            }
        }
        spec["ports"] = json!([opened]);
        let name = names::listener_service(cluster, id, &listener.name);
        services.push(service(name, json!(listener.annotations), spec));
    }
    services
}

fn port(name: &str, number: u16) -> Value {
    json!({"name": name, "port": number, "targetPort": name, "protocol": "TCP"})
}

/// Clients come from anywhere inside, or from where their listener allows it; between brokers only these and the control plane.
pub(in crate::provision::kubernetes) fn network_policy(of: &Of<'_>) -> Desired {
    let open = |port: &str| json!({"port": port, "protocol": "TCP"});
    let inside = json!([{"namespaceSelector": {}}]);
    let selector = names::selector(of.cluster.id);
    let mut ingress = vec![
        json!({"ports": [open("client"), open("admin")], "from": inside}),
        json!({"ports": [open("internal")], "from": [
            {"podSelector": {"matchLabels": selector}},
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "headrace"}}},
        ]}),
    ];
    for (_, listener) in of.listeners() {
        let mut rule = json!({"ports": [open(&listener.name)]});
        if !listener.allowed_cidrs.is_empty() {
            let blocks: Vec<Value> =
                listener.allowed_cidrs.iter().map(|cidr| json!({"ipBlock": {"cidr": cidr}})).collect();
            rule["from"] = blocks.into();
        }
        ingress.push(rule);
    }
    let body = json!({"spec": {
        "podSelector": {"matchLabels": selector},
        "policyTypes": ["Ingress"],
        "ingress": ingress,
    }});
    Desired::new(of, Kind::NetworkPolicy, of.cluster.name.clone(), body)
}
