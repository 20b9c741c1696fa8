//! The Kubernetes provider: each broker and its agent are a pod of a StatefulSet, with a volume that stays.
//!
//! All objects of a cluster are written by server-side apply under one field manager, and owned by the cluster's ConfigMap, which
//! a finalizer keeps until the service lets go of it. What there is is known by watches (`cache.rs`), so that a look costs no
//! request and an unchanged cluster no write; a change that anybody makes wakes a worker, which puts it right.
//!
//! A pod is replaced by being deleted, which is ours to time: the StatefulSet's strategy is `OnDelete`.

mod api;
mod cache;
mod kinds;
mod matches;
mod names;
mod observe;
mod prepare;
mod ready;
mod remove;
mod render;
mod reserve;
mod trouble;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use kube::Client;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::api::Server;
use self::cache::{Cache, Objects, Seen};
use self::kinds::Kind;
use self::render::Of;
use super::config::write_properties;
use super::{ConfigCheck, ConfigProblem, Error, Machines, Peer, Peers, Provider, Room, check};
use crate::domain::quantity;
use crate::reconcile::plan::{Action, Nodes, Troubles};
use crate::store::clusters::Stored;
use crate::store::{self, Store};

/// Configurations that are checked at the same time.
const CHECKS_MAX: usize = 4;
/// Wait between two rounds in which workers are woken, so that a flood of changes is one.
const WAKE_PAUSE: Duration = Duration::from_millis(100);
/// More brokers than this in one cluster are a slip of the finger; and their configurations, a kilobyte or two each, have to find room in
/// one ConfigMap, which takes a mebibyte.
const BROKERS_MAX: u32 = 500;

/// How pods are made: what an operator of the service decides for all clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where the objects of a cluster are that names no namespace.
    pub(crate) namespace: String,
    /// Whether a cluster can name another.
    pub(crate) all_namespaces: bool,
    /// What pods run, by version of the engine.
    pub(crate) images: BTreeMap<String, String>,
    /// When it is pulled.
    pub(crate) image_pull_policy: String,
    /// With what it is pulled.
    pub(crate) image_pull_secrets: Vec<String>,
    /// The domain of the Kubernetes cluster's names.
    pub(crate) cluster_domain: String,
    /// Where agents reach the control plane.
    pub(crate) url: String,
    /// A broker whose pod cannot start is given up after this.
    pub(crate) start_timeout: Duration,
    /// Whether brokers are shown to the Prometheus operator; found out when connecting.
    pub(crate) pod_monitors: bool,
    /// How, by its labels, a Prometheus is told which are its own.
    pub(crate) pod_monitor_labels: BTreeMap<String, String>,
}

impl Settings {
    /// Where a cluster's objects are.
    fn namespace_of<'a>(&'a self, cluster: &'a Stored) -> &'a str {
        let asked = cluster.spec.kubernetes.as_ref().and_then(|pods| pods.namespace.as_deref());
        asked.unwrap_or(&self.namespace)
    }
}

/// Why Kubernetes cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a pod's own account nor a kubeconfig.
    #[error("cannot tell how to reach Kubernetes: {0}; run in a pod, or set KUBECONFIG")]
    Config(#[from] kube::config::InferConfigError),
    /// No client can be made of it.
    #[error("cannot use Kubernetes: {0}")]
    Client(#[from] kube::Error),
}

/// Runs brokers as pods.
#[derive(Debug)]
pub(crate) struct Kubernetes {
    settings: Settings,
    store: Store,
    cache: Arc<Cache>,
    server: Server,
    /// Answers what a configuration is worth.
    program: PathBuf,
    checks: Semaphore,
    /// The ends of the logs of containers that crash, by pod, with the number of restarts that they are of.
    crash_logs: Mutex<HashMap<String, (i32, String)>>,
}

/// The namespace of a pod's own account, or of the kubeconfig.
pub(crate) async fn own_namespace() -> Result<String, ConnectError> {
    Ok(kube::Config::infer().await?.default_namespace)
}

impl Kubernetes {
    /// A provider over this Kubernetes and this database.
    ///
    /// # Errors
    /// When it is not known how Kubernetes is reached.
    pub(crate) async fn connect(
        mut settings: Settings,
        program: PathBuf,
        store: Store,
    ) -> Result<Self, ConnectError> {
        // An error says that a provider was chosen before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::try_from(kube::Config::infer().await?)?;
        settings.pod_monitors = api::has(&client, &settings.namespace, Kind::PodMonitor).await;
        let kinds = Kind::BUILT_IN.into_iter().chain(settings.pod_monitors.then_some(Kind::PodMonitor));
        let cache = Arc::new(Cache::new(kinds.collect()));
        let server = Server::new(client, Arc::clone(&cache));
        Ok(Self {
            settings,
            store,
            cache,
            server,
            program,
            checks: Semaphore::new(CHECKS_MAX),
            crash_logs: Mutex::default(),
        })
    }

    /// Watches until shutdown, and wakes workers for clusters of which something changed.
    pub(crate) async fn watch(self: Arc<Self>, shutdown: CancellationToken) {
        let mut watches = tokio::task::JoinSet::new();
        for kind in self.cache.kinds() {
            let cache = Arc::clone(&self.cache);
            watches.spawn(cache.watch(*kind, self.server.all(&self.settings, *kind), shutdown.clone()));
        }
        loop {
            let due = tokio::select! {
                () = shutdown.cancelled() => break,
                due = self.cache.due() => due,
            };
            let woken = async {
                let mut db = self.store.connection().await?;
                store::work::wake(&mut db, &due).await
            };
            if let Err(error) = woken.await {
                // They are looked at on a timer, too.
                tracing::debug!(%error, "cannot wake workers");
            }
            tokio::time::sleep(WAKE_PAUSE).await;
        }
        while watches.join_next().await.is_some() {}
    }

    fn objects(&self, cluster: &Stored) -> Result<Objects, Error> {
        let waits = || Error::Waiting("the Kubernetes API server has not told yet what there is".to_owned());
        self.cache.objects(cluster.id).ok_or_else(waits)
    }

    async fn nodes(&self, cluster: &Stored) -> Result<Vec<store::nodes::Node>, Error> {
        let mut db = self.store.connection().await?;
        Ok(store::nodes::list(&mut db, cluster.id).await?)
    }

    fn seen(&self, cluster: &Stored, kind: Kind, name: &str) -> Option<Arc<Seen>> {
        self.cache.get(cluster.id, kind, name)
    }

    /// The uid of the ConfigMap, unless somebody is removing it.
    fn owner(&self, cluster: &Stored) -> Option<String> {
        let owner = self.seen(cluster, Kind::ConfigMap, &cluster.name)?;
        (!owner.deleting).then(|| owner.uid.clone())
    }

    fn namespace<'a>(&'a self, cluster: &'a Stored) -> &'a str {
        self.settings.namespace_of(cluster)
    }

    /// What a cluster's pods run. A version that is no longer known goes on in the image that it has, unless that is another version's.
    fn image(&self, cluster: &Stored) -> Option<String> {
        if let Some(image) = self.settings.images.get(&cluster.spec.engine.version) {
            return Some(image.clone());
        }
        if cluster.spec.version_before.is_some() {
            return None;
        }
        let of_pod = |pod: &Value| {
            let mut containers = pod["spec"]["containers"].as_array()?.iter();
            let broker = containers.find(|container| container["name"] == trouble::BROKER)?;
            broker["image"].as_str().map(ToOwned::to_owned)
        };
        if let Some(set) = self.seen(cluster, Kind::StatefulSet, &cluster.name) {
            return of_pod(&set.body()["spec"]["template"]);
        }
        let objects = self.cache.objects(cluster.id)?;
        objects.iter().find(|((kind, _), _)| *kind == Kind::Pod).and_then(|(_, pod)| of_pod(&pod.body()))
    }

    /// The same, where pods are to be made.
    fn wanted_image(&self, cluster: &Stored) -> Result<String, Error> {
        self.image(cluster).ok_or_else(|| {
            let lacks = format!(
                "the service has no image of version {}: give it one (clusters.versionImages of the chart)",
                cluster.spec.engine.version
            );
            // The control plane that took the request has one: this one may be about to be replaced.
            if cluster.spec.version_before.is_some() {
                Error::Waiting(lacks)
            } else {
                Error::Permanent(lacks)
            }
        })
    }

    /// Fails where a cluster is looked for in another namespace than it was made in: a second one must not be made beside it, nor must
    /// it be forgotten.
    async fn check_namespace(&self, cluster: &Stored) -> Result<(), Error> {
        let now = self.namespace(cluster);
        let nodes = self.nodes(cluster).await?;
        let was = nodes.iter().find_map(|node| names::namespace_of(&cluster.name, node.node_id, &node.host));
        match was.filter(|was| *was != now) {
            Some(was) => Err(Error::Permanent(format!(
                "the cluster is in namespace {was:?}, but the service looks for it in {now:?}: set clusters.namespace of the chart back to {was:?}"
            ))),
            None => Ok(()),
        }
    }
}

impl ConfigCheck for Kubernetes {
    fn check_config<'a>(
        &'a self,
        config: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ConfigProblem>, Error>> {
        let pairs = config.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let properties = write_properties(pairs);
        Box::pin(async move {
            // It is never closed, so this cannot fail.
            let _turn = self.checks.acquire().await;
            check::run(&self.program, &properties).await
        })
    }
}

impl Machines for Kubernetes {
    fn volume_size(&self, cluster: &Stored) -> Option<String> {
        let objects = self.cache.objects(cluster.id)?;
        observe::claim_sizes(&objects).max_by(|one, other| {
            let (one, other) = (quantity::parse(one), quantity::parse(other));
            one.partial_cmp(&other).unwrap_or(std::cmp::Ordering::Equal)
        })
    }

    fn addresses(&self, cluster: &Stored) -> BTreeMap<i32, String> {
        let last = i32::try_from(cluster.spec.brokers).unwrap_or(i32::MAX);
        let address = |node| Some((node, self.pod(cluster, node)?.status?.host_ip?));
        (1..=last).filter_map(address).collect()
    }
}

impl Provider for Kubernetes {
    fn kind(&self) -> &'static str {
        "kubernetes"
    }

    fn room(&self) -> Room {
        Room {
            brokers_max: BROKERS_MAX,
            why: "no cluster has more".to_owned(),
            pods: true,
            namespaces: self.settings.all_namespaces,
            versions: self.settings.images.keys().cloned().collect(),
        }
    }

    async fn observe(&self, cluster: &Stored) -> Result<Nodes, Error> {
        let objects = self.objects(cluster)?;
        let nodes = self.nodes(cluster).await?;
        let (owner, image) = (self.owner(cluster), self.image(cluster).unwrap_or_default());
        let of = Of { cluster, settings: &self.settings, image: &image, owner: owner.as_deref() };
        Ok(observe::nodes(&of, &nodes, &objects))
    }

    async fn troubles(&self, cluster: &Stored) -> Result<Troubles, Error> {
        let last = i32::try_from(cluster.spec.brokers).unwrap_or(i32::MAX);
        let mut troubles = Troubles::new();
        for node in 1..=last {
            if let Some(pod) = self.pod(cluster, node)
                && let Some(trouble) = self.trouble(&pod).await
            {
                troubles.insert(node, trouble);
            }
        }
        Ok(troubles)
    }

    async fn peers(&self, cluster: &Stored) -> Result<Peers, Error> {
        let nodes = self.nodes(cluster).await?;
        let peer = |node: store::nodes::Node| {
            let port = u16::try_from(node.internal_port?).ok()?;
            Some((node.node_id, Peer { host: node.host, port }))
        };
        Ok(nodes.into_iter().filter_map(peer).collect())
    }

    async fn apply(&self, cluster: &Stored, action: Action) -> Result<(), Error> {
        self.check_namespace(cluster).await?;
        match action {
            Action::Reserve(node) => self.reserve(cluster, node).await,
            Action::Prepare(_) => self.prepare(cluster).await,
            Action::StartBroker(_) => self.start_broker(cluster).await,
            Action::AwaitReady(node) => self.await_ready(cluster, node).await,
            Action::StopBroker(node) => self.stop_broker(cluster, node).await,
            Action::EndBroker(node) => self.end_broker(cluster, node).await,
            // The agent is in its broker's pod, and comes and goes with it.
            Action::StartAgent(_) | Action::StopAgent(_) => Ok(()),
            Action::RemoveData(node) => self.remove_data(cluster, node).await,
            Action::Release(node) => self.release(cluster, node).await,
            Action::Replace(node) => self.replace(cluster, node).await,
            // What concerns the whole cluster is not a provider's to do: `reconcile::cluster` asks the brokers.
            Action::AddVoter(_) | Action::AwaitSpare(_) | Action::AwaitInSync(_) => {
                Err(Error::Permanent(format!("{action} is not done to a node")))
            }
        }
    }

    async fn bootstrap_servers(&self, cluster: &Stored) -> Result<Option<String>, Error> {
        let of = Of { cluster, settings: &self.settings, image: "", owner: None };
        let there = self.seen(cluster, Kind::Service, &names::bootstrap(&cluster.name)).is_some();
        Ok(there.then(|| of.bootstrap()))
    }

    async fn remove_cluster(&self, cluster: &Stored) -> Result<(), Error> {
        self.remove_rest(cluster).await
    }
}

impl Kubernetes {
    fn pod(&self, cluster: &Stored, node: i32) -> Option<k8s_openapi::api::core::v1::Pod> {
        let seen = self.seen(cluster, Kind::Pod, &names::pod(&cluster.name, node))?;
        serde_json::from_value(seen.body()).ok()
    }
}
