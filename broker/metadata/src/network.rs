//! Raft over somebody else's wire: openraft's network trait on one side, bytes to a peer and back on the other.
//!
//! Nothing here opens a socket. A [`Transport`] carries a request to a node and brings its answer; the node on the
//! other end hands the bytes to `Handle::handle_rpc`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use openraft::error::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use serde::{Deserialize, Serialize};

use crate::types::{Command, Raft, Snapshot, SnapshotMeta, TypeConfig, Vote};

/// Version of the messages between nodes; first byte of each.
const RPC_VERSION: u8 = 1;

/// Carries bytes between the nodes of a quorum.
pub trait Transport: Send + Sync + 'static {
    /// Brings `request` to the node and its answer back, or fails within `timeout`.
    fn call(
        &self,
        target: i32,
        address: &str,
        request: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>>;
}

/// Why a peer did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    #[error("node {node} cannot be reached: {why}")]
    Unreachable { node: i32, why: String },
    #[error("node {node} did not answer in time")]
    TimedOut { node: i32 },
    #[error("node {node} refused: {why}")]
    Refused { node: i32, why: String },
}

/// For a quorum of one, which has nobody to talk to.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTransport;

impl Transport for NoTransport {
    fn call(
        &self,
        node: i32,
        _: &str,
        _: Bytes,
        _: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let why = "this broker was started as the only voter".to_owned();
        std::future::ready(Err(TransportError::Unreachable { node, why })).boxed()
    }
}

/// Why a request from a peer is refused.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    #[error("the quorum message is not understood: {0}")]
    Malformed(String),
    #[error(
        "the quorum message has version {0}, this broker knows {RPC_VERSION}: bring all brokers to one release"
    )]
    Version(u8),
    #[error(
        "the quorum message is for cluster {theirs}, this broker belongs to {ours}: check the addresses of the voters"
    )]
    OtherCluster { ours: String, theirs: String },
    #[error(
        "the quorum message is for node {target}, this is node {node}: check the addresses of the voters"
    )]
    OtherNode { node: u64, target: u64 },
    #[error("this node's quorum is stopped: {0}")]
    Stopped(String),
}

/// What goes around every message. postcard writes the version as the first byte.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    version: u8,
    cluster_id: String,
    target: u64,
    body: T,
}

#[derive(Serialize, Deserialize)]
enum Call {
    Append(AppendEntriesRequest<TypeConfig>),
    Vote(VoteRequest<TypeConfig>),
    PreVote(VoteRequest<TypeConfig>),
    Snapshot { vote: Vote, meta: SnapshotMeta, data: Command },
    TransferLeader(TransferLeaderRequest<TypeConfig>),
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Append(AppendEntriesResponse<TypeConfig>),
    Vote(VoteResponse<TypeConfig>),
    Snapshot(SnapshotResponse<TypeConfig>),
    TransferLeader(TransferLeaderResponse<TypeConfig>),
}

/// Makes a client for each peer.
pub(crate) struct Network {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) cluster_id: Arc<str>,
}

/// A client for one peer.
pub(crate) struct Peer {
    transport: Arc<dyn Transport>,
    cluster_id: Arc<str>,
    target: u64,
    address: String,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Peer {
        Peer {
            transport: Arc::clone(&self.transport),
            cluster_id: Arc::clone(&self.cluster_id),
            target,
            address: node.addr.clone(),
        }
    }
}

type Rpc<T> = Result<T, RPCError<TypeConfig>>;

fn network_error(error: &(impl std::error::Error + 'static)) -> RPCError<TypeConfig> {
    RPCError::Network(NetworkError::new(error))
}

impl Peer {
    async fn call(&self, body: Call, timeout: Duration) -> Rpc<Answer> {
        let envelope = Envelope {
            version: RPC_VERSION,
            cluster_id: self.cluster_id.to_string(),
            target: self.target,
            body,
        };
        let request = postcard::to_stdvec(&envelope).map_err(|e| network_error(&e))?;
        let target = i32::try_from(self.target).unwrap_or(i32::MAX);
        let answer = self.transport.call(target, &self.address, request.into(), timeout).await;
        let answer = answer.map_err(|error| match error {
            // openraft waits a while before it tries an unreachable node again.
            TransportError::Unreachable { .. } => RPCError::Unreachable(Unreachable::new(&error)),
            TransportError::TimedOut { .. } | TransportError::Refused { .. } => network_error(&error),
        })?;
        postcard::from_bytes(&answer).map_err(|e| network_error(&e))
    }
}

/// An answer of another kind than the question.
fn mismatch<T>() -> Rpc<T> {
    Err(network_error(&RpcError::Malformed("the answer is of another kind than the request".to_owned())))
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<TypeConfig>> {
        match self.call(Call::Append(rpc), option.hard_ttl()).await? {
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
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let call = Call::Snapshot { vote, meta: snapshot.meta, data: Command(snapshot.snapshot) };
        let sent = std::pin::pin!(self.call(call, option.hard_ttl()));
        match select(sent, std::pin::pin!(cancel)).await {
            Either::Left((Ok(Answer::Snapshot(answer)), _)) => Ok(answer),
            Either::Left((Ok(_), _)) => mismatch().map_err(StreamingError::from),
            Either::Left((Err(error), _)) => Err(error.into()),
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

/// The other side of [`Transport::call`].
pub(crate) async fn handle(
    raft: &Raft,
    node: u64,
    cluster_id: &str,
    request: &Bytes,
) -> Result<Bytes, RpcError> {
    match request.first() {
        None => return Err(RpcError::Malformed("it is empty".to_owned())),
        Some(&RPC_VERSION) => {}
        Some(&version) => return Err(RpcError::Version(version)),
    }
    let malformed = |e: postcard::Error| RpcError::Malformed(e.to_string());
    let envelope: Envelope<Call> = postcard::from_bytes(request).map_err(malformed)?;
    if envelope.cluster_id != cluster_id {
        return Err(RpcError::OtherCluster { ours: cluster_id.to_owned(), theirs: envelope.cluster_id });
    }
    if envelope.target != node {
        return Err(RpcError::OtherNode { node, target: envelope.target });
    }
    fn stopped(error: impl std::fmt::Display) -> RpcError {
        RpcError::Stopped(error.to_string())
    }
    let answer = match envelope.body {
        Call::Append(rpc) => Answer::Append(raft.append_entries(rpc).await.map_err(stopped)?),
        Call::Vote(rpc) => Answer::Vote(raft.vote(rpc).await.map_err(stopped)?),
        Call::PreVote(rpc) => Answer::Vote(raft.pre_vote(rpc).await.map_err(stopped)?),
        Call::Snapshot { vote, meta, data } => {
            let snapshot = Snapshot { meta, snapshot: data.0 };
            Answer::Snapshot(raft.install_full_snapshot(vote, snapshot).await.map_err(stopped)?)
        }
        Call::TransferLeader(rpc) => {
            Answer::TransferLeader(raft.handle_transfer_leader(rpc).await.map_err(stopped)?)
        }
    };
    postcard::to_stdvec(&answer).map(Bytes::from).map_err(malformed)
}
