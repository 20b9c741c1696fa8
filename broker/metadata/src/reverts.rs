//! Learners that come back with an empty disk.
//!
//! Raft takes it for granted that what a node has acknowledged stays there; openraft's leader is thrown off by a node
//! that has less than it said. For a voter that is right: its word was counted, and only taking it out of the quorum
//! and in again makes it a voter that can be counted on. A broker's registration does the one, AddRaftVoter the other. A
//! learner's word counts for nothing, so it is simply sent everything again.

use std::collections::BTreeMap;

use openraft::async_runtime::watch::WatchReceiver as _;

use crate::status::leadership;
use crate::types::{Raft, kafka_id};

/// Which nodes may have lost their logs, as the leader was told.
#[derive(Default)]
pub(crate) struct Reverts {
    /// Of this term of leadership.
    term: u64,
    told: BTreeMap<u64, bool>,
}

impl Reverts {
    /// Tells raft, where this node leads, of what has changed since the last time. To be called between changes of the
    /// members: a node that becomes a voter must not keep the permission.
    pub(crate) async fn tell(&mut self, raft: &Raft) {
        let metrics = raft.metrics().borrow_watched().clone();
        let now = leadership(&metrics);
        if now.leader != Some(kafka_id(metrics.id)) {
            return;
        }
        let membership = metrics.membership_config.membership();
        let may: BTreeMap<u64, bool> = membership
            .nodes()
            .map(|(&id, _)| (id, !membership.voter_ids().any(|voter| voter == id)))
            .filter(|(id, _)| *id != metrics.id)
            .collect();
        if now.term != self.term {
            *self = Self { term: now.term, told: BTreeMap::new() };
        }
        for (id, allow) in &may {
            if self.told.get(id) != Some(allow) {
                // An error means that this node does not lead any more, or that the node is no member any more.
                let _ = raft.trigger().allow_next_revert(id, *allow).await;
            }
        }
        self.told = may;
    }

    /// The permission is used up by one loss. A node that registers anew may have had another.
    pub(crate) fn forget(&mut self, id: u64) {
        self.told.remove(&id);
    }
}
