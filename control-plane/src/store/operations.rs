//! Operations and their steps.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Error, read_json, write_json};
use crate::domain::operation::{Kind, Operation, State, Step, StepState};
use crate::domain::problem::Problem;

/// An operation as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// What the API shows.
    pub operation: Operation,
    /// The project that owns the cluster.
    pub project_id: Uuid,
    /// The generation of the cluster that it brings into effect.
    pub generation: i64,
    /// Whose key asked for it.
    pub actor: Option<String>,
}

struct Row {
    id: Uuid,
    kind: String,
    cluster_id: Uuid,
    cluster_name: String,
    project_id: Uuid,
    project: String,
    generation: i64,
    state: String,
    steps: Value,
    error: Option<Value>,
    actor: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> Result<Stored, Error> {
        let unknown =
            |what| move || Error::Corrupt { what, source: serde::de::Error::custom("unknown word") };
        let steps: Vec<Step> = read_json("operation steps", self.steps)?;
        let error: Option<Problem> =
            self.error.map(|error| read_json("operation error", error)).transpose()?;
        let state = State::parse(&self.state).ok_or_else(unknown("operation state"))?;
        let operation = Operation {
            id: self.id,
            kind: Kind::parse(&self.kind).ok_or_else(unknown("operation kind"))?,
            cluster_id: self.cluster_id,
            cluster_name: self.cluster_name,
            project: self.project,
            state,
            progress: progress(state, &steps),
            steps,
            error,
            created_at: self.created_at,
            updated_at: self.updated_at,
            finished_at: self.finished_at,
        };
        let Self { project_id, generation, actor, .. } = self;
        Ok(Stored { operation, project_id, generation, actor })
    }
}

/// Share of the steps that are done, in percent; 100 only when all is done.
pub(crate) fn progress(state: State, steps: &[Step]) -> u8 {
    if state == State::Succeeded {
        return 100;
    }
    let done =
        steps.iter().filter(|step| matches!(step.state, StepState::Succeeded | StepState::Skipped)).count();
    u8::try_from(done * 100 / (steps.len() + 1)).unwrap_or(99)
}

/// The operation of that id.
///
/// # Errors
/// When the database is away.
pub(crate) async fn get(db: &mut PgConnection, id: Uuid) -> Result<Option<Stored>, Error> {
    sqlx::query_as!(
        Row,
        "SELECT o.id, o.kind, o.cluster_id, o.cluster_name, o.project_id, p.name AS project, o.generation, o.state,
                o.steps, o.error, o.actor, o.created_at, o.updated_at, o.finished_at
         FROM operations o JOIN projects p ON p.id = o.project_id WHERE o.id = $1",
        id
    )
    .fetch_optional(db)
    .await?
    .map(Row::read)
    .transpose()
}

/// Operations, newest first, before one of them. `cluster` is an id or a name, so that those of a cluster that is gone
/// can be read.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list(
    db: &mut PgConnection,
    own: Option<Uuid>,
    cluster: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    let cluster_id = cluster.and_then(|cluster| cluster.parse::<Uuid>().ok());
    sqlx::query_as!(
        Row,
        "SELECT o.id, o.kind, o.cluster_id, o.cluster_name, o.project_id, p.name AS project, o.generation, o.state,
                o.steps, o.error, o.actor, o.created_at, o.updated_at, o.finished_at
         FROM operations o JOIN projects p ON p.id = o.project_id
         WHERE ($1::uuid IS NULL OR o.project_id = $1)
           AND ($2::text IS NULL OR o.cluster_name = $2 OR o.cluster_id = $3)
           AND ($4::uuid IS NULL OR o.id < $4)
         ORDER BY o.id DESC LIMIT $5",
        own,
        cluster,
        cluster_id,
        before,
        limit
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// A cluster's operations that have not ended, oldest first.
///
/// # Errors
/// When the database is away.
pub(crate) async fn unfinished(db: &mut PgConnection, cluster_id: Uuid) -> Result<Vec<Stored>, Error> {
    sqlx::query_as!(
        Row,
        "SELECT o.id, o.kind, o.cluster_id, o.cluster_name, o.project_id, p.name AS project, o.generation, o.state,
                o.steps, o.error, o.actor, o.created_at, o.updated_at, o.finished_at
         FROM operations o JOIN projects p ON p.id = o.project_id
         WHERE o.cluster_id = $1 AND o.finished_at IS NULL ORDER BY o.id",
        cluster_id
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Keeps a new operation.
///
/// # Errors
/// When the database is away.
pub(crate) async fn insert(db: &mut PgConnection, stored: &Stored) -> Result<(), Error> {
    let operation = &stored.operation;
    sqlx::query!(
        "INSERT INTO operations (id, kind, cluster_id, cluster_name, project_id, generation, state, steps, actor,
                                 created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        operation.id,
        operation.kind.as_str(),
        operation.cluster_id,
        operation.cluster_name,
        stored.project_id,
        stored.generation,
        operation.state.as_str(),
        write_json("operation steps", &operation.steps)?,
        stored.actor,
        operation.created_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes how far an operation is, unless it has ended.
///
/// # Errors
/// When the database is away.
pub(crate) async fn save(db: &mut PgConnection, operation: &Operation) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE operations SET state = $2, steps = $3, error = $4, updated_at = $5, finished_at = $6
         WHERE id = $1 AND finished_at IS NULL",
        operation.id,
        operation.state.as_str(),
        write_json("operation steps", &operation.steps)?,
        operation.error.as_ref().map(|error| write_json("operation error", error)).transpose()?,
        operation.updated_at,
        operation.finished_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the operations of a cluster that another one overtakes: all, or those of one kind.
///
/// # Errors
/// When the database is away.
pub(crate) async fn cancel_unfinished(
    db: &mut PgConnection,
    cluster_id: Uuid,
    kind: Option<Kind>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE operations SET state = 'cancelled', updated_at = $3, finished_at = $3
         WHERE cluster_id = $1 AND finished_at IS NULL AND ($2::text IS NULL OR kind = $2)",
        cluster_id,
        kind.map(Kind::as_str),
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many operations have not ended.
///
/// # Errors
/// When the database is away.
pub(crate) async fn count_unfinished(db: &mut PgConnection) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM operations WHERE finished_at IS NULL"#)
        .fetch_one(db)
        .await?)
}

/// Forgets operations that ended a month ago.
///
/// # Errors
/// When the database is away.
pub(crate) async fn prune(db: &mut PgConnection) -> Result<u64, Error> {
    let deleted = sqlx::query!("DELETE FROM operations WHERE finished_at < now() - interval '30 days'")
        .execute(db)
        .await?;
    Ok(deleted.rows_affected())
}
