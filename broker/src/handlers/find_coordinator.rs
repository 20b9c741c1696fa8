//! FindCoordinator (10): which broker coordinates a group. The first question makes `__consumer_offsets`.
//!
//! 1: kinds of keys, error messages. 3: flexible. 4: several keys (KIP-699). 5: TRANSACTION_ABORTABLE. 6: share groups (KIP-932).

use headrace_protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use headrace_protocol::{ErrorCode, Str};
use headrace_state::group::OFFSETS_TOPIC;
use headrace_state::metadata::NO_LEADER;

use crate::coordinator;
use crate::handlers::Context;

const VERSION_SEVERAL_KEYS: i16 = 4;
const KEY_TYPE_GROUP: i8 = 0;

pub(crate) async fn handle(cx: &Context, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let ready = prepare(cx, request.key_type).await;
    if cx.api_version >= VERSION_SEVERAL_KEYS {
        let coordinators = request.coordinator_keys.into_iter().map(|key| find(cx, key, &ready)).collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let found = find(cx, request.key, &ready);
    FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: found.error_message,
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..Default::default()
    }
}

/// What is wrong, in a code and in words.
struct Refusal {
    error: ErrorCode,
    message: Str,
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: Str::from(error.message()) }
    }
}

/// Makes the topic if it is missing.
async fn prepare(cx: &Context, key_type: i8) -> Result<(), Refusal> {
    if key_type != KEY_TYPE_GROUP {
        let message =
            "This broker coordinates consumer groups (key type 0) only, not transactions or share groups.";
        return Err(Refusal { error: ErrorCode::INVALID_REQUEST, message: Str::from(message) });
    }
    cx.broker.ensure_internal_topic(OFFSETS_TOPIC).await.map_err(|error| {
        tracing::warn!(%error, "cannot make {OFFSETS_TOPIC}");
        // Clients try again on this one alone.
        Refusal::from(ErrorCode::COORDINATOR_NOT_AVAILABLE)
    })
}

fn find(cx: &Context, key: Str, ready: &Result<(), Refusal>) -> Coordinator {
    let found = match ready {
        Err(refusal) => Err((refusal.error, refusal.message.clone())),
        Ok(()) => leader(cx, &key).map_err(|refusal| (refusal.error, refusal.message)),
    };
    match found {
        Ok((node_id, host, port)) => {
            Coordinator { key, node_id, host, port, error_code: ErrorCode::NONE, error_message: None }
        }
        Err((error_code, message)) => Coordinator {
            key,
            node_id: -1,
            host: Str::default(),
            port: -1,
            error_code,
            error_message: Some(message),
        },
    }
}

/// The broker that leads the group's partition, as it is reached by the way the client came.
fn leader(cx: &Context, group: &str) -> Result<(i32, Str, i32), Refusal> {
    let image = cx.broker.image();
    let not_available = || Refusal::from(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let index = coordinator::partition_of(&image, group).ok_or_else(not_available)?;
    let leader = image.partition(OFFSETS_TOPIC, index).map_or(NO_LEADER, |partition| partition.leader);
    let endpoint = cx.broker.endpoint(&image, leader, &cx.connection.listener);
    let (host, port) = endpoint.ok_or_else(not_available)?;
    Ok((leader, host, port))
}
