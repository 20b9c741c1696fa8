//! LeaveGroup (13): a member goes, or members are removed by an administrator.
//!
//! 3: several members, by id or group.instance.id (KIP-345). 4: flexible. 5: reason (KIP-800).

use headrace_protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse};

use crate::coordinator;
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let left = coordinator::call(cx, &request.group_id, |shard, caller, token| {
        shard.leave_group(caller, &request, token)
    });
    left.await.unwrap_or_else(|error_code| LeaveGroupResponse { error_code, ..Default::default() })
}
