//! What can go wrong, each with what the user can do and with Kafka's error code.

use std::{io, path::PathBuf};

use headrace_records::{Error as RecordsError, LeaderEpoch, Offset, ProducerId};

/// Kafka's numbers for the errors that a log can answer with.
mod code {
    pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(super) const CORRUPT_MESSAGE: i16 = 2;
    pub(super) const MESSAGE_TOO_LARGE: i16 = 10;
    pub(super) const RECORD_LIST_TOO_LARGE: i16 = 18;
    pub(super) const INVALID_TIMESTAMP: i16 = 32;
    pub(super) const UNSUPPORTED_FOR_MESSAGE_FORMAT: i16 = 43;
    pub(super) const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
    pub(super) const INVALID_PRODUCER_EPOCH: i16 = 47;
    pub(super) const INVALID_TXN_STATE: i16 = 48;
    pub(super) const TRANSACTION_COORDINATOR_FENCED: i16 = 52;
    pub(super) const KAFKA_STORAGE_ERROR: i16 = 56;
    pub(super) const INVALID_RECORD: i16 = 87;
}

/// A file operation that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing} {}: {source}", path.display())]
pub struct DiskError {
    pub doing: &'static str,
    pub path: PathBuf,
    // Shared, because one failed write answers every request that it carried.
    pub source: std::sync::Arc<io::Error>,
}

impl DiskError {
    pub(crate) fn new(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self { doing, path: path.into(), source: std::sync::Arc::new(source) }
    }

    /// The disk, or the user's share of it, is full.
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Names what was being done when an I/O error came up.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: impl Into<PathBuf>) -> Result<T, DiskError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: impl Into<PathBuf>) -> Result<T, DiskError> {
        self.map_err(|source| DiskError::new(doing, path, source))
    }
}

/// Why records were not appended. Nothing of the set that failed is in the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    #[error(transparent)]
    Records(#[from] RecordsError),
    #[error("the request holds no record batch")]
    Empty,
    #[error(
        "a batch of {size_bytes} bytes is over max.message.bytes ({max_bytes}): send smaller batches or raise it"
    )]
    TooLarge { size_bytes: usize, max_bytes: usize },
    #[error(
        "{size_bytes} bytes do not fit into one segment (segment.bytes is {segment_bytes}): send smaller batches"
    )]
    LargerThanSegment { size_bytes: usize, segment_bytes: u64 },
    #[error(
        "timestamp {timestamp_ms} is outside what message.timestamp.before.max.ms and message.timestamp.after.max.ms allow at {now_ms}"
    )]
    TimestampOutOfRange { timestamp_ms: i64, now_ms: i64 },
    #[error("a producer may not set the timestamp type to LogAppendTime: that is the topic's to say")]
    ProducerSetAppendTime,
    #[error("record {index} has no key, which a compacted topic needs")]
    NoKey { index: i32 },
    #[error("clients may not write control batches")]
    ControlBatch,
    #[error(
        "producer {producer_id} sent sequence {found} with epoch {epoch} where {expected} was next: a batch before it was lost"
    )]
    OutOfOrderSequence { producer_id: ProducerId, epoch: i16, expected: i32, found: i32 },
    #[error(
        "producer {producer_id} has epoch {found}, which epoch {current} has fenced: start a new producer"
    )]
    InvalidProducerEpoch { producer_id: ProducerId, current: i16, found: i16 },
    #[error("producer {producer_id} sent a non-transactional batch inside its open transaction")]
    InvalidTxnState { producer_id: ProducerId },
    #[error("a transaction marker came from coordinator epoch {found}, but {current} has been seen")]
    TransactionCoordinatorFenced { current: i32, found: i32 },
    #[error("the batch at offset {found} cannot follow log end offset {log_end_offset}")]
    OutOfOrderOffsets { log_end_offset: Offset, found: Offset },
    #[error("leader epoch {found} is older than the log's latest, {latest}")]
    StaleLeaderEpoch { latest: LeaderEpoch, found: LeaderEpoch },
    #[error(
        "the disk is full, so the records were refused; reads go on, and so do writes once there is room: {0}"
    )]
    DiskFull(DiskError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("the log is offline after an earlier failure: {0}")]
    Offline(String),
}

impl AppendError {
    /// Kafka's number for this error.
    pub fn kafka_code(&self) -> i16 {
        match self {
            Self::Records(error) => records_code(error),
            Self::Empty | Self::NoKey { .. } | Self::ControlBatch => code::INVALID_RECORD,
            Self::TooLarge { .. } => code::MESSAGE_TOO_LARGE,
            Self::LargerThanSegment { .. } => code::RECORD_LIST_TOO_LARGE,
            Self::TimestampOutOfRange { .. } | Self::ProducerSetAppendTime => code::INVALID_TIMESTAMP,
            Self::OutOfOrderSequence { .. } => code::OUT_OF_ORDER_SEQUENCE_NUMBER,
            Self::InvalidProducerEpoch { .. } => code::INVALID_PRODUCER_EPOCH,
            Self::InvalidTxnState { .. } => code::INVALID_TXN_STATE,
            Self::TransactionCoordinatorFenced { .. } => code::TRANSACTION_COORDINATOR_FENCED,
            Self::OutOfOrderOffsets { .. } | Self::StaleLeaderEpoch { .. } => code::CORRUPT_MESSAGE,
            Self::DiskFull(_) | Self::Disk(_) | Self::Offline(_) => code::KAFKA_STORAGE_ERROR,
        }
    }
}

fn records_code(error: &RecordsError) -> i16 {
    match error {
        RecordsError::OldMagic { .. } => code::UNSUPPORTED_FOR_MESSAGE_FORMAT,
        RecordsError::Invalid(_) | RecordsError::InvalidRecord { .. } => code::INVALID_RECORD,
        _ => code::CORRUPT_MESSAGE,
    }
}

/// Why a read failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    #[error("offset {offset} is outside the log, which goes from {log_start_offset} to {log_end_offset}")]
    OffsetOutOfRange { offset: Offset, log_start_offset: Offset, log_end_offset: Offset },
    #[error("{} is damaged at byte {position}: {source}", path.display())]
    Corrupt { path: PathBuf, position: u64, source: RecordsError },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl ReadError {
    /// Kafka's number for this error.
    pub fn kafka_code(&self) -> i16 {
        match self {
            Self::OffsetOutOfRange { .. } => code::OFFSET_OUT_OF_RANGE,
            Self::Corrupt { .. } => code::CORRUPT_MESSAGE,
            Self::Disk(_) => code::KAFKA_STORAGE_ERROR,
        }
    }
}

/// Why opening, flushing, truncating or cleaning a log failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{} holds what this version cannot read: {reason}", path.display())]
    BadFile { path: PathBuf, reason: String },
    #[error("the log is offline after an earlier failure: {0}")]
    Offline(String),
}

impl LogError {
    /// Kafka's number for this error.
    pub fn kafka_code(&self) -> i16 {
        match self {
            Self::Read(error) => error.kafka_code(),
            Self::Disk(_) | Self::BadFile { .. } | Self::Offline(_) => code::KAFKA_STORAGE_ERROR,
        }
    }
}
