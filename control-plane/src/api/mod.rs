//! The REST API: one file per resource, each a thin layer over domain, store and Kafka's protocol.
//!
//! A route declares the role it needs once, in its OpenAPI entry; [`auth`] enforces what is declared there. Every
//! refusal is a problem document ([`problem`]), including those that axum itself would make.

#![expect(unused_qualifications, reason = "utoipa's macro qualifies the parameter types that a route names")]

mod agent;
mod api_keys;
mod auth;
mod brokers;
mod capabilities;
mod clusters;
mod connection;
mod dashboard;
mod docs;
mod events;
mod extract;
mod fields;
mod health;
mod idempotency;
mod metrics;
mod openapi;
mod operations;
mod page;
mod problem;
mod projects;
mod sse;
mod topics;

use std::any::Any;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing};
use sqlx::PgConnection;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

pub(crate) use auth::Roles;
pub(crate) use openapi::document;

use self::auth::Caller;
use crate::app::App;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::project::Project;
use crate::store;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// All routes under `/v1`, with their part of the OpenAPI document.
fn v1() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(clusters::routes())
        .merge(connection::routes())
        .merge(operations::routes())
        .merge(brokers::routes())
        .merge(metrics::routes())
        .merge(topics::routes())
        .merge(projects::routes())
        .merge(api_keys::routes())
        .merge(events::routes())
        .merge(capabilities::routes())
        .merge(agent::routes())
}

/// The whole service: API, health, documents and dashboard.
pub(crate) fn router(app: App) -> Router {
    let (api, _) = v1().split_for_parts();
    let api = api.layer(from_fn_with_state(app.clone(), auth::authorize));
    let open = Router::new()
        .route("/healthz", routing::get(health::healthz))
        .route("/readyz", routing::get(health::readyz))
        .route("/metrics", routing::get(health::metrics))
        .route("/openapi.json", routing::get(docs::openapi_json))
        .route("/docs", routing::get(docs::page))
        .route("/docs/docs.js", routing::get(docs::script))
        .route("/docs/docs.css", routing::get(docs::style));
    Router::new()
        .merge(api)
        .merge(open)
        .fallback(dashboard::serve)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), crate::telemetry::count))
        .layer(from_fn(problem::finish))
        .layer(CompressionLayer::new())
        .with_state(app)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a handler panicked");
    Problem::internal().into_response()
}

/// The id of the cluster of that id or name, if the caller may see it.
async fn find_cluster(db: &mut PgConnection, caller: &Caller, cluster: &str) -> Result<Uuid, Problem> {
    let found = store::clusters::find(db, cluster, caller.project_id()).await?;
    found.ok_or_else(|| Problem::not_found("cluster", cluster))
}

/// The project that a body names, if the caller may use it.
async fn find_project(db: &mut PgConnection, caller: &Caller, name: &str) -> Result<Project, Problem> {
    let found = store::projects::find(db, name).await?;
    found.filter(|project| caller.may_see(project.id)).ok_or_else(|| {
        let message = format!("there is no project {name:?} that this key may use");
        Problem::invalid(vec![FieldError::new("project", "not_found", message)])
    })
}

/// 409 for a name that another has.
fn name_taken(what: &str, name: &str) -> Problem {
    let detail = format!("There is a {what} named {name:?} already.");
    let errors = vec![FieldError::new("name", "taken", "is taken")];
    Problem { errors, ..Problem::new(409, "name_taken", detail) }
}

/// What every resource file needs.
mod prelude {
    pub(super) use axum::Json;
    pub(super) use axum::extract::State;
    pub(super) use axum::http::{HeaderMap, StatusCode, header};
    pub(super) use axum::response::{IntoResponse as _, Response};
    pub(super) use serde::Serialize;
    pub(super) use utoipa::{IntoParams, ToSchema};
    pub(super) use utoipa_axum::router::OpenApiRouter;
    pub(super) use utoipa_axum::routes;
    pub(super) use uuid::Uuid;

    pub(super) use super::auth::Caller;
    pub(super) use super::extract::{
        ClusterPath, IfMatch, IfMatchParams, InPath, JsonFields, OperationPath, QueryFields, TopicPath,
        TypedJson, ValidateOnlyParams, etag,
    };
    pub(super) use super::fields::Fields;
    pub(super) use super::idempotency::Idempotency;
    pub(super) use super::page::{ListParams, Page, Paging};
    pub(super) use super::{find_cluster, find_project, name_taken};
    pub(super) use crate::app::App;
    pub(super) use crate::domain::problem::{FieldError, Problem};
    pub(super) use crate::store;
}
