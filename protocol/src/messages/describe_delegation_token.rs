//! Lists delegation tokens.
//!
//! API key 41, versions 1-3.
//!
//! - 2: flexible encoding.
//! - 3: the response adds `token_requester_principal_type` and `token_requester_principal_name`.

use bytes::Bytes;

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeDelegationToken, versions = "1-3", flexible = "2+", response = DescribeDelegationTokenResponse)]
pub struct DescribeDelegationTokenRequest {
    #[kafka(default = empty)]
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DescribeDelegationTokenOwner {
    pub principal_type: Str,
    pub principal_name: Str,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DescribeDelegationTokenResponse {
    pub error_code: ErrorCode,
    pub tokens: Vec<DescribedDelegationToken>,
    pub throttle_time_ms: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DescribedDelegationToken {
    pub principal_type: Str,
    pub principal_name: Str,
    #[kafka(versions = "3+")]
    pub token_requester_principal_type: Str,
    #[kafka(versions = "3+")]
    pub token_requester_principal_name: Str,
    pub issue_timestamp: i64,
    pub expiry_timestamp: i64,
    pub max_timestamp: i64,
    pub token_id: Str,
    pub hmac: Bytes,
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3", flexible = "2+")]
pub struct DescribedDelegationTokenRenewer {
    pub principal_type: Str,
    pub principal_name: Str,
}
