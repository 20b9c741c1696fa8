//! Deletes empty groups and their offsets.
//!
//! API key 42, versions 0-3.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: flexible encoding.
//! - 3: the response adds `error_message`.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DeleteGroups, versions = "0-3", flexible = "2+", response = DeleteGroupsResponse)]
pub struct DeleteGroupsRequest {
    pub groups_names: Vec<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3", flexible = "2+")]
pub struct DeleteGroupsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DeletableGroupResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3", flexible = "2+")]
pub struct DeletableGroupResult {
    pub group_id: Str,
    pub error_code: ErrorCode,
    #[kafka(versions = "3+", ignorable)]
    pub error_message: Option<Str>,
}
