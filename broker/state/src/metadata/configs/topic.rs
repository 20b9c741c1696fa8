//! The topic configurations, sorted by name.

use super::define::{Check, ConfigDef, Kind, boolean, def, hours, int, list, long, minutes, same, string};

const FOREVER: &str = "9223372036854775807";

/// All topic configurations.
pub static TOPIC: &[ConfigDef] = &[
    list("cleanup.policy", "delete", "What happens to old segments: `delete` drops them by age and size, `compact` keeps the last record of each key, both together do both.")
        .check(Check::ListOf(&["compact", "delete"])).like(&[same("log.cleanup.policy")]),
    int("compression.gzip.level", "-1", "The gzip level if the topic's compression.type is gzip; -1 is gzip's own default.")
        .check(Check::Between(-1, 9)).like(&[same("compression.gzip.level")]),
    int("compression.lz4.level", "9", "The lz4 level if the topic's compression.type is lz4.")
        .check(Check::Between(1, 17)).like(&[same("compression.lz4.level")]),
    string("compression.type", "producer", "How batches are compressed on disk. `producer` keeps what the producer chose.")
        .check(Check::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])).like(&[same("compression.type")]),
    int("compression.zstd.level", "3", "The zstd level if the topic's compression.type is zstd.")
        .check(Check::Between(-131_072, 22)).like(&[same("compression.zstd.level")]),
    long("delete.retention.ms", "86400000", "How long compaction keeps delete markers, in milliseconds: a consumer that reads from the start has so long to reach the end.")
        .at_least(0).like(&[same("log.cleaner.delete.retention.ms")]),
    long("file.delete.delay.ms", "60000", "How long a deleted file stays on disk, in milliseconds.")
        .at_least(0).like(&[same("log.segment.delete.delay.ms")]),
    long("flush.messages", FOREVER, "How many messages may be written before they are forced to disk. Replication is the better safeguard.")
        .at_least(1).like(&[same("log.flush.interval.messages")]),
    long("flush.ms", FOREVER, "After how many milliseconds what was written is forced to disk.")
        .at_least(0).like(&[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")]),
    list("follower.replication.throttled.replicas", "", "Replicas whose fetching is throttled on the follower's side: `partition:broker` pairs, or `*` for all.")
        .check(Check::ThrottledReplicas),
    int("index.interval.bytes", "4096", "How many bytes of records there are between two entries of a segment's offset index.")
        .at_least(0).like(&[same("log.index.interval.bytes")]),
    list("leader.replication.throttled.replicas", "", "Replicas whose fetching is throttled on the leader's side: `partition:broker` pairs, or `*` for all.")
        .check(Check::ThrottledReplicas),
    long("local.retention.bytes", "-2", "With tiered storage, how many bytes stay on local disks; -2 is retention.bytes.").at_least(-2),
    long("local.retention.ms", "-2", "With tiered storage, how many milliseconds segments stay on local disks; -2 is retention.ms.").at_least(-2),
    long("max.compaction.lag.ms", FOREVER, "After how many milliseconds a record must have been considered by compaction.")
        .at_least(1).like(&[same("log.cleaner.max.compaction.lag.ms")]),
    int("max.message.bytes", "1048588", "The largest record batch that may be written, after compression, in bytes.")
        .at_least(0).like(&[same("message.max.bytes")]),
    long("message.timestamp.after.max.ms", "3600000", "How far a record's timestamp may lie ahead of the broker's clock, in milliseconds.")
        .at_least(0).like(&[same("log.message.timestamp.after.max.ms")]),
    long("message.timestamp.before.max.ms", FOREVER, "How far a record's timestamp may lie behind the broker's clock, in milliseconds.")
        .at_least(0).like(&[same("log.message.timestamp.before.max.ms")]),
    string("message.timestamp.type", "CreateTime", "Whether a record carries the time it was made or the time it was appended.")
        .check(Check::OneOf(&["CreateTime", "LogAppendTime"])).like(&[same("log.message.timestamp.type")]),
    def(Kind::Double, "min.cleanable.dirty.ratio", Some("0.5"), "What share of a log must be uncompacted before compaction looks at it.")
        .check(Check::Fraction).like(&[same("log.cleaner.min.cleanable.ratio")]),
    long("min.compaction.lag.ms", "0", "How many milliseconds a record stays uncompacted at least.")
        .at_least(0).like(&[same("log.cleaner.min.compaction.lag.ms")]),
    int("min.insync.replicas", "1", "How many replicas must have a record before a producer with acks=all hears of success.")
        .at_least(1).like(&[same("min.insync.replicas")]),
    boolean("preallocate", "false", "Whether a new segment's file takes its full size on disk at once.")
        .like(&[same("log.preallocate")]),
    boolean("remote.storage.enable", "false", "Whether closed segments move to tiered storage. This broker has none: only false is allowed.")
        .check(Check::OneOf(&["false"])),
    long("retention.bytes", "-1", "How large a partition may grow before its oldest segments are deleted; -1 is without limit.")
        .at_least(-1).like(&[same("log.retention.bytes")]),
    long("retention.ms", "604800000", "How old a segment may grow before it is deleted, in milliseconds; -1 is without limit.")
        .at_least(-1).like(&[same("log.retention.ms"), minutes("log.retention.minutes"), hours("log.retention.hours")]),
    int("segment.bytes", "1073741824", "The size at which a segment is closed and a new one begun.")
        .at_least(1_048_576).like(&[same("log.segment.bytes")]),
    int("segment.index.bytes", "10485760", "The largest size of a segment's offset index.")
        .at_least(4).like(&[same("log.index.size.max.bytes")]),
    long("segment.jitter.ms", "0", "By how many milliseconds at most the closing of segments is spread, so that not all close at once.")
        .at_least(0).like(&[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")]),
    long("segment.ms", "604800000", "The age at which a segment is closed though it is not full, in milliseconds.")
        .at_least(1).like(&[same("log.roll.ms"), hours("log.roll.hours")]),
    boolean("unclean.leader.election.enable", "false", "Whether a replica that is not in sync may become leader when no other is left. Acknowledged records may be lost.")
        .like(&[same("unclean.leader.election.enable")]),
];
