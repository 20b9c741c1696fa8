//! A shard is read back from its log: from the start to the end as it was at the election. What is written later passes through us.

use std::collections::HashMap;

use bytes::Bytes;
use headrace_protocol::ErrorCode;
use headrace_records::{Batch, ControlRecord};
use headrace_state::group::{Record, Shard};

use super::log::GroupLog;

/// What was read, for the log.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) records: u64,
    /// Records of a kind that is not ours, or that could not be read.
    pub(super) skipped: u64,
    pub(super) bytes: u64,
    /// Where the last one ends.
    pub(super) end_offset: i64,
}

/// Records of transactions that have no marker yet, by producer id.
type Open = HashMap<i64, Vec<Record>>;

/// Replays the log into `shard`. The reactor gets its turn after each piece.
pub(super) async fn load(
    log: &dyn GroupLog,
    shard: &mut Shard,
    buffer_bytes: usize,
) -> Result<Loaded, ErrorCode> {
    let end_offset = log.end_offset();
    let mut offset = log.start_offset();
    let mut loaded = Loaded { end_offset, ..Loaded::default() };
    let mut open = Open::new();
    while offset < end_offset {
        let pieces = log.read(offset, buffer_bytes).await?;
        let before = offset;
        for piece in pieces {
            loaded.bytes += piece.len() as u64;
            offset = replay_piece(piece, offset, shard, &mut open, &mut loaded)?;
        }
        if offset == before {
            tracing::error!(
                offset,
                end_offset,
                "the log of this partition ends before its end: is a segment missing?"
            );
            return Err(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        tokio::task::yield_now().await;
    }
    Ok(loaded)
}

/// Replays whole batches; the offset behind the last. Records before `from` (a batch may begin earlier) are left out.
fn replay_piece(
    piece: Bytes,
    from: i64,
    shard: &mut Shard,
    open: &mut Open,
    loaded: &mut Loaded,
) -> Result<i64, ErrorCode> {
    let mut next_offset = from;
    for batch in headrace_records::batches(piece) {
        let batch = batch.map_err(|error| corrupt(&error))?;
        if batch.next_offset() <= from {
            continue;
        }
        if batch.is_control() {
            end_transaction(&batch, shard, open)?;
        } else {
            replay_batch(&batch, from, shard, open, loaded)?;
        }
        next_offset = batch.next_offset();
    }
    Ok(next_offset)
}

fn replay_batch(
    batch: &Batch,
    from: i64,
    shard: &mut Shard,
    open: &mut Open,
    loaded: &mut Loaded,
) -> Result<(), ErrorCode> {
    let records = batch.records().map_err(|error| corrupt(&error))?;
    for record in records.iter() {
        let record = record.map_err(|error| corrupt(&error))?;
        if record.offset < from {
            continue;
        }
        let Some(key) = record.key else {
            loaded.skipped += 1;
            continue;
        };
        match Record::decode(records.share(key), record.value.map(|value| records.share(value))) {
            Ok(Some(decoded)) if batch.is_transactional() => {
                open.entry(batch.producer_id()).or_default().push(decoded);
            }
            Ok(Some(decoded)) => shard.replay(decoded),
            // Kinds that came with later versions of Kafka, and are left alone as Kafka leaves them (KIP-915).
            Ok(None) => loaded.skipped += 1,
            Err(error) => {
                loaded.skipped += 1;
                tracing::warn!(offset = record.offset, %error, "a record of __consumer_offsets is left out");
            }
        }
        loaded.records += 1;
    }
    Ok(())
}

/// Offsets that were committed in a transaction count from its marker on.
fn end_transaction(batch: &Batch, shard: &mut Shard, open: &mut Open) -> Result<(), ErrorCode> {
    let records = batch.records().map_err(|error| corrupt(&error))?;
    for record in records.iter() {
        let record = record.map_err(|error| corrupt(&error))?;
        let Ok(ControlRecord::EndTxn(marker)) = ControlRecord::parse(record.key, record.value) else {
            continue;
        };
        let written = open.remove(&batch.producer_id()).unwrap_or_default();
        if marker.committed {
            written.into_iter().for_each(|record| shard.replay(record));
        }
    }
    Ok(())
}

fn corrupt(error: &headrace_records::Error) -> ErrorCode {
    tracing::error!(%error, "a batch of __consumer_offsets cannot be read");
    ErrorCode::CORRUPT_MESSAGE
}
