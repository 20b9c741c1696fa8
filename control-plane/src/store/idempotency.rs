//! First answers to POSTs that carried an Idempotency-Key.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;

/// An answer that was given before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// SHA-256 of the request that it was given to.
    pub request_hash: Vec<u8>,
    /// The HTTP status.
    pub status: i16,
    /// The Location header.
    pub location: Option<String>,
    /// The body.
    pub body: Value,
}

/// The answer that was given to this key. Until the transaction ends, others with the same key wait here.
///
/// # Errors
/// When the database is away.
pub(crate) async fn claim(
    db: &mut PgConnection,
    api_key_id: Uuid,
    key: &str,
) -> Result<Option<Stored>, Error> {
    super::lock(db, &format!("idempotency {api_key_id} {key}")).await?;
    Ok(sqlx::query_as!(
        Stored,
        "SELECT request_hash, status, location, body FROM idempotency
         WHERE api_key_id = $1 AND key = $2 AND created_at > now() - interval '24 hours'",
        api_key_id,
        key
    )
    .fetch_optional(db)
    .await?)
}

/// Keeps the answer, in the transaction that did the work.
///
/// # Errors
/// When the database is away.
pub(crate) async fn keep(
    db: &mut PgConnection,
    api_key_id: Uuid,
    key: &str,
    answer: &Stored,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO idempotency (api_key_id, key, request_hash, status, location, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (api_key_id, key) DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status,
           location = excluded.location, body = excluded.body, created_at = excluded.created_at",
        api_key_id,
        key,
        answer.request_hash,
        answer.status,
        answer.location,
        answer.body,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets answers that are older than a day.
///
/// # Errors
/// When the database is away.
pub(crate) async fn prune(db: &mut PgConnection) -> Result<u64, Error> {
    let deleted = sqlx::query!("DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'")
        .execute(db)
        .await?;
    Ok(deleted.rows_affected())
}
