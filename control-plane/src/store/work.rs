//! The work queue: one row per cluster, leased by one worker at a time.
//!
//! A worker that dies or hangs loses its lease when it expires; the token keeps it from writing after that. All times
//! are the database's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use super::Error;

/// A cluster that this worker alone may act on, for now.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    /// Which cluster.
    pub cluster_id: Uuid,
    /// Proves the lease.
    pub token: Uuid,
    /// The signals that had come when the lease was taken.
    pub signals: i64,
    /// Failures in a row before this run.
    pub failures: i32,
    /// When it was due.
    pub run_at: DateTime<Utc>,
}

fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}

/// Asks for work on a cluster, now.
///
/// # Errors
/// When the database is away.
pub(crate) async fn signal(db: &mut PgConnection, cluster_id: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO work (cluster_id, run_at) VALUES ($1, now())
         ON CONFLICT (cluster_id) DO UPDATE SET signals = work.signals + 1, failures = 0, run_at = least(work.run_at, now())",
        cluster_id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Has clusters looked at now, for something about them changed. Unlike a signal it interrupts nobody who is at it: the cluster is
/// then due again at once.
///
/// # Errors
/// When the database is away.
pub(crate) async fn wake(db: &mut PgConnection, clusters: &[Uuid]) -> Result<(), Error> {
    let woken = sqlx::query!(
        "UPDATE work SET run_at = clock_timestamp()
         WHERE cluster_id = ANY($1) AND (run_at > clock_timestamp() OR lease_token IS NOT NULL)",
        clusters
    )
    .execute(&mut *db)
    .await?;
    if woken.rows_affected() > 0 {
        sqlx::query!("SELECT pg_notify('headrace_work', '')").execute(db).await?;
    }
    Ok(())
}

/// Keeps workers from writing about a cluster until the transaction ends. Taken before any other row of the cluster,
/// here as there, so that nobody waits in a circle.
///
/// # Errors
/// When the database is away.
pub(crate) async fn lock(db: &mut PgConnection, cluster_id: Uuid) -> Result<(), Error> {
    sqlx::query!(r#"SELECT true AS "locked!" FROM work WHERE cluster_id = $1 FOR UPDATE"#, cluster_id)
        .fetch_optional(db)
        .await?;
    Ok(())
}

/// Takes the work that is due longest, if there is any.
///
/// # Errors
/// When the database is away.
pub(crate) async fn lease(db: &mut PgConnection, length: Duration) -> Result<Option<Lease>, Error> {
    Ok(sqlx::query_as!(
        Lease,
        r#"UPDATE work SET lease_token = gen_random_uuid(), lease_expires_at = clock_timestamp() + $1
           WHERE cluster_id = (
             SELECT cluster_id FROM work
             WHERE run_at <= now() AND (lease_expires_at IS NULL OR lease_expires_at < now())
             ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING cluster_id, lease_token AS "token!", signals, failures, run_at"#,
        interval(length)
    )
    .fetch_optional(db)
    .await?)
}

/// Keeps a lease for longer; answers the signals so far, or `None` when the lease is lost.
///
/// # Errors
/// When the database is away.
pub(crate) async fn renew(
    db: &mut PgConnection,
    lease: &Lease,
    length: Duration,
) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar!(
        "UPDATE work SET lease_expires_at = clock_timestamp() + $3 WHERE cluster_id = $1 AND lease_token = $2
         RETURNING signals",
        lease.cluster_id,
        lease.token,
        interval(length)
    )
    .fetch_optional(db)
    .await?)
}

/// Whether the lease is still ours; if so, nobody else takes it before the transaction ends.
///
/// # Errors
/// When the database is away.
pub(crate) async fn hold(db: &mut PgConnection, lease: &Lease) -> Result<bool, Error> {
    let held = sqlx::query_scalar!(
        r#"SELECT true AS "held!" FROM work WHERE cluster_id = $1 AND lease_token = $2 FOR UPDATE"#,
        lease.cluster_id,
        lease.token
    )
    .fetch_optional(db)
    .await?;
    Ok(held.is_some())
}

/// Gives a lease back; the cluster is due again after `delay`, or at once when somebody asked for that meanwhile.
///
/// # Errors
/// When the database is away.
pub(crate) async fn finish(
    db: &mut PgConnection,
    lease: &Lease,
    delay: Duration,
    failures: i32,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE work SET lease_token = NULL, lease_expires_at = NULL,
                failures = CASE WHEN signals = $3 THEN $5 ELSE 0 END,
                run_at = CASE WHEN signals = $3 AND run_at = $6 THEN clock_timestamp() + $4 ELSE clock_timestamp() END
         WHERE cluster_id = $1 AND lease_token = $2",
        lease.cluster_id,
        lease.token,
        lease.signals,
        interval(delay),
        failures,
        lease.run_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many clusters wait for a worker although they are due.
///
/// # Errors
/// When the database is away.
pub(crate) async fn count_due(db: &mut PgConnection) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM work
           WHERE run_at <= now() AND (lease_expires_at IS NULL OR lease_expires_at < now())"#
    )
    .fetch_one(db)
    .await?)
}
