//! JoinGroup (11): a consumer enters a group, or takes part in its rebalance. The answer comes when all members are there.
//!
//! 1: rebalance timeout. 4: a new member gets its id first (KIP-394). 5: group.instance.id (KIP-345). 6: flexible. 7: protocol type.
//! 8: reason (KIP-800). 9: skip_assignment (KIP-814).

use headrace_protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};

use crate::coordinator;
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: JoinGroupRequest) -> JoinGroupResponse {
    let joined = coordinator::call(cx, &request.group_id, |shard, caller, token| {
        shard.join_group(caller, &request, token)
    });
    joined.await.unwrap_or_else(|error_code| JoinGroupResponse {
        error_code,
        member_id: request.member_id,
        ..Default::default()
    })
}
