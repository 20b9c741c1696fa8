//! The side that answers: what another node's transport brought goes to this node's raft.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::time::Instant;

use super::RpcError;
use super::snapshot::Assembly;
use super::wire::{Answer, Call, Envelope, Memory, RPC_VERSION, encode, malformed};
use crate::types::{Raft, Snapshot, SnapshotMeta, Vote};

/// The other end of [`super::Transport::call`].
pub(crate) struct Receiver {
    raft: Raft,
    node: u64,
    cluster_id: Arc<str>,
    assembly: Assembly,
    is_admitted: AtomicBool,
    began_empty: bool,
}

fn stopped(error: impl std::fmt::Display) -> RpcError {
    RpcError::Stopped(error.to_string())
}

impl Receiver {
    pub(crate) fn new(raft: Raft, node: u64, cluster_id: Arc<str>, began_empty: bool) -> Self {
        Self {
            raft,
            node,
            cluster_id,
            assembly: Assembly::default(),
            is_admitted: AtomicBool::new(false),
            began_empty,
        }
    }

    /// See [`crate::Handle::admit`].
    pub(crate) fn admit(&self) {
        self.is_admitted.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn handle(&self, request: &Bytes) -> Result<Bytes, RpcError> {
        self.assembly.expire(Instant::now());
        encode(&self.answer(self.open(request)?).await?)
    }

    /// What is in the envelope, if it is for this node.
    fn open(&self, request: &Bytes) -> Result<Call, RpcError> {
        match request.first() {
            None => return Err(RpcError::Malformed("it is empty".to_owned())),
            Some(&RPC_VERSION) => {}
            Some(&version) => return Err(RpcError::Version(version)),
        }
        let envelope: Envelope<Call> = postcard::from_bytes(request).map_err(|error| malformed(&error))?;
        if envelope.cluster_id != *self.cluster_id {
            let (ours, theirs) = (self.cluster_id.to_string(), envelope.cluster_id);
            return Err(RpcError::OtherCluster { ours, theirs });
        }
        if envelope.target != self.node {
            return Err(RpcError::OtherNode { node: self.node, target: envelope.target });
        }
        Ok(envelope.body)
    }

    async fn answer(&self, call: Call) -> Result<Answer, RpcError> {
        let raft = &self.raft;
        Ok(match call {
            Call::Append(_) | Call::Snapshot { .. } | Call::SnapshotChunk(_)
                if !self.takes_entries().await? =>
            {
                Answer::NotAdmitted
            }
            Call::Append(rpc) => Answer::Append(raft.append_entries(rpc).await.map_err(stopped)?),
            Call::Vote(rpc) => Answer::Vote(self.voter().await?.vote(rpc).await.map_err(stopped)?),
            Call::PreVote(rpc) => Answer::Vote(self.voter().await?.pre_vote(rpc).await.map_err(stopped)?),
            Call::Snapshot { vote, meta, data } => self.install(vote, meta, data.0).await?,
            Call::SnapshotChunk(chunk) => match self.assembly.take(chunk, Instant::now())? {
                None => Answer::ChunkTaken,
                Some((vote, meta, data)) => self.install(vote, meta, data).await?,
            },
            Call::Memory => Answer::Memory(self.memory().await?),
            Call::TransferLeader(rpc) => {
                Answer::TransferLeader(raft.handle_transfer_leader(rpc).await.map_err(stopped)?)
            }
        })
    }

    /// This node's raft, unless it has no log: then it is no voter yet, or was one and lost its disk. What it acknowledged it does not
    /// know any more, so its vote could make a leader of one that knows less than was committed.
    async fn voter(&self) -> Result<&Raft, RpcError> {
        if self.is_blank().await? { Err(RpcError::Blank { node: self.node }) } else { Ok(&self.raft) }
    }

    /// A node with an empty log takes nothing before it is admitted. It may have been a voter, and be one still by the word of the
    /// leader, until its registration has taken its vote: with a part of what it had it would vote again.
    async fn takes_entries(&self) -> Result<bool, RpcError> {
        if !self.is_admitted.load(Ordering::Relaxed) {
            if self.is_blank().await? {
                return Ok(false);
            }
            self.admit();
        }
        Ok(true)
    }

    async fn memory(&self) -> Result<Memory, RpcError> {
        Ok(match (self.is_blank().await?, self.began_empty) {
            (true, _) => Memory::Nothing,
            (false, true) => Memory::SinceStart,
            (false, false) => Memory::Everything,
        })
    }

    async fn is_blank(&self) -> Result<bool, RpcError> {
        let voters =
            self.raft.with_raft_state(|state| state.membership_state.effective().voter_ids().count());
        Ok(voters.await.map_err(stopped)? == 0)
    }

    async fn install(&self, vote: Vote, meta: SnapshotMeta, data: Bytes) -> Result<Answer, RpcError> {
        let snapshot = Snapshot { meta, snapshot: data };
        Ok(Answer::Snapshot(self.raft.install_full_snapshot(vote, snapshot).await.map_err(stopped)?))
    }
}
