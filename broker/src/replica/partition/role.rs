//! A replica's role: what changes with the metadata, and the end of a replica.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use headrace_metadata::sabotage::{self, Sabotage};
use headrace_state::metadata as image;

use super::{NOT_LEADING, Partition, Settings};
use crate::replica::followers::Followers;

/// What a metadata change meant for this broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::replica) enum RoleChange {
    None,
    Elected(i32),
    Resigned,
}

impl Partition {
    /// Takes what the metadata says now; answers the epoch if this broker became leader with it.
    pub(in crate::replica) fn apply(&self, meta: &Arc<image::Partition>) -> RoleChange {
        let mut log = self.log.lock();
        let before = self.leading.load(Ordering::Acquire);
        let after = if meta.leader == self.node_id { meta.leader_epoch } else { NOT_LEADING };
        self.meta.store(Arc::clone(meta));
        log.doubt_epochs_above(meta.leader_epoch);
        if meta.leader >= 0
            && let Err(error) = log.settle_doubt(after == NOT_LEADING, self.now_ms())
        {
            tracing::error!(partition = ?self, %error, "records in doubt could not be taken back; it is tried again");
        }
        if after != NOT_LEADING && after != before && log.latest_epoch() != Some(after) {
            let end = log.log_end_offset();
            log.assign_epoch(after, end);
        }
        if sabotage::is_on(Sabotage::TruncateByHighWatermark) && after == NOT_LEADING && meta.leader >= 0 {
            let to = self.high_watermark().min(log.log_end_offset());
            drop(log.truncate_to(to, self.clock.now_ms()));
        }
        let now_ms = self.clock.monotonic_ms();
        let mut followers = self.followers.lock();
        if after == NOT_LEADING {
            *followers = Followers::default();
        } else if after == before {
            followers.update(meta, self.node_id, now_ms);
        } else {
            self.epoch_start.store(log.log_end_offset(), Ordering::Release);
            *followers = Followers::elected(meta, self.node_id, log.log_end_offset(), now_ms);
        }
        if after != before {
            self.uncommitted.lock().clear();
        }
        // Under both locks: what a follower said in one epoch must not count in the next.
        self.leading.store(after, Ordering::Release);
        drop(followers);
        self.publish(&mut log);
        let end = log.log_end_offset();
        drop(log);
        tracing::debug!(
            partition = ?self, leader = meta.leader, epoch = meta.leader_epoch, isr = ?meta.isr, elr = ?meta.elr,
            last = ?meta.last_known_elr, end,
            high_watermark = self.high_watermark(), "as the metadata says"
        );
        if before == after {
            return RoleChange::None;
        }
        self.wake_all();
        self.commit.notify_waiters();
        if after == NOT_LEADING { RoleChange::Resigned } else { RoleChange::Elected(after) }
    }

    pub(in crate::replica) fn set_settings(&self, settings: Settings) {
        self.log.lock().set_config(Arc::clone(&settings.log));
        self.settings.store(Arc::new(settings));
    }

    /// The replica is deleted, or out of reach: nobody leads it any more, and everyone who waits is told.
    pub(in crate::replica) fn retire(&self) -> bool {
        let was_leading = {
            let _log = self.log.lock();
            self.retired.store(true, Ordering::Release);
            self.leading.swap(NOT_LEADING, Ordering::AcqRel) != NOT_LEADING
        };
        self.wake_all();
        self.commit.notify_waiters();
        was_leading
    }

    /// Ends every wait, for a stop.
    pub(in crate::replica) fn wake_all(&self) {
        self.fetch_waiters.wake_all();
        self.follower_waiters.wake_all();
    }
}
