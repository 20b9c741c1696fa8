//! Adds access control entries.
//!
//! API key 30, versions 1-3.
//!
//! - 1: patterns (KIP-290).
//! - 2: flexible encoding.
//! - 3: users are a resource (KIP-373).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = CreateAcls, versions = "1-3", flexible = "2+", response = CreateAclsResponse)]
pub struct CreateAclsRequest {
    pub creations: Vec<AclCreation>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct AclCreation {
    pub resource_type: i8,
    pub resource_name: Str,
    #[kafka(default = 3)]
    pub resource_pattern_type: i8,
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct CreateAclsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<AclCreationResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct AclCreationResult {
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
}
