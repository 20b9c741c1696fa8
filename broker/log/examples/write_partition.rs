//! Writes a partition directory with a bit of everything, for Kafka's own tools to read:
//! `cargo run -p headrace-log --example write_partition -- DIR`, then
//! `org.apache.kafka.tools.DumpLogSegments --deep-iteration --files DIR/topic-0/00000000000000000000.log,…`.

use std::{error::Error, path::PathBuf, sync::Arc};

use headrace_log::{Log, LogConfig, LogOptions, Origin, RealDisk, TailBudget, TopicId, TopicPartition};
use headrace_records::{BatchBuilder, Compression, EndTxnMarker, Header};

const NOW_MS: i64 = 1_700_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("name a directory")?);
    let config = LogConfig { segment_bytes: 64 * 1024, index_interval_bytes: 1024, ..LogConfig::default() };
    let mut log = Log::open(
        LogOptions {
            disk: RealDisk::shared(),
            dir: root.join("topic-0"),
            partition: TopicPartition::new("topic", 0),
            topic_id: Some(TopicId(*b"sixteen bytes id")),
            config: Arc::new(config),
            tail_budget: TailBudget::new(0),
            clean: false,
            recovery_point: 0,
            log_start_offset: 0,
            leader_epoch: None,
        },
        NOW_MS,
    )?;
    for round in 0..40i32 {
        for codec in Compression::ALL {
            let mut builder = BatchBuilder::new(codec).producer(i64::from(codec.code()), 0, round * 3);
            if codec == Compression::Gzip {
                builder = builder.transactional();
            }
            for index in 0..3 {
                let headers = [Header { key: b"a", value: Some(b"1") }, Header { key: b"a", value: None }];
                let value = format!("{codec} round {round} ").repeat(40);
                builder.append(
                    NOW_MS + i64::from(round * 10 + index),
                    Some(b"key"),
                    Some(value.as_bytes()),
                    &headers,
                )?;
            }
            log.append_as_leader(builder.build()?, round / 20, Origin::Client, NOW_MS)?;
        }
        let marker = EndTxnMarker { committed: round % 2 == 0, coordinator_epoch: 1 };
        let producer_id = i64::from(Compression::Gzip.code());
        let marker = BatchBuilder::end_txn(marker, NOW_MS, producer_id, 0)?;
        log.append_as_leader(marker.build()?, round / 20, Origin::Coordinator, NOW_MS)?;
    }
    log.close(NOW_MS)?;
    Ok(())
}
