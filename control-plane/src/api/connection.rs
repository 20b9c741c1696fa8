//! `/v1/clusters/{cluster}/connection`: what clients are configured with, ready to paste.

use std::fmt::Write as _;

use super::prelude::*;
use crate::domain::pods::{Listener, ListenerKind};
use crate::store::clusters::Stored;
use crate::store::nodes::Node;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get))
}

/// How clients connect to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Connection {
    /// The cluster's name.
    cluster: String,
    /// One entry for each way, the one inside first. One whose addresses are not known yet is left out.
    listeners: Vec<Way>,
}

/// One way to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConnectionListener)]
struct Way {
    /// `internal`, or the listener's name.
    #[schema(example = "internal")]
    name: String,
    /// `internal`, `nodeport` or `loadbalancer`.
    #[serde(rename = "type")]
    #[schema(example = "internal")]
    kind: String,
    /// Who may use it.
    #[schema(example = "clients in the same Kubernetes")]
    reach: String,
    /// `host:port`, with commas between.
    bootstrap_servers: String,
    /// As Kafka's `security.protocol`.
    #[schema(example = "PLAINTEXT")]
    security_protocol: String,
    /// The same as clients want it.
    properties: Properties,
}

/// Settings of well-known clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ClientProperties)]
struct Properties {
    /// For Apache Kafka's Java client and tools: a properties file.
    java: String,
    /// For librdkafka and what is made of it: a properties file.
    librdkafka: String,
    /// For franz-go: options of `kgo.NewClient`.
    franz_go: String,
    /// For Spring Boot: `application.properties`.
    spring: String,
    /// For kcat: a command.
    kcat: String,
}

/// Get client settings
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}/connection", operation_id = "getConnection", tag = "clusters",
    params(ClusterPath),
    responses((status = 200, description = "Settings for each way", body = Connection)),
    security(("api_key" = ["viewer"]))
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
) -> Result<Json<Connection>, Problem> {
    let mut db = app.store().connection().await?;
    let id = find_cluster(&mut db, &caller, &cluster).await?;
    let stored =
        store::clusters::get(&mut db, id).await?.ok_or_else(|| Problem::not_found("cluster", &cluster))?;
    let nodes = store::nodes::list(&mut db, id).await?;
    drop(db);
    let machines = app.machines().addresses(&stored);
    let inside = inside(&stored, app.room().pods);
    let outside = stored.spec.listeners.iter().filter_map(|listener| {
        // One broker that is away, so that it is not known where it runs, leaves the others to begin with.
        let address = |node: &Node| outside_address(node, listener, machines.get(&node.node_id));
        let addresses: Vec<String> = nodes.iter().filter_map(address).collect();
        (!addresses.is_empty()).then(|| outside(listener, &addresses.join(",")))
    });
    let listeners = inside.into_iter().chain(outside).collect();
    Ok(Json(Connection { cluster: stored.name.clone(), listeners }))
}

fn inside(cluster: &Stored, pods: bool) -> Option<Way> {
    let reach = if pods { "clients in the same Kubernetes" } else { "clients on the same machine" };
    Some(way("internal", "internal", reach, cluster.status.bootstrap_servers.as_ref()?))
}

fn outside_address(node: &Node, listener: &Listener, machine: Option<&String>) -> Option<String> {
    let external = node.external.get(&listener.name)?;
    Some(format!("{}:{}", external.host.as_ref().or(machine)?, external.port))
}

fn outside(listener: &Listener, servers: &str) -> Way {
    let (kind, reach) = match listener.kind {
        ListenerKind::NodePort => ("nodeport", "clients that reach the nodes"),
        ListenerKind::LoadBalancer => ("loadbalancer", "clients that reach the load balancers"),
    };
    let mut reach = reach.to_owned();
    if !listener.allowed_cidrs.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(reach, " from {}", listener.allowed_cidrs.join(", "));
    }
    way(&listener.name, kind, &reach, servers)
}

fn way(name: &str, kind: &str, reach: &str, servers: &str) -> Way {
    let quoted: Vec<String> = servers.split(',').map(|server| format!("{server:?}")).collect();
    Way {
        name: name.to_owned(),
        kind: kind.to_owned(),
        reach: reach.to_owned(),
        bootstrap_servers: servers.to_owned(),
        security_protocol: "PLAINTEXT".to_owned(),
        properties: Properties {
            java: format!("bootstrap.servers={servers}\nsecurity.protocol=PLAINTEXT\n"),
            librdkafka: format!("bootstrap.servers={servers}\nsecurity.protocol=plaintext\n"),
            franz_go: format!("kgo.SeedBrokers({})", quoted.join(", ")),
            spring: format!(
                "spring.kafka.bootstrap-servers={servers}\nspring.kafka.security.protocol=PLAINTEXT\n"
            ),
            kcat: format!("kcat -b {servers} -L"),
        },
    }
}
