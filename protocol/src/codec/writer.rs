//! [`Writer`]: collects a message as one growing buffer with large byte fields spliced in, uncopied.

use bytes::{BufMut, Bytes, BytesMut};

/// Byte fields at least this long are shared; shorter ones are cheaper to copy than to send as a part of their own.
pub const SHARED_BYTES_MIN: usize = 512;

/// A message could not be written in the version asked for. It is a bug of the caller, not of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("{message} has no version {version}; versions {min} to {max} are known")]
    UnsupportedVersion { message: &'static str, version: i16, min: i16, max: i16 },
    #[error(
        "field {field} is set, but version {version} of {message} cannot carry it: leave it at its default"
    )]
    FieldNotInVersion { message: &'static str, field: &'static str, version: i16 },
    #[error("field {field} of {message} is null, which version {version} does not allow")]
    NullNotAllowed { message: &'static str, field: &'static str, version: i16 },
    #[error("a text of {0} bytes is longer than the 32767 that Kafka's strings hold")]
    StringTooLong(usize),
    #[error("{0} bytes or elements do not fit a 32-bit length")]
    TooLong(usize),
}

/// Where an encoded message is built.
#[derive(Debug, Default)]
pub struct Writer {
    buf: BytesMut,
    /// Shared bytes and the position in `buf` in front of which they belong, in order.
    spliced: Vec<(usize, Bytes)>,
    spliced_len: usize,
}

impl Writer {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_capacity(bytes: usize) -> Self {
        Self { buf: BytesMut::with_capacity(bytes), ..Self::default() }
    }

    /// Bytes written, shared ones included.
    pub fn len(&self) -> usize {
        self.buf.len() + self.spliced_len
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn u8(&mut self, value: u8) {
        self.buf.put_u8(value);
    }

    pub fn i8(&mut self, value: i8) {
        self.buf.put_i8(value);
    }

    pub fn i16(&mut self, value: i16) {
        self.buf.put_i16(value);
    }

    pub fn u16(&mut self, value: u16) {
        self.buf.put_u16(value);
    }

    pub fn i32(&mut self, value: i32) {
        self.buf.put_i32(value);
    }

    pub fn u32(&mut self, value: u32) {
        self.buf.put_u32(value);
    }

    pub fn i64(&mut self, value: i64) {
        self.buf.put_i64(value);
    }

    pub fn f64(&mut self, value: f64) {
        self.buf.put_f64(value);
    }

    pub fn slice(&mut self, value: &[u8]) {
        self.buf.put_slice(value);
    }

    /// An unsigned LEB128.
    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buf.put_u8((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.buf.put_u8(value as u8);
    }

    /// Bytes without a length prefix; long ones are shared, not copied.
    pub fn shared(&mut self, value: &Bytes) {
        if value.len() < SHARED_BYTES_MIN {
            self.buf.put_slice(value);
        } else {
            self.spliced_len += value.len();
            self.spliced.push((self.buf.len(), value.clone()));
        }
    }

    fn length(&mut self, len: Option<usize>, flexible: bool) -> Result<(), EncodeError> {
        let value = match len {
            None => -1,
            Some(len) => i32::try_from(len).map_err(|_| EncodeError::TooLong(len))?,
        };
        if flexible {
            self.uvarint((value as u32).wrapping_add(1));
        } else {
            self.i32(value);
        }
        Ok(())
    }

    pub fn nullable_bytes(&mut self, value: Option<&Bytes>, flexible: bool) -> Result<(), EncodeError> {
        self.length(value.map(Bytes::len), flexible)?;
        if let Some(value) = value {
            self.shared(value);
        }
        Ok(())
    }

    pub fn nullable_str(&mut self, value: Option<&str>, flexible: bool) -> Result<(), EncodeError> {
        let len = match value {
            None => -1,
            Some(text) => i16::try_from(text.len()).map_err(|_| EncodeError::StringTooLong(text.len()))?,
        };
        if flexible {
            self.uvarint((i32::from(len) as u32).wrapping_add(1));
        } else {
            self.i16(len);
        }
        self.slice(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    /// The count in front of an array's elements; `None` for null.
    pub fn nullable_array(&mut self, count: Option<usize>, flexible: bool) -> Result<(), EncodeError> {
        self.length(count, flexible)
    }

    /// Appends what another writer holds.
    pub fn append(&mut self, other: Self) {
        let base = self.buf.len();
        self.spliced.extend(other.spliced.into_iter().map(|(at, bytes)| (base + at, bytes)));
        self.spliced_len += other.spliced_len;
        self.buf.unsplit(other.buf);
    }

    /// Overwrites four bytes written earlier, before any shared bytes: a frame's length.
    pub(crate) fn patch_i32(&mut self, at: usize, value: i32) {
        self.buf[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// The parts in order, for one vectored write. Shared bytes are parts of their own.
    pub fn into_parts(self) -> Vec<Bytes> {
        let head = self.buf.freeze();
        let mut parts = Vec::with_capacity(2 * self.spliced.len() + 1);
        let mut from = 0;
        for (at, bytes) in self.spliced {
            if at > from {
                parts.push(head.slice(from..at));
                from = at;
            }
            parts.push(bytes);
        }
        if from < head.len() {
            parts.push(head.slice(from..));
        }
        parts
    }

    /// Everything in one piece; copies only if there is more than one part.
    pub fn into_bytes(self) -> Bytes {
        if self.spliced.is_empty() {
            return self.buf.freeze();
        }
        let mut all = BytesMut::with_capacity(self.len());
        for part in self.into_parts() {
            all.put_slice(&part);
        }
        all.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bytes_are_shared_and_short_ones_copied() {
        let long = Bytes::from(vec![7; SHARED_BYTES_MIN]);
        let mut inner = Writer::new();
        inner.nullable_bytes(Some(&long), false).unwrap();
        inner.i8(9);
        let mut writer = Writer::new();
        writer.i16(1);
        writer.append(inner);
        writer.nullable_bytes(Some(&Bytes::from_static(b"ab")), true).unwrap();
        assert_eq!(writer.len(), 2 + 4 + long.len() + 1 + 3);
        let parts = writer.into_parts();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], Bytes::from_static(&[0, 1, 0, 0, 2, 0]));
        assert_eq!(parts[1].as_ptr(), long.as_ptr());
        assert_eq!(parts[2], Bytes::from_static(&[9, 3, b'a', b'b']));
    }
}
