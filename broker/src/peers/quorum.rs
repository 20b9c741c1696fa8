//! The metadata quorum's messages on the wire. They, and requests that are passed on to the controller, travel in
//! Kafka's Envelope (58), behind one byte that tells them apart.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::future::{BoxFuture, FutureExt as _};
use headrace_metadata::{Transport, TransportError};
use headrace_protocol::messages::envelope::EnvelopeRequest;

use super::{CallError, Lane, Peers};
use crate::clock::Clock;
use crate::controller::Sessions;

/// What an envelope holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A client's request, passed on to the controller.
    Forwarded = 0,
    /// A message of the metadata quorum.
    Quorum = 1,
    /// The controller asks where logs end.
    LogEnds = 2,
}

/// The payload of an envelope: its kind, then what it holds.
pub(crate) fn with_kind(kind: Kind, parts: &[Bytes]) -> Bytes {
    let mut payload = BytesMut::with_capacity(1 + parts.iter().map(Bytes::len).sum::<usize>());
    payload.put_u8(kind as u8);
    parts.iter().for_each(|part| payload.extend_from_slice(part));
    payload.freeze()
}

/// The reverse of [`with_kind`]. `None` if there is no such kind.
pub(crate) fn split_payload(payload: &Bytes) -> Option<(Kind, Bytes)> {
    let kind = match payload.first()? {
        0 => Kind::Forwarded,
        1 => Kind::Quorum,
        2 => Kind::LogEnds,
        _ => return None,
    };
    Some((kind, payload.slice(1..)))
}

/// Carries the quorum's messages over the brokers' own connections. The leader's reach every member several times a second, so that they
/// also tell which member's process is gone.
pub(crate) struct QuorumTransport {
    pub(crate) peers: Peers,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Transport for QuorumTransport {
    fn call(
        &self,
        target: i32,
        address: &str,
        request: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let (peers, address) = (self.peers.clone(), address.to_owned());
        let (sessions, clock) = (Arc::clone(&self.sessions), Arc::clone(&self.clock));
        async move {
            let request = EnvelopeRequest {
                request_data: with_kind(Kind::Quorum, &[request]),
                request_principal: None,
                client_host_address: Bytes::new(),
            };
            let answer = peers.call(&address, Lane::Quorum, 0, &request, timeout).await;
            match &answer {
                Err(CallError::Unreachable { refused: true, .. }) => {
                    sessions.refused(target, clock.monotonic_ms());
                }
                _ => sessions.not_refused(target),
            }
            let answer = answer.map_err(|error| match error {
                CallError::Unreachable { why, .. } => TransportError::Unreachable { node: target, why },
                CallError::NoAnswer { .. } => TransportError::TimedOut { node: target },
                CallError::Protocol(why) => TransportError::Refused { node: target, why },
            })?;
            match answer.response_data {
                Some(data) if answer.error_code.is_ok() => Ok(data),
                _ => Err(TransportError::Refused { node: target, why: answer.error_code.to_string() }),
            }
        }
        .boxed()
    }
}
