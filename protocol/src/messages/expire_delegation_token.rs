//! Ends a delegation token, now or later.
//!
//! API key 40, versions 1-2.
//!
//! - 2: flexible encoding.

use bytes::Bytes;

use crate::{ErrorCode, Message};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ExpireDelegationToken, versions = "1-2", flexible = "2+", response = ExpireDelegationTokenResponse)]
pub struct ExpireDelegationTokenRequest {
    pub hmac: Bytes,
    pub expiry_time_period_ms: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "2+")]
pub struct ExpireDelegationTokenResponse {
    pub error_code: ErrorCode,
    pub expiry_timestamp_ms: i64,
    pub throttle_time_ms: i32,
}
