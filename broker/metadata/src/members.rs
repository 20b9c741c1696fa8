//! Changes of who is in the quorum, and of who leads it. They run on the node's own thread, so that a caller who stops
//! waiting does not leave one half done, and one after the other.
//!
//! A change of the voters takes two entries: both sets of voters together, then the new one alone. A leader that finds
//! only the first, because the one before it died in between, adds the second.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headrace_protocol::ErrorCode;
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::error::{ChangeMembershipError, ClientWriteError, LinearizableReadError, RaftError};
use openraft::{BasicNode, ChangeMembers, ReadPolicy};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use crate::network::{Memory, Network};
use crate::options::Timing;
use crate::reverts::Reverts;
use crate::status::leadership;
use crate::types::{Metrics, Raft, StoredMembership, kafka_id, known_id};

/// Voters at most: five, and two more while some are replaced.
const VOTERS_MAX: usize = 7;
/// A node that is so few entries behind has caught up.
const CAUGHT_UP_ENTRIES: u64 = 64;
/// The pause before a change is tried again that came while another was under way.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// ... and before a new leader tries again to finish a change that was half done.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);

/// Why a change does not make sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("node {node} needs an address to be reached at")]
    NoAddress { node: i32 },
    #[error("{node} is no node id: it must not be negative")]
    NotAnId { node: i32 },
    #[error("node {node} is a voter already")]
    AlreadyVoter { node: i32 },
    #[error("node {node} is not a voter")]
    NotAVoter { node: i32 },
    #[error("there are {VOTERS_MAX} voters already, the most that there may be: remove one first")]
    TooManyVoters,
    #[error("node {node} is the last voter: add another one first")]
    LastVoter { node: i32 },
    #[error("node {node} does not answer")]
    DoesNotAnswer { node: i32 },
    #[error(
        "node {node} is still {entries} entries behind: it stays a learner, ask again once it has caught up"
    )]
    NotCaughtUp { node: i32, entries: u64 },
    #[error(
        "no majority of the voters that would be left answers; missing: {missing:?}. Bring them back first"
    )]
    NoMajority { missing: Vec<i32> },
    #[error("no other voter answers that could take over the lead")]
    NobodyToTakeOver,
    #[error("{0}")]
    Other(String),
}

/// Why a change of the quorum was not made, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    #[error("this node does not lead the metadata quorum{}", crate::proposer::leader_hint(*leader))]
    NotLeader { leader: Option<i32> },
    #[error("this node lost the lead of the metadata quorum on the way; the change may still take effect")]
    Uncertain { leader: Option<i32> },
    #[error("the metadata quorum did not do it in time; it may still take effect")]
    TimedOut,
    #[error("the metadata quorum of this node has stopped: {0}")]
    Stopped(String),
    #[error("the metadata quorum is left as it is: {0}")]
    Refused(#[from] Refusal),
}

impl AdminError {
    /// What a Kafka client is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotLeader { .. } | Self::Uncertain { .. } => ErrorCode::NOT_CONTROLLER,
            Self::TimedOut | Self::Refused(Refusal::NotCaughtUp { .. }) => ErrorCode::REQUEST_TIMED_OUT,
            Self::Stopped(_) => ErrorCode::BROKER_NOT_AVAILABLE,
            Self::Refused(Refusal::AlreadyVoter { .. }) => ErrorCode::DUPLICATE_VOTER,
            Self::Refused(Refusal::NotAVoter { .. }) => ErrorCode::VOTER_NOT_FOUND,
            Self::Refused(_) => ErrorCode::INVALID_REQUEST,
        }
    }

    pub(crate) fn stopped(error: impl std::fmt::Display) -> Self {
        Self::Stopped(error.to_string())
    }
}

/// Changes the members of the quorum while this node leads it.
pub(crate) struct Members {
    raft: Raft,
    network: Network,
    /// How long followers wait for a leader before they would vote for another.
    lease: Duration,
    turn: Mutex<Reverts>,
}

impl Members {
    pub(crate) fn new(raft: Raft, network: Network, timing: Timing) -> Self {
        Self { raft, network, lease: timing.election_max, turn: Mutex::default() }
    }

    fn metrics(&self) -> Metrics {
        self.raft.metrics().borrow_watched().clone()
    }

    fn as_leader(&self) -> Result<Metrics, AdminError> {
        let metrics = self.metrics();
        let leader = leadership(&metrics).leader;
        if leader == Some(kafka_id(metrics.id)) { Ok(metrics) } else { Err(AdminError::NotLeader { leader }) }
    }

    pub(crate) async fn ensure_learner(
        &self,
        node: i32,
        address: String,
        until: Instant,
    ) -> Result<(), AdminError> {
        let id = known_id(node).ok_or(Refusal::NotAnId { node })?;
        if address.is_empty() {
            return Err(Refusal::NoAddress { node }.into());
        }
        let mut turn = self.turn.lock().await;
        let metrics = self.as_leader()?;
        let known = metrics.committed_membership_config.membership().get_node(&id);
        if known.is_none_or(|known| known.addr != address) {
            let node = BTreeMap::from([(id, BasicNode { addr: address })]);
            self.change(ChangeMembers::SetNodes(node), until).await?;
        }
        turn.forget(id);
        turn.tell(&self.raft).await;
        Ok(())
    }

    pub(crate) async fn memory(
        &self,
        node: i32,
        address: String,
        until: Instant,
    ) -> Result<Memory, AdminError> {
        let id = known_id(node).ok_or(Refusal::NotAnId { node })?;
        let metrics = self.as_leader()?;
        if id == metrics.id || metrics.membership_config.membership().get_node(&id).is_none() {
            return Ok(Memory::Everything);
        }
        let timeout = until.saturating_duration_since(Instant::now());
        let memory = self.network.memory(id, &address, timeout).await;
        memory.map_err(|error| {
            tracing::debug!(node, address, %error, "did not say what its log has");
            Refusal::DoesNotAnswer { node }.into()
        })
    }

    pub(crate) async fn add_voter(
        &self,
        node: i32,
        address: String,
        until: Instant,
    ) -> Result<(), AdminError> {
        let id = known_id(node).ok_or(Refusal::NotAnId { node })?;
        let voters = voters(&self.as_leader()?);
        if voters.contains(&id) {
            return Err(Refusal::AlreadyVoter { node }.into());
        }
        if voters.len() >= VOTERS_MAX {
            return Err(Refusal::TooManyVoters.into());
        }
        self.ensure_learner(node, address, until).await?;
        // What is left of the time is for the promotion.
        let catch_up_until = Instant::now() + until.saturating_duration_since(Instant::now()) * 4 / 5;
        self.wait_until_caught_up(id, catch_up_until).await?;
        let _turn = self.turn.lock().await;
        let metrics = self.as_leader()?;
        let mut voters = self::voters(&metrics);
        voters.insert(id);
        self.ensure_majority(&metrics, &voters)?;
        // From now on its word counts. An error means that this node does not lead any more.
        let _ = self.raft.trigger().allow_next_revert(&id, false).await;
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([id])), until).await
    }

    /// A leader that is to go hands over first, and leaves the rest to the next.
    pub(crate) async fn remove_voter(&self, node: i32, until: Instant) -> Result<(), AdminError> {
        let id = known_id(node).ok_or(Refusal::NotAVoter { node })?;
        let _turn = self.turn.lock().await;
        let metrics = self.as_leader()?;
        let mut voters = voters(&metrics);
        if !voters.remove(&id) {
            return Err(Refusal::NotAVoter { node }.into());
        }
        if voters.is_empty() {
            return Err(Refusal::LastVoter { node }.into());
        }
        self.ensure_majority(&metrics, &voters)?;
        if id == metrics.id {
            let leader = self.transfer_leadership(None, until).await?;
            return Err(AdminError::NotLeader { leader });
        }
        self.change(ChangeMembers::RemoveVoters(BTreeSet::from([id])), until).await
    }

    pub(crate) async fn remove_node(&self, node: i32, until: Instant) -> Result<(), AdminError> {
        let Some(id) = known_id(node) else { return Ok(()) };
        if voters(&self.as_leader()?).contains(&id) {
            self.remove_voter(node, until).await?;
        }
        let _turn = self.turn.lock().await;
        let metrics = self.as_leader()?;
        if metrics.committed_membership_config.membership().get_node(&id).is_none() {
            return Ok(());
        }
        self.change(ChangeMembers::RemoveNodes(BTreeSet::from([id])), until).await
    }

    /// Gives who leads now, as far as this node knows.
    pub(crate) async fn transfer_leadership(
        &self,
        to: Option<i32>,
        until: Instant,
    ) -> Result<Option<i32>, AdminError> {
        let mut changes = self.raft.metrics();
        let mut is_asked = false;
        loop {
            let metrics = self.metrics();
            let leader = leadership(&metrics).leader;
            let me = kafka_id(metrics.id);
            if leader == Some(me) {
                if to == Some(me) || voters(&metrics).iter().all(|id| *id == metrics.id) {
                    return Ok(leader);
                }
                let target = self.successor(&metrics, to)?;
                self.raft.trigger().transfer_leader(target).await.map_err(AdminError::stopped)?;
                is_asked = true;
            } else if leader.is_some() || !is_asked {
                return Ok(leader);
            }
            // A message may get lost: if nobody leads by then, it is sent again.
            let pause_until = until.min(Instant::now() + self.lease);
            let moved = async {
                loop {
                    let leader = leadership(&changes.borrow_watched()).leader;
                    if leader.is_some_and(|leader| leader != me) {
                        return Ok(leader);
                    }
                    changes.changed().await.map_err(AdminError::stopped)?;
                }
            };
            match timeout_at(pause_until, moved).await {
                Ok(moved) => return moved,
                Err(_) if Instant::now() >= until => return Err(AdminError::TimedOut),
                Err(_) => {}
            }
        }
    }

    /// The voter that is to lead next: it answers, and lacks the least.
    fn successor(&self, metrics: &Metrics, to: Option<i32>) -> Result<u64, Refusal> {
        let voters = voters(metrics);
        if let Some(node) = to {
            let id = known_id(node).filter(|id| voters.contains(id)).ok_or(Refusal::NotAVoter { node })?;
            return if self.answers(metrics, id) { Ok(id) } else { Err(Refusal::DoesNotAnswer { node }) };
        }
        voters
            .into_iter()
            .filter(|id| *id != metrics.id && self.answers(metrics, *id))
            .max_by_key(|id| matching(metrics, *id))
            .ok_or(Refusal::NobodyToTakeOver)
    }

    /// Confirms that this node leads, and that everything committed so far is applied here.
    pub(crate) async fn barrier(&self) -> Result<u64, AdminError> {
        let confirmed = self.raft.ensure_linearizable(ReadPolicy::ReadIndex).await;
        confirmed.map(|read| read.log_id().index).map_err(|error| match error {
            RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => {
                AdminError::NotLeader { leader: forward.leader_id.map(kafka_id) }
            }
            RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => AdminError::TimedOut,
            RaftError::Fatal(fatal) => AdminError::stopped(fatal),
        })
    }

    /// Does what is a leader's to do without being asked, whenever this node leads, until raft is gone: it finishes
    /// a change that an earlier leader has begun, and says which nodes may have lost their logs.
    pub(crate) async fn look_after(&self) {
        let mut changes = self.raft.server_metrics();
        loop {
            // A change of this node's own may be just under way.
            let mut turn = self.turn.lock().await;
            if self.is_half_done() {
                let until = Instant::now() + SETTLE_PAUSE;
                if let Err(error) = self.change(ChangeMembers::AddVoterIds(BTreeSet::new()), until).await {
                    tracing::warn!(%error, "a change of the metadata quorum's voters is half done; this is tried again");
                    drop(turn);
                    sleep(SETTLE_PAUSE).await;
                }
                continue;
            }
            turn.tell(&self.raft).await;
            drop(turn);
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn is_half_done(&self) -> bool {
        self.as_leader().is_ok_and(|metrics| is_joint(&metrics.membership_config))
    }

    /// Proposes a change and waits until it is committed. Removed voters stay as learners.
    async fn change(&self, change: ChangeMembers<u64, BasicNode>, until: Instant) -> Result<(), AdminError> {
        loop {
            let error = match self.raft.change_membership(change.clone(), true).await {
                Ok(_) => return Ok(()),
                Err(RaftError::Fatal(fatal)) => return Err(AdminError::stopped(fatal)),
                Err(RaftError::APIError(error)) => error,
            };
            match error {
                // The one before is not committed yet.
                ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_)) => {
                    if Instant::now() >= until {
                        return Err(AdminError::TimedOut);
                    }
                    sleep(RETRY_PAUSE).await;
                }
                ClientWriteError::ForwardToLeader(forward) => {
                    let leader = forward.leader_id.map(kafka_id);
                    // The first half may have been proposed; whoever leads next then adds the second.
                    let is_begun = is_joint(&self.metrics().membership_config);
                    let (yes, no) = (AdminError::Uncertain { leader }, AdminError::NotLeader { leader });
                    return Err(if is_begun { yes } else { no });
                }
                ClientWriteError::LogEntryDiscarded(forward) => {
                    return Err(AdminError::Uncertain { leader: forward.leader_id.map(kafka_id) });
                }
                other => return Err(Refusal::Other(other.to_string()).into()),
            }
        }
    }

    async fn wait_until_caught_up(&self, id: u64, until: Instant) -> Result<(), AdminError> {
        let mut changes = self.raft.metrics();
        loop {
            let metrics = self.as_leader()?;
            let entries = behind(&metrics, id);
            if entries <= CAUGHT_UP_ENTRIES && self.answers(&metrics, id) {
                return Ok(());
            }
            match timeout_at(until, changes.changed()).await {
                Ok(changed) => changed.map_err(AdminError::stopped)?,
                Err(_) if self.answers(&metrics, id) => {
                    return Err(Refusal::NotCaughtUp { node: kafka_id(id), entries }.into());
                }
                Err(_) => return Err(Refusal::DoesNotAnswer { node: kafka_id(id) }.into()),
            }
        }
    }

    /// Whether a node has answered lately.
    fn answers(&self, metrics: &Metrics, id: u64) -> bool {
        let last = metrics.heartbeat.as_ref().and_then(|heard| heard.get(&id).copied().flatten());
        id == metrics.id || last.is_some_and(|sent| sent.elapsed() < self.lease * 2)
    }

    /// Voters of whom no majority answers could not even commit that they are the voters.
    fn ensure_majority(&self, metrics: &Metrics, voters: &BTreeSet<u64>) -> Result<(), Refusal> {
        let missing: Vec<i32> =
            voters.iter().filter(|id| !self.answers(metrics, **id)).map(|id| kafka_id(*id)).collect();
        let is_majority = (voters.len() - missing.len()) * 2 > voters.len();
        if is_majority { Ok(()) } else { Err(Refusal::NoMajority { missing }) }
    }
}

fn voters(metrics: &Metrics) -> BTreeSet<u64> {
    metrics.membership_config.voter_ids().collect()
}

fn is_joint(membership: &StoredMembership) -> bool {
    membership.membership().get_joint_config().len() > 1
}

fn matching(metrics: &Metrics, id: u64) -> Option<u64> {
    let log_id = metrics.replication.as_ref()?.get(&id).copied().flatten()?;
    Some(log_id.index)
}

/// How many entries a node lacks.
fn behind(metrics: &Metrics, id: u64) -> u64 {
    let next = |index: Option<u64>| index.map_or(0, |index| index + 1);
    next(metrics.last_log_index).saturating_sub(next(matching(metrics, id)))
}
