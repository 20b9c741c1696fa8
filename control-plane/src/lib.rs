//! The control plane: a REST API in front of Postgres, and workers that bring clusters to what was asked for.
//!
//! `api → domain → store`; `reconcile` compares what was asked for with what `provision` sees and acts on the
//! difference. Nothing is held in memory that is not in Postgres, on the machine, or in the brokers: any control
//! plane may die at any line, and another one goes on.

mod api;
mod app;
mod changes;
mod clock;
mod domain;
mod kafka;
mod provision;
mod reconcile;
mod service;
mod store;
mod telemetry;

pub use service::{Error, Options, ProviderOptions, Service, run};

/// The local provider's helpers, for whoever starts and stops the whole service on one machine.
pub mod local {
    pub use crate::provision::local::stop_all;
}

/// The OpenAPI document of the REST API.
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    api::document()
}
