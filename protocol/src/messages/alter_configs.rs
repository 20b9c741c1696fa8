//! Replaces the whole configuration of a resource; IncrementalAlterConfigs is the one to use.
//!
//! API key 33, versions 0-2.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: flexible encoding.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AlterConfigs, versions = "0-2", flexible = "2+", response = AlterConfigsResponse)]
pub struct AlterConfigsRequest {
    pub resources: Vec<AlterConfigsResource>,
    pub validate_only: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct AlterConfigsResource {
    pub resource_type: i8,
    pub resource_name: Str,
    pub configs: Vec<AlterableConfig>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct AlterableConfig {
    pub name: Str,
    #[kafka(default = empty)]
    pub value: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct AlterConfigsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<AlterConfigsResourceResponse>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct AlterConfigsResourceResponse {
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
}
