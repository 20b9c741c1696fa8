//! What happened.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use crate::domain::event::{Event, Severity};
use crate::store::clusters;

/// Something to note about a cluster.
#[derive(Debug)]
pub(crate) struct New<'a> {
    /// How much attention it deserves.
    pub severity: Severity,
    /// For programs.
    pub reason: &'a str,
    /// For people.
    pub message: String,
    /// Whose key caused it.
    pub actor: Option<&'a str>,
}

/// Notes what happened to a cluster.
///
/// # Errors
/// When the database is away.
pub(crate) async fn insert(
    db: &mut PgConnection,
    cluster: &clusters::Stored,
    new: &New<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO events (at, severity, reason, message, project_id, cluster_id, cluster_name, actor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        now,
        new.severity.as_str(),
        new.reason,
        new.message,
        cluster.project_id,
        cluster.id,
        cluster.name,
        new.actor
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// The only project that may be seen.
    pub own: Option<Uuid>,
    /// Of this cluster only: id or name.
    pub cluster: Option<String>,
}

struct Row {
    id: i64,
    at: DateTime<Utc>,
    severity: String,
    reason: String,
    message: String,
    project: Option<String>,
    cluster_id: Option<Uuid>,
    cluster_name: Option<String>,
    actor: Option<String>,
}

impl From<Row> for Event {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            at: row.at,
            severity: Severity::parse(&row.severity),
            reason: row.reason,
            message: row.message,
            project: row.project,
            cluster_id: row.cluster_id,
            cluster_name: row.cluster_name,
            actor: row.actor,
        }
    }
}

/// Events, newest first, before one of them.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list(
    db: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let id = filter.cluster.as_ref().and_then(|cluster| cluster.parse::<Uuid>().ok());
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT e.id, e.at, e.severity, e.reason, e.message, p.name AS "project?", e.cluster_id, e.cluster_name, e.actor
           FROM events e LEFT JOIN projects p ON p.id = e.project_id
           WHERE ($1::uuid IS NULL OR e.project_id = $1)
             AND ($2::text IS NULL OR e.cluster_name = $2 OR e.cluster_id = $3)
             AND ($4::bigint IS NULL OR e.id < $4)
           ORDER BY e.id DESC LIMIT $5"#,
        filter.own,
        filter.cluster,
        id,
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Event::from).collect())
}

/// Events, oldest first, after one of them.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list_after(
    db: &mut PgConnection,
    filter: &Filter,
    after: i64,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let id = filter.cluster.as_ref().and_then(|cluster| cluster.parse::<Uuid>().ok());
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT e.id, e.at, e.severity, e.reason, e.message, p.name AS "project?", e.cluster_id, e.cluster_name, e.actor
           FROM events e LEFT JOIN projects p ON p.id = e.project_id
           WHERE ($1::uuid IS NULL OR e.project_id = $1)
             AND ($2::text IS NULL OR e.cluster_name = $2 OR e.cluster_id = $3)
             AND e.id > $4
           ORDER BY e.id LIMIT $5"#,
        filter.own,
        filter.cluster,
        id,
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Event::from).collect())
}

/// The newest event's id; 0 when there is none.
///
/// # Errors
/// When the database is away.
pub(crate) async fn newest_id(db: &mut PgConnection) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(r#"SELECT coalesce(max(id), 0) AS "id!" FROM events"#).fetch_one(db).await?)
}

/// Forgets events that are older than a week.
///
/// # Errors
/// When the database is away.
pub(crate) async fn prune(db: &mut PgConnection) -> Result<u64, Error> {
    let deleted = sqlx::query!("DELETE FROM events WHERE at < now() - interval '7 days'").execute(db).await?;
    Ok(deleted.rows_affected())
}
