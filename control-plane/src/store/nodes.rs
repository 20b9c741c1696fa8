//! Broker nodes and the ports that the local provider gave them.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;

/// A broker node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Kafka's node id.
    pub node_id: i32,
    /// Where it is reached.
    pub host: String,
    /// Whether it answered when it was last asked.
    pub ready: bool,
    /// For Kafka clients.
    pub client_port: Option<i32>,
    /// For other brokers and the agent.
    pub internal_port: Option<i32>,
    /// For health and metrics.
    pub admin_port: Option<i32>,
}

/// A cluster's nodes, by id.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list(db: &mut PgConnection, cluster_id: Uuid) -> Result<Vec<Node>, Error> {
    Ok(sqlx::query_as!(
        Node,
        r#"SELECT n.node_id, n.host, n.ready,
                  max(p.port) FILTER (WHERE p.purpose = 'client') AS client_port,
                  max(p.port) FILTER (WHERE p.purpose = 'internal') AS internal_port,
                  max(p.port) FILTER (WHERE p.purpose = 'admin') AS admin_port
           FROM broker_nodes n LEFT JOIN local_ports p USING (cluster_id, node_id)
           WHERE n.cluster_id = $1 GROUP BY n.node_id, n.host, n.ready ORDER BY n.node_id"#,
        cluster_id
    )
    .fetch_all(db)
    .await?)
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

/// Notes whether a node answers.
///
/// # Errors
/// When the database is away.
pub(crate) async fn set_ready(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    ready: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE broker_nodes SET ready = $3 WHERE cluster_id = $1 AND node_id = $2 AND ready <> $3",
        cluster_id,
        node_id,
        ready
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
