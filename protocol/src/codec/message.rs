//! The traits a message implements, by `#[derive(Message)]`.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::reader::{DecodeError, DecodeErrorKind, Reader};
use super::writer::{EncodeError, Writer};
use crate::ApiKey;

/// A struct with a versioned wire form.
///
/// Callers use [`Message::decode`] and [`Message::encode`], which check the version; the other two are what the derive
/// writes, and what an outer message calls for the structs in it.
pub trait Message: Sized {
    const NAME: &'static str;
    /// The versions this definition knows.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields (KIP-482); `i16::MAX` if none has them.
    const FLEXIBLE: i16;
    /// The fewest bytes any version of this struct takes: how many elements can be left in a frame.
    const WIRE_MIN: usize;

    #[doc(hidden)]
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError>;
    #[doc(hidden)]
    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError>;

    /// Reads one message and leaves the reader behind it.
    fn decode(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            let (min, max) = (*Self::VERSIONS.start(), *Self::VERSIONS.end());
            let error = r.error(DecodeErrorKind::UnsupportedVersion { min, max });
            return Err(DecodeError { message: Self::NAME, version, ..error });
        }
        Self::read(r, version).map_err(|e| DecodeError { message: Self::NAME, version, ..e })
    }

    /// Appends the message to `w`.
    fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(&version) {
            let (min, max) = (*Self::VERSIONS.start(), *Self::VERSIONS.end());
            return Err(EncodeError::UnsupportedVersion { message: Self::NAME, version, min, max });
        }
        self.write(w, version)
    }
}

/// A message that a client sends, and what answers it.
pub trait Request: Message {
    const KEY: ApiKey;
    /// The versions that may be negotiated; the same as [`Message::VERSIONS`].
    const VALID: RangeInclusive<i16> = Self::VERSIONS;
    type Response: Message;
}

/// One message in one piece. For frames see [`crate::frame`].
pub fn encode_to_bytes<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    message.encode(&mut w, version)?;
    Ok(w.into_bytes())
}

/// The bytes a message takes, found by encoding it.
pub fn encoded_len<M: Message>(message: &M, version: i16) -> Result<usize, EncodeError> {
    let mut w = Writer::new();
    message.encode(&mut w, version)?;
    Ok(w.len())
}
