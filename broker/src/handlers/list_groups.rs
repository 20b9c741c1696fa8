//! ListGroups (16): the groups that this broker coordinates.
//!
//! 3: flexible. 4: filter by state (KIP-518). 5: filter by type (KIP-848).

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse};

use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: ListGroupsRequest) -> ListGroupsResponse {
    let mut groups = Vec::new();
    for shard in cx.broker.groups.all() {
        match shard.read(|machine| machine.list_groups(&request.states_filter, &request.types_filter)) {
            Ok(listed) => groups.extend(listed),
            // It has just been lost; its groups are another broker's to list.
            Err(ErrorCode::NOT_COORDINATOR) => {}
            // A list that lacks some would be taken for the whole.
            Err(error_code) => return ListGroupsResponse { error_code, ..Default::default() },
        }
    }
    ListGroupsResponse { groups, ..Default::default() }
}
