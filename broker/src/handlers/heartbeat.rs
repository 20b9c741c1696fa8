//! Heartbeat (12): a member says that it lives, and hears of a rebalance.
//!
//! 3: group.instance.id (KIP-345). 4: flexible.

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use crate::coordinator;
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: HeartbeatRequest) -> HeartbeatResponse {
    let asked = coordinator::ask(cx, &request.group_id, |shard, caller| shard.heartbeat(caller, &request));
    match asked {
        Ok(response) => response,
        // Its session begins anew when the group is loaded, so that there is nothing to worry about.
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => HeartbeatResponse::default(),
        Err(error_code) => HeartbeatResponse { error_code, ..Default::default() },
    }
}
