//! DeleteGroups (42): removes groups that no one is in, with their offsets.
//!
//! 2: flexible. 3: error messages.

use headrace_protocol::messages::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use headrace_protocol::{ErrorCode, Str};

use crate::coordinator;
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for group in request.groups_names {
        results.push(delete(cx, group).await);
    }
    DeleteGroupsResponse { results, ..Default::default() }
}

async fn delete(cx: &Context, group_id: Str) -> DeletableGroupResult {
    let deleted = coordinator::call(cx, &group_id, |shard, _, token| {
        shard.delete_groups(std::slice::from_ref(&group_id), token)
    });
    let error_code = match deleted.await {
        Ok(DeleteGroupsResponse { results, .. }) => {
            results.first().map_or(ErrorCode::UNKNOWN_SERVER_ERROR, |result| result.error_code)
        }
        Err(error) => error,
    };
    let error_message = error_code.is_err().then(|| Str::from(error_code.message()));
    DeletableGroupResult { group_id, error_code, error_message }
}
