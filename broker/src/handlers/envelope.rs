//! Envelope (58), version 0, between brokers only: a client's request that another broker passes on because this one is the controller,
//! a message of the metadata quorum, or the controller's question where logs end. What is inside, and the answer's form, are ours (see
//! `peers` and `controller`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use headrace_protocol::messages::envelope::{EnvelopeRequest, EnvelopeResponse};
use headrace_protocol::{ErrorCode, frame};

use super::{Context, dispatch};
use crate::controller;
use crate::peers::{Kind, split_payload};

pub(crate) async fn handle(cx: &Context, request: EnvelopeRequest) -> EnvelopeResponse {
    match split_payload(&request.request_data) {
        Some((Kind::Quorum, message)) => quorum(cx, message).await,
        Some((Kind::Forwarded, inner)) => forwarded(cx, inner).await,
        Some((Kind::LogEnds, question)) => match controller::recovery::answer_payload(&cx.broker, question) {
            Ok(answer) => EnvelopeResponse { response_data: Some(answer), error_code: ErrorCode::NONE },
            Err(code) => failed(code, None),
        },
        None => failed(ErrorCode::INVALID_REQUEST, None),
    }
}

async fn quorum(cx: &Context, message: Bytes) -> EnvelopeResponse {
    match cx.broker.metadata.handle_rpc(message).await {
        Ok(answer) => EnvelopeResponse { response_data: Some(answer), error_code: ErrorCode::NONE },
        Err(error) => {
            tracing::warn!(peer = %cx.connection.peer, %error, "a message of the metadata quorum was refused");
            failed(ErrorCode::INVALID_REQUEST, None)
        }
    }
}

async fn forwarded(cx: &Context, inner: Bytes) -> EnvelopeResponse {
    let metadata = &cx.broker.metadata;
    let not_controller = || {
        let hint = metadata.leader_address().map(|(_, address)| Bytes::from(address));
        failed(ErrorCode::NOT_CONTROLLER, hint)
    };
    if !metadata.is_leader() {
        return not_controller();
    }
    let Ok((header, mut body)) = frame::split_request(inner) else {
        return failed(ErrorCode::INVALID_REQUEST, None);
    };
    let Ok(key) = header.key() else { return failed(ErrorCode::UNSUPPORTED_VERSION, None) };
    if key == headrace_protocol::ApiKey::Envelope {
        return failed(ErrorCode::INVALID_REQUEST, None);
    }
    let refused: Arc<AtomicBool> = Arc::default();
    let cx = Context {
        api_version: header.api_version,
        correlation_id: header.correlation_id,
        client_id: header.client_id,
        forwarded: true,
        refusal: Some(Arc::clone(&refused)),
        ..cx.clone()
    };
    let broker = Arc::clone(&cx.broker);
    match dispatch(key, cx, body.take_rest()).await {
        // It has lost the lead meanwhile. As with Kafka, that is the envelope's error: who passed the request on asks another node.
        Ok(_) if refused.load(Ordering::Acquire) => not_controller(),
        Ok(parts) => {
            let offset = broker.image().offset();
            let data = controller::answer_payload(offset, &parts);
            EnvelopeResponse { response_data: Some(data), error_code: ErrorCode::NONE }
        }
        Err(error) => {
            tracing::warn!(?error, api = key.name(), "a request that was passed on cannot be answered");
            failed(ErrorCode::INVALID_REQUEST, None)
        }
    }
}

fn failed(error_code: ErrorCode, response_data: Option<Bytes>) -> EnvelopeResponse {
    EnvelopeResponse { response_data, error_code }
}
