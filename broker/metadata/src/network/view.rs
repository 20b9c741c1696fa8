//! What a client of a peer knows of its own node: where the peer is now, and whether this leader is still heard.

use std::sync::OnceLock;
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::time::Instant;

use crate::options::Timing;
use crate::types::{MetricsReceiver, StoredMembership};

/// A leader that lost its quorum falls silent for so many leases, and tries again for as many. The others need one
/// lease and at most another before one of them stands for election.
pub(crate) const SILENT_LEASES: u32 = 3;

/// Read by every call to a peer.
pub(crate) struct View {
    /// Set once raft runs; the clients are made before.
    metrics: OnceLock<MetricsReceiver>,
    lease: Duration,
}

impl View {
    pub(crate) fn new(timing: Timing) -> Self {
        Self { metrics: OnceLock::new(), lease: timing.election_max }
    }

    pub(crate) fn follow(&self, metrics: MetricsReceiver) {
        // Raft is started once.
        let _ = self.metrics.set(metrics);
    }

    /// The newest address of a member. openraft gives a client the address of the time when it was made, and keeps
    /// the client when the address changes.
    pub(super) fn address(&self, node: u64) -> Option<String> {
        let metrics = self.metrics.get()?.borrow_watched();
        metrics.membership_config.membership().get_node(&node).map(|node| node.addr.clone())
    }

    /// Whether this leader, which made its clients at `since`, must keep its entries to itself for now.
    ///
    /// A leader that can send but hears no answer would otherwise stay leader for good without ever committing
    /// anything: each entry it sends again makes the followers wait for it once more. openraft falls silent with its
    /// heartbeats (`quorum_loss_probe_interval`) but not with entries; this is the same rule for those.
    pub(super) fn must_be_silent(&self, since: Instant) -> bool {
        let Some(metrics) = self.metrics.get() else { return false };
        let metrics = metrics.borrow_watched();
        if is_alone(&metrics.membership_config, metrics.id) {
            return false;
        }
        let unheard = metrics.last_quorum_acked.map_or(Duration::MAX, |acked| acked.elapsed());
        is_silent_phase(unheard.min(since.elapsed()), self.lease)
    }
}

/// Whether one node by itself is a quorum.
pub(crate) fn is_alone(membership: &StoredMembership, id: u64) -> bool {
    membership.membership().get_joint_config().iter().all(|voters| voters.iter().eq([&id]))
}

/// Phases of silence and of trying take turns, once the lease is over.
fn is_silent_phase(unheard: Duration, lease: Duration) -> bool {
    let Some(over) = unheard.checked_sub(lease) else { return false };
    let phase = (lease * SILENT_LEASES).as_nanos().max(1);
    (over.as_nanos() / phase).is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_is_not_heard_falls_silent_and_tries_again_by_turns() {
        let lease = Duration::from_millis(100);
        let silent = |millis| is_silent_phase(Duration::from_millis(millis), lease);
        let expected =
            [(0, false), (99, false), (100, true), (399, true), (400, false), (699, false), (700, true)];
        for (millis, expected) in expected {
            assert_eq!(silent(millis), expected, "after {millis} ms");
        }
    }
}
