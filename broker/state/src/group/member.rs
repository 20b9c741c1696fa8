//! One member of a classic group.

use super::effects::Token;
use bytes::Bytes;
use headrace_protocol::Str;
use headrace_protocol::messages::join_group::JoinGroupRequestProtocol;

/// A protocol (assignor) that a member supports, with what it says to the assignor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Protocol {
    pub(super) name: Str,
    pub(super) metadata: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) id: Str,
    pub(super) instance_id: Option<Str>,
    pub(super) client_id: Str,
    pub(super) client_host: Str,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    /// In the member's order of preference, each name once.
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// The JoinGroup that waits for the rebalance.
    pub(super) awaiting_join: Option<Token>,
    /// The SyncGroup that waits for the leader's assignment.
    pub(super) awaiting_sync: Option<Token>,
    /// Has not been through a completed join yet: it cannot send heartbeats, for it does not know its id.
    pub(super) is_new: bool,
}

impl Member {
    /// What the member gave for `protocol`; empty if it does not know it.
    pub(super) fn metadata(&self, protocol: Option<&Str>) -> Bytes {
        protocol
            .and_then(|name| self.protocols.iter().find(|p| p.name == *name))
            .map(|p| p.metadata.clone())
            .unwrap_or_default()
    }

    /// Whether a JoinGroup with `protocols` would change nothing.
    pub(super) fn matches(&self, protocols: &[Protocol]) -> bool {
        self.protocols == protocols
    }

    /// Whether the passing of the session's deadline is to be overlooked: a member that waits for the others cannot send
    /// heartbeats. (A new one is removed all the same: its client may be gone, and would join anew.)
    pub(super) fn excused(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}

/// Copies what a request brought, so that a small string does not keep the whole frame alive.
pub(super) fn protocols_of(requested: &[JoinGroupRequestProtocol]) -> Vec<Protocol> {
    let mut protocols: Vec<Protocol> = Vec::with_capacity(requested.len());
    for protocol in requested {
        if protocols.iter().all(|seen| *seen.name != *protocol.name) {
            protocols
                .push(Protocol { name: protocol.name.detached(), metadata: own_bytes(&protocol.metadata) });
        }
    }
    protocols
}

/// A copy with memory of its own.
pub(super) fn own_bytes(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
