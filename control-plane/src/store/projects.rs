//! Projects.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use crate::domain::project::Project;

/// Projects by name: those after one of them, and only `own` when that is given.
///
/// # Errors
/// When the database is away.
pub(crate) async fn list(
    db: &mut PgConnection,
    own: Option<Uuid>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Project>, Error> {
    Ok(sqlx::query_as!(
        Project,
        "SELECT id, name, created_at FROM projects
         WHERE ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR name > $2) ORDER BY name LIMIT $3",
        own,
        after,
        limit
    )
    .fetch_all(db)
    .await?)
}

/// The project of that name.
///
/// # Errors
/// When the database is away.
pub(crate) async fn find(db: &mut PgConnection, name: &str) -> Result<Option<Project>, Error> {
    Ok(sqlx::query_as!(Project, "SELECT id, name, created_at FROM projects WHERE name = $1", name)
        .fetch_optional(db)
        .await?)
}

/// Keeps a project; `false` when the name is taken.
///
/// # Errors
/// When the database is away.
pub(crate) async fn insert(db: &mut PgConnection, project: &Project) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
        project.id,
        project.name,
        project.created_at
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
