//! `/v1/clusters/{cluster}/brokers`: each broker with the age of what is known about it.

use super::prelude::*;
use crate::domain::broker::Broker;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
}

/// List a cluster's brokers
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}/brokers", operation_id = "listBrokers", tag = "brokers",
    params(ClusterPath, ListParams),
    responses((status = 200, description = "A page of brokers, by id", body = Page<Broker>)),
    security(("api_key" = ["viewer"]))
)]
async fn list(State(app): State<App>, caller: Caller, InPath(cluster): InPath<String>, query: QueryFields) -> Result<Json<Page<Broker>>, Problem> {
    todo()
}

/// Get a broker
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}/brokers/{broker}", operation_id = "getBroker", tag = "brokers",
    params(ClusterPath, ("broker" = i32, Path, description = "Kafka's node id")),
    responses((status = 200, description = "The broker", body = Broker)),
    security(("api_key" = ["viewer"]))
)]
async fn get(State(app): State<App>, caller: Caller, InPath((cluster, broker)): InPath<(String, String)>) -> Result<Json<Broker>, Problem> {
    todo()
}
