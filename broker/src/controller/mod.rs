//! The controller: the node that leads the metadata quorum. Here is how any broker gets a request to it ([`call`], [`forward`]), and
//! what the leader does by itself: fencing brokers that are gone, handing leaderships back ([`service`]), and asking who has most where
//! nobody is known to have everything ([`recovery`]).
//!
//! What a request means is decided by the pure controller functions of `headrace_state`; the handlers in `handlers/` call them.

pub(crate) mod recovery;
pub(crate) mod service;
mod sessions;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use headrace_protocol::messages::envelope::EnvelopeRequest;
use headrace_protocol::{
    ApiKey, ErrorCode, Message as _, Reader, Request, RequestHeader, ResponseHeader, Str, Writer,
    encode_to_bytes,
};

use crate::broker::Broker;
use crate::handlers::{self, Answer, Context};
use crate::net::ConnectionInfo;
use crate::peers::{CallError, Kind, Lane, with_kind};

pub(crate) use sessions::{Lost, Sessions};

/// How long a client's request may look for a controller. Their own timeouts begin at 30 s.
const FORWARD_DEADLINE: Duration = Duration::from_secs(20);
/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait between two attempts.
const RETRY_WAIT: Duration = Duration::from_millis(50);
/// Bytes in front of an answer in an envelope: the offset of the metadata log that it speaks of.
const OFFSET_BYTES: usize = 8;

/// Why the controller gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("no controller was found in time; do a majority of the voters run and reach each other?")]
    NoController,
    #[error("the controller gave no answer: {0}")]
    Call(#[from] CallError),
    #[error("the controller's answer makes no sense: {0}")]
    Protocol(String),
}

/// Whether the controller alone can answer a request: it changes the cluster's metadata, or asks what only the leader knows.
pub(crate) fn decides(key: ApiKey) -> bool {
    matches!(
        key,
        ApiKey::CreateTopics
            | ApiKey::DeleteTopics
            | ApiKey::CreatePartitions
            | ApiKey::AlterConfigs
            | ApiKey::IncrementalAlterConfigs
            | ApiKey::UnregisterBroker
            | ApiKey::ElectLeaders
            | ApiKey::AlterPartitionReassignments
            | ApiKey::DescribeQuorum
            | ApiKey::AddRaftVoter
            | ApiKey::RemoveRaftVoter
    )
}

/// Passes a client's request on to the controller, and returns once this broker has seen what it led to.
pub(crate) async fn forward(cx: Context, key: ApiKey, body: Bytes) -> Answer {
    let deadline = tokio::time::Instant::now() + FORWARD_DEADLINE;
    loop {
        let is_over = tokio::time::Instant::now() >= deadline;
        if cx.broker.metadata.is_leader() || is_over {
            // Without a controller, the handler finds the words for that in its own response.
            let refused: Arc<AtomicBool> = Arc::default();
            let own = Context { forwarded: true, refusal: Some(Arc::clone(&refused)), ..cx.clone() };
            let answer = handlers::dispatch(key, own, body.clone()).await;
            if is_over || !refused.load(Ordering::Acquire) {
                return answer;
            }
            // It has lost the lead meanwhile, and nothing was done.
            tokio::time::sleep(RETRY_WAIT).await;
            continue;
        }
        let header = RequestHeader {
            api_key: key as i16,
            api_version: cx.api_version,
            correlation_id: cx.correlation_id,
            client_id: cx.client_id.clone(),
        };
        let peer = cx.connection.peer.ip();
        match send(&cx.broker, &header, &body, peer.to_string(), ATTEMPT_TIMEOUT).await {
            Ok(Some(answer)) => {
                // A client may use what it made at once, of whichever broker it asks.
                handlers::topics::applied(&cx.broker).await;
                return Ok(vec![answer]);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, api = key.name(), "a request could not be passed on to the controller");
            }
        }
        tokio::time::sleep(RETRY_WAIT).await;
    }
}

/// Asks the controller on this broker's own behalf. One attempt: `NoController` if this broker knows none.
pub(crate) async fn call<R: Request>(
    broker: &Arc<Broker>,
    version: i16,
    request: &R,
    timeout: Duration,
) -> Result<R::Response, Unanswered> {
    let protocol = |error: &dyn std::fmt::Display| Unanswered::Protocol(error.to_string());
    let header =
        RequestHeader { api_key: R::KEY as i16, api_version: version, correlation_id: 0, client_id: None };
    let body = encode_to_bytes(request, version).map_err(|error| protocol(&error))?;
    let parts = if broker.metadata.is_leader() {
        let cx = own_context(broker, version);
        tokio::time::timeout(timeout, handlers::dispatch(R::KEY, cx, body))
            .await
            .map_err(|_| Unanswered::NoController)?
            .map_err(|error| Unanswered::Protocol(format!("{error:?}")))?
    } else {
        let answer = send(broker, &header, &body, String::new(), timeout).await?;
        vec![answer.ok_or(Unanswered::NoController)?]
    };
    let mut frame: Vec<u8> = Vec::with_capacity(parts.iter().map(Bytes::len).sum());
    parts.iter().for_each(|part| frame.extend_from_slice(part));
    let mut frame = Bytes::from(frame);
    if frame.len() < headrace_protocol::frame::LENGTH_BYTES {
        return Err(Unanswered::Protocol("it is too short".to_owned()));
    }
    frame.advance(headrace_protocol::frame::LENGTH_BYTES);
    let mut reader = Reader::new(frame);
    ResponseHeader::decode(&mut reader, R::KEY, version)
        .and_then(|_| R::Response::decode(&mut reader, version))
        .map_err(|error| protocol(&error))
}

/// The context of a request that this broker makes to itself.
fn own_context(broker: &Arc<Broker>, api_version: i16) -> Context {
    let connection =
        ConnectionInfo { id: 0, listener: Str::default(), peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
    Context {
        broker: Arc::clone(broker),
        connection: Arc::new(connection),
        api_version,
        correlation_id: 0,
        client_id: None,
        forwarded: true,
        refusal: None,
    }
}

/// One attempt: the answer with its length in front, or `None` if whoever was asked is not the controller.
async fn send(
    broker: &Arc<Broker>,
    header: &RequestHeader,
    body: &Bytes,
    client_host: String,
    timeout: Duration,
) -> Result<Option<Bytes>, Unanswered> {
    let Some(address) = broker.controller_address() else { return Ok(None) };
    let mut writer = Writer::new();
    header.encode(&mut writer).map_err(|error| Unanswered::Protocol(error.to_string()))?;
    let envelope = EnvelopeRequest {
        request_data: with_kind(Kind::Forwarded, &[writer.into_bytes(), body.clone()]),
        request_principal: None,
        client_host_address: client_host.into(),
    };
    let answer = broker.peers.call(&address, Lane::Control, 0, &envelope, timeout).await;
    let answer = answer.inspect_err(|_| broker.controller_hint.lock().forget(&address))?;
    if answer.error_code == ErrorCode::NOT_CONTROLLER {
        let hint = answer.response_data.as_deref().and_then(|hint| std::str::from_utf8(hint).ok());
        broker.controller_hint.lock().learn(hint, &address);
        return Ok(None);
    }
    let Some(mut data) = answer.response_data.filter(|data| data.len() >= OFFSET_BYTES) else {
        return Err(Unanswered::Protocol(answer.error_code.to_string()));
    };
    let offset = data.get_u64();
    broker.has_seen(offset).await;
    Ok(Some(data))
}

/// An answer as it travels back in an envelope.
pub(crate) fn answer_payload(metadata_offset: u64, parts: &[Bytes]) -> Bytes {
    let mut data = BytesMut::with_capacity(OFFSET_BYTES + parts.iter().map(Bytes::len).sum::<usize>());
    data.put_u64(metadata_offset);
    parts.iter().for_each(|part| data.extend_from_slice(part));
    data.freeze()
}

/// Where to look for the controller while the quorum's own log does not say: a broker that joins has none yet.
#[derive(Debug)]
pub(crate) struct ControllerHint {
    /// Told by somebody who should know.
    told: Option<String>,
    /// From the configuration, tried in turn.
    servers: Vec<String>,
    next: usize,
}

impl ControllerHint {
    pub(crate) fn new(servers: Vec<String>) -> Self {
        Self { told: None, servers, next: 0 }
    }

    pub(crate) fn address(&mut self) -> Option<String> {
        if let Some(told) = &self.told {
            return Some(told.clone());
        }
        let address = self.servers.get(self.next % self.servers.len().max(1)).cloned();
        self.next = self.next.wrapping_add(1);
        address
    }

    /// Whoever was asked is not the controller, and says who is.
    fn learn(&mut self, hint: Option<&str>, asked: &str) {
        self.told = hint.filter(|hint| !hint.is_empty() && *hint != asked).map(str::to_owned);
    }

    fn forget(&mut self, address: &str) {
        self.told.take_if(|told| told == address);
    }
}
