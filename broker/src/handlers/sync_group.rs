//! SyncGroup (14): the leader brings the assignment, everyone gets their part. The answer comes when the assignment is committed.
//!
//! 3: group.instance.id (KIP-345). 4: flexible. 5: protocol type and name are checked (KIP-559).

use headrace_protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use crate::coordinator;
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: SyncGroupRequest) -> SyncGroupResponse {
    let synced = coordinator::call(cx, &request.group_id, |shard, caller, token| {
        shard.sync_group(caller, &request, token)
    });
    synced.await.unwrap_or_else(|error_code| SyncGroupResponse { error_code, ..Default::default() })
}
