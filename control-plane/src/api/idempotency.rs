//! Idempotency-Key: a repeated POST answers what the first one answered and does nothing again.
//!
//! The answer is kept in the transaction that does the work, so that there is no moment at which one is done without
//! the other, and an advisory lock makes duplicates that come at the same time wait for the first.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::auth::Caller;
use super::extract::header_text;
use crate::app::App;
use crate::domain::problem::{FieldError, Problem};
use crate::store::{self, Store};

/// The draft's header name.
pub(super) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// The Idempotency-Key of a request, if it has one.
pub(super) struct Idempotency {
    key: Option<String>,
    /// Method and path with query: the same key for another route is another request.
    target: String,
}

impl FromRequestParts<App> for Idempotency {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let key = header_text(parts, &HEADER)?;
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_CHARS_MAX) {
            let rule = format!("must have 1 to {KEY_CHARS_MAX} characters");
            return Err(Problem::invalid(vec![FieldError::new("Idempotency-Key", "invalid_value", rule)]));
        }
        Ok(Self { key, target: format!("{} {}", parts.method, parts.uri) })
    }
}

/// A request that is to be worked on, or the answer that it had before.
pub(super) enum Begun {
    Fresh(Work),
    Replayed(Response),
}

/// The transaction in which a request is worked on.
pub(super) struct Work {
    transaction: Transaction<'static, Postgres>,
    claim: Option<Claim>,
}

struct Claim {
    api_key_id: Uuid,
    key: String,
    request_hash: Vec<u8>,
}

impl Idempotency {
    /// Whether the request has no key.
    pub(super) const fn is_absent(&self) -> bool {
        self.key.is_none()
    }

    /// Begins the work, unless it was done before.
    pub(super) async fn begin(
        self,
        store: &Store,
        caller: &Caller,
        body_hash: [u8; 32],
    ) -> Result<Begun, Problem> {
        let mut transaction = store.begin().await?;
        let Some(key) = self.key else { return Ok(Begun::Fresh(Work { transaction, claim: None })) };
        let request_hash =
            Sha256::new().chain_update(&self.target).chain_update(body_hash).finalize().to_vec();
        let Some(answer) = store::idempotency::claim(&mut transaction, caller.id, &key).await? else {
            let claim = Some(Claim { api_key_id: caller.id, key, request_hash });
            return Ok(Begun::Fresh(Work { transaction, claim }));
        };
        if answer.request_hash != request_hash {
            let message = "was used for another request; use a new one for a new request";
            let errors = vec![FieldError::new("Idempotency-Key", "reused", message)];
            let detail = format!("Idempotency-Key {key:?} {message}.");
            return Err(Problem { errors, ..Problem::new(422, "idempotency_key_reused", detail) });
        }
        let status = u16::try_from(answer.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let mut response =
            respond(status.unwrap_or(StatusCode::OK), answer.location.as_deref(), &answer.body);
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        Ok(Begun::Replayed(response))
    }
}

impl Work {
    /// Where the work is done.
    pub(super) fn db(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Commits the work and the answer to it. `kept` is what a repeated request is answered.
    pub(super) async fn finish<T: Serialize>(
        mut self,
        status: StatusCode,
        location: Option<&str>,
        body: &T,
        kept: &T,
        now: DateTime<Utc>,
    ) -> Result<Response, Problem> {
        if let Some(claim) = self.claim {
            let answer = store::idempotency::Stored {
                request_hash: claim.request_hash,
                status: i16::try_from(status.as_u16()).unwrap_or(200),
                location: location.map(str::to_owned),
                body: store::write_json("answer", kept)?,
            };
            store::idempotency::keep(&mut self.transaction, claim.api_key_id, &claim.key, &answer, now)
                .await?;
        }
        self.transaction.commit().await.map_err(store::Error::from)?;
        Ok(respond(status, location, body))
    }
}

/// A JSON response, with a Location if there is one.
fn respond<T: Serialize>(status: StatusCode, location: Option<&str>, body: &T) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    if let Some(location) = location.and_then(|location| HeaderValue::from_str(location).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
