//! [`Reader`]: takes primitives off a frame, sharing its bytes.

use bytes::Bytes;

use super::limits::{ARRAY_ELEMENTS_MAX, NESTING_DEPTH_MAX};
use crate::Str;

/// A message could not be read. Nothing of it was used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {message} version {version} at byte {at}: {kind}")]
pub struct DecodeError {
    /// The outermost message that was being read, or "a value" outside of one.
    pub message: &'static str,
    pub version: i16,
    /// Bytes from the start of the reader's frame.
    pub at: usize,
    pub kind: DecodeErrorKind,
}

/// Why the bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    #[error("the frame ends {missing} bytes early")]
    TooShort { missing: usize },
    #[error("a length of {0} is not allowed here")]
    BadLength(i64),
    #[error("an array of {count} elements does not fit the {left} bytes that are left")]
    ArrayTooLong { count: usize, left: usize },
    #[error("null where a value is required")]
    UnexpectedNull,
    #[error("text that is not UTF-8")]
    NotUtf8,
    #[error("a variable-length integer of more than its {0} bytes")]
    VarintTooLong(u8),
    #[error("{0} tagged fields in one struct")]
    TooManyTaggedFields(u32),
    #[error("tagged field {tag} has {left} bytes more than its content")]
    TaggedFieldNotConsumed { tag: u32, left: usize },
    #[error("structs nested too deeply")]
    TooDeep,
    #[error("{0} bytes after the end of the message")]
    TrailingBytes(usize),
    #[error("this version is not known; versions {min} to {max} are")]
    UnsupportedVersion { min: i16, max: i16 },
}

/// A cursor over a frame. Byte and text fields it hands out share the frame's allocation.
#[derive(Debug, Clone)]
pub struct Reader {
    frame: Bytes,
    at: usize,
    /// Where reading stops: the frame's end, or that of the tagged field being read.
    end: usize,
    depth: u8,
    /// Values are invented, not read.
    #[cfg(feature = "arbitrary")]
    pub(super) inventing: Option<super::arbitrary::Inventor>,
}

impl Reader {
    pub fn new(frame: Bytes) -> Self {
        let end = frame.len();
        Self {
            frame,
            at: 0,
            end,
            depth: 0,
            #[cfg(feature = "arbitrary")]
            inventing: None,
        }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// Bytes from the start of the frame.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes not read yet, sharing the frame; the reader is then at its end.
    pub fn take_rest(&mut self) -> Bytes {
        let rest = self.frame.slice(self.at..self.end);
        self.at = self.end;
        rest
    }

    /// Refuses bytes after the end of a message.
    pub fn expect_end(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.error(DecodeErrorKind::TrailingBytes(left))),
        }
    }

    /// An error at the current position.
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { message: "a value", version: 0, at: self.at, kind }
    }

    #[inline]
    fn advance(&mut self, len: usize) -> Result<usize, DecodeError> {
        let left = self.remaining();
        if len > left {
            return Err(self.error(DecodeErrorKind::TooShort { missing: len - left }));
        }
        let start = self.at;
        self.at += len;
        Ok(start)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        #[cfg(feature = "arbitrary")]
        if let Some(inventor) = &mut self.inventing {
            return Ok(inventor.number());
        }
        let start = self.advance(N)?;
        let mut out = [0; N];
        out.copy_from_slice(&self.frame[start..start + N]);
        Ok(out)
    }

    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        #[cfg(feature = "arbitrary")]
        if self.inventing.is_some() {
            // Whole numbers only: a value that is not a number does not equal itself.
            return self.i32().map(f64::from);
        }
        Ok(f64::from_be_bytes(self.array()?))
    }

    pub fn uuid(&mut self) -> Result<[u8; 16], DecodeError> {
        self.array()
    }

    /// An unsigned LEB128 of at most five bytes.
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(DecodeErrorKind::VarintTooLong(5)))
    }

    /// `len` bytes that share the frame.
    pub fn bytes(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        let start = self.advance(len)?;
        Ok(self.frame.slice(start..start + len))
    }

    /// A length prefix of `width` bytes, or a compact one: `None` for null.
    #[inline]
    fn length(&mut self, flexible: bool, wide: bool) -> Result<Option<usize>, DecodeError> {
        if flexible {
            return Ok((self.uvarint()? as usize).checked_sub(1));
        }
        let length = if wide { self.i32()? } else { i32::from(self.i16()?) };
        match length {
            -1 => Ok(None),
            _ => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(self.error(DecodeErrorKind::BadLength(i64::from(length)))),
            },
        }
    }

    pub fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<Bytes>, DecodeError> {
        #[cfg(feature = "arbitrary")]
        if let Some(inventor) = &mut self.inventing {
            return Ok(inventor.maybe(super::arbitrary::Inventor::bytes));
        }
        self.length(flexible, true)?.map(|len| self.bytes(len)).transpose()
    }

    pub fn nullable_str(&mut self, flexible: bool) -> Result<Option<Str>, DecodeError> {
        #[cfg(feature = "arbitrary")]
        if let Some(inventor) = &mut self.inventing {
            return Ok(inventor.maybe(super::arbitrary::Inventor::text));
        }
        let Some(len) = self.length(flexible, false)? else { return Ok(None) };
        if len > i16::MAX as usize {
            return Err(self.error(DecodeErrorKind::BadLength(len as i64)));
        }
        if len == 0 {
            return Ok(Some(Str::default()));
        }
        let bytes = self.bytes(len)?;
        Str::from_utf8(bytes).map(Some).map_err(|_| self.error(DecodeErrorKind::NotUtf8))
    }

    /// The count of an array whose elements take at least `element_min` bytes each.
    pub fn nullable_array(
        &mut self,
        flexible: bool,
        element_min: usize,
    ) -> Result<Option<usize>, DecodeError> {
        #[cfg(feature = "arbitrary")]
        if let Some(inventor) = &mut self.inventing {
            return Ok(inventor.maybe(super::arbitrary::Inventor::count));
        }
        let Some(count) = self.length(flexible, true)? else { return Ok(None) };
        let left = self.remaining();
        if count > ARRAY_ELEMENTS_MAX || count > left / element_min.max(1) {
            return Err(self.error(DecodeErrorKind::ArrayTooLong { count, left }));
        }
        Ok(Some(count))
    }

    /// The byte in front of a nullable struct: -1 for null, 1 for a value.
    pub(super) fn null_marker(&mut self) -> Result<i8, DecodeError> {
        #[cfg(feature = "arbitrary")]
        if let Some(inventor) = &mut self.inventing {
            return Ok(inventor.maybe(|_| 1).unwrap_or(-1));
        }
        self.i8()
    }

    /// Enters a struct; [`Reader::leave`] undoes it. Bounds how deeply structs nest.
    pub(super) fn enter(&mut self) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth > NESTING_DEPTH_MAX {
            return Err(self.error(DecodeErrorKind::TooDeep));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Narrows the reader to the next `size` bytes and answers the old end, for [`Reader::widen`].
    pub(super) fn narrow(&mut self, size: usize) -> Result<usize, DecodeError> {
        let left = self.remaining();
        if size > left {
            return Err(self.error(DecodeErrorKind::TooShort { missing: size - left }));
        }
        Ok(std::mem::replace(&mut self.end, self.at + size))
    }

    pub(super) fn widen(&mut self, old_end: usize) {
        self.end = old_end;
    }

    pub(super) fn skip(&mut self, size: usize) -> Result<(), DecodeError> {
        self.advance(size).map(|_| ())
    }
}
