//! Shows classic groups: state, protocol, members and their assignments.
//!
//! API key 15, versions 0-6.
//!
//! - 1: the response adds `throttle_time_ms`.
//! - 2: the broker answers first and throttles then (KIP-219).
//! - 3: the request adds `include_authorized_operations`; the response adds `authorized_operations`.
//! - 4: the response adds `group_instance_id`.
//! - 5: flexible encoding.
//! - 6: the response adds `error_message`; answers GROUP_ID_NOT_FOUND for what does not exist (KIP-1043).

use bytes::Bytes;

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeGroups, versions = "0-6", flexible = "5+", response = DescribeGroupsResponse)]
pub struct DescribeGroupsRequest {
    pub groups: Vec<Str>,
    #[kafka(versions = "3+")]
    pub include_authorized_operations: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "5+")]
pub struct DescribeGroupsResponse {
    #[kafka(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "5+")]
pub struct DescribedGroup {
    pub error_code: ErrorCode,
    #[kafka(versions = "6+")]
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub protocol_type: Str,
    pub protocol_data: Str,
    pub members: Vec<DescribedGroupMember>,
    #[kafka(versions = "3+", default = i32::MIN)]
    pub authorized_operations: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "5+")]
pub struct DescribedGroupMember {
    pub member_id: Str,
    #[kafka(versions = "4+", ignorable)]
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub member_metadata: Bytes,
    pub member_assignment: Bytes,
}
