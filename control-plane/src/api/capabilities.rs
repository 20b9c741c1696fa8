//! `/v1/capabilities`, `/v1/versions` and `/v1/whoami`: what this service can do, and for whom.

use super::page::PAGE_SIZE_MAX;
use super::prelude::*;
use crate::domain::engine;
use crate::domain::role::Role;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(capabilities)).routes(routes!(versions)).routes(routes!(whoami))
}

/// What this service can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Capabilities {
    /// The service's version.
    version: String,
    /// How clusters are run: `local` or `kubernetes`.
    provider: String,
    /// The engines that a cluster can have.
    engines: Vec<EngineCapabilities>,
    /// How far a list can be asked for at once.
    page_size_max: i64,
}

/// What one engine can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct EngineCapabilities {
    /// The engine's name.
    kind: String,
    /// Its versions, newest first.
    versions: Vec<String>,
    /// More brokers than this are refused.
    max_brokers_per_cluster: u32,
    /// Such as `topics`, `metrics`, `config`.
    features: Vec<String>,
}

/// The versions that a cluster can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct EngineVersion {
    /// The engine's name.
    engine: String,
    /// The version.
    version: String,
    /// Whether a new cluster gets it when it names none.
    default: bool,
}

/// Whose key this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct WhoAmI {
    /// The key's id.
    id: Uuid,
    /// The key's name.
    name: String,
    /// What it may do.
    role: Role,
    /// The only project that it may touch; null: all.
    project: Option<String>,
}

/// What this service can do
#[utoipa::path(
    get, path = "/v1/capabilities", operation_id = "getCapabilities", tag = "service",
    responses((status = 200, description = "Engines and limits", body = Capabilities)),
    security(("api_key" = ["viewer"]))
)]
async fn capabilities(State(app): State<App>) -> Json<Capabilities> {
    let engines = engine::ALL.iter().map(|engine| EngineCapabilities {
        kind: engine.kind.to_owned(),
        versions: engine.versions_with(&app.room().versions),
        max_brokers_per_cluster: engine.brokers_max.min(app.room().brokers_max),
        features: engine.features.iter().map(|feature| (*feature).to_owned()).collect(),
    });
    Json(Capabilities {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        provider: app.provider().to_owned(),
        engines: engines.collect(),
        page_size_max: PAGE_SIZE_MAX,
    })
}

/// List engine versions
#[utoipa::path(
    get, path = "/v1/versions", operation_id = "listVersions", tag = "service",
    params(ListParams),
    responses((status = 200, description = "A page of versions, newest first", body = Page<EngineVersion>)),
    security(("api_key" = ["viewer"]))
)]
async fn versions(State(app): State<App>, query: QueryFields) -> Result<Json<Page<EngineVersion>>, Problem> {
    let QueryFields(mut fields) = query;
    let paging = Paging::read(&mut fields, "versions");
    fields.finish()?;
    let versions = engine::ALL.iter().flat_map(|engine| {
        let versions = engine.versions_with(&app.room().versions);
        versions.into_iter().enumerate().map(|(place, version)| EngineVersion {
            engine: engine.kind.to_owned(),
            version,
            default: place == 0,
        })
    });
    Ok(Json(paging.page_of_all(versions, |version| format!("{} {}", version.engine, version.version))))
}

/// Whose key this is
#[utoipa::path(
    get, path = "/v1/whoami", operation_id = "whoAmI", tag = "service",
    responses((status = 200, description = "The key that was sent", body = WhoAmI)),
    security(("api_key" = ["viewer"]))
)]
async fn whoami(caller: Caller) -> Json<WhoAmI> {
    let project = caller.project.as_ref().map(|(_, name)| name.clone());
    Json(WhoAmI { id: caller.id, name: caller.name.clone(), role: caller.role, project })
}
