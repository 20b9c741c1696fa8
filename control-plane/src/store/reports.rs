//! What agents reported: the newest report of each broker, and throughput over time.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Error, read_json, write_json};
use crate::domain::broker::Seen;
use crate::domain::report::Report;

/// An agent started. Its sequence begins again, unless it is one that is known.
///
/// # Errors
/// When the database is away.
pub(crate) async fn register(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    incarnation: Uuid,
) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar!(
        "INSERT INTO broker_reports (cluster_id, node_id, incarnation, received_at) VALUES ($1, $2, $3, now())
         ON CONFLICT (cluster_id, node_id) DO UPDATE SET incarnation = excluded.incarnation,
           sequence = CASE WHEN broker_reports.incarnation = excluded.incarnation THEN broker_reports.sequence END
         RETURNING sequence",
        cluster_id,
        node_id,
        incarnation
    )
    .fetch_one(db)
    .await?)
}

/// How far this agent's reports are stored; the outer `None` means that it has to register.
/// Whoever asks is alone with this broker's reports until the transaction ends.
///
/// # Errors
/// When the database is away.
pub(crate) async fn accepted(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    incarnation: Uuid,
) -> Result<Option<Option<i64>>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT sequence FROM broker_reports WHERE cluster_id = $1 AND node_id = $2 AND incarnation = $3 FOR UPDATE",
        cluster_id,
        node_id,
        incarnation
    )
    .fetch_optional(db)
    .await?)
}

/// Keeps the newest report.
///
/// # Errors
/// When the database is away.
pub(crate) async fn keep_newest(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    report: &Report,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE broker_reports SET sequence = $3, report = $4, received_at = now()
         WHERE cluster_id = $1 AND node_id = $2",
        cluster_id,
        node_id,
        report.sequence,
        write_json("report", report)?
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Adds a report to the series. A clock that is ahead does not reach into the future.
///
/// # Errors
/// When the database is away.
pub(crate) async fn add_sample(
    db: &mut PgConnection,
    cluster_id: Uuid,
    node_id: i32,
    report: &Report,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO broker_samples (cluster_id, node_id, at, bytes_in, bytes_out, messages_in)
         VALUES ($1, $2, least($3, now()), $4, $5, $6) ON CONFLICT DO NOTHING",
        cluster_id,
        node_id,
        report.at,
        report.bytes_in_per_second,
        report.bytes_out_per_second,
        report.messages_in_per_second
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The newest report of each of a cluster's brokers, with its age.
///
/// # Errors
/// When the database is away.
pub(crate) async fn newest(db: &mut PgConnection, cluster_id: Uuid) -> Result<Vec<(i32, Seen)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT node_id, report AS "report!", received_at,
                  (extract(epoch FROM now() - received_at) * 1000)::bigint AS "age_ms!"
           FROM broker_reports WHERE cluster_id = $1 AND report IS NOT NULL"#,
        cluster_id
    )
    .fetch_all(db)
    .await?;
    let mut newest = Vec::with_capacity(rows.len());
    for row in rows {
        let report = read_json("report", row.report)?;
        newest.push((row.node_id, Seen { report, received_at: row.received_at, age_ms: row.age_ms }));
    }
    Ok(newest)
}

/// One point of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    /// The broker.
    pub node_id: i32,
    /// Where its step begins.
    pub unix_ms: f64,
    /// Mean of the step.
    pub bytes_in: Option<f64>,
    /// Mean of the step.
    pub bytes_out: Option<f64>,
    /// Mean of the step.
    pub messages_in: Option<f64>,
}

/// The series of a cluster's brokers over a window, averaged over steps.
///
/// # Errors
/// When the database is away.
pub(crate) async fn series(
    db: &mut PgConnection,
    cluster_id: Uuid,
    window_seconds: i64,
    step_seconds: i64,
) -> Result<Vec<Point>, Error> {
    Ok(sqlx::query_as!(
        Point,
        r#"SELECT node_id, (floor(extract(epoch FROM at) / $3) * $3 * 1000)::double precision AS "unix_ms!",
                  avg(bytes_in) AS bytes_in, avg(bytes_out) AS bytes_out, avg(messages_in) AS messages_in
           FROM broker_samples WHERE cluster_id = $1 AND at > now() - make_interval(secs => $2)
           GROUP BY 1, 2 ORDER BY 1, 2"#,
        cluster_id,
        window_seconds as f64,
        step_seconds as f64 as _
    )
    .fetch_all(db)
    .await?)
}

/// Deletes samples that no window reaches any more.
///
/// # Errors
/// When the database is away.
pub(crate) async fn prune(db: &mut PgConnection) -> Result<u64, Error> {
    let deleted =
        sqlx::query!("DELETE FROM broker_samples WHERE at < now() - interval '6 hours'").execute(db).await?;
    Ok(deleted.rows_affected())
}

/// A broker starts anew after it was replaced: what is known of it goes.
///
/// # Errors
/// When the database is away.
pub(crate) async fn forget(db: &mut PgConnection, cluster_id: Uuid, node_id: i32) -> Result<(), Error> {
    sqlx::query!("DELETE FROM broker_reports WHERE cluster_id = $1 AND node_id = $2", cluster_id, node_id)
        .execute(db)
        .await?;
    Ok(())
}
