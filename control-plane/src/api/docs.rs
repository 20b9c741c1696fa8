//! `/openapi.json`, and `/docs`, which shows it without a network.

use std::sync::OnceLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

/// The page needs nothing but its own files.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The OpenAPI document.
pub(super) async fn openapi_json() -> Response {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| super::document().to_pretty_json().unwrap_or_default());
    respond("application/json", document.as_str())
}

/// The page.
pub(super) async fn page() -> Response {
    respond("text/html; charset=utf-8", include_str!("docs/docs.html"))
}

/// What fills the page.
pub(super) async fn script() -> Response {
    respond("text/javascript; charset=utf-8", include_str!("docs/docs.js"))
}

/// How it looks.
pub(super) async fn style() -> Response {
    respond("text/css; charset=utf-8", include_str!("docs/docs.css"))
}

fn respond(content_type: &'static str, body: &'static str) -> Response {
    let headers =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-cache"), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, body).into_response()
}
