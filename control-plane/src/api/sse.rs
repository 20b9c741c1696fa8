//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use serde::Serialize;

/// A wake-up can be lost, so whoever watches looks by itself after this.
pub(super) const LOOK_ANYWAY: Duration = Duration::from_secs(5);
/// Proxies close connections that are silent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// An event with JSON data.
pub(super) fn event<T: Serialize>(name: &str, id: i64, data: &T) -> Event {
    let json = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).id(id.to_string()).data(json)
}

/// A stream of events as a response that nobody may keep or hold back.
pub(super) fn respond(stream: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
