//! AssignReplicasToDirs (73), version 0, to the controller: a broker says in which of its log directories its replicas are (KIP-858).

use std::sync::Arc;

use headrace_protocol::messages::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse,
};
use headrace_state::metadata::controller;

use crate::handlers::Context;

pub(crate) async fn handle(
    cx: &Context,
    request: AssignReplicasToDirsRequest,
) -> AssignReplicasToDirsResponse {
    let defaults = Arc::clone(&cx.broker.defaults);
    cx.broker
        .metadata
        .run(move |image| controller::assign_replicas_to_dirs(image, &defaults, &request))
        .await
        .unwrap_or_else(|error| AssignReplicasToDirsResponse {
            error_code: error.error_code(),
            ..Default::default()
        })
}
