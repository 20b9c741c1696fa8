//! What `#[derive(Message)]` builds on: reading, writing, and the traits that tie a Rust type to its wire form.

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod field;
mod limits;
mod message;
mod reader;
mod writer;

#[cfg(feature = "arbitrary")]
pub use arbitrary::arbitrary;
pub use field::{Field, Nullable};
pub use limits::{ARRAY_ELEMENTS_MAX, ARRAY_PREALLOCATED_MAX, NESTING_DEPTH_MAX, TAGGED_FIELDS_MAX};
pub use message::{Message, Request, encode_to_bytes, encoded_len};
pub use reader::{DecodeError, DecodeErrorKind, Reader};
pub use writer::{EncodeError, SHARED_BYTES_MIN, Writer};

/// What the derive macro's expansion calls. Not for use by hand.
#[doc(hidden)]
pub mod derive {
    pub use super::field::{Tags, get, get_required, put, put_required, refuse, wire_min};
}
