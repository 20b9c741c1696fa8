//! `/v1/operations`: watch changes happen.

use super::prelude::*;
use crate::domain::operation::Operation;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(watch))
}

/// List operations
#[utoipa::path(
    get, path = "/v1/operations", operation_id = "listOperations", tag = "operations",
    params(ListParams, ("cluster" = Option<String>, Query, description = "Only those of this cluster: id or name")),
    responses((status = 200, description = "A page of operations, newest first", body = Page<Operation>)),
    security(("api_key" = ["viewer"]))
)]
async fn list(State(app): State<App>, caller: Caller, query: QueryFields) -> Result<Json<Page<Operation>>, Problem> {
    todo()
}

/// Get an operation
#[utoipa::path(
    get, path = "/v1/operations/{operation}", operation_id = "getOperation", tag = "operations",
    params(OperationPath),
    responses((status = 200, description = "The operation", body = Operation)),
    security(("api_key" = ["viewer"]))
)]
async fn get(State(app): State<App>, caller: Caller, InPath(operation): InPath<String>) -> Result<Json<Operation>, Problem> {
    todo()
}

/// Watch an operation
///
/// Server-sent events named `operation`, each with the whole operation as it is then; the stream ends when it has.
#[utoipa::path(
    get, path = "/v1/operations/{operation}/watch", operation_id = "watchOperation", tag = "operations",
    params(OperationPath),
    responses((status = 200, description = "Events named `operation`", body = Operation, content_type = "text/event-stream")),
    security(("api_key" = ["viewer"]))
)]
async fn watch(State(app): State<App>, caller: Caller, InPath(operation): InPath<String>) -> Result<Response, Problem> {
    todo()
}
