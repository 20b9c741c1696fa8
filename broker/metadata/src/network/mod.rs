//! Raft over somebody else's wire: openraft's network trait on one side, bytes to a peer and back on the other.
//!
//! Nothing here opens a socket. A [`Transport`] carries a request to a node and brings its answer; the node on the
//! other end hands the bytes to `Handle::handle_rpc`.
//!
//! `wire` is what the bytes mean, `peer` the side that asks, `receive` the one that answers, `snapshot` how a large
//! snapshot goes over in pieces.

mod peer;
mod receive;
mod snapshot;
mod view;
mod wire;

pub(crate) use peer::Network;
pub(crate) use receive::Receiver;
pub use wire::Memory;

pub(crate) use view::{SILENT_LEASES, View, is_alone};

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};

use wire::RPC_VERSION;

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
    #[error("node {node} has no metadata yet, so it does not vote")]
    Blank { node: u64 },
    #[error("this node's quorum is stopped: {0}")]
    Stopped(String),
    #[error("the metadata snapshot cannot be put together: {0}; it will be sent again")]
    Snapshot(String),
}
