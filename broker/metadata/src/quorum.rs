//! Starts a node of the quorum, and gives the [`Handle`] by which everybody else uses it.
//!
//! The node runs on a thread of its own (a single-threaded tokio runtime for raft and the proposer), its disk writes
//! on a second one. Callers on any other runtime only pass messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headrace_protocol::ErrorCode;
use headrace_state::metadata::{Image, MetadataRecord};
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::{BasicNode, Config, RaftMetrics, ReadPolicy, SnapshotPolicy};
use tokio::sync::{mpsc, oneshot, watch};

use crate::directory::{Directory, DirectoryError};
use crate::log_store::LogStore;
use crate::network::{self, Network, RpcError};
use crate::options::{Options, Voter};
use crate::proposer::{Committed, Job, Prepared, Proposer, QUEUE_MAX, SubmitError};
use crate::state_machine::{Published, StateMachine};
use crate::types::{Raft, TypeConfig};
use crate::wal::WalError;

/// How long a single voter may take from its files to leadership.
const START_MAX: Duration = Duration::from_secs(60);
/// How long raft may take to stop before its thread ends without it.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Entries that stay behind a snapshot, so that a follower that is a little late needs no snapshot.
const ENTRIES_BEHIND_SNAPSHOT: u64 = 1000;
/// Entries in one message to a follower.
const ENTRIES_PER_MESSAGE_MAX: u64 = 300;

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

/// What a node says of the quorum.
#[derive(Clone, Debug, PartialEq)]
pub struct QuorumStatus {
    pub leader: Option<i32>,
    pub term: u64,
    pub last_log_index: Option<u64>,
    pub committed: Option<u64>,
    pub applied: Option<u64>,
    pub voters: Vec<i32>,
    /// An error if the node has stopped, on a bad disk for one.
    pub running: Result<(), String>,
}

/// The metadata quorum, seen from one of its nodes. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    node_id: i32,
    cluster_id: Arc<str>,
    raft: Raft,
    published: Arc<Published>,
    jobs: mpsc::Sender<Job>,
    /// True once somebody asked to stop.
    stop: watch::Sender<bool>,
    /// Closed once the thread has let go of everything.
    stopped: watch::Receiver<()>,
}

/// Starts nodes.
#[derive(Clone, Copy, Debug)]
pub struct Quorum;

impl Quorum {
    /// Starts this node from its directory. A single voter is leader, and its image complete, when this returns; one
    /// of several only runs.
    pub async fn start(options: Options) -> Result<Handle, StartError> {
        if options.node_id < 0 || options.voters.iter().any(|voter| voter.node_id < 0) {
            return Err(StartError::Options("a node id must not be negative".to_owned()));
        }
        if options.voters.is_empty() {
            return Err(StartError::Options("there must be at least one voter".to_owned()));
        }
        let (started, answer) = oneshot::channel();
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
    let (directory, log, raft) = match open(&options, &published).await {
        Ok(parts) => parts,
        Err(error) => return drop(started.send(Err(error))),
    };
    let inner = Inner {
        node_id: options.node_id,
        cluster_id: options.cluster_id.as_str().into(),
        raft: raft.clone(),
        published: Arc::clone(&published),
        jobs,
        stop,
        stopped,
    };
    // The thread must not keep its own handle alive: it ends when all others are gone.
    if started.send(Ok(Handle { inner: Arc::new(inner) })).is_ok() {
        tokio::select! {
            () = Proposer::new(raft.clone(), published, queue).run() => {}
            () = tick_while_not_alone(&raft) => {}
            // An error means that all handles are gone.
            _ = stop_asked.wait_for(|&stop| stop) => {}
        }
    }
    if tokio::time::timeout(STOP_MAX, raft.shutdown()).await.is_err() {
        tracing::warn!("the metadata quorum did not stop in time; its journal is closed anyway");
    }
    log.close().await;
    drop(directory);
    drop(gone);
}

/// Opens the files and starts raft on them.
async fn open(
    options: &Options,
    published: &Arc<Published>,
) -> Result<(Directory, LogStore, Raft), StartError> {
    fn failed(error: impl std::fmt::Display) -> StartError {
        StartError::Raft(error.to_string())
    }
    let directory = Directory::open(&options.dir, &options.cluster_id, options.node_id)?;
    let log = LogStore::open(&options.dir)?;
    let config = config(options).validate().map_err(|e| StartError::Options(e.to_string()))?;
    let network =
        Network { transport: Arc::clone(&options.transport), cluster_id: options.cluster_id.as_str().into() };
    let id = wire_id(options.node_id);
    let machine = StateMachine::new(options.dir.clone(), Arc::clone(published));
    let raft = Raft::new(id, Arc::new(config), network, log.clone(), machine).await.map_err(failed)?;
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
        // The vote shown is the one on disk: the proposer goes by it.
        let leads = |m: &RaftMetrics<TypeConfig>| m.current_leader == Some(id) && m.vote.is_committed();
        let elected = raft.wait(Some(START_MAX)).metrics(leads, "a single voter leads").await;
        elected.map_err(|_| StartError::NoLeader)?;
        raft.ensure_linearizable(ReadPolicy::ReadIndex).await.map_err(failed)?;
    }
    Ok((directory, log, raft))
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
        enable_pre_vote: Some(true),
        ..Config::default()
    }
}

/// Ids are not negative: checked at the start.
fn wire_id(node_id: i32) -> u64 {
    u64::try_from(node_id).unwrap_or(u64::MAX)
}

fn kafka_id(id: u64) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
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

impl Handle {
    /// How long [`Self::run`] and [`Self::submit`] wait at most.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    pub fn node_id(&self) -> i32 {
        self.inner.node_id
    }

    /// The newest image that was applied here. Does not wait.
    pub fn image(&self) -> Arc<Image> {
        self.inner.published.image()
    }

    /// Tells of every new image; some may be skipped.
    pub fn watch(&self) -> watch::Receiver<Arc<Image>> {
        self.inner.published.watch()
    }

    /// Runs a controller function on the leader and answers once its records are committed and applied here. See
    /// the proposer's module for what the function sees.
    pub async fn run<T, F>(&self, function: F) -> Result<T, SubmitError>
    where
        F: FnOnce(&Image) -> (Vec<MetadataRecord>, T) + Send + 'static,
        T: Send + 'static,
    {
        self.run_within(Self::DEADLINE, function).await
    }

    /// [`Self::run`] with a deadline of one's own. After it the change may still take effect.
    pub async fn run_within<T, F>(&self, deadline: Duration, function: F) -> Result<T, SubmitError>
    where
        F: FnOnce(&Image) -> (Vec<MetadataRecord>, T) + Send + 'static,
        T: Send + 'static,
    {
        self.run_committed(deadline, function).await.map(|(_, response)| response)
    }

    /// Commits records as they are.
    pub async fn submit(&self, records: Vec<MetadataRecord>) -> Result<Committed, SubmitError> {
        self.submit_within(Self::DEADLINE, records).await
    }

    /// [`Self::submit`] with a deadline of one's own.
    pub async fn submit_within(
        &self,
        deadline: Duration,
        records: Vec<MetadataRecord>,
    ) -> Result<Committed, SubmitError> {
        self.run_committed(deadline, move |_| (records, ())).await.map(|(committed, ())| committed)
    }

    async fn run_committed<T, F>(
        &self,
        deadline: Duration,
        function: F,
    ) -> Result<(Committed, T), SubmitError>
    where
        F: FnOnce(&Image) -> (Vec<MetadataRecord>, T) + Send + 'static,
        T: Send + 'static,
    {
        let (tell, answer) = oneshot::channel();
        let job: Job = Box::new(move |image| match image {
            Ok(image) => {
                let (records, response) = function(image);
                let answer = Box::new(move |result: Result<Committed, SubmitError>| {
                    // Whoever asked may have stopped waiting.
                    let _ = tell.send(result.map(|committed| (committed, response)));
                });
                Some(Prepared { records, answer })
            }
            Err(error) => {
                let _ = tell.send(Err(error));
                None
            }
        });
        let gone = || SubmitError::Stopped("this broker is shutting down".to_owned());
        let wait = async {
            self.inner.jobs.send(job).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        };
        tokio::time::timeout(deadline, wait).await.unwrap_or(Err(SubmitError::TimedOut))
    }

    /// The node that leads the quorum, as far as this one knows: Kafka's "controller".
    pub fn leader(&self) -> Option<i32> {
        let metrics = self.inner.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        metrics.current_leader.map(kafka_id)
    }

    pub fn is_leader(&self) -> bool {
        self.leader() == Some(self.inner.node_id)
    }

    pub fn status(&self) -> QuorumStatus {
        let metrics = self.inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        QuorumStatus {
            leader: metrics.current_leader.map(kafka_id),
            term: metrics.current_term,
            last_log_index: metrics.last_log_index,
            committed: metrics.local_committed.map(|log_id| log_id.index),
            applied: metrics.last_applied.map(|log_id| log_id.index),
            voters: metrics.membership_config.membership().voter_ids().map(kafka_id).collect(),
            running: metrics.running_state.clone().map_err(|fatal| fatal.to_string()),
        }
    }

    /// Answers what another node's [`crate::Transport`] brought.
    pub async fn handle_rpc(&self, request: Bytes) -> Result<Bytes, RpcError> {
        let inner = &self.inner;
        network::handle(&inner.raft, wire_id(inner.node_id), &inner.cluster_id, &request).await
    }

    /// Makes everything durable, closes the files and ends the threads. Calling it again is harmless.
    pub async fn shutdown(&self) {
        self.inner.stop.send_replace(true);
        // Nothing is ever sent: an error means that the thread is done.
        let _ = self.inner.stopped.clone().changed().await;
    }
}

impl SubmitError {
    /// What a Kafka client is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotLeader { .. } | Self::Uncertain { .. } => ErrorCode::NOT_CONTROLLER,
            Self::TimedOut => ErrorCode::REQUEST_TIMED_OUT,
            Self::TooLarge { .. } => ErrorCode::POLICY_VIOLATION,
            Self::Invalid(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
            Self::Stopped(_) => ErrorCode::BROKER_NOT_AVAILABLE,
        }
    }
}
