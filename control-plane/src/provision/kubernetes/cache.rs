//! What the API server has of our objects, kept up to date by watches: looking at a cluster costs no request.
//!
//! A watch that breaks is taken up again where it was, or begun anew with a list. Until every kind was listed once, nothing is
//! told, for what was not seen yet would be taken for missing. Who has to look at a cluster again because one of its objects
//! changed is told through [`Cache::due`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::api::{Api, DynamicObject, TypeMeta};
use kube::core::ApiResource;
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt as _, watcher};
use parking_lot::{Mutex, RwLock};
use rand::Rng as _;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::kinds::Kind;
use super::names::{CLUSTER_ID, MANAGED_BY, MANAGER, WRITTEN};

/// A watch is ended and taken up again after this, and given up a little later if its connection turns out to be dead, which nothing
/// else would tell.
const WATCH_SECONDS_MAX: u32 = 30;

/// Wait before a watch that broke is tried again, at first.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// The longest such wait: an API server that is back is to be noticed soon.
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// The waits before one more try, each twice as long as the one before, less a little so that control planes do not march in step.
#[derive(Debug, Default)]
struct Pauses {
    tries: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = PAUSE_FIRST.saturating_mul(1 << self.tries.min(16)).min(PAUSE_MAX);
        self.tries += 1;
        Some(pause.mul_f64(rand::rng().random_range(0.5..=1.0)))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.tries = 0;
    }
}

/// An object as the API server has it. Its text is kept rather than the tree, which takes five times as much.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) uid: String,
    pub(super) resource_version: String,
    /// Somebody asked for its removal.
    pub(super) deleting: bool,
    /// As what it was written, if we did.
    pub(super) written: Option<String>,
    text: Box<str>,
    /// As what it was found to be right.
    right_as: Mutex<Option<String>>,
}

impl Seen {
    /// What the API server answered.
    pub(super) fn of(kind: Kind, mut object: DynamicObject) -> Self {
        // What comes in a list does not say what it is.
        let ApiResource { api_version, kind, .. } = kind.resource();
        object.types = Some(TypeMeta { api_version, kind });
        let metadata = &mut object.metadata;
        metadata.managed_fields = None;
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            written: metadata.annotations.as_ref().and_then(|all| all.get(WRITTEN).cloned()),
            text: serde_json::to_string(&object).unwrap_or_default().into(),
            right_as: Mutex::new(None),
        }
    }

    /// The whole object.
    pub(super) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Whether it is right by `check`; for the same `written` that is found out once.
    pub(super) fn is_right(&self, written: &str, check: impl FnOnce(&Value) -> bool) -> bool {
        if self.right_as.lock().as_deref() == Some(written) {
            return true;
        }
        let right = check(&self.body());
        if right {
            *self.right_as.lock() = Some(written.to_owned());
        }
        right
    }
}

/// A cluster's objects.
pub(super) type Objects = BTreeMap<(Kind, String), Arc<Seen>>;

/// Our objects.
#[derive(Debug)]
pub(super) struct Cache {
    kinds: Vec<Kind>,
    inner: RwLock<Inner>,
    changed: watch::Sender<u64>,
    due: Mutex<BTreeSet<Uuid>>,
    due_grew: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    listed: BTreeSet<Kind>,
    clusters: HashMap<Uuid, Objects>,
}

impl Cache {
    pub(super) fn new(kinds: Vec<Kind>) -> Self {
        Self {
            kinds,
            inner: RwLock::default(),
            changed: watch::channel(0).0,
            due: Mutex::default(),
            due_grew: Notify::new(),
        }
    }

    pub(super) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// A cluster's objects; `None` while not every kind was listed.
    pub(super) fn objects(&self, cluster: Uuid) -> Option<Objects> {
        let inner = self.inner.read();
        (inner.listed.len() == self.kinds.len())
            .then(|| inner.clusters.get(&cluster).cloned().unwrap_or_default())
    }

    /// One object of a cluster.
    pub(super) fn get(&self, cluster: Uuid, kind: Kind, name: &str) -> Option<Arc<Seen>> {
        self.inner.read().clusters.get(&cluster)?.get(&(kind, name.to_owned())).cloned()
    }

    /// Changes with every change of any object.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Waits for clusters of which some object changed, and gives them.
    pub(super) async fn due(&self) -> Vec<Uuid> {
        loop {
            let due = std::mem::take(&mut *self.due.lock());
            if !due.is_empty() {
                return due.into_iter().collect();
            }
            self.due_grew.notified().await;
        }
    }

    /// Watches one kind until shutdown.
    pub(super) async fn watch(
        self: Arc<Self>,
        kind: Kind,
        api: Api<DynamicObject>,
        shutdown: CancellationToken,
    ) {
        let config =
            watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}")).timeout(WATCH_SECONDS_MAX);
        let mut events = std::pin::pin!(watcher(api, config).backoff(Pauses::default()));
        let mut listing = Vec::new();
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                None => return,
                Some(Err(error)) => tracing::warn!(?kind, %error, "cannot watch the API server"),
                Some(Ok(event)) => self.take(kind, event, &mut listing),
            }
        }
    }

    fn take(&self, kind: Kind, event: watcher::Event<DynamicObject>, listing: &mut Vec<DynamicObject>) {
        match event {
            watcher::Event::Init => listing.clear(),
            watcher::Event::InitApply(object) => listing.push(object),
            watcher::Event::InitDone => self.replace(kind, std::mem::take(listing)),
            watcher::Event::Apply(object) => self.put(kind, object, false),
            watcher::Event::Delete(object) => self.put(kind, object, true),
        }
        self.changed.send_modify(|count| *count += 1);
        self.due_grew.notify_one();
    }

    /// All of a kind, as listed.
    fn replace(&self, kind: Kind, objects: Vec<DynamicObject>) {
        let mut inner = self.inner.write();
        inner.listed.insert(kind);
        let mut due = self.due.lock();
        for (cluster, known) in &mut inner.clusters {
            let before = known.len();
            known.retain(|(other, _), _| *other != kind);
            if known.len() < before {
                due.insert(*cluster);
            }
        }
        for object in objects {
            let Some((cluster, name)) = place(&object) else { continue };
            due.insert(cluster);
            inner.clusters.entry(cluster).or_default().insert((kind, name), Arc::new(Seen::of(kind, object)));
        }
        inner.clusters.retain(|_, objects| !objects.is_empty());
    }

    fn put(&self, kind: Kind, object: DynamicObject, gone: bool) {
        let Some((cluster, name)) = place(&object) else { return };
        let mut inner = self.inner.write();
        let objects = inner.clusters.entry(cluster).or_default();
        if gone {
            objects.remove(&(kind, name));
            if objects.is_empty() {
                inner.clusters.remove(&cluster);
            }
        } else {
            objects.insert((kind, name), Arc::new(Seen::of(kind, object)));
        }
        self.due.lock().insert(cluster);
    }
}

/// To which cluster an object belongs, and its name.
fn place(object: &DynamicObject) -> Option<(Uuid, String)> {
    let cluster = object.metadata.labels.as_ref()?.get(CLUSTER_ID)?.parse().ok()?;
    Some((cluster, object.metadata.name.clone()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(cluster: Uuid, name: &str, version: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "resourceVersion": version, "labels": {CLUSTER_ID: cluster.to_string()}},
        }))
        .expect("an object")
    }

    #[test]
    fn nothing_is_told_before_all_was_listed_and_a_new_list_forgets_what_is_gone() {
        let cache = Cache::new(vec![Kind::Pod, Kind::Service]);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut listing = Vec::new();
        let mut take = |kind, event| cache.take(kind, event, &mut listing);
        take(Kind::Pod, watcher::Event::Init);
        take(Kind::Pod, watcher::Event::InitApply(object(one, "a-1", "1")));
        take(Kind::Pod, watcher::Event::InitApply(object(other, "b-1", "1")));
        take(Kind::Pod, watcher::Event::InitDone);
        assert!(cache.objects(one).is_none());
        take(Kind::Service, watcher::Event::Init);
        take(Kind::Service, watcher::Event::InitDone);
        assert_eq!(cache.objects(one).map(|objects| objects.len()), Some(1));
        assert_eq!(std::mem::take(&mut *cache.due.lock()), BTreeSet::from([one, other]));

        take(Kind::Pod, watcher::Event::Apply(object(one, "a-2", "2")));
        take(Kind::Pod, watcher::Event::Delete(object(one, "a-1", "1")));
        let names: Vec<String> =
            cache.objects(one).into_iter().flatten().map(|((_, name), _)| name).collect();
        assert_eq!(names, ["a-2"]);
        take(Kind::Pod, watcher::Event::Init);
        take(Kind::Pod, watcher::Event::InitApply(object(one, "a-2", "3")));
        take(Kind::Pod, watcher::Event::InitDone);
        assert_eq!(cache.objects(other).map(|objects| objects.len()), Some(0));
        assert!(cache.due.lock().contains(&other), "its pod is gone");
    }

    #[test]
    fn pauses_grow_stay_bounded_and_begin_anew() {
        let mut pauses = Pauses::default();
        assert!(pauses.next().is_some_and(|pause| pause <= PAUSE_FIRST));
        assert!(pauses.by_ref().take(100).all(|pause| pause <= PAUSE_MAX));
        pauses.reset();
        assert!(pauses.next().is_some_and(|pause| pause <= PAUSE_FIRST));
    }

    #[test]
    fn what_was_found_right_is_not_compared_again() {
        let seen = Seen::of(Kind::Pod, object(Uuid::nil(), "a", "1"));
        assert!(!seen.is_right("x", |_| false));
        assert!(seen.is_right("x", |_| true));
        assert!(seen.is_right("x", |_| false), "asked again");
        assert!(!seen.is_right("y", |_| false));
    }

    #[test]
    fn an_object_of_a_list_is_as_one_of_a_watch() {
        let watched = object(Uuid::nil(), "a", "1");
        let listed = DynamicObject { types: None, ..watched.clone() };
        assert_eq!(Seen::of(Kind::Pod, listed).body(), Seen::of(Kind::Pod, watched).body());
    }
}
