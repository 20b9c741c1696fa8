//! Starting and stopping: ports first (a taken one is said before anything is opened), then the quorum, the logs, the other brokers, the
//! registration, and last the clients. Stopping goes the other way: leaderships are handed over first.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use headrace_log::{DirsError, DirsOptions, LogConfig, LogDirs, RealDisk};
use headrace_metadata::{Quorum, StartError, Voter};
use headrace_protocol::Str;
use headrace_protocol::messages::broker_registration::Listener;
use headrace_state::metadata::Image;
use headrace_state::metadata::configs::{BrokerDefaults, ConfigError};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::background::Background;
use crate::broker::{Broker, Leadership, Lifecycle};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ListenerConfig, Options, QuorumVoter, Source};
use crate::controller::{self, ControllerHint, Sessions};
use crate::coordinator::GroupCoordinator;
use crate::handlers::fetch::FetchSessions;
use crate::metrics::Metrics;
use crate::net::{self, BoundListener, ConnectionLimits};
use crate::peers::{Peers, QuorumTransport, TcpNetwork};
use crate::producer_ids::ProducerIds;
use crate::registration::{self, Refused};
use crate::replica::{self, HelperThreads, LeadershipListener, ReplicaManager, ReplicaOptions, log_config};
use crate::{admin, identity};

/// Threads per io thread that read from disk or apply metadata; they end when idle.
const HELPER_THREADS_MAX: usize = 4;
const HELPER_IDLE: Duration = Duration::from_secs(2);
/// The memory that the hot tails of all partitions share, in bytes.
const TAIL_BUDGET_BYTES: usize = 64 * 1024 * 1024;
/// How long others may take to take over what this broker leads, before it stops anyway.
const LET_GO_TIMEOUT: Duration = Duration::from_secs(20);
/// After how long without a controller nobody is waited for any more.
const NO_CONTROLLER_MS_MAX: u64 = 3_000;
/// How long the metadata quorum may take to elect another leader when this one stops.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a stop looks whether the connections have ended.
const DRAIN_LOOK: Duration = Duration::from_millis(10);
/// How often replicas that could not be opened are tried again.
const OFFLINE_RETRY: Duration = Duration::from_secs(2);

/// Why the broker could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port is taken, or an address is not this machine's.
    #[error(
        "cannot listen on {host}:{port} for {listener}: {source}; see `listeners` and `headrace.admin.listener`"
    )]
    Listen {
        /// The listener's name.
        listener: String,
        /// Where it was to listen.
        host: String,
        /// Where it was to listen.
        port: u16,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused a thread or a file.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A topic default in the configuration is not valid.
    #[error("the configuration's defaults for topics are not valid: {0}")]
    Defaults(#[from] ConfigError),
    /// The quorum's directory cannot be used.
    #[error(transparent)]
    Quorum(#[from] StartError),
    /// The log directories cannot be used.
    #[error(transparent)]
    Logs(#[from] DirsError),
    /// The cluster does not take this process, or takes it no longer.
    #[error("{0}")]
    Refused(String),
    /// A start-up task panicked.
    #[error("start-up failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// Runs a broker until `shutdown` resolves, then stops it cleanly.
pub async fn run(options: Options, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let started_ns = clock.monotonic_ns();
    for (key, _) in &options.unused {
        tracing::warn!(%key, "this configuration key of Kafka's changes nothing in this broker");
    }
    for key in &options.unknown_keys {
        tracing::warn!(%key, "this configuration key means nothing to this broker and is ignored");
    }
    let listeners = options
        .listeners
        .iter()
        .map(|listener| bind(&options.config, listener))
        .collect::<Result<Vec<_>, _>>()?;
    let admin = match &options.admin {
        Some(address) => Some(admin::bind(address).map_err(|source| Error::Listen {
            listener: "the admin port".to_owned(),
            host: address.host.clone(),
            port: address.port,
            source,
        })?),
        None => None,
    };
    let io = IoThreads::start(options.config.headrace_io_threads)?;
    let broker = open(&options, &io, clock).await?;
    let background = Background::start(&broker)
        .map_err(|source| Error::Io { doing: "starting the background threads", source })?;
    let mut servers = Servers { io: &io, next: Arc::default() };
    let (inner, outer): (Vec<_>, Vec<_>) = listeners.into_iter().partition(|listener| {
        broker.config.inter_broker_listener_name.as_deref() == Some(listener.name.as_str())
    });
    let advertised: Vec<_> = inner.iter().chain(&outer).map(advertise).collect();
    // The quorum needs the others before it has a leader, and a leader before anybody can register.
    inner.into_iter().for_each(|listener| servers.serve(&broker, listener));
    if let Some(listener) = admin {
        io.first().spawn(admin::serve(Arc::clone(&broker), listener));
    }
    io.first().spawn(controller::service::run(Arc::clone(&broker)));
    io.first().spawn(replica::isr::run(Arc::clone(&broker)));
    let mut shutdown = std::pin::pin!(shutdown);
    let life = {
        let broker = Arc::clone(&broker);
        let first = io.first().clone();
        let life = io.first().spawn(async move { live(&broker, advertised, &first).await });
        async move { life.await.unwrap_or_else(|error| Refused::Registration(error.to_string())) }
    };
    let mut life = std::pin::pin!(life);
    let ended = tokio::select! {
        () = &mut shutdown => None,
        refused = &mut life => Some(refused),
        () = broker.lifecycle.unfenced() => {
            outer.into_iter().for_each(|listener| servers.serve(&broker, listener));
            broker.lifecycle.ready.store(true, Ordering::Release);
            let elapsed_ms = (broker.clock.monotonic_ns() - started_ns) / 1_000_000;
            tracing::info!(node = broker.node_id(), cluster = %broker.cluster_id, elapsed_ms, "the broker serves");
            tokio::select! {
                () = &mut shutdown => None,
                refused = &mut life => Some(refused),
            }
        }
    };
    if ended.is_none() {
        hand_over(&broker).await;
    }
    stop(&broker, background, io).await;
    ended.map_or(Ok(()), |refused| Err(Error::Refused(refused.to_string())))
}

/// Registers, follows the metadata and sends heartbeats. Returns only if this process must not go on.
async fn live(broker: &Arc<Broker>, advertised: Vec<Listener>, io: &Handle) -> Refused {
    if let Err(refused) = registration::register(broker, &advertised).await {
        return refused;
    }
    // The first image is applied before clients come.
    let _ = watch_image(broker, io).await;
    let strays = {
        let broker = Arc::clone(broker);
        tokio::task::spawn_blocking(move || broker.replicas.delete_strays(&broker.image()))
    };
    if let Err(error) = strays.await {
        tracing::error!(%error, "what no longer belongs here could not be deleted");
    }
    registration::heartbeats(Arc::clone(broker), advertised).await
}

/// Lets others take over: what this broker leads first, the lead of the metadata quorum last.
async fn hand_over(broker: &Arc<Broker>) {
    if !broker.is_ready() || broker.image().live_brokers().count() <= 1 {
        return;
    }
    let taken_over = tokio::select! {
        () = broker.lifecycle.let_go() => true,
        () = tokio::time::sleep(LET_GO_TIMEOUT) => false,
        () = nobody_decides(broker) => false,
    };
    if !taken_over {
        tracing::warn!("not everything that this broker leads was taken over");
    }
    if let Err(error) = broker.metadata.transfer_leadership(None, HAND_OVER_TIMEOUT).await {
        tracing::warn!(%error, "the lead of the metadata quorum was not handed over");
    }
}

/// Resolves once there has been no controller for so long that there is none to come: the others have stopped too.
async fn nobody_decides(broker: &Broker) {
    let mut since_ms = broker.clock.monotonic_ms();
    while broker.clock.monotonic_ms().saturating_sub(since_ms) < NO_CONTROLLER_MS_MAX {
        if broker.metadata.leader().is_some() {
            since_ms = broker.clock.monotonic_ms();
        }
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

/// A listener as the registration names it.
fn advertise(listener: &BoundListener) -> Listener {
    Listener {
        name: listener.name.clone(),
        host: listener.advertised.host.as_str().into(),
        port: listener.advertised.port,
        security_protocol: 0,
    }
}

fn bind(config: &Config, listener: &ListenerConfig) -> Result<BoundListener, Error> {
    net::bind(config, listener).map_err(|source| Error::Listen {
        listener: listener.name.clone(),
        host: listener.bind.host.clone(),
        port: listener.bind.port,
        source,
    })
}

/// Opens the quorum and the logs.
async fn open(options: &Options, io: &IoThreads, clock: Arc<dyn Clock>) -> Result<Arc<Broker>, Error> {
    let config = &options.config;
    let cluster_id: Str = identity::cluster_id(config)
        .map_err(|source| Error::Io { doing: "reading meta.properties in log.dirs", source })?
        .into();
    let peers = Peers::new(Arc::new(TcpNetwork::new(io.first().clone(), config.node_id)), config.node_id);
    let sessions = Arc::new(Sessions::default());
    let transport =
        QuorumTransport { peers: peers.clone(), sessions: Arc::clone(&sessions), clock: Arc::clone(&clock) };
    let metadata = Quorum::start(quorum_options(options, &cluster_id, transport)).await?;
    let defaults = Arc::new(broker_defaults(options)?);
    let (dirs, report) = {
        let (config, cluster_id) = (config.clone(), cluster_id.clone());
        let (image, defaults) = (metadata.image(), Arc::clone(&defaults));
        let now_ms = clock.now_ms();
        io.first()
            .spawn_blocking(move || open_logs(&config, &cluster_id, &image, &defaults, now_ms))
            .await??
    };
    let replicas = ReplicaManager::new(ReplicaOptions {
        node_id: config.node_id,
        clock: Arc::clone(&clock),
        dirs,
        defaults: Arc::clone(&defaults),
        high_watermarks: report.high_watermarks,
    });
    let servers = options.joining.voters.iter().filter(|voter| voter.id != config.node_id);
    let servers = servers.map(|voter| voter.address.clone()).chain(options.joining.servers.iter().cloned());
    Ok(Arc::new(Broker {
        cluster_id,
        peers,
        sessions,
        controller_hint: Mutex::new(ControllerHint::new(servers.collect())),
        started_ms: clock.now_ms(),
        metadata,
        defaults,
        replicas,
        disk_reads: Box::new(HelperThreads),
        fetch_sessions: FetchSessions::new(config.max_incremental_fetch_session_cache_slots),
        groups: GroupCoordinator::new(config, Arc::clone(&clock)),
        producer_ids: ProducerIds::default(),
        metrics: Metrics::default(),
        limits: ConnectionLimits::new(config.max_connections, config.max_connections_per_ip),
        lifecycle: Lifecycle::default(),
        config: config.clone(),
        clock,
    }))
}

fn quorum_options(
    options: &Options,
    cluster_id: &Str,
    transport: QuorumTransport,
) -> headrace_metadata::Options {
    let (config, joining) = (&options.config, &options.joining);
    let voter = |voter: &QuorumVoter| Voter { node_id: voter.id, address: voter.address.clone() };
    let alone = headrace_metadata::Options::single(config.node_id, cluster_id.clone(), metadata_dir(config));
    headrace_metadata::Options {
        voters: if joining.voters.is_empty() && joining.servers.is_empty() {
            alone.voters.clone()
        } else {
            joining.voters.iter().map(voter).collect()
        },
        transport: Arc::new(transport),
        ..alone
    }
}

fn metadata_dir(config: &Config) -> PathBuf {
    match (&config.metadata_log_dir, config.log_dirs.first()) {
        (Some(dir), _) => PathBuf::from(dir),
        (None, first) => PathBuf::from(first.map_or(".", String::as_str)).join("__cluster_metadata"),
    }
}

/// What was set (not what is Kafka's default anyway), for the controller functions.
fn broker_defaults(options: &Options) -> Result<BrokerDefaults, ConfigError> {
    let config = &options.config;
    let unused =
        options.unused.iter().map(|(key, value)| (Str::from(key.as_str()), Str::from(value.as_str())));
    let set = config
        .entries()
        .filter(|(_, _, source)| *source == Source::Static)
        .filter_map(|(key, value, _)| Some((Str::from_static(key.name), Str::from(value?))));
    BrokerDefaults::new(config.node_id, set.chain(unused))
}

fn open_logs(
    config: &Config,
    cluster_id: &Str,
    image: &Image,
    defaults: &BrokerDefaults,
    now_ms: i64,
) -> Result<(LogDirs, headrace_log::OpenReport), DirsError> {
    let options = DirsOptions {
        dirs: config.log_dirs.iter().map(PathBuf::from).collect(),
        cluster_id: cluster_id.to_string(),
        node_id: config.node_id,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        tail_budget_bytes: TAIL_BUDGET_BYTES,
    };
    let config_for = |partition: &headrace_log::TopicPartition| -> LogConfig {
        log_config(&image.topic_config(&partition.topic, defaults))
    };
    let (dirs, report) = LogDirs::open(RealDisk::shared(), options, &config_for, &mut rand::random, now_ms)?;
    for (path, reason) in &report.failed {
        tracing::error!(path = %path.display(), %reason, "a log directory or partition cannot be used");
    }
    if report.recovered > 0 {
        tracing::warn!(partitions = report.recovered, "the last stop was not clean: logs were recovered");
    }
    Ok((dirs, report))
}

/// Keeps this broker's partitions as the newest image says; the answer comes when the first image is applied.
fn watch_image(broker: &Arc<Broker>, io: &Handle) -> oneshot::Receiver<()> {
    let (first, ready) = oneshot::channel();
    let broker = Arc::clone(broker);
    io.spawn(async move {
        let mut first = Some(first);
        let mut images = broker.metadata.watch();
        let mut stopping = broker.stopping();
        let leadership: Arc<dyn LeadershipListener> = Arc::new(Leadership(Arc::clone(&broker)));
        let mut before = Arc::new(Image::empty());
        loop {
            let image = images.borrow_and_update().clone();
            let applying = {
                let (broker, leadership) = (Arc::clone(&broker), Arc::clone(&leadership));
                let (before, image) = (Arc::clone(&before), Arc::clone(&image));
                // Making and deleting directories blocks.
                tokio::task::spawn_blocking(move || broker.replicas.apply(&before, &image, &*leadership))
            };
            match applying.await {
                Ok(concerned) => broker.replicas.fetchers.update(&broker, &concerned),
                Err(error) => tracing::error!(%error, "a metadata change could not be applied"),
            }
            before = image;
            if let Some(first) = first.take() {
                // Whoever asked may have gone; then nobody needs to know.
                let _ = first.send(());
            }
            tokio::select! {
                changed = images.changed() => if changed.is_err() { return },
                // Whatever kept them from being opened, a full disk for one, may be over.
                () = tokio::time::sleep(OFFLINE_RETRY), if broker.replicas.offline_count() > 0 => {}
                () = stopping.stopped() => return,
            }
        }
    });
    ready
}

/// Accepts connections and spreads them over the io threads.
struct Servers<'a> {
    io: &'a IoThreads,
    next: Arc<AtomicUsize>,
}

impl Servers<'_> {
    fn serve(&mut self, broker: &Arc<Broker>, listener: BoundListener) {
        let (name, address) = (listener.name.clone(), listener.local);
        tracing::info!(listener = %name, %address, advertised = %listener.advertised, "listening");
        self.io.first().spawn(net::accept_loop(
            Arc::clone(broker),
            listener,
            Arc::clone(&self.io.handles),
            Arc::clone(&self.next),
        ));
    }
}

/// Answers who waits, drains, forces everything to disk, marks the stop as clean.
async fn stop(broker: &Arc<Broker>, background: Background, io: IoThreads) {
    tracing::info!("stopping");
    broker.begin_stop();
    let grace = Duration::from_millis(broker.config.headrace_shutdown_grace_ms.unsigned_abs());
    let drained = async {
        while broker.metrics.connections.get() > 0 {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    if tokio::time::timeout(grace, drained).await.is_err() {
        tracing::warn!("connections were still busy when the time for stopping was over");
    }
    let io_first = io.first().clone();
    let closing = {
        let broker = Arc::clone(broker);
        io_first.spawn_blocking(move || {
            background.stop();
            let now_ms = broker.clock.now_ms();
            broker.replicas.dirs().shutdown(&broker.replicas.high_watermarks(), now_ms)
        })
    };
    match closing.await {
        Ok(Ok(())) => registration::note_incarnation(broker, true),
        Ok(Err(error)) => {
            tracing::error!(%error, "the logs could not be closed cleanly; the next start will recover them");
        }
        Err(error) => tracing::error!(%error, "closing the logs failed"),
    }
    broker.metadata.shutdown().await;
    io.stop();
    tracing::info!("stopped");
}

/// The threads that serve connections, each with a runtime of its own.
struct IoThreads {
    handles: Arc<[Handle]>,
    threads: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl IoThreads {
    fn start(configured: i32) -> Result<Self, Error> {
        let count = match usize::try_from(configured) {
            Ok(count) if count > 0 => count,
            _ => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let failed = |source| Error::Io { doing: "starting an io thread", source };
        let mut handles = Vec::new();
        let mut threads = Vec::new();
        for at in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(HELPER_THREADS_MAX)
                .thread_keep_alive(HELPER_IDLE)
                .thread_name("headrace-help")
                .build()
                .map_err(failed)?;
            handles.push(runtime.handle().clone());
            let (stop, stopped) = oneshot::channel::<()>();
            let thread = std::thread::Builder::new()
                .name(format!("headrace-io-{at}"))
                .spawn(move || {
                    // An error means that the broker is gone, which ends the thread too.
                    let _ = runtime.block_on(stopped);
                    runtime.shutdown_background();
                })
                .map_err(failed)?;
            threads.push((stop, thread));
        }
        Ok(Self { handles: handles.into(), threads })
    }

    /// The one that also accepts, serves the admin port and follows the metadata.
    fn first(&self) -> &Handle {
        &self.handles[0]
    }

    fn stop(self) {
        let (stops, threads): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
        drop(stops);
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("an io thread panicked");
            }
        }
    }
}
