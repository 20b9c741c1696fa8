//! `/v1/operations`: watch changes happen.

use std::convert::Infallible;

use axum::response::sse::Event as SseEvent;
use tokio::sync::broadcast;

use super::prelude::*;
use super::sse;
use crate::domain::operation::Operation;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(watch))
}

/// List operations
#[utoipa::path(
    get, path = "/v1/operations", operation_id = "listOperations", tag = "operations",
    params(ListParams, ("cluster" = Option<String>, Query, description = "Only those of this cluster: id or name")),
    responses((status = 200, description = "A page of operations, newest first", body = Page<Operation>)),
    security(("api_key" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    query: QueryFields,
) -> Result<Json<Page<Operation>>, Problem> {
    let QueryFields(mut fields) = query;
    let cluster = fields.text("cluster", |_| true, "");
    let paging = Paging::read(&mut fields, &format!("operations {}", cluster.as_deref().unwrap_or_default()));
    fields.finish()?;
    let before = paging.after.as_ref().and_then(|id| id.parse().ok());
    let mut db = app.store().connection().await?;
    let found =
        store::operations::list(&mut db, caller.project_id(), cluster.as_deref(), before, paging.limit())
            .await?;
    let operations = found.into_iter().map(|stored| stored.operation).collect();
    Ok(Json(paging.page(operations, |operation: &Operation| operation.id.to_string())))
}

/// Get an operation
#[utoipa::path(
    get, path = "/v1/operations/{operation}", operation_id = "getOperation", tag = "operations",
    params(OperationPath),
    responses((status = 200, description = "The operation", body = Operation)),
    security(("api_key" = ["viewer"]))
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath(operation): InPath<String>,
) -> Result<Json<Operation>, Problem> {
    read(&app, &caller, &operation).await.map(Json)
}

/// Watch an operation
///
/// Server-sent events named `operation`, each with the whole operation as it is then; the stream ends when it has.
#[utoipa::path(
    get, path = "/v1/operations/{operation}/watch", operation_id = "watchOperation", tag = "operations",
    params(OperationPath),
    responses((status = 200, description = "Events named `operation`", body = Operation, content_type = "text/event-stream")),
    security(("api_key" = ["viewer"]))
)]
async fn watch(
    State(app): State<App>,
    caller: Caller,
    InPath(operation): InPath<String>,
) -> Result<Response, Problem> {
    let changed = app.changes().operations();
    let first = read(&app, &caller, &operation).await?;
    let watch = Watch { app, caller, operation: first.id, changed, next: Some(first) };
    let stream = futures_util::stream::unfold(watch, Watch::step);
    Ok(sse::respond(stream))
}

async fn read(app: &App, caller: &Caller, id: &str) -> Result<Operation, Problem> {
    let not_found = || Problem::not_found("operation", id);
    let key = id.parse().map_err(|_| not_found())?;
    let mut db = app.store().connection().await?;
    let stored = store::operations::get(&mut db, key).await?;
    let visible = stored.filter(|stored| caller.may_see(stored.project_id));
    visible.map(|stored| stored.operation).ok_or_else(not_found)
}

/// Someone who watches an operation.
struct Watch {
    app: App,
    caller: Caller,
    operation: Uuid,
    changed: broadcast::Receiver<Uuid>,
    /// What is to be sent next, if that is known.
    next: Option<Operation>,
}

impl Watch {
    /// The next event; `None` after the one that showed the end.
    async fn step(mut self) -> Option<(Result<SseEvent, Infallible>, Self)> {
        let operation = match self.next.take() {
            Some(operation) => operation,
            None => self.changed_operation().await?,
        };
        if operation.state.is_final() {
            // Nothing follows: the next step finds a closed channel.
            self.changed = broadcast::channel(1).1;
            self.operation = Uuid::nil();
        }
        let event = sse::event("operation", operation.updated_at.timestamp_micros(), &operation);
        Some((Ok(event), self))
    }

    async fn changed_operation(&mut self) -> Option<Operation> {
        if self.operation.is_nil() {
            return None;
        }
        loop {
            tokio::select! {
                () = self.app.shutdown().cancelled() => return None,
                () = tokio::time::sleep(sse::LOOK_ANYWAY) => {}
                changed = self.changed.recv() => match changed {
                    Ok(id) if id != self.operation => continue,
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
            match read(&self.app, &self.caller, &self.operation.to_string()).await {
                Ok(operation) => return Some(operation),
                Err(problem) if problem.status == 404 => return None,
                // The database is away: look again later.
                Err(_) => {}
            }
        }
    }
}
