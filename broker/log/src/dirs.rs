//! All partitions of a broker, in its log directories: opened together at start, found by name, checkpointed,
//! closed together with the marker that tells the next start that nothing has to be recovered.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use headrace_records::Offset;
use parking_lot::{Mutex, RwLock};

use crate::{
    checkpoint::{self, MetaProperties, Offsets},
    config::LogConfig,
    disk::{Disk, File},
    error::{DiskError, Doing, LogError},
    log::{Log, LogOptions},
    partition::{TopicId, TopicPartition},
    segment::Segment,
    tail::TailBudget,
};

const LOCK_FILE: &str = ".lock";
const DELETE_SUFFIX: &str = "-delete";
/// How many threads open or close partitions at most.
const THREADS_MAX: usize = 64;

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

/// What opening found.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// Every directory had been shut down cleanly.
    pub clean: bool,
    /// How many partitions were opened.
    pub partitions: usize,
    /// How many of them had to be recovered.
    pub recovered: usize,
    /// The high watermarks of the last checkpoint.
    pub high_watermarks: HashMap<TopicPartition, Offset>,
    /// Directories and partitions that could not be opened, with the reason.
    pub failed: Vec<(PathBuf, String)>,
}

/// One log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirInfo {
    pub path: PathBuf,
    pub directory_id: TopicId,
    pub partitions: usize,
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
}

#[derive(Debug)]
struct Dir {
    path: PathBuf,
    directory_id: TopicId,
    _lock: Arc<dyn File>,
}

#[derive(Clone, Debug)]
struct Entry {
    log: Arc<Mutex<Log>>,
    dir: usize,
}

/// See the module.
#[derive(Debug)]
pub struct LogDirs {
    disk: Arc<dyn Disk>,
    dirs: Vec<Dir>,
    partitions: RwLock<HashMap<TopicPartition, Entry>>,
    /// Renamed directories, by when they may be removed.
    removed: Mutex<Vec<(i64, PathBuf)>>,
    tail_budget: Arc<TailBudget>,
    threads: usize,
}

/// A partition to open, with all that its directory's checkpoints say of it.
struct Found {
    dir: usize,
    path: PathBuf,
    partition: TopicPartition,
    clean: bool,
    recovery_point: Offset,
    log_start: Offset,
}

impl LogDirs {
    /// Opens every partition that is there. A directory or partition that cannot be opened is reported and left
    /// out; it is an error only if no directory is left.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: DirsOptions,
        config_for: &(dyn Fn(&TopicPartition) -> LogConfig + Sync),
        new_uuid: &mut dyn FnMut() -> [u8; 16],
        now_ms: i64,
    ) -> Result<(Self, OpenReport), DirsError> {
        let DirsOptions { dirs: paths, cluster_id, node_id, threads, tail_budget_bytes } = options;
        let mut report = OpenReport { clean: true, ..OpenReport::default() };
        let (mut dirs, mut found) = (Vec::new(), Vec::new());
        for path in paths {
            match open_dir(&*disk, &path, &cluster_id, node_id, new_uuid) {
                Ok(dir) => match find_partitions(&*disk, &path, dirs.len(), &mut report) {
                    Ok(partitions) => {
                        found.extend(partitions);
                        dirs.push(dir);
                    }
                    Err(error) => report.failed.push((path, error.to_string())),
                },
                // Another broker's directory is a mistake to be told at once, not a broken disk.
                Err(error @ (DirsError::Foreign { .. } | DirsError::Locked { .. })) => return Err(error),
                Err(error) => report.failed.push((path, error.to_string())),
            }
        }
        if dirs.is_empty() {
            return Err(DirsError::NoDir(report.failed));
        }
        let this = Self {
            disk,
            dirs,
            partitions: RwLock::new(HashMap::new()),
            removed: Mutex::new(Vec::new()),
            tail_budget: TailBudget::new(tail_budget_bytes),
            threads: threads.clamp(1, THREADS_MAX),
        };
        this.open_partitions(found, config_for, &mut report, now_ms);
        Ok((this, report))
    }

    fn open_partitions(
        &self,
        found: Vec<Found>,
        config_for: &(dyn Fn(&TopicPartition) -> LogConfig + Sync),
        report: &mut OpenReport,
        now_ms: i64,
    ) {
        let open = |found: &Found| {
            let options = LogOptions {
                disk: self.disk.clone(),
                dir: found.path.clone(),
                partition: found.partition.clone(),
                topic_id: None,
                config: Arc::new(config_for(&found.partition)),
                tail_budget: self.tail_budget.clone(),
                clean: found.clean,
                recovery_point: found.recovery_point,
                log_start_offset: found.log_start,
            };
            Log::open(options, now_ms)
        };
        let results = in_parallel(&found, self.threads, &open);
        let mut partitions = self.partitions.write();
        for (found, result) in found.into_iter().zip(results) {
            match result {
                Ok(_) if partitions.contains_key(&found.partition) => {
                    report
                        .failed
                        .push((found.path, "the partition is in another log directory too".to_owned()));
                }
                Ok(log) => {
                    report.partitions += 1;
                    report.recovered += usize::from(!found.clean);
                    partitions
                        .insert(found.partition, Entry { log: Arc::new(Mutex::new(log)), dir: found.dir });
                }
                Err(error) => report.failed.push((found.path, error.to_string())),
            }
        }
    }

    pub fn get(&self, partition: &TopicPartition) -> Option<Arc<Mutex<Log>>> {
        self.partitions.read().get(partition).map(|entry| entry.log.clone())
    }

    /// Every partition that is there, also those that the cluster may not know any more.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.partitions.read().keys().cloned().collect()
    }

    pub fn dirs(&self) -> Vec<DirInfo> {
        let counts = self.partitions_per_dir();
        let info = |(dir, partitions): (&Dir, usize)| DirInfo {
            path: dir.path.clone(),
            directory_id: dir.directory_id,
            partitions,
        };
        self.dirs.iter().zip(counts).map(info).collect()
    }

    /// The directory that a partition lies in.
    pub fn dir_of(&self, partition: &TopicPartition) -> Option<PathBuf> {
        self.partitions.read().get(partition).map(|entry| self.dirs[entry.dir].path.clone())
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

    /// Makes a partition in the directory that has the fewest. One that is there already is given back if it is
    /// of the same topic.
    pub fn create(
        &self,
        partition: TopicPartition,
        topic_id: TopicId,
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
        let counts = self.partitions_per_dir();
        let dir = (0..counts.len()).min_by_key(|index| counts[*index]).unwrap_or(0);
        let options = LogOptions {
            disk: self.disk.clone(),
            dir: self.dirs[dir].path.join(partition.to_string()),
            partition: partition.clone(),
            topic_id: Some(topic_id),
            config: Arc::new(config),
            tail_budget: self.tail_budget.clone(),
            clean: true,
            recovery_point: 0,
            log_start_offset: 0,
        };
        let mut partitions = self.partitions.write();
        if let Some(entry) = partitions.get(&partition) {
            return Ok(entry.log.clone());
        }
        let log = Arc::new(Mutex::new(Log::open(options, now_ms)?));
        partitions.insert(partition, Entry { log: log.clone(), dir });
        Ok(log)
    }

    /// Takes a partition away: its directory is renamed now and removed by [`LogDirs::purge`] after its
    /// `file.delete.delay.ms`. False if there is none.
    pub fn delete(&self, partition: &TopicPartition, now_ms: i64) -> Result<bool, DirsError> {
        let Some(entry) = self.partitions.write().remove(partition) else { return Ok(false) };
        let mut log = entry.log.lock();
        log.failed = Some("the partition was deleted".to_owned());
        // A session or cache may hold on to the log, and with an open file to its room on the disk.
        log.segments.iter().for_each(Segment::close_files);
        let from = log.dir().to_owned();
        let to = self.delete_name(&from, log.topic_id());
        self.disk.rename(&from, &to).doing("renaming", &from)?;
        let parent = &self.dirs[entry.dir].path;
        self.disk.sync_dir(parent).doing("syncing", parent)?;
        self.removed.lock().push((now_ms.saturating_add(log.config().file_delete_delay_ms), to));
        Ok(true)
    }

    /// A name that no partition has: `orders-0.<32 hex digits>-delete`, as Kafka's.
    fn delete_name(&self, dir: &Path, topic_id: Option<TopicId>) -> PathBuf {
        let mut unique = u128::from_be_bytes(topic_id.unwrap_or_default().0);
        loop {
            let mut name = dir.file_name().unwrap_or_default().to_os_string();
            name.push(format!(".{unique:032x}{DELETE_SUFFIX}"));
            let path = dir.with_file_name(name);
            if !self.disk.exists(&path) {
                return path;
            }
            unique = unique.wrapping_add(1);
        }
    }

    /// Removes directories of deleted partitions whose delay is over.
    pub fn purge(&self, now_ms: i64) {
        let mut removed = self.removed.lock();
        removed.retain(|(due_ms, path)| {
            if *due_ms > now_ms {
                return true;
            }
            if let Err(error) = self.disk.remove_dir_all(path) {
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
                let log = entry.log.lock();
                recovery.insert(partition.clone(), log.flushed_offset());
                if log.log_start_offset() > 0 {
                    starts.insert(partition.clone(), log.log_start_offset());
                }
            }
            if let Some(high_watermark) = high_watermarks.get(&partition) {
                watermarks.insert(partition, *high_watermark);
            }
        }
        for (dir, (recovery, starts, watermarks)) in self.dirs.iter().zip(by_dir) {
            let write = |name, offsets| checkpoint::write_offsets(&*self.disk, &dir.path.join(name), offsets);
            write(checkpoint::RECOVERY_POINTS, &recovery)?;
            write(checkpoint::LOG_STARTS, &starts)?;
            write(checkpoint::HIGH_WATERMARKS, &watermarks)?;
        }
        Ok(())
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
        self.write_checkpoints(high_watermarks)?;
        let mut first_error = None;
        let mut unclean = BTreeMap::new();
        for (entry, result) in entries.iter().zip(results) {
            if let Err(error) = result {
                unclean.insert(entry.dir, ());
                first_error.get_or_insert(error);
            }
        }
        for (index, dir) in self.dirs.iter().enumerate() {
            if !unclean.contains_key(&index) {
                checkpoint::write_clean_shutdown(&*self.disk, &dir.path)?;
            }
        }
        first_error.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Runs `work` over all items on a few threads; the results are in the items' order.
fn in_parallel<T: Sync, R: Send>(items: &[T], threads: usize, work: &(dyn Fn(&T) -> R + Sync)) -> Vec<R> {
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

/// Takes a directory for this node, or refuses it as another's.
fn open_dir(
    disk: &dyn Disk,
    path: &Path,
    cluster: &str,
    node: i32,
    new_uuid: &mut dyn FnMut() -> [u8; 16],
) -> Result<Dir, DirsError> {
    disk.create_dir_all(path).doing("creating", path)?;
    let lock = match disk.lock(&path.join(LOCK_FILE)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            return Err(DirsError::Locked { path: path.to_owned() });
        }
        Err(error) => return Err(DiskError::new("locking", path, error).into()),
    };
    let cluster = cluster.to_owned();
    let directory_id = match checkpoint::read_meta_properties(disk, path)? {
        Some(meta) if meta.cluster_id == cluster && meta.node_id == node => meta.directory_id,
        Some(meta) => {
            return Err(DirsError::Foreign {
                path: path.to_owned(),
                found_node: meta.node_id,
                found_cluster: meta.cluster_id,
                node,
                cluster,
            });
        }
        None => {
            let directory_id = TopicId(new_uuid());
            let meta = MetaProperties { cluster_id: cluster, node_id: node, directory_id };
            checkpoint::write_meta_properties(disk, path, &meta)?;
            directory_id
        }
    };
    Ok(Dir { path: path.to_owned(), directory_id, _lock: lock })
}

/// The partitions of a directory; removes those that were deleted.
fn find_partitions(
    disk: &dyn Disk,
    path: &Path,
    dir: usize,
    report: &mut OpenReport,
) -> Result<Vec<Found>, LogError> {
    let clean = checkpoint::take_clean_shutdown(disk, path)?;
    let recovery = checkpoint::read_offsets(disk, &path.join(checkpoint::RECOVERY_POINTS))?;
    let starts = checkpoint::read_offsets(disk, &path.join(checkpoint::LOG_STARTS))?;
    report.high_watermarks.extend(checkpoint::read_offsets(disk, &path.join(checkpoint::HIGH_WATERMARKS))?);
    let mut found = Vec::new();
    for name in disk.list(path).doing("listing", path)? {
        let child = path.join(&name);
        if !disk.is_dir(&child) {
            continue;
        }
        if name.ends_with(DELETE_SUFFIX) {
            disk.remove_dir_all(&child).doing("removing", &child)?;
        } else if let Some(partition) = TopicPartition::parse_dir_name(&name) {
            let offset = |offsets: &Offsets| offsets.get(&partition).copied().unwrap_or(0);
            let (recovery_point, log_start) = (offset(&recovery), offset(&starts));
            found.push(Found { dir, path: child, partition, clean, recovery_point, log_start });
        }
    }
    report.clean &= clean || found.is_empty();
    Ok(found)
}
