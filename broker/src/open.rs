//! Opens what a broker has on its machine: the metadata quorum and the logs.

use std::path::PathBuf;
use std::sync::Arc;

use headrace_disk::Disk;
use headrace_log::{About, DirsError, DirsOptions, LogDirs, TopicId};
use headrace_metadata::{Blocking, Quorum, Voter};
use headrace_protocol::Str;
use headrace_state::metadata::Image;
use headrace_state::metadata::configs::{BrokerDefaults, ConfigError};
use parking_lot::Mutex;

use crate::broker::{Broker, Lifecycle};
use crate::clock::Clock;
use crate::config::{Config, Options, QuorumVoter, Source};
use crate::controller::{ControllerHint, Sessions};
use crate::coordinator::GroupCoordinator;
use crate::handlers::fetch::FetchSessions;
use crate::identity;
use crate::metrics::Metrics;
use crate::net::ConnectionLimits;
use crate::peers::{Network, Peers, QuorumTransport};
use crate::producer_ids::ProducerIds;
use crate::replica::{ReplicaManager, ReplicaOptions, disk_reads, log_config};
use crate::server::Error;

/// The memory that the hot tails of all partitions share, in bytes.
const TAIL_BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// What a broker stands on. A simulation gives its own.
pub(crate) struct Machine {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) blocking: Blocking,
    /// Changes whenever the machine is started. Empty where the system does not tell.
    pub(crate) boot_id: String,
}

/// Opens the quorum and the logs.
pub(crate) async fn open(options: &Options, machine: Machine) -> Result<Arc<Broker>, Error> {
    let Machine { clock, disk, network, blocking, boot_id } = machine;
    let config = &options.config;
    let cluster_id: Str = identity::cluster_id(&*disk, config)
        .map_err(|source| Error::Io { doing: "reading meta.properties in log.dirs", source })?
        .into();
    let peers = Peers::new(network, config.node_id);
    let sessions = Arc::new(Sessions::default());
    let transport =
        QuorumTransport { peers: peers.clone(), sessions: Arc::clone(&sessions), clock: Arc::clone(&clock) };
    let metadata = Quorum::start(quorum_options(options, &cluster_id, transport, &disk, &blocking)).await?;
    let defaults = Arc::new(broker_defaults(options)?);
    let (dirs, report) = {
        let (config, cluster_id) = (config.clone(), cluster_id.clone());
        let (image, defaults) = (metadata.image(), Arc::clone(&defaults));
        let now_ms = clock.now_ms();
        let disk = Arc::clone(&disk);
        blocking.run(move || open_logs(&disk, &config, &cluster_id, &image, &defaults, now_ms)).await??
    };
    let replicas = ReplicaManager::new(ReplicaOptions {
        node_id: config.node_id,
        clock: Arc::clone(&clock),
        dirs,
        defaults: Arc::clone(&defaults),
        has_lost_records: report.damaged > 0,
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
        disk_reads: disk_reads(&blocking),
        disk,
        blocking,
        boot_id,
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
    disk: &Arc<dyn Disk>,
    blocking: &Blocking,
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
        disk: Arc::clone(disk),
        blocking: blocking.clone(),
        ..alone
    }
}

pub(crate) fn metadata_dir(config: &Config) -> PathBuf {
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
    disk: &Arc<dyn Disk>,
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
    let about = |partition: &headrace_log::TopicPartition| {
        let known = image.partition(&partition.topic, partition.partition);
        About {
            config: log_config(&image.topic_config(&partition.topic, defaults)),
            directory_id: known.and_then(|known| known.directory_of(config.node_id)).map(|id| TopicId(id.0)),
            leader_epoch: known.map(|known| known.leader_epoch),
        }
    };
    let (dirs, report) = LogDirs::open(disk, options, &about, &mut rand::random, now_ms)?;
    for (path, reason) in &report.failed {
        tracing::error!(path = %path.display(), %reason, "a log directory or partition cannot be used");
    }
    if report.recovered > 0 {
        tracing::warn!(partitions = report.recovered, "the last stop was not clean: logs were recovered");
    }
    Ok((dirs, report))
}
