//! BrokerHeartbeat (63), versions 0–2, to the controller: a broker says that it lives, whether it wants to serve, and whether it wants to
//! go. Version 1 names log directories that failed (KIP-858).

use std::sync::Arc;

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use headrace_state::metadata::controller;

use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: BrokerHeartbeatRequest) -> BrokerHeartbeatResponse {
    match heartbeat(cx, &request).await {
        Ok(response) => response,
        Err(error_code) => BrokerHeartbeatResponse { error_code, ..Default::default() },
    }
}

async fn heartbeat(
    cx: &Context,
    request: &BrokerHeartbeatRequest,
) -> Result<BrokerHeartbeatResponse, ErrorCode> {
    let broker = &cx.broker;
    if !broker.metadata.is_leader() {
        return Err(ErrorCode::NOT_CONTROLLER);
    }
    let (id, epoch) = (request.broker_id, request.broker_epoch);
    let image = broker.image();
    let known = image.broker(id).ok_or(ErrorCode::BROKER_ID_NOT_REGISTERED)?;
    if known.epoch != epoch {
        return Err(ErrorCode::STALE_BROKER_EPOCH);
    }
    broker.sessions.touch(id, broker.clock.monotonic_ms());
    if !broker.metadata.was_followed_within(broker.half_a_session()) {
        // Others may have elected another controller: this one must not say that nothing has changed.
        return Err(ErrorCode::NOT_CONTROLLER);
    }
    // What it has applied of the metadata includes its own registration. Of several that came together the epochs may be ahead of the
    // log, in which case all there is will do.
    let newest = i64::try_from(image.offset()).unwrap_or(i64::MAX);
    let is_caught_up = request.current_metadata_offset >= epoch.min(newest);
    let mut response = BrokerHeartbeatResponse {
        is_caught_up,
        is_fenced: known.fenced,
        should_shut_down: false,
        ..Default::default()
    };
    if request.offline_log_dirs.iter().any(|dir| known.log_dirs.contains(dir)) {
        let (defaults, dirs) = (Arc::clone(&broker.defaults), request.offline_log_dirs.clone());
        run(cx, move |image| controller::offline_log_dirs(image, &defaults, id, epoch, &dirs)).await?;
    }
    let defaults = Arc::clone(&broker.defaults);
    if request.want_shut_down {
        response.should_shut_down = known.fenced
            || run(cx, move |image| controller::begin_controlled_shutdown(image, &defaults, id, epoch))
                .await?;
    } else if request.want_fence != known.fenced && (request.want_fence || is_caught_up) {
        let fence = request.want_fence;
        run(cx, move |image| controller::set_fenced(image, &defaults, id, epoch, fence)).await?;
        response.is_fenced = fence;
    }
    Ok(response)
}

async fn run<R, F>(cx: &Context, decide: F) -> Result<R, ErrorCode>
where
    R: Send + 'static,
    F: FnOnce(&headrace_state::metadata::Image) -> controller::Outcome<Result<R, ErrorCode>> + Send + 'static,
{
    cx.broker.metadata.run(decide).await.map_err(|error| error.error_code())?
}
