//! AlterPartition (56), versions 2–3, to the controller: leaders say who is in sync with them (KIP-497). Version 3 names each member's
//! epoch, so that a replica that has restarted in between is not taken for its former self (KIP-903).

use std::sync::Arc;

use headrace_protocol::messages::alter_partition::{AlterPartitionRequest, AlterPartitionResponse};
use headrace_state::metadata::controller;

use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: AlterPartitionRequest) -> AlterPartitionResponse {
    let (defaults, version) = (Arc::clone(&cx.broker.defaults), cx.api_version);
    cx.broker
        .metadata
        .run(move |image| controller::alter_partition(image, &defaults, &request, version))
        .await
        .unwrap_or_else(|error| AlterPartitionResponse {
            error_code: error.error_code(),
            ..Default::default()
        })
}
