//! All partitions of a broker, in its log directories: found by name, checkpointed,
//! closed together with the marker that tells the next start that nothing has to be recovered.
//!
//! A directory whose disk fails is not used again before the next start; the others go on.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use headrace_records::Offset;
use parking_lot::{Mutex, RwLock};

use crate::{
    checkpoint::{self, Offsets},
    config::LogConfig,
    disk::{Disk, File},
    error::{DiskError, Doing, LogError},
    health::{Alarm, Bell, Health},
    log::{Log, LogOptions},
    moves,
    partition::{TopicId, TopicPartition},
    segment::Segment,
    start::{About, Found},
    tail::TailBudget,
};

pub(crate) const DELETE_SUFFIX: &str = "-delete";

/// Which directories, and whose.
#[derive(Clone, Debug)]
pub struct DirsOptions {
    pub dirs: Vec<PathBuf>,
    pub cluster_id: String,
    pub node_id: i32,
    /// How many threads open (and recover) partitions.
    pub threads: usize,
    /// The memory that the hot tails of all partitions share, in bytes.
    pub tail_budget_bytes: usize,
}

/// One log directory that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirInfo {
    pub path: PathBuf,
    pub directory_id: TopicId,
    pub partitions: usize,
}

/// One log directory that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDir {
    pub path: PathBuf,
    /// `None` if it could not be read even at the start.
    pub directory_id: Option<TopicId>,
    pub reason: String,
}

/// What is known elsewhere of where a partition is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Home {
    pub directory_id: Option<TopicId>,
    /// It has never been on this node.
    pub is_new: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum DirsError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{} belongs to node {found_node} of cluster {found_cluster}, not to node {node} of cluster {cluster}: set log.dirs to this node's own directories", path.display())]
    Foreign { path: PathBuf, found_node: i32, found_cluster: String, node: i32, cluster: String },
    #[error("{} is in use by another broker: stop that one, or set another log.dirs", path.display())]
    Locked { path: PathBuf },
    #[error("no log directory can be used: {0:?}")]
    NoDir(Vec<(PathBuf, String)>),
    #[error("{partition} is there with topic id {found}, not {wanted}: delete the stray one first")]
    OtherTopic { partition: TopicPartition, found: TopicId, wanted: TopicId },
    #[error("{0} is in a log directory that has failed, or cannot be opened: see to the disk and restart")]
    Offline(TopicPartition),
}

#[derive(Debug)]
pub(crate) struct Dir {
    pub(crate) path: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) health: Arc<Health>,
    /// Unknown if it failed at the start.
    pub(crate) directory_id: Option<TopicId>,
    pub(crate) _lock: Option<Arc<dyn File>>,
}

impl Dir {
    pub(crate) fn works(&self) -> bool {
        self.health.failure().is_none()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) log: Arc<Mutex<Log>>,
    pub(crate) dir: usize,
}

/// See the module.
#[derive(Debug)]
pub struct LogDirs {
    pub(crate) dirs: Vec<Dir>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) partitions: RwLock<HashMap<TopicPartition, Entry>>,
    /// Copies on their way to another directory: see [`crate::moves`].
    pub(crate) futures: Mutex<HashMap<TopicPartition, Entry>>,
    /// Where partitions are to be that are not here yet.
    pub(crate) preferred: Mutex<HashMap<TopicPartition, usize>>,
    /// Those that are there and could not be opened: another in their place would look as if they were empty.
    pub(crate) unopened: Mutex<HashMap<TopicPartition, Found>>,
    /// Renamed directories, by when they may be removed.
    pub(crate) removed: Mutex<Vec<Removed>>,
    pub(crate) tail_budget: Arc<TailBudget>,
    pub(crate) threads: usize,
}

/// A renamed directory that waits for its removal.
#[derive(Debug)]
pub(crate) struct Removed {
    due_ms: i64,
    dir: usize,
    path: PathBuf,
}

impl LogDirs {
    /// Who is called when a directory has failed; at once if one has.
    pub fn on_failure(&self, alarm: Alarm) {
        if !self.dirs.iter().all(Dir::works) {
            alarm();
        }
        if !self.bell.set(alarm) {
            tracing::error!("two want to hear of failed log directories; the first does");
        }
    }

    /// Lets go of the partitions in directories that have failed, and says which they are.
    pub fn take_offline(&self) -> Vec<TopicPartition> {
        let is_lost = |_: &TopicPartition, entry: &mut Entry| !self.dirs[entry.dir].works();
        let lost: Vec<_> =
            self.partitions.write().extract_if(is_lost).map(|(partition, _)| partition).collect();
        // A copy to a broken disk is of no use, and one from there can go on when that is back.
        self.futures
            .lock()
            .retain(|partition, entry| self.dirs[entry.dir].works() && !lost.contains(partition));
        lost
    }

    pub fn get(&self, partition: &TopicPartition) -> Option<Arc<Mutex<Log>>> {
        self.entry(partition).map(|entry| entry.log)
    }

    pub(crate) fn entry(&self, partition: &TopicPartition) -> Option<Entry> {
        self.partitions.read().get(partition).cloned()
    }

    /// Every partition that is there, also those that the cluster may not know any more.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.partitions.read().keys().cloned().collect()
    }

    /// Those that lie in a directory that works, and could not be opened.
    pub fn unopened(&self) -> Vec<TopicPartition> {
        let unopened = self.unopened.lock();
        unopened.values().filter(|at| self.dirs[at.dir].works()).map(|at| at.partition.clone()).collect()
    }

    /// The directories that work.
    pub fn dirs(&self) -> Vec<DirInfo> {
        let counts = self.partitions_per_dir();
        let info = |(dir, partitions): (&Dir, usize)| {
            let directory_id = dir.directory_id.filter(|_| dir.works())?;
            Some(DirInfo { path: dir.path.clone(), directory_id, partitions })
        };
        self.dirs.iter().zip(counts).filter_map(info).collect()
    }

    /// The directories that do not, since the start or since then.
    pub fn failed_dirs(&self) -> Vec<FailedDir> {
        let info = |dir: &Dir| {
            let reason = dir.health.failure()?.to_owned();
            Some(FailedDir { path: dir.path.clone(), directory_id: dir.directory_id, reason })
        };
        self.dirs.iter().filter_map(info).collect()
    }

    /// The directory that a partition lies in.
    pub fn dir_of(&self, partition: &TopicPartition) -> Option<PathBuf> {
        self.partitions.read().get(partition).map(|entry| self.dirs[entry.dir].path.clone())
    }

    /// The directory that a partition lies in, be it opened or not.
    pub fn directory_id_of(&self, partition: &TopicPartition) -> Option<TopicId> {
        let opened = self.partitions.read().get(partition).map(|entry| entry.dir);
        let dir = opened.or_else(|| self.unopened.lock().get(partition).map(|found| found.dir))?;
        self.dirs[dir].directory_id
    }

    /// The memory that all hot tails use, in bytes.
    pub fn tail_used_bytes(&self) -> usize {
        self.tail_budget.used_bytes()
    }

    fn partitions_per_dir(&self) -> Vec<usize> {
        let mut counts = vec![0; self.dirs.len()];
        for entry in self.partitions.read().values() {
            counts[entry.dir] += 1;
        }
        counts
    }

    /// Where to make a partition: where it is said to be, or in the directory that has the fewest. Not at all if it may be in one that
    /// has failed: it is no empty partition then.
    fn place(&self, partition: &TopicPartition, home: Home) -> Result<usize, DirsError> {
        let works = |index: &usize| self.dirs[*index].works();
        let preferred = self.preferred.lock().remove(partition).filter(|_| home.is_new);
        let known =
            home.directory_id.and_then(|id| self.dirs.iter().position(|dir| dir.directory_id == Some(id)));
        if let Some(index) = preferred.or(known).filter(works) {
            return Ok(index);
        }
        let may_be_lost =
            !(0..self.dirs.len()).all(|index| works(&index)) && (home.directory_id.is_some() || !home.is_new);
        let counts = self.partitions_per_dir();
        (0..counts.len())
            .filter(works)
            .min_by_key(|index| counts[*index])
            .filter(|_| !may_be_lost)
            .ok_or_else(|| DirsError::Offline(partition.clone()))
    }

    /// Makes a partition: see [`Self::place`]. One that is there already is given back if it is of the same topic.
    pub fn create(
        &self,
        partition: TopicPartition,
        topic_id: TopicId,
        home: Home,
        config: LogConfig,
        now_ms: i64,
    ) -> Result<Arc<Mutex<Log>>, DirsError> {
        if let Some(log) = self.get(&partition) {
            let found = log.lock().topic_id();
            return match found {
                Some(found) if found != topic_id => {
                    Err(DirsError::OtherTopic { partition, found, wanted: topic_id })
                }
                Some(_) => Ok(log),
                None => {
                    log.lock().set_topic_id(topic_id)?;
                    Ok(log)
                }
            };
        }
        let unopened = self.unopened.lock().get(&partition).cloned();
        if let Some(found) = unopened {
            return self.open_again(&found, topic_id, config, now_ms);
        }
        let dir = self.place(&partition, home)?;
        let options = LogOptions {
            disk: self.dirs[dir].disk.clone(),
            dir: self.dirs[dir].path.join(partition.to_string()),
            partition: partition.clone(),
            topic_id: Some(topic_id),
            config: Arc::new(config),
            tail_budget: self.tail_budget.clone(),
            clean: true,
            recovery_point: 0,
            log_start_offset: 0,
            leader_epoch: None,
        };
        let mut partitions = self.partitions.write();
        if let Some(entry) = partitions.get(&partition) {
            return Ok(entry.log.clone());
        }
        let mut log = Log::open(options.clone(), now_ms)?;
        if log.topic_id().is_some_and(|found| found != topic_id) {
            // What is left of a topic that had this name before.
            self.rename_away(&options.dir, log.topic_id(), now_ms)?;
            log = Log::open(options, now_ms)?;
        }
        let log = Arc::new(Mutex::new(log));
        partitions.insert(partition, Entry { log: log.clone(), dir });
        Ok(log)
    }

    /// Opens a partition that lies in a directory and could not be opened before: it is never made anew.
    fn open_again(
        &self,
        found: &Found,
        topic_id: TopicId,
        config: LogConfig,
        now_ms: i64,
    ) -> Result<Arc<Mutex<Log>>, DirsError> {
        let partition = found.partition.clone();
        if !self.dirs[found.dir].works() {
            return Err(DirsError::Offline(partition));
        }
        let mut log = self.open_found(found, About { config, ..About::default() }, now_ms)?;
        match log.topic_id() {
            Some(other) if other != topic_id => {
                // Of a topic that had this name before. The next attempt finds the place free.
                self.rename_away(&found.path, Some(other), now_ms)?;
                self.unopened.lock().remove(&partition);
                return Err(DirsError::OtherTopic { partition, found: other, wanted: topic_id });
            }
            Some(_) => {}
            None => log.set_topic_id(topic_id)?,
        }
        let log = Arc::new(Mutex::new(log));
        self.partitions.write().insert(partition.clone(), Entry { log: log.clone(), dir: found.dir });
        self.unopened.lock().remove(&partition);
        Ok(log)
    }

    /// Takes a partition away: its directory is renamed now and removed by [`LogDirs::purge`] after its `file.delete.delay.ms`, or at the
    /// next purge if it could not be opened. False if there is none.
    pub fn delete(&self, partition: &TopicPartition, now_ms: i64) -> Result<bool, DirsError> {
        let Some(entry) = self.partitions.write().remove(partition) else {
            return self.delete_unopened(partition, now_ms);
        };
        self.give_up_move(partition);
        let mut log = entry.log.lock();
        log.failed = Some("the partition was deleted".to_owned());
        // A session or cache may hold on to the log, and with an open file to its room on the disk.
        log.segments.iter().for_each(Segment::close_files);
        let due_ms = now_ms.saturating_add(log.config().file_delete_delay_ms);
        self.rename_away(log.dir(), log.topic_id(), due_ms)?;
        Ok(true)
    }

    fn delete_unopened(&self, partition: &TopicPartition, now_ms: i64) -> Result<bool, DirsError> {
        let mut unopened = self.unopened.lock();
        let Some(found) = unopened.get(partition) else { return Ok(false) };
        // At once: nobody has a file of it open, and a full disk waits for the room.
        self.rename_away(&found.path, None, now_ms)?;
        unopened.remove(partition);
        Ok(true)
    }

    /// Gives a partition's directory a name under which no start finds it; [`LogDirs::purge`] removes it.
    pub(crate) fn rename_away(&self, from: &Path, id: Option<TopicId>, due_ms: i64) -> Result<(), DiskError> {
        let Some(dir) = self.dirs.iter().position(|dir| from.parent() == Some(&*dir.path)) else {
            return Ok(());
        };
        let Dir { disk, path: parent, .. } = &self.dirs[dir];
        let path = delete_name(&**disk, from, id);
        disk.rename(from, &path).doing("renaming", from)?;
        disk.sync_dir(parent).doing("syncing", parent)?;
        self.removed.lock().push(Removed { due_ms, dir, path });
        Ok(())
    }

    /// Removes directories of deleted partitions whose delay is over.
    pub fn purge(&self, now_ms: i64) {
        let mut removed = self.removed.lock();
        removed.retain(|Removed { due_ms, dir, path }| {
            if *due_ms > now_ms {
                return true;
            }
            if let Err(error) = self.dirs[*dir].disk.remove_dir_all(path) {
                // The next start removes it.
                tracing::warn!(path = %path.display(), %error, "could not remove a deleted partition");
            }
            false
        });
    }

    /// Writes what a start after a crash needs: recovery points, log starts and high watermarks. Every few
    /// seconds is good.
    pub fn write_checkpoints(
        &self,
        high_watermarks: &HashMap<TopicPartition, Offset>,
    ) -> Result<(), DirsError> {
        let entries: Vec<(TopicPartition, Entry)> = self
            .partitions
            .read()
            .iter()
            .map(|(partition, entry)| (partition.clone(), entry.clone()))
            .collect();
        let mut by_dir = vec![(Offsets::new(), Offsets::new(), Offsets::new()); self.dirs.len()];
        for (partition, entry) in entries {
            let (recovery, starts, watermarks) = &mut by_dir[entry.dir];
            {
                let mut log = entry.log.lock();
                recovery.insert(partition.clone(), log.flushed_offset());
                log.recovery_point = log.recovery_point.max(log.flushed_offset());
                if log.log_start_offset() > 0 {
                    starts.insert(partition.clone(), log.log_start_offset());
                }
            }
            if let Some(high_watermark) = high_watermarks.get(&partition) {
                watermarks.insert(partition, *high_watermark);
            }
        }
        // Of what has yet to be opened it stays as it was: without it, deleted records would be there again.
        for found in self.unopened.lock().values() {
            let (recovery, starts, _) = &mut by_dir[found.dir];
            recovery.insert(found.partition.clone(), found.recovery_point);
            if found.log_start > 0 {
                starts.insert(found.partition.clone(), found.log_start);
            }
        }
        let mut outcome = Ok(());
        for (dir, (recovery, starts, watermarks)) in
            self.dirs.iter().zip(by_dir).filter(|(dir, _)| dir.works())
        {
            let write = |name, offsets| checkpoint::write_offsets(&*dir.disk, &dir.path.join(name), offsets);
            let written = write(checkpoint::RECOVERY_POINTS, &recovery)
                .and_then(|()| write(checkpoint::LOG_STARTS, &starts))
                .and_then(|()| write(checkpoint::HIGH_WATERMARKS, &watermarks));
            if written.is_ok() {
                let now_said =
                    recovery.iter().filter_map(|(partition, said)| Some((self.get(partition)?, *said)));
                now_said.for_each(|(log, said)| log.lock().recovery_point = said);
            }
            // One directory's trouble is not the others'.
            outcome = outcome.and(written);
        }
        outcome.map_err(DirsError::from)
    }

    /// The cluster has been told that records were lost: the next start may count as one that has everything.
    pub fn forget_lost_records(&self) {
        for dir in self.dirs.iter().filter(|dir| dir.works()) {
            if let Err(error) = checkpoint::forget_lost_records(&*dir.disk, &dir.path) {
                tracing::warn!(%error, "the next start will count as unclean");
            }
        }
    }

    /// Closes every partition, writes the checkpoints and marks the directories whose partitions all closed as
    /// cleanly shut down. No append may come after.
    pub fn shutdown(
        &self,
        high_watermarks: &HashMap<TopicPartition, Offset>,
        now_ms: i64,
    ) -> Result<(), DirsError> {
        let entries: Vec<Entry> = self.partitions.read().values().cloned().collect();
        let results = in_parallel(&entries, self.threads, &|entry: &Entry| entry.log.lock().close(now_ms));
        let futures: Vec<_> = self.futures.lock().clone().into_iter().collect();
        for (partition, future) in futures {
            if let Err(error) = future.log.lock().close(now_ms) {
                tracing::warn!(%partition, %error, "the copy of a move could not be closed: the next start looks what is in it");
            }
        }
        self.write_checkpoints(high_watermarks)?;
        let mut first_error = None;
        let mut unclean = BTreeSet::new();
        for (entry, result) in entries.iter().zip(results) {
            if let Err(error) = result {
                unclean.insert(entry.dir);
                first_error.get_or_insert(error);
            }
        }
        // What could not be opened has yet to be recovered.
        unclean.extend(self.unopened.lock().values().filter(|found| !found.clean).map(|found| found.dir));
        for (index, dir) in self.dirs.iter().enumerate() {
            if dir.works() && !unclean.contains(&index) {
                checkpoint::write_clean_shutdown(&*dir.disk, &dir.path)?;
            }
        }
        first_error.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Runs `work` over all items on a few threads; the results are in the items' order.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: &(dyn Fn(&T) -> R + Sync),
) -> Vec<R> {
    if threads <= 1 || items.len() <= 1 {
        return items.iter().map(work).collect();
    }
    let chunk = items.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> = items
            .chunks(chunk)
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>()))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// A name that no partition has: `orders-0.<32 hex digits>-delete`, as Kafka's. Nobody reads it back, so a long one is cut.
fn delete_name(disk: &dyn Disk, dir: &Path, topic_id: Option<TopicId>) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let mut unique = u128::from_be_bytes(topic_id.unwrap_or_default().0);
    loop {
        let suffix = format!(".{unique:032x}{DELETE_SUFFIX}");
        let kept: String = name.chars().take(moves::NAME_BYTES_MAX - suffix.len()).collect();
        let path = dir.with_file_name(kept + &suffix);
        if !disk.exists(&path) {
            return path;
        }
        unique = unique.wrapping_add(1);
    }
}
