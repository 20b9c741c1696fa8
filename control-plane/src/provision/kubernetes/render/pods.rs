//! The StatefulSet and its pods: a broker and its agent, of one image.

use serde_json::{Value, json};

use super::{CONFIG_DIR, Desired, NODE_IP, Of, RUN_DIR, VOLUME_DIR, ZONE};
use crate::domain::pods::Pods;
use crate::provision::config;
use crate::provision::kubernetes::kinds::Kind;
use crate::provision::kubernetes::names::{self, ADMIN_PORT, CLIENT_PORT, INTERNAL_PORT, REVISION};

/// Nobody in particular, as in the image.
const USER: u32 = 65_532;
/// Longer than a broker takes to hand over and to sync.
const GRACE_SECONDS: u32 = 90;
/// A broker that reads its whole log after a crash is not to be killed for that: hours.
const STARTUP_SECONDS_MAX: u32 = 4 * 60 * 60;

/// All pods. Their replacement is ours to time (`OnDelete`), and none waits for another to start.
pub(in crate::provision::kubernetes) fn stateful_set(of: &Of<'_>) -> Desired {
    let cluster = of.cluster;
    let pods = cluster.spec.kubernetes.clone().unwrap_or_default();
    let mut template = template(of, &pods);
    template["metadata"]["annotations"][REVISION] = revision_of(of, &template).into();
    let mut claim = json!({
        "metadata": {"name": "data", "labels": names::labels(cluster)},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": pods.storage.size}},
        },
    });
    if let Some(class) = &pods.storage.class {
        claim["spec"]["storageClassName"] = class.clone().into();
    }
    let body = json!({"spec": {
        "replicas": cluster.spec.brokers,
        "serviceName": names::headless(&cluster.name),
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        // Pods are numbered as brokers are.
        "ordinals": {"start": 1},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "selector": {"matchLabels": names::selector(cluster.id)},
        "template": template,
        "volumeClaimTemplates": [claim],
    }});
    Desired::new(of, Kind::StatefulSet, cluster.name.clone(), body)
}

/// What a pod is marked with that runs as asked for.
pub(in crate::provision::kubernetes) fn revision(of: &Of<'_>) -> String {
    revision_of(of, &template(of, &of.cluster.spec.kubernetes.clone().unwrap_or_default()))
}

fn revision_of(of: &Of<'_>, template: &Value) -> String {
    let spec = &of.cluster.spec;
    let properties = config::of_all_brokers(of.cluster);
    // What a broker is told of its listeners, and no more: who may connect is not its matter.
    let listeners: Vec<Value> = of
        .listeners()
        .map(|(port, listener)| json!([listener.name, port, listener.kind, listener.advertised_host]))
        .collect();
    config::hash(&json!([template, properties, spec.restarts, listeners]).to_string())
}

fn template(of: &Of<'_>, pods: &Pods) -> Value {
    let selector = names::selector(of.cluster.id);
    let spread = |key: &str| {
        json!({
            "topologyKey": key,
            "maxSkew": 1,
            // Where there are too few nodes, brokers stand close rather than nowhere.
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
        })
    };
    let mut spec = json!({
        "serviceAccountName": of.cluster.name,
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [spread("topology.kubernetes.io/zone"), spread("kubernetes.io/hostname")],
        "containers": [broker(of, pods), agent(of)],
        "volumes": [
            {"name": "config", "configMap": {"name": of.cluster.name}},
            {"name": "keys", "secret": {"secretName": names::keys(&of.cluster.name), "defaultMode": 0o440}},
            {"name": "run", "emptyDir": {"sizeLimit": "16Mi"}},
        ],
    });
    let set = |spec: &mut Value, key: &str, value: Value| spec[key] = value;
    if !pods.node_selector.is_empty() {
        set(&mut spec, "nodeSelector", json!(pods.node_selector));
    }
    if !pods.tolerations.is_empty() {
        set(&mut spec, "tolerations", json!(pods.tolerations));
    }
    if let Some(affinity) = &pods.affinity {
        set(&mut spec, "affinity", affinity.clone());
    }
    if let Some(class) = &pods.priority_class {
        set(&mut spec, "priorityClassName", class.clone().into());
    }
    if !of.settings.image_pull_secrets.is_empty() {
        let secrets: Vec<Value> =
            of.settings.image_pull_secrets.iter().map(|name| json!({"name": name})).collect();
        set(&mut spec, "imagePullSecrets", secrets.into());
    }
    let mut labels = json!(names::labels(of.cluster));
    labels["app.kubernetes.io/version"] = of.cluster.spec.engine.version.clone().into();
    json!({
        "metadata": {
            "labels": labels,
            "annotations": {"kubectl.kubernetes.io/default-container": "broker"},
        },
        "spec": spec,
    })
}

fn broker(of: &Of<'_>, pods: &Pods) -> Value {
    let mut ports = vec![
        json!({"name": "client", "containerPort": CLIENT_PORT, "protocol": "TCP"}),
        json!({"name": "internal", "containerPort": INTERNAL_PORT, "protocol": "TCP"}),
        json!({"name": "admin", "containerPort": ADMIN_PORT, "protocol": "TCP"}),
    ];
    for (number, listener) in of.listeners() {
        ports.push(json!({"name": listener.name, "containerPort": number, "protocol": "TCP"}));
    }
    let asks = |path: &str, every_seconds: u32, failures_max: u32| {
        json!({
            "httpGet": {"path": path, "port": "admin"},
            "periodSeconds": every_seconds,
            "timeoutSeconds": 5,
            "failureThreshold": failures_max,
        })
    };
    let field =
        |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let mut container = container(of, "broker", &["broker", "--config", "/etc/headrace/broker.properties"]);
    container["env"] = json!([
        field("POD_NAME", "metadata.name"),
        field(NODE_IP, "status.hostIP"),
        // Kubernetes writes the node's zone on its pods from version 1.35 on; elsewhere it is empty.
        field(ZONE, "metadata.labels['topology.kubernetes.io/zone']"),
    ]);
    container["ports"] = ports.into();
    container["startupProbe"] = asks("/healthz", 1, STARTUP_SECONDS_MAX);
    container["livenessProbe"] = asks("/healthz", 10, 6);
    container["readinessProbe"] = asks("/readyz", 1, 2);
    container["resources"] = json!({"requests": pods.resources.requests, "limits": pods.resources.limits});
    container["volumeMounts"] = json!([
        {"name": "data", "mountPath": VOLUME_DIR},
        own_file("config", "broker.properties", "$(POD_NAME).properties"),
    ]);
    container
}

fn agent(of: &Of<'_>) -> Value {
    let mut container = container(of, "agent", &["agent", "--config", "/etc/headrace/agent.json"]);
    container["env"] =
        json!([{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
    container["resources"] =
        json!({"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}});
    container["volumeMounts"] = json!([
        {"name": "data", "mountPath": VOLUME_DIR, "readOnly": true},
        {"name": "run", "mountPath": RUN_DIR},
        own_file("config", "agent.json", "$(POD_NAME).json"),
        own_file("keys", "agent-key", "$(POD_NAME)"),
    ]);
    container
}

/// One file of a volume that has a file for each pod.
fn own_file(volume: &str, file: &str, path: &str) -> Value {
    json!({"name": volume, "mountPath": format!("{CONFIG_DIR}/{file}"), "subPathExpr": path, "readOnly": true})
}

fn container(of: &Of<'_>, name: &str, args: &[&str]) -> Value {
    json!({
        "name": name,
        "image": of.image,
        "imagePullPolicy": of.settings.image_pull_policy,
        "args": args,
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    })
}
