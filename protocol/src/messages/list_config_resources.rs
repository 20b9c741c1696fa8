//! Lists what has a configuration of its own.
//!
//! API key 74, versions 0-1.
//!
//! - 0: client metrics only.
//! - 1: the request adds `resource_types`; the response adds `resource_type`; all kinds of resource (KIP-1142).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ListConfigResources, versions = "0-1", flexible = "0+", response = ListConfigResourcesResponse)]
pub struct ListConfigResourcesRequest {
    #[kafka(versions = "1+")]
    pub resource_types: Vec<i8>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct ListConfigResourcesResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub config_resources: Vec<ConfigResource>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct ConfigResource {
    pub resource_name: Str,
    #[kafka(versions = "1+", default = 16, ignorable)]
    pub resource_type: i8,
}
