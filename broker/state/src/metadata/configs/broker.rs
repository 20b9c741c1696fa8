//! The broker configurations, sorted by name.

use super::define::{Check, ConfigDef, Kind, boolean, def, int, list, long, string};

const FOREVER: &str = "9223372036854775807";

const fn unset(kind: Kind, name: &'static str, doc: &'static str) -> ConfigDef {
    def(kind, name, None, doc)
}

/// All broker configurations that have Kafka's names.
pub static BROKER: &[ConfigDef] = &[
    unset(
        Kind::String,
        "advertised.listeners",
        "The addresses clients are told, if they differ from `listeners`.",
    )
    .per_broker(),
    boolean(
        "auto.create.topics.enable",
        "true",
        "Whether a topic is created when a client asks for its metadata and it does not exist.",
    ),
    boolean(
        "auto.leader.rebalance.enable",
        "true",
        "Whether leadership goes back to preferred replicas by itself.",
    ),
    unset(
        Kind::String,
        "broker.rack",
        "The rack or zone the broker is in; replicas of one partition are spread over racks.",
    ),
    int("compression.gzip.level", "-1", "Default of the topics' compression.gzip.level.")
        .check(Check::Between(-1, 9))
        .cluster_wide(),
    int("compression.lz4.level", "9", "Default of the topics' compression.lz4.level.")
        .check(Check::Between(1, 17))
        .cluster_wide(),
    string("compression.type", "producer", "Default of the topics' compression.type.")
        .check(Check::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]))
        .cluster_wide(),
    int("compression.zstd.level", "3", "Default of the topics' compression.zstd.level.")
        .check(Check::Between(-131_072, 22))
        .cluster_wide(),
    long(
        "connections.max.idle.ms",
        "600000",
        "How long a connection may be silent before it is closed, in milliseconds.",
    ),
    int(
        "default.replication.factor",
        "1",
        "How many replicas a new topic's partitions have if the request does not say.",
    )
    .at_least(1)
    .cluster_wide(),
    boolean("delete.topic.enable", "true", "Whether topics can be deleted."),
    int("fetch.max.bytes", "57671680", "The most bytes one fetch may ask for.").at_least(1024),
    long(
        "follower.replication.throttled.rate",
        FOREVER,
        "How many bytes a second this broker's throttled followers fetch at most: see the topics' follower.replication.throttled.replicas.",
    )
    .at_least(0)
    .per_broker(),
    int(
        "group.initial.rebalance.delay.ms",
        "3000",
        "How long the first rebalance of an empty group waits for more members, in milliseconds.",
    )
    .at_least(0),
    int(
        "group.max.session.timeout.ms",
        "1800000",
        "The longest session timeout a group member may ask for, in milliseconds.",
    )
    .at_least(1),
    int("group.max.size", "2147483647", "The most members a group may have.").at_least(1),
    int(
        "group.min.session.timeout.ms",
        "6000",
        "The shortest session timeout a group member may ask for, in milliseconds.",
    )
    .at_least(1),
    unset(Kind::String, "inter.broker.listener.name", "The listener by which brokers reach each other."),
    long(
        "leader.replication.throttled.rate",
        FOREVER,
        "How many bytes a second this broker's throttled leaders send to followers at most: see the topics' leader.replication.throttled.replicas.",
    )
    .at_least(0)
    .per_broker(),
    list("listeners", "PLAINTEXT://:9092", "The addresses the broker listens on.").per_broker(),
    long("log.cleaner.delete.retention.ms", "86400000", "Default of the topics' delete.retention.ms.")
        .at_least(0)
        .cluster_wide(),
    boolean("log.cleaner.enable", "true", "Whether topics with cleanup.policy=compact are compacted."),
    long("log.cleaner.max.compaction.lag.ms", FOREVER, "Default of the topics' max.compaction.lag.ms.")
        .at_least(1)
        .cluster_wide(),
    def(
        Kind::Double,
        "log.cleaner.min.cleanable.ratio",
        Some("0.5"),
        "Default of the topics' min.cleanable.dirty.ratio.",
    )
    .check(Check::Fraction)
    .cluster_wide(),
    long("log.cleaner.min.compaction.lag.ms", "0", "Default of the topics' min.compaction.lag.ms.")
        .at_least(0)
        .cluster_wide(),
    list("log.cleanup.policy", "delete", "Default of the topics' cleanup.policy.")
        .check(Check::ListOf(&["compact", "delete"]))
        .cluster_wide(),
    string("log.dir", "/tmp/kafka-logs", "The directory of the log, if log.dirs is not set."),
    unset(Kind::String, "log.dirs", "The directories of the log, separated by commas."),
    long("log.flush.interval.messages", FOREVER, "Default of the topics' flush.messages.")
        .at_least(1)
        .cluster_wide(),
    unset(Kind::Long, "log.flush.interval.ms", "Default of the topics' flush.ms.").cluster_wide(),
    int(
        "log.flush.offset.checkpoint.interval.ms",
        "60000",
        "How often the recovery points are written, in milliseconds.",
    )
    .at_least(0),
    long(
        "log.flush.scheduler.interval.ms",
        FOREVER,
        "How often the flusher looks for logs to flush, in milliseconds.",
    ),
    int("log.index.interval.bytes", "4096", "Default of the topics' index.interval.bytes.")
        .at_least(0)
        .cluster_wide(),
    int("log.index.size.max.bytes", "10485760", "Default of the topics' segment.index.bytes.")
        .at_least(4)
        .cluster_wide(),
    long(
        "log.message.timestamp.after.max.ms",
        "3600000",
        "Default of the topics' message.timestamp.after.max.ms.",
    )
    .at_least(0)
    .cluster_wide(),
    long(
        "log.message.timestamp.before.max.ms",
        FOREVER,
        "Default of the topics' message.timestamp.before.max.ms.",
    )
    .at_least(0)
    .cluster_wide(),
    string("log.message.timestamp.type", "CreateTime", "Default of the topics' message.timestamp.type.")
        .check(Check::OneOf(&["CreateTime", "LogAppendTime"]))
        .cluster_wide(),
    boolean("log.preallocate", "false", "Default of the topics' preallocate.").cluster_wide(),
    long("log.retention.bytes", "-1", "Default of the topics' retention.bytes.").at_least(-1).cluster_wide(),
    long(
        "log.retention.check.interval.ms",
        "300000",
        "How often old segments are looked for, in milliseconds.",
    )
    .at_least(1),
    int(
        "log.retention.hours",
        "168",
        "Default of the topics' retention.ms, in hours, if neither the milliseconds nor the minutes are set.",
    ),
    unset(
        Kind::Int,
        "log.retention.minutes",
        "Default of the topics' retention.ms, in minutes, if the milliseconds are not set.",
    ),
    unset(Kind::Long, "log.retention.ms", "Default of the topics' retention.ms.").at_least(-1).cluster_wide(),
    int(
        "log.roll.hours",
        "168",
        "Default of the topics' segment.ms, in hours, if the milliseconds are not set.",
    )
    .at_least(1),
    int(
        "log.roll.jitter.hours",
        "0",
        "Default of the topics' segment.jitter.ms, in hours, if the milliseconds are not set.",
    )
    .at_least(0),
    unset(Kind::Long, "log.roll.jitter.ms", "Default of the topics' segment.jitter.ms.")
        .at_least(0)
        .cluster_wide(),
    unset(Kind::Long, "log.roll.ms", "Default of the topics' segment.ms.").at_least(1).cluster_wide(),
    int("log.segment.bytes", "1073741824", "Default of the topics' segment.bytes.")
        .at_least(1_048_576)
        .cluster_wide(),
    long("log.segment.delete.delay.ms", "60000", "Default of the topics' file.delete.delay.ms.")
        .at_least(0)
        .cluster_wide(),
    int("max.connections", "2147483647", "The most connections the broker accepts.")
        .at_least(0)
        .cluster_wide(),
    int("max.connections.per.ip", "2147483647", "The most connections the broker accepts from one address.")
        .at_least(0)
        .cluster_wide(),
    int("max.incremental.fetch.session.cache.slots", "1000", "The most fetch sessions the broker keeps.")
        .at_least(0),
    int("message.max.bytes", "1048588", "Default of the topics' max.message.bytes.")
        .at_least(0)
        .cluster_wide(),
    int("min.insync.replicas", "1", "Default of the topics' min.insync.replicas.").at_least(1).cluster_wide(),
    int("node.id", "-1", "The broker's id in its cluster."),
    int(
        "num.io.threads",
        "8",
        "Threads that serve requests. This broker runs one per core and takes no notice.",
    )
    .at_least(1)
    .cluster_wide(),
    int(
        "num.network.threads",
        "3",
        "Threads that serve connections. This broker runs one per core and takes no notice.",
    )
    .at_least(1)
    .cluster_wide(),
    int("num.partitions", "1", "How many partitions a new topic has if the request does not say.")
        .at_least(1)
        .cluster_wide(),
    int("num.recovery.threads.per.data.dir", "2", "Threads per directory that recover logs at start.")
        .at_least(1)
        .cluster_wide(),
    int(
        "num.replica.fetchers",
        "1",
        "Threads that fetch from each leader. This broker has one fetcher per leader and takes no notice.",
    )
    .cluster_wide(),
    int(
        "offset.metadata.max.bytes",
        "4096",
        "The most bytes of metadata a client may commit with an offset.",
    ),
    int(
        "offsets.commit.timeout.ms",
        "5000",
        "How long an offset commit waits for the replicas, in milliseconds.",
    )
    .at_least(1),
    int(
        "offsets.load.buffer.size",
        "5242880",
        "How many bytes are read at once when a group's offsets are loaded.",
    )
    .at_least(1),
    long(
        "offsets.retention.check.interval.ms",
        "600000",
        "How often expired offsets are looked for, in milliseconds.",
    )
    .at_least(1),
    int("offsets.retention.minutes", "10080", "How long the offsets of an empty group are kept, in minutes.")
        .at_least(1),
    int("offsets.topic.compression.codec", "0", "How batches of the offsets topic are compressed.")
        .check(Check::Between(0, 4)),
    int("offsets.topic.num.partitions", "50", "How many partitions the offsets topic has.").at_least(1),
    def(
        Kind::Short,
        "offsets.topic.replication.factor",
        Some("3"),
        "How many replicas the offsets topic has, or as many as there are brokers.",
    )
    .at_least(1),
    int("offsets.topic.segment.bytes", "104857600", "The size of the offsets topic's segments, in bytes.")
        .at_least(1),
    int(
        "producer.id.expiration.ms",
        "86400000",
        "How long an idle producer's state is remembered, in milliseconds.",
    )
    .at_least(1)
    .cluster_wide(),
    long(
        "replica.alter.log.dirs.io.max.bytes.per.second",
        FOREVER,
        "How many bytes a second are copied at most between this broker's log directories.",
    )
    .at_least(0)
    .per_broker(),
    long(
        "replica.lag.time.max.ms",
        "30000",
        "After how many milliseconds a follower that has not caught up leaves the in-sync replicas.",
    ),
    unset(
        Kind::Class,
        "replica.selector.class",
        "How a consumer that names its rack is sent to a replica near it; unset, everybody reads from the leader.",
    )
    .check(Check::OneOf(&["org.apache.kafka.common.replica.RackAwareReplicaSelector"])),
    int(
        "request.timeout.ms",
        "30000",
        "How long the broker waits for another broker's answer, in milliseconds.",
    ),
    int("socket.receive.buffer.bytes", "-1", "The size of a socket's receive buffer; -1 is the system's."),
    int("socket.request.max.bytes", "104857600", "The largest request a socket may carry, in bytes.")
        .at_least(1),
    int("socket.send.buffer.bytes", "-1", "The size of a socket's send buffer; -1 is the system's."),
    boolean(
        "unclean.leader.election.enable",
        "false",
        "Default of the topics' unclean.leader.election.enable.",
    )
    .cluster_wide(),
];
