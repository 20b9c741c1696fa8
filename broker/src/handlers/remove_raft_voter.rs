//! RemoveRaftVoter (81), version 0, to the controller: a node votes no more in the metadata quorum, and stays as an observer (KIP-853).

use std::time::Duration;

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::remove_raft_voter::{RemoveRaftVoterRequest, RemoveRaftVoterResponse};

use super::add_raft_voter::{check_cluster, refusal};
use crate::handlers::Context;

const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) async fn handle(cx: &Context, request: RemoveRaftVoterRequest) -> RemoveRaftVoterResponse {
    match remove(cx, &request).await {
        Ok(()) => {
            tracing::info!(node = request.voter_id, "a node has no vote in the metadata quorum any more");
            RemoveRaftVoterResponse::default()
        }
        Err((error_code, message)) => RemoveRaftVoterResponse {
            error_code,
            error_message: Some(message.into()),
            ..RemoveRaftVoterResponse::default()
        },
    }
}

async fn remove(cx: &Context, request: &RemoveRaftVoterRequest) -> Result<(), (ErrorCode, String)> {
    check_cluster(cx, request.cluster_id.as_ref())?;
    cx.broker.metadata.remove_voter(request.voter_id, TIMEOUT).await.map_err(|error| refusal(&error))
}
