//! DescribeGroups (15): state, members and assignments of groups.
//!
//! 3: authorized operations (KIP-430). 4: group.instance.id. 5: flexible. 6: an unknown group is an error (KIP-1043).

use headrace_protocol::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup,
};
use headrace_protocol::{ErrorCode, Str};

use crate::coordinator;
use crate::handlers::Context;

/// Read, Delete, Describe, DescribeConfigs and AlterConfigs, as bits by Kafka's numbers: all that there is for a group.
const ALL_GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

pub(crate) async fn handle(cx: &Context, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let describe = |group_id: Str| {
        let described =
            coordinator::ask(cx, &group_id, |shard, _| shard.describe_group(&group_id, cx.api_version));
        let mut group = described.unwrap_or_else(|error_code| DescribedGroup {
            error_code,
            group_id,
            ..Default::default()
        });
        if request.include_authorized_operations && group.error_code == ErrorCode::NONE {
            group.authorized_operations = ALL_GROUP_OPERATIONS;
        }
        group
    };
    DescribeGroupsResponse {
        groups: request.groups.into_iter().map(describe).collect(),
        ..Default::default()
    }
}
