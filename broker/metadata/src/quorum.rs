//! Starts a node of the quorum, and gives the [`Handle`] by which everybody else uses it.
//!
//! The node runs on a thread of its own (a single-threaded tokio runtime for raft and the proposer), its disk writes
//! on a second one; in a simulation both are tasks of the caller's runtime. Callers on any other runtime only pass messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::{BasicNode, Config, ReadPolicy, SnapshotPolicy};
use tokio::sync::{mpsc, oneshot, watch};

use crate::blocking::Blocking;
use crate::directory::{Directory, DirectoryError};
use crate::handle::{Handle, Inner};
use crate::log_store::LogStore;
use crate::members::Members;
use crate::network::{Network, Receiver, SILENT_LEASES, View};
use crate::options::{Options, Voter};
use crate::proposer::{Proposer, QUEUE_MAX};
use crate::state_machine::{Place, Published, StateMachine};
use crate::status::{leadership, tell_leadership};
use crate::types::{Metrics, Raft, kafka_id, wire_id};
use crate::wal::WalError;

/// How long a single voter may take from its files to leadership.
const START_MAX: Duration = Duration::from_secs(60);
/// How long raft may take to stop before its thread ends without it.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Entries that stay behind a snapshot, so that a follower that is a little late needs no snapshot.
const ENTRIES_BEHIND_SNAPSHOT: u64 = 1000;
/// Entries in one message to a follower; the log store bounds their bytes.
const ENTRIES_PER_MESSAGE_MAX: u64 = 300;
/// How long a leader waits before it tries an unreachable node again. The last goes on for good, so that a node that
/// comes back is served within that time.
const BACKOFF: &str = "100ms 200ms 400ms ...500ms";

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Journal(#[from] WalError),
    #[error("the metadata quorum's options are wrong: {0}")]
    Options(String),
    #[error("the metadata quorum did not start: {0}")]
    Raft(String),
    #[error("the metadata quorum of one did not elect itself within {} s; is the disk stuck?", START_MAX.as_secs())]
    NoLeader,
    #[error("cannot start the metadata quorum's thread: {0}")]
    Thread(std::io::Error),
}

/// Starts nodes.
#[derive(Clone, Copy, Debug)]
pub struct Quorum;

impl Quorum {
    /// Starts this node from its directory. A single voter is leader, and its image complete, when this returns; one
    /// of several, or one that is yet to be added, only runs.
    ///
    /// Boxed here, so that all of raft is compiled in this crate and not again in each that waits for it.
    pub fn start(options: Options) -> BoxFuture<'static, Result<Handle, StartError>> {
        Self::begin(options).boxed()
    }

    async fn begin(options: Options) -> Result<Handle, StartError> {
        if options.node_id < 0 || options.voters.iter().any(|voter| voter.node_id < 0) {
            return Err(StartError::Options("a node id must not be negative".to_owned()));
        }
        let (started, answer) = oneshot::channel();
        if matches!(options.blocking, Blocking::Inline(_)) {
            tokio::spawn(run(options, started));
            return answer.await.unwrap_or_else(|_| Err(StartError::Raft("its task ended".to_owned())));
        }
        std::thread::Builder::new()
            .name("metadata".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .max_blocking_threads(2)
                    .build();
                match runtime {
                    Ok(runtime) => runtime.block_on(run(options, started)),
                    // The caller may have gone; there is nothing to undo.
                    Err(error) => drop(started.send(Err(StartError::Thread(error)))),
                }
            })
            .map_err(StartError::Thread)?;
        answer
            .await
            .unwrap_or_else(|_| Err(StartError::Raft("its thread ended; the log says why".to_owned())))
    }
}

/// A node's whole life.
async fn run(options: Options, started: oneshot::Sender<Result<Handle, StartError>>) {
    let (stop, mut stop_asked) = watch::channel(false);
    let (gone, stopped) = watch::channel(());
    let (jobs, queue) = mpsc::channel(QUEUE_MAX);
    let published = Published::new();
    let Opened { directory, log, raft, network, began_empty } = match open(&options, &published).await {
        Ok(parts) => parts,
        Err(error) => return drop(started.send(Err(error))),
    };
    let members = Arc::new(Members::new(raft.clone(), network, options.timing));
    let (tell, told) = watch::channel(leadership(&raft.metrics().borrow_watched()));
    let inner = Inner {
        node_id: options.node_id,
        raft: raft.clone(),
        receiver: Receiver::new(
            raft.clone(),
            wire_id(options.node_id),
            options.cluster_id.as_str().into(),
            began_empty,
        ),
        published: Arc::clone(&published),
        members: Arc::clone(&members),
        leadership: told,
        runtime: tokio::runtime::Handle::current(),
        jobs,
        stop,
        stopped,
    };
    // The thread must not keep its own handle alive: it ends when all others are gone.
    if started.send(Ok(Handle::new(inner))).is_ok() {
        tokio::select! {
            () = Proposer::new(raft.clone(), published, queue).run() => {}
            () = tick_while_not_alone(&raft) => {}
            () = tell_leadership(&raft, &tell) => {}
            () = members.look_after() => {}
            // An error means that all handles are gone.
            _ = stop_asked.wait_for(|&stop| stop) => {}
        }
    }
    tell.send_modify(|told| told.leader = None);
    if tokio::time::timeout(STOP_MAX, raft.shutdown()).await.is_err() {
        tracing::warn!("the metadata quorum did not stop in time; its journal is closed anyway");
    }
    log.close().await;
    drop(directory);
    drop(gone);
}

struct Opened {
    directory: Directory,
    log: LogStore,
    raft: Raft,
    network: Network,
    /// Whether there was nothing in the files.
    began_empty: bool,
}

/// Opens the files and starts raft on them.
async fn open(options: &Options, published: &Arc<Published>) -> Result<Opened, StartError> {
    fn failed(error: impl std::fmt::Display) -> StartError {
        StartError::Raft(error.to_string())
    }
    let Options { disk, blocking, dir, .. } = options;
    let directory = Directory::open(&**disk, dir, &options.cluster_id, options.node_id)?;
    let log = LogStore::open(Arc::clone(disk), blocking, dir)?;
    let config = config(options).validate().map_err(|e| StartError::Options(e.to_string()))?;
    let view = Arc::new(View::new(options.timing));
    let network = Network {
        transport: Arc::clone(&options.transport),
        cluster_id: options.cluster_id.as_str().into(),
        view: Arc::clone(&view),
    };
    let id = wire_id(options.node_id);
    let place = Place { disk: Arc::clone(disk), blocking: blocking.clone(), dir: dir.clone() };
    let machine = StateMachine::new(place, Arc::clone(published));
    let raft =
        Raft::new(id, Arc::new(config), network.clone(), log.clone(), machine).await.map_err(failed)?;
    view.follow(raft.metrics());
    let is_new = !raft.is_initialized().await.map_err(failed)?;
    if is_new && options.voters.iter().any(|voter| voter.node_id == options.node_id) {
        let node = |voter: &Voter| (wire_id(voter.node_id), BasicNode { addr: voter.address.clone() });
        let members: BTreeMap<u64, BasicNode> = options.voters.iter().map(node).collect();
        raft.initialize(members).await.map_err(failed)?;
    }
    // Asked of raft itself: what its metrics show may lag behind the initialization.
    let voters =
        raft.with_raft_state(|state| state.membership_state.effective().voter_ids().collect::<Vec<_>>());
    if voters.await.map_err(failed)? == [id] {
        if !is_new {
            // Nobody to wait for, so no election timeout. A new node has elected itself when it was initialized.
            raft.trigger().elect(false).await.map_err(failed)?;
        }
        let leads = |metrics: &Metrics| leadership(metrics).leader == Some(kafka_id(id));
        let elected = raft.wait(Some(START_MAX)).metrics(leads, "a single voter leads").await;
        elected.map_err(|_| StartError::NoLeader)?;
        raft.ensure_linearizable(ReadPolicy::ReadIndex).await.map_err(failed)?;
    }
    Ok(Opened { directory, log, raft, network, began_empty: is_new })
}

fn config(options: &Options) -> Config {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Config {
        cluster_name: options.cluster_id.to_string(),
        heartbeat_interval: millis(options.timing.heartbeat),
        election_timeout_min: millis(options.timing.election_min),
        election_timeout_max: millis(options.timing.election_max),
        max_payload_entries: ENTRIES_PER_MESSAGE_MAX,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(options.snapshot_after_entries.max(1)),
        max_in_snapshot_log_to_keep: ENTRIES_BEHIND_SNAPSHOT.min(options.snapshot_after_entries),
        backoff: BACKOFF.to_owned(),
        // The timer runs once there are others, see `tick_while_not_alone`.
        enable_tick: false,
        enable_pre_vote: Some(true),
        quorum_loss_probe_interval: Some(millis(options.timing.election_max * SILENT_LEASES)),
        // A leader sends entries before they are on its own disk. If it led on in the same term after a crash, it
        // could give the place of such an entry to another one, and nobody would notice.
        enable_leader_restore: Some(false),
        ..Config::default()
    }
}

/// Lets raft's timer run only while there are other members: alone there is nobody to send heartbeats to or to miss,
/// and an idle broker should not wake up for nothing.
async fn tick_while_not_alone(raft: &Raft) {
    let mut metrics = raft.server_metrics();
    loop {
        let members = metrics.borrow_watched().membership_config.nodes().count();
        raft.runtime_config().tick(members != 1);
        if metrics.changed().await.is_err() {
            // Raft is gone; what waits for it hears of it elsewhere.
            std::future::pending::<()>().await;
        }
    }
}
