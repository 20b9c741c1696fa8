//! Moving a partition from one log directory to another while it is in use (KIP-113).
//!
//! A "future" log in the other directory copies what is in the current one, follows it until it is level, and takes its place under its
//! lock: who holds the log notices nothing. The new directory gets its final name before the old one loses it, so that a crash in between
//! leaves two whole logs, of which the next start keeps the one that the cluster knows of. A move that was interrupted goes on after
//! the start.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use headrace_records::Offset;
use parking_lot::{Mutex, MutexGuard};

use crate::{
    config::LogConfig,
    dirs::{Entry, LogDirs},
    disk::Disk,
    error::{AppendError, Doing, LogError},
    log::{Log, LogOptions},
    partition::TopicPartition,
};

pub(crate) const FUTURE_SUFFIX: &str = "-future";
/// The longest name that file systems take, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Hexadecimal digits between the partition's name and the suffix, as Kafka's.
const UNIQUE_DIGITS: usize = 32;

/// Why a partition is not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("{0} is none of this broker's log directories")]
    NoSuchDir(PathBuf),
    #[error("log directory {0} has failed")]
    Failed(PathBuf),
    #[error("there is no partition {0} here")]
    NoSuchPartition(TopicPartition),
    #[error("the topic's name is too long for the name of a directory that is being made")]
    NameTooLong,
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A copy that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FutureInfo {
    pub partition: TopicPartition,
    /// The directory it is to be in.
    pub dir: PathBuf,
    pub size_bytes: u64,
    /// How many offsets it is behind.
    pub lag: Offset,
}

/// What one step of a copy did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    Bytes(usize),
    /// It is level with the current log: see [`LogDirs::finish_move`].
    Level,
    /// There is nothing to copy any more: the move was given up.
    Gone,
}

/// The partition whose future log's directory has this name.
pub(crate) fn parse_future(name: &str) -> Option<TopicPartition> {
    let (partition, unique) = name.strip_suffix(FUTURE_SUFFIX)?.rsplit_once('.')?;
    let is_unique = unique.len() == UNIQUE_DIGITS && unique.bytes().all(|digit| digit.is_ascii_hexdigit());
    TopicPartition::parse_dir_name(partition).filter(|_| is_unique)
}

impl LogDirs {
    /// Begins to move a partition. To the directory where it is: gives up a move that is under way. `unique` is fresh and random.
    pub fn begin_move(
        &self,
        partition: &TopicPartition,
        to: &Path,
        unique: [u8; 16],
        now_ms: i64,
    ) -> Result<(), MoveError> {
        let dir = self.working_dir(to)?;
        let current = self.entry(partition).ok_or_else(|| MoveError::NoSuchPartition(partition.clone()))?;
        let under_way = self.futures.lock().get(partition).map(|future| future.dir);
        if under_way == Some(dir) {
            return Ok(());
        }
        self.give_up_move(partition);
        if current.dir == dir {
            return Ok(());
        }
        let name = format!("{partition}.{:032x}{FUTURE_SUFFIX}", u128::from_be_bytes(unique));
        if name.len() > NAME_BYTES_MAX {
            return Err(MoveError::NameTooLong);
        }
        let (topic_id, config) = {
            let log = current.log.lock();
            (log.topic_id(), Arc::clone(log.config()))
        };
        let options = LogOptions { topic_id, ..self.log_options(dir, &name, partition, config) };
        let log = Arc::new(Mutex::new(Log::open(options, now_ms)?));
        self.futures.lock().insert(partition.clone(), Entry { log, dir });
        Ok(())
    }

    /// A partition that is made here later is to be in this directory.
    pub fn prefer(&self, partition: &TopicPartition, to: &Path) -> Result<(), MoveError> {
        const PREFERRED_MAX: usize = 10_000;
        let dir = self.working_dir(to)?;
        let mut preferred = self.preferred.lock();
        if preferred.len() < PREFERRED_MAX {
            preferred.insert(partition.clone(), dir);
        }
        Ok(())
    }

    fn working_dir(&self, path: &Path) -> Result<usize, MoveError> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let wanted = absolute(path);
        let found = self.dirs.iter().position(|dir| absolute(&dir.path) == wanted);
        let dir = found.ok_or_else(|| MoveError::NoSuchDir(path.to_owned()))?;
        if self.dirs[dir].works() { Ok(dir) } else { Err(MoveError::Failed(path.to_owned())) }
    }

    fn log_options(
        &self,
        dir: usize,
        name: &str,
        partition: &TopicPartition,
        config: Arc<LogConfig>,
    ) -> LogOptions {
        LogOptions {
            disk: self.dirs[dir].disk.clone(),
            dir: self.dirs[dir].path.join(name),
            partition: partition.clone(),
            topic_id: None,
            config,
            tail_budget: self.tail_budget.clone(),
            clean: true,
            recovery_point: 0,
            log_start_offset: 0,
            leader_epoch: None,
        }
    }

    /// The copies that are under way.
    pub fn futures(&self) -> Vec<FutureInfo> {
        let futures: Vec<_> =
            self.futures.lock().iter().map(|(p, entry)| (p.clone(), entry.clone())).collect();
        let info = |(partition, entry): (TopicPartition, Entry)| {
            let (size_bytes, end) = {
                let log = entry.log.lock();
                (log.size_bytes(), log.log_end_offset())
            };
            let current = self.get(&partition).map_or(end, |log| log.lock().log_end_offset());
            let dir = self.dirs[entry.dir].path.clone();
            FutureInfo { partition, dir, size_bytes, lag: (current - end).max(0) }
        };
        futures.into_iter().map(info).collect()
    }

    pub fn is_moving(&self) -> bool {
        !self.futures.lock().is_empty()
    }

    /// Removes the copy of a move that is under way.
    pub fn give_up_move(&self, partition: &TopicPartition) {
        let Some(future) = self.futures.lock().remove(partition) else { return };
        let mut log = future.log.lock();
        log.failed = Some("the move was given up".to_owned());
        if let Err(error) = self.rename_away(log.dir(), log.topic_id(), i64::MIN) {
            // The next start takes the move up again.
            tracing::warn!(%partition, %error, "could not remove the copy of a move that was given up");
        }
    }

    /// Copies on, about so many bytes. Blocks for as long as the disks take.
    pub fn copy_step(
        &self,
        partition: &TopicPartition,
        max_bytes: usize,
        now_ms: i64,
    ) -> Result<Copied, AppendError> {
        let Some((current, future)) = self.both(partition) else { return Ok(Copied::Gone) };
        let mut future = future.log.lock();
        let plan = {
            let current = current.log.lock();
            align(&current, &mut future, now_ms).map_err(|error| AppendError::Offline(error.to_string()))?;
            let (from, end) = (future.log_end_offset(), current.log_end_offset());
            if from >= end {
                return Ok(Copied::Level);
            }
            current.plan_read(from, max_bytes, end, true)
        };
        let read = plan.and_then(|plan| match plan {
            crate::ReadPlan::Hot(result) => Ok(result),
            crate::ReadPlan::Cold(cold) => cold.run(),
        });
        let records = read.map_err(|error| AppendError::Offline(error.to_string()))?.into_bytes();
        if records.is_empty() {
            return Ok(Copied::Level);
        }
        let bytes = future.append_as_follower(&records, now_ms)?.size_bytes;
        if future.needs_flush(now_ms) {
            // A full segment is on disk before the one after the next begins, as in any log: a power cut leaves no hole.
            future.flush(now_ms).map_err(|error| AppendError::Offline(error.to_string()))?;
        }
        Ok(Copied::Bytes(bytes))
    }

    /// Puts the copy in the current log's place if it is level with it. False if it is not (any more).
    pub fn finish_move(&self, partition: &TopicPartition, now_ms: i64) -> Result<bool, LogError> {
        let Some((entry, future_entry)) = self.both(partition) else { return Ok(false) };
        let mut future = future_entry.log.lock();
        // Most of it outside the current log's lock: there it is one small sync.
        future.flush(now_ms)?;
        let mut current = entry.log.lock();
        align(&current, &mut future, now_ms)?;
        let is_sound = current.failed.is_none() && current.doubtful_from.is_none();
        if future.log_end_offset() != current.log_end_offset() || !is_sound {
            return Ok(false);
        }
        let old_dir = current.dir().to_owned();
        self.take_place(partition, &mut current, &mut future, future_entry.dir, now_ms)?;
        let due_ms = now_ms.saturating_add(current.config().file_delete_delay_ms);
        let id = current.topic_id();
        if let Some(entry) = self.partitions.write().get_mut(partition) {
            entry.dir = future_entry.dir;
        }
        self.futures.lock().remove(partition);
        if let Err(error) = self.rename_away(&old_dir, id, due_ms) {
            // The next start finds two, and keeps the one that the cluster knows of.
            tracing::warn!(%partition, %error, "the directory that a partition has left could not be removed");
        }
        Ok(true)
    }

    /// The current log and the future one.
    fn both(&self, partition: &TopicPartition) -> Option<(Entry, Entry)> {
        let future = self.futures.lock().get(partition).cloned()?;
        Some((self.entry(partition)?, future))
    }

    /// Gives the future log the partition's name, and the current one's holders the future log.
    fn take_place(
        &self,
        partition: &TopicPartition,
        current: &mut MutexGuard<'_, Log>,
        future: &mut MutexGuard<'_, Log>,
        dir: usize,
        now_ms: i64,
    ) -> Result<(), LogError> {
        future.close(now_ms)?;
        let from = future.dir().to_owned();
        let options = self.log_options(dir, &partition.to_string(), partition, Arc::clone(current.config()));
        let (disk, to, parent) = (options.disk.clone(), options.dir.clone(), &self.dirs[dir].path);
        disk.rename(&from, &to).doing("renaming", &from)?;
        let opened = disk.sync_dir(parent).doing("syncing", parent).map_err(LogError::from);
        let opened = opened
            .and_then(|()| Log::open(LogOptions { log_start_offset: current.log_start, ..options }, now_ms));
        let mut new = match opened {
            Ok(new) if new.log_end == current.log_end => new,
            other => {
                // The current log is as good as before: two under one name must not be left.
                disk.rename(&to, &from).doing("renaming", &to)?;
                return other
                    .and_then(|_| Err(LogError::Offline("the copy could not be read back".to_owned())));
            }
        };
        // What is remembered beside the records is the same, and warm.
        std::mem::swap(&mut new.epochs, &mut current.epochs);
        new.epochs.note_unwritten();
        std::mem::swap(&mut new.producers, &mut current.producers);
        std::mem::swap(&mut new.tail, &mut current.tail);
        // A flush that began before is of the other directory.
        new.truncations = current.truncations + 1;
        **current = new;
        Ok(())
    }
}

/// Takes back from the copy what the current log has not (any more), at its end and at its start.
fn align(current: &Log, future: &mut Log, now_ms: i64) -> Result<(), LogError> {
    let start = current.log_start_offset();
    if future.log_end_offset() < start || future.log_start_offset() > start {
        // Nothing of what is to be there, or not its beginning any more.
        return future.truncate_fully_and_start_at(start, now_ms);
    }
    while future.log_end_offset() > future.log_start_offset() {
        let end = future.log_end_offset();
        let Some(epoch) = future.epoch_for_offset(end - 1) else { break };
        let known = current.end_offset_for_epoch(epoch);
        let agreed = if known.epoch == epoch {
            known.end_offset.min(end)
        } else {
            // Where the copy's own records of the last epoch that both know end.
            future.end_offset_for_epoch(known.epoch).end_offset.min(known.end_offset).clamp(0, end - 1)
        };
        if agreed >= end {
            break;
        }
        future.truncate_to(agreed, now_ms)?;
    }
    if start > future.log_start_offset() {
        future.delete_records_before(start, future.log_end_offset())?;
    }
    Ok(())
}

/// Opens the copies that a former process has begun; one that cannot be gone on with is removed.
pub(crate) fn resume(dirs: &LogDirs, found: Vec<(usize, PathBuf, TopicPartition)>, now_ms: i64) {
    for (dir, path, partition) in found {
        let Some(current) = dirs.get(&partition) else {
            // The partition may be in a directory that has failed, and come back with it.
            tracing::warn!(path = %path.display(), "a partition was being moved, but is not here: the copy is left alone");
            continue;
        };
        let config = Arc::clone(current.lock().config());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let options = LogOptions { clean: false, ..dirs.log_options(dir, &name, &partition, config) };
        match Log::open(options, now_ms) {
            Ok(log) if !dirs.futures.lock().contains_key(&partition) => {
                tracing::info!(%partition, to = %path.display(), "a move goes on that was interrupted");
                let entry = Entry { log: Arc::new(Mutex::new(log)), dir };
                dirs.futures.lock().insert(partition, entry);
            }
            opened => {
                let reason = opened.err().map(|error| error.to_string()).unwrap_or_default();
                tracing::warn!(path = %path.display(), %reason, "the copy of a move that was interrupted goes");
                if let Err(error) = remove(&*dirs.dirs[dir].disk, &path) {
                    tracing::warn!(path = %path.display(), %error, "it could not be removed");
                }
            }
        }
    }
}

fn remove(disk: &dyn Disk, path: &Path) -> std::io::Result<()> {
    disk.remove_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_copies_are_kafkas() {
        let name = format!("my.topic-3.{}-future", "0a".repeat(16));
        assert_eq!(parse_future(&name), Some(TopicPartition::new("my.topic", 3)));
        for other in ["my.topic-3", "my.topic-3.abc-future", "x-future", "my.topic-3.0a-delete"] {
            assert_eq!(parse_future(other), None, "{other}");
        }
        assert_eq!(TopicPartition::parse_dir_name(&name), None);
    }
}
