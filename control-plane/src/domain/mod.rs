//! What the control plane is about: clusters, operations, keys, reports. Plain data and pure rules.
//!
//! Nothing here knows HTTP, Postgres or processes; the types are the ones that the API shows and the store keeps.

pub mod api_key;
pub mod broker;
pub mod cluster;
pub mod event;
pub mod metric;
pub mod name;
pub mod operation;
pub mod problem;
pub mod project;
pub mod report;
pub mod role;
pub mod topic;
