//! Why a broker's pod does not serve, in words that say what to look at. Pure.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};

use crate::domain::pods::Trouble;

/// The container whose state is the broker's.
pub(super) const BROKER: &str = "broker";
/// Waiting reasons of a container that mean that its image cannot be had.
const IMAGE_REASONS: [&str; 5] =
    ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"];

/// What keeps a pod from serving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// It says enough by itself.
    Told(Trouble),
    /// Its container ends again and again: the last lines of its log say more.
    Crashes {
        /// Which one.
        container: String,
        /// How often it was started again.
        restarts: i32,
        /// How it ended, as far as it is known.
        ended: String,
    },
}

/// The state of one container.
pub(super) fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find(|status| status.name == container)
}

/// A pod that is to go and has had this long beyond its grace is on a node that nobody hears of.
const OVERDUE_MS: i64 = 30_000;

/// What Kubernetes says of a pod as a whole.
pub(super) fn conditions(pod: &Pod) -> &[PodCondition] {
    pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default()
}

/// Whether the broker's container runs and its readiness probe succeeds, as its node says.
pub(super) fn is_ready(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && !is_silent(pod)
        && status(pod, BROKER).is_some_and(|status| status.ready)
}

/// Whether the pod's node does not report any more. Its kubelet would say that a pod is ready when its containers are; without it, they
/// stay as they were told last, and somebody else says that the pod is not. (A readiness gate that is not met looks alike, but for its
/// reason.)
fn is_silent(pod: &Pod) -> bool {
    let of = |kind: &str| conditions(pod).iter().find(|condition| condition.type_ == kind);
    let is = |kind: &str, value: &str| of(kind).is_some_and(|condition| condition.status == value);
    let is_gated = of("Ready").is_some_and(|ready| ready.reason.as_deref() == Some("ReadinessGatesNotReady"));
    is("Ready", "Unknown") || is("Ready", "False") && is("ContainersReady", "True") && !is_gated
}

/// Whether a pod will neither serve nor be gone, for its node is lost.
pub(super) fn is_lost(pod: &Pod) -> bool {
    is_lost_at(pod, crate::clock::now().timestamp_millis())
}

fn is_lost_at(pod: &Pod, now_ms: i64) -> bool {
    is_silent(pod) || is_overdue(pod, now_ms)
}

/// Whether a pod should have been gone for a while: its grace is part of the time at which it is to be gone.
fn is_overdue(pod: &Pod, now_ms: i64) -> bool {
    let due = pod.metadata.deletion_timestamp.as_ref();
    due.is_some_and(|due| now_ms - due.0.as_millisecond() > OVERDUE_MS)
}

/// Whether the broker serves nobody, for its container does not even run.
pub(super) fn is_idle(pod: &Pod) -> bool {
    status(pod, BROKER).and_then(|status| status.state.as_ref()?.running.as_ref()).is_none()
}

/// Why a pod does not serve; `None` when it does.
pub(super) fn cause(pod: &Pod) -> Option<Cause> {
    cause_at(pod, crate::clock::now().timestamp_millis())
}

fn cause_at(pod: &Pod, now_ms: i64) -> Option<Cause> {
    let told =
        |reason: &str, message: String| Some(Cause::Told(Trouble { reason: reason.to_owned(), message }));
    if is_lost_at(pod, now_ms) {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
        return told("NodeLost", format!("its node {node:?} does not report."));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return told("Stopping", "its pod is being stopped.".to_owned());
    }
    if is_ready(pod) && status(pod, "agent").is_none_or(|agent| agent.ready) {
        return None;
    }
    let scheduled = conditions(pod).iter().find(|condition| condition.type_ == "PodScheduled");
    if let Some(not) = scheduled.filter(|condition| condition.status == "False") {
        let why = not.message.clone().unwrap_or_else(|| "the scheduler does not say why".to_owned());
        let volume = why.contains("PersistentVolumeClaim") || why.contains("storageclass");
        let reason = if volume { "VolumePending" } else { "Unschedulable" };
        return told(reason, format!("no node takes its pod: {why}"));
    }
    for name in [BROKER, "agent"] {
        if let Some(cause) = status(pod, name).and_then(container_cause) {
            return Some(cause);
        }
    }
    match status(pod, BROKER).and_then(|status| status.state.as_ref()?.running.as_ref()) {
        Some(_) => told("NotReady", "its pod runs, but /readyz does not say ready yet.".to_owned()),
        None => told("Starting", "its pod is being started.".to_owned()),
    }
}

fn container_cause(status: &ContainerStatus) -> Option<Cause> {
    let told =
        |reason: &str, message: String| Some(Cause::Told(Trouble { reason: reason.to_owned(), message }));
    let state = status.state.as_ref()?;
    let crashes = |ended: String| {
        Some(Cause::Crashes { container: status.name.clone(), restarts: status.restart_count, ended })
    };
    if let Some(ended) = &state.terminated {
        return crashes(how_it_ended(ended.exit_code, ended.reason.as_deref()));
    }
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let said = waiting.message.clone().unwrap_or_default();
    if IMAGE_REASONS.contains(&reason) {
        return told("ImagePull", format!("the image {:?} cannot be had: {said}", status.image));
    }
    if reason == "CrashLoopBackOff" {
        let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let ended = last.map(|last| how_it_ended(last.exit_code, last.reason.as_deref())).unwrap_or_default();
        return crashes(ended);
    }
    // These two are how every pod begins.
    if matches!(reason, "ContainerCreating" | "PodInitializing" | "") {
        return None;
    }
    told(reason, format!("its container {:?} does not start: {said}", status.name))
}

fn how_it_ended(code: i32, reason: Option<&str>) -> String {
    match reason {
        Some("OOMKilled") => "killed for want of memory: raise kubernetes.resources.limits.memory".to_owned(),
        Some(reason) if reason != "Error" => format!("{reason}, exit code {code}"),
        _ => format!("exit code {code}"),
    }
}

/// What is told of a container that crashes, with the end of its log.
pub(super) fn crash(container: &str, restarts: i32, ended: &str, log: &str) -> Trouble {
    let times = if restarts > 1 { format!("{restarts} times") } else { "by itself".to_owned() };
    let log = log.trim();
    let log = if log.is_empty() { String::new() } else { format!(" Its log ends with: {log}") };
    Trouble {
        reason: "CrashLoop".to_owned(),
        message: format!("its container {container:?} ended {times}, last with {ended}.{log}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Cause, cause, cause_at, is_idle, is_lost, is_ready};

    fn pod(status: &Value) -> super::Pod {
        serde_json::from_value(json!({"metadata": {"name": "orders-1"}, "status": status})).expect("a pod")
    }

    fn container(state: &Value, ready: bool) -> Value {
        json!([{"name": "broker", "image": "headrace:1", "imageID": "", "ready": ready, "restartCount": 4,
            "state": state, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}])
    }

    #[test]
    fn each_trouble_has_its_reason() {
        let unscheduled = |message: &str| {
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": message}]})
        };
        let waiting = |reason: &str| json!({"containerStatuses": container(&json!({"waiting": {"reason": reason, "message": "m"}}), false)});
        for (status, expected) in [
            (unscheduled("0/3 nodes are available: 3 Insufficient memory."), "Unschedulable"),
            (unscheduled("pod has unbound immediate PersistentVolumeClaims"), "VolumePending"),
            (waiting("ImagePullBackOff"), "ImagePull"),
            (waiting("CreateContainerConfigError"), "CreateContainerConfigError"),
            (waiting("ContainerCreating"), "Starting"),
            (json!({}), "Starting"),
            (json!({"containerStatuses": container(&json!({"running": {}}), false)}), "NotReady"),
            (
                json!({"containerStatuses": container(&json!({"running": {}}), true),
                    "conditions": [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}]}),
                "NodeLost",
            ),
        ] {
            match cause(&pod(&status)) {
                Some(Cause::Told(trouble)) => assert_eq!(trouble.reason, expected, "{status}"),
                other => panic!("{status}: {other:?}"),
            }
        }
        let mut going = pod(&json!({"containerStatuses": container(&json!({"running": {}}), true)}));
        going.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).expect("a time");
        let due = 1_767_225_600_000;
        for (now, expected) in [(due + 1_000, "Stopping"), (due + 31_000, "NodeLost")] {
            let Some(Cause::Told(trouble)) = cause_at(&going, now) else { panic!("nothing told") };
            assert_eq!(trouble.reason, expected);
        }
        let crashing = pod(&waiting("CrashLoopBackOff"));
        let Some(Cause::Crashes { restarts: 4, ended, .. }) = cause(&crashing) else { panic!("no crash") };
        assert!(ended.contains("limits.memory"), "{ended}");
        assert!(is_idle(&crashing) && !is_ready(&crashing));
        let well = pod(&json!({"containerStatuses": container(&json!({"running": {}}), true)}));
        assert_eq!(cause(&well), None);
        assert!(is_ready(&well) && !is_idle(&well));
        let gated = pod(&json!({"containerStatuses": container(&json!({"running": {}}), true),
            "conditions": [{"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"},
                {"type": "ContainersReady", "status": "True"}]}));
        assert!(
            is_ready(&gated) && !is_lost(&gated),
            "a broker is reached though a load balancer does not know it yet"
        );
    }
}
