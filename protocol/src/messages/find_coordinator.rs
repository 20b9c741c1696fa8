//! Tells which broker coordinates a group, a transaction or a share group.
//!
//! API key 10, versions 0-6.
//!
//! - 1: the request adds `key_type`; the response adds `throttle_time_ms` and `error_message`.
//! - 2: the broker answers first and throttles then (KIP-219).
//! - 3: flexible encoding.
//! - 4: the request has `coordinator_keys` in place of `key`; the response has `coordinators` in place of
//!   `error_code`, `error_message`, `node_id`, `host` and `port`; several keys at once (KIP-699).
//! - 5: may answer TRANSACTION_ABORTABLE (KIP-890).
//! - 6: share groups (KIP-932).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = FindCoordinator, versions = "0-6", flexible = "3+", response = FindCoordinatorResponse)]
pub struct FindCoordinatorRequest {
    #[kafka(versions = "0-3")]
    pub key: Str,
    #[kafka(versions = "1+")]
    pub key_type: i8,
    #[kafka(versions = "4+")]
    pub coordinator_keys: Vec<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "3+")]
pub struct FindCoordinatorResponse {
    #[kafka(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    #[kafka(versions = "0-3")]
    pub error_code: ErrorCode,
    #[kafka(versions = "1-3", default = empty, ignorable)]
    pub error_message: Option<Str>,
    #[kafka(versions = "0-3")]
    pub node_id: i32,
    #[kafka(versions = "0-3")]
    pub host: Str,
    #[kafka(versions = "0-3")]
    pub port: i32,
    #[kafka(versions = "4+")]
    pub coordinators: Vec<Coordinator>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-6", flexible = "3+")]
pub struct Coordinator {
    pub key: Str,
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
}
