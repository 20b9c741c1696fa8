//! A partition as its follower sees it: where it stands, what it takes from the leader, and what it takes back.
//!
//! Every step names the leader epoch in which it was asked for, and does nothing once that is over: an answer that was long under way
//! must not change a log that has since been given to another leader, or leads itself. Records are taken back by leader epoch
//! (KIP-101, KIP-595), never by high watermark.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use headrace_metadata::sabotage::{self, Sabotage};
use headrace_protocol::ErrorCode;

use super::Partition;

/// From where a follower fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FetchPosition {
    pub(super) offset: i64,
    /// The epoch of the last record, −1 if there is none.
    pub(super) last_epoch: i32,
    pub(super) leader_epoch: i32,
    pub(super) log_start_offset: i64,
}

/// What the leader says of itself beside the records.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaderPositions {
    pub(super) high_watermark: i64,
    pub(super) log_start_offset: i64,
}

impl Partition {
    /// Where to go on; `None` if this broker leads, or nobody does.
    pub(super) fn fetch_position(&self) -> Option<FetchPosition> {
        let log = self.log();
        let meta = self.meta();
        if self.is_leader() || self.is_retired() || meta.leader < 0 || log.failure().is_some() {
            return None;
        }
        let offset = log.log_end_offset();
        let log_start_offset = log.log_start_offset();
        let last_epoch = log.last_epoch_before(offset);
        Some(FetchPosition { offset, last_epoch, leader_epoch: meta.leader_epoch, log_start_offset })
    }

    /// Epoch of the last record and end of the log, as far as it is not in doubt: while nobody leads, in this leader epoch, so that nothing
    /// comes behind it any more.
    pub(crate) fn log_end_in(&self, leader_epoch: i32) -> Result<(i32, i64), ErrorCode> {
        let log = self.log();
        let meta = self.meta();
        if self.is_retired() || log.failure().is_some() {
            return Err(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        if meta.leader >= 0 || meta.leader_epoch != leader_epoch {
            let is_behind = meta.leader_epoch < leader_epoch;
            return Err(if is_behind {
                ErrorCode::UNKNOWN_LEADER_EPOCH
            } else {
                ErrorCode::FENCED_LEADER_EPOCH
            });
        }
        let end = log.certain_end_offset();
        Ok((log.last_epoch_before(end), end))
    }

    /// Takes what the leader sent for `asked`. True if the log grew.
    pub(super) fn take_fetched(
        &self,
        asked: FetchPosition,
        records: &Bytes,
        leader: LeaderPositions,
    ) -> Result<bool, ErrorCode> {
        let mut log = self.log();
        if !self.still_follows(asked) || log.log_end_offset() != asked.offset {
            return Ok(false);
        }
        let now_ms = self.now_ms();
        let mut bytes = 0;
        if !records.is_empty() {
            let info = log.append_as_follower(records, now_ms).map_err(|error| {
                // It is tried again and again, for hours where the disk is full.
                if !self.append_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(partition = ?self, %error, "records from the leader could not be appended; it is tried again, and said again only after a success");
                }
                ErrorCode(error.kafka_code())
            })?;
            if self.append_failed.swap(false, Ordering::Relaxed) {
                tracing::info!(partition = ?self, "records from the leader are appended again");
            }
            bytes = info.size_bytes;
        }
        let high_watermark = leader.high_watermark.min(log.log_end_offset()).max(self.high_watermark());
        if leader.log_start_offset > log.log_start_offset() {
            let start = leader.log_start_offset.min(high_watermark);
            if let Err(error) = log.delete_records_before(start, high_watermark) {
                tracing::error!(partition = ?self, %error, "records before the leader's first could not be deleted");
            }
        }
        self.grown_as_follower(&mut log, bytes, high_watermark);
        drop(log);
        if bytes > 0 && self.log_config().flush_messages != i64::MAX {
            // The leader takes the next fetch for an acknowledgement: on disk, where flush.messages asks for that.
            self.flush(now_ms, true)?;
        }
        Ok(bytes > 0)
    }

    /// Takes back what the leader does not have: its history of `epoch` ends at `end_offset`, and parts from this log's there or
    /// earlier.
    pub(super) fn take_back(
        &self,
        asked: FetchPosition,
        epoch: i32,
        end_offset: i64,
    ) -> Result<(), ErrorCode> {
        let mut log = self.log();
        if !self.still_follows(asked) {
            return Ok(());
        }
        let own = log.end_offset_for_epoch(epoch);
        // Where this log's own history of that epoch, or of the last one before it that it knows, ends.
        let to = match own.epoch {
            known if known == epoch => own.end_offset.min(end_offset),
            known if known >= 0 => own.end_offset,
            _ => end_offset,
        };
        let to = to.clamp(0, log.log_end_offset());
        if to < self.high_watermark() {
            tracing::warn!(
                partition = ?self, to, high_watermark = self.high_watermark(), epoch,
                "records below the high watermark are taken back: the leader was elected without having them"
            );
        }
        tracing::info!(partition = ?self, from = log.log_end_offset(), to, epoch, "the log parts from its leader's: its end is taken back");
        log.truncate_to(to, self.now_ms()).map_err(|error| {
            tracing::error!(partition = ?self, %error, "the log's end could not be taken back");
            ErrorCode::KAFKA_STORAGE_ERROR
        })?;
        let high_watermark = self.high_watermark().min(log.log_end_offset());
        self.grown_as_follower(&mut log, 0, high_watermark);
        Ok(())
    }

    /// Starts anew where the leader's log begins: it has nothing any more of what this replica would need next.
    pub(super) fn start_over(&self, asked: FetchPosition, leader_log_start: i64) -> Result<(), ErrorCode> {
        let mut log = self.log();
        let empty = log.log_end_offset() == log.log_start_offset();
        if !self.still_follows(asked) || (log.log_end_offset() >= leader_log_start && !empty) {
            return Ok(());
        }
        tracing::warn!(partition = ?self, at = leader_log_start, "the leader's log begins behind this one's end: starting over there");
        log.truncate_fully_and_start_at(leader_log_start, self.now_ms()).map_err(|error| {
            tracing::error!(partition = ?self, %error, "the log could not be started over");
            ErrorCode::KAFKA_STORAGE_ERROR
        })?;
        self.grown_as_follower(&mut log, 0, leader_log_start);
        Ok(())
    }

    fn still_follows(&self, asked: FetchPosition) -> bool {
        let same_epoch = self.leader_epoch() == asked.leader_epoch || sabotage::is_on(Sabotage::IgnoreEpochs);
        !self.is_leader() && !self.is_retired() && same_epoch
    }
}
