//! The broker as its handlers see it: configuration, clock, metadata, replicas, coordinators, counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use headrace_disk::Disk;
use headrace_metadata::Blocking;
use headrace_protocol::{ErrorCode, Str, Uuid};
use headrace_state::metadata::configs::BrokerDefaults;
use headrace_state::metadata::controller::{Context as ControllerContext, Limits};
use headrace_state::metadata::{Endpoint, Image};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::{Config, ListenerAddress};
use crate::controller::{ControllerHint, Sessions};
use crate::coordinator::GroupCoordinator;
use crate::handlers::fetch::FetchSessions;
use crate::handlers::topics::{self, OFFSETS_TOPIC};
use crate::metrics::Metrics;
use crate::net::ConnectionLimits;
use crate::peers::Peers;
use crate::producer_ids::ProducerIds;
use crate::replica::{DiskReads, LeadershipListener, Partition, ReplicaManager};

/// Everything that is there once per broker.
pub(crate) struct Broker {
    pub(crate) config: Config,
    pub(crate) cluster_id: Str,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started_ms: i64,
    pub(crate) metadata: headrace_metadata::Handle,
    /// The other brokers.
    pub(crate) peers: Peers,
    /// Which of them live: kept while this node is the controller.
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) controller_hint: Mutex<ControllerHint>,
    /// The file's part of the configuration, as the controller functions want it.
    pub(crate) defaults: Arc<BrokerDefaults>,
    pub(crate) replicas: ReplicaManager,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) blocking: Blocking,
    /// Of the machine: changes whenever it is started.
    pub(crate) boot_id: String,
    pub(crate) disk_reads: Box<dyn DiskReads>,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) groups: GroupCoordinator,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Arc<ConnectionLimits>,
    pub(crate) lifecycle: Lifecycle,
}

/// Where the broker is between start and stop.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    pub(crate) epoch: AtomicI64,
    /// When the controller last took a heartbeat, in milliseconds of the monotonic clock.
    pub(crate) heard_ms: AtomicU64,
    pub(crate) ready: AtomicBool,
    /// What the controller last said; a broker begins fenced.
    fenced: watch::Sender<bool>,
    wants_to_go: watch::Sender<bool>,
    /// The controller has moved away what this broker led.
    pub(crate) may_go: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
    connections: AtomicU64,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            epoch: AtomicI64::new(-1),
            heard_ms: AtomicU64::new(0),
            ready: AtomicBool::new(false),
            fenced: watch::Sender::new(true),
            wants_to_go: watch::Sender::new(false),
            may_go: watch::Sender::new(false),
            stopping: watch::Sender::new(false),
            connections: AtomicU64::new(0),
        }
    }
}

impl Lifecycle {
    pub(crate) fn set_fenced(&self, fenced: bool) {
        self.fenced.send_if_modified(|known| std::mem::replace(known, fenced) != fenced);
    }

    /// Resolves once the controller lets this broker serve.
    pub(crate) async fn unfenced(&self) {
        // The sender lives as long as `self`.
        let _ = self.fenced.subscribe().wait_for(|fenced| !*fenced).await;
    }

    pub(crate) fn wants_to_go(&self) -> watch::Receiver<bool> {
        self.wants_to_go.subscribe()
    }

    /// Asks the controller to move away what this broker leads; resolves once that is done.
    pub(crate) async fn let_go(&self) {
        self.wants_to_go.send_replace(true);
        let _ = self.may_go.subscribe().wait_for(|may_go| *may_go).await;
    }
}

/// Resolves when the broker begins to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(crate) async fn stopped(&mut self) {
        // An error means that the broker is gone, which is a stop too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

impl Broker {
    pub(crate) fn node_id(&self) -> i32 {
        self.config.node_id
    }

    pub(crate) fn cluster_id(&self) -> Str {
        self.cluster_id.clone()
    }

    /// Whether others may lead by now what this broker leads: the controller has not been heard of for half a session.
    pub(crate) fn may_be_replaced(&self) -> bool {
        let silent_ms =
            self.clock.monotonic_ms().saturating_sub(self.lifecycle.heard_ms.load(Ordering::Relaxed));
        Duration::from_millis(silent_ms) > self.half_a_session()
    }

    pub(crate) fn half_a_session(&self) -> Duration {
        Duration::from_millis(u64::from(self.config.broker_session_timeout_ms.unsigned_abs())) / 2
    }

    /// The epoch of this broker's registration.
    pub(crate) fn epoch(&self) -> i64 {
        self.lifecycle.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn image(&self) -> Arc<Image> {
        self.metadata.image()
    }

    /// Where a broker is reached by those who came by this listener.
    pub(crate) fn endpoint(&self, image: &Image, node_id: i32, listener: &str) -> Option<(Str, i32)> {
        let endpoint = image.broker(node_id)?.endpoint(listener)?;
        Some((endpoint.host.clone(), i32::from(endpoint.port)))
    }

    /// HOST:PORT of the listener that brokers use among themselves, if there is one.
    pub(crate) fn inter_broker_endpoint(&self, endpoints: &[Endpoint]) -> Option<String> {
        let name = self.config.inter_broker_listener_name.as_deref()?;
        let endpoint = endpoints.iter().find(|endpoint| endpoint.listener.as_str() == name)?;
        let (host, port) = (endpoint.host.to_string(), endpoint.port);
        Some(ListenerAddress { host, port }.to_string())
    }

    /// Where the controller is to be asked, as far as this broker knows.
    pub(crate) fn controller_address(&self) -> Option<String> {
        match self.metadata.leader_address() {
            Some((id, address)) if id != self.node_id() && !address.is_empty() => Some(address),
            _ => self.controller_hint.lock().address(),
        }
    }

    /// Waits (not for ever) until this broker's partitions are as the metadata log says at `offset`.
    pub(crate) async fn has_seen(&self, offset: u64) {
        let mut images = self.metadata.watch();
        let seen = async {
            // An error means that the quorum has stopped.
            let _ = images.wait_for(|image| image.offset() >= offset).await;
        };
        if tokio::time::timeout(topics::APPLY_TIMEOUT, seen).await.is_err() {
            tracing::warn!(offset, "a metadata change takes long to reach this broker");
        }
    }

    pub(crate) fn next_connection_id(&self) -> u64 {
        self.lifecycle.connections.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.lifecycle.ready.load(Ordering::Acquire) && !self.is_stopping()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.lifecycle.stopping.borrow()
    }

    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(self.lifecycle.stopping.subscribe())
    }

    /// Begins the stop: no new connections, idle ones close, whoever waits is answered.
    pub(crate) fn begin_stop(&self) {
        self.lifecycle.stopping.send_replace(true);
        self.groups.shutdown();
        self.replicas.wake_all();
    }

    /// What a controller function is given; enough ids for so many new topics.
    pub(crate) fn controller_context(&self, topics: usize) -> ControllerContext {
        ControllerContext {
            seed: rand::random(),
            topic_ids: (0..topics).map(|_| Uuid::from_random(rand::random())).collect(),
            defaults: Arc::clone(&self.defaults),
            limits: Limits::default(),
        }
    }

    /// Makes an internal topic if it is missing, and returns once its partitions are here.
    pub(crate) async fn ensure_internal_topic(self: &Arc<Self>, name: &str) -> Result<(), ErrorCode> {
        if self.image().topic(name).is_some() {
            return Ok(());
        }
        match topics::create(self, vec![name.into()]).await.first() {
            None => Ok(()),
            Some((_, code)) => Err(*code),
        }
    }

    pub(crate) fn group_counts(&self) -> Vec<(&'static str, usize)> {
        self.groups.group_counts()
    }
}

/// Tells the coordinators about the partitions they live on.
pub(crate) struct Leadership(pub(crate) Arc<Broker>);

impl LeadershipListener for Leadership {
    fn on_elected(&self, partition: &Arc<Partition>, leader_epoch: i32) {
        if partition.topic().as_str() == OFFSETS_TOPIC {
            self.0.groups.on_elected(&self.0, partition, leader_epoch);
        }
    }

    fn on_resigned(&self, partition: &Arc<Partition>) {
        if partition.topic().as_str() == OFFSETS_TOPIC {
            self.0.groups.on_resigned(partition.index());
        }
    }

    fn on_topics_deleted(&self, topics: &[Str]) {
        self.0.groups.on_topics_deleted(&self.0, topics);
    }
}
