//! CreateTopics (19), versions 2–7: makes topics, or with `validate_only` says whether they could be made.
//!
//! The change itself is decided by the controller function; see `headrace_state::metadata::controller`.

use headrace_protocol::messages::create_topics::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use headrace_state::metadata::controller;

use super::change::{NotMade, change};
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let refused = request.clone();
    match change(cx, request.topics.len(), move |image, controller| {
        controller::create_topics(image, &request, controller)
    })
    .await
    {
        Ok(response) => response,
        Err(error) => not_made(refused, &error),
    }
}

/// Every entry answered with the quorum's error.
fn not_made(request: CreateTopicsRequest, error: &NotMade) -> CreateTopicsResponse {
    let entry = |name| CreatableTopicResult {
        name,
        error_code: error.code,
        error_message: error.message.clone(),
        ..Default::default()
    };
    CreateTopicsResponse {
        topics: request.topics.into_iter().map(|t| entry(t.name)).collect(),
        ..Default::default()
    }
}
