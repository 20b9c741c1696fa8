//! openraft's log storage over the journal: entries since the last snapshot are also in memory, so that reading is
//! never a disk read and a restart reads the files once.
//!
//! Memory is bounded by the snapshot policy: entries are purged once a snapshot stands for them.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::sync::Arc;

use headrace_disk::Disk;
use openraft::entry::RaftEntry as _;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use parking_lot::Mutex;

use crate::blocking::Blocking;
use crate::types::{Entry, LogId, TypeConfig, Vote, payload_bytes};
use crate::wal::{self, HardState, Op, WalError, WalWriter};

/// Entries in one message to a follower have at most so many bytes, unless a single one has more.
const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Default)]
struct Cache {
    state: HardState,
    entries: VecDeque<Entry>,
}

/// The log and vote of one voter.
#[derive(Clone)]
pub(crate) struct LogStore {
    cache: Arc<Mutex<Cache>>,
    writer: WalWriter,
}

impl LogStore {
    /// Opens the journal in `dir`, which must exist. Blocks on disk reads.
    pub(crate) fn open(disk: Arc<dyn Disk>, blocking: &Blocking, dir: &Path) -> Result<Self, WalError> {
        let mut recovered = wal::open(&*disk, dir)?;
        let writer = WalWriter::spawn(disk, blocking, dir.to_path_buf(), &mut recovered)?;
        let cache = Cache { state: recovered.state, entries: recovered.entries };
        Ok(Self { cache: Arc::new(Mutex::new(cache)), writer })
    }

    /// Makes everything durable and closes the files. Later writes fail.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
    }
}

impl Cache {
    /// Where in `entries` the entry with `index` is, if it is or is yet to come.
    fn position(&self, index: u64) -> usize {
        let first = self.entries.front().map_or(0, Entry::index);
        usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX).min(self.entries.len())
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let start = match range.start_bound() {
            Bound::Included(&index) => index,
            Bound::Excluded(&index) => index.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&index) => index.saturating_add(1),
            Bound::Excluded(&index) => index,
            Bound::Unbounded => u64::MAX,
        };
        let cache = self.cache.lock();
        let (from, to) = (cache.position(start), cache.position(end));
        Ok(cache.entries.range(from..to.max(from)).cloned().collect())
    }

    /// What goes to a follower in one message: bounded by bytes, at least one entry.
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let cache = self.cache.lock();
        let (from, to) = (cache.position(start), cache.position(end));
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += payload_bytes(entry);
            bytes <= MESSAGE_BYTES_MAX
        };
        let count = cache.entries.range(from..to.max(from)).take_while(fits).count();
        Ok(cache.entries.range(from..to.max(from)).take(count.max(1)).cloned().collect())
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.cache.lock().state.vote)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let cache = self.cache.lock();
        let last_purged_log_id = cache.state.purged;
        let last_log_id = cache.entries.back().map(Entry::log_id).or(last_purged_log_id);
        Ok(LogState { last_purged_log_id, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.writer.write(Op::Vote(*vote)).await?;
        self.cache.lock().state.vote = Some(*vote);
        Ok(())
    }

    /// Not synced by itself: an older value is safe, and the next append carries it to disk.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.cache.lock().state.committed = committed;
        self.writer.write_lazily(Op::Committed(committed)).await
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.cache.lock().state.committed)
    }

    async fn append<I>(&mut self, entries: I, done: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        self.cache.lock().entries.extend(entries.iter().cloned());
        self.writer.append(entries, done).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from_index = last.map_or(0, |log_id| log_id.index + 1);
        {
            let mut cache = self.cache.lock();
            let keep = cache.position(from_index);
            cache.entries.truncate(keep);
        }
        self.writer.write(Op::Truncate { from_index }).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        {
            let mut cache = self.cache.lock();
            let gone = cache.position(upto.index.saturating_add(1));
            cache.entries.drain(..gone);
            cache.state.purged = Some(upto);
        }
        self.writer.write(Op::Purge(upto)).await
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use headrace_disk::RealDisk;
    use openraft::EntryPayload;

    use super::*;
    use crate::types::Command;

    #[tokio::test]
    async fn a_message_to_a_follower_is_bounded_by_bytes_and_has_one_entry_at_least() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogStore::open(RealDisk::shared(), &Blocking::Threads, dir.path()).unwrap();
        let term = openraft::Vote::new_committed(1, 1).leader_id;
        let sizes = [3, 4, 2, 20, 1, 1].map(|mib| mib << 20);
        let entry = |(index, bytes): (u64, usize)| {
            let command = Command(Bytes::from(vec![0; bytes]));
            Entry { log_id: LogId::new(term, index), payload: EntryPayload::Normal(command) }
        };
        log.cache.lock().entries.extend((10..).zip(sizes).map(entry));
        let mut lengths = Vec::new();
        let mut next = 10;
        while next < 16 {
            let entries = log.limited_get_log_entries(next, 16).await.unwrap();
            assert_eq!(entries[0].index(), next);
            lengths.push(entries.len());
            next += entries.len() as u64;
        }
        assert_eq!(lengths, [2, 1, 1, 2]);
        assert_eq!(log.limited_get_log_entries(10, 11).await.unwrap().len(), 1);
    }
}
