//! Opening a broker's log directories at its start, with all partitions in them.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use headrace_records::{LeaderEpoch, Offset};
use parking_lot::{Mutex, RwLock};

use crate::{
    checkpoint::{self, MetaProperties, Offsets},
    config::LogConfig,
    dirs::{DELETE_SUFFIX, Dir, DirsError, DirsOptions, Entry, LogDirs, in_parallel},
    disk::{Disk, sync_way_to},
    error::{DiskError, Doing, LogError},
    health::{Health, WatchedDisk},
    log::{Log, LogOptions},
    moves,
    partition::{TopicId, TopicPartition},
    tail::TailBudget,
};

const LOCK_FILE: &str = ".lock";
/// How many threads open or close partitions at most.
const THREADS_MAX: usize = 64;

/// What opening found.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// Every directory had been shut down cleanly.
    pub clean: bool,
    /// How many partitions were opened.
    pub partitions: usize,
    /// How many of them had to be recovered.
    pub recovered: usize,
    /// How many have lost records for certain or perhaps: whole batches were cut off, the log ends below its high watermark, or it cannot
    /// be opened. A directory that remembers such a start counts as one more.
    pub damaged: usize,
    /// The high watermarks of the last checkpoint.
    pub high_watermarks: HashMap<TopicPartition, Offset>,
    /// Directories and partitions that could not be opened, with the reason.
    pub failed: Vec<(PathBuf, String)>,
}

/// What is known elsewhere of a partition that is found at the start.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub config: LogConfig,
    pub directory_id: Option<TopicId>,
    pub leader_epoch: Option<LeaderEpoch>,
}

/// A partition to open, with all that its directory's checkpoints say of it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) dir: usize,
    pub(crate) path: PathBuf,
    pub(crate) partition: TopicPartition,
    pub(crate) clean: bool,
    pub(crate) recovery_point: Offset,
    pub(crate) log_start: Offset,
}

impl LogDirs {
    /// Opens every partition that is there. A directory or partition that cannot be opened is reported and left
    /// out; it is an error only if no directory is left.
    pub fn open(
        unwatched: &Arc<dyn Disk>,
        options: DirsOptions,
        about: &(dyn Fn(&TopicPartition) -> About + Sync),
        new_uuid: &mut dyn FnMut() -> [u8; 16],
        now_ms: i64,
    ) -> Result<(Self, OpenReport), DirsError> {
        let DirsOptions { dirs: paths, cluster_id, node_id, threads, tail_budget_bytes } = options;
        let mut report = OpenReport { clean: true, ..OpenReport::default() };
        let bell = Arc::default();
        let (mut dirs, mut found, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        for path in paths {
            let health = Health::new(Arc::clone(&bell));
            let disk = WatchedDisk::over(Arc::clone(unwatched), health.clone());
            let mut dir = Dir { path, disk, health, directory_id: None, _lock: None };
            let opened = open_dir(&mut dir, &cluster_id, node_id, new_uuid)
                .inspect(|is_new| {
                    // Not every file system above can do that, which says nothing about this disk.
                    if *is_new && let Err(error) = sync_way_to(&**unwatched, &dir.path) {
                        tracing::warn!(path = %dir.path.display(), %error, "a new log directory's name may be lost in a power cut");
                    }
                })
                .and_then(|_| Ok(find_partitions(&dir, dirs.len(), &mut report, &mut copies)?));
            match opened {
                Ok(partitions) => found.extend(partitions),
                // Another broker's directory is a mistake to be told at once, not a broken disk.
                Err(error @ (DirsError::Foreign { .. } | DirsError::Locked { .. })) => return Err(error),
                Err(error) => {
                    dir.health.fail(error.to_string());
                    report.failed.push((dir.path.clone(), error.to_string()));
                }
            }
            dirs.push(dir);
        }
        if !dirs.iter().any(Dir::works) {
            return Err(DirsError::NoDir(report.failed));
        }
        let mut this = Self {
            dirs,
            bell,
            unopened: Mutex::default(),
            partitions: RwLock::new(HashMap::new()),
            futures: Mutex::default(),
            preferred: Mutex::default(),
            removed: Mutex::new(Vec::new()),
            tail_budget: TailBudget::new(tail_budget_bytes),
            threads: threads.clamp(1, THREADS_MAX),
        };
        let found = this.without_doubles(found, about, &mut report, now_ms);
        this.open_partitions(found, about, &mut report, now_ms);
        for dir in this.dirs.iter().filter(|dir| checkpoint::has_lost_records(&*dir.disk, &dir.path)) {
            tracing::warn!(path = %dir.path.display(), "records were cut off at this start or one before it");
            report.damaged += 1;
        }
        // Opening the logs may have shown that a disk is broken.
        this.take_offline();
        copies.retain(|(dir, ..)| this.dirs[*dir].works());
        moves::resume(&this, copies, now_ms);
        Ok((this, report))
    }

    /// A stop in the middle of a move can leave a partition in two directories, both whole, and so can a directory that was away for a
    /// while. The one in the directory that the cluster knows of counts, and the other goes. If it knows of none, the other is left
    /// alone.
    fn without_doubles(
        &self,
        mut found: Vec<Found>,
        about: &(dyn Fn(&TopicPartition) -> About + Sync),
        report: &mut OpenReport,
        now_ms: i64,
    ) -> Vec<Found> {
        let mut dirs_of: HashMap<TopicPartition, Vec<usize>> = HashMap::new();
        for found in &found {
            dirs_of.entry(found.partition.clone()).or_default().push(found.dir);
        }
        found.retain(|found| {
            let dirs = &dirs_of[&found.partition];
            if dirs.len() == 1 {
                return true;
            }
            let About { config, directory_id, .. } = about(&found.partition);
            let known = dirs.iter().find(|dir| self.dirs[**dir].directory_id == directory_id);
            if found.dir == *known.unwrap_or(&dirs[0]) {
                return true;
            }
            let gone = known.is_some_and(|_| {
                let due_ms = now_ms.saturating_add(config.file_delete_delay_ms);
                self.rename_away(&found.path, None, due_ms).is_ok()
            });
            let reason = if gone { "it is removed" } else { "remove one of them" };
            let reason = format!("the partition is in another log directory too: {reason}");
            report.failed.push((found.path.clone(), reason));
            false
        });
        found
    }

    fn open_partitions(
        &mut self,
        found: Vec<Found>,
        about: &(dyn Fn(&TopicPartition) -> About + Sync),
        report: &mut OpenReport,
        now_ms: i64,
    ) {
        let open = |found: &Found| self.open_found(found, about(&found.partition), now_ms);
        let results = in_parallel(&found, self.threads, &open);
        let mut partitions = self.partitions.write();
        for (found, result) in found.into_iter().zip(results) {
            match result {
                Ok(log) => {
                    report.partitions += 1;
                    report.recovered += usize::from(!found.clean);
                    let high_watermark = report.high_watermarks.get(&found.partition).copied().unwrap_or(0);
                    let is_short = log.log_end_offset() < high_watermark;
                    if log.is_damaged() || is_short {
                        tracing::warn!(partition = %found.partition, high_watermark, end = log.log_end_offset(),
                            "the log has lost records: it counts again once it has fetched them");
                        report.damaged += 1;
                    }
                    if is_short {
                        let dir = &self.dirs[found.dir];
                        // Should that fail, it is as short at the next start.
                        drop(checkpoint::note_lost_records(&*dir.disk, &dir.path));
                    }
                    partitions
                        .insert(found.partition, Entry { log: Arc::new(Mutex::new(log)), dir: found.dir });
                }
                Err(error) => {
                    report.damaged += 1;
                    report.failed.push((found.path.clone(), error.to_string()));
                    self.unopened.lock().insert(found.partition.clone(), found);
                }
            }
        }
    }
}

impl LogDirs {
    /// Opens (and recovers) a partition that lies in a directory.
    pub(crate) fn open_found(&self, found: &Found, about: About, now_ms: i64) -> Result<Log, LogError> {
        let options = LogOptions {
            disk: self.dirs[found.dir].disk.clone(),
            dir: found.path.clone(),
            partition: found.partition.clone(),
            topic_id: None,
            config: Arc::new(about.config),
            tail_budget: self.tail_budget.clone(),
            clean: found.clean,
            recovery_point: found.recovery_point,
            log_start_offset: found.log_start,
            leader_epoch: about.leader_epoch,
        };
        Log::open(options, now_ms)
    }
}

/// Takes a directory for this node, or refuses it as another's. True if it was nobody's before.
fn open_dir(
    dir: &mut Dir,
    cluster: &str,
    node: i32,
    new_uuid: &mut dyn FnMut() -> [u8; 16],
) -> Result<bool, DirsError> {
    let (disk, path) = (&*dir.disk, &*dir.path);
    disk.create_dir_all(path).doing("creating", path)?;
    let lock = match disk.lock(&path.join(LOCK_FILE)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            return Err(DirsError::Locked { path: path.to_owned() });
        }
        Err(error) => return Err(DiskError::new("locking", path, error).into()),
    };
    let (cluster, mut is_new) = (cluster.to_owned(), false);
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
            is_new = true;
            directory_id
        }
    };
    (dir.directory_id, dir._lock) = (Some(directory_id), Some(lock));
    Ok(is_new)
}

/// The partitions of a directory; removes those that were deleted.
fn find_partitions(
    at: &Dir,
    dir: usize,
    report: &mut OpenReport,
    copies: &mut Vec<(usize, PathBuf, TopicPartition)>,
) -> Result<Vec<Found>, LogError> {
    let (disk, path) = (&*at.disk, &*at.path);
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
        } else if let Some(partition) = moves::parse_future(&name) {
            copies.push((dir, child, partition));
        } else if let Some(partition) = TopicPartition::parse_dir_name(&name) {
            let offset = |offsets: &Offsets| offsets.get(&partition).copied().unwrap_or(0);
            let (recovery_point, log_start) = (offset(&recovery), offset(&starts));
            found.push(Found { dir, path: child, partition, clean, recovery_point, log_start });
        }
    }
    report.clean &= clean || found.is_empty();
    Ok(found)
}
