//! Hands the leader's assignment to the members of a classic group.
//!
//! API key 14, versions 0-5.
//!
//! - 1: the response adds `throttle_time_ms`.
//! - 2: the broker answers first and throttles then (KIP-219).
//! - 3: the request adds `group_instance_id`; static members (KIP-345).
//! - 4: flexible encoding.
//! - 5: request and response add `protocol_type` and `protocol_name`; KIP-559.

use bytes::Bytes;

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = SyncGroup, versions = "0-5", flexible = "4+", response = SyncGroupResponse)]
pub struct SyncGroupRequest {
    pub group_id: Str,
    pub generation_id: i32,
    pub member_id: Str,
    #[kafka(versions = "3+")]
    pub group_instance_id: Option<Str>,
    #[kafka(versions = "5+", ignorable)]
    pub protocol_type: Option<Str>,
    #[kafka(versions = "5+", ignorable)]
    pub protocol_name: Option<Str>,
    pub assignments: Vec<SyncGroupRequestAssignment>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "4+")]
pub struct SyncGroupRequestAssignment {
    pub member_id: Str,
    pub assignment: Bytes,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "4+")]
pub struct SyncGroupResponse {
    #[kafka(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(versions = "5+", ignorable)]
    pub protocol_type: Option<Str>,
    #[kafka(versions = "5+", ignorable)]
    pub protocol_name: Option<Str>,
    pub assignment: Bytes,
}
