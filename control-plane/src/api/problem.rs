//! Turns problems into responses, and responses that are not problems yet into problems.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::domain::problem::Problem;
use crate::store;

/// RFC 9457.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// What a client is told to wait, in seconds, when the database is away.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"headrace\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(source) => {
                tracing::warn!(error = %source, "the database does not answer");
                Self::unavailable("The database does not answer; try again in a moment.")
            }
            store::Error::Database(source) => {
                tracing::error!(error = %source, "a query failed");
                Self::internal()
            }
            store::Error::Corrupt { what, source } => {
                tracing::error!(what, error = %source, "a stored value does not read back");
                Self::internal()
            }
        }
    }
}

/// Outermost layer: every error leaves as a problem document that says which path it is about.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let mut problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None => of_status(status, &path),
    };
    problem.instance = Some(path);
    let mut finished = problem.into_response();
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = response.headers_mut().remove(&name) {
            finished.headers_mut().insert(name, value);
        }
    }
    finished
}

/// The problem for a refusal that axum or a layer made.
fn of_status(status: StatusCode, path: &str) -> Problem {
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => {
            ("not_found", format!("There is nothing at {path}; /openapi.json lists what there is."))
        }
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            format!("{path} does not know this method; the Allow header lists those it knows."),
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("payload_too_large", "The body is too large.".to_owned()),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("unsupported_media_type", "Send the body as Content-Type: application/json.".to_owned())
        }
        StatusCode::BAD_REQUEST => ("bad_request", "The request cannot be read.".to_owned()),
        StatusCode::REQUEST_TIMEOUT => ("request_timeout", "The request took too long.".to_owned()),
        StatusCode::SERVICE_UNAVAILABLE => return Problem::unavailable("Try again in a moment."),
        status if status.is_client_error() => ("request_refused", "The request was refused.".to_owned()),
        _ => return Problem::internal(),
    };
    Problem::new(status.as_u16(), code, detail)
}
