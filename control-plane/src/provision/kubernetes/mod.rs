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
mod render;
mod trouble;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use kube::Client;
use kube::api::PropagationPolicy;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::api::Server;
use self::cache::{Cache, Objects, Seen};
use self::kinds::Kind;
use self::names::{ADMIN_PORT, CLIENT_PORT, INTERNAL_PORT};
use self::render::{Desired, Of};
use super::config::write_properties;
use super::{ConfigCheck, ConfigProblem, Error, Machines, Peer, Peers, Provider, Room, check, joining};
use crate::domain::api_key::Token;
use crate::domain::pods::ListenerKind;
use crate::domain::quantity;
use crate::reconcile::plan::{Action, Nodes, Troubles};
use crate::store::clusters::Stored;
use crate::store::nodes::External;
use crate::store::{self, Store};

/// A broker that was started answers within this, or it is looked at again later.
const READY_WAIT: Duration = Duration::from_secs(15);
/// What keeps a broker from starting is told after this: until then it may be how every pod begins.
const TROUBLE_WAIT: Duration = Duration::from_secs(4);
/// A pod is gone within this, grace and all, or it is looked at again later.
const GONE_WAIT: Duration = Duration::from_secs(120);
/// A pod whose data is removed has nothing to hand over.
const END_GRACE_SECONDS: u32 = 1;
/// Configurations that are checked at the same time.
const CHECKS_MAX: usize = 4;
/// Wait between two rounds in which workers are woken, so that a flood of changes is one.
const WAKE_PAUSE: Duration = Duration::from_millis(100);
/// More brokers than this in one cluster are a slip of the finger.
const BROKERS_MAX: u32 = 1_000;

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
    /// Whether brokers are shown to the Prometheus operator; found out when connecting.
    pub(crate) pod_monitors: bool,
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

    /// What a cluster's pods run. A version that is no longer known goes on in the image that it has.
    fn image(&self, cluster: &Stored) -> String {
        if let Some(image) = self.settings.images.get(&cluster.spec.engine.version) {
            return image.clone();
        }
        let set = self.seen(cluster, Kind::StatefulSet, &cluster.name).map(|seen| seen.body());
        let containers =
            set.as_ref().and_then(|set| set["spec"]["template"]["spec"]["containers"].as_array());
        let image = containers.and_then(|all| all.first()?["image"].as_str());
        let newest = self.settings.images.values().next_back();
        image.map(ToOwned::to_owned).or_else(|| newest.cloned()).unwrap_or_default()
    }

    /// Makes a broker's own Services and notes where it is reached by them.
    async fn reserve(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let (owner, image) = (self.owner(cluster), self.image(cluster));
        let of = Of { cluster, settings: &self.settings, image: &image, owner: owner.as_deref() };
        let known = self.nodes(cluster).await?.into_iter().find(|known| known.node_id == node);
        for service in render::broker_services(&of, node, known.as_ref()) {
            self.server.apply(&of, &service).await?;
        }
        self.remove_closed_listeners(cluster, node).await?;
        let mut external = BTreeMap::new();
        for listener in &cluster.spec.listeners {
            let found = self.external(cluster, node, listener)?;
            external.insert(listener.name.clone(), found);
        }
        let mut db = self.store.connection().await?;
        let ports = [CLIENT_PORT, INTERNAL_PORT, ADMIN_PORT];
        store::nodes::set_addresses(&mut db, cluster.id, node, &of.host(node), ports, &external).await?;
        Ok(())
    }

    async fn remove_closed_listeners(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let policy = PropagationPolicy::Background;
        for (name, seen) in observe::closed_listeners(cluster, node, &self.objects(cluster)?) {
            self.server
                .delete(self.namespace(cluster), Kind::Service, &name, &seen.uid, None, policy.clone())
                .await?;
        }
        Ok(())
    }

    /// Where clients outside reach a broker by a listener.
    fn external(
        &self,
        cluster: &Stored,
        node: i32,
        listener: &crate::domain::pods::Listener,
    ) -> Result<External, Error> {
        let template = listener.advertised_host.as_ref();
        let advertised = template.map(|host| host.replace("{broker}", &node.to_string()));
        let waits = |for_what: &str| Error::Waiting(format!("broker {node} has no {for_what} yet"));
        let name = names::listener_service(&cluster.name, node, &listener.name);
        let service = self.seen(cluster, Kind::Service, &name).map(|seen| seen.body()).unwrap_or_default();
        let port = &service["spec"]["ports"][0];
        let number = |port: &Value| u16::try_from(port.as_u64()?).ok();
        match listener.kind {
            ListenerKind::NodePort => {
                let port = number(&port["nodePort"]).ok_or_else(|| waits("node port"))?;
                Ok(External { host: advertised, port, kind: listener.kind })
            }
            ListenerKind::LoadBalancer => {
                let port = number(&port["port"]).ok_or_else(|| waits("load balancer"))?;
                let ingress = &service["status"]["loadBalancer"]["ingress"][0];
                let given = [&ingress["hostname"], &ingress["ip"]].into_iter().find_map(Value::as_str);
                let host = advertised.or_else(|| given.map(ToOwned::to_owned));
                let host = host.ok_or_else(|| waits("address from its load balancer"))?;
                Ok(External { host: Some(host), port, kind: listener.kind })
            }
        }
    }

    /// Writes all that the pods need, and, where they are there already, how they should be.
    async fn prepare(&self, cluster: &Stored) -> Result<(), Error> {
        let mut db = self.store.begin().await?;
        joining::decide_all(&mut db, cluster).await?;
        db.commit().await.map_err(store::Error::from)?;
        self.let_go_of_doomed_owner(cluster).await?;
        // First, for it owns the others.
        let nodes = self.wanted_nodes(cluster).await?;
        let image = self.image(cluster);
        let unowned = Of { cluster, settings: &self.settings, image: &image, owner: None };
        let missing = || Error::NotYet("where the brokers are reached is not decided yet".to_owned());
        let config = render::config_map(&unowned, &nodes).ok_or_else(missing)?;
        self.server.apply(&unowned, &config).await?;
        let owner = self.owner(cluster);
        let of = Of { owner: owner.as_deref(), ..unowned };
        let keys = self.keys(cluster, &nodes).await?;
        for object in shared(&of, &keys) {
            self.server.apply(&of, &object).await?;
        }
        // Before the template of new ones: where the class refuses to grow, that stays as it is, too.
        self.grow_volumes(&of).await?;
        if self.seen(cluster, Kind::StatefulSet, &cluster.name).is_some() {
            self.apply_pods(&of).await?;
        }
        Ok(())
    }

    async fn wanted_nodes(&self, cluster: &Stored) -> Result<Vec<store::nodes::Node>, Error> {
        let mut nodes = self.nodes(cluster).await?;
        let last = i32::try_from(cluster.spec.brokers).unwrap_or(i32::MAX);
        nodes.retain(|node| (1..=last).contains(&node.node_id));
        Ok(nodes)
    }

    /// Somebody removes what owns all else. The finalizer holds that up: the others are made nobody's first, so that they stay,
    /// and it is made anew.
    async fn let_go_of_doomed_owner(&self, cluster: &Stored) -> Result<(), Error> {
        let Some(doomed) = self.seen(cluster, Kind::ConfigMap, &cluster.name).filter(|seen| seen.deleting)
        else {
            return Ok(());
        };
        tracing::warn!(cluster = cluster.name, "somebody removes the ConfigMap; it is made anew");
        let image = self.image(cluster);
        let of = Of { cluster, settings: &self.settings, image: &image, owner: None };
        let nodes = self.nodes(cluster).await?;
        let keys = self.keys(cluster, &nodes).await?;
        let mut objects = shared(&of, &keys);
        for node in &nodes {
            objects.extend(render::broker_services(&of, node.node_id, Some(node)));
        }
        if self.seen(cluster, Kind::StatefulSet, &cluster.name).is_some() {
            objects.push(render::stateful_set(&of));
        }
        for object in objects {
            self.server.apply(&of, &object).await?;
        }
        self.server.drop_finalizers(self.namespace(cluster), Kind::ConfigMap, &cluster.name).await?;
        let uid = doomed.uid.clone();
        let gone = || self.seen(cluster, Kind::ConfigMap, &cluster.name).is_none_or(|seen| seen.uid != uid);
        self.server.await_cache(gone).await;
        Ok(())
    }

    /// The StatefulSet. What of it cannot be changed (the template of volumes) is changed by making it anew around its pods.
    async fn apply_pods(&self, of: &Of<'_>) -> Result<(), Error> {
        let cluster = of.cluster;
        let desired = render::stateful_set(of);
        if let Some(seen) = self.seen(cluster, Kind::StatefulSet, &cluster.name) {
            let fixed = |set: &Value| {
                let claim =
                    &set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"];
                claim.as_str().map(ToOwned::to_owned)
            };
            let same = |live: &Value| {
                let (one, other) = (fixed(&desired.body), fixed(live));
                one.zip(other).is_none_or(|(one, other)| quantity::same(&one, &other))
            };
            if !same(&seen.body()) {
                let orphan = PropagationPolicy::Orphan;
                self.server
                    .delete(
                        self.namespace(cluster),
                        Kind::StatefulSet,
                        &cluster.name,
                        &seen.uid,
                        None,
                        orphan,
                    )
                    .await?;
                let gone = || {
                    let now = self.seen(cluster, Kind::StatefulSet, &cluster.name);
                    now.is_none_or(|now| now.uid != seen.uid)
                };
                self.server.await_cache(gone).await;
            }
        }
        self.server.apply(of, &desired).await
    }

    /// Volumes that are smaller than asked for grow, where their class allows it; else the API server says why not.
    async fn grow_volumes(&self, of: &Of<'_>) -> Result<(), Error> {
        let objects = self.objects(of.cluster)?;
        for claim in observe::small_claims(of, &objects) {
            self.server.apply(of, &claim).await?;
        }
        Ok(())
    }

    /// The agents' keys as they are, with one for each broker that has none that works.
    async fn keys(
        &self,
        cluster: &Stored,
        nodes: &[store::nodes::Node],
    ) -> Result<BTreeMap<String, String>, Error> {
        let seen = self.seen(cluster, Kind::Secret, &names::keys(&cluster.name));
        let body = seen.map(|seen| seen.body()).unwrap_or_default();
        let mut keys = BTreeMap::new();
        let mut db = self.store.begin().await?;
        for node in nodes {
            let pod = names::pod(&cluster.name, node.node_id);
            let written = body["data"][&pod].as_str();
            let decoded = written.and_then(|text| STANDARD.decode(text).ok());
            let token = decoded.and_then(|text| Token::parse(std::str::from_utf8(&text).ok()?));
            if let (Some(written), Some(token)) = (written, token)
                && store::api_keys::is_agent_key(&mut db, cluster.id, node.node_id, &token).await?
            {
                keys.insert(pod, written.to_owned());
                continue;
            }
            let token =
                Token::generate().map_err(|error| Error::NotYet(format!("no randomness: {error}")))?;
            keys.insert(pod, STANDARD.encode(format!("{}\n", token.expose())));
            store::api_keys::replace_agent_key(
                &mut db,
                cluster.id,
                node.node_id,
                &token,
                crate::clock::now(),
            )
            .await?;
        }
        db.commit().await.map_err(store::Error::from)?;
        Ok(keys)
    }

    async fn start_broker(&self, cluster: &Stored) -> Result<(), Error> {
        let (owner, image) = (self.owner(cluster), self.image(cluster));
        let of = Of { cluster, settings: &self.settings, image: &image, owner: owner.as_deref() };
        if self.seen(cluster, Kind::StatefulSet, &cluster.name).is_none() {
            let last = i32::try_from(cluster.spec.brokers).unwrap_or(i32::MAX);
            for node in 1..=last {
                self.server
                    .refuse_foreign(&of, Kind::PersistentVolumeClaim, &names::claim(&cluster.name, node))
                    .await?;
            }
        }
        self.apply_pods(&of).await
    }

    async fn await_ready(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
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
                None => Some("its pod is not there yet".to_owned()),
                Some(pod) => self.trouble(pod).await.map(|trouble| trouble.message),
            };
            let stuck = now.as_ref().and_then(observe::stuck);
            let hopeless = stuck.is_some_and(|patience| patience <= observe::ROOM_PATIENCE);
            if waited >= READY_WAIT || (hopeless && waited >= TROUBLE_WAIT) {
                let why = why.unwrap_or_else(|| "it does not answer yet".to_owned());
                let pod_age = now.as_ref().and_then(observe::age).unwrap_or_default();
                return Err(match stuck {
                    Some(patience) if pod_age > patience => Error::Permanent(format!(
                        "broker {node} did not start within {} minutes: {why}",
                        patience.as_secs() / 60
                    )),
                    _ => Error::Waiting(format!("broker {node} is awaited: {why}")),
                });
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), changed.changed()).await;
        }
    }

    /// Has the pod replaced by one as it should be now.
    async fn stop_broker(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        // The StatefulSet controller makes the next pod by what it has seen, not by what was written.
        let up_to_date = || {
            let Some(set) = self.seen(cluster, Kind::StatefulSet, &cluster.name) else { return true };
            let set = set.body();
            set["status"]["observedGeneration"] == set["metadata"]["generation"]
        };
        if !self.server.await_cache(up_to_date).await {
            return Err(Error::Waiting("the StatefulSet controller has not seen the change yet".to_owned()));
        }
        self.remove_pod(cluster, node, None).await
    }

    /// Nobody is to go on: the StatefulSet goes first, so that it makes no other pod.
    async fn end_broker(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        if let Some(set) = self.seen(cluster, Kind::StatefulSet, &cluster.name) {
            let orphan = PropagationPolicy::Orphan;
            self.server
                .delete(self.namespace(cluster), Kind::StatefulSet, &cluster.name, &set.uid, None, orphan)
                .await?;
            let gone = || self.seen(cluster, Kind::StatefulSet, &cluster.name).is_none();
            self.server.await_cache(gone).await;
        }
        self.remove_pod(cluster, node, Some(END_GRACE_SECONDS)).await
    }

    async fn remove_pod(&self, cluster: &Stored, node: i32, grace_seconds: Option<u32>) -> Result<(), Error> {
        let name = names::pod(&cluster.name, node);
        let Some(seen) = self.seen(cluster, Kind::Pod, &name) else { return Ok(()) };
        let policy = PropagationPolicy::Background;
        self.server
            .delete(self.namespace(cluster), Kind::Pod, &name, &seen.uid, grace_seconds, policy)
            .await?;
        let gone = || self.seen(cluster, Kind::Pod, &name).is_none_or(|now| now.uid != seen.uid);
        self.await_gone(gone, &format!("pod {name}")).await
    }

    async fn await_gone(&self, gone: impl Fn() -> bool, what: &str) -> Result<(), Error> {
        let until = tokio::time::Instant::now() + GONE_WAIT;
        while !self.server.await_cache(&gone).await {
            if tokio::time::Instant::now() >= until {
                return Err(Error::Waiting(format!("{what} is asked to go but is still there")));
            }
        }
        Ok(())
    }

    async fn remove_data(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let name = names::claim(&cluster.name, node);
        let Some(seen) = self.seen(cluster, Kind::PersistentVolumeClaim, &name) else { return Ok(()) };
        let policy = PropagationPolicy::Background;
        self.server
            .delete(self.namespace(cluster), Kind::PersistentVolumeClaim, &name, &seen.uid, None, policy)
            .await?;
        let gone = || self.seen(cluster, Kind::PersistentVolumeClaim, &name).is_none();
        self.await_gone(gone, &format!("the volume claim {name}")).await
    }

    /// The claim is only gone when its pod is; the StatefulSet controller then makes both anew. A pod whose node is lost would never
    /// be gone, and is not waited for: nobody needs what it has.
    async fn replace(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let name = names::claim(&cluster.name, node);
        let claim = self.seen(cluster, Kind::PersistentVolumeClaim, &name);
        let policy = PropagationPolicy::Background;
        if let Some(claim) = &claim {
            let kind = Kind::PersistentVolumeClaim;
            self.server.delete(self.namespace(cluster), kind, &name, &claim.uid, None, policy).await?;
        }
        let lost = self.pod(cluster, node).as_ref().and_then(trouble::cause).is_some_and(
            |cause| matches!(cause, trouble::Cause::Told(trouble) if trouble.reason == "NodeLost"),
        );
        self.remove_pod(cluster, node, lost.then_some(0)).await?;
        let gone = || {
            let now = self.seen(cluster, Kind::PersistentVolumeClaim, &name);
            now.map(|now| now.uid.clone()) != claim.as_ref().map(|claim| claim.uid.clone())
        };
        match claim {
            Some(_) => self.await_gone(gone, &format!("the volume claim {name}")).await,
            None => Ok(()),
        }
    }

    async fn release(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        for ((kind, name), seen) in self.objects(cluster)? {
            if kind == Kind::Service && observe::is_of_broker(&cluster.name, &name, node) {
                let policy = PropagationPolicy::Background;
                self.server.delete(self.namespace(cluster), kind, &name, &seen.uid, None, policy).await?;
            }
        }
        let mut db = self.store.begin().await?;
        store::forget_node(&mut db, cluster.id, node).await?;
        db.commit().await.map_err(store::Error::from)?;
        Ok(())
    }

    /// Everything that is left, but for volumes that are to stay. The owner is last, so that a delete which is cut off is found
    /// again.
    async fn remove_rest(&self, cluster: &Stored) -> Result<(), Error> {
        let retain = cluster.spec.kubernetes.as_ref().is_some_and(|pods| pods.storage.retain);
        let stays = |kind: Kind| retain && kind == Kind::PersistentVolumeClaim;
        for ((kind, name), seen) in self.objects(cluster)? {
            if stays(kind) {
                continue;
            }
            if kind == Kind::ConfigMap {
                self.server.drop_finalizers(self.namespace(cluster), kind, &name).await?;
            }
            let policy = PropagationPolicy::Background;
            self.server.delete(self.namespace(cluster), kind, &name, &seen.uid, None, policy).await?;
        }
        let gone = || {
            let left = self.cache.objects(cluster.id).unwrap_or_default();
            left.keys().all(|(kind, _)| stays(*kind))
        };
        self.await_gone(gone, "what was the cluster's").await
    }
}

/// All objects but the ConfigMap, the pods and what is one broker's.
fn shared(of: &Of<'_>, keys: &BTreeMap<String, String>) -> Vec<Desired> {
    let mut objects = vec![
        render::keys(of, keys),
        render::service_account(of),
        render::disruption_budget(of),
        render::network_policy(of),
    ];
    objects.extend(render::cluster_services(of));
    objects.extend(of.settings.pod_monitors.then(|| render::pod_monitor(of)));
    objects
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
        let (owner, image) = (self.owner(cluster), self.image(cluster));
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

    /// Why a pod does not serve, with the end of its log where that says more.
    async fn trouble(&self, pod: &k8s_openapi::api::core::v1::Pod) -> Option<crate::domain::pods::Trouble> {
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

/// Logs of crashed containers that are kept so that they are not read again at every look.
const CRASH_LOGS_MAX: usize = 1_000;
