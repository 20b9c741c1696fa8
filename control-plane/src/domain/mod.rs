//! What the control plane is about: clusters, operations, keys, reports. Plain data and pure rules.
//!
//! Nothing here knows HTTP, Postgres or processes; the types are the ones that the API shows and the store keeps.

pub(crate) mod api_key;
pub(crate) mod broker;
pub(crate) mod cluster;
pub(crate) mod engine;
pub(crate) mod event;
pub(crate) mod health;
pub(crate) mod metric;
pub(crate) mod name;
pub(crate) mod operation;
pub(crate) mod pods;
pub(crate) mod problem;
pub(crate) mod project;
pub(crate) mod quantity;
pub(crate) mod replication;
pub(crate) mod report;
pub(crate) mod role;
pub(crate) mod topic;
