//! `/v1/api-keys`: who may do what.

use super::idempotency::Begun;
use super::prelude::*;
use crate::clock;
use crate::domain::api_key::{ApiKey, Create, CreatedApiKey, Token};
use crate::domain::role::Role;
use crate::store::api_keys::Deleted;

/// Longest name of a key, in characters.
const NAME_CHARS_MAX: usize = 80;

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
async fn list(
    State(app): State<App>,
    caller: Caller,
    query: QueryFields,
) -> Result<Json<Page<ApiKey>>, Problem> {
    caller.require_whole_service()?;
    let QueryFields(mut fields) = query;
    let paging = Paging::read(&mut fields, "api-keys");
    fields.finish()?;
    let after = paging.after.as_ref().and_then(|id| id.parse().ok());
    let mut db = app.store().connection().await?;
    let keys = store::api_keys::list(&mut db, after, paging.limit()).await?;
    Ok(Json(paging.page(keys, |key: &ApiKey| key.id.to_string())))
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
async fn create(
    State(app): State<App>,
    caller: Caller,
    idempotency: Idempotency,
    body: JsonFields,
) -> Result<Response, Problem> {
    caller.require_whole_service()?;
    let create = read_create(body.fields)?;
    let mut work = match idempotency.begin(app.store(), &caller, body.hash).await? {
        Begun::Fresh(work) => work,
        Begun::Replayed(response) => return Ok(response),
    };
    let project = match &create.project {
        None => None,
        Some(name) => Some(find_project(work.db(), &caller, name).await?),
    };
    let token =
        Token::generate().map_err(|error| Problem::unavailable(format!("No randomness: {error}.")))?;
    let now = clock::now();
    let project_id = project.as_ref().map(|project| project.id);
    let new = store::api_keys::New { name: &create.name, role: create.role, project_id, broker: None };
    let id = store::api_keys::insert(work.db(), &new, &token, now).await?;
    let api_key = ApiKey {
        id,
        name: create.name,
        role: create.role,
        project: create.project,
        prefix: token.prefix().to_owned(),
        created_at: now,
        last_used_at: None,
    };
    // The secret is not stored, so a repeated request cannot show it again.
    let kept = CreatedApiKey { api_key: api_key.clone(), key: None };
    let created = CreatedApiKey { api_key, key: Some(token.expose().to_owned()) };
    work.finish(StatusCode::CREATED, None, &created, &kept, now).await
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
async fn delete(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<StatusCode, Problem> {
    caller.require_whole_service()?;
    let not_found = || Problem::not_found("API key", &id);
    let key = id.parse().map_err(|_| not_found())?;
    let mut transaction = app.store().begin().await?;
    match store::api_keys::delete(&mut transaction, key).await? {
        Deleted::Yes => {}
        Deleted::NotFound => return Err(not_found()),
        Deleted::LastAdmin => {
            let detail =
                "This is the last admin key: nobody could make keys without it. Make another one first.";
            return Err(Problem::new(409, "last_admin_key", detail));
        }
    }
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(StatusCode::NO_CONTENT)
}

fn read_create(mut fields: Fields) -> Result<Create, Problem> {
    fields.require("name");
    fields.require("role");
    let is_name = |name: &str| {
        (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    let name = fields.text("name", is_name, "must have 1 to 80 characters, none of them control characters");
    let role_of = |word: &str| Role::parse(word).filter(|role| *role != Role::Agent);
    let rule = "must be admin, operator, developer or viewer";
    let role = fields.text("role", |word| role_of(word).is_some(), rule);
    let project = fields.text("project", |_| true, "");
    fields.finish()?;
    let role = role.as_deref().and_then(role_of).ok_or_else(Problem::internal)?;
    Ok(Create { name: name.unwrap_or_default(), role, project })
}
