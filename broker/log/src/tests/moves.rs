//! Partitions that move between log directories while they are in use.

use std::{collections::HashMap, fs, path::PathBuf};

use super::dirs::{ID, NEW, open, options, two_dirs};
use super::*;
use crate::{About, Copied, LogDirs, MoveError, TopicId};

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// A partition in the first of two directories, with 20 batches of two records.
fn moving() -> (TempDir, Vec<PathBuf>, LogDirs) {
    let root = tempfile::tempdir().unwrap();
    let paths = two_dirs(&root);
    let (dirs, _) = open(&paths);
    let config = LogConfig { segment_bytes: 500, ..LogConfig::default() };
    let log = dirs.create(partition(), ID, NEW, config, NOW_MS).unwrap();
    for sequence in 0..20 {
        append(&mut log.lock(), producer_batch(1, 0, sequence * 2, 2, false)).unwrap();
    }
    dirs.begin_move(&partition(), &paths[1], [7; 16], NOW_MS).unwrap();
    (root, paths, dirs)
}

fn copy_all(dirs: &LogDirs) {
    while let Copied::Bytes(_) = dirs.copy_step(&partition(), 100, NOW_MS).unwrap() {}
}

#[test]
fn a_partition_moves_while_it_is_written_and_its_holders_notice_nothing() {
    let (_root, paths, dirs) = moving();
    let log = dirs.get(&partition()).unwrap();
    let job = {
        let mut log = log.lock();
        append(&mut log, producer_batch(1, 0, 40, 2, false)).unwrap();
        log.begin_flush().unwrap().unwrap()
    };
    copy_all(&dirs);
    append(&mut log.lock(), producer_batch(1, 0, 42, 2, false)).unwrap();
    let future = dirs.futures().remove(0);
    assert_eq!((future.dir.clone(), future.lag, future.size_bytes > 0), (paths[1].clone(), 2, true));
    assert!(!dirs.finish_move(&partition(), NOW_MS).unwrap(), "not level");
    copy_all(&dirs);
    log.lock().assign_epoch(EPOCH + 1, 44);
    assert!(dirs.finish_move(&partition(), NOW_MS).unwrap());
    assert_eq!((dirs.dir_of(&partition()), dirs.is_moving()), (Some(paths[1].clone()), false));
    assert!(names(&paths[0], "t-0").is_empty() && names(&paths[1], "-future").is_empty());
    assert_eq!(names(&paths[0], "-delete").len(), 1);
    {
        let mut log = log.lock();
        assert_eq!((log.dir(), log.latest_epoch()), (&*paths[1].join("t-0"), Some(EPOCH + 1)));
        assert_eq!((log.flushed_offset(), log.log_end_offset()), (44, 44));
        // A flush of before the move says nothing of this directory, not even that it failed.
        log.finish_flush(&job, Err(std::io::Error::other("gone")), NOW_MS).unwrap();
        let mut next = |sequence| {
            let records = producer_batch(1, 0, sequence, 2, false);
            log.append_as_leader(records, EPOCH + 1, Origin::Coordinator, NOW_MS).unwrap()
        };
        assert!(next(42).duplicate);
        assert_eq!(next(44).base_offset, 44);
        assert_eq!(read_all(&log, 0).len(), 23);
    }
    dirs.shutdown(&HashMap::new(), NOW_MS).unwrap();
    drop((dirs, log));
    let (dirs, report) = open(&paths);
    assert!(report.clean && report.failed.is_empty());
    assert_eq!(read_all(&dirs.get(&partition()).unwrap().lock(), 0).len(), 23);
}

#[test]
fn what_the_current_log_takes_back_the_copy_takes_back_too() {
    let (_root, _, dirs) = moving();
    let log = dirs.get(&partition()).unwrap();
    copy_all(&dirs);
    {
        let mut log = log.lock();
        log.truncate_to(31, NOW_MS).unwrap();
        for _ in 0..10 {
            log.append_as_leader(batch(1, 30, NOW_MS), EPOCH + 1, Origin::Coordinator, NOW_MS).unwrap();
        }
        log.delete_records_before(4, 30).unwrap();
    }
    copy_all(&dirs);
    assert!(dirs.finish_move(&partition(), NOW_MS).unwrap());
    let log = log.lock();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (4, 40));
    let epochs: Vec<_> = read_all(&log, 4).iter().map(Batch::leader_epoch).collect();
    assert_eq!(epochs, [vec![EPOCH; 13], vec![EPOCH + 1; 10]].concat());
}

#[test]
fn a_move_goes_on_after_a_restart_and_can_be_given_up() {
    let (_root, paths, dirs) = moving();
    for _ in 0..5 {
        dirs.copy_step(&partition(), 100, NOW_MS).unwrap();
    }
    let copied = dirs.futures()[0].size_bytes;
    drop(dirs);
    let (dirs, report) = open(&paths);
    assert_eq!((report.partitions, dirs.futures()[0].size_bytes), (1, copied), "not from the beginning");
    // Towards another directory: where it is, which ends it.
    dirs.begin_move(&partition(), &paths[0], [8; 16], NOW_MS).unwrap();
    assert!(!dirs.is_moving() && names(&paths[1], "-future").is_empty());
    assert_eq!(dirs.copy_step(&partition(), 100, NOW_MS).unwrap(), Copied::Gone);
    dirs.begin_move(&partition(), &paths[1], [9; 16], NOW_MS).unwrap();
    dirs.delete(&partition(), NOW_MS).unwrap();
    assert!(!dirs.is_moving() && names(&paths[1], "-future").is_empty());
}

#[test]
fn a_copy_that_lost_its_beginning_is_made_anew() {
    let (_root, paths, dirs) = moving();
    copy_all(&dirs);
    drop(dirs);
    let future = paths[1].join(names(&paths[1], "-future").remove(0));
    let first = names(&future, ".log").remove(0);
    fs::remove_file(future.join(first)).unwrap();
    let (dirs, _) = open(&paths);
    copy_all(&dirs);
    assert!(dirs.finish_move(&partition(), NOW_MS).unwrap());
    let log = dirs.get(&partition()).unwrap();
    let log = log.lock();
    assert_eq!((log.log_start_offset(), read_all(&log, 0).len()), (0, 20));
}

#[test]
fn a_stop_between_the_two_renames_loses_nothing() {
    let (_root, paths, dirs) = moving();
    copy_all(&dirs);
    let future = paths[1].join(names(&paths[1], "-future").remove(0));
    drop(dirs);
    fs::rename(future, paths[1].join("t-0")).unwrap();
    for (known, kept) in [(TopicId([1; 16]), 0), (TopicId([2; 16]), 1)] {
        let about = |_: &TopicPartition| About { directory_id: Some(known), ..About::default() };
        let both: Vec<_> = paths.iter().map(|path| path.join("t-0")).collect();
        let (dirs, report) =
            LogDirs::open(&RealDisk::shared(), options(&paths, 1), &about, &mut || [5; 16], NOW_MS).unwrap();
        assert_eq!((report.partitions, report.failed.len()), (1, 1), "{report:?}");
        assert_eq!(dirs.dir_of(&partition()), Some(paths[kept].clone()));
        let log = dirs.get(&partition()).unwrap();
        assert_eq!(read_all(&log.lock(), 0).len(), 20);
        assert!(!both[1 - kept].exists());
        drop((dirs, log));
        // Both again, for the other case.
        let gone = names(&paths[1 - kept], "-delete").remove(0);
        fs::rename(paths[1 - kept].join(gone), &both[1 - kept]).unwrap();
    }
}

#[test]
fn a_move_needs_a_directory_that_is_there_and_works() {
    let (_root, paths, dirs) = moving();
    let elsewhere = paths[0].join("elsewhere");
    assert!(matches!(
        dirs.begin_move(&partition(), &elsewhere, [1; 16], NOW_MS),
        Err(MoveError::NoSuchDir(_))
    ));
    let other = TopicPartition::new("other", 0);
    assert!(matches!(
        dirs.begin_move(&other, &paths[1], [1; 16], NOW_MS),
        Err(MoveError::NoSuchPartition(_))
    ));
    dirs.prefer(&other, &paths[1]).unwrap();
    dirs.create(other.clone(), ID, NEW, LogConfig::default(), NOW_MS).unwrap();
    assert_eq!(dirs.dir_of(&other), Some(paths[1].clone()));
}
