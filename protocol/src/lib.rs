//! Kafka's wire protocol: messages, versions, headers and frames.
//!
//! Every message is a plain struct in [`messages`], one file per API key, whose `#[derive(Message)]` attributes state
//! in which versions a field exists. [`codec`] holds what the derive builds on: a [`Reader`] that shares the frame it
//! reads from and never allocates more than the bytes that are left can fill, and a [`Writer`] that keeps large byte
//! fields (record batches) apart, so that they are sent vectored and never copied.
//!
//! What this crate must never do: open a socket, read a clock, or look inside record batches (they stay opaque
//! [`bytes::Bytes`]; `headrace-records` reads them).

// The derive macro names this crate by its public path, also from within.
extern crate self as headrace_protocol;

mod api_key;
pub mod codec;
mod error_code;
pub mod frame;
pub mod header;
pub mod messages;
mod str;
mod uuid;
pub mod versioned;

pub use api_key::{ApiKey, UnknownApiKey};
pub use codec::{
    DecodeError, DecodeErrorKind, EncodeError, Message, Reader, Request, Writer, encode_to_bytes, encoded_len,
};
pub use error_code::ErrorCode;
pub use header::{RequestHeader, ResponseHeader};
pub use headrace_protocol_derive::Message;
pub use str::Str;
pub use uuid::{ParseUuidError, Uuid};
