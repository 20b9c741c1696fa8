//! What can be wrong with a batch.

use crate::Compression;

/// Why bytes are not a good record batch. Each maps to one of Kafka's answers: all of them are `CORRUPT_MESSAGE`
/// but for [`Error::OldMagic`] (`UNSUPPORTED_FOR_MESSAGE_FORMAT`) and [`Error::Invalid`] and
/// [`Error::InvalidRecord`] (`INVALID_RECORD`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end inside a batch: normal at the end of a fetch response and of a log after a power cut.
    #[error("the batch at byte {position} needs {needed_bytes} bytes and {available_bytes} are there")]
    Torn { position: usize, needed_bytes: usize, available_bytes: usize },
    #[error(
        "message format v{magic} is not supported: produce with record batches (v2), as every client since Kafka 0.11 does"
    )]
    OldMagic { magic: i8 },
    #[error("unknown record batch format (magic {magic}): the bytes are not a record batch")]
    UnknownMagic { magic: i8 },
    #[error(
        "batch length {length_bytes} is below the {min_bytes} bytes of a batch header: the batch is corrupt"
    )]
    BadLength { length_bytes: i32, min_bytes: usize },
    #[error(
        "checksum of the batch at offset {base_offset} is {computed:#010x} and it says {stored:#010x}: the batch is corrupt"
    )]
    BadCrc { base_offset: i64, stored: u32, computed: u32 },
    #[error("compression type {code} is unknown: use none, gzip, snappy, lz4 or zstd")]
    UnknownCompression { code: u8 },
    #[error("the records cannot be decompressed with {codec}: {reason}")]
    Decompress { codec: Compression, reason: String },
    #[error("the records decompress to more than the limit of {limit_bytes} bytes: send smaller batches")]
    TooLarge { limit_bytes: usize },
    #[error("invalid batch: {0}")]
    Invalid(&'static str),
    #[error("invalid record {index} of the batch: {reason}")]
    InvalidRecord { index: i32, reason: &'static str },
}
