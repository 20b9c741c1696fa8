//! Control planes that are alive, so that agents know where to report.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;

/// Says that this control plane is alive and reached at `url`; forgets those that have long been silent.
///
/// # Errors
/// When the database is away.
pub(crate) async fn beat(db: &mut PgConnection, id: Uuid, url: &str) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO instances (id, url, seen_at) VALUES ($1, $2, now())
         ON CONFLICT (id) DO UPDATE SET url = excluded.url, seen_at = now()",
        id,
        url
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!("DELETE FROM instances WHERE seen_at < now() - interval '1 hour'").execute(db).await?;
    Ok(())
}

/// Says goodbye.
///
/// # Errors
/// When the database is away.
pub(crate) async fn leave(db: &mut PgConnection, id: Uuid) -> Result<(), Error> {
    sqlx::query!("DELETE FROM instances WHERE id = $1", id).execute(db).await?;
    Ok(())
}

/// Where control planes were reached within the last minute.
///
/// # Errors
/// When the database is away.
pub(crate) async fn urls(db: &mut PgConnection) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT url FROM instances WHERE seen_at > now() - interval '1 minute' GROUP BY url ORDER BY url"
    )
    .fetch_all(db)
    .await?)
}
