//! Raises or lowers the cluster's finalized features.
//!
//! API key 57, versions 0-2.
//!
//! - 1: the request has `validate_only` and `upgrade_type` in place of `allow_downgrade`.
//! - 2: the response drops `results`; one result for all features.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = UpdateFeatures, versions = "0-2", flexible = "0+", response = UpdateFeaturesResponse)]
pub struct UpdateFeaturesRequest {
    #[kafka(default = 60000)]
    pub timeout_ms: i32,
    pub feature_updates: Vec<FeatureUpdateKey>,
    #[kafka(versions = "1+")]
    pub validate_only: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct FeatureUpdateKey {
    pub feature: Str,
    pub max_version_level: i16,
    #[kafka(versions = "0")]
    pub allow_downgrade: bool,
    #[kafka(versions = "1+", default = 1)]
    pub upgrade_type: i8,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct UpdateFeaturesResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    #[kafka(versions = "0-1", ignorable)]
    pub results: Vec<UpdatableFeatureResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct UpdatableFeatureResult {
    pub feature: Str,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
}
