//! `/healthz`, `/readyz` and `/metrics`: for whoever watches the service. No key needed.

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};

use crate::app::App;
use crate::domain::problem::Problem;
use crate::store;
use crate::telemetry::gauge;

/// The process lives.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The database answers.
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    app.store().ping().await?;
    Ok("ready\n")
}

/// Prometheus text. What the database knows is left out while it is away.
pub(super) async fn metrics(State(app): State<App>) -> ([(HeaderName, &'static str); 1], String) {
    let mut text = app.telemetry().render();
    let up = match from_store(&app, &mut text).await {
        Ok(()) => 1,
        Err(error) => {
            tracing::warn!(%error, "metrics without the database");
            0
        }
    };
    gauge(&mut text, "headrace_database_up", "Whether the database answers.", &[(String::new(), up)]);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

async fn from_store(app: &App, text: &mut String) -> Result<(), store::Error> {
    let mut db = app.store().connection().await?;
    let clusters = store::clusters::count_by_state(&mut db).await?;
    let clusters: Vec<_> =
        clusters.into_iter().map(|(state, count)| (format!("{{state=\"{state}\"}}"), count)).collect();
    gauge(text, "headrace_clusters", "Clusters by state.", &clusters);
    let operations = store::operations::count_unfinished(&mut db).await?;
    gauge(
        text,
        "headrace_operations_unfinished",
        "Operations that have not ended.",
        &[(String::new(), operations)],
    );
    let due = store::work::count_due(&mut db).await?;
    gauge(text, "headrace_work_due", "Clusters that wait for a worker.", &[(String::new(), due)]);
    Ok(())
}
