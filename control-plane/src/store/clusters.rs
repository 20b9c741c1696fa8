//! Clusters: what was asked for and what was last seen.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Error, read_json, write_json};
use crate::domain::cluster::{Cluster, Spec, Status};

/// A cluster as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its project's id.
    pub project_id: Uuid,
    /// Its project's name.
    pub project: String,
    /// What was asked for.
    pub spec: Spec,
    /// What was last seen.
    pub status: Status,
    /// Counts changes to the spec.
    pub generation: i64,
    /// Since when it is to go.
    pub deletion_requested_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the spec last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<Stored> for Cluster {
    fn from(stored: Stored) -> Self {
        Self {
            id: stored.id,
            name: stored.name,
            project: stored.project,
            brokers: stored.spec.brokers,
            engine: stored.spec.engine,
            replication_factor: stored.spec.replication_factor,
            min_insync_replicas: stored.spec.min_insync_replicas,
            deletion_protection: stored.spec.deletion_protection,
            config: stored.spec.config,
            labels: stored.spec.labels,
            kubernetes: stored.spec.kubernetes,
            listeners: stored.spec.listeners,
            generation: stored.generation,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
            status: stored.status,
        }
    }
}

struct Row {
    id: Uuid,
    name: String,
    project_id: Uuid,
    project: String,
    spec: Value,
    status: Value,
    generation: i64,
    deletion_requested_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<Stored, Error> {
        Ok(Stored {
            id: self.id,
            name: self.name,
            project_id: self.project_id,
            project: self.project,
            spec: read_json("cluster spec", self.spec)?,
            status: read_json("cluster status", self.status)?,
            generation: self.generation,
            deletion_requested_at: self.deletion_requested_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// The cluster of that id.
///
/// # Errors
/// When the database is away.
pub(crate) async fn get(db: &mut PgConnection, id: Uuid) -> Result<Option<Stored>, Error> {
    sqlx::query_as!(
        Row,
        "SELECT c.id, c.name, c.project_id, p.name AS project, c.spec, c.status, c.generation,
                c.deletion_requested_at, c.created_at, c.updated_at
         FROM clusters c JOIN projects p ON p.id = c.project_id WHERE c.id = $1",
        id
    )
    .fetch_optional(db)
    .await?
    .map(Row::read)
    .transpose()
}

/// The id of the cluster of that id or name, if it is in the project `own` or that is not given.
///
/// # Errors
/// When the database is away.
pub(crate) async fn find(db: &mut PgConnection, key: &str, own: Option<Uuid>) -> Result<Option<Uuid>, Error> {
    let id = key.parse::<Uuid>().ok();
    Ok(sqlx::query_scalar!(
        "SELECT id FROM clusters WHERE (id = $1 OR name = $2) AND ($3::uuid IS NULL OR project_id = $3)",
        id,
        key,
        own
    )
    .fetch_optional(db)
    .await?)
}

/// Clusters by name, after one of them.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list(
    db: &mut PgConnection,
    own: Option<Uuid>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    sqlx::query_as!(
        Row,
        "SELECT c.id, c.name, c.project_id, p.name AS project, c.spec, c.status, c.generation,
                c.deletion_requested_at, c.created_at, c.updated_at
         FROM clusters c JOIN projects p ON p.id = c.project_id
         WHERE ($1::uuid IS NULL OR c.project_id = $1) AND ($2::text IS NULL OR c.name > $2)
         ORDER BY c.name LIMIT $3",
        own,
        after,
        limit
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Keeps a cluster; `false` when the name is taken.
///
/// # Errors
/// When the database is away.
pub(crate) async fn insert(db: &mut PgConnection, cluster: &Stored) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO clusters (id, name, project_id, spec, status, generation, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING",
        cluster.id,
        cluster.name,
        cluster.project_id,
        write_json("cluster spec", &cluster.spec)?,
        write_json("cluster status", &cluster.status)?,
        cluster.generation,
        cluster.created_at,
        cluster.updated_at
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what was asked for: spec, generation, and whether it is to go.
///
/// # Errors
/// When the database is away.
pub(crate) async fn write_request(db: &mut PgConnection, cluster: &Stored) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE clusters SET spec = $2, generation = $3, deletion_requested_at = $4, updated_at = $5 WHERE id = $1",
        cluster.id,
        write_json("cluster spec", &cluster.spec)?,
        cluster.generation,
        cluster.deletion_requested_at,
        cluster.updated_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes what was seen.
///
/// # Errors
/// When the database is away.
pub(crate) async fn write_status(db: &mut PgConnection, id: Uuid, status: &Status) -> Result<(), Error> {
    sqlx::query!("UPDATE clusters SET status = $2 WHERE id = $1", id, write_json("cluster status", status)?)
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets a cluster and all that hangs on it.
///
/// # Errors
/// When the database is away.
pub(crate) async fn delete(db: &mut PgConnection, id: Uuid) -> Result<(), Error> {
    sqlx::query!("DELETE FROM clusters WHERE id = $1", id).execute(db).await?;
    Ok(())
}

/// How many clusters there are in each state.
///
/// # Errors
/// When the database is away.
pub(crate) async fn count_by_state(db: &mut PgConnection) -> Result<Vec<(String, i64)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT status ->> 'state' AS "state!", count(*) AS "count!" FROM clusters GROUP BY 1 ORDER BY 1"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.count)).collect())
}
