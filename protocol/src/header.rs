//! Request and response headers.
//!
//! A request's header can be read before its key is known to be supported: key, version and correlation id are at the
//! same place in every version, so that even an unknown request can be answered or refused by name.

use crate::codec::derive::Tags;
use crate::codec::{DecodeError, EncodeError, Reader, Writer};
use crate::{ApiKey, Str, UnknownApiKey};

/// What stands in front of every request.
///
/// Version 1: key, version, correlation id, client id. Version 2 adds tagged fields; the client id keeps its two-byte
/// length, because a broker must be able to read the header of an ApiVersions request that is newer than itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// As sent; [`RequestHeader::key`] says whether it is known.
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<Str>,
}

impl RequestHeader {
    pub fn key(&self) -> Result<ApiKey, UnknownApiKey> {
        ApiKey::try_from(self.api_key)
    }

    /// Reads the header; of an unknown key it reads what all versions share.
    pub fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Self::read(r).map_err(|e| DecodeError { message: "RequestHeader", ..e })
    }

    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        let api_key = r.i16()?;
        let api_version = r.i16()?;
        let correlation_id = r.i32()?;
        let client_id = r.nullable_str(false)?;
        let header = Self { api_key, api_version, correlation_id, client_id };
        if header.key().is_ok_and(|key| key.request_header_version(api_version) >= 2) {
            Tags::skip(r)?;
        }
        Ok(header)
    }

    pub fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.i16(self.api_key);
        w.i16(self.api_version);
        w.i32(self.correlation_id);
        w.nullable_str(self.client_id.as_deref(), false)?;
        if self.key().is_ok_and(|key| key.request_header_version(self.api_version) >= 2) {
            Tags::none(w);
        }
        Ok(())
    }
}

/// What stands in front of every response. Version 0: the correlation id. Version 1 adds tagged fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHeader {
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Reads the header of a response to `key` at `api_version`.
    pub fn decode(r: &mut Reader, key: ApiKey, api_version: i16) -> Result<Self, DecodeError> {
        Self::read(r, key, api_version).map_err(|e| DecodeError { message: "ResponseHeader", ..e })
    }

    fn read(r: &mut Reader, key: ApiKey, api_version: i16) -> Result<Self, DecodeError> {
        let correlation_id = r.i32()?;
        if key.response_header_version(api_version) >= 1 {
            Tags::skip(r)?;
        }
        Ok(Self { correlation_id })
    }

    pub fn encode(&self, w: &mut Writer, key: ApiKey, api_version: i16) {
        w.i32(self.correlation_id);
        if key.response_header_version(api_version) >= 1 {
            Tags::none(w);
        }
    }
}
