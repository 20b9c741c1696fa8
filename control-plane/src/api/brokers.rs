//! `/v1/clusters/{cluster}/brokers`: each broker with the age of what is known about it.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::agent::REPORT_INTERVAL_MS;
use super::prelude::*;
use crate::domain::broker::{Broker, Seen};

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
async fn list(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
    query: QueryFields,
) -> Result<Json<Page<Broker>>, Problem> {
    let QueryFields(mut fields) = query;
    let paging = Paging::read(&mut fields, &format!("brokers {cluster}"));
    fields.finish()?;
    let mut db = app.store().connection().await?;
    let cluster = find_cluster(&mut db, &caller, &cluster).await?;
    let brokers = read(&mut db, cluster).await?;
    // Padded, so that ids sort as numbers.
    Ok(Json(paging.page_of_all(brokers, |broker: &Broker| format!("{:010}", broker.id))))
}

/// Get a broker
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}/brokers/{broker}", operation_id = "getBroker", tag = "brokers",
    params(ClusterPath, ("broker" = i32, Path, description = "Kafka's node id")),
    responses((status = 200, description = "The broker", body = Broker)),
    security(("api_key" = ["viewer"]))
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath((cluster, broker)): InPath<(String, String)>,
) -> Result<Json<Broker>, Problem> {
    let mut db = app.store().connection().await?;
    let id = find_cluster(&mut db, &caller, &cluster).await?;
    let mut brokers = read(&mut db, id).await?.into_iter();
    let found = brokers.find(|known| known.id.to_string() == broker);
    found.map(Json).ok_or_else(|| Problem::not_found("broker", &broker))
}

async fn read(db: &mut PgConnection, cluster: Uuid) -> Result<Vec<Broker>, store::Error> {
    let nodes = store::nodes::list(db, cluster).await?;
    let mut newest: HashMap<i32, Seen> = store::reports::newest(db, cluster).await?.into_iter().collect();
    let broker = |node: store::nodes::Node| {
        let port = node.client_port.and_then(|port| u16::try_from(port).ok());
        let address = port.map(|port| (node.host, port));
        let seen = newest.remove(&node.node_id);
        Broker::of(node.node_id, address, node.sighting, seen, REPORT_INTERVAL_MS)
    };
    Ok(nodes.into_iter().map(broker).collect())
}
