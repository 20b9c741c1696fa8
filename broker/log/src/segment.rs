//! One segment: a `.log` file of batches, and its indexes. Files are made when the first byte is written.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use headrace_records::{Batch, BatchRef, NO_TIMESTAMP_MS, Offset, TimestampMs};

use crate::{
    config::LogConfig,
    disk::{Disk, File, FileSlot},
    error::{DiskError, Doing, ReadError},
    index::{Entry, Index, IndexView, OffsetEntry, TimeEntry},
    scan::{SEEK_CHUNK_BYTES, Scanner},
    txn_index::TxnIndex,
};

pub(crate) const LOG_SUFFIX: &str = "log";
pub(crate) const DELETED_SUFFIX: &str = "deleted";
const DATA_SUFFIXES: [&str; 4] = [LOG_SUFFIX, "index", "timeindex", "txnindex"];

/// The path of a segment's file: twenty digits and a suffix.
pub(crate) fn file_path(dir: &Path, base_offset: Offset, suffix: &str) -> PathBuf {
    dir.join(format!("{base_offset:020}.{suffix}"))
}

/// What a segment has to know of a batch that was written to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) last_offset: Offset,
    pub(crate) max_timestamp_ms: TimestampMs,
    pub(crate) size_bytes: u64,
}

impl Placed {
    pub(crate) fn of(batch: BatchRef<'_>) -> Self {
        Self {
            last_offset: batch.last_offset(),
            max_timestamp_ms: batch.max_timestamp_ms(),
            size_bytes: batch.size_bytes() as u64,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base_offset: Offset,
    /// The bytes of whole, accepted batches.
    pub(crate) size_bytes: u64,
    /// The highest timestamp, −1 if there is none, and the last offset of the batch that has it.
    pub(crate) max_timestamp: (TimestampMs, Offset),
    /// The timestamp of the first batch: what `segment.ms` counts from.
    pub(crate) first_timestamp_ms: Option<TimestampMs>,
    pub(crate) created_ms: i64,
    /// There is something in the files that no flush has covered.
    pub(crate) dirty: bool,
    pub(crate) txns: TxnIndex,
    log: FileSlot,
    offsets: Index<OffsetEntry>,
    times: Index<TimeEntry>,
    bytes_since_index: u64,
}

impl Segment {
    pub(crate) fn new(dir: &Path, base_offset: Offset, now_ms: i64) -> Self {
        let slot = |suffix| FileSlot::new(file_path(dir, base_offset, suffix));
        Self {
            base_offset,
            size_bytes: 0,
            max_timestamp: (NO_TIMESTAMP_MS, base_offset),
            first_timestamp_ms: None,
            created_ms: now_ms,
            dirty: false,
            txns: TxnIndex::empty(slot(DATA_SUFFIXES[3])),
            log: slot(LOG_SUFFIX),
            offsets: Index::empty(slot(DATA_SUFFIXES[1])),
            times: Index::empty(slot(DATA_SUFFIXES[2])),
            bytes_since_index: 0,
        }
    }

    /// A segment whose files are there, taken as they are. `None` if the indexes cannot be right and have to be
    /// rebuilt by a scan.
    pub(crate) fn load(
        disk: &dyn Disk,
        dir: &Path,
        base_offset: Offset,
        now_ms: i64,
    ) -> Result<Option<Self>, DiskError> {
        let mut segment = Self::new(dir, base_offset, now_ms);
        segment.size_bytes = segment.file_length(disk)?;
        let slot = |suffix| FileSlot::new(file_path(dir, base_offset, suffix));
        let (Ok(offsets), Ok(times), Ok(txns)) = (
            Index::<OffsetEntry>::load(disk, slot(DATA_SUFFIXES[1])),
            Index::<TimeEntry>::load(disk, slot(DATA_SUFFIXES[2])),
            TxnIndex::load(disk, slot(DATA_SUFFIXES[3])),
        ) else {
            return Ok(None);
        };
        if let Some(last) = times.last() {
            segment.max_timestamp = (last.timestamp_ms, base_offset + i64::from(last.relative_offset));
        }
        let sane = offsets.last().is_none_or(|last| {
            last.relative_offset >= 0 && u64::from(last.position) < segment.size_bytes
        }) && times.last().is_none_or(|last| last.relative_offset >= 0)
            // A segment with records has a last time entry from when it was sealed.
            && (segment.size_bytes == 0 || times.last().is_some());
        (segment.offsets, segment.times, segment.txns) = (offsets, times, txns);
        Ok(sane.then_some(segment))
    }

    fn file_length(&self, disk: &dyn Disk) -> Result<u64, DiskError> {
        if !disk.exists(self.log.path()) {
            return Ok(0);
        }
        let length = self.log.open(disk).and_then(|file| file.len()).doing("measuring", self.log.path())?;
        self.log.close();
        Ok(length)
    }

    pub(crate) fn path(&self) -> &Path {
        self.log.path()
    }

    /// The `.log` file, made if it is not there.
    pub(crate) fn create_file(&self, disk: &dyn Disk) -> Result<Arc<dyn File>, DiskError> {
        self.log.create(disk).doing("opening", self.log.path())
    }

    pub(crate) fn open_file(&self, disk: &dyn Disk) -> Result<Arc<dyn File>, DiskError> {
        self.log.open(disk).doing("opening", self.log.path())
    }

    /// Gives descriptors back.
    pub(crate) fn close_files(&self) {
        self.log.close();
        self.offsets.slot().close();
        self.times.slot().close();
        self.txns.slot().close();
    }

    /// Takes note of a batch that was written at the end.
    pub(crate) fn on_appended(
        &mut self,
        disk: &dyn Disk,
        batch: Placed,
        config: &LogConfig,
    ) -> io::Result<()> {
        self.first_timestamp_ms.get_or_insert(batch.max_timestamp_ms);
        if batch.max_timestamp_ms > self.max_timestamp.0 {
            self.max_timestamp = (batch.max_timestamp_ms, batch.last_offset);
        }
        let position = self.size_bytes;
        self.size_bytes += batch.size_bytes;
        self.dirty = true;
        let due = self.bytes_since_index > config.index_interval_bytes;
        self.bytes_since_index =
            if due { batch.size_bytes } else { self.bytes_since_index + batch.size_bytes };
        if due {
            let relative_offset = self.relative(batch.last_offset);
            // A segment is smaller than 2 GiB.
            self.offsets.push(disk, OffsetEntry { relative_offset, position: position as u32 })?;
            self.push_time(disk)?;
        }
        Ok(())
    }

    fn relative(&self, offset: Offset) -> i32 {
        // `should_roll` keeps offsets within 31 bits of the base.
        (offset - self.base_offset) as i32
    }

    /// Adds the highest timestamp so far to the time index, if it is news.
    fn push_time(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let (timestamp_ms, offset) = self.max_timestamp;
        if timestamp_ms <= self.times.last().map_or(NO_TIMESTAMP_MS, |last| last.timestamp_ms) {
            return Ok(());
        }
        let relative_offset = self.relative(offset);
        self.times.push(disk, TimeEntry { timestamp_ms, relative_offset })
    }

    /// Writes what the indexes lack, for a segment that takes no more batches or is closed.
    pub(crate) fn seal(&mut self, disk: &dyn Disk) -> Result<(), DiskError> {
        self.push_time(disk).doing("writing", self.times.slot().path())?;
        self.times.write_pending(disk).doing("writing", self.times.slot().path())?;
        self.offsets.write_pending(disk).doing("writing", self.offsets.slot().path())
    }

    /// The files that a flush of this segment has to sync; the indexes only where they will not be rebuilt.
    pub(crate) fn files_to_sync(
        &self,
        disk: &dyn Disk,
        sealed: bool,
    ) -> Result<Vec<Arc<dyn File>>, DiskError> {
        let mut files = vec![self.open_file(disk)?];
        if sealed {
            for slot in [self.offsets.slot(), self.times.slot(), self.txns.slot()] {
                if disk.exists(slot.path()) {
                    files.push(slot.open(disk).doing("opening", slot.path())?);
                }
            }
        }
        Ok(files)
    }

    /// Whether a set of `set_bytes` up to `last_offset`, behind `staged_bytes` that are still to be written, has
    /// to go into a new segment.
    pub(crate) fn should_roll(
        &self,
        config: &LogConfig,
        staged_bytes: u64,
        set_bytes: u64,
        last_offset: Offset,
        timestamp_ms: TimestampMs,
        now_ms: i64,
    ) -> bool {
        let size_bytes = self.size_bytes + staged_bytes;
        if size_bytes == 0 {
            return false;
        }
        let entries_max = |entry_bytes: usize| config.segment_index_bytes as usize / entry_bytes;
        size_bytes + set_bytes > config.segment_bytes
            || last_offset - self.base_offset > i64::from(i32::MAX)
            || self.waited_ms(timestamp_ms, now_ms) > config.segment_ms
            || self.offsets.len() >= entries_max(OffsetEntry::BYTES)
            || self.times.len() >= entries_max(TimeEntry::BYTES)
    }

    /// How old the segment is, by its records' clock where they have one.
    pub(crate) fn waited_ms(&self, timestamp_ms: TimestampMs, now_ms: i64) -> i64 {
        match self.first_timestamp_ms {
            Some(first) if first >= 0 && timestamp_ms >= 0 => timestamp_ms.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        }
    }

    pub(crate) fn offset_view(&self, disk: &dyn Disk) -> Result<IndexView<OffsetEntry>, DiskError> {
        self.offsets.view(disk).doing("opening", self.offsets.slot().path())
    }

    pub(crate) fn time_view(&self, disk: &dyn Disk) -> Result<IndexView<TimeEntry>, DiskError> {
        self.times.view(disk).doing("opening", self.times.slot().path())
    }

    /// Batches from the last indexed one at or before `offset`.
    pub(crate) fn scan_from(&self, disk: &dyn Disk, offset: Offset) -> Result<Scanner<'_>, ReadError> {
        let relative = offset - self.base_offset;
        let view = self.offset_view(disk)?;
        let entry = view.at_or_before(relative).doing("reading", self.offsets.slot().path())?;
        self.scan_at(disk, entry.map_or(0, |entry| u64::from(entry.position)), SEEK_CHUNK_BYTES)
    }

    /// Batches from byte `position`, where one starts.
    pub(crate) fn scan_at(
        &self,
        disk: &dyn Disk,
        position: u64,
        chunk_bytes: usize,
    ) -> Result<Scanner<'_>, ReadError> {
        let file = self.create_file(disk)?;
        Ok(Scanner::new(file, self.log.path(), position, self.size_bytes, chunk_bytes))
    }

    /// The first batch that ends at or after `offset`, and where it starts.
    pub(crate) fn find(&self, disk: &dyn Disk, offset: Offset) -> Result<Option<(u64, Batch)>, ReadError> {
        let mut scanner = self.scan_from(disk, offset)?;
        while let Some((position, batch)) = scanner.next()? {
            if batch.last_offset() >= offset {
                return Ok(Some((position, batch)));
            }
        }
        Ok(None)
    }

    /// The last batch, found from the last index entry on.
    pub(crate) fn last_batch(&self, disk: &dyn Disk) -> Result<Option<Batch>, ReadError> {
        let mut scanner = self.scan_from(disk, i64::MAX)?;
        let mut last = None;
        while let Some((_, batch)) = scanner.next()? {
            last = Some(batch);
        }
        Ok(last)
    }

    /// The timestamp that rolling counts from, read from the first batch after a restart.
    pub(crate) fn load_first_timestamp(&mut self, disk: &dyn Disk) -> Result<(), ReadError> {
        if self.first_timestamp_ms.is_none() && self.size_bytes > 0 {
            let first = self.scan_at(disk, 0, SEEK_CHUNK_BYTES)?.next()?;
            self.first_timestamp_ms = first.map(|(_, batch)| batch.max_timestamp_ms());
        }
        Ok(())
    }

    /// Cuts the file at `position`, where the batch that would have been at `offset` starts, and the indexes with
    /// it. What the time index says of the rest is rebuilt from the batches that stay.
    pub(crate) fn truncate(
        &mut self,
        disk: &dyn Disk,
        position: u64,
        offset: Offset,
        config: &LogConfig,
    ) -> Result<(), ReadError> {
        self.cut(disk, position)?;
        self.size_bytes = position;
        self.txns.truncate(disk, offset).doing("truncating", self.txns.slot().path())?;
        self.rebuild_indexes(disk, config)?;
        self.dirty = true;
        Ok(())
    }

    /// What is behind `position` is gone for good: on a disk that loses power it must not come back in the place of what is written there
    /// next, between what was written before and after.
    pub(crate) fn cut(&self, disk: &dyn Disk, position: u64) -> Result<(), DiskError> {
        let file = self.create_file(disk)?;
        file.set_len(position).and_then(|()| file.sync_data()).doing("truncating", self.log.path())
    }

    /// Writes both sparse indexes anew from the batches in the file.
    fn rebuild_indexes(&mut self, disk: &dyn Disk, config: &LogConfig) -> Result<(), ReadError> {
        let end = self.size_bytes;
        self.reset_indexes(disk)?;
        self.size_bytes = 0;
        let path = self.log.path().to_owned();
        let mut scanner = Scanner::new(self.create_file(disk)?, &path, 0, end, crate::scan::SCAN_CHUNK_BYTES);
        while let Some((_, batch)) = scanner.next()? {
            if let Err(error) = self.on_appended(disk, Placed::of(batch.as_batch_ref()), config) {
                // On a full disk, for instance. The entries stay in memory; a start rebuilds them.
                tracing::warn!(path = %path.display(), %error, "could not write an index");
            }
        }
        Ok(())
    }

    /// Empties both sparse indexes and forgets what they told.
    pub(crate) fn reset_indexes(&mut self, disk: &dyn Disk) -> Result<(), DiskError> {
        self.offsets.clear(disk).doing("truncating", self.offsets.slot().path())?;
        self.times.clear(disk).doing("truncating", self.times.slot().path())?;
        self.max_timestamp = (NO_TIMESTAMP_MS, self.base_offset);
        self.first_timestamp_ms = None;
        self.bytes_since_index = 0;
        Ok(())
    }

    /// Renames the files, so that no start finds them again. Returns the new names, for removal later.
    pub(crate) fn mark_deleted(&self, disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, DiskError> {
        let mut renamed = Vec::new();
        for suffix in DATA_SUFFIXES {
            let from = file_path(dir, self.base_offset, suffix);
            if disk.exists(&from) {
                let to = file_path(dir, self.base_offset, &format!("{suffix}.{DELETED_SUFFIX}"));
                disk.rename(&from, &to).doing("renaming", &from)?;
                renamed.push(to);
            }
        }
        self.close_files();
        Ok(renamed)
    }
}
