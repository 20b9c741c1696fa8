//! Every configuration key of the broker: its name, type, default, check and description, declared once. The typed [`Config`] struct,
//! the check at start, DescribeConfigs and the reference page all come from this table.

use super::value::{ConfigKind, ConfigValue, Entry, Source, Values, any, at_least, between, one_of};

/// The only way of choosing whom a consumer reads from that there is.
const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// What the table says of one key.
#[derive(Debug)]
pub struct KeyDefinition {
    /// Kafka's name (or ours, beginning with `headrace.`).
    pub name: &'static str,
    /// Kafka's type name of the value.
    pub kind: ConfigKind,
    /// The default as it would be written in a file; `None` where there is none.
    pub default: Option<&'static str>,
    /// One or two sentences.
    pub doc: &'static str,
}

macro_rules! config_keys {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $name:literal, $default:expr, $check:expr;)+) => {
        /// The broker's configuration: one typed field per key, named as the key with `_` for `.`.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub struct Config {
            $($(#[doc = $doc])+ pub $field: $type,)+
            pub(super) entries: Vec<Entry>,
        }

        /// All keys, in the order in which they are documented.
        pub const KEYS: &[KeyDefinition] = &[
            $(KeyDefinition {
                name: $name,
                kind: <$type as ConfigValue>::KIND,
                default: $default,
                doc: concat!($($doc),+),
            },)+
        ];

        impl Config {
            /// Parses and checks every key; what is wrong is left in `values` and the default stands in.
            pub(super) fn from_values(values: &mut Values<'_>) -> Self {
                Self {
                    $($field: values.take::<$type>($name, $default, $check),)+
                    entries: values.finish(KEYS),
                }
            }
        }
    };
}

impl Config {
    /// Every key with its value in force and where that came from.
    pub fn entries(&self) -> impl Iterator<Item = (&'static KeyDefinition, Option<&str>, Source)> {
        KEYS.iter().zip(&self.entries).map(|(key, entry)| (key, entry.value.as_deref(), entry.source))
    }

    /// Whether a key was given a value, be it that of its default.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.entries().any(|(key, _, source)| key.name == name && source != Source::Default)
    }
}

config_keys! {
    /// The id of this node in its cluster.
    node_id: i32 = "node.id", Some("1"), at_least(0);
    /// The id of the cluster. Empty: taken from the data directory, or made at the first start.
    cluster_id: String = "cluster.id", Some(""), any;
    /// The rack this broker stands in, for placing replicas apart.
    broker_rack: Option<String> = "broker.rack", None, any;
    /// Where the broker listens, as NAME://HOST:PORT. An empty host means every address; port 0 picks a free one.
    listeners: Vec<String> = "listeners", Some("PLAINTEXT://127.0.0.1:9092,INTERNAL://127.0.0.1:9093"), any;
    /// What clients and brokers are told to connect to. Empty: the same as `listeners`.
    advertised_listeners: Vec<String> = "advertised.listeners", Some(""), any;
    /// Which security protocol each listener speaks.
    listener_security_protocol_map: Vec<String> = "listener.security.protocol.map",
        Some("PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT"), any;
    /// The listener that brokers use among themselves, one of `listeners`. A broker that is alone needs none.
    inter_broker_listener_name: Option<String> = "inter.broker.listener.name", None, any;
    /// The first voters of the metadata quorum, as ID@HOST:PORT of their inter-broker listeners. Empty: this broker alone, unless controller.quorum.bootstrap.servers names others. Later the quorum itself knows its voters.
    controller_quorum_voters: Vec<String> = "controller.quorum.voters", Some(""), any;
    /// Brokers of a running cluster that this one joins, as HOST:PORT of their inter-broker listeners.
    controller_quorum_bootstrap_servers: Vec<String> = "controller.quorum.bootstrap.servers", Some(""), any;
    /// How often a broker tells the controller that it lives, in milliseconds.
    broker_heartbeat_interval_ms: i32 = "broker.heartbeat.interval.ms", Some("2000"), at_least(1);
    /// After how many milliseconds without a heartbeat the controller fences a broker.
    broker_session_timeout_ms: i32 = "broker.session.timeout.ms", Some("9000"), at_least(1);
    /// Whether leaderships go back to the preferred replicas by themselves.
    auto_leader_rebalance_enable: bool = "auto.leader.rebalance.enable", Some("true"), any;
    /// How often that is looked at, in seconds.
    leader_imbalance_check_interval_seconds: i64 = "leader.imbalance.check.interval.seconds", Some("300"), at_least(1);
    /// The directories that hold the partitions.
    log_dirs: Vec<String> = "log.dirs", Some("./headrace-data"), any;
    /// The directory of the metadata quorum's log. Default: `__cluster_metadata` in the first log directory.
    metadata_log_dir: Option<String> = "metadata.log.dir", None, any;
    /// Where /metrics, /healthz and /readyz are served; empty turns them off.
    headrace_admin_listener: String = "headrace.admin.listener", Some("127.0.0.1:9644"), any;
    /// Threads that serve connections; 0 means one per core.
    headrace_io_threads: i32 = "headrace.io.threads", Some("0"), between(0, 1024);
    /// A connection that has sent no whole request after this many milliseconds is closed.
    headrace_first_request_timeout_ms: i64 = "headrace.first.request.timeout.ms", Some("30000"), at_least(1);
    /// How long a stop may take to finish requests in flight, in milliseconds.
    headrace_shutdown_grace_ms: i64 = "headrace.shutdown.grace.ms", Some("5000"), at_least(0);

    /// The largest request in bytes; a connection that announces a larger one is closed.
    socket_request_max_bytes: i32 = "socket.request.max.bytes", Some("104857600"), at_least(1);
    /// The socket's send buffer in bytes; -1 leaves it to the kernel, which sizes it to the connection.
    socket_send_buffer_bytes: i32 = "socket.send.buffer.bytes", Some("-1"), at_least(-1);
    /// The socket's receive buffer in bytes; -1 leaves it to the kernel, which sizes it to the connection.
    socket_receive_buffer_bytes: i32 = "socket.receive.buffer.bytes", Some("-1"), at_least(-1);
    /// How many connections may wait to be accepted.
    socket_listen_backlog_size: i32 = "socket.listen.backlog.size", Some("50"), at_least(1);
    /// How many connections this broker holds.
    max_connections: i32 = "max.connections", Some("2147483647"), at_least(0);
    /// How many connections one address may have.
    max_connections_per_ip: i32 = "max.connections.per.ip", Some("2147483647"), at_least(0);
    /// Idle connections are closed after this many milliseconds.
    connections_max_idle_ms: i64 = "connections.max.idle.ms", Some("600000"), at_least(1);

    /// Whether asking for the metadata of a topic, or producing to it, creates it.
    auto_create_topics_enable: bool = "auto.create.topics.enable", Some("true"), any;
    /// Whether topics may be deleted.
    delete_topic_enable: bool = "delete.topic.enable", Some("true"), any;
    /// Partitions of a topic that does not say.
    num_partitions: i32 = "num.partitions", Some("1"), at_least(1);
    /// Replicas of a topic that does not say.
    default_replication_factor: i32 = "default.replication.factor", Some("1"), between(1, 32767);
    /// In-sync replicas that a write with acks=all needs.
    min_insync_replicas: i32 = "min.insync.replicas", Some("1"), at_least(1);
    /// Whether a replica out of sync may become leader, at the price of lost records.
    unclean_leader_election_enable: bool = "unclean.leader.election.enable", Some("false"), any;
    /// The largest batch of records in bytes, as it is after compression.
    message_max_bytes: i32 = "message.max.bytes", Some("1048588"), at_least(0);
    /// How batches are compressed on disk; `producer` keeps what the producer chose.
    compression_type: String = "compression.type", Some("producer"),
        one_of(&["uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"]);
    /// The most that one fetch answers, in bytes.
    fetch_max_bytes: i32 = "fetch.max.bytes", Some("57671680"), at_least(1024);
    /// How long a follower may be behind before it leaves the in-sync replicas, in milliseconds.
    replica_lag_time_max_ms: i64 = "replica.lag.time.max.ms", Some("30000"), at_least(1);
    /// How long a follower's fetch waits for records, in milliseconds.
    replica_fetch_wait_max_ms: i32 = "replica.fetch.wait.max.ms", Some("500"), at_least(1);
    /// How many bytes a follower's fetch waits for.
    replica_fetch_min_bytes: i32 = "replica.fetch.min.bytes", Some("1"), at_least(0);
    /// How much a follower fetches of one partition at once, in bytes.
    replica_fetch_max_bytes: i32 = "replica.fetch.max.bytes", Some("1048576"), at_least(0);
    /// How much a follower fetches at once of all partitions, in bytes.
    replica_fetch_response_max_bytes: i32 = "replica.fetch.response.max.bytes", Some("10485760"), at_least(0);
    /// How long a follower leaves a partition alone after an error, in milliseconds.
    replica_fetch_backoff_ms: i32 = "replica.fetch.backoff.ms", Some("1000"), at_least(0);
    /// How many bytes a second throttled leaders send to followers at most.
    leader_replication_throttled_rate: i64 = "leader.replication.throttled.rate", Some("9223372036854775807"), at_least(0);
    /// How many bytes a second throttled followers fetch at most.
    follower_replication_throttled_rate: i64 = "follower.replication.throttled.rate", Some("9223372036854775807"), at_least(0);
    /// How many bytes a second are copied at most between log directories.
    replica_alter_log_dirs_io_max_bytes_per_second: i64 = "replica.alter.log.dirs.io.max.bytes.per.second",
        Some("9223372036854775807"), at_least(0);
    /// How a consumer that names its rack is sent to a replica near it: RackAwareReplicaSelector to an in-sync one in its rack (KIP-392). Unset: everybody reads from the leader.
    replica_selector_class: Option<String> = "replica.selector.class", None, one_of(&[RACK_AWARE_SELECTOR]);
    /// How many incremental fetch sessions are kept.
    max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots", Some("1000"), at_least(0);
    /// The most partitions that one DescribeTopicPartitions answers.
    max_request_partition_size_limit: i32 = "max.request.partition.size.limit", Some("2000"), at_least(1);

    /// The size in bytes at which a segment is rolled.
    log_segment_bytes: i32 = "log.segment.bytes", Some("1073741824"), at_least(1024 * 1024);
    /// The age in milliseconds at which a segment is rolled.
    log_roll_ms: Option<i64> = "log.roll.ms", None, at_least(1);
    /// The age in hours at which a segment is rolled, unless log.roll.ms says.
    log_roll_hours: i32 = "log.roll.hours", Some("168"), at_least(1);
    /// The most that is taken off a segment's roll time at random, in milliseconds.
    log_roll_jitter_ms: Option<i64> = "log.roll.jitter.ms", None, at_least(0);
    /// How long records are kept, in milliseconds; -1 is for ever.
    log_retention_ms: Option<i64> = "log.retention.ms", None, at_least(-1);
    /// How long records are kept, in minutes, unless log.retention.ms says.
    log_retention_minutes: Option<i32> = "log.retention.minutes", None, any;
    /// How long records are kept, in hours, unless log.retention.minutes or log.retention.ms says.
    log_retention_hours: i32 = "log.retention.hours", Some("168"), any;
    /// How many bytes of a partition are kept; -1 is no limit.
    log_retention_bytes: i64 = "log.retention.bytes", Some("-1"), at_least(-1);
    /// How often retention is looked at, in milliseconds.
    log_retention_check_interval_ms: i64 = "log.retention.check.interval.ms", Some("300000"), at_least(1);
    /// What becomes of old records: delete, compact or both.
    log_cleanup_policy: Vec<String> = "log.cleanup.policy", Some("delete"), any;
    /// How long a tombstone outlives its key, in milliseconds.
    log_cleaner_delete_retention_ms: i64 = "log.cleaner.delete.retention.ms", Some("86400000"), at_least(0);
    /// How long a record stays uncompacted at least, in milliseconds.
    log_cleaner_min_compaction_lag_ms: i64 = "log.cleaner.min.compaction.lag.ms", Some("0"), at_least(0);
    /// How long a record stays uncompacted at most, in milliseconds.
    log_cleaner_max_compaction_lag_ms: i64 = "log.cleaner.max.compaction.lag.ms", Some("9223372036854775807"), at_least(1);
    /// The share of a log that must be dirty before it is compacted.
    log_cleaner_min_cleanable_ratio: f64 = "log.cleaner.min.cleanable.ratio", Some("0.5"), between(0.0, 1.0);
    /// The largest offset index of a segment, in bytes.
    log_index_size_max_bytes: i32 = "log.index.size.max.bytes", Some("10485760"), at_least(4);
    /// How many bytes of records lie between two entries of the offset index.
    log_index_interval_bytes: i32 = "log.index.interval.bytes", Some("4096"), at_least(0);
    /// How many records may wait before they are forced to disk.
    log_flush_interval_messages: i64 = "log.flush.interval.messages", Some("9223372036854775807"), at_least(1);
    /// How long a record may wait before it is forced to disk, in milliseconds. Default: the operating system's own pace.
    log_flush_interval_ms: Option<i64> = "log.flush.interval.ms", None, at_least(0);
    /// How often the recovery points are written down, in milliseconds.
    log_flush_offset_checkpoint_interval_ms: i64 = "log.flush.offset.checkpoint.interval.ms", Some("60000"), at_least(1);
    /// Whether a new segment's file is allocated whole.
    log_preallocate: bool = "log.preallocate", Some("false"), any;
    /// Whether records carry the producer's time or the broker's.
    log_message_timestamp_type: String = "log.message.timestamp.type", Some("CreateTime"), one_of(&["CreateTime", "LogAppendTime"]);
    /// How far in the past a record's time may lie, in milliseconds.
    log_message_timestamp_before_max_ms: i64 = "log.message.timestamp.before.max.ms", Some("9223372036854775807"), at_least(0);
    /// How far in the future a record's time may lie, in milliseconds.
    log_message_timestamp_after_max_ms: i64 = "log.message.timestamp.after.max.ms", Some("3600000"), at_least(0);
    /// How long the files of a removed segment stay, in milliseconds.
    log_segment_delete_delay_ms: i64 = "log.segment.delete.delay.ms", Some("60000"), at_least(0);

    /// Partitions of `__consumer_offsets`.
    offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions", Some("50"), between(1, 100_000);
    /// Replicas of `__consumer_offsets`. If this is set, there are no consumer groups until there are so many brokers; if not, there are as many as there are brokers when the topic is made, and at most 3.
    offsets_topic_replication_factor: i32 = "offsets.topic.replication.factor", Some("3"), between(1, 32767);
    /// Segment size of `__consumer_offsets`, in bytes.
    offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes", Some("104857600"), at_least(1);
    /// Compression of `__consumer_offsets`, as Kafka's codec number.
    offsets_topic_compression_codec: i32 = "offsets.topic.compression.codec", Some("0"), between(0, 4);
    /// How long offsets of an empty group are kept, in minutes.
    offsets_retention_minutes: i32 = "offsets.retention.minutes", Some("10080"), at_least(1);
    /// How often expired offsets are looked for, in milliseconds.
    offsets_retention_check_interval_ms: i64 = "offsets.retention.check.interval.ms", Some("600000"), at_least(1);
    /// The longest metadata that may be committed with an offset, in bytes.
    offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes", Some("4096"), any;
    /// How much is read at once when a coordinator loads, in bytes.
    offsets_load_buffer_size: i32 = "offsets.load.buffer.size", Some("5242880"), at_least(1);
    /// How long an offset commit may wait for its replicas, in milliseconds.
    offsets_commit_timeout_ms: i32 = "offsets.commit.timeout.ms", Some("5000"), at_least(1);
    /// How long a new group waits for more members before its first rebalance, in milliseconds.
    group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms", Some("3000"), at_least(0);
    /// The shortest session timeout that a member may ask for, in milliseconds.
    group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms", Some("6000"), at_least(0);
    /// The longest session timeout that a member may ask for, in milliseconds.
    group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms", Some("1800000"), at_least(0);
    /// The most members of a group.
    group_max_size: i32 = "group.max.size", Some("2147483647"), at_least(1);
    /// How long the state of an idempotent producer is kept, in milliseconds.
    producer_id_expiration_ms: i32 = "producer.id.expiration.ms", Some("86400000"), at_least(1);
    /// How often expired producers are looked for, in milliseconds.
    producer_id_expiration_check_interval_ms: i32 = "producer.id.expiration.check.interval.ms", Some("600000"), at_least(1);
}
