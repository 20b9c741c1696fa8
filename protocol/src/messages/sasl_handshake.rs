//! Chooses the SASL mechanism of a connection.
//!
//! API key 17, versions 0-1.
//!
//! - 1: the exchange goes on in SaslAuthenticate.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = SaslHandshake, versions = "0-1", response = SaslHandshakeResponse)]
pub struct SaslHandshakeRequest {
    pub mechanism: Str,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1")]
pub struct SaslHandshakeResponse {
    pub error_code: ErrorCode,
    pub mechanisms: Vec<Str>,
}
