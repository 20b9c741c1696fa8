//! What can go wrong, and what to do about it.

use std::io;
use std::time::Duration;

use headrace_protocol::{ApiKey, DecodeError, EncodeError, ErrorCode};

/// Why a request was not answered, or answered no.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("\"{0}\" is not an address: write HOST:PORT, for example 127.0.0.1:9092")]
    BadAddress(String),
    #[error(
        "no broker answered at {tried}: {reason}. Check that the cluster is running and that the address is its \
         bootstrap address"
    )]
    NoBrokers { tried: String, reason: String },
    #[error("cannot connect to {address}: {reason}")]
    Connect { address: String, kind: io::ErrorKind, reason: String },
    #[error("{address} did not answer {what} within {after:?}; it may be overloaded or stopped")]
    TimedOut { address: String, what: &'static str, after: Duration },
    #[error("the connection to {address} closed while {what} was under way: {reason}")]
    Closed { address: String, what: &'static str, reason: String },
    #[error("{address} sent something that is not Kafka's protocol: {source}. Is it a Kafka broker's port?")]
    Decode { address: String, source: DecodeError },
    #[error(
        "{address} announces a frame of {bytes} bytes, but at most {max} are read. Is it a Kafka broker's port?"
    )]
    FrameTooLarge { address: String, bytes: i64, max: usize },
    #[error("the request cannot be written: {0}")]
    Encode(#[from] EncodeError),
    #[error("{address} does not offer {api} in a version this client knows ({ours}; it offers {theirs})")]
    Unsupported { address: String, api: ApiKey, ours: String, theirs: String },
    #[error("{doing}: {}{}", .code.message(), explain(.message.as_deref(), *.code))]
    Broker { doing: String, code: ErrorCode, message: Option<String> },
    #[error("{0}")]
    Records(#[from] headrace_records::Error),
    #[error("the records cannot be put into a batch: {0}")]
    Build(String),
    #[error("{doing}: no success within {after:?}, last: {last}")]
    GaveUp { doing: String, after: Duration, last: Box<Error> },
    #[error("{0}")]
    InvalidArgument(String),
}

fn explain(message: Option<&str>, code: ErrorCode) -> String {
    match message {
        Some(text) if !text.is_empty() && text != code.message() => format!(" ({code}: {text})"),
        _ => format!(" ({code})"),
    }
}

impl Error {
    /// The broker's error code, if a broker answered one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            Self::GaveUp { last, .. } => last.code(),
            _ => None,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::NoBrokers { .. } | Self::Connect { .. } | Self::TimedOut { .. } | Self::Closed { .. } => {
                true
            }
            Self::Broker { code, .. } => code.is_retriable(),
            _ => false,
        }
    }

    /// An answer with an error code, as an error that says what was being done.
    pub(crate) fn check(
        code: ErrorCode,
        message: Option<&headrace_protocol::Str>,
        doing: impl FnOnce() -> String,
    ) -> Result<(), Self> {
        if code.is_ok() {
            return Ok(());
        }
        Err(Self::Broker { doing: doing(), code, message: message.map(ToString::to_string) })
    }
}
