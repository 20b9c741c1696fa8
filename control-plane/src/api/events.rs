//! `/v1/events`: what happened.

use super::prelude::*;
use crate::domain::event::Event;

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
async fn list(State(app): State<App>, caller: Caller, query: QueryFields) -> Result<Json<Page<Event>>, Problem> {
    todo()
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
async fn watch(State(app): State<App>, caller: Caller, query: QueryFields, headers: HeaderMap) -> Result<Response, Problem> {
    todo()
}
