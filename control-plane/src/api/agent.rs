//! `/v1/agent`: where agents report. A key of role `agent` is bound to one broker of one cluster.

use super::prelude::*;
use crate::domain::report::{Accepted, Register, Reports};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(reports))
}

/// Say that an agent started
#[utoipa::path(
    post, path = "/v1/agent/register", operation_id = "registerAgent", tag = "agent",
    request_body = Register,
    responses((status = 200, description = "Where to go on", body = Accepted)),
    security(("api_key" = ["agent"]))
)]
async fn register(State(app): State<App>, caller: Caller, body: TypedJson<Register>) -> Result<Json<Accepted>, Problem> {
    todo()
}

/// Send reports
///
/// Reports that were accepted before are ignored, so that a request can be repeated.
#[utoipa::path(
    post, path = "/v1/agent/reports", operation_id = "sendReports", tag = "agent",
    request_body = Reports,
    responses((status = 200, description = "How far they are stored", body = Accepted)),
    security(("api_key" = ["agent"]))
)]
async fn reports(State(app): State<App>, caller: Caller, body: TypedJson<Reports>) -> Result<Json<Accepted>, Problem> {
    todo()
}
