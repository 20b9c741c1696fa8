//! The bytes on disk are Kafka's.

use std::fs;

use super::*;
use crate::TopicId;

#[test]
fn a_partition_directory_looks_as_kafkas_does() {
    let config = LogConfig { segment_bytes: 1_000, index_interval_bytes: 200, ..LogConfig::default() };
    let bench = Bench { config, ..Bench::cold() };
    let mut options = bench.options(false, 0);
    options.topic_id = Some(TopicId([1; 16]));
    let mut log = Log::open(options, NOW_MS).unwrap();
    assert_eq!(
        RealDisk.list(&bench.path()).unwrap(),
        ["partition.metadata"],
        "an empty partition costs no files"
    );
    for index in 0..6 {
        append(&mut log, batch(1, 153, NOW_MS + index)).unwrap();
    }
    log.close(NOW_MS).unwrap();
    assert_eq!(
        RealDisk.list(&bench.path()).unwrap(),
        [
            "00000000000000000000.index",
            "00000000000000000000.log",
            "00000000000000000000.timeindex",
            "00000000000000000004.index",
            "00000000000000000004.log",
            "00000000000000000004.snapshot",
            "00000000000000000004.timeindex",
            "00000000000000000006.snapshot",
            "leader-epoch-checkpoint",
            "partition.metadata",
        ]
    );
    let read = |name: &str| fs::read(bench.path().join(name)).unwrap();
    let log_bytes = read("00000000000000000000.log");
    assert_eq!(log_bytes.len(), 4 * 226);
    // The third and fourth batches each came after more than 200 bytes.
    assert_eq!(
        read("00000000000000000000.index"),
        [[0, 0, 0, 1, 0, 0, 0, 226], [0, 0, 0, 2, 0, 0, 1, 196], [0, 0, 0, 3, 0, 0, 2, 166]].concat()
    );
    let mut times = Vec::new();
    for relative in 1..4u8 {
        times.extend_from_slice(&(NOW_MS + i64::from(relative)).to_be_bytes());
        times.extend_from_slice(&[0, 0, 0, relative]);
    }
    assert_eq!(read("00000000000000000000.timeindex"), times);
    assert_eq!(read("leader-epoch-checkpoint"), b"0\n1\n3 0\n");
    assert_eq!(read("partition.metadata"), b"version: 0\ntopic_id: AQEBAQEBAQEBAQEBAQEBAQ");
    // Base offset and leader epoch are stamped; the rest is what the producer sent.
    let sent = batch(1, 153, NOW_MS + 1);
    let stored = &log_bytes[226..452];
    assert_eq!((&stored[..8], &stored[12..16]), (&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0, 0, 0, 3][..]));
    assert_eq!((&stored[8..12], &stored[16..]), (&sent[8..12], &sent[16..]));
}
