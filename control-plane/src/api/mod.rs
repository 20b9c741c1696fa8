//! The REST API: one file per resource, each a thin layer over domain, store and Kafka's protocol.
//!
//! A route declares the role it needs once, in its OpenAPI entry; [`auth`] enforces what is declared there. Every
//! refusal is a problem document ([`problem`]), including those that axum itself would make.

mod agent;
mod api_keys;
mod auth;
mod brokers;
mod capabilities;
mod clusters;
mod events;
mod fields;
mod extract;
mod idempotency;
mod metrics;
mod openapi;
mod operations;
mod page;
mod problem;
mod projects;
mod topics;

use utoipa_axum::router::OpenApiRouter;

pub(crate) use auth::Roles;
pub use openapi::document;

use crate::app::App;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// All routes under `/v1`, with their part of the OpenAPI document.
fn v1() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(clusters::routes())
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
        ClusterPath, IfMatch, IfMatchParams, InPath, JsonFields, OperationPath, QueryFields, TopicPath, TypedJson,
        ValidateOnlyParams,
    };
    pub(super) use super::fields::Fields;
    pub(super) use super::idempotency::Idempotency;
    pub(super) use super::page::{ListParams, Page};
    pub(super) use crate::app::App;
    pub(super) use crate::domain::problem::{FieldError, Problem};
    pub(super) fn todo<T>() -> Result<T, Problem> { Err(Problem::internal()) }
}
