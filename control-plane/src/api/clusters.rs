//! `/v1/clusters`: ask for clusters, change them, remove them.

use super::prelude::*;
use crate::domain::cluster::{Cluster, Create, Update};
use crate::domain::operation::Operation;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, update, delete))
}

/// List clusters
#[utoipa::path(
    get, path = "/v1/clusters", operation_id = "listClusters", tag = "clusters",
    params(ListParams),
    responses((status = 200, description = "A page of clusters, by name", body = Page<Cluster>)),
    security(("api_key" = ["viewer"]))
)]
async fn list(State(app): State<App>, caller: Caller, query: QueryFields) -> Result<Json<Page<Cluster>>, Problem> {
    todo()
}

/// Make a cluster
///
/// Answers at once with an operation; the cluster is there when that has succeeded.
#[utoipa::path(
    post, path = "/v1/clusters", operation_id = "createCluster", tag = "clusters",
    params(ValidateOnlyParams),
    request_body = Create,
    responses(
        (status = 202, description = "Accepted: the operation that makes it", body = Operation,
            headers(("Location" = String, description = "The operation's path"))),
        (status = 200, description = "With validate_only: what would be made", body = Cluster),
    ),
    security(("api_key" = ["operator"]))
)]
async fn create(State(app): State<App>, caller: Caller, query: QueryFields, idempotency: Idempotency, body: JsonFields) -> Result<Response, Problem> {
    todo()
}

/// Get a cluster
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}", operation_id = "getCluster", tag = "clusters",
    params(ClusterPath),
    responses((status = 200, description = "The cluster", body = Cluster,
        headers(("ETag" = String, description = "The generation, for If-Match")))),
    security(("api_key" = ["viewer"]))
)]
async fn get(State(app): State<App>, caller: Caller, InPath(cluster): InPath<String>) -> Result<Response, Problem> {
    todo()
}

/// Change a cluster
///
/// What is absent stays as it is; `config` and `labels` are replaced as a whole.
#[utoipa::path(
    patch, path = "/v1/clusters/{cluster}", operation_id = "updateCluster", tag = "clusters",
    params(ClusterPath, IfMatchParams, ValidateOnlyParams),
    request_body = Update,
    responses(
        (status = 202, description = "Accepted: the operation that brings it into effect", body = Operation,
            headers(("Location" = String, description = "The operation's path"))),
        (status = 200, description = "With validate_only: what the cluster would be", body = Cluster),
    ),
    security(("api_key" = ["operator"]))
)]
async fn update(State(app): State<App>, caller: Caller, InPath(cluster): InPath<String>, query: QueryFields, if_match: IfMatch, body: JsonFields) -> Result<Response, Problem> {
    todo()
}

/// Delete a cluster with its data
///
/// Refused with `deletion_protected` while `deletion_protection` is on.
#[utoipa::path(
    delete, path = "/v1/clusters/{cluster}", operation_id = "deleteCluster", tag = "clusters",
    params(ClusterPath, IfMatchParams, ValidateOnlyParams),
    responses(
        (status = 202, description = "Accepted: the operation that removes it", body = Operation,
            headers(("Location" = String, description = "The operation's path"))),
        (status = 200, description = "With validate_only: the cluster that would be removed", body = Cluster),
    ),
    security(("api_key" = ["operator"]))
)]
async fn delete(State(app): State<App>, caller: Caller, InPath(cluster): InPath<String>, query: QueryFields, if_match: IfMatch) -> Result<Response, Problem> {
    todo()
}
