//! Keys, by the hash of their token.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use crate::domain::api_key::{ApiKey, Token};
use crate::domain::role::Role;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The key's id.
    pub id: Uuid,
    /// The key's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The only project that it may touch: id and name.
    pub project: Option<(Uuid, String)>,
    /// An agent's broker.
    pub broker: Option<(Uuid, i32)>,
}

/// Whose token this is. Notes when it was used, once a minute at most.
///
/// # Errors
/// When the database is away.
pub(crate) async fn identify(db: &mut PgConnection, token: &Token) -> Result<Option<Identity>, Error> {
    let hash = token.hash();
    let row = sqlx::query!(
        r#"SELECT k.id, k.name, k.role, k.project_id, p.name AS "project?", k.cluster_id, k.node_id,
                  coalesce(k.last_used_at < now() - interval '1 minute', true) AS "stale!"
           FROM api_keys k LEFT JOIN projects p ON p.id = k.project_id WHERE k.hash = $1"#,
        hash
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.stale {
        sqlx::query!("UPDATE api_keys SET last_used_at = now() WHERE id = $1", row.id)
            .execute(&mut *db)
            .await?;
    }
    let Some(role) = Role::parse(&row.role) else { return Ok(None) };
    Ok(Some(Identity {
        id: row.id,
        name: row.name,
        role,
        project: row.project_id.zip(row.project),
        broker: row.cluster_id.zip(row.node_id),
    }))
}

/// What a new key is to be.
#[derive(Debug)]
pub(crate) struct New<'a> {
    /// For people.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// The only project that it may touch.
    pub project_id: Option<Uuid>,
    /// An agent's broker.
    pub broker: Option<(Uuid, i32)>,
}

/// Keeps a key; returns its id.
///
/// # Errors
/// When the database is away.
pub(crate) async fn insert(
    db: &mut PgConnection,
    new: &New<'_>,
    token: &Token,
    now: DateTime<Utc>,
) -> Result<Uuid, Error> {
    let id = Uuid::now_v7();
    let (cluster_id, node_id) = new.broker.unzip();
    sqlx::query!(
        "INSERT INTO api_keys (id, name, role, project_id, cluster_id, node_id, prefix, hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id,
        new.name,
        new.role.as_str(),
        new.project_id,
        cluster_id,
        node_id,
        token.prefix(),
        token.hash(),
        now
    )
    .execute(db)
    .await?;
    Ok(id)
}

/// Keys of people and programs, oldest first, after one of them.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list(
    db: &mut PgConnection,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ApiKey>, Error> {
    let rows = sqlx::query!(
        r#"SELECT k.id, k.name, k.role, p.name AS "project?", k.prefix, k.created_at, k.last_used_at
           FROM api_keys k LEFT JOIN projects p ON p.id = k.project_id
           WHERE k.role <> 'agent' AND ($1::uuid IS NULL OR k.id > $1) ORDER BY k.id LIMIT $2"#,
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        keys.extend(Role::parse(&row.role).map(|role| ApiKey {
            id: row.id,
            name: row.name,
            role,
            project: row.project,
            prefix: row.prefix,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }));
    }
    Ok(keys)
}

/// What became of a wish to delete a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// It is gone.
    Yes,
    /// There was none.
    NotFound,
    /// It is the last key that could make others.
    LastAdmin,
}

/// Deletes a key of a person or program, unless nobody could make keys any more.
///
/// # Errors
/// When the database is away.
pub(crate) async fn delete(db: &mut PgConnection, id: Uuid) -> Result<Deleted, Error> {
    super::lock(db, "api-keys").await?;
    let role = sqlx::query_scalar!("SELECT role FROM api_keys WHERE id = $1 AND role <> 'agent'", id)
        .fetch_optional(&mut *db)
        .await?;
    let Some(role) = role else { return Ok(Deleted::NotFound) };
    if role == Role::Admin.as_str() && count_admins_but(db, Some(id)).await? == 0 {
        return Ok(Deleted::LastAdmin);
    }
    sqlx::query!("DELETE FROM api_keys WHERE id = $1", id).execute(db).await?;
    Ok(Deleted::Yes)
}

/// Whether a token is somebody's key.
///
/// # Errors
/// When the database is away.
pub(crate) async fn is_known(db: &mut PgConnection, token: &Token) -> Result<bool, Error> {
    let hash = token.hash();
    let known = sqlx::query_scalar!(r#"SELECT true AS "known!" FROM api_keys WHERE hash = $1"#, &hash[..]);
    Ok(known.fetch_optional(db).await?.is_some())
}

/// How many keys may do everything, leaving one out.
///
/// # Errors
/// When the database is away.
pub(crate) async fn count_admins_but(db: &mut PgConnection, id: Option<Uuid>) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM api_keys
           WHERE role = 'admin' AND project_id IS NULL AND id IS DISTINCT FROM $1"#,
        id
    )
    .fetch_one(db)
    .await?)
}

/// Replaces the key of a broker's agent.
///
/// # Errors
/// When the database is away.
pub(crate) async fn replace_agent_key(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    token: &Token,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    delete_agent_key(db, cluster_id, node_id).await?;
    let name = format!("agent of broker {node_id}");
    let new = New { name: &name, role: Role::Agent, project_id: None, broker: Some((cluster_id, node_id)) };
    insert(db, &new, token, now).await?;
    Ok(())
}

/// Whether this token is the key of this broker's agent.
///
/// # Errors
/// When the database is away.
pub(crate) async fn is_agent_key(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    token: &Token,
) -> Result<bool, Error> {
    let identity = identify(db, token).await?;
    Ok(identity.is_some_and(|identity| identity.broker == Some((cluster_id, node_id))))
}

/// Deletes the key of a broker's agent.
///
/// # Errors
/// When the database is away.
pub(crate) async fn delete_agent_key(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
) -> Result<(), Error> {
    sqlx::query!("DELETE FROM api_keys WHERE cluster_id = $1 AND node_id = $2", cluster_id, node_id)
        .execute(db)
        .await?;
    Ok(())
}
