//! Log directories: start, stop, crash, creation and deletion of partitions.

use std::{collections::HashMap, fs, path::PathBuf};

use super::*;
use crate::{DirsError, DirsOptions, LogDirs, OpenReport, TopicId};

const ID: TopicId = TopicId([9; 16]);

fn open_as(dirs: &[PathBuf], node_id: i32) -> Result<(LogDirs, OpenReport), DirsError> {
    let options = DirsOptions {
        dirs: dirs.to_vec(),
        cluster_id: "cluster".to_owned(),
        node_id,
        threads: 2,
        tail_budget_bytes: 1 << 20,
    };
    LogDirs::open(RealDisk::shared(), options, &|_| LogConfig::default(), &mut || [5; 16], NOW_MS)
}

fn open(dirs: &[PathBuf]) -> (LogDirs, OpenReport) {
    open_as(dirs, 1).unwrap()
}

fn two_dirs(root: &TempDir) -> Vec<PathBuf> {
    ["a", "b"].map(|name| root.path().join(name)).to_vec()
}

#[test]
fn partitions_spread_and_come_back_after_a_clean_stop() {
    let root = tempfile::tempdir().unwrap();
    let paths = two_dirs(&root);
    let (dirs, report) = open(&paths);
    assert!(report.clean && report.partitions == 0);
    for partition in 0..6 {
        let log =
            dirs.create(TopicPartition::new("orders", partition), ID, LogConfig::default(), NOW_MS).unwrap();
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
    let partition = TopicPartition::new("orders", 0);
    let create = |id| dirs.create(partition.clone(), id, LogConfig::default(), NOW_MS);
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
    drop(dirs);
    assert!(matches!(open_as(&paths[2..], 1), Err(DirsError::NoDir(_))));
}

#[test]
fn checkpoints_bound_what_a_crash_costs() {
    let root = tempfile::tempdir().unwrap();
    let paths = two_dirs(&root);
    let (dirs, _) = open(&paths);
    let partition = TopicPartition::new("orders", 0);
    let log = dirs.create(partition.clone(), ID, LogConfig::default(), NOW_MS).unwrap();
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
