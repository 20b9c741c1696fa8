//! Everything about a produced set of batches that can be checked without the partition's lock: checksum,
//! shape, size, timestamps, keys. A topic's own compression and append time are applied here too.

use bytes::Bytes;
use headrace_records::{
    Batch, Error as RecordsError, NO_TIMESTAMP_MS, RecordSummary, TimestampType, batches, stamp::HeaderCopy,
};

use crate::{
    config::{LogConfig, TopicCompression},
    error::AppendError,
};

/// Who asks a leader to append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Client,
    /// The broker itself: it may write control batches.
    Coordinator,
}

/// A batch and its header as it will be written, but for the offset and the leader epoch.
#[derive(Clone, Debug)]
pub(crate) struct CheckedBatch {
    pub(crate) batch: Batch,
    pub(crate) header: HeaderCopy,
    pub(crate) max_timestamp_ms: i64,
}

/// A set of batches that are good to append: see the module. Cheap to make from shared bytes; copies nothing
/// unless the topic wants another compression.
#[derive(Clone, Debug)]
pub struct CheckedRecords {
    pub(crate) batches: Vec<CheckedBatch>,
    pub(crate) log_append_time_ms: i64,
    record_count: u64,
    size_bytes: usize,
}

impl CheckedRecords {
    /// Checks the `records` field of a produce request against a topic's configuration.
    pub fn check(
        records: Bytes,
        config: &LogConfig,
        origin: Origin,
        now_ms: i64,
    ) -> Result<Self, AppendError> {
        let append_time = config.timestamp_type == TimestampType::LogAppendTime;
        let mut checked = Self {
            batches: Vec::with_capacity(1),
            log_append_time_ms: if append_time { now_ms } else { NO_TIMESTAMP_MS },
            record_count: 0,
            size_bytes: 0,
        };
        for batch in batches(records) {
            let batch = check_batch(batch?, config, origin, now_ms)?;
            checked.record_count += batch.batch.record_count() as u64;
            checked.size_bytes += batch.batch.size_bytes();
            checked.batches.push(batch);
        }
        if checked.batches.is_empty() { Err(AppendError::Empty) } else { Ok(checked) }
    }

    pub fn record_count(&self) -> u64 {
        self.record_count
    }

    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}

fn check_batch(
    mut batch: Batch,
    config: &LogConfig,
    origin: Origin,
    now_ms: i64,
) -> Result<CheckedBatch, AppendError> {
    check_size(&batch, config)?;
    batch.verify_crc()?;
    check_header(&batch, origin)?;
    let summary = batch.summarize_records()?;
    if config.cleanup.compact
        && !batch.is_control()
        && let Some(index) = summary.first_without_key
    {
        return Err(AppendError::NoKey { index });
    }
    if let TopicCompression::Codec(codec) = config.compression
        && batch.compression()? != codec
        && !batch.is_control()
    {
        batch = batch.recompress(codec)?;
        check_size(&batch, config)?;
    }
    let mut header = HeaderCopy::of(&batch);
    let max_timestamp_ms = match config.timestamp_type {
        TimestampType::LogAppendTime => now_ms,
        TimestampType::CreateTime => {
            check_timestamps(&batch, &summary, config, now_ms)?;
            summary.max_timestamp_ms
        }
    };
    header.set_max_timestamp(config.timestamp_type, max_timestamp_ms, batch.payload());
    Ok(CheckedBatch { batch, header, max_timestamp_ms })
}

fn check_size(batch: &Batch, config: &LogConfig) -> Result<(), AppendError> {
    let (size_bytes, max_bytes) = (batch.size_bytes(), config.max_message_bytes);
    if size_bytes > max_bytes { Err(AppendError::TooLarge { size_bytes, max_bytes }) } else { Ok(()) }
}

fn check_timestamps(
    batch: &Batch,
    summary: &RecordSummary,
    config: &LogConfig,
    now_ms: i64,
) -> Result<(), AppendError> {
    if batch.timestamp_type() == TimestampType::LogAppendTime {
        return Err(AppendError::ProducerSetAppendTime);
    }
    for timestamp_ms in [summary.min_timestamp_ms, summary.max_timestamp_ms] {
        let too_old = now_ms.saturating_sub(timestamp_ms) > config.timestamp_before_max_ms;
        let too_new = timestamp_ms.saturating_sub(now_ms) > config.timestamp_after_max_ms;
        if timestamp_ms != NO_TIMESTAMP_MS && (too_old || too_new) {
            return Err(AppendError::TimestampOutOfRange { timestamp_ms, now_ms });
        }
    }
    Ok(())
}

/// Header rules that depend on who writes.
fn check_header(batch: &Batch, origin: Origin) -> Result<(), AppendError> {
    match (batch.is_control(), origin) {
        (true, Origin::Client) => Err(AppendError::ControlBatch),
        // A marker has a producer id but no sequence.
        (true, Origin::Coordinator) if batch.last_offset_delta() == batch.record_count() - 1 => Ok(()),
        (true, Origin::Coordinator) => {
            Err(RecordsError::Invalid("its number of records differs from its range of offsets").into())
        }
        (false, _) => Ok(batch.validate_header()?),
    }
}
