//! `/v1/clusters/{cluster}/topics`: topics, over Kafka's own protocol.

use super::idempotency::Begun;
use super::prelude::*;
use crate::clock;
use crate::domain::name;
use crate::domain::topic::{Create, Topic};
use crate::kafka::{self, Kafka};

/// More partitions than this in one topic are a mistake.
const PARTITIONS_MAX: i64 = 10_000;

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
async fn list(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
    query: QueryFields,
) -> Result<Json<Page<Topic>>, Problem> {
    let QueryFields(mut fields) = query;
    let internal = fields.boolean("internal").unwrap_or(false);
    let paging = Paging::read(&mut fields, &format!("topics {cluster} {internal}"));
    fields.finish()?;
    let bootstrap = bootstrap_servers(&app, &caller, &cluster).await?;
    let page = kafka::within(async {
        let kafka = Kafka::connect(&bootstrap).await?;
        let topics = kafka.topics(internal).await?;
        let mut page = paging.page_of_all(topics, |topic: &Topic| topic.name.clone());
        kafka.with_config(&mut page.items).await?;
        Ok(page)
    })
    .await?;
    Ok(Json(page))
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
async fn create(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
    query: QueryFields,
    idempotency: Idempotency,
    body: JsonFields,
) -> Result<Response, Problem> {
    let QueryFields(mut fields) = query;
    let validate_only = fields.boolean("validate_only").unwrap_or(false);
    fields.finish()?;
    let create = read_create(body.fields)?;
    let bootstrap = bootstrap_servers(&app, &caller, &cluster).await?;
    if validate_only {
        let asked = async { Kafka::connect(&bootstrap).await?.create(&create, true).await };
        return Ok(Json(kafka::within(asked).await?).into_response());
    }
    let location = format!("/v1/clusters/{cluster}/topics/{}", create.name);
    let asked = async { Kafka::connect(&bootstrap).await?.create(&create, false).await };
    if idempotency.is_absent() {
        // Without a key there is nothing to keep, so no connection to the database waits for the cluster.
        let topic = kafka::within(asked).await?;
        return Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(topic)).into_response());
    }
    let work = match idempotency.begin(app.store(), &caller, body.hash).await? {
        Begun::Fresh(work) => work,
        Begun::Replayed(response) => return Ok(response),
    };
    let topic = kafka::within(asked).await?;
    work.finish(StatusCode::CREATED, Some(&location), &topic, &topic, clock::now()).await
}

/// Get a topic
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}/topics/{topic}", operation_id = "getTopic", tag = "topics",
    params(ClusterPath, TopicPath),
    responses((status = 200, description = "The topic", body = Topic)),
    security(("api_key" = ["viewer"]))
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath((cluster, topic)): InPath<(String, String)>,
) -> Result<Json<Topic>, Problem> {
    let bootstrap = bootstrap_servers(&app, &caller, &cluster).await?;
    let asked = async { Kafka::connect(&bootstrap).await?.topic(&topic).await };
    kafka::within(asked).await?.map(Json).ok_or_else(|| Problem::not_found("topic", &topic))
}

/// Delete a topic with its records
#[utoipa::path(
    delete, path = "/v1/clusters/{cluster}/topics/{topic}", operation_id = "deleteTopic", tag = "topics",
    params(ClusterPath, TopicPath),
    responses((status = 204, description = "It is gone")),
    security(("api_key" = ["developer"]))
)]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    InPath((cluster, topic)): InPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let bootstrap = bootstrap_servers(&app, &caller, &cluster).await?;
    kafka::within(async { Kafka::connect(&bootstrap).await?.delete(&topic).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read_create(mut fields: Fields) -> Result<Create, Problem> {
    fields.require("name");
    let name = fields.text("name", name::is_topic_name, name::TOPIC_NAME_RULE);
    let partitions = fields.integer("partitions", 1..=PARTITIONS_MAX);
    let replication_factor = fields.integer("replication_factor", 1..=i64::from(i16::MAX));
    let config = fields.text_map("config", |key| super::clusters::check_config_key(key, false));
    fields.finish()?;
    Ok(Create {
        name: name.unwrap_or_default(),
        partitions: partitions.and_then(|count| i32::try_from(count).ok()),
        replication_factor: replication_factor.and_then(|count| i16::try_from(count).ok()),
        config,
    })
}

async fn bootstrap_servers(app: &App, caller: &Caller, cluster: &str) -> Result<String, Problem> {
    let mut db = app.store().connection().await?;
    let id = find_cluster(&mut db, caller, cluster).await?;
    let stored =
        store::clusters::get(&mut db, id).await?.ok_or_else(|| Problem::not_found("cluster", cluster))?;
    stored.status.bootstrap_servers.ok_or_else(|| {
        Problem::new(
            409,
            "cluster_not_ready",
            format!("Cluster {cluster:?} has no brokers yet; wait until it runs."),
        )
    })
}
