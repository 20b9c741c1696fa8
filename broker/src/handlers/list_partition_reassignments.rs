//! ListPartitionReassignments (46), version 0: the moves of replicas that are under way (KIP-455), as far as this broker has heard.

use headrace_protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};
use headrace_state::metadata::controller;

use crate::handlers::Context;

pub(crate) async fn handle(
    cx: &Context,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    controller::list_partition_reassignments(&cx.broker.image(), &request)
}
