//! IncrementalAlterConfigs (44), versions 0–1: sets, deletes, appends to or subtracts from single overrides (KIP-339).
//!
//! The change itself is decided by the controller function; see `headrace_state::metadata::controller`.

use headrace_protocol::messages::incremental_alter_configs::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use headrace_state::metadata::controller;

use super::change::{NotMade, change};
use crate::handlers::Context;

pub(crate) async fn handle(
    cx: &Context,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let refused = request.clone();
    match change(cx, 0, move |image, controller| {
        controller::incremental_alter_configs(image, &request, controller)
    })
    .await
    {
        Ok(response) => response,
        Err(error) => not_made(refused, &error),
    }
}

/// Every entry answered with the quorum's error.
fn not_made(request: IncrementalAlterConfigsRequest, error: &NotMade) -> IncrementalAlterConfigsResponse {
    let entry = |resource_type, resource_name| AlterConfigsResourceResponse {
        error_code: error.code,
        error_message: error.message.clone(),
        resource_type,
        resource_name,
    };
    let responses = request.resources.into_iter().map(|r| entry(r.resource_type, r.resource_name)).collect();
    IncrementalAlterConfigsResponse { responses, ..Default::default() }
}
