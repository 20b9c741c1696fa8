//! `/v1/events`: what happened.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::Event as SseEvent;
use tokio::sync::watch as watching;

use super::prelude::*;
use super::sse;
use crate::domain::event::Event;
use crate::store::events::Filter;

/// Events that are read at once.
const BATCH: i64 = 100;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(watch))
}

/// List events
#[utoipa::path(
    get, path = "/v1/events", operation_id = "listEvents", tag = "events",
    params(ListParams, ("cluster" = Option<String>, Query, description = "Only those of this cluster: id or name")),
    responses((status = 200, description = "A page of events, newest first", body = Page<Event>)),
    security(("api_key" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    query: QueryFields,
) -> Result<Json<Page<Event>>, Problem> {
    let QueryFields(mut fields) = query;
    let cluster = fields.text("cluster", |_| true, "");
    let paging = Paging::read(&mut fields, &format!("events {}", cluster.as_deref().unwrap_or_default()));
    fields.finish()?;
    let filter = Filter { own: caller.project_id(), cluster };
    let before = paging.after.as_ref().and_then(|id| id.parse().ok());
    let mut db = app.store().connection().await?;
    let events = store::events::list(&mut db, &filter, before, paging.limit()).await?;
    Ok(Json(paging.page(events, |event: &Event| event.id.to_string())))
}

/// Watch events
///
/// Server-sent events named `event`, each with its id; `Last-Event-ID` continues after one that was seen.
#[utoipa::path(
    get, path = "/v1/events/watch", operation_id = "watchEvents", tag = "events",
    params(
        ("cluster" = Option<String>, Query, description = "Only those of this cluster: id or name"),
        ("Last-Event-ID" = Option<i64>, Header, description = "Continue after this event"),
    ),
    responses((status = 200, description = "Events named `event`", body = Event, content_type = "text/event-stream")),
    security(("api_key" = ["viewer"]))
)]
async fn watch(
    State(app): State<App>,
    caller: Caller,
    query: QueryFields,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let QueryFields(mut fields) = query;
    let cluster = fields.text("cluster", |_| true, "");
    fields.finish()?;
    let filter = Filter { own: caller.project_id(), cluster };
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let changed = app.changes().events();
    let after = match seen {
        Some(seen) => seen,
        None => store::events::newest_id(&mut *app.store().connection().await?).await?,
    };
    let watch = Watch { app, filter, changed, after, waiting: VecDeque::new() };
    Ok(sse::respond(futures_util::stream::unfold(watch, Watch::step)))
}

/// Someone who watches events.
struct Watch {
    app: App,
    filter: Filter,
    changed: watching::Receiver<u64>,
    /// The newest event that was read.
    after: i64,
    waiting: VecDeque<Event>,
}

impl Watch {
    async fn step(mut self) -> Option<(Result<SseEvent, Infallible>, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(sse::event("event", event.id, &event)), self));
            }
            if self.read().await.is_ok() && !self.waiting.is_empty() {
                continue;
            }
            tokio::select! {
                () = self.app.shutdown().cancelled() => return None,
                () = tokio::time::sleep(sse::LOOK_ANYWAY) => {}
                changed = self.changed.changed() => changed.ok()?,
            }
        }
    }

    async fn read(&mut self) -> Result<(), store::Error> {
        let mut db = self.app.store().connection().await?;
        self.waiting = store::events::list_after(&mut db, &self.filter, self.after, BATCH).await?.into();
        self.after = self.waiting.back().map_or(self.after, |event| event.id);
        Ok(())
    }
}
