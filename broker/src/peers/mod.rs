//! How brokers talk to each other: requests to one broker's inter-broker listener, and its answers.
//!
//! [`Network`] is the seam: the real one keeps TCP connections ([`TcpNetwork`]), a simulation delivers frames as it
//! likes. Nothing here knows what the requests mean.

mod error;
mod quorum;
mod tcp;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use headrace_client::Frame;
use headrace_protocol::{Reader, Request, ResponseHeader, Str, frame};

pub use error::CallError;
pub(crate) use quorum::{Kind, QuorumTransport, split_payload, with_kind};
pub(crate) use tcp::TcpNetwork;

/// Requests on one connection are answered in order, so that those that wait must not share one with those that hurry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The metadata quorum's messages.
    Quorum,
    /// What goes to the controller.
    Control,
    /// A follower's fetches.
    Fetch,
}

/// Carries frames between brokers.
pub trait Network: Send + Sync + 'static {
    /// Brings a request to `address` (HOST:PORT) and gives the answer's frame, without its length.
    fn call(
        &self,
        address: &str,
        lane: Lane,
        request: Frame,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, CallError>>;

    /// Gives up the connection of a lane with whatever is under way on it; the next call opens another.
    fn disconnect(&self, address: &str, lane: Lane);
}

/// Typed requests over a [`Network`]. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Peers {
    network: Arc<dyn Network>,
    client_id: Str,
    correlation_id: Arc<AtomicI32>,
}

impl Peers {
    pub(crate) fn new(network: Arc<dyn Network>, node_id: i32) -> Self {
        let client_id = format!("broker-{node_id}").into();
        Self { network, client_id, correlation_id: Arc::default() }
    }

    /// Sends a request in the given version and waits for its answer.
    pub(crate) async fn call<R: Request>(
        &self,
        address: &str,
        lane: Lane,
        version: i16,
        request: &R,
        timeout: Duration,
    ) -> Result<R::Response, CallError> {
        let correlation_id = self.correlation_id.fetch_add(1, Ordering::Relaxed);
        let parts = frame::encode_request(version, correlation_id, Some(&self.client_id), request)
            .map_err(|error| CallError::Protocol(error.to_string()))?;
        let sent = Frame { key: R::KEY, correlation_id, parts };
        let answer = self.network.call(address, lane, sent, timeout).await?;
        let mut reader = Reader::new(answer);
        ResponseHeader::decode(&mut reader, R::KEY, version)
            .and_then(|_| headrace_protocol::Message::decode(&mut reader, version))
            .map_err(|error| CallError::Protocol(error.to_string()))
    }

    pub(crate) fn disconnect(&self, address: &str, lane: Lane) {
        self.network.disconnect(address, lane);
    }
}
