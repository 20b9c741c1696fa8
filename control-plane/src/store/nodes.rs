//! Broker nodes and the ports that the local provider gave them.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Error, read_json, write_json};
use crate::domain::health::Sighting;

/// A broker node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Kafka's node id.
    pub node_id: i32,
    /// Where it is reached.
    pub host: String,
    /// How its broker comes to its cluster; `None` until that is decided.
    pub joining: Option<String>,
    /// What was last seen of it.
    pub sighting: Option<Sighting>,
    /// For Kafka clients.
    pub client_port: Option<i32>,
    /// For other brokers and the agent.
    pub internal_port: Option<i32>,
    /// For health and metrics.
    pub admin_port: Option<i32>,
}

struct Row {
    node_id: i32,
    host: String,
    joining: Option<String>,
    sighting: Option<Value>,
    client_port: Option<i32>,
    internal_port: Option<i32>,
    admin_port: Option<i32>,
}

impl Row {
    fn read(self) -> Result<Node, Error> {
        let Self { node_id, host, joining, sighting, client_port, internal_port, admin_port } = self;
        let sighting = sighting.map(|sighting| read_json("sighting", sighting)).transpose()?;
        Ok(Node { node_id, host, joining, sighting, client_port, internal_port, admin_port })
    }
}

/// A cluster's nodes, by id.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list(db: &mut PgConnection, cluster_id: Uuid) -> Result<Vec<Node>, Error> {
    sqlx::query_as!(
        Row,
        r#"SELECT n.node_id, n.host, n.joining, n.sighting,
                  max(p.port) FILTER (WHERE p.purpose = 'client') AS client_port,
                  max(p.port) FILTER (WHERE p.purpose = 'internal') AS internal_port,
                  max(p.port) FILTER (WHERE p.purpose = 'admin') AS admin_port
           FROM broker_nodes n LEFT JOIN local_ports p USING (cluster_id, node_id)
           WHERE n.cluster_id = $1 GROUP BY n.cluster_id, n.node_id ORDER BY n.node_id"#,
        cluster_id
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Makes sure that a node is known.
///
/// # Errors
/// When the database is away.
pub(crate) async fn ensure(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    host: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO broker_nodes (cluster_id, node_id, host) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        cluster_id,
        node_id,
        host
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Decides how a node's broker comes to its cluster, once and for all.
///
/// # Errors
/// When the database is away.
pub(crate) async fn set_joining(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    joining: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE broker_nodes SET joining = $3 WHERE cluster_id = $1 AND node_id = $2 AND joining IS NULL",
        cluster_id,
        node_id,
        joining
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes what was seen of a node, and whether it answers.
///
/// # Errors
/// When the database is away.
pub(crate) async fn set_sighting(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    ready: bool,
    sighting: Sighting,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE broker_nodes SET ready = $3, sighting = $4
         WHERE cluster_id = $1 AND node_id = $2 AND (ready, sighting) IS DISTINCT FROM ($3, $4)",
        cluster_id,
        node_id,
        ready,
        write_json("sighting", &sighting)?
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets a node; its ports are free again.
///
/// # Errors
/// When the database is away.
pub(crate) async fn delete(db: &mut PgConnection, cluster_id: Uuid, node_id: i32) -> Result<(), Error> {
    sqlx::query!("DELETE FROM broker_nodes WHERE cluster_id = $1 AND node_id = $2", cluster_id, node_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Every port that is given to a broker. Whoever asks is alone until the transaction ends.
///
/// # Errors
/// When the database is away.
pub(crate) async fn ports_in_use(db: &mut PgConnection) -> Result<Vec<i32>, Error> {
    super::lock(db, "local-ports").await?;
    Ok(sqlx::query_scalar!("SELECT port FROM local_ports").fetch_all(db).await?)
}

/// Gives a port to a node.
///
/// # Errors
/// When the database is away.
pub(crate) async fn insert_port(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    purpose: &str,
    port: i32,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO local_ports (port, cluster_id, node_id, purpose) VALUES ($1, $2, $3, $4)",
        port,
        cluster_id,
        node_id,
        purpose
    )
    .execute(db)
    .await?;
    Ok(())
}
