//! Kafka record batches (message format v2, KIP-98): look into them without copying, check them, build them,
//! compress and decompress them.
//!
//! A batch is opaque to the wire protocol and is stored on disk byte for byte as the producer sent it, but for
//! the base offset and the leader epoch, which lie outside its checksum. So nearly everything here works in place
//! on the bytes that arrived: [`Batch`] is a view, [`stamp`] writes the two fields, and only [`BatchBuilder`]
//! and decompression allocate.
//!
//! Nothing here reads a clock, does I/O, or panics on bytes from outside. Every length is bounded by the bytes
//! that are there, and decompression by [`MAX_DECOMPRESSED_BATCH_BYTES`].

mod batch;
mod builder;
mod compression;
mod control;
mod error;
mod iter;
mod record;
pub mod stamp;
mod validate;
mod varint;

#[cfg(test)]
mod fuzz_tests;

pub use batch::{Attributes, Batch, BatchRef, TimestampType, layout};
pub use builder::{BatchBuilder, BuildError};
pub use compression::Compression;
pub use control::{ControlRecord, EndTxnMarker};
pub use error::Error;
pub use iter::{Batches, batches};
pub use record::{Header, Headers, Record, RecordIter, Records};
pub use validate::RecordSummary;

/// A record's place in a partition.
pub type Offset = i64;
/// The number of a leadership term of a partition.
pub type LeaderEpoch = i32;
/// Milliseconds since 1970, as Kafka stores them.
pub type TimestampMs = i64;
/// The id a broker gave an idempotent or transactional producer.
pub type ProducerId = i64;

/// A batch of a producer that is not idempotent carries this id.
pub const NO_PRODUCER_ID: ProducerId = -1;
/// A batch of a producer that is not idempotent carries this epoch.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// A batch without a sequence (also every control batch) carries this one.
pub const NO_SEQUENCE: i32 = -1;
/// A record without a timestamp carries this one.
pub const NO_TIMESTAMP_MS: TimestampMs = -1;

/// What one batch may decompress to, in bytes. Kafka has no such limit; without it a few kilobytes of gzip cost
/// a broker gigabytes.
pub const MAX_DECOMPRESSED_BATCH_BYTES: usize = 256 * 1024 * 1024;

/// CRC-32C (Castagnoli), with the processor's own instructions where it has them.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// The CRC-32C of `parts` put one behind the other.
pub(crate) fn crc32c_of_parts(parts: &[&[u8]]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    for part in parts {
        digest.update(part);
    }
    digest.finalize() as u32
}
