//! Waits for a pod, and says why it does not serve.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use super::kinds::Kind;
use super::observe::Stuck;
use super::{Kubernetes, observe, trouble};
use crate::domain::pods::Trouble;
use crate::provision::Error;
use crate::store::clusters::Stored;

/// A broker that was started answers within this, or it is looked at again later.
const READY_WAIT: Duration = Duration::from_secs(15);
/// What keeps a broker from starting is told after this: until then it may be how every pod begins.
const TROUBLE_WAIT: Duration = Duration::from_secs(4);
/// Logs of crashed containers that are kept so that they are not read again at every look.
const CRASH_LOGS_MAX: usize = 1_000;

impl Kubernetes {
    pub(super) async fn await_ready(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let pod = || self.pod(cluster, node);
        let started = tokio::time::Instant::now();
        let mut changed = self.cache.changed();
        loop {
            let now = pod();
            if now.as_ref().is_some_and(trouble::is_ready) {
                return Ok(());
            }
            let waited = started.elapsed();
            let why = match &now {
                None if waited >= TROUBLE_WAIT => Some(self.why_no_pod(cluster).await),
                None => Some("its pod is not there yet".to_owned()),
                Some(pod) => self.trouble(pod).await.map(|trouble| trouble.message),
            };
            let stuck = now.as_ref().and_then(observe::stuck);
            let worth_waiting = match stuck {
                // That is said by who knows it, and whoever makes room wakes us.
                Some(Stuck::NoRoom) => Duration::ZERO,
                Some(Stuck::Broken) => TROUBLE_WAIT,
                Some(Stuck::Recovers) => READY_WAIT,
                None if now.is_none() => TROUBLE_WAIT,
                None => READY_WAIT,
            };
            if waited >= worth_waiting {
                let why = why.unwrap_or_else(|| "it does not answer yet".to_owned());
                let patience = stuck.map(|stuck| stuck.patience(self.settings.start_timeout));
                let so_far = now.as_ref().and_then(observe::stuck_for).unwrap_or_default();
                return Err(match patience.filter(|patience| so_far > *patience) {
                    Some(patience) => Error::Permanent(format!(
                        "broker {node} did not start within {} s: {why}",
                        patience.as_secs()
                    )),
                    None => Error::Watched(format!("broker {node} is awaited: {why}")),
                });
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), changed.changed()).await;
        }
    }

    async fn why_no_pod(&self, cluster: &Stored) -> String {
        let set = self.seen(cluster, Kind::StatefulSet, &cluster.name);
        let said = match &set {
            Some(set) => self.server.why_no_pod(self.namespace(cluster), set).await,
            None => None,
        };
        said.unwrap_or_else(|| "its pod is not there yet".to_owned())
    }

    /// Why a pod does not serve, with the end of its log where that says more.
    pub(super) async fn trouble(&self, pod: &Pod) -> Option<Trouble> {
        let (container, restarts, ended) = match trouble::cause(pod)? {
            trouble::Cause::Told(trouble) => return Some(trouble),
            trouble::Cause::Crashes { container, restarts, ended } => (container, restarts, ended),
        };
        let key = pod.metadata.uid.clone().unwrap_or_default();
        let known = self.crash_logs.lock().get(&key).filter(|(of, _)| *of == restarts).cloned();
        let log = match known {
            Some((_, log)) => log,
            None => {
                let name = pod.metadata.name.clone().unwrap_or_default();
                let namespace = pod.metadata.namespace.clone().unwrap_or_default();
                let read = self.server.log_end(&namespace, &name, &container).await.unwrap_or_default();
                // What the kubelet answers, as if it were the log, when that is gone.
                let log = if read.starts_with("unable to retrieve") { String::new() } else { read };
                let mut logs = self.crash_logs.lock();
                if logs.len() >= CRASH_LOGS_MAX {
                    logs.clear();
                }
                if !log.is_empty() {
                    logs.insert(key, (restarts, log.clone()));
                }
                log
            }
        };
        Some(trouble::crash(&container, restarts, &ended, &log))
    }
}
