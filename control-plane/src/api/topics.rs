//! `/v1/clusters/{cluster}/topics`: topics, over Kafka's own protocol.

use super::prelude::*;
use crate::domain::topic::{Create, Topic};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}

/// List topics
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}/topics", operation_id = "listTopics", tag = "topics",
    params(ClusterPath, ListParams, ("internal" = Option<bool>, Query, description = "Whether to list internal topics too; default false")),
    responses((status = 200, description = "A page of topics, by name", body = Page<Topic>)),
    security(("api_key" = ["viewer"]))
)]
async fn list(State(app): State<App>, caller: Caller, InPath(cluster): InPath<String>, query: QueryFields) -> Result<Json<Page<Topic>>, Problem> {
    todo()
}

/// Make a topic
#[utoipa::path(
    post, path = "/v1/clusters/{cluster}/topics", operation_id = "createTopic", tag = "topics",
    params(ClusterPath, ValidateOnlyParams),
    request_body = Create,
    responses(
        (status = 201, description = "The topic", body = Topic, headers(("Location" = String, description = "The topic's path"))),
        (status = 200, description = "With validate_only: what would be made", body = Topic),
    ),
    security(("api_key" = ["developer"]))
)]
async fn create(State(app): State<App>, caller: Caller, InPath(cluster): InPath<String>, query: QueryFields, idempotency: Idempotency, body: JsonFields) -> Result<Response, Problem> {
    todo()
}

/// Get a topic
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}/topics/{topic}", operation_id = "getTopic", tag = "topics",
    params(ClusterPath, TopicPath),
    responses((status = 200, description = "The topic", body = Topic)),
    security(("api_key" = ["viewer"]))
)]
async fn get(State(app): State<App>, caller: Caller, InPath((cluster, topic)): InPath<(String, String)>) -> Result<Json<Topic>, Problem> {
    todo()
}

/// Delete a topic with its records
#[utoipa::path(
    delete, path = "/v1/clusters/{cluster}/topics/{topic}", operation_id = "deleteTopic", tag = "topics",
    params(ClusterPath, TopicPath),
    responses((status = 204, description = "It is gone")),
    security(("api_key" = ["developer"]))
)]
async fn delete(State(app): State<App>, caller: Caller, InPath((cluster, topic)): InPath<(String, String)>) -> Result<StatusCode, Problem> {
    todo()
}
