//! Broker nodes and where they are reached: on ports that the local provider gave them, or at addresses that lie fixed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Error, read_json, write_json};
use crate::domain::health::Sighting;
use crate::domain::pods::ListenerKind;

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
    /// For clients outside, by listener.
    pub external: BTreeMap<String, External>,
}

/// Where clients outside reach a broker by one listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct External {
    /// A name or an address; `None`: the address of the machine on which the broker runs.
    pub host: Option<String>,
    /// A port.
    pub port: u16,
    /// What gives it.
    pub kind: ListenerKind,
}

impl Node {
    /// `host:port` for other brokers.
    pub(crate) fn internal(&self) -> Option<String> {
        Some(format!("{}:{}", self.host, self.internal_port?))
    }
}

struct Row {
    node_id: i32,
    host: String,
    joining: Option<String>,
    sighting: Option<Value>,
    client_port: Option<i32>,
    internal_port: Option<i32>,
    admin_port: Option<i32>,
    external: Option<Value>,
}

impl Row {
    fn read(self) -> Result<Node, Error> {
        let Self { node_id, host, joining, sighting, client_port, internal_port, admin_port, external } =
            self;
        let sighting = sighting.map(|sighting| read_json("sighting", sighting)).transpose()?;
        let external = external
            .map(|external| read_json("external addresses", external))
            .transpose()?
            .unwrap_or_default();
        Ok(Node { node_id, host, joining, sighting, client_port, internal_port, admin_port, external })
    }
}

/// A cluster's nodes, by id.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list(db: &mut PgConnection, cluster_id: Uuid) -> Result<Vec<Node>, Error> {
    sqlx::query_as!(
        Row,
        r#"SELECT n.node_id, n.host, n.joining, n.sighting, n.external,
                  coalesce(n.client_port, max(p.port) FILTER (WHERE p.purpose = 'client')) AS client_port,
                  coalesce(n.internal_port, max(p.port) FILTER (WHERE p.purpose = 'internal')) AS internal_port,
                  coalesce(n.admin_port, max(p.port) FILTER (WHERE p.purpose = 'admin')) AS admin_port
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

/// Notes where a node is reached whose ports are no matter of this machine's.
///
/// # Errors
/// When the database is away.
pub(crate) async fn set_addresses(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    host: &str,
    [client, internal, admin]: [u16; 3],
    external: &BTreeMap<String, External>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO broker_nodes AS n (cluster_id, node_id, host, client_port, internal_port, admin_port, external)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (cluster_id, node_id) DO UPDATE
         SET host = $3, client_port = $4, internal_port = $5, admin_port = $6, external = $7
         WHERE (n.host, n.client_port, n.internal_port, n.admin_port, n.external) IS DISTINCT FROM ($3, $4, $5, $6, $7)",
        cluster_id,
        node_id,
        host,
        i32::from(client),
        i32::from(internal),
        i32::from(admin),
        write_json("external addresses", external)?
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How often each node has begun again with an empty disk.
///
/// # Errors
/// When the database is away.
pub(crate) async fn replaced(db: &mut PgConnection, cluster_id: Uuid) -> Result<BTreeMap<i32, u32>, Error> {
    let rows = sqlx::query!(
        "SELECT node_id, replaced FROM broker_nodes WHERE cluster_id = $1 AND replaced > 0",
        cluster_id
    )
    .fetch_all(db)
    .await?;
    let pair = |count| u32::try_from(count).unwrap_or_default();
    Ok(rows.into_iter().map(|row| (row.node_id, pair(row.replaced))).collect())
}

/// Notes that a node begins again with an empty disk.
///
/// # Errors
/// When the database is away.
pub(crate) async fn set_replaced(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    times: u32,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE broker_nodes SET replaced = $3 WHERE cluster_id = $1 AND node_id = $2",
        cluster_id,
        node_id,
        i32::try_from(times).unwrap_or(i32::MAX)
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
    sighting: &Sighting,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE broker_nodes SET ready = $3, sighting = $4
         WHERE cluster_id = $1 AND node_id = $2 AND (ready, sighting) IS DISTINCT FROM ($3, $4)",
        cluster_id,
        node_id,
        ready,
        write_json("sighting", sighting)?
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
