//! ElectLeaders (43), versions 0–2: leaderships go back to the preferred replicas, or a partition gets a leader at the price of lost
//! records. Version 1 adds the latter (KIP-460).
//!
//! The change itself is decided by the controller function; see `headrace_state::metadata::controller`.

use std::sync::Arc;

use headrace_protocol::messages::elect_leaders::{ElectLeadersRequest, ElectLeadersResponse};
use headrace_state::metadata::controller;

use super::change::change;
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: ElectLeadersRequest) -> ElectLeadersResponse {
    let defaults = Arc::clone(&cx.broker.defaults);
    let elected = change(cx, 0, move |image, _| controller::elect_leaders(image, &defaults, &request)).await;
    elected.unwrap_or_else(|error| ElectLeadersResponse { error_code: error.code, ..Default::default() })
}
