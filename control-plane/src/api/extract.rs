//! Reads paths, queries, headers and bodies; whatever is wrong with them becomes a problem.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, IF_MATCH};
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;
use uuid::Uuid;

use super::fields::Fields;
use crate::app::App;
use crate::domain::problem::{FieldError, Problem};

/// Which cluster.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents a path parameter")]
pub(super) struct ClusterPath {
    /// The cluster's id or name.
    cluster: String,
}

/// Which operation.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents a path parameter")]
pub(super) struct OperationPath {
    /// The operation's id.
    operation: Uuid,
}

/// Which topic.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents a path parameter")]
pub(super) struct TopicPath {
    /// The topic's name.
    topic: String,
}

/// Look before you leap.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents a query parameter")]
pub(super) struct ValidateOnlyParams {
    /// Check the request and answer 200 with what would come of it, but change nothing.
    validate_only: Option<bool>,
}

/// Change only what was seen.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents a header")]
pub(super) struct IfMatchParams {
    /// Refuse with 412 unless the cluster's ETag is this.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// Path parameters. Not named `Path`, which utoipa would document a second time.
pub(super) struct InPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, app)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|error| Problem::new(400, "malformed_path", error.body_text()))
    }
}

/// The parameters of the query string.
pub(super) struct QueryFields(pub(super) Fields);

impl FromRequestParts<App> for QueryFields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map(|Query(pairs)| Self(Fields::of_query(pairs)))
            .map_err(|error| Problem::new(400, "malformed_query", error.body_text()))
    }
}

/// The fields of a JSON body, and the body's SHA-256.
pub(super) struct JsonFields {
    pub(super) fields: Fields,
    pub(super) hash: [u8; 32],
}

impl FromRequest<App> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let body = read_json_body(request, app).await?;
        let hash = Sha256::digest(&body).into();
        match parse(&body)? {
            Value::Object(object) => Ok(Self { fields: Fields::of_object(object), hash }),
            _ => Err(Problem::invalid(vec![FieldError::new(
                "",
                "wrong_type",
                "the body must be a JSON object",
            )])),
        }
    }
}

/// A JSON body that programs of ours send: read as a whole, with one error at most.
pub(super) struct TypedJson<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for TypedJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let body = read_json_body(request, app).await?;
        serde_json::from_value(parse(&body)?)
            .map(Self)
            .map_err(|error| Problem::invalid(vec![FieldError::new("", "invalid_body", error.to_string())]))
    }
}

async fn read_json_body(request: Request, app: &App) -> Result<Bytes, Problem> {
    if !is_json(&request) {
        let detail = "Send the body as Content-Type: application/json.";
        return Err(Problem::new(415, "unsupported_media_type", detail));
    }
    Bytes::from_request(request, app).await.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("The body is larger than {} bytes.", super::BODY_BYTES_MAX);
            Problem::new(413, "payload_too_large", detail)
        }
        _ => Problem::new(400, "malformed_body", "The body ended early or cannot be read."),
    })
}

fn is_json(request: &Request) -> bool {
    let Some(content_type) = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(400, "malformed_json", format!("The body is not JSON: {error}.")))
}

/// What the client last saw, if it said so.
pub(super) struct IfMatch(Option<String>);

impl FromRequestParts<App> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        header_text(parts, &IF_MATCH).map(Self)
    }
}

impl IfMatch {
    /// Refuses with 412 unless the client saw this generation, or did not say.
    pub(super) fn check(&self, generation: i64) -> Result<(), Problem> {
        let Some(wanted) = &self.0 else { return Ok(()) };
        let current = etag(generation);
        // RFC 9110 §13.1.1: a list of strong tags, or a star for "whatever there is".
        if wanted.split(',').map(str::trim).any(|tag| tag == "*" || tag == current) {
            return Ok(());
        }
        let detail = format!("It was changed since: its ETag is {current} and not {wanted}. Read it again.");
        Err(Problem::new(412, "precondition_failed", detail))
    }
}

/// The ETag of a generation.
pub(super) fn etag(generation: i64) -> String {
    format!("\"{generation}\"")
}

/// A header's value as text.
pub(super) fn header_text(parts: &Parts, name: &HeaderName) -> Result<Option<String>, Problem> {
    let Some(value) = parts.headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| {
        Problem::invalid(vec![FieldError::new(name.as_str(), "invalid_value", "must be visible ASCII")])
    })?;
    Ok(Some(text.to_owned()))
}
