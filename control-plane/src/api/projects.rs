//! `/v1/projects`: who owns clusters.

use super::idempotency::Begun;
use super::prelude::*;
use crate::clock;
use crate::domain::name;
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
async fn list(
    State(app): State<App>,
    caller: Caller,
    query: QueryFields,
) -> Result<Json<Page<Project>>, Problem> {
    let QueryFields(mut fields) = query;
    let paging = Paging::read(&mut fields, "projects");
    fields.finish()?;
    let mut db = app.store().connection().await?;
    let after = paging.after.as_deref();
    let projects = store::projects::list(&mut db, caller.project_id(), after, paging.limit()).await?;
    Ok(Json(paging.page(projects, |project: &Project| project.name.clone())))
}

/// Make a project
#[utoipa::path(
    post, path = "/v1/projects", operation_id = "createProject", tag = "projects",
    request_body = Create,
    responses((status = 201, description = "The project", body = Project)),
    security(("api_key" = ["admin"]))
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    idempotency: Idempotency,
    body: JsonFields,
) -> Result<Response, Problem> {
    caller.require_whole_service()?;
    let mut fields = body.fields;
    fields.require("name");
    let name = fields.text("name", name::is_resource_name, name::RESOURCE_NAME_RULE);
    fields.finish()?;
    let project = Project { id: Uuid::now_v7(), name: name.unwrap_or_default(), created_at: clock::now() };
    let mut work = match idempotency.begin(app.store(), &caller, body.hash).await? {
        Begun::Fresh(work) => work,
        Begun::Replayed(response) => return Ok(response),
    };
    if !store::projects::insert(work.db(), &project).await? {
        return Err(name_taken("project", &project.name));
    }
    work.finish(StatusCode::CREATED, None, &project, &project, project.created_at).await
}
