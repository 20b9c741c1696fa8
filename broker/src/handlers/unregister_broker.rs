//! UnregisterBroker (64), version 0: forgets a broker that will not come back. Its replicas stay assigned to it until they are moved.

use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};
use headrace_state::metadata::controller;

use super::change::change;
use crate::handlers::Context;

/// How long the quorum may take to let it go.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn handle(cx: &Context, request: UnregisterBrokerRequest) -> UnregisterBrokerResponse {
    let (id, defaults) = (request.broker_id, Arc::clone(&cx.broker.defaults));
    let unregistered =
        change(cx, 0, move |image, _| controller::unregister_broker(image, &defaults, id)).await;
    match unregistered {
        Ok(Ok(())) => {
            leave_quorum(cx, id).await;
            UnregisterBrokerResponse::default()
        }
        Ok(Err(error_code)) => UnregisterBrokerResponse {
            error_code,
            error_message: (error_code == ErrorCode::BROKER_ID_NOT_REGISTERED)
                .then(|| format!("there is no broker {id}").into()),
            ..Default::default()
        },
        Err(error) => UnregisterBrokerResponse {
            error_code: error.code,
            error_message: error.message,
            ..Default::default()
        },
    }
}

/// A broker that is forgotten is no member of the quorum either. If that fails, it is a member that never answers: a voter among those
/// must be removed by RemoveRaftVoter.
async fn leave_quorum(cx: &Context, id: i32) {
    if let Err(error) = cx.broker.metadata.remove_node(id, LEAVE_TIMEOUT).await {
        tracing::warn!(broker = id, %error, "a broker that was unregistered is still a member of the metadata quorum");
    }
}
