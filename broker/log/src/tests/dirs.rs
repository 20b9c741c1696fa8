//! Log directories: start, stop, crash, creation and deletion of partitions.

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use super::faults::Faulty;
use super::*;
use crate::{About, DirsError, DirsOptions, File, Home, LogDirs, OpenReport, TopicId};

pub(super) const ID: TopicId = TopicId([9; 16]);
pub(super) const NEW: Home = Home { directory_id: None, is_new: true };

pub(super) fn options(dirs: &[PathBuf], node_id: i32) -> DirsOptions {
    let cluster_id = "cluster".to_owned();
    DirsOptions { dirs: dirs.to_vec(), cluster_id, node_id, threads: 2, tail_budget_bytes: 1 << 20 }
}

fn open_as(dirs: &[PathBuf], node_id: i32) -> Result<(LogDirs, OpenReport), DirsError> {
    let options = options(dirs, node_id);
    open_on(&RealDisk::shared(), options)
}

fn open_on(disk: &Arc<dyn Disk>, options: DirsOptions) -> Result<(LogDirs, OpenReport), DirsError> {
    let mut ids = 0;
    let mut new_id = || {
        ids += 1;
        [ids; 16]
    };
    LogDirs::open(disk, options, &|_| About::default(), &mut new_id, NOW_MS)
}

pub(super) fn open(dirs: &[PathBuf]) -> (LogDirs, OpenReport) {
    open_as(dirs, 1).unwrap()
}

pub(super) fn two_dirs(root: &TempDir) -> Vec<PathBuf> {
    ["a", "b"].map(|name| root.path().join(name)).to_vec()
}

#[test]
fn partitions_spread_and_come_back_after_a_clean_stop() {
    let root = tempfile::tempdir().unwrap();
    let paths = two_dirs(&root);
    let (dirs, report) = open(&paths);
    assert!(report.clean && report.partitions == 0);
    for partition in 0..6 {
        let log = dirs
            .create(TopicPartition::new("orders", partition), ID, NEW, LogConfig::default(), NOW_MS)
            .unwrap();
        for _ in 0..=partition {
            append(&mut log.lock(), batch(1, 10, NOW_MS)).unwrap();
        }
    }
    assert_eq!(dirs.dirs().iter().map(|dir| dir.partitions).collect::<Vec<_>>(), [3, 3]);
    let watermarks: HashMap<_, _> = [(TopicPartition::new("orders", 2), 2)].into();
    dirs.shutdown(&watermarks, NOW_MS).unwrap();
    drop(dirs);
    for path in &paths {
        assert!(path.join(".kafka_cleanshutdown").exists());
        let text = fs::read_to_string(path.join("recovery-point-offset-checkpoint")).unwrap();
        assert!(text.starts_with("0\n3\norders "), "{text}");
    }
    let (dirs, report) = open(&paths);
    assert!(report.clean && report.failed.is_empty());
    assert_eq!((report.partitions, report.recovered), (6, 0));
    assert_eq!(report.high_watermarks, watermarks);
    for partition in 0..6 {
        let log = dirs.get(&TopicPartition::new("orders", partition)).unwrap();
        let log = log.lock();
        assert_eq!((log.log_end_offset(), log.topic_id()), (i64::from(partition) + 1, Some(ID)));
    }
    assert!(!paths[0].join(".kafka_cleanshutdown").exists(), "the next stop has to earn it");
    drop(dirs);
    let (_, report) = open(&paths);
    assert_eq!((report.clean, report.recovered), (false, 6), "that was no clean stop");
}

#[test]
fn a_partition_belongs_to_one_topic_and_can_be_deleted_and_made_again() {
    let root = tempfile::tempdir().unwrap();
    let paths = two_dirs(&root);
    let (dirs, _) = open(&paths);
    // Its directory's name leaves no room for what marks it as deleted.
    let partition = TopicPartition::new(&"orders".repeat(41), 0);
    let create = |id| dirs.create(partition.clone(), id, NEW, LogConfig::default(), NOW_MS);
    let log = create(ID).unwrap();
    append(&mut log.lock(), batch(1, 10, NOW_MS)).unwrap();
    assert!(Arc::ptr_eq(&log, &create(ID).unwrap()));
    let other = TopicId([8; 16]);
    assert!(matches!(create(other), Err(DirsError::OtherTopic { .. })));
    assert!(dirs.delete(&partition, NOW_MS).unwrap());
    assert!(!dirs.delete(&partition, NOW_MS).unwrap());
    assert!(append(&mut log.lock(), batch(1, 10, NOW_MS)).is_err(), "who still holds it cannot write");
    let again = create(other).unwrap();
    assert_eq!(again.lock().log_end_offset(), 0);
    assert_eq!(names(&paths[0], "-delete").len(), 1);
    dirs.purge(NOW_MS + 59_999);
    assert_eq!(names(&paths[0], "-delete").len(), 1);
    dirs.purge(NOW_MS + 60_000);
    assert!(names(&paths[0], "-delete").is_empty());
    dirs.delete(&partition, NOW_MS).unwrap();
    drop(dirs);
    let (dirs, _) = open(&paths);
    assert!(dirs.partitions().is_empty() && names(&paths[0], "-delete").is_empty());
}

#[test]
fn a_directory_of_another_node_or_in_use_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let paths = two_dirs(&root);
    let (dirs, _) = open(&paths);
    assert!(matches!(open_as(&paths, 1), Err(DirsError::Locked { .. })));
    drop(dirs);
    let error = open_as(&paths, 2).unwrap_err();
    assert!(matches!(error, DirsError::Foreign { found_node: 1, .. }), "{error}");
}

#[test]
fn a_directory_that_cannot_be_used_takes_only_its_own_partitions_offline() {
    let root = tempfile::tempdir().unwrap();
    let mut paths = two_dirs(&root);
    fs::write(root.path().join("file"), b"").unwrap();
    paths.push(root.path().join("file/inside"));
    let (dirs, report) = open(&paths);
    assert_eq!((dirs.dirs().len(), report.failed.len()), (2, 1));
    assert_eq!((&dirs.failed_dirs()[0].path, dirs.failed_dirs()[0].directory_id), (&paths[2], None));
    // What may be in the failed one is not made anew elsewhere.
    let create =
        |name, home| dirs.create(TopicPartition::new(name, 0), ID, home, LogConfig::default(), NOW_MS);
    for lost in [Home::default(), Home { directory_id: Some(TopicId([77; 16])), is_new: false }] {
        assert!(matches!(create("old", lost), Err(DirsError::Offline(_))));
    }
    create("new", NEW).unwrap();
    let there = dirs.dirs()[1].directory_id;
    create("said", Home { directory_id: Some(there), is_new: false }).unwrap();
    assert_eq!(dirs.dir_of(&TopicPartition::new("said", 0)), Some(paths[1].clone()));
    drop(dirs);
    assert!(matches!(open_as(&paths[2..], 1), Err(DirsError::NoDir(_))));
}

#[test]
fn checkpoints_bound_what_a_crash_costs() {
    let root = tempfile::tempdir().unwrap();
    let paths = two_dirs(&root);
    let (dirs, _) = open(&paths);
    let partition = TopicPartition::new("orders", 0);
    let log = dirs.create(partition.clone(), ID, NEW, LogConfig::default(), NOW_MS).unwrap();
    append(&mut log.lock(), batch(5, 10, NOW_MS)).unwrap();
    log.lock().flush(NOW_MS).unwrap();
    log.lock().delete_records_before(2, 5).unwrap();
    dirs.write_checkpoints(&HashMap::new()).unwrap();
    append(&mut log.lock(), batch(5, 10, NOW_MS)).unwrap();
    drop((log, dirs));
    let (dirs, report) = open(&paths);
    assert!(!report.clean);
    let log = dirs.get(&partition).unwrap();
    let log = log.lock();
    assert_eq!((log.log_start_offset(), log.flushed_offset(), log.log_end_offset()), (2, 5, 10));
}

#[test]
fn a_directory_whose_disk_fails_goes_offline_alone_and_is_whole_again_after_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let paths = two_dirs(&root);
    let breaking = Arc::new(BreakingDisk::default());
    let disk: Arc<dyn Disk> = breaking.clone();
    let (dirs, _) = open_on(&disk, options(&paths, 1)).unwrap();
    let create = |p| dirs.create(TopicPartition::new("t", p), ID, NEW, LogConfig::default(), NOW_MS).unwrap();
    let logs = [create(0), create(1)];
    for log in &logs {
        append(&mut log.lock(), batch(3, 10, NOW_MS)).unwrap();
    }
    let alarms = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = alarms.clone();
    dirs.on_failure(Box::new(move || _ = counted.fetch_add(1, SeqCst)));
    *breaking.broken.lock() = Some(paths[1].clone());
    for _ in 0..2 {
        let error = append(&mut logs[1].lock(), batch(1, 10, NOW_MS)).unwrap_err();
        assert_eq!(error.kafka_code(), 56, "{error}");
    }
    assert_eq!(alarms.load(SeqCst), 1);
    let failed = dirs.failed_dirs();
    assert_eq!((failed.len(), &failed[0].path, dirs.dirs().len()), (1, &paths[1], 1));
    assert_eq!(dirs.take_offline(), [TopicPartition::new("t", 1)]);
    assert!(dirs.take_offline().is_empty() && dirs.get(&TopicPartition::new("t", 1)).is_none());
    append(&mut logs[0].lock(), batch(1, 10, NOW_MS)).unwrap();
    dirs.write_checkpoints(&HashMap::new()).unwrap();
    dirs.shutdown(&HashMap::new(), NOW_MS).unwrap();
    assert!(
        paths[0].join(".kafka_cleanshutdown").exists() && !paths[1].join(".kafka_cleanshutdown").exists()
    );
    drop((dirs, logs));
    // Still broken: it is the same at a start.
    let (dirs, report) = open_on(&disk, options(&paths, 1)).unwrap();
    assert_eq!((report.partitions, dirs.failed_dirs().len()), (1, 1));
    drop(dirs);
    *breaking.broken.lock() = None;
    let (dirs, report) = open_on(&disk, options(&paths, 1)).unwrap();
    assert_eq!((report.partitions, dirs.failed_dirs()), (2, vec![]));
    assert_eq!(dirs.get(&TopicPartition::new("t", 1)).unwrap().lock().log_end_offset(), 3);
}

/// Two directories; the one partition in the first, of ten records of which three were deleted and five flushed, could not be opened
/// after a crash, for the disk is full.
fn unopened(root: &TempDir) -> (LogDirs, Arc<AtomicU64>, TopicPartition) {
    let (paths, partition) = (two_dirs(root), TopicPartition::new("orders", 0));
    let (dirs, _) = open(&paths);
    let log = dirs.create(partition.clone(), ID, NEW, LogConfig::default(), NOW_MS).unwrap();
    append(&mut log.lock(), batch(5, 10, NOW_MS)).unwrap();
    log.lock().flush(NOW_MS).unwrap();
    log.lock().delete_records_before(3, 5).unwrap();
    dirs.write_checkpoints(&HashMap::new()).unwrap();
    append(&mut log.lock(), batch(5, 10, NOW_MS)).unwrap();
    drop((log, dirs));
    let full = Faulty::default();
    let room_bytes = full.room_bytes.clone();
    room_bytes.store(0, SeqCst);
    let (dirs, report) = open_on(&(Arc::new(full) as Arc<dyn Disk>), options(&paths, 1)).unwrap();
    assert_eq!((report.partitions, report.failed.len(), dirs.failed_dirs()), (0, 1, vec![]));
    assert_eq!((dirs.unopened(), dirs.get(&partition).is_none()), (vec![partition.clone()], true));
    (dirs, room_bytes, partition)
}

#[test]
fn what_could_not_be_opened_is_opened_again_in_its_place_and_never_made_anew() {
    let root = tempfile::tempdir().unwrap();
    let (dirs, room_bytes, partition) = unopened(&root);
    let paths = two_dirs(&root);
    // Whatever the cluster says of it, for its records are there.
    let elsewhere = Home { directory_id: Some(dirs.dirs()[1].directory_id), is_new: true };
    let create = |id, home| dirs.create(partition.clone(), id, home, LogConfig::default(), NOW_MS);
    for home in [NEW, Home::default(), elsewhere] {
        create(ID, home).unwrap_err();
        assert_eq!(names(&paths[0], "orders-0").len() + names(&paths[1], "orders-0").len(), 1);
    }
    room_bytes.store(u64::MAX, SeqCst);
    let log = create(ID, elsewhere).unwrap();
    assert_eq!((dirs.dir_of(&partition), dirs.unopened()), (Some(paths[0].clone()), vec![]));
    assert!(Arc::ptr_eq(&log, &create(ID, NEW).unwrap()));
    let log = log.lock();
    assert_eq!((log.log_start_offset(), log.flushed_offset()), (3, 5), "as the checkpoints say");
    assert_eq!(log.log_end_offset(), 10, "what was not flushed was recovered");
}

#[test]
fn what_could_not_be_opened_makes_way_for_a_topic_that_has_its_name_now() {
    let root = tempfile::tempdir().unwrap();
    let (dirs, room_bytes, partition) = unopened(&root);
    room_bytes.store(u64::MAX, SeqCst);
    let create = || dirs.create(partition.clone(), TopicId([8; 16]), NEW, LogConfig::default(), NOW_MS);
    assert!(matches!(create(), Err(DirsError::OtherTopic { .. })));
    assert_eq!(create().unwrap().lock().log_end_offset(), 0);
}

#[test]
fn what_could_not_be_opened_has_no_clean_stop_and_keeps_its_checkpoints() {
    let root = tempfile::tempdir().unwrap();
    let (dirs, room_bytes, partition) = unopened(&root);
    let paths = two_dirs(&root);
    room_bytes.store(u64::MAX, SeqCst);
    dirs.shutdown(&HashMap::new(), NOW_MS).unwrap();
    drop(dirs);
    let marked = |path: &PathBuf| path.join(".kafka_cleanshutdown").exists();
    assert!(!marked(&paths[0]) && marked(&paths[1]));
    let (dirs, report) = open(&paths);
    assert_eq!((report.partitions, report.recovered), (1, 1));
    let log = dirs.get(&partition).unwrap();
    let log = log.lock();
    assert_eq!((log.log_start_offset(), log.flushed_offset(), log.log_end_offset()), (3, 5, 10));
}

#[test]
fn what_could_not_be_opened_can_be_deleted_and_made_again() {
    let root = tempfile::tempdir().unwrap();
    let (dirs, room_bytes, partition) = unopened(&root);
    let paths = two_dirs(&root);
    // Even while the disk is full.
    assert!(dirs.delete(&partition, NOW_MS).unwrap() && !dirs.delete(&partition, NOW_MS).unwrap());
    assert_eq!((names(&paths[0], "-delete").len(), dirs.unopened()), (1, vec![]));
    dirs.purge(NOW_MS);
    assert!(names(&paths[0], "-delete").is_empty());
    room_bytes.store(u64::MAX, SeqCst);
    let again = dirs.create(partition, TopicId([8; 16]), NEW, LogConfig::default(), NOW_MS).unwrap();
    assert_eq!(again.lock().log_end_offset(), 0);
    dirs.shutdown(&HashMap::new(), NOW_MS).unwrap();
    assert!(paths[0].join(".kafka_cleanshutdown").exists(), "nothing is left that has to be recovered");
}

/// A disk of which one directory can be made to answer nothing but EIO.
#[derive(Debug, Default)]
struct BreakingDisk {
    broken: Arc<parking_lot::Mutex<Option<PathBuf>>>,
}

#[derive(Debug)]
struct BreakingFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    broken: Arc<parking_lot::Mutex<Option<PathBuf>>>,
}

fn check(broken: &parking_lot::Mutex<Option<PathBuf>>, path: &Path) -> io::Result<()> {
    match &*broken.lock() {
        Some(dir) if path.starts_with(dir) => Err(rustix::io::Errno::IO.into()),
        _ => Ok(()),
    }
}

impl BreakingDisk {
    fn checked<T>(&self, path: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        check(&self.broken, path).and_then(|()| work())
    }

    fn file(
        &self,
        path: &Path,
        open: impl FnOnce() -> io::Result<Arc<dyn File>>,
    ) -> io::Result<Arc<dyn File>> {
        let (inner, broken) = (self.checked(path, open)?, self.broken.clone());
        Ok(Arc::new(BreakingFile { inner, path: path.to_owned(), broken }))
    }
}

impl File for BreakingFile {
    fn read_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        check(&self.broken, &self.path).and_then(|()| self.inner.read_at(out, position))
    }
    fn write_all_at(&self, parts: &[io::IoSlice<'_>], position: u64) -> io::Result<()> {
        check(&self.broken, &self.path).and_then(|()| self.inner.write_all_at(parts, position))
    }
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        check(&self.broken, &self.path).and_then(|()| self.inner.set_len(length))
    }
    fn sync_data(&self) -> io::Result<()> {
        check(&self.broken, &self.path).and_then(|()| self.inner.sync_data())
    }
}

impl Disk for BreakingDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.file(path, || RealDisk.open(path))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.file(path, || RealDisk.create(path))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.checked(dir, || RealDisk.list(dir))
    }
    fn is_dir(&self, path: &Path) -> bool {
        RealDisk.is_dir(path)
    }
    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.checked(path, || RealDisk.create_dir_all(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.checked(from, || RealDisk.rename(from, to))
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.checked(path, || RealDisk.remove_file(path))
    }
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.checked(path, || RealDisk.remove_dir_all(path))
    }
    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.file(path, || RealDisk.lock(path))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.checked(dir, || RealDisk.sync_dir(dir))
    }
}

#[test]
fn that_records_were_cut_off_is_remembered_until_the_cluster_knows() {
    let root = tempfile::tempdir().unwrap();
    let (paths, partition) = (two_dirs(&root), TopicPartition::new("orders", 0));
    let (dirs, _) = open(&paths);
    let log = dirs.create(partition, ID, NEW, LogConfig::default(), NOW_MS).unwrap();
    for _ in 0..3 {
        append(&mut log.lock(), batch(1, 10, NOW_MS)).unwrap();
    }
    let path = crate::segment::file_path(log.lock().dir(), 0, "log");
    drop((log, dirs));
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let damaged = || open(&paths).1.damaged > 0;
    assert!(damaged());
    assert!(damaged(), "the first start cut it off and died");
    let (dirs, report) = open(&paths);
    assert!(report.damaged > 0);
    dirs.forget_lost_records();
    drop(dirs);
    assert!(!damaged());
}
