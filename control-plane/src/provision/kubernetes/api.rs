//! What is asked of the API server: objects applied and removed, the ends of logs. Each has a deadline, and an error says whether
//! trying again may help.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Client;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, Preconditions,
    PropagationPolicy,
};
use serde_json::json;

use super::Settings;
use super::cache::{Cache, Seen};
use super::kinds::Kind;
use super::names::{CLUSTER_ID, FINALIZER, MANAGER};
use super::render::{Desired, Of};
use crate::provision::Error;

/// One request, at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// What was written comes back by the watch within this, or is written again.
const ECHO_WAIT: Duration = Duration::from_secs(3);
/// Lines of a log that say how a container ended.
const LOG_LINES: i64 = 4;
/// Events that are read to find the newest.
const EVENTS_MAX: u32 = 50;
/// Of a log at most so many bytes.
const LOG_BYTES_MAX: i64 = 2_000;

/// The API server.
#[derive(Clone)]
pub(super) struct Server {
    client: Client,
    cache: Arc<Cache>,
}

impl Server {
    pub(super) fn new(client: Client, cache: Arc<Cache>) -> Self {
        Self { client, cache }
    }

    fn api(&self, namespace: &str, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &kind.resource())
    }

    /// Everywhere where clusters may be.
    pub(super) fn all(&self, settings: &Settings, kind: Kind) -> Api<DynamicObject> {
        if settings.all_namespaces {
            Api::all_with(self.client.clone(), &kind.resource())
        } else {
            self.api(&settings.namespace, kind)
        }
    }

    /// Makes an object what it should be. Asks nothing of the API server where it is that already.
    pub(super) async fn apply(&self, of: &Of<'_>, desired: &Desired) -> Result<(), Error> {
        let Desired { kind, name, .. } = desired;
        let doing = || format!("writing {kind:?} {name:?}");
        let api = self.api(of.namespace(), *kind);
        match self.cache.get(of.cluster.id, *kind, name) {
            Some(seen) if is_as(&seen, desired) => return Ok(()),
            Some(_) => {}
            // It is not ours, or was written just now. Somebody else's is not taken over.
            None => self.refuse_foreign(of, *kind, name).await?,
        }
        let params = PatchParams::apply(MANAGER).force().validation_strict();
        tracing::debug!(cluster = of.cluster.name, ?kind, name, "writing");
        let patch = Patch::Apply(&desired.body);
        let written = within(api.patch(name, &params, &patch)).await.map_err(of_server(doing()))?;
        let version = written.metadata.resource_version.unwrap_or_default();
        let echoed = |seen: &Seen| seen.resource_version == version || is_as(seen, desired);
        self.await_cache(|| self.cache.get(of.cluster.id, *kind, name).is_some_and(|seen| echoed(&seen)))
            .await;
        Ok(())
    }

    /// Fails when there is an object of that name that is not the cluster's.
    pub(super) async fn refuse_foreign(&self, of: &Of<'_>, kind: Kind, name: &str) -> Result<(), Error> {
        let found = self.get(of.namespace(), kind, name).await?;
        let ours = |object: &DynamicObject| {
            let labels = object.metadata.labels.as_ref();
            labels.and_then(|labels| labels.get(CLUSTER_ID)) == Some(&of.cluster.id.to_string())
        };
        match found.filter(|object| !ours(object)) {
            Some(_) => Err(Error::Permanent(format!(
                "{kind:?} {name:?} is there already in namespace {:?} and is not this cluster's: remove it, or give the cluster another name",
                of.namespace()
            ))),
            None => Ok(()),
        }
    }

    /// Whether an object of that name is there, whoever made it, and not about to go.
    pub(super) async fn is_there(&self, namespace: &str, kind: Kind, name: &str) -> Result<bool, Error> {
        let found = self.get(namespace, kind, name).await?;
        Ok(found.is_some_and(|object| object.metadata.deletion_timestamp.is_none()))
    }

    /// As the API server has it now.
    async fn get(&self, namespace: &str, kind: Kind, name: &str) -> Result<Option<DynamicObject>, Error> {
        let found = within(self.api(namespace, kind).get_opt(name)).await;
        found.map_err(of_server(format!("looking for {kind:?} {name:?}")))
    }

    /// Asks for an object's removal, unless it is another than the one that was seen.
    pub(super) async fn delete(
        &self,
        namespace: &str,
        kind: Kind,
        name: &str,
        uid: &str,
        grace_seconds: Option<u32>,
        propagation: PropagationPolicy,
    ) -> Result<(), Error> {
        let params = DeleteParams {
            grace_period_seconds: grace_seconds,
            propagation_policy: Some(propagation),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        match within(self.api(namespace, kind).delete(name, &params)).await {
            // Somebody was faster.
            Err(Failure::Server(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Ok(()),
            other => other.map(drop).map_err(of_server(format!("removing {kind:?} {name:?}"))),
        }
    }

    /// Lets go of an object that was kept for us. What keeps it for others stays.
    pub(super) async fn drop_finalizer(
        &self,
        namespace: &str,
        kind: Kind,
        name: &str,
        seen: &Seen,
    ) -> Result<(), Error> {
        let body = seen.body();
        let all = body["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let others: Vec<_> = all.iter().filter(|finalizer| *finalizer != FINALIZER).collect();
        // Fails where somebody added one meanwhile: then what is there is looked at again.
        let patch = Patch::Merge(
            json!({"metadata": {"finalizers": others, "resourceVersion": seen.resource_version}}),
        );
        match within(self.api(namespace, kind).patch(name, &PatchParams::default(), &patch)).await {
            Err(Failure::Server(kube::Error::Api(status))) if status.code == 404 => Ok(()),
            other => other.map(drop).map_err(of_server(format!("letting go of {kind:?} {name:?}"))),
        }
    }

    /// How the log of a container that ended ends.
    pub(super) async fn log_end(&self, namespace: &str, pod: &str, container: &str) -> Result<String, Error> {
        let params = LogParams {
            container: Some(container.to_owned()),
            previous: true,
            tail_lines: Some(LOG_LINES),
            limit_bytes: Some(LOG_BYTES_MAX),
            ..LogParams::default()
        };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        within(api.logs(pod, &params)).await.map_err(of_server(format!("reading the log of {pod:?}")))
    }

    /// What the StatefulSet controller last said of why it can make no pod; nothing where nobody may know.
    pub(super) async fn why_no_pod(&self, namespace: &str, set: &Seen) -> Option<String> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let about = format!("involvedObject.uid={},reason=FailedCreate", set.uid);
        let params = ListParams::default().fields(&about).limit(EVENTS_MAX);
        let events = within(api.list(&params)).await.ok()?.items;
        let newest = events.into_iter().max_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0));
        newest?.message
    }

    /// Waits until the cache is right, but not for long: who comes next looks anyway.
    pub(super) async fn await_cache(&self, right: impl Fn() -> bool) -> bool {
        let mut changed = self.cache.changed();
        let waiting = async {
            while !right() {
                if changed.changed().await.is_err() {
                    break;
                }
            }
        };
        tokio::time::timeout(ECHO_WAIT, waiting).await.is_ok()
    }
}

/// Whether the API server knows a kind, and lets us see it.
pub(super) async fn has(client: &Client, namespace: &str, kind: Kind) -> bool {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind.resource());
    within(api.list(&ListParams::default().limit(1))).await.is_ok()
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// Whether an object is as it should be, and nobody is removing it.
pub(super) fn is_as(seen: &Seen, desired: &Desired) -> bool {
    let written = desired.written.as_str();
    !seen.deleting
        && seen.written.as_deref() == Some(written)
        && seen.is_right(written, |live| super::matches::matches(&desired.body, live))
}

enum Failure {
    Server(kube::Error),
    Late,
}

async fn within<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, request);
    answer.map(|answer| answer.map_err(|_| Failure::Late)?.map_err(Failure::Server)).await
}

/// Whether trying again may help. An API server that is away is waited for; one that refuses is quoted.
fn of_server(doing: String) -> impl FnOnce(Failure) -> Error {
    move |failure| match failure {
        Failure::Server(kube::Error::Api(status)) => {
            let said = format!("{doing}: Kubernetes refuses: {}", status.message);
            match status.code {
                400 | 413 | 422 => Error::Permanent(said),
                // So it says that a field is unknown, in what it has no kind of its own for.
                500 if status.message.contains("typed patch object") => Error::Permanent(said),
                409 | 429 | 500.. => Error::Waiting(said),
                // A right or a quota that is missing can be given.
                _ => Error::NotYet(said),
            }
        }
        Failure::Server(error) => {
            Error::Waiting(format!("{doing}: the Kubernetes API server does not answer: {error}"))
        }
        Failure::Late => Error::Waiting(format!(
            "{doing}: the Kubernetes API server does not answer within {} s",
            REQUEST_TIMEOUT.as_secs()
        )),
    }
}
