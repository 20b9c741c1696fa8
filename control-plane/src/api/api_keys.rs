//! `/v1/api-keys`: who may do what.

use super::prelude::*;
use crate::domain::api_key::{ApiKey, Create, CreatedApiKey};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(delete))
}

/// List keys
///
/// Without their secrets, and without the keys that the service makes for its agents.
#[utoipa::path(
    get, path = "/v1/api-keys", operation_id = "listApiKeys", tag = "api-keys",
    params(ListParams),
    responses((status = 200, description = "A page of keys, oldest first", body = Page<ApiKey>)),
    security(("api_key" = ["admin"]))
)]
async fn list(State(app): State<App>, caller: Caller, query: QueryFields) -> Result<Json<Page<ApiKey>>, Problem> {
    todo()
}

/// Make a key
///
/// The answer has the secret, this once.
#[utoipa::path(
    post, path = "/v1/api-keys", operation_id = "createApiKey", tag = "api-keys",
    request_body = Create,
    responses((status = 201, description = "The key with its secret", body = CreatedApiKey)),
    security(("api_key" = ["admin"]))
)]
async fn create(State(app): State<App>, caller: Caller, idempotency: Idempotency, body: JsonFields) -> Result<Response, Problem> {
    todo()
}

/// Delete a key
///
/// It is refused from then on. The last admin key of the service cannot be deleted.
#[utoipa::path(
    delete, path = "/v1/api-keys/{api_key}", operation_id = "deleteApiKey", tag = "api-keys",
    params(("api_key" = Uuid, Path, description = "The key's id")),
    responses((status = 204, description = "It is gone")),
    security(("api_key" = ["admin"]))
)]
async fn delete(State(app): State<App>, caller: Caller, InPath(id): InPath<String>) -> Result<StatusCode, Problem> {
    todo()
}
