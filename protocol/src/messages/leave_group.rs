//! Takes members out of a classic group at once.
//!
//! API key 13, versions 0-5.
//!
//! - 1: the response adds `throttle_time_ms`.
//! - 2: the broker answers first and throttles then (KIP-219).
//! - 3: the request has `members` in place of `member_id`; the response adds `members`; several members at once,
//!   static ones too (KIP-345).
//! - 4: flexible encoding.
//! - 5: the request adds `reason`; KIP-800.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = LeaveGroup, versions = "0-5", flexible = "4+", response = LeaveGroupResponse)]
pub struct LeaveGroupRequest {
    pub group_id: Str,
    #[kafka(versions = "0-2")]
    pub member_id: Str,
    #[kafka(versions = "3+")]
    pub members: Vec<MemberIdentity>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-5", flexible = "4+")]
pub struct MemberIdentity {
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    #[kafka(versions = "5+", ignorable)]
    pub reason: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "4+")]
pub struct LeaveGroupResponse {
    #[kafka(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(versions = "3+")]
    pub members: Vec<MemberResponse>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-5", flexible = "4+")]
pub struct MemberResponse {
    pub member_id: Str,
    #[kafka(default = empty)]
    pub group_instance_id: Option<Str>,
    pub error_code: ErrorCode,
}
