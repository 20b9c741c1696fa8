//! Tells which APIs and versions a broker speaks, and the cluster's features.
//!
//! API key 18, versions 0-5.
//!
//! - 1: the response adds `throttle_time_ms`.
//! - 2: the broker answers first and throttles then (KIP-219).
//! - 3: the request adds `client_software_name` and `client_software_version`; the response adds
//!   `supported_features`, `finalized_features_epoch`, `finalized_features` and `zk_migration_ready`; flexible
//!   encoding.
//! - 4: a feature's lowest version may be 0 (KAFKA-17011).
//! - 5: the request adds `cluster_id` and `node_id`; a client that means another cluster or node is answered
//!   REBOOTSTRAP_REQUIRED (KIP-1242).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ApiVersions, versions = "0-5", flexible = "3+", response = ApiVersionsResponse)]
pub struct ApiVersionsRequest {
    #[kafka(versions = "3+", ignorable)]
    pub client_software_name: Str,
    #[kafka(versions = "3+", ignorable)]
    pub client_software_version: Str,
    #[kafka(versions = "5+", ignorable)]
    pub cluster_id: Option<Str>,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub node_id: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct ApiVersionsResponse {
    pub error_code: ErrorCode,
    pub api_keys: Vec<ApiVersion>,
    #[kafka(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    #[kafka(tag = 0, versions = "3+", ignorable)]
    pub supported_features: Vec<SupportedFeatureKey>,
    #[kafka(tag = 1, versions = "3+", default = -1, ignorable)]
    pub finalized_features_epoch: i64,
    #[kafka(tag = 2, versions = "3+", ignorable)]
    pub finalized_features: Vec<FinalizedFeatureKey>,
    #[kafka(tag = 3, versions = "3+", ignorable)]
    pub zk_migration_ready: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct ApiVersion {
    pub api_key: i16,
    pub min_version: i16,
    pub max_version: i16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-5", flexible = "3+")]
pub struct SupportedFeatureKey {
    pub name: Str,
    pub min_version: i16,
    pub max_version: i16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-5", flexible = "3+")]
pub struct FinalizedFeatureKey {
    pub name: Str,
    pub max_version_level: i16,
    pub min_version_level: i16,
}
