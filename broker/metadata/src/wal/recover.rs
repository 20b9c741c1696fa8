//! Opens the journal: reads every segment, cuts a torn tail, refuses damage.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headrace_disk::{Disk, File, read_exact_at};
use openraft::entry::RaftEntry as _;

use super::frame::{self, FrameError};
use super::{FORMAT_VERSION, HardState, Op};
use crate::types::Entry;

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the metadata journal {} is damaged at byte {at}: {why}. What it held was promised to others, so it is not cut \
         off. Restore the file from a backup, or remove this node's metadata directory and let it join again as a new \
         voter (never do that on the only voter: all topics would be gone)",
        path.display()
    )]
    Damaged { path: PathBuf, at: u64, why: String },
    #[error("the metadata journal {} has format {found}, this version reads up to {FORMAT_VERSION}: upgrade this broker", path.display())]
    TooNew { path: PathBuf, found: u8 },
    #[error(
        "the metadata journal lacks entries: the first is {first}, but only those up to {purged:?} are in the snapshot"
    )]
    Hole { first: u64, purged: Option<u64> },
}

/// A closed or open segment and the greatest index that was ever appended in it.
#[derive(Debug, Clone)]
pub(super) struct SegmentInfo {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) max_index: Option<u64>,
}

/// The state of the journal after recovery.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) state: HardState,
    /// Contiguous, the first follows `state.purged`.
    pub(crate) entries: VecDeque<Entry>,
    pub(super) closed: Vec<SegmentInfo>,
    /// The segment to go on writing, and where it ends.
    pub(super) active: Option<(SegmentInfo, Arc<dyn File>, u64)>,
}

pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.journal"))
}

pub(super) fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> WalError + 'a {
    move |source| WalError::Io { action, path: path.to_path_buf(), source }
}

fn segment_numbers(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, WalError> {
    let mut numbers = Vec::new();
    for name in disk.list(dir).map_err(io_error("list", dir))? {
        let Some(name) = name.strip_suffix(".journal") else { continue };
        if let Ok(number) = name.parse() {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads all segments in `dir` (which must exist) and leaves the last one ready to be appended to.
pub(crate) fn open(disk: &dyn Disk, dir: &Path) -> Result<Recovered, WalError> {
    let numbers = segment_numbers(disk, dir)?;
    let mut recovered =
        Recovered { state: HardState::default(), entries: VecDeque::new(), closed: Vec::new(), active: None };
    for (position, &number) in numbers.iter().enumerate() {
        let is_last = position + 1 == numbers.len();
        recovered.read_segment(disk, dir, number, is_last)?;
    }
    disk.sync_dir(dir).map_err(io_error("sync", dir))?;
    recovered.drop_purged()?;
    Ok(recovered)
}

impl Recovered {
    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        number: u64,
        is_last: bool,
    ) -> Result<(), WalError> {
        let path = segment_path(dir, number);
        let file = disk.open(&path).map_err(io_error("open", &path))?;
        let len = file.len().map_err(io_error("read", &path))?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        read_exact_at(&*file, &mut bytes, 0).map_err(io_error("read", &path))?;
        let mut info = SegmentInfo { number, path, max_index: None };
        let mut at = 0;
        while at < bytes.len() {
            match frame::decode(&bytes[at..]) {
                Ok(batch) => {
                    if at == 0 && !matches!(batch.ops.first(), Some(Op::Head { .. })) {
                        let why = "it does not begin with a head".to_owned();
                        return Err(WalError::Damaged { path: info.path, at: 0, why });
                    }
                    for op in batch.ops {
                        self.replay(op, at, &mut info)?;
                    }
                    at += batch.len;
                }
                Err(why)
                    if is_last
                        && why != FrameError::Undecodable
                        && !frame::later_batch_vouches_for(&bytes, at) =>
                {
                    break;
                }
                Err(why) => {
                    return Err(WalError::Damaged { path: info.path, at: at as u64, why: why.to_string() });
                }
            }
        }
        if at == 0 && self.closed.is_empty() && number > 0 {
            // The segments before it are deleted only once its head is on disk.
            let why = "its head is not readable, and the segments before it are gone".to_owned();
            return Err(WalError::Damaged { path: info.path, at: 0, why });
        }
        if at < bytes.len() {
            tracing::warn!(
                path = %info.path.display(), kept_bytes = at, cut_bytes = bytes.len() - at,
                "cut the torn tail of the metadata journal: it was never acknowledged"
            );
            file.set_len(at as u64).map_err(io_error("truncate", &info.path))?;
        }
        if is_last && at > 0 {
            // A process that died wrote some of it and may not have synced it; this one answers for all of it.
            file.sync_data().map_err(io_error("sync", &info.path))?;
        }
        if !is_last {
            self.closed.push(info);
        } else if at == 0 {
            // Died while it was being made: nothing was in it.
            disk.remove_file(&info.path).map_err(io_error("remove", &info.path))?;
        } else {
            self.active = Some((info, file, at as u64));
        }
        Ok(())
    }

    fn replay(&mut self, op: Op, at: usize, info: &mut SegmentInfo) -> Result<(), WalError> {
        let damaged = |why: String| Err(WalError::Damaged { path: info.path.clone(), at: at as u64, why });
        match op {
            Op::Head { format, segment, state } => {
                if format > FORMAT_VERSION {
                    return Err(WalError::TooNew { path: info.path.clone(), found: format });
                }
                if segment != info.number || at != 0 {
                    return damaged(format!("it says that it is segment {segment}"));
                }
                self.state = state;
            }
            Op::Append(entry) => {
                let index = entry.index();
                if let Some(last) = self.entries.back()
                    && index != last.index() + 1
                {
                    return damaged(format!("entry {index} follows entry {}", last.index()));
                }
                info.max_index = info.max_index.max(Some(index));
                self.entries.push_back(entry);
            }
            Op::Vote(vote) => self.state.vote = Some(vote),
            Op::Committed(committed) => self.state.committed = committed,
            Op::Truncate { from_index } => {
                while self.entries.back().is_some_and(|last| last.index() >= from_index) {
                    self.entries.pop_back();
                }
            }
            Op::Purge(log_id) => {
                self.state.purged = Some(log_id);
                while self.entries.front().is_some_and(|first| first.index() <= log_id.index) {
                    self.entries.pop_front();
                }
            }
        }
        Ok(())
    }

    /// Entries that a snapshot stands for may still be in segments that could not be deleted yet.
    fn drop_purged(&mut self) -> Result<(), WalError> {
        let purged = self.state.purged.map(|log_id| log_id.index);
        while self.entries.front().is_some_and(|first| Some(first.index()) <= purged) {
            self.entries.pop_front();
        }
        let expected = purged.map_or(0, |index| index + 1);
        match self.entries.front() {
            Some(first) if first.index() != expected => Err(WalError::Hole { first: first.index(), purged }),
            _ => Ok(()),
        }
    }
}
