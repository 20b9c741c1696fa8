//! AllocateProducerIds (67), version 0, to the controller: a broker gets a block of producer ids that nobody had before (KIP-730).

use headrace_protocol::messages::allocate_producer_ids::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse,
};
use headrace_state::metadata::controller;

use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: AllocateProducerIdsRequest) -> AllocateProducerIdsResponse {
    let (id, epoch) = (request.broker_id, request.broker_epoch);
    let outcome =
        cx.broker.metadata.run(move |image| controller::allocate_producer_ids(image, id, epoch)).await;
    match outcome.map_err(|error| error.error_code()).and_then(|given| given) {
        Ok(block) => AllocateProducerIdsResponse {
            producer_id_start: block.first,
            producer_id_len: block.len,
            ..Default::default()
        },
        Err(error_code) => AllocateProducerIdsResponse { error_code, ..Default::default() },
    }
}
