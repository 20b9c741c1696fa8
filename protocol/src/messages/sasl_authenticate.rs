//! Carries one step of the SASL exchange.
//!
//! API key 36, versions 0-2.
//!
//! - 1: the response adds `session_lifetime_ms`.
//! - 2: flexible encoding.

use bytes::Bytes;

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = SaslAuthenticate, versions = "0-2", flexible = "2+", response = SaslAuthenticateResponse)]
pub struct SaslAuthenticateRequest {
    pub auth_bytes: Bytes,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct SaslAuthenticateResponse {
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub auth_bytes: Bytes,
    #[kafka(versions = "1+", ignorable)]
    pub session_lifetime_ms: i64,
}
