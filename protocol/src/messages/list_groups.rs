//! Lists the groups that a broker coordinates.
//!
//! API key 16, versions 0-5.
//!
//! - 1: the response adds `throttle_time_ms`.
//! - 2: the broker answers first and throttles then (KIP-219).
//! - 3: flexible encoding.
//! - 4: the request adds `states_filter`; the response adds `group_state`; KIP-518.
//! - 5: the request adds `types_filter`; the response adds `group_type`; KIP-848.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ListGroups, versions = "0-5", flexible = "3+", response = ListGroupsResponse)]
pub struct ListGroupsRequest {
    #[kafka(versions = "4+")]
    pub states_filter: Vec<Str>,
    #[kafka(versions = "5+")]
    pub types_filter: Vec<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct ListGroupsResponse {
    #[kafka(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub groups: Vec<ListedGroup>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct ListedGroup {
    pub group_id: Str,
    pub protocol_type: Str,
    #[kafka(versions = "4+", ignorable)]
    pub group_state: Str,
    #[kafka(versions = "5+", ignorable)]
    pub group_type: Str,
}
