//! How each Rust type of a field is read and written, and the helpers the derive macro's expansion calls.
//!
//! The expansion is kept to one generic call per field, because some five hundred structs are compiled.

use bytes::Bytes;

use super::limits::{ARRAY_PREALLOCATED_MAX, TAGGED_FIELDS_MAX};
use super::message::Message;
use super::reader::{DecodeError, DecodeErrorKind, Reader};
use super::writer::{EncodeError, Writer};
use crate::{ErrorCode, Str, Uuid};

/// A type that a field can have.
pub trait Field: Sized {
    /// The fewest bytes a value takes on the wire.
    const MIN: usize;
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self, DecodeError>;
    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<(), EncodeError>;
}

/// A type whose wire form has a null: `Option` of it is a [`Field`].
pub trait Nullable: Sized {
    const MIN: usize;
    fn read_nullable(r: &mut Reader, version: i16, flexible: bool) -> Result<Option<Self>, DecodeError>;
    fn write_nullable(
        value: Option<&Self>,
        w: &mut Writer,
        version: i16,
        flexible: bool,
    ) -> Result<(), EncodeError>;
}

macro_rules! primitives {
    ($($ty:ty, $min:literal, $method:ident;)*) => {$(
        impl Field for $ty {
            const MIN: usize = $min;
            #[inline]
            fn read(r: &mut Reader, _: i16, _: bool) -> Result<Self, DecodeError> {
                r.$method()
            }
            #[inline]
            fn write(&self, w: &mut Writer, _: i16, _: bool) -> Result<(), EncodeError> {
                w.$method(*self);
                Ok(())
            }
        }
    )*};
}

primitives! {
    i8, 1, i8;
    u8, 1, u8;
    i16, 2, i16;
    u16, 2, u16;
    i32, 4, i32;
    u32, 4, u32;
    i64, 8, i64;
    f64, 8, f64;
}

impl Field for bool {
    const MIN: usize = 1;
    fn read(r: &mut Reader, _: i16, _: bool) -> Result<Self, DecodeError> {
        Ok(r.u8()? != 0)
    }
    fn write(&self, w: &mut Writer, _: i16, _: bool) -> Result<(), EncodeError> {
        w.u8(u8::from(*self));
        Ok(())
    }
}

impl Field for ErrorCode {
    const MIN: usize = 2;
    fn read(r: &mut Reader, _: i16, _: bool) -> Result<Self, DecodeError> {
        r.i16().map(Self)
    }
    fn write(&self, w: &mut Writer, _: i16, _: bool) -> Result<(), EncodeError> {
        w.i16(self.0);
        Ok(())
    }
}

impl Field for Uuid {
    const MIN: usize = 16;
    fn read(r: &mut Reader, _: i16, _: bool) -> Result<Self, DecodeError> {
        r.uuid().map(Self)
    }
    fn write(&self, w: &mut Writer, _: i16, _: bool) -> Result<(), EncodeError> {
        w.slice(&self.0);
        Ok(())
    }
}

impl Nullable for Str {
    const MIN: usize = 1;
    fn read_nullable(r: &mut Reader, _: i16, flexible: bool) -> Result<Option<Self>, DecodeError> {
        r.nullable_str(flexible)
    }
    fn write_nullable(
        value: Option<&Self>,
        w: &mut Writer,
        _: i16,
        flexible: bool,
    ) -> Result<(), EncodeError> {
        w.nullable_str(value.map(Self::as_str), flexible)
    }
}

impl Nullable for Bytes {
    const MIN: usize = 1;
    fn read_nullable(r: &mut Reader, _: i16, flexible: bool) -> Result<Option<Self>, DecodeError> {
        r.nullable_bytes(flexible)
    }
    fn write_nullable(
        value: Option<&Self>,
        w: &mut Writer,
        _: i16,
        flexible: bool,
    ) -> Result<(), EncodeError> {
        w.nullable_bytes(value, flexible)
    }
}

impl<T: Field> Nullable for Vec<T> {
    const MIN: usize = 1;

    fn read_nullable(r: &mut Reader, version: i16, flexible: bool) -> Result<Option<Self>, DecodeError> {
        let Some(count) = r.nullable_array(flexible, T::MIN)? else { return Ok(None) };
        let mut items = Self::with_capacity(count.min(ARRAY_PREALLOCATED_MAX));
        for _ in 0..count {
            items.push(T::read(r, version, flexible)?);
        }
        Ok(Some(items))
    }

    fn write_nullable(
        value: Option<&Self>,
        w: &mut Writer,
        version: i16,
        flexible: bool,
    ) -> Result<(), EncodeError> {
        w.nullable_array(value.map(Self::len), flexible)?;
        value.into_iter().flatten().try_for_each(|item| item.write(w, version, flexible))
    }
}

impl<M: Message> Nullable for M {
    const MIN: usize = 1;

    /// A nullable struct is a byte, -1 for null and 1 for a value, and then the struct.
    fn read_nullable(r: &mut Reader, version: i16, flexible: bool) -> Result<Option<Self>, DecodeError> {
        match r.null_marker()? {
            -1 => Ok(None),
            1 => <M as Field>::read(r, version, flexible).map(Some),
            other => Err(r.error(DecodeErrorKind::BadLength(i64::from(other)))),
        }
    }

    fn write_nullable(
        value: Option<&Self>,
        w: &mut Writer,
        version: i16,
        _: bool,
    ) -> Result<(), EncodeError> {
        match value {
            None => {
                w.i8(-1);
                Ok(())
            }
            Some(value) => {
                w.i8(1);
                Message::write(value, w, version)
            }
        }
    }
}

impl<M: Message> Field for M {
    const MIN: usize = if M::WIRE_MIN == 0 { 1 } else { M::WIRE_MIN };

    fn read(r: &mut Reader, version: i16, _: bool) -> Result<Self, DecodeError> {
        r.enter()?;
        let value = Message::read(r, version)?;
        r.leave();
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, _: bool) -> Result<(), EncodeError> {
        Message::write(self, w, version)
    }
}

/// Types whose plain form is their nullable form without the null.
macro_rules! required_from_nullable {
    ($([$($generics:tt)*] $ty:ty;)*) => {$(
        impl<$($generics)*> Field for $ty {
            const MIN: usize = 1;
            fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self, DecodeError> {
                match Self::read_nullable(r, version, flexible)? {
                    Some(value) => Ok(value),
                    None => Err(r.error(DecodeErrorKind::UnexpectedNull)),
                }
            }
            fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<(), EncodeError> {
                Self::write_nullable(Some(self), w, version, flexible)
            }
        }
    )*};
}

required_from_nullable! {
    [] Str;
    [] Bytes;
    [T: Field] Vec<T>;
}

impl<T: Nullable> Field for Option<T> {
    const MIN: usize = T::MIN;
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self, DecodeError> {
        #[cfg(feature = "arbitrary")]
        if let Some(inventor) = &mut r.inventing {
            inventor.allow_null();
        }
        T::read_nullable(r, version, flexible)
    }
    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<(), EncodeError> {
        T::write_nullable(self.as_ref(), w, version, flexible)
    }
}

/// Reads one field.
pub fn get<T: Field>(r: &mut Reader, version: i16, flexible: bool) -> Result<T, DecodeError> {
    T::read(r, version, flexible)
}

/// Reads a field that other versions allow to be null, in one that does not.
pub fn get_required<T: Field>(
    r: &mut Reader,
    version: i16,
    flexible: bool,
) -> Result<Option<T>, DecodeError> {
    T::read(r, version, flexible).map(Some)
}

/// Writes one field.
pub fn put<T: Field>(value: &T, w: &mut Writer, version: i16, flexible: bool) -> Result<(), EncodeError> {
    value.write(w, version, flexible)
}

/// Writes a field that other versions allow to be null, in one that does not.
pub fn put_required<T: Field>(
    value: &Option<T>,
    w: &mut Writer,
    version: i16,
    flexible: bool,
    message: &'static str,
    field: &'static str,
) -> Result<(), EncodeError> {
    match value {
        Some(value) => value.write(w, version, flexible),
        None => Err(EncodeError::NullNotAllowed { message, field, version }),
    }
}

/// A field that this version lacks must be at its default, or its meaning would be lost silently.
pub fn refuse(
    is_default: bool,
    message: &'static str,
    field: &'static str,
    version: i16,
) -> Result<(), EncodeError> {
    if is_default { Ok(()) } else { Err(EncodeError::FieldNotInVersion { message, field, version }) }
}

/// The least bytes of a field whose type the closure names; never called.
pub const fn wire_min<T: Field>() -> usize {
    T::MIN
}

/// The tagged fields at the end of a flexible struct (KIP-482).
#[derive(Debug, Default)]
pub struct Tags {
    count: u32,
    body: Writer,
}

impl Tags {
    /// Reads them all: `known` answers false for a tag it does not know, which is then skipped.
    pub fn read(
        r: &mut Reader,
        known: &mut dyn FnMut(u32, &mut Reader) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        #[cfg(feature = "arbitrary")]
        if r.inventing.is_some() {
            return super::arbitrary::tags(r, known);
        }
        let count = r.uvarint()?;
        if count > TAGGED_FIELDS_MAX {
            return Err(r.error(DecodeErrorKind::TooManyTaggedFields(count)));
        }
        for _ in 0..count {
            let tag = r.uvarint()?;
            let size = r.uvarint()? as usize;
            let old_end = r.narrow(size)?;
            let left = if known(tag, r)? { r.remaining() } else { 0 };
            if left > 0 {
                return Err(r.error(DecodeErrorKind::TaggedFieldNotConsumed { tag, left }));
            }
            r.skip(r.remaining())?;
            r.widen(old_end);
        }
        Ok(())
    }

    /// Reads the tagged fields of a struct that declares none.
    pub fn skip(r: &mut Reader) -> Result<(), DecodeError> {
        Self::read(r, &mut |_, _| Ok(false))
    }

    /// Adds one; tags must come in rising order.
    pub fn add<T: Field>(&mut self, tag: u32, value: &T, version: i16) -> Result<(), EncodeError> {
        let mut content = Writer::new();
        value.write(&mut content, version, true)?;
        self.count += 1;
        self.body.uvarint(tag);
        self.body.uvarint(u32::try_from(content.len()).map_err(|_| EncodeError::TooLong(content.len()))?);
        self.body.append(content);
        Ok(())
    }

    /// Ends the struct.
    pub fn write(self, w: &mut Writer) {
        w.uvarint(self.count);
        if self.count > 0 {
            w.append(self.body);
        }
    }

    /// Ends a struct that declares no tagged fields.
    pub fn none(w: &mut Writer) {
        w.u8(0);
    }
}
