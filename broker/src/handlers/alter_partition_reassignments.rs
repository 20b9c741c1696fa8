//! AlterPartitionReassignments (45), versions 0–1: replicas move to other brokers, or a move is cancelled (KIP-455). Version 1 can forbid
//! that the number of replicas changes (KIP-860).
//!
//! The change itself is decided by the controller function; see `headrace_state::metadata::controller`.

use std::sync::Arc;

use headrace_protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
};
use headrace_state::metadata::controller;

use super::change::change;
use crate::handlers::Context;

pub(crate) async fn handle(
    cx: &Context,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let defaults = Arc::clone(&cx.broker.defaults);
    let begun =
        change(cx, 0, move |image, _| controller::alter_partition_reassignments(image, &defaults, &request));
    begun.await.unwrap_or_else(|error| AlterPartitionReassignmentsResponse {
        error_code: error.code,
        error_message: error.message,
        ..Default::default()
    })
}
