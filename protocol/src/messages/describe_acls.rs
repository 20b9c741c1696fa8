//! Lists access control entries that match a filter.
//!
//! API key 29, versions 1-3.
//!
//! - 1: patterns (KIP-290).
//! - 2: flexible encoding.
//! - 3: users are a resource (KIP-373).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeAcls, versions = "1-3", flexible = "2+", response = DescribeAclsResponse)]
pub struct DescribeAclsRequest {
    pub resource_type_filter: i8,
    #[kafka(default = empty)]
    pub resource_name_filter: Option<Str>,
    #[kafka(default = 3)]
    pub pattern_type_filter: i8,
    #[kafka(default = empty)]
    pub principal_filter: Option<Str>,
    #[kafka(default = empty)]
    pub host_filter: Option<Str>,
    pub operation: i8,
    pub permission_type: i8,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DescribeAclsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub resources: Vec<DescribeAclsResource>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DescribeAclsResource {
    pub resource_type: i8,
    pub resource_name: Str,
    #[kafka(default = 3)]
    pub pattern_type: i8,
    pub acls: Vec<AclDescription>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct AclDescription {
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
}
