//! What the handlers of cluster-wide changes share: run a controller function on the newest image, answer when its records
//! are committed, and turn a quorum that could not take them into Kafka's error.

use std::sync::atomic::Ordering;

use headrace_metadata::SubmitError;
use headrace_protocol::{ErrorCode, Str};
use headrace_state::metadata::Image;
use headrace_state::metadata::controller::{Context as ControllerContext, Outcome};

use crate::handlers::Context;

/// Why a change was not made, as every response can carry it.
pub(super) struct NotMade {
    pub(super) code: ErrorCode,
    pub(super) message: Option<Str>,
}

impl From<SubmitError> for NotMade {
    fn from(error: SubmitError) -> Self {
        Self { code: error.error_code(), message: Some(error.to_string().into()) }
    }
}

/// Runs `decide` on the newest state and answers once what it decided is committed.
/// `topics` is how many fresh topic ids it may need.
pub(super) async fn change<R, F>(cx: &Context, topics: usize, decide: F) -> Result<R, NotMade>
where
    R: Send + 'static,
    F: FnOnce(&Image, &ControllerContext) -> Outcome<R> + Send + 'static,
{
    let controller = cx.broker.controller_context(topics);
    let result = cx.broker.metadata.run(move |image| decide(image, &controller)).await;
    if let (Err(SubmitError::NotLeader { .. }), Some(refusal)) = (&result, &cx.refusal) {
        refusal.store(true, Ordering::Release);
    }
    let response = result?;
    // A client may use what it made at once: this broker's partitions are there before the answer is.
    super::topics::applied(&cx.broker).await;
    Ok(response)
}
