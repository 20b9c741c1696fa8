//! CreatePartitions (37), versions 0–3: adds partitions to topics; every topic that was asked for is answered.
//!
//! The change itself is decided by the controller function; see `headrace_state::metadata::controller`.

use headrace_protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
};
use headrace_state::metadata::controller;

use super::change::{NotMade, change};
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let refused = request.clone();
    match change(cx, 0, move |image, controller| controller::create_partitions(image, &request, controller))
        .await
    {
        Ok(response) => response,
        Err(error) => not_made(refused, &error),
    }
}

/// Every entry answered with the quorum's error.
fn not_made(request: CreatePartitionsRequest, error: &NotMade) -> CreatePartitionsResponse {
    let entry = |name| CreatePartitionsTopicResult {
        name,
        error_code: error.code,
        error_message: error.message.clone(),
    };
    CreatePartitionsResponse {
        results: request.topics.into_iter().map(|t| entry(t.name)).collect(),
        ..Default::default()
    }
}
