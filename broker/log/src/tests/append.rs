//! Appending and reading back: offsets, groups, limits, timestamps, hot and cold reads.

use headrace_records::{Compression, TimestampType};

use super::*;
use crate::{CheckedRecords, CleanupPolicy, ReadError, ReadPlan, TopicCompression};

#[test]
fn offsets_rise_and_hot_and_cold_reads_agree() {
    let hot = Bench::new(LogConfig { segment_bytes: 20_000, ..LogConfig::default() });
    let cold = Bench { config: LogConfig { hot_tail_max_bytes: 0, ..hot.config.clone() }, ..Bench::cold() };
    let (mut hot_log, mut cold_log) = (hot.recover(), cold.recover());
    for index in 0..60usize {
        // Small ones are copied, large ones shared; both sides of the border.
        let value_bytes = [10, 3_000, 50, 4_100][index % 4];
        let batch = batch(1 + index as i32 % 3, value_bytes, NOW_MS + index as i64);
        let info = append(&mut hot_log, batch.clone()).unwrap();
        assert_eq!(info, append(&mut cold_log, batch).unwrap());
    }
    assert!(cold_log.segment_count() > 3);
    let end = hot_log.log_end_offset();
    assert_eq!(end, 60 * 2);
    for from in 0..end {
        for (max_bytes, upper) in
            [(0, end), (100, end), (5_000, end), (ALL, end), (ALL, from + 2), (9_000, end - 3)]
        {
            let (a, b) = (
                hot_log.read(from, max_bytes, upper, true).unwrap(),
                cold_log.read(from, max_bytes, upper, true).unwrap(),
            );
            let (a_next, b_next) = (a.next_offset, b.next_offset);
            let (a, b) = (a.into_bytes(), b.into_bytes());
            // A cold read ends with its segment.
            assert!(a.starts_with(&b), "from {from}, {max_bytes} bytes, up to {upper}");
            assert!(b_next <= a_next && a_next <= upper.max(from));
            assert_eq!(b.is_empty(), a.is_empty(), "from {from}, {max_bytes} bytes, up to {upper}");
            if let Ok(first) = Batch::first(&b) {
                assert!(first.base_offset() <= from && from <= first.last_offset());
            }
        }
    }
    assert!(matches!(hot_log.plan_read(end - 1, ALL, end, true), Ok(ReadPlan::Hot(_))));
    assert!(matches!(cold_log.plan_read(end - 1, ALL, end, true), Ok(ReadPlan::Cold(_))));
    assert_eq!(read_all(&hot_log, 0), read_all(&cold_log, 0));
    assert_eq!(read_all(&cold_log, 0).iter().map(Batch::record_count).sum::<i32>(), 120);
}

#[test]
fn without_min_one_batch_the_limit_is_hard() {
    let bench = Bench::cold();
    let mut log = bench.recover();
    append(&mut log, batch(1, 5_000, NOW_MS)).unwrap();
    assert!(log.read(0, 100, 1, false).unwrap().is_empty());
    assert_eq!(log.read(0, 100, 1, true).unwrap().size_bytes as u64, log.size_bytes());
    assert!(log.read(1, 100, 1, true).unwrap().is_empty());
    for offset in [-1, 2] {
        let error = log.read(offset, 100, 1, true).unwrap_err();
        assert!(matches!(error, ReadError::OffsetOutOfRange { .. }));
        assert_eq!(error.kafka_code(), 1);
    }
}

#[test]
fn a_group_is_answered_set_by_set_across_segments() {
    let bench = Bench { config: LogConfig { segment_bytes: 3_000, ..LogConfig::default() }, ..Bench::cold() };
    let mut log = bench.recover();
    let sets = [
        batch(2, 900, NOW_MS),
        producer_batch(1, 0, 5, 3, false),
        producer_batch(1, 0, 9, 1, false),
        producer_batch(1, 0, 5, 3, false),
        batch(1, 1_500, NOW_MS),
        batch(1, 1_500, NOW_MS),
    ]
    .map(|bytes| CheckedRecords::check(bytes, log.config(), Origin::Client, NOW_MS).unwrap());
    let results = log.append(&sets, EPOCH, NOW_MS);
    let base = |index: usize| results[index].as_ref().unwrap().base_offset;
    assert_eq!((base(0), base(1)), (0, 2));
    assert!(matches!(results[2], Err(AppendError::OutOfOrderSequence { expected: 8, found: 9, .. })));
    assert!(results[3].as_ref().unwrap().duplicate);
    assert_eq!((base(3), base(4), base(5)), (2, 5, 6));
    assert_eq!((log.log_end_offset(), log.segment_count()), (7, 3));
    assert_eq!(read_all(&log, 0).iter().map(Batch::base_offset).collect::<Vec<_>>(), [0, 2, 5, 6]);
}

#[test]
fn what_the_topic_does_not_allow_is_refused_and_leaves_nothing() {
    let base = LogConfig::default();
    let compact = LogConfig { cleanup: CleanupPolicy { delete: false, compact: true }, ..base.clone() };
    let small = LogConfig { max_message_bytes: 1_000, ..base.clone() };
    let narrow = LogConfig { timestamp_before_max_ms: 1_000, ..base.clone() };
    let tight = LogConfig { segment_bytes: 1_000, ..base.clone() };
    let keyless = {
        let mut builder = BatchBuilder::new(Compression::Lz4);
        builder.append(NOW_MS, Some(b"k"), None, &[]).unwrap();
        builder.append(NOW_MS, None, Some(b"v"), &[]).unwrap();
        builder.build().unwrap()
    };
    let mut damaged = batch(1, 100, NOW_MS).to_vec();
    damaged[80] ^= 1;
    let mut torn = batch(1, 100, NOW_MS).to_vec();
    torn.pop();
    let appendtime = {
        let mut builder = BatchBuilder::new(Compression::None).timestamp_type(TimestampType::LogAppendTime);
        builder.append(NOW_MS, None, None, &[]).unwrap();
        builder.build().unwrap()
    };
    for (name, config, bytes, code) in [
        ("too large", &small, batch(1, 1_000, NOW_MS), 10),
        ("larger than a segment", &tight, batch(1, 1_000, NOW_MS), 18),
        ("no key", &compact, keyless, 87),
        ("too old", &narrow, batch(1, 10, NOW_MS - 1_001), 32),
        ("too new", &base, batch(1, 10, NOW_MS + 3_600_001), 32),
        ("append time set", &base, appendtime, 32),
        ("control batch", &base, marker(1, true), 87),
        ("damaged", &base, Bytes::from(damaged), 2),
        ("torn", &base, Bytes::from(torn), 2),
        ("empty", &base, Bytes::new(), 87),
    ] {
        let bench = Bench::new(config.clone());
        let mut log = bench.recover();
        let error = log.append_as_leader(bytes, EPOCH, Origin::Client, NOW_MS).unwrap_err();
        assert_eq!(error.kafka_code(), code, "{name}: {error}");
        assert_eq!((log.log_end_offset(), log.size_bytes()), (0, 0), "{name}");
    }
}

#[test]
fn append_time_and_compression_are_the_topics() {
    let config = LogConfig {
        timestamp_type: TimestampType::LogAppendTime,
        compression: TopicCompression::Codec(Compression::Zstd),
        ..LogConfig::default()
    };
    let bench = Bench::new(config);
    let mut log = bench.recover();
    let info = append(&mut log, producer_batch(9, 0, 0, 2, false)).unwrap();
    assert_eq!(info.log_append_time_ms, NOW_MS);
    let again =
        log.append_as_leader(producer_batch(9, 0, 0, 2, false), EPOCH, Origin::Client, NOW_MS + 5).unwrap();
    assert!(again.duplicate);
    assert_eq!(
        (again.base_offset, again.log_append_time_ms),
        (0, NOW_MS),
        "a retry answers the original time"
    );
    let batch = &read_all(&log, 0)[0];
    assert_eq!(batch.compression(), Ok(Compression::Zstd));
    assert_eq!((batch.producer_id(), batch.base_sequence(), batch.leader_epoch()), (9, 0, EPOCH));
    let records = batch.records().unwrap();
    assert!(records.iter().all(|record| record.unwrap().timestamp_ms == NOW_MS));
}

#[test]
fn a_maximum_timestamp_that_lies_is_put_right() {
    let mut bytes = batch(2, 10, NOW_MS).to_vec();
    headrace_records::stamp::set_max_timestamp(&mut bytes, TimestampType::CreateTime, NOW_MS + 77).unwrap();
    let bench = Bench::cold();
    let mut log = bench.recover();
    append(&mut log, Bytes::from(bytes)).unwrap();
    assert_eq!(read_all(&log, 0)[0].max_timestamp_ms(), NOW_MS + 1);
}

#[test]
fn segments_roll_by_time() {
    let bench = Bench { config: LogConfig { segment_ms: 1_000, ..LogConfig::default() }, ..Bench::cold() };
    let mut log = bench.recover();
    for (offset_ms, segments) in [(0, 1), (1_000, 1), (1_001, 2), (1_500, 2), (9_000, 3)] {
        append(&mut log, batch(1, 10, NOW_MS + offset_ms)).unwrap();
        assert_eq!(log.segment_count(), segments, "at {offset_ms} ms");
    }
}

#[test]
fn an_older_leader_is_refused() {
    let bench = Bench::cold();
    let mut log = bench.recover();
    append(&mut log, batch(1, 10, NOW_MS)).unwrap();
    let error = log.append_as_leader(batch(1, 10, NOW_MS), EPOCH - 1, Origin::Client, NOW_MS).unwrap_err();
    assert!(matches!(error, AppendError::StaleLeaderEpoch { latest: EPOCH, .. }));
}

#[test]
fn a_follower_keeps_what_the_leader_numbered() {
    let (leader, follower) = (Bench::cold(), Bench::cold());
    let (mut leader, mut log) = (leader.recover(), follower.recover());
    for index in 0..10 {
        append(&mut leader, producer_batch(4, 0, index * 2, 2, false)).unwrap();
    }
    let all = leader.read(0, ALL, 20, true).unwrap().into_bytes();
    let torn = all.slice(..all.len() - 3);
    assert_eq!(log.append_as_follower(&torn, NOW_MS).unwrap().last_offset, 17);
    let rest = leader.read(18, ALL, 20, true).unwrap().into_bytes();
    log.append_as_follower(&rest, NOW_MS).unwrap();
    assert_eq!(read_all(&log, 0), read_all(&leader, 0));
    assert_eq!(log.latest_epoch(), Some(EPOCH));
    assert!(matches!(log.append_as_follower(&rest, NOW_MS), Err(AppendError::OutOfOrderOffsets { .. })));
    // Promoted, it knows the retries of all five batches.
    let retry =
        log.append_as_leader(producer_batch(4, 0, 10, 2, false), EPOCH + 1, Origin::Client, NOW_MS).unwrap();
    assert_eq!((retry.duplicate, retry.base_offset), (true, 10));
}

#[test]
fn timestamps_are_found_as_a_linear_scan_finds_them() {
    let config = LogConfig { segment_bytes: 4_000, index_interval_bytes: 300, ..LogConfig::default() };
    let bench = Bench { config, ..Bench::cold() };
    let mut log = bench.recover();
    let mut all = Vec::new();
    for index in 0..80i64 {
        // Out of order now and then.
        let timestamp_ms = 1_000 + (index * 37) % 50 + index * 10;
        let info = append(&mut log, batch(3, 60, timestamp_ms)).unwrap();
        all.extend((0..3).map(|delta| (info.base_offset + delta, timestamp_ms + delta)));
    }
    assert!(log.segment_count() > 4);
    for log in [log, bench.open(false, 0)] {
        for target in (990..1_900).step_by(3) {
            let expected = all.iter().find(|(_, timestamp)| *timestamp >= target);
            let found = log.offset_for_timestamp(target).unwrap();
            assert_eq!(found.map(|found| (found.offset, found.timestamp_ms)), expected.copied(), "{target}");
        }
        let highest = all.iter().map(|(_, timestamp)| *timestamp).max().unwrap();
        let first = all.iter().find(|(_, timestamp)| *timestamp == highest).unwrap();
        let found = log.offset_of_max_timestamp().unwrap().unwrap();
        assert_eq!((found.offset, found.timestamp_ms, found.leader_epoch), (first.0, highest, Some(EPOCH)));
    }
}
