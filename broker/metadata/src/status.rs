//! What a node says of the quorum: who leads, who the members are and how far each has come.

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::sync::watch;

use crate::types::{Metrics, Raft, kafka_id};

/// Who leads the quorum, as far as a node knows.
///
/// A node says of itself that it leads only once a quorum has granted its vote and the grant is on its own disk: what
/// it proposes from then on is taken. That it says so does not mean that nobody has replaced it since:
/// `Handle::barrier` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    pub leader: Option<i32>,
    /// Never goes back. Two leaders of one term are possible after a split vote; `(term, leader)` is unique.
    pub term: u64,
}

/// One node of the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub node_id: i32,
    /// `host:port` by which the transport reaches it.
    pub address: String,
    pub is_voter: bool,
    /// The last entry that it is known to have on disk. Only the leader knows.
    pub last_log_index: Option<u64>,
    /// Milliseconds since the last message that it answered was sent. Only the leader knows.
    pub last_contact_ms: Option<u64>,
}

/// What a node says of the quorum.
#[derive(Clone, Debug, PartialEq)]
pub struct QuorumStatus {
    pub leader: Option<i32>,
    /// Kafka's leader epoch.
    pub term: u64,
    pub last_log_index: Option<u64>,
    /// The last entry known to be on a quorum's disks; Kafka's high watermark is one more.
    pub committed: Option<u64>,
    pub applied: Option<u64>,
    /// Entries up to this one are gone from the log; a snapshot stands for them.
    pub purged: Option<u64>,
    pub voters: Vec<i32>,
    /// Kafka's observers.
    pub learners: Vec<i32>,
    /// Voters and learners, by id.
    pub members: Vec<Member>,
    /// An error if the node has stopped, on a bad disk for one.
    pub running: Result<(), String>,
}

/// Both what raft has in mind and what is on disk must name the leader: the proposer goes by the disk, and raft's mind
/// changes first when a leader steps down.
pub(crate) fn leadership(metrics: &Metrics) -> Leadership {
    let vote = &metrics.vote;
    let on_disk = (vote.is_committed() && vote.leader_id.term == metrics.current_term)
        .then_some(vote.leader_id.node_id)
        .filter(|leader| metrics.current_leader == Some(*leader));
    Leadership { leader: on_disk.map(kafka_id), term: metrics.current_term }
}

pub(crate) fn status(metrics: &Metrics) -> QuorumStatus {
    let Leadership { leader, term } = leadership(metrics);
    let membership = metrics.membership_config.membership();
    QuorumStatus {
        leader,
        term,
        last_log_index: metrics.last_log_index,
        committed: metrics.local_committed.map(|log_id| log_id.index),
        applied: metrics.last_applied.map(|log_id| log_id.index),
        purged: metrics.purged.map(|log_id| log_id.index),
        voters: membership.voter_ids().map(kafka_id).collect(),
        learners: membership.learner_ids().map(kafka_id).collect(),
        members: membership.nodes().map(|(&id, node)| member(metrics, id, &node.addr)).collect(),
        running: metrics.running_state.clone().map_err(|fatal| fatal.to_string()),
    }
}

fn member(metrics: &Metrics, id: u64, address: &str) -> Member {
    let (last_log_index, last_contact_ms) = match (&metrics.replication, &metrics.heartbeat) {
        (Some(_), Some(_)) if id == metrics.id => (metrics.last_log_index, Some(0)),
        (Some(replication), Some(heartbeat)) => {
            let matching = replication.get(&id).copied().flatten();
            let contact = heartbeat.get(&id).copied().flatten().map(|sent| sent.elapsed().as_millis());
            let contact_ms = contact.map(|millis| u64::try_from(millis).unwrap_or(u64::MAX));
            (matching.map(|log_id| log_id.index), contact_ms)
        }
        _ => (None, None),
    };
    Member {
        node_id: kafka_id(id),
        address: address.to_owned(),
        is_voter: metrics.membership_config.voter_ids().any(|voter| voter == id),
        last_log_index,
        last_contact_ms,
    }
}

/// Tells of each change of the leadership until raft is gone.
pub(crate) async fn tell_leadership(raft: &Raft, tell: &watch::Sender<Leadership>) {
    let (mut changes, metrics) = (raft.server_metrics(), raft.metrics());
    loop {
        let now = leadership(&metrics.borrow_watched());
        tell.send_if_modified(|told| std::mem::replace(told, now) != now);
        if changes.changed().await.is_err() {
            // Raft is gone; what waits for it hears of it elsewhere.
            std::future::pending::<()>().await;
        }
    }
}
