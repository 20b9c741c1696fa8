//! Joins a classic consumer group and waits for the rebalance to gather its members.
//!
//! API key 11, versions 0-9.
//!
//! - 1: the request adds `rebalance_timeout_ms`.
//! - 2: the response adds `throttle_time_ms`.
//! - 3: the broker answers first and throttles then (KIP-219).
//! - 4: a member without an id is sent back with one, as MEMBER_ID_REQUIRED (KIP-394).
//! - 5: request and response add `group_instance_id`; static members (KIP-345).
//! - 6: flexible encoding.
//! - 7: the response adds `protocol_type`; the response lets `protocol_name` be null; KIP-559.
//! - 8: the request adds `reason`; KIP-800.
//! - 9: the response adds `skip_assignment`; a returning static leader may be spared the assignment (KIP-814).

use bytes::Bytes;

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = JoinGroup, versions = "0-9", flexible = "6+", response = JoinGroupResponse)]
pub struct JoinGroupRequest {
    pub group_id: Str,
    pub session_timeout_ms: i32,
    #[kafka(versions = "1+", default = -1, ignorable)]
    pub rebalance_timeout_ms: i32,
    pub member_id: Str,
    #[kafka(versions = "5+")]
    pub group_instance_id: Option<Str>,
    pub protocol_type: Str,
    pub protocols: Vec<JoinGroupRequestProtocol>,
    #[kafka(versions = "8+", ignorable)]
    pub reason: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-9", flexible = "6+")]
pub struct JoinGroupRequestProtocol {
    pub name: Str,
    pub metadata: Bytes,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-9", flexible = "6+")]
pub struct JoinGroupResponse {
    #[kafka(versions = "2+", ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = -1)]
    pub generation_id: i32,
    #[kafka(versions = "7+", ignorable)]
    pub protocol_type: Option<Str>,
    #[kafka(nullable = "7+", default = empty)]
    pub protocol_name: Option<Str>,
    pub leader: Str,
    #[kafka(versions = "9+")]
    pub skip_assignment: bool,
    pub member_id: Str,
    pub members: Vec<JoinGroupResponseMember>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-9", flexible = "6+")]
pub struct JoinGroupResponseMember {
    pub member_id: Str,
    #[kafka(versions = "5+", ignorable)]
    pub group_instance_id: Option<Str>,
    pub metadata: Bytes,
}
