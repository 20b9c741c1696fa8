//! After a crash: everything up to the last whole batch is there, nothing behind it, and what is rebuilt is what
//! was there before.

use std::fs;

use headrace_records::layout;

use super::*;
use crate::config::CleanupPolicy;

fn log_file(bench: &Bench, base: Offset) -> std::path::PathBuf {
    crate::segment::file_path(&bench.path(), base, "log")
}

#[test]
fn a_torn_last_batch_is_cut_wherever_it_was_torn() {
    let bench = Bench::cold();
    let mut log = bench.recover();
    append(&mut log, batch(3, 40, NOW_MS)).unwrap();
    append(&mut log, producer_batch(1, 0, 0, 2, false)).unwrap();
    let good = log.size_bytes() as usize;
    append(&mut log, producer_batch(1, 0, 2, 2, false)).unwrap();
    drop(log);
    let path = log_file(&bench, 0);
    let whole = fs::read(&path).unwrap();
    for cut in good..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let mut log = bench.recover();
        assert_eq!((log.log_end_offset(), log.size_bytes() as usize), (5, good), "cut at {cut}");
        assert_eq!(fs::metadata(&path).unwrap().len() as usize, good);
        let retry = append(&mut log, producer_batch(1, 0, 0, 2, false)).unwrap();
        assert!(retry.duplicate, "producer state is rebuilt");
        assert_eq!(append(&mut log, producer_batch(1, 0, 2, 2, false)).unwrap().base_offset, 5);
    }
}

#[test]
fn zeros_and_flipped_bits_are_cut_with_all_behind_them() {
    let bench = Bench::cold();
    let mut log = bench.recover();
    let mut ends = vec![0];
    for index in 0..4 {
        append(&mut log, batch(2, 30, NOW_MS + index)).unwrap();
        ends.push(log.size_bytes() as usize);
    }
    drop(log);
    let path = log_file(&bench, 0);
    let whole = fs::read(&path).unwrap();
    let mut zeros = whole.clone();
    zeros.resize(whole.len() + 5_000, 0);
    fs::write(&path, &zeros).unwrap();
    assert_eq!(bench.recover().log_end_offset(), 8, "a zero tail");
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        let hit = ends.iter().rposition(|end| *end <= at).unwrap();
        let log = bench.recover();
        // Base offset and leader epoch lie outside the checksum: a change there may pass.
        let in_header = at - ends[hit];
        if in_header < 8 || (12..16).contains(&in_header) {
            assert!(log.log_end_offset() >= hit as i64 * 2, "byte {at}");
        } else {
            assert_eq!(log.log_end_offset(), hit as i64 * 2, "byte {at}");
        }
    }
}

#[test]
fn damage_in_a_segment_drops_the_segments_behind_it() {
    let bench = Bench { config: LogConfig { segment_bytes: 1_000, ..LogConfig::default() }, ..Bench::cold() };
    let mut log = bench.recover();
    for index in 0..12 {
        append(&mut log, batch(1, 300, NOW_MS + index)).unwrap();
    }
    assert!(log.segment_count() >= 4);
    drop(log);
    let second = names(&bench.path(), ".log")[1].clone();
    let path = bench.path().join(&second);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let mut log = bench.recover();
    let end = log.log_end_offset();
    assert_eq!(log.segment_count(), 2);
    assert_eq!(read_all(&log, 0).len() as i64, end);
    assert_eq!(append(&mut log, batch(1, 10, NOW_MS)).unwrap().base_offset, end);
    log.close(NOW_MS).unwrap();
    assert_eq!(bench.open(true, end + 1).log_end_offset(), end + 1);
}

#[test]
fn segments_below_the_recovery_point_are_not_scanned() {
    let bench = Bench { config: LogConfig { segment_bytes: 1_000, ..LogConfig::default() }, ..Bench::cold() };
    let mut log = bench.recover();
    for index in 0..12 {
        append(&mut log, batch(1, 300, NOW_MS + index)).unwrap();
    }
    log.flush(NOW_MS).unwrap();
    let end = log.log_end_offset();
    assert_eq!(log.flushed_offset(), end);
    drop(log);
    let path = log_file(&bench, 0);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let log = bench.open(false, end);
    assert_eq!(log.log_end_offset(), end, "the damage is a reader's to report");
}

#[test]
fn a_clean_log_opens_as_it_was_closed() {
    let config = LogConfig { segment_bytes: 4_000, index_interval_bytes: 200, ..LogConfig::default() };
    let bench = Bench { config, ..Bench::cold() };
    let mut log = bench.recover();
    for index in 0..30 {
        append(&mut log, producer_batch(1, 0, index * 2, 2, false)).unwrap();
        append(&mut log, batch(1, 100, NOW_MS + i64::from(index))).unwrap();
    }
    let before = read_all(&log, 0);
    let producers = log.active_producers();
    log.close(NOW_MS).unwrap();
    let files: Vec<_> = RealDisk.list(&bench.path()).unwrap();
    let mut log = bench.open(true, 0);
    assert_eq!(RealDisk.list(&bench.path()).unwrap(), files, "opening writes nothing");
    assert_eq!((log.log_end_offset(), log.flushed_offset()), (90, 90));
    assert_eq!((read_all(&log, 0), log.active_producers()), (before, producers));
    for sequence in [50, 52, 54, 56, 58] {
        assert!(append(&mut log, producer_batch(1, 0, sequence, 2, false)).unwrap().duplicate, "{sequence}");
    }
    assert_eq!(log.offset_of_max_timestamp().unwrap().unwrap().timestamp_ms, NOW_MS + 29);
    // Damaged indexes are noticed and rebuilt.
    drop(log);
    let index = bench.path().join(&names(&bench.path(), ".index")[0]);
    fs::write(&index, [1, 2, 3]).unwrap();
    let log = bench.open(true, 0);
    assert_eq!(log.log_end_offset(), 90);
    assert_eq!(fs::metadata(&index).unwrap().len() % 8, 0);
}

#[test]
fn rebuilt_indexes_are_those_that_were_written() {
    let config = LogConfig { segment_bytes: 6_000, index_interval_bytes: 500, ..LogConfig::default() };
    let bench = Bench { config, ..Bench::cold() };
    let mut log = bench.recover();
    for index in 0..40i64 {
        append(&mut log, batch(2, 100, NOW_MS + (index * 31) % 40)).unwrap();
    }
    log.close(NOW_MS).unwrap();
    let contents = || -> Vec<(String, Vec<u8>)> {
        let mut all = names(&bench.path(), "index");
        all.sort();
        all.into_iter().map(|name| (name.clone(), fs::read(bench.path().join(name)).unwrap())).collect()
    };
    let written = contents();
    assert!(written.len() >= 4 && written.iter().all(|(_, bytes)| !bytes.is_empty()));
    for (name, _) in &written {
        fs::remove_file(bench.path().join(name)).unwrap();
    }
    bench.recover().close(NOW_MS).unwrap();
    assert_eq!(contents(), written);
}

#[test]
fn aborted_transactions_are_rebuilt() {
    let bench = Bench { config: LogConfig { segment_bytes: 400, ..LogConfig::default() }, ..Bench::cold() };
    let mut log = bench.recover();
    for bytes in [
        producer_batch(1, 0, 0, 2, true),
        producer_batch(2, 0, 0, 1, true),
        marker(1, false),
        producer_batch(1, 0, 2, 1, true),
        marker(2, true),
        marker(1, false),
        producer_batch(3, 0, 0, 1, true),
    ] {
        append(&mut log, bytes).unwrap();
    }
    let end = log.log_end_offset();
    let check = |log: &mut Log| {
        let aborted = log.aborted_transactions(0, end).unwrap();
        let seen: Vec<_> =
            aborted.iter().map(|txn| (txn.producer_id, txn.first_offset, txn.last_offset)).collect();
        assert_eq!(seen, [(1, 0, 3), (1, 4, 6)]);
        assert_eq!(aborted[0].last_stable_offset, 2, "producer 2 was still open");
        assert!(log.aborted_transactions(7, end).unwrap().is_empty());
        log.on_high_watermark(end);
        assert_eq!(log.last_stable_offset(end), 7);
    };
    check(&mut log);
    drop(log);
    for name in names(&bench.path(), ".txnindex") {
        fs::remove_file(bench.path().join(name)).unwrap();
    }
    check(&mut bench.recover());
    check(&mut bench.recover());
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    let bench = Bench { config: LogConfig { segment_bytes: 600, ..LogConfig::default() }, ..Bench::cold() };
    let mut log = bench.recover();
    for index in 0..20 {
        append(&mut log, producer_batch(1, 0, index, 1, false)).unwrap();
    }
    let producers = log.active_producers();
    log.close(NOW_MS).unwrap();
    let newest = names(&bench.path(), ".snapshot").pop().unwrap();
    fs::write(bench.path().join(newest), b"garbage").unwrap();
    assert_eq!(bench.open(true, 20).active_producers(), producers);
}

fn batch_size(log: &Path) -> usize {
    Batch::first(&Bytes::from(fs::read(log).unwrap())).unwrap().size_bytes()
}

/// What lies outside a batch's checksum, with one bit of it flipped: nothing may be lost, or be there in another shape, without a word.
#[test]
fn flipped_bits_outside_the_checksum_are_noticed() {
    for compact in [false, true] {
        let cleanup = CleanupPolicy { compact, delete: !compact };
        let bench = Bench { config: LogConfig { cleanup, ..LogConfig::default() }, ..Bench::cold() };
        let mut log = bench.recover();
        for index in 0..6 {
            append(&mut log, batch(2, 100, NOW_MS + index)).unwrap();
        }
        log.write_epochs().unwrap();
        let whole = read_all(&log, 0);
        drop(log);
        let path = log_file(&bench, 0);
        let good = fs::read(&path).unwrap();
        let size = batch_size(&path);
        for hit in [0, 3, 5] {
            for bit in 0..layout::MAGIC * 8 {
                let mut bytes = good.clone();
                bytes[hit * size + bit / 8] ^= 1 << (bit % 8);
                fs::write(&path, &bytes).unwrap();
                let options = LogOptions { leader_epoch: Some(EPOCH), ..bench.options(false, 0) };
                let mut log = Log::open(options, NOW_MS).unwrap();
                let case = format!("batch {hit}, bit {bit}, compact {compact}");
                assert!(log.is_damaged(), "{case}");
                log.doubt_epochs_above(EPOCH);
                log.settle_doubt(true, NOW_MS).unwrap();
                let end = usize::try_from(log.log_end_offset()).unwrap();
                assert!(end <= hit * 2, "{case}: {end}");
                assert!(read_all(&log, 0) == whole[..end / 2], "{case}");
                drop(log);
                fs::remove_dir_all(bench.path()).unwrap();
                fs::create_dir_all(bench.path()).unwrap();
                fs::write(bench.path().join("leader-epoch-checkpoint"), format!("0\n1\n{EPOCH} 0\n"))
                    .unwrap();
            }
        }
    }
}

#[test]
fn what_is_in_doubt_stays_where_it_is_the_best_that_is_left() {
    let cleanup = CleanupPolicy { compact: true, delete: false };
    let bench = Bench { config: LogConfig { cleanup, ..LogConfig::default() }, ..Bench::cold() };
    let mut log = bench.recover();
    append(&mut log, batch(2, 100, NOW_MS)).unwrap();
    drop(log);
    let path = log_file(&bench, 0);
    let mut bytes = fs::read(&path).unwrap();
    let mut more = bytes.clone();
    more[7] = 9;
    bytes.extend(more);
    fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        let mut log = bench.recover();
        assert!(log.is_damaged());
        assert_eq!(log.certain_end_offset(), 2);
        log.settle_doubt(false, NOW_MS).unwrap();
        log.settle_doubt(true, NOW_MS).unwrap();
        assert_eq!((log.log_end_offset(), log.certain_end_offset()), (11, 11));
    }
    let mut log = bench.recover();
    log.close(NOW_MS).unwrap();
    let log = bench.open(true, 11);
    assert_eq!(
        (log.is_damaged(), log.certain_end_offset()),
        (true, 2),
        "a start that looks at nothing knows of it"
    );
}

#[test]
fn a_log_that_begins_within_an_epoch_is_not_doubted() {
    let bench = Bench::cold();
    let mut log = bench.recover();
    for index in 0..4 {
        append(&mut log, batch(2, 100, NOW_MS + index)).unwrap();
    }
    log.delete_records_before(5, 8).unwrap();
    log.write_epochs().unwrap();
    drop(log);
    let options = LogOptions { log_start_offset: 5, leader_epoch: Some(EPOCH), ..bench.options(false, 0) };
    let log = Log::open(options, NOW_MS).unwrap();
    assert_eq!((log.is_damaged(), log.log_start_offset(), log.certain_end_offset()), (false, 5, 8));
}

#[test]
fn a_hole_between_segments_is_doubted() {
    let bench = Bench { config: LogConfig { segment_bytes: 1_000, ..LogConfig::default() }, ..Bench::cold() };
    let mut log = bench.recover();
    for index in 0..12 {
        append(&mut log, batch(1, 300, NOW_MS + index)).unwrap();
    }
    drop(log);
    // As a repair leaves it that was interrupted.
    let path = bench.path().join(&names(&bench.path(), ".log")[1]);
    let bytes = fs::read(&path).unwrap();
    let size = batch_size(&path);
    fs::write(&path, &bytes[..bytes.len() - size]).unwrap();
    let mut log = bench.recover();
    assert!(log.is_damaged());
    log.settle_doubt(true, NOW_MS).unwrap();
    let end = log.log_end_offset();
    assert_eq!((read_all(&log, 0).len() as i64, log.segment_count()), (end, 2));
}
