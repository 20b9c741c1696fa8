//! Shows the configuration of topics, brokers, groups and client metrics.
//!
//! API key 32, versions 1-4.
//!
//! - 2: the broker answers first and throttles then (KIP-219).
//! - 3: the request adds `include_documentation`; the response adds `config_type` and `documentation`.
//! - 4: flexible encoding.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeConfigs, versions = "1-4", flexible = "4+", response = DescribeConfigsResponse)]
pub struct DescribeConfigsRequest {
    pub resources: Vec<DescribeConfigsResource>,
    pub include_synonyms: bool,
    #[kafka(versions = "3+")]
    pub include_documentation: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsResource {
    pub resource_type: i8,
    pub resource_name: Str,
    #[kafka(default = empty)]
    pub configuration_keys: Option<Vec<Str>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DescribeConfigsResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsResult {
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
    pub configs: Vec<DescribeConfigsResourceResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsResourceResult {
    pub name: Str,
    #[kafka(default = empty)]
    pub value: Option<Str>,
    pub read_only: bool,
    #[kafka(default = -1)]
    pub config_source: i8,
    pub is_sensitive: bool,
    pub synonyms: Vec<DescribeConfigsSynonym>,
    #[kafka(versions = "3+", ignorable)]
    pub config_type: i8,
    #[kafka(versions = "3+", default = empty, ignorable)]
    pub documentation: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsSynonym {
    pub name: Str,
    #[kafka(default = empty)]
    pub value: Option<Str>,
    pub source: i8,
}
