//! DeleteTopics (20), versions 1–6: removes topics by name, or from version 6 by id.
//!
//! The change itself is decided by the controller function; see `headrace_state::metadata::controller`.

use headrace_protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use headrace_state::metadata::controller;

use super::change::{NotMade, change};
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let refused = request.clone();
    match change(cx, 0, move |image, controller| controller::delete_topics(image, &request, controller)).await
    {
        Ok(response) => response,
        Err(error) => not_made(refused, &error),
    }
}

/// Every entry answered with the quorum's error.
fn not_made(request: DeleteTopicsRequest, error: &NotMade) -> DeleteTopicsResponse {
    let by_name = request.topic_names.into_iter().map(|name| (Some(name), Default::default()));
    let asked = request.topics.into_iter().map(|t| (t.name, t.topic_id)).chain(by_name);
    let entry = |(name, topic_id)| DeletableTopicResult {
        name,
        topic_id,
        error_code: error.code,
        error_message: error.message.clone(),
    };
    DeleteTopicsResponse { responses: asked.map(entry).collect(), ..Default::default() }
}
