//! Messages with a two-byte version in front: the consumer protocol's metadata and the records of internal topics.

use bytes::Bytes;

use crate::codec::{DecodeError, EncodeError, Message, Reader, Writer};

/// The version in front, or an error if there are not even two bytes.
pub fn peek_version(bytes: &Bytes) -> Result<i16, DecodeError> {
    Reader::new(bytes.clone()).i16()
}

/// Reads a message and its version; an unknown version is refused.
pub fn decode<M: Message>(bytes: Bytes) -> Result<(i16, M), DecodeError> {
    let mut r = Reader::new(bytes);
    let version = r.i16()?;
    Ok((version, M::decode(&mut r, version)?))
}

/// Like [`decode`], but reads a newer version as the newest known one: the consumer protocol promises that later
/// versions only append fields.
pub fn decode_lenient<M: Message>(bytes: Bytes) -> Result<(i16, M), DecodeError> {
    let mut r = Reader::new(bytes);
    let version = r.i16()?;
    Ok((version, M::decode(&mut r, version.min(*M::VERSIONS.end()))?))
}

/// Writes the version and then the message.
pub fn encode<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    w.i16(version);
    message.encode(&mut w, version)?;
    Ok(w.into_bytes())
}
