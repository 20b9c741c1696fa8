//! Carries a client's request from a broker to the controller.
//!
//! API key 58, version 0.

use bytes::Bytes;

use crate::{ErrorCode, Message};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = Envelope, versions = "0", flexible = "0+", response = EnvelopeResponse)]
pub struct EnvelopeRequest {
    pub request_data: Bytes,
    #[kafka(default = empty)]
    pub request_principal: Option<Bytes>,
    pub client_host_address: Bytes,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct EnvelopeResponse {
    pub response_data: Option<Bytes>,
    pub error_code: ErrorCode,
}
