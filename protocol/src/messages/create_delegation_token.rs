//! Makes a delegation token.
//!
//! API key 38, versions 1-3.
//!
//! - 2: flexible encoding.
//! - 3: the request adds `owner_principal_type` and `owner_principal_name`; the response adds
//!   `token_requester_principal_type` and `token_requester_principal_name`.

use bytes::Bytes;

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = CreateDelegationToken, versions = "1-3", flexible = "2+", response = CreateDelegationTokenResponse)]
pub struct CreateDelegationTokenRequest {
    #[kafka(versions = "3+", default = empty)]
    pub owner_principal_type: Option<Str>,
    #[kafka(versions = "3+", default = empty)]
    pub owner_principal_name: Option<Str>,
    pub renewers: Vec<CreatableRenewers>,
    pub max_lifetime_ms: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct CreatableRenewers {
    pub principal_type: Str,
    pub principal_name: Str,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct CreateDelegationTokenResponse {
    pub error_code: ErrorCode,
    pub principal_type: Str,
    pub principal_name: Str,
    #[kafka(versions = "3+")]
    pub token_requester_principal_type: Str,
    #[kafka(versions = "3+")]
    pub token_requester_principal_name: Str,
    pub issue_timestamp_ms: i64,
    pub expiry_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    pub token_id: Str,
    pub hmac: Bytes,
    pub throttle_time_ms: i32,
}
