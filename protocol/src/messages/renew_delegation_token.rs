//! Prolongs a delegation token.
//!
//! API key 39, versions 1-2.
//!
//! - 2: flexible encoding.

use bytes::Bytes;

use crate::{ErrorCode, Message};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = RenewDelegationToken, versions = "1-2", flexible = "2+", response = RenewDelegationTokenResponse)]
pub struct RenewDelegationTokenRequest {
    pub hmac: Bytes,
    pub renew_period_ms: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "2+")]
pub struct RenewDelegationTokenResponse {
    pub error_code: ErrorCode,
    pub expiry_timestamp_ms: i64,
    pub throttle_time_ms: i32,
}
