//! Truncation, deletion of records, retention, leader epochs.

use super::*;
use crate::LogError;

fn filled(bench: &Bench, batches: i64) -> Log {
    let mut log = bench.recover();
    for index in 0..batches {
        append(&mut log, batch(2, 100, NOW_MS + index)).unwrap();
    }
    log
}

fn small_segments() -> Bench {
    let config = LogConfig { segment_bytes: 1_500, index_interval_bytes: 200, ..LogConfig::default() };
    Bench { config, ..Bench::cold() }
}

#[test]
fn truncation_at_every_offset_leaves_whole_batches_and_a_log_that_goes_on() {
    for hot in [false, true] {
        for offset in 0..=40 {
            let mut bench = small_segments();
            if hot {
                bench.config.hot_tail_max_bytes = 1 << 20;
            }
            let mut log = filled(&bench, 20);
            log.flush(NOW_MS).unwrap();
            log.truncate_to(offset, NOW_MS).unwrap();
            let end = offset / 2 * 2;
            assert_eq!(log.log_end_offset(), end);
            assert!(log.flushed_offset() <= end);
            assert_eq!(read_all(&log, 0).len() as i64, end / 2);
            assert_eq!(append(&mut log, batch(1, 10, NOW_MS)).unwrap().base_offset, end);
            log.close(NOW_MS).unwrap();
            let reopened = bench.open(true, 0);
            assert_eq!(read_all(&reopened, 0), read_all(&log, 0));
        }
    }
}

#[test]
fn truncation_takes_producers_and_epochs_back() {
    let bench = Bench::cold();
    let mut log = bench.recover();
    append(&mut log, producer_batch(1, 0, 0, 2, false)).unwrap();
    log.append_as_leader(producer_batch(1, 0, 2, 2, false), EPOCH + 1, Origin::Client, NOW_MS).unwrap();
    assert_eq!(log.end_offset_for_epoch(EPOCH).end_offset, 2);
    log.truncate_to(2, NOW_MS).unwrap();
    assert_eq!(log.latest_epoch(), Some(EPOCH));
    let again = append(&mut log, producer_batch(1, 0, 2, 2, false)).unwrap();
    assert_eq!((again.duplicate, again.base_offset), (false, 2));
}

#[test]
fn a_log_can_start_anywhere() {
    let bench = small_segments();
    let mut log = filled(&bench, 20);
    log.truncate_fully_and_start_at(1_000, NOW_MS).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.size_bytes()), (1_000, 1_000, 0));
    drop(log);
    let mut log = bench.recover();
    assert_eq!(append(&mut log, batch(1, 10, NOW_MS)).unwrap().base_offset, 1_000);
    assert!(log.read(999, ALL, 1_001, true).is_err());
}

#[test]
fn deleted_records_are_out_of_reach_and_their_segments_go() {
    let bench = small_segments();
    let mut log = filled(&bench, 20);
    let segments = log.segment_count();
    assert!(matches!(log.delete_records_before(30, 20), Err(LogError::Read(_))));
    assert_eq!(log.delete_records_before(25, 40).unwrap(), 25);
    assert_eq!(log.delete_records_before(5, 40).unwrap(), 25, "the start never goes back");
    assert!(log.read(24, ALL, 40, true).is_err());
    let report = log.apply_retention(NOW_MS, 40).unwrap();
    assert!(report.segments_deleted >= 2 && log.segment_count() == segments - report.segments_deleted);
    assert_eq!(report.log_start_offset, 25);
    assert!(!names(&bench.path(), ".deleted").is_empty());
    log.maintain(NOW_MS + log.config().file_delete_delay_ms - 1).unwrap();
    assert!(!names(&bench.path(), ".deleted").is_empty(), "readers have time to finish");
    log.maintain(NOW_MS + log.config().file_delete_delay_ms).unwrap();
    assert!(names(&bench.path(), ".deleted").is_empty());
    assert_eq!(read_all(&log, 25)[0].base_offset(), 24, "a read that starts in a batch gets the whole batch");
}

#[test]
fn retention_by_time_empties_the_log_but_keeps_its_place() {
    let bench = small_segments();
    let mut log = filled(&bench, 20);
    append(&mut log, producer_batch(5, 0, 0, 1, false)).unwrap();
    let later = NOW_MS + log.config().retention_ms + 1_000;
    assert_eq!(log.apply_retention(NOW_MS, 41).unwrap().segments_deleted, 0);
    let report = log.apply_retention(later, 41).unwrap();
    assert!(report.segments_deleted > 2);
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.size_bytes()), (41, 41, 0));
    assert_eq!(log.offset_for_timestamp(0).unwrap(), None);
    drop(log);
    let mut log = bench.recover();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (41, 41));
    assert!(
        append(&mut log, producer_batch(5, 0, 0, 1, false)).unwrap().duplicate,
        "producers outlive records"
    );
    assert_eq!(append(&mut log, batch(1, 10, NOW_MS)).unwrap().base_offset, 41);
}

#[test]
fn epochs_survive_a_crash_and_are_found_again() {
    let bench = small_segments();
    let mut log = bench.recover();
    for epoch in [1, 2, 5] {
        for _ in 0..6 {
            log.append_as_leader(batch(1, 100, NOW_MS), epoch, Origin::Client, NOW_MS).unwrap();
        }
    }
    drop(log);
    let log = bench.recover();
    for (epoch, expected) in
        [(0, (0, 0)), (1, (1, 6)), (2, (2, 12)), (4, (2, 12)), (5, (5, 18)), (6, (-1, -1))]
    {
        let end = log.end_offset_for_epoch(epoch);
        assert_eq!((end.epoch, end.end_offset), expected, "epoch {epoch}");
    }
    assert_eq!((log.epoch_for_offset(5), log.epoch_for_offset(6)), (Some(1), Some(2)));
}
