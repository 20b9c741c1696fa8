//! The side that asks: openraft's clients for the other nodes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use openraft::error::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use tokio::time::Instant;

use super::view::View;
use super::wire::{Answer, Call, Envelope, Memory, RPC_VERSION, encode, malformed};
use super::{RpcError, Transport, TransportError, snapshot};
use crate::types::{Snapshot, TypeConfig, Vote, payload_bytes};

/// How long entries may take to be on a follower's disk, before they are sent again.
const APPEND_MAX: Duration = Duration::from_secs(1);
/// ... and for each mebibyte of them.
const APPEND_MAX_PER_MIB: Duration = Duration::from_secs(1);

/// Makes a client for each peer.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) cluster_id: Arc<str>,
    pub(crate) view: Arc<View>,
}

/// A client for one peer.
pub(crate) struct Peer {
    transport: Arc<dyn Transport>,
    cluster_id: Arc<str>,
    view: Arc<View>,
    target: u64,
    /// Where it was when this client was made.
    address: String,
    made: Instant,
    /// Carries heartbeats only.
    is_for_heartbeats: bool,
}

impl Network {
    fn peer(&self, target: u64, node: &BasicNode, is_for_heartbeats: bool) -> Peer {
        Peer {
            transport: Arc::clone(&self.transport),
            cluster_id: Arc::clone(&self.cluster_id),
            view: Arc::clone(&self.view),
            target,
            address: node.addr.clone(),
            made: Instant::now(),
            is_for_heartbeats,
        }
    }

    /// What the log of the node at this address has.
    pub(crate) async fn memory(&self, target: u64, address: &str, timeout: Duration) -> Rpc<Memory> {
        let peer = self.peer(target, &BasicNode { addr: address.to_owned() }, false);
        match peer.call_at(address, Call::Memory, timeout).await? {
            Answer::Memory(memory) => Ok(memory),
            _ => mismatch(),
        }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Peer {
        self.peer(target, node, false)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &BasicNode) -> Peer {
        self.peer(target, node, true)
    }
}

pub(super) type Rpc<T> = Result<T, RPCError<TypeConfig>>;

pub(super) fn network_error(error: &(impl std::error::Error + 'static)) -> RPCError<TypeConfig> {
    RPCError::Network(NetworkError::new(error))
}

/// An answer of another kind than the question.
pub(super) fn mismatch<T>() -> Rpc<T> {
    Err(network_error(&RpcError::Malformed("the answer is of another kind than the request".to_owned())))
}

impl Peer {
    pub(super) async fn call(&self, body: Call, timeout: Duration) -> Rpc<Answer> {
        let address = self.view.address(self.target).unwrap_or_else(|| self.address.clone());
        self.call_at(&address, body, timeout).await
    }

    async fn call_at(&self, address: &str, body: Call, timeout: Duration) -> Rpc<Answer> {
        let envelope = Envelope {
            version: RPC_VERSION,
            cluster_id: self.cluster_id.to_string(),
            target: self.target,
            body,
        };
        let request = encode(&envelope).map_err(|e| network_error(&e))?;
        let target = self.target_id();
        let answer = self.transport.call(target, address, request, timeout).await;
        let answer = answer.map_err(|error| match error {
            // openraft waits a while before it tries an unreachable node again.
            TransportError::Unreachable { .. } => RPCError::Unreachable(Unreachable::new(&error)),
            TransportError::TimedOut { .. } | TransportError::Refused { .. } => network_error(&error),
        })?;
        match postcard::from_bytes(&answer).map_err(|e| network_error(&malformed(&e)))? {
            Answer::NotAdmitted => {
                let why = "it has an empty log and is not registered yet".to_owned();
                let error = TransportError::Unreachable { node: target, why };
                Err(RPCError::Unreachable(Unreachable::new(&error)))
            }
            answer => Ok(answer),
        }
    }

    fn target_id(&self) -> i32 {
        i32::try_from(self.target).unwrap_or(i32::MAX)
    }
}

/// openraft allows entries as long as a heartbeat. That is too short for a large message or a slow disk, and whoever
/// gives up early sends it all again and makes it worse.
fn append_max(rpc: &AppendEntriesRequest<TypeConfig>) -> Duration {
    let bytes: usize = rpc.entries.iter().map(payload_bytes).sum();
    APPEND_MAX + APPEND_MAX_PER_MIB * u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = bytes::Bytes;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<TypeConfig>> {
        let timeout = if self.is_for_heartbeats { option.hard_ttl() } else { append_max(&rpc) };
        if !self.is_for_heartbeats && self.view.must_be_silent(self.made) {
            let why = "this leader is not heard by a quorum and lets the others elect another".to_owned();
            let error = TransportError::Unreachable { node: self.target_id(), why };
            return Err(RPCError::Unreachable(Unreachable::new(&error)));
        }
        match self.call(Call::Append(rpc), timeout).await? {
            Answer::Append(answer) => Ok(answer),
            _ => mismatch(),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<VoteResponse<TypeConfig>> {
        match self.call(Call::Vote(rpc), option.hard_ttl()).await? {
            Answer::Vote(answer) => Ok(answer),
            _ => mismatch(),
        }
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<VoteResponse<TypeConfig>> {
        match self.call(Call::PreVote(rpc), option.hard_ttl()).await? {
            Answer::Vote(answer) => Ok(answer),
            _ => mismatch(),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let sent = std::pin::pin!(snapshot::send(self, vote, snapshot));
        match select(sent, std::pin::pin!(cancel)).await {
            Either::Left((answer, _)) => answer.map_err(StreamingError::from),
            Either::Right((closed, _)) => Err(StreamingError::Closed(closed)),
        }
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<TransferLeaderResponse<TypeConfig>> {
        match self.call(Call::TransferLeader(req), option.hard_ttl()).await? {
            Answer::TransferLeader(answer) => Ok(answer),
            _ => mismatch(),
        }
    }
}
