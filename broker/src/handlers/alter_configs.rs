//! AlterConfigs (33), versions 0–2: replaces all of a resource'\''s overrides; superseded by IncrementalAlterConfigs.
//!
//! The change itself is decided by the controller function; see `headrace_state::metadata::controller`.

use headrace_protocol::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use headrace_state::metadata::controller;

use super::change::{NotMade, change};
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let refused = request.clone();
    match change(cx, 0, move |image, controller| controller::alter_configs(image, &request, controller)).await
    {
        Ok(response) => response,
        Err(error) => not_made(refused, &error),
    }
}

/// Every entry answered with the quorum's error.
fn not_made(request: AlterConfigsRequest, error: &NotMade) -> AlterConfigsResponse {
    let entry = |resource_type, resource_name| AlterConfigsResourceResponse {
        error_code: error.code,
        error_message: error.message.clone(),
        resource_type,
        resource_name,
    };
    let responses = request.resources.into_iter().map(|r| entry(r.resource_type, r.resource_name)).collect();
    AlterConfigsResponse { responses, ..Default::default() }
}
