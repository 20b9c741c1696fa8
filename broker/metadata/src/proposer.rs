//! The leader's queue: runs controller functions one after the other and proposes what they yield.
//!
//! Each function sees the image *after* everything proposed before it, committed or not, so that two requests for one
//! name cannot both win, and none has to wait for the disk before the next may run. What had queued up goes into one
//! raft entry: one fsync for all. A function is answered when its records, and with them everything it can have seen,
//! are committed and applied. If a proposal fails, what was built on it is forgotten and the next function starts from
//! the committed image again.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::FuturesOrdered;
use headrace_protocol::ErrorCode;
use headrace_state::metadata::record::{RecordError, encode_all};
use headrace_state::metadata::{Image, MetadataRecord, ReplayError};
use openraft::error::{ClientWriteError, ForwardToLeader, LinearizableReadError, RaftError};
use openraft::impls::ProgressResponder;
use openraft::{LinearizerOption, ReadPolicy};
use tokio::sync::mpsc;

use crate::state_machine::Published;
use crate::types::{Command, Leader, Raft, TypeConfig};

/// Functions that may wait before whoever brings another one has to wait too.
pub(crate) const QUEUE_MAX: usize = 1024;
/// Functions whose records share one entry.
const FUNCTIONS_PER_ENTRY_MAX: usize = 256;
/// Entries proposed and not yet committed.
const ENTRIES_IN_FLIGHT_MAX: usize = 64;
/// Records of one entry take at most so many bytes; a function that yields more is refused.
pub(crate) const ENTRY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Where committed records stand in the metadata log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// `Image::offset` of the first image that has them.
    pub offset: u64,
}

/// Why records were not committed, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    #[error("this node does not lead the metadata quorum{}", leader_hint(*leader))]
    NotLeader { leader: Option<i32> },
    #[error(
        "this node lost the lead of the metadata quorum before the change was committed; it may still take effect"
    )]
    Uncertain { leader: Option<i32> },
    #[error("the metadata quorum did not commit the change in time; it may still take effect")]
    TimedOut,
    #[error("the change does not fit the metadata: {0}")]
    Invalid(#[from] ReplayError),
    #[error("the change takes {bytes} bytes, more than the {ENTRY_BYTES_MAX} that one change may: split it")]
    TooLarge { bytes: usize },
    #[error("the metadata quorum of this node has stopped: {0}")]
    Stopped(String),
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

pub(crate) fn leader_hint(leader: Option<i32>) -> String {
    leader.map_or_else(|| "; no leader is known".to_owned(), |id| format!("; node {id} does"))
}

type Answer = Box<dyn FnOnce(Result<Committed, SubmitError>) + Send>;

/// A function's records, and whom to tell.
pub(crate) struct Prepared {
    pub(crate) records: Vec<MetadataRecord>,
    pub(crate) answer: Answer,
}

/// A controller function in the queue. Called with an error it tells whoever waits and yields nothing.
pub(crate) type Job = Box<dyn FnOnce(Result<&Image, SubmitError>) -> Option<Prepared> + Send>;

/// What became of one entry, and who waits for it.
struct Done {
    /// Without a value if there was nothing to commit.
    result: Result<Option<Committed>, SubmitError>,
    answers: Vec<Answer>,
}

/// The state that everything proposed so far leads to.
struct Tentative {
    image: Image,
    leader: Leader,
}

pub(crate) struct Proposer {
    raft: Raft,
    published: Arc<Published>,
    queue: mpsc::Receiver<Job>,
    tentative: Option<Tentative>,
    /// In the order proposed, and so answered.
    in_flight: FuturesOrdered<BoxFuture<'static, Done>>,
    /// A proposal failed; what is still in flight was built on it.
    broken: Option<SubmitError>,
}

/// Records on their way into one entry.
#[derive(Default)]
struct Group {
    bytes: BytesMut,
    answers: Vec<Answer>,
}

impl Proposer {
    pub(crate) fn new(raft: Raft, published: Arc<Published>, queue: mpsc::Receiver<Job>) -> Self {
        Self { raft, published, queue, tentative: None, in_flight: FuturesOrdered::new(), broken: None }
    }

    /// Serves the queue until all its senders are gone or it is dropped.
    pub(crate) async fn run(mut self) {
        let mut jobs = Vec::new();
        loop {
            let may_propose = self.in_flight.len() < ENTRIES_IN_FLIGHT_MAX;
            tokio::select! {
                Some(done) = self.in_flight.next(), if !self.in_flight.is_empty() => self.finish(done),
                count = self.queue.recv_many(&mut jobs, FUNCTIONS_PER_ENTRY_MAX), if may_propose => {
                    if count == 0 {
                        break;
                    }
                    self.serve(std::mem::take(&mut jobs)).await;
                }
            }
        }
        self.drain().await;
    }

    /// Waits for everything in flight.
    async fn drain(&mut self) {
        while let Some(done) = self.in_flight.next().await {
            self.finish(done);
        }
        self.broken = None;
    }

    fn finish(&mut self, done: Done) {
        let result = match (done.result, &self.broken) {
            // Nothing of its own failed, but what it has seen did.
            (Ok(None), Some(error)) => Err(error.clone()),
            (Ok(None), None) => Ok(Committed { offset: self.published.image().offset() }),
            (Ok(Some(committed)), _) => Ok(committed),
            (Err(error), _) => {
                self.tentative = None;
                Err(self.broken.insert(error).clone())
            }
        };
        for answer in done.answers {
            answer(result.clone());
        }
    }

    async fn serve(&mut self, jobs: Vec<Job>) {
        let mut tentative = match self.current().await {
            Ok(tentative) => tentative,
            Err(error) => {
                for job in jobs {
                    job(Err(error.clone()));
                }
                return;
            }
        };
        let mut group = Group::default();
        // Where the entry will stand at least; blank entries of a new leader may come between.
        let mut offset = tentative.image.offset() + 1;
        for job in jobs {
            let Some(Prepared { records, answer }) = job(Ok(&tentative.image)) else { continue };
            match prepare(&tentative.image, &records, offset) {
                Err(error) => answer(Err(error)),
                Ok((image, bytes)) => {
                    if group.bytes.len() + bytes.len() > ENTRY_BYTES_MAX {
                        self.propose(tentative.leader, std::mem::take(&mut group)).await;
                        offset += 1;
                    }
                    tentative.image = image;
                    group.bytes.extend_from_slice(&bytes);
                    group.answers.push(answer);
                }
            }
        }
        self.propose(tentative.leader, group).await;
        self.tentative = Some(tentative);
    }

    /// The state to build on: what was left by the last function, or the committed image of a confirmed leader.
    ///
    /// A leader may have been replaced since the last function without having heard of it. What it proposes then is
    /// refused; but a function that only looks must not be answered from what was, so the lease is asked each time:
    /// as long as it holds nobody else can have been elected. That costs no message.
    async fn current(&mut self) -> Result<Tentative, SubmitError> {
        if let Some(tentative) = self.tentative.take() {
            let lease = LinearizerOption::new(None, true);
            let leader = self.raft.get_read_linearizer(lease).await.map_err(not_confirmed)?;
            if *leader.read_log_id().committed_leader_id() == tentative.leader {
                return Ok(tentative);
            }
        }
        // What is in flight may still change the image.
        self.drain().await;
        let leader = self.raft.as_leader().map_err(|forward| not_leader(&forward))?.to_committed_leader_id();
        self.raft.ensure_linearizable(ReadPolicy::ReadIndex).await.map_err(not_confirmed)?;
        Ok(Tentative { image: Image::clone(&self.published.image()), leader })
    }

    async fn propose(&mut self, leader: Leader, group: Group) {
        let Group { bytes, answers } = group;
        if answers.is_empty() {
            return;
        }
        if bytes.is_empty() {
            // Nothing to commit: the answers wait only for what the functions have seen, by their place in the queue.
            self.in_flight.push_back(std::future::ready(Done { result: Ok(None), answers }).boxed());
            return;
        }
        let (responder, completed) = ProgressResponder::complete_only();
        let sent = self.raft.write(Command(bytes.freeze())).with_leader(leader).responder(responder).await;
        let done = async move {
            let result = match sent {
                Err(fatal) => Err(SubmitError::Stopped(fatal.to_string())),
                Ok(()) => match completed.await {
                    Ok(Ok(written)) => Ok(Some(Committed { offset: written.log_id.index })),
                    Ok(Err(error)) => Err(write_error(&error)),
                    Err(_) => {
                        Err(SubmitError::Stopped("it went away before the change was committed".to_owned()))
                    }
                },
            };
            Done { result, answers }
        };
        self.in_flight.push_back(done.boxed());
    }
}

/// Tries records on the image they are for.
fn prepare(image: &Image, records: &[MetadataRecord], offset: u64) -> Result<(Image, Bytes), SubmitError> {
    if records.is_empty() {
        return Ok((image.clone(), Bytes::new()));
    }
    let bytes = encode_all(records).map_err(|error| match error {
        RecordError::TooLarge { bytes } => SubmitError::TooLarge { bytes },
        other => SubmitError::Stopped(other.to_string()),
    })?;
    if bytes.len() > ENTRY_BYTES_MAX {
        return Err(SubmitError::TooLarge { bytes: bytes.len() });
    }
    Ok((image.apply(records, offset)?, bytes))
}

fn node(id: Option<u64>) -> Option<i32> {
    id.and_then(|id| i32::try_from(id).ok())
}

fn not_leader(forward: &ForwardToLeader<TypeConfig>) -> SubmitError {
    SubmitError::NotLeader { leader: node(forward.leader_id) }
}

fn not_confirmed(error: RaftError<TypeConfig, LinearizableReadError<TypeConfig>>) -> SubmitError {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => not_leader(&forward),
        // It led, but no quorum answers it any more. Nothing was proposed.
        RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => {
            SubmitError::NotLeader { leader: None }
        }
        RaftError::Fatal(fatal) => SubmitError::Stopped(fatal.to_string()),
    }
}

fn write_error(error: &ClientWriteError<TypeConfig>) -> SubmitError {
    match error {
        ClientWriteError::ForwardToLeader(forward) => not_leader(forward),
        ClientWriteError::LogEntryDiscarded(forward) => {
            SubmitError::Uncertain { leader: node(forward.leader_id) }
        }
        // Only changes of the membership end so.
        other => SubmitError::Stopped(other.to_string()),
    }
}
