//! How a cluster's nodes are, by its objects.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::api::is_as;
use super::cache::{Objects, Seen};
use super::kinds::Kind;
use super::names::{self, REVISION};
use super::prepare::shared;
use super::render::{self, Desired, Of};
use super::reserve::external;
use super::trouble;
use crate::domain::quantity;
use crate::reconcile::plan::{Node, Nodes, Process};
use crate::store;
use crate::store::clusters::Stored;

/// Each node that anything is known of.
pub(super) fn nodes(of: &Of<'_>, known: &[store::nodes::Node], objects: &Objects) -> Nodes {
    let cluster = of.cluster;
    let of_objects = objects.keys().filter_map(|(kind, name)| match kind {
        Kind::Pod | Kind::PersistentVolumeClaim => names::node_of(&cluster.name, name),
        _ => None,
    });
    let ids: BTreeSet<i32> = known.iter().map(|node| node.node_id).chain(of_objects).collect();
    let goes = cluster.deletion_requested_at.is_some();
    let prepared = !goes && are_prepared(of, known, objects);
    let revision = render::revision(of);
    let retain = cluster.spec.kubernetes.as_ref().is_some_and(|pods| pods.storage.retain);
    let node = |id: i32| {
        let row = known.iter().find(|node| node.node_id == id);
        let pod = pod(of, objects, id);
        let broker = match &pod {
            Some(pod) if pod.metadata.deletion_timestamp.is_none() || goes => {
                let annotations = pod.metadata.annotations.as_ref();
                let made_by = annotations.and_then(|annotations| annotations.get(REVISION));
                if made_by == Some(&revision) { Process::Current } else { Process::Outdated }
            }
            _ => Process::Stopped,
        };
        let claim = (Kind::PersistentVolumeClaim, names::claim(&cluster.name, id));
        Node {
            reserved: if goes { row.is_some() } else { row.is_some_and(|row| is_reserved(of, row, objects)) },
            prepared: prepared && row.is_some_and(|row| row.joining.is_some()),
            broker,
            ready: pod.as_ref().is_some_and(trouble::is_ready),
            idle: pod.as_ref().is_some_and(trouble::is_idle),
            // It comes and goes with its broker, in one pod.
            agent: if goes { Process::Stopped } else { Process::Current },
            data: !retain && objects.contains_key(&claim),
            condemned: false,
            refills: false,
        }
    };
    ids.into_iter().map(|id| (id, node(id))).collect()
}

fn pod(of: &Of<'_>, objects: &Objects, node: i32) -> Option<Pod> {
    let seen = objects.get(&(Kind::Pod, names::pod(&of.cluster.name, node)))?;
    serde_json::from_value(seen.body()).ok()
}

/// Whether a broker's own Services are as they should be, and it is known where clients outside reach it.
fn is_reserved(of: &Of<'_>, node: &store::nodes::Node, objects: &Objects) -> bool {
    let listeners = &of.cluster.spec.listeners;
    node.internal_port.is_some()
        && node.host == of.host(node.node_id)
        && node.external.len() == listeners.len()
        && listeners.iter().all(|listener| {
            let now = external(of.cluster, node.node_id, listener, objects).ok();
            now.is_some() && node.external.get(&listener.name) == now.as_ref()
        })
        && closed_listeners(of.cluster, node.node_id, objects).next().is_none()
        && render::broker_services(of, node.node_id, Some(node))
            .iter()
            .all(|service| is_there(objects, service))
}

fn is_there(objects: &Objects, desired: &Desired) -> bool {
    let seen = objects.get(&(desired.kind, desired.name.clone()));
    let right = seen.is_some_and(|seen| is_as(seen, desired));
    if !right {
        let (kind, name) = (desired.kind, desired.name.as_str());
        let written = seen.map(|seen| seen.written.as_ref() == Some(&desired.written));
        tracing::debug!(?kind, name, there = seen.is_some(), written, "not as it should be");
    }
    right
}

/// Whether all that pods need is as it should be, and how they should be is written where they are there.
fn are_prepared(of: &Of<'_>, known: &[store::nodes::Node], objects: &Objects) -> bool {
    let last = i32::try_from(of.cluster.spec.brokers).unwrap_or(i32::MAX);
    let wanted: Vec<store::nodes::Node> =
        known.iter().filter(|node| (1..=last).contains(&node.node_id)).cloned().collect();
    if of.owner.is_none() || wanted.len() != usize::try_from(last).unwrap_or(usize::MAX) {
        return false;
    }
    let unowned = Of { owner: None, ..*of };
    let Some(config) = render::config_map(&unowned, &wanted) else { return false };
    let Some(secret) = objects.get(&(Kind::Secret, names::keys(&of.cluster.name))) else { return false };
    let secret = secret.body();
    let key = |node: &store::nodes::Node| {
        let pod = names::pod(&of.cluster.name, node.node_id);
        let key = secret["data"][&pod].as_str()?.to_owned();
        Some((pod, key))
    };
    let Some(keys) = wanted.iter().map(key).collect::<Option<_>>() else { return false };
    let set = render::stateful_set(of);
    let pods_are_right = match objects.get(&(Kind::StatefulSet, of.cluster.name.clone())) {
        Some(_) => is_there(objects, &set),
        // Pods without it: it was removed, or is being made anew around them.
        None => !objects.keys().any(|(kind, _)| *kind == Kind::Pod),
    };
    pods_are_right
        && is_there(objects, &config)
        && shared(of, &keys).iter().all(|object| is_there(objects, object))
        && small_claims(of, objects).is_empty()
}

/// The volume claims that ask for less than the spec, as they should be.
pub(super) fn small_claims(of: &Of<'_>, objects: &Objects) -> Vec<Desired> {
    let wanted = of.cluster.spec.kubernetes.clone().unwrap_or_default().storage.size;
    let claims = objects.iter().filter(|((kind, _), seen)| {
        *kind == Kind::PersistentVolumeClaim && !seen.deleting && {
            let body = seen.body();
            let now = body["spec"]["resources"]["requests"]["storage"].as_str().and_then(quantity::parse);
            now < quantity::parse(&wanted)
        }
    });
    let grown = |name: &str| {
        let body = json!({"spec": {"resources": {"requests": {"storage": wanted}}}});
        Desired::unowned(of, Kind::PersistentVolumeClaim, name.to_owned(), body)
    };
    claims.map(|((_, name), _)| grown(name)).collect()
}

/// A pod for which there is no room is waited for so many times longer than one that cannot start as it is made: nodes and volumes may
/// be on their way.
const ROOM_FACTOR: u32 = 3;

/// One that runs, and only reads its log, so many times longer.
const RECOVERY_FACTOR: u32 = 20;

/// Why a pod is not ready, if that is more than how every pod begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuck {
    /// It cannot start as it is made.
    Broken,
    /// There is no room for it.
    NoRoom,
    /// It runs.
    Recovers,
}

impl Stuck {
    /// How long it is worth waiting for, where `patience` is for one that cannot start.
    pub(super) fn patience(self, patience: Duration) -> Duration {
        match self {
            Self::Broken => patience,
            Self::NoRoom => patience * ROOM_FACTOR,
            Self::Recovers => patience * RECOVERY_FACTOR,
        }
    }
}

/// Whether a pod waits for something that does not come by itself soon.
pub(super) fn stuck(pod: &Pod) -> Option<Stuck> {
    match trouble::cause(pod)? {
        trouble::Cause::Told(trouble) => match trouble.reason.as_str() {
            "Starting" | "Stopping" => None,
            "NotReady" => Some(Stuck::Recovers),
            "Unschedulable" | "VolumePending" | "NodeLost" => Some(Stuck::NoRoom),
            _ => Some(Stuck::Broken),
        },
        trouble::Cause::Crashes { .. } => Some(Stuck::Broken),
    }
}

/// For how long a pod has been as it is: since it was made, found a place, or served last.
pub(super) fn stuck_for(pod: &Pod) -> Option<Duration> {
    let made = pod.metadata.creation_timestamp.as_ref()?.0.as_millisecond();
    let conditions = trouble::conditions(pod).iter();
    let turned = conditions
        .filter(|condition| matches!(condition.type_.as_str(), "PodScheduled" | "Ready"))
        .filter_map(|condition| Some(condition.last_transition_time.as_ref()?.0.as_millisecond()));
    let since = turned.chain([made]).max()?;
    u64::try_from(crate::clock::now().timestamp_millis() - since).ok().map(Duration::from_millis)
}

/// A broker's Services of listeners that the cluster no longer has.
pub(super) fn closed_listeners<'a>(
    cluster: &'a Stored,
    node: i32,
    objects: &'a Objects,
) -> impl Iterator<Item = (String, Arc<Seen>)> + 'a {
    let open = move |service: &str| {
        service == names::broker_service(&cluster.name, node)
            || cluster
                .spec
                .listeners
                .iter()
                .any(|listener| names::listener_service(&cluster.name, node, &listener.name) == service)
    };
    let closed = objects.iter().filter(move |((kind, name), seen)| {
        *kind == Kind::Service && !seen.deleting && is_of_broker(&cluster.name, name, node) && !open(name)
    });
    closed.map(|((_, name), seen)| (name.clone(), Arc::clone(seen)))
}

/// What a cluster's volume claims ask for.
pub(super) fn claim_sizes(objects: &Objects) -> impl Iterator<Item = String> + '_ {
    let claims = objects.iter().filter(|((kind, _), _)| *kind == Kind::PersistentVolumeClaim);
    claims.filter_map(|(_, seen)| {
        seen.body()["spec"]["resources"]["requests"]["storage"].as_str().map(ToOwned::to_owned)
    })
}

/// Whether a Service is one broker's own.
pub(super) fn is_of_broker(cluster: &str, service: &str, node: i32) -> bool {
    let own = names::broker_service(cluster, node);
    service == own || service.strip_prefix(&own).is_some_and(|rest| rest.starts_with('-'))
}
