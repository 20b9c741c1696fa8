//! A segment's sparse indexes: `.index` (relative offset → byte position, 8 bytes an entry) and `.timeindex`
//! (timestamp → relative offset, 12 bytes), in Kafka's format, big-endian.
//!
//! Unlike Kafka's they are neither mapped nor preallocated: entries gather in memory and are appended a few at
//! a time, and a lookup is a binary search by positioned reads. An idle partition has no index at all. What an
//! unclean stop loses is rebuilt from the segment.

use std::{io, io::IoSlice, sync::Arc};

use crate::disk::{Disk, File, FileSlot, Patience};

/// How many entries gather before they are written.
const PENDING_ENTRIES: usize = 64;

/// How many entries are kept in memory while the disk takes none. The index is sparse: later ones are left out.
const PENDING_ENTRIES_MAX: usize = 1024;

/// Entries that one read of a lookup takes: as dear as reading one.
const ENTRIES_PER_READ: usize = 256;

/// One kind of index entry.
pub(crate) trait Entry: Copy {
    const BYTES: usize;
    fn encode(self, out: &mut Vec<u8>);
    fn decode(bytes: &[u8]) -> Self;
}

/// The batch that ends at `relative_offset` starts at `position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    pub(crate) relative_offset: i32,
    pub(crate) position: u32,
}

impl Entry for OffsetEntry {
    const BYTES: usize = 8;

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.relative_offset.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        Self { relative_offset: i32_at(bytes, 0), position: i32_at(bytes, 4) as u32 }
    }
}

/// No batch up to the one that ends at `relative_offset` has a later timestamp than `timestamp_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    pub(crate) timestamp_ms: i64,
    pub(crate) relative_offset: i32,
}

impl Entry for TimeEntry {
    const BYTES: usize = 12;

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        out.extend_from_slice(&self.relative_offset.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let high = i64::from(i32_at(bytes, 0)) << 32;
        Self { timestamp_ms: high | i64::from(i32_at(bytes, 4) as u32), relative_offset: i32_at(bytes, 8) }
    }
}

/// The caller's slice holds a whole entry.
fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// One index file and the entries that have not been written to it yet.
#[derive(Debug)]
pub(crate) struct Index<E> {
    slot: FileSlot,
    written: usize,
    pending: Vec<E>,
    last: Option<E>,
}

impl<E: Entry> Index<E> {
    pub(crate) fn empty(slot: FileSlot) -> Self {
        Self { slot, written: 0, pending: Vec::new(), last: None }
    }

    /// What is in the file, if there is one. A length that is no multiple of an entry is an error.
    pub(crate) fn load(disk: &dyn Disk, slot: FileSlot) -> io::Result<Self> {
        if !disk.exists(slot.path()) {
            return Ok(Self::empty(slot));
        }
        let file = slot.open(disk)?;
        let length = file.len()? as usize;
        if !length.is_multiple_of(E::BYTES) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its length is no multiple of an entry"));
        }
        let mut index = Self { slot, written: length / E::BYTES, pending: Vec::new(), last: None };
        index.last = match index.written {
            0 => None,
            entries => Some(read_entry(&*file, entries - 1)?),
        };
        index.slot.close();
        Ok(index)
    }

    pub(crate) fn slot(&self) -> &FileSlot {
        &self.slot
    }

    pub(crate) fn len(&self) -> usize {
        self.written + self.pending.len()
    }

    pub(crate) fn last(&self) -> Option<E> {
        self.last
    }

    /// Adds an entry; writes the pending ones when they have become many. An error loses nothing: they stay
    /// pending.
    pub(crate) fn push(&mut self, disk: &dyn Disk, entry: E) -> io::Result<()> {
        if self.pending.len() < PENDING_ENTRIES_MAX {
            self.pending.push(entry);
            self.last = Some(entry);
        }
        if self.pending.len() >= PENDING_ENTRIES { self.write_pending(disk) } else { Ok(()) }
    }

    pub(crate) fn write_pending(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(self.pending.len() * E::BYTES);
        for entry in &self.pending {
            entry.encode(&mut bytes);
        }
        let file = self.slot.create(disk)?;
        file.write_all_at(&[IoSlice::new(&bytes)], (self.written * E::BYTES) as u64)?;
        self.written += self.pending.len();
        self.pending.clear();
        Ok(())
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.truncate(disk, 0)
    }

    /// Keeps the first `entries`.
    pub(crate) fn truncate(&mut self, disk: &dyn Disk, entries: usize) -> io::Result<()> {
        if entries >= self.len() {
            return Ok(());
        }
        if entries < self.written || (entries == 0 && disk.exists(self.slot.path())) {
            self.pending.clear();
            self.slot.open(disk)?.set_len((entries * E::BYTES) as u64)?;
            self.written = entries;
        } else {
            self.pending.truncate(entries - self.written);
        }
        self.last = match entries {
            0 => None,
            _ => Some(self.view(disk)?.get(entries - 1)?),
        };
        Ok(())
    }

    /// A view that stays as it is while the index grows, for lookups without the partition's lock.
    pub(crate) fn view(&self, disk: &dyn Disk) -> io::Result<IndexView<E>> {
        let file = if self.written == 0 { None } else { Some(self.slot.open(disk)?) };
        let (written, pending) = (self.written, self.pending.clone());
        Ok(IndexView { file, written, pending, last: self.last, patience: Patience::Wait })
    }
}

fn read_entry<E: Entry>(file: &dyn File, index: usize) -> io::Result<E> {
    read_entry_with(file, index, Patience::Wait)
}

fn read_entry_with<E: Entry>(file: &dyn File, index: usize, patience: Patience) -> io::Result<E> {
    let mut buffer = [0; 16];
    let bytes = &mut buffer[..E::BYTES];
    patience.read_exact_at(file, bytes, (index * E::BYTES) as u64)?;
    Ok(E::decode(bytes))
}

/// See [`Index::view`].
#[derive(Debug)]
pub(crate) struct IndexView<E> {
    file: Option<Arc<dyn File>>,
    written: usize,
    pending: Vec<E>,
    last: Option<E>,
    pub(crate) patience: Patience,
}

impl<E: Entry> IndexView<E> {
    pub(crate) fn len(&self) -> usize {
        self.written + self.pending.len()
    }

    pub(crate) fn get(&self, index: usize) -> io::Result<E> {
        if index >= self.written {
            return self
                .pending
                .get(index - self.written)
                .copied()
                .ok_or(io::ErrorKind::UnexpectedEof.into());
        }
        match &self.file {
            Some(file) => read_entry_with(&**file, index, self.patience),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// How many entries from the start `is_before` holds for; it must hold for none after the first it fails for.
    pub(crate) fn partition_point(&self, is_before: impl Fn(&E) -> bool) -> io::Result<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            if high - low <= ENTRIES_PER_READ && high <= self.written {
                let entries = self.range(low, high)?;
                return Ok(low + entries.partition_point(is_before));
            }
            let middle = low + (high - low) / 2;
            if is_before(&self.get(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Entries that are in the file.
    fn range(&self, from: usize, to: usize) -> io::Result<Vec<E>> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut bytes = vec![0; (to - from) * E::BYTES];
        self.patience.read_exact_at(&**file, &mut bytes, (from * E::BYTES) as u64)?;
        Ok(bytes.chunks_exact(E::BYTES).map(E::decode).collect())
    }

    /// The last entry that `is_before` holds for.
    pub(crate) fn last_where(&self, is_before: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        match self.partition_point(is_before)? {
            0 => Ok(None),
            count => self.get(count - 1).map(Some),
        }
    }
}

impl IndexView<OffsetEntry> {
    /// The last entry at or before an offset. Looks first where it would be if all batches were alike, which takes one
    /// read where a search takes ten.
    pub(crate) fn at_or_before(&self, relative_offset: i64) -> io::Result<Option<OffsetEntry>> {
        let is_before = |entry: &OffsetEntry| i64::from(entry.relative_offset) <= relative_offset;
        if let Some(last) = self.last.filter(|_| self.written > 0) {
            let share = relative_offset.max(0) as f64 / f64::from(last.relative_offset.max(1));
            let guess = (share * self.len() as f64) as usize;
            let from = guess.saturating_sub(ENTRIES_PER_READ / 2).min(self.written);
            let to = (from + ENTRIES_PER_READ).min(self.written);
            let entries = self.range(from, to)?;
            match entries.partition_point(is_before) {
                0 if from == 0 => return Ok(None),
                count if count > 0 && count < entries.len() => return Ok(Some(entries[count - 1])),
                _ => {}
            }
        }
        self.last_where(is_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn entries_are_kafkas_and_lookups_agree_with_a_linear_scan() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.index");
        let mut index = Index::<OffsetEntry>::empty(FileSlot::new(path.clone()));
        let entries: Vec<_> = (0..150)
            .map(|i| OffsetEntry { relative_offset: i * 3 + 2, position: i as u32 * 5_000 })
            .collect();
        for entry in &entries {
            index.push(&RealDisk, *entry).unwrap();
        }
        assert_eq!((index.len(), index.last()), (150, entries.last().copied()));
        let view = index.view(&RealDisk).unwrap();
        for target in -1..460 {
            let expected = entries.iter().rev().find(|entry| entry.relative_offset <= target).copied();
            assert_eq!(
                view.last_where(|entry| entry.relative_offset <= target).unwrap(),
                expected,
                "{target}"
            );
            assert_eq!(view.at_or_before(target.into()).unwrap(), expected, "{target}");
        }
        index.write_pending(&RealDisk).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 150 * 8);
        assert_eq!(bytes[8..16], [0, 0, 0, 5, 0, 0, 0x13, 0x88]);
        let mut again = Index::<OffsetEntry>::load(&RealDisk, FileSlot::new(path)).unwrap();
        assert_eq!((again.len(), again.last()), (150, entries.last().copied()));
        again.truncate(&RealDisk, 2).unwrap();
        assert_eq!((again.len(), again.last()), (2, Some(entries[1])));
    }

    #[test]
    fn a_lookup_by_guess_agrees_with_the_search_however_uneven_the_batches() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = Index::<OffsetEntry>::empty(FileSlot::new(dir.path().join("0.index")));
        let mut offset = 0;
        for i in 0..3_000_i32 {
            offset += if i % 1_000 < 900 { 1 } else { 500 + i };
            index.push(&RealDisk, OffsetEntry { relative_offset: offset, position: i as u32 }).unwrap();
        }
        let view = index.view(&RealDisk).unwrap();
        for target in (-1..offset + 10).step_by(37) {
            let searched = view.last_where(|entry| entry.relative_offset <= target).unwrap();
            assert_eq!(view.at_or_before(target.into()).unwrap(), searched, "{target}");
        }
    }

    #[test]
    fn time_entries_are_twelve_bytes() {
        let entry = TimeEntry { timestamp_ms: 0x0102_0304_8506_0708, relative_offset: 9 };
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        assert_eq!(bytes, [1, 2, 3, 4, 0x85, 6, 7, 8, 0, 0, 0, 9]);
        assert_eq!(TimeEntry::decode(&bytes), entry);
    }
}
