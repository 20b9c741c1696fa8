//! InitProducerId (22), versions 0–5: gives an idempotent producer its id. 3 lets a producer keep its id and raise its epoch (KIP-360).
//!
//! Transactions are not there yet: a transactional id is refused.

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::Context;

pub(super) async fn handle(cx: &Context, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let failed = |error_code| InitProducerIdResponse { error_code, producer_epoch: -1, ..Default::default() };
    if request.transactional_id.as_ref().is_some_and(|id| id.is_empty()) {
        return failed(ErrorCode::INVALID_REQUEST);
    }
    if let Some(id) = &request.transactional_id {
        tracing::info!(transactional_id = %id, "a transactional producer was refused: transactions are not available yet");
        return failed(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    match cx.broker.producer_ids.next(&cx.broker).await {
        Ok(producer_id) => InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() },
        Err(code) => failed(code),
    }
}
