//! `/v1/projects`: who owns clusters.

use super::prelude::*;
use crate::domain::project::{Create, Project};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// List projects
#[utoipa::path(
    get, path = "/v1/projects", operation_id = "listProjects", tag = "projects",
    params(ListParams),
    responses((status = 200, description = "A page of projects, by name", body = Page<Project>)),
    security(("api_key" = ["viewer"]))
)]
async fn list(State(app): State<App>, caller: Caller, query: QueryFields) -> Result<Json<Page<Project>>, Problem> {
    todo()
}

/// Make a project
#[utoipa::path(
    post, path = "/v1/projects", operation_id = "createProject", tag = "projects",
    request_body = Create,
    responses((status = 201, description = "The project", body = Project)),
    security(("api_key" = ["admin"]))
)]
async fn create(State(app): State<App>, caller: Caller, idempotency: Idempotency, body: JsonFields) -> Result<Response, Problem> {
    todo()
}
