//! Frames: a four-byte length, a header, a body.
//!
//! Reading a frame's length off a socket, and refusing one that is too long, is the connection's business; a frame here
//! is what follows the length.

use bytes::Bytes;

use crate::codec::{DecodeError, EncodeError, Message, Reader, Request, Writer};
use crate::{ApiKey, RequestHeader, ResponseHeader, Str};

/// Bytes of the length in front of a frame.
pub const LENGTH_BYTES: usize = 4;

/// A frame's header, and the reader behind it, at the body.
pub fn split_request(frame: Bytes) -> Result<(RequestHeader, Reader), DecodeError> {
    let mut r = Reader::new(frame);
    let header = RequestHeader::decode(&mut r)?;
    Ok((header, r))
}

/// A response with its length and header, as parts for one vectored write.
pub fn encode_response<M: Message>(
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    body: &M,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut w = start();
    ResponseHeader { correlation_id }.encode(&mut w, key, version);
    body.encode(&mut w, version)?;
    finish(w)
}

/// A request with its length and header, as parts for one vectored write.
pub fn encode_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&Str>,
    body: &R,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut w = start();
    let header = RequestHeader {
        api_key: R::KEY as i16,
        api_version: version,
        correlation_id,
        client_id: client_id.cloned(),
    };
    header.encode(&mut w)?;
    body.encode(&mut w, version)?;
    finish(w)
}

/// Reads a response's header and body from a frame (without its length).
pub fn decode_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(ResponseHeader, R::Response), DecodeError> {
    let mut r = Reader::new(frame);
    let header = ResponseHeader::decode(&mut r, R::KEY, version)?;
    Ok((header, R::Response::decode(&mut r, version)?))
}

/// A writer that has left room for the length.
fn start() -> Writer {
    let mut w = Writer::with_capacity(256);
    w.i32(0);
    w
}

fn finish(mut w: Writer) -> Result<Vec<Bytes>, EncodeError> {
    let len = w.len() - LENGTH_BYTES;
    w.patch_i32(0, i32::try_from(len).map_err(|_| EncodeError::TooLong(len))?);
    Ok(w.into_parts())
}
