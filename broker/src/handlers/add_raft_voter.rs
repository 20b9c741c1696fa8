//! AddRaftVoter (80), versions 0–1, to the controller: a node gets a vote in the metadata quorum, once it has caught up (KIP-853). Version
//! 1 lets the caller not wait for the commit; it is waited for all the same.

use std::time::Duration;

use headrace_metadata::AdminError;
use headrace_protocol::messages::add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse};
use headrace_protocol::{ErrorCode, Str};

use crate::config::ListenerAddress;
use crate::handlers::Context;

/// How long a node may take to catch up if the request does not say.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

pub(crate) async fn handle(cx: &Context, request: AddRaftVoterRequest) -> AddRaftVoterResponse {
    match add(cx, &request).await {
        Ok(()) => {
            tracing::info!(node = request.voter_id, "a node got a vote in the metadata quorum");
            AddRaftVoterResponse::default()
        }
        Err((error_code, message)) => AddRaftVoterResponse {
            error_code,
            error_message: Some(message.into()),
            ..AddRaftVoterResponse::default()
        },
    }
}

async fn add(cx: &Context, request: &AddRaftVoterRequest) -> Result<(), (ErrorCode, String)> {
    check_cluster(cx, request.cluster_id.as_ref())?;
    let id = request.voter_id;
    let name = cx.broker.config.inter_broker_listener_name.as_deref();
    let named = request
        .listeners
        .iter()
        .find(|listener| name == Some(listener.name.as_str()))
        .or_else(|| request.listeners.first());
    let address = match named {
        Some(listener) => {
            ListenerAddress { host: listener.host.to_string(), port: listener.port }.to_string()
        }
        // Its registration says where it is.
        None => cx
            .broker
            .image()
            .broker(id)
            .and_then(|known| cx.broker.inter_broker_endpoint(&known.endpoints))
            .ok_or_else(|| {
                (ErrorCode::INVALID_REQUEST, format!("node {id} is not registered: name its listener"))
            })?,
    };
    let asked = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let timeout = if asked.is_zero() { TIMEOUT_MAX } else { asked.min(TIMEOUT_MAX) };
    cx.broker.metadata.add_voter(id, &address, timeout).await.map_err(|error| refusal(&error))
}

/// The request names another cluster.
pub(super) fn check_cluster(cx: &Context, asked: Option<&Str>) -> Result<(), (ErrorCode, String)> {
    match asked {
        Some(id) if *id != cx.broker.cluster_id() => {
            let message = format!("this is cluster {}, not {id}", cx.broker.cluster_id());
            Err((ErrorCode::INCONSISTENT_CLUSTER_ID, message))
        }
        _ => Ok(()),
    }
}

pub(super) fn refusal(error: &AdminError) -> (ErrorCode, String) {
    (error.error_code(), error.to_string())
}
