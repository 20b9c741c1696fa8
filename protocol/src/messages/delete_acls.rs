//! Removes the access control entries that match filters.
//!
//! API key 31, versions 1-3.
//!
//! - 1: patterns (KIP-290).
//! - 2: flexible encoding.
//! - 3: users are a resource (KIP-373).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DeleteAcls, versions = "1-3", flexible = "2+", response = DeleteAclsResponse)]
pub struct DeleteAclsRequest {
    pub filters: Vec<DeleteAclsFilter>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DeleteAclsFilter {
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
pub struct DeleteAclsResponse {
    pub throttle_time_ms: i32,
    pub filter_results: Vec<DeleteAclsFilterResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DeleteAclsFilterResult {
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub matching_acls: Vec<DeleteAclsMatchingAcl>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DeleteAclsMatchingAcl {
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
    #[kafka(default = 3)]
    pub pattern_type: i8,
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
}
