//! Tells which SCRAM credentials users have, without the secrets.
//!
//! API key 50, version 0.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeUserScramCredentials, versions = "0", flexible = "0+", response = DescribeUserScramCredentialsResponse)]
pub struct DescribeUserScramCredentialsRequest {
    #[kafka(default = empty)]
    pub users: Option<Vec<UserName>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct UserName {
    pub name: Str,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct DescribeUserScramCredentialsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub results: Vec<DescribeUserScramCredentialsResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct DescribeUserScramCredentialsResult {
    pub user: Str,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub credential_infos: Vec<CredentialInfo>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct CredentialInfo {
    pub mechanism: i8,
    pub iterations: i32,
}
