//! The messages between nodes, encoded with postcard: the order of variants and fields is the format, so new ones go
//! to the end.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};

use super::RpcError;
use crate::types::{Command, SnapshotMeta, TypeConfig, Vote};

/// Version of the messages between nodes; first byte of each.
pub(super) const RPC_VERSION: u8 = 1;

/// What goes around every message. postcard writes the version as the first byte.
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) version: u8,
    pub(super) cluster_id: String,
    pub(super) target: u64,
    pub(super) body: T,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Call {
    Append(AppendEntriesRequest<TypeConfig>),
    Vote(VoteRequest<TypeConfig>),
    PreVote(VoteRequest<TypeConfig>),
    Snapshot {
        vote: Vote,
        meta: SnapshotMeta,
        data: Command,
    },
    TransferLeader(TransferLeaderRequest<TypeConfig>),
    SnapshotChunk(SnapshotChunk),
    /// What the node's log has.
    Memory,
}

/// A piece of a snapshot that is too large for one message. Pieces come in order.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SnapshotChunk {
    /// Whose snapshot it is; the leader's vote.
    pub(super) vote: Vote,
    /// Tells one attempt of a leader from the next.
    pub(super) id: u64,
    pub(super) offset: u64,
    /// Bytes of the whole snapshot.
    pub(super) total: u64,
    pub(super) data: Command,
    /// With the last piece: what the snapshot stands for.
    pub(super) last: Option<SnapshotMeta>,
}

/// How far back a node's log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Memory {
    Everything,
    /// It was empty when its process started.
    SinceStart,
    /// It is empty.
    Nothing,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Append(AppendEntriesResponse<TypeConfig>),
    Vote(VoteResponse<TypeConfig>),
    Snapshot(SnapshotResponse<TypeConfig>),
    TransferLeader(TransferLeaderResponse<TypeConfig>),
    /// A piece that was not the last has been taken.
    ChunkTaken,
    /// The node has an empty log and is not registered yet: it takes nothing.
    NotAdmitted,
    Memory(Memory),
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Bytes, RpcError> {
    postcard::to_stdvec(value).map(Bytes::from).map_err(|error| malformed(&error))
}

pub(super) fn malformed(error: &postcard::Error) -> RpcError {
    RpcError::Malformed(error.to_string())
}
