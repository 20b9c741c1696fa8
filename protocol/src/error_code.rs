//! [`ErrorCode`]: Kafka's numbered errors.

use std::fmt;

/// An error code as it stands on the wire. Unknown numbers are kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub i16);

macro_rules! error_codes {
    ($($code:literal $name:ident $retry:ident $message:literal;)*) => {
        impl ErrorCode {
            $(#[doc = $message] pub const $name: Self = Self($code);)*

            /// Every code with a name.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Kafka's name, or `UNKNOWN_ERROR_CODE`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($code => stringify!($name),)*
                    _ => "UNKNOWN_ERROR_CODE",
                }
            }

            /// A sentence for people.
            pub const fn message(self) -> &'static str {
                match self.0 {
                    $($code => $message,)*
                    _ => "The broker answered an error code that this version does not know.",
                }
            }

            /// Whether the same request may succeed later, as Kafka's clients see it.
            pub const fn is_retriable(self) -> bool {
                match self.0 {
                    $($code => error_codes!(@ $retry),)*
                    _ => false,
                }
            }
        }
    };
    (@ retry) => { true };
    (@ fatal) => { false };
}

// `retry` marks what Kafka's clients retry by themselves.
error_codes! {
    -1 UNKNOWN_SERVER_ERROR fatal "The broker failed in a way it did not foresee; its log says more.";
    0 NONE fatal "No error.";
    1 OFFSET_OUT_OF_RANGE fatal "The offset lies before the start or behind the end of the partition's log.";
    2 CORRUPT_MESSAGE retry "A record batch is damaged, too large, or lacks the key that a compacted topic requires.";
    3 UNKNOWN_TOPIC_OR_PARTITION retry "The broker knows no such topic or partition.";
    4 INVALID_FETCH_SIZE fatal "The fetch asks for a size that is not allowed.";
    5 LEADER_NOT_AVAILABLE retry "The partition has no leader at the moment; one is being elected.";
    6 NOT_LEADER_OR_FOLLOWER retry "This broker is not the partition's leader, or holds no replica of it: refresh the metadata.";
    7 REQUEST_TIMED_OUT retry "The request was not finished in the time it allowed.";
    8 BROKER_NOT_AVAILABLE fatal "The broker cannot be reached.";
    9 REPLICA_NOT_AVAILABLE retry "The replica asked for cannot serve the partition now.";
    10 MESSAGE_TOO_LARGE fatal "A record batch is larger than max.message.bytes allows.";
    11 STALE_CONTROLLER_EPOCH fatal "Another controller has taken over since.";
    12 OFFSET_METADATA_TOO_LARGE fatal "The metadata committed with an offset is longer than offset.metadata.max.bytes.";
    13 NETWORK_EXCEPTION retry "The connection closed before the answer came.";
    14 COORDINATOR_LOAD_IN_PROGRESS retry "The coordinator is still reading its state; try again shortly.";
    15 COORDINATOR_NOT_AVAILABLE retry "No coordinator can be reached for this group or transaction yet.";
    16 NOT_COORDINATOR retry "Another broker coordinates this group or transaction: look it up again.";
    17 INVALID_TOPIC_EXCEPTION fatal "The topic's name is not allowed, or the operation is not possible on this topic.";
    18 RECORD_LIST_TOO_LARGE fatal "A record batch is larger than a whole segment may be.";
    19 NOT_ENOUGH_REPLICAS retry "Fewer replicas are in sync than min.insync.replicas demands; nothing was written.";
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND retry "The records are in the leader's log, but fewer replicas than min.insync.replicas have them.";
    21 INVALID_REQUIRED_ACKS fatal "acks must be -1, 0 or 1.";
    22 ILLEGAL_GENERATION fatal "The group has moved on to another generation.";
    23 INCONSISTENT_GROUP_PROTOCOL fatal "The member shares no assignment protocol with the group, or offered none.";
    24 INVALID_GROUP_ID fatal "The group id is empty or not allowed.";
    25 UNKNOWN_MEMBER_ID fatal "The group has no such member: join it again.";
    26 INVALID_SESSION_TIMEOUT fatal "The session timeout lies outside what the broker allows.";
    27 REBALANCE_IN_PROGRESS fatal "The group is rebalancing: join it again.";
    28 INVALID_COMMIT_OFFSET_SIZE fatal "The offsets to commit do not fit one record batch.";
    29 TOPIC_AUTHORIZATION_FAILED fatal "Access to the topic is denied.";
    30 GROUP_AUTHORIZATION_FAILED fatal "Access to the group is denied.";
    31 CLUSTER_AUTHORIZATION_FAILED fatal "The operation on the cluster is denied.";
    32 INVALID_TIMESTAMP fatal "A record's timestamp is further from now than the topic allows.";
    33 UNSUPPORTED_SASL_MECHANISM fatal "The broker does not offer this SASL mechanism.";
    34 ILLEGAL_SASL_STATE fatal "The request does not fit this step of the SASL exchange.";
    35 UNSUPPORTED_VERSION fatal "The broker does not speak this version of the request.";
    36 TOPIC_ALREADY_EXISTS fatal "A topic of this name exists already.";
    37 INVALID_PARTITIONS fatal "The number of partitions is not allowed.";
    38 INVALID_REPLICATION_FACTOR fatal "The replication factor is below 1 or above the number of brokers.";
    39 INVALID_REPLICA_ASSIGNMENT fatal "The assignment of replicas to brokers is not possible.";
    40 INVALID_CONFIG fatal "A configuration value is not allowed.";
    41 NOT_CONTROLLER retry "This broker is not the controller: ask the current one.";
    42 INVALID_REQUEST fatal "The request contradicts itself or lacks something.";
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT fatal "The topic's message format does not support this.";
    44 POLICY_VIOLATION fatal "A policy of the cluster forbids this.";
    45 OUT_OF_ORDER_SEQUENCE_NUMBER fatal "The producer's batch does not follow the last one it wrote: one is missing.";
    46 DUPLICATE_SEQUENCE_NUMBER fatal "The producer's batch was written before, too long ago to answer its offset.";
    47 INVALID_PRODUCER_EPOCH fatal "The producer's epoch is older than the current one.";
    48 INVALID_TXN_STATE fatal "The transaction is not in a state that allows this.";
    49 INVALID_PRODUCER_ID_MAPPING fatal "The producer id does not belong to this transactional id.";
    50 INVALID_TRANSACTION_TIMEOUT fatal "The transaction timeout is above transaction.max.timeout.ms.";
    51 CONCURRENT_TRANSACTIONS retry "Another operation on the same transaction is under way.";
    52 TRANSACTION_COORDINATOR_FENCED fatal "The transaction marker comes from a coordinator that has been replaced.";
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED fatal "Access to the transactional id is denied.";
    54 SECURITY_DISABLED fatal "Security features are switched off on this cluster.";
    55 OPERATION_NOT_ATTEMPTED fatal "The broker did not try this part of the request, because another part failed.";
    56 KAFKA_STORAGE_ERROR retry "The broker cannot use the disk that holds this partition.";
    57 LOG_DIR_NOT_FOUND fatal "The broker has no such log directory.";
    58 SASL_AUTHENTICATION_FAILED fatal "The credentials were refused.";
    59 UNKNOWN_PRODUCER_ID fatal "The partition remembers nothing of this producer.";
    60 REASSIGNMENT_IN_PROGRESS fatal "The partition's replicas are being moved.";
    61 DELEGATION_TOKEN_AUTH_DISABLED fatal "Delegation tokens are switched off on this cluster.";
    62 DELEGATION_TOKEN_NOT_FOUND fatal "There is no such delegation token.";
    63 DELEGATION_TOKEN_OWNER_MISMATCH fatal "Only the token's owner or a renewer may do this.";
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED fatal "Delegation tokens cannot be handled over a connection of this kind.";
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED fatal "Access to the delegation token is denied.";
    66 DELEGATION_TOKEN_EXPIRED fatal "The delegation token has expired.";
    67 INVALID_PRINCIPAL_TYPE fatal "Principals of this type are not supported.";
    68 NON_EMPTY_GROUP fatal "The group still has members.";
    69 GROUP_ID_NOT_FOUND fatal "There is no such group.";
    70 FETCH_SESSION_ID_NOT_FOUND retry "The broker no longer holds this fetch session: start a new one.";
    71 INVALID_FETCH_SESSION_EPOCH retry "The fetch does not follow the session's last one.";
    72 LISTENER_NOT_FOUND retry "The leader has no listener of the name this connection came in by.";
    73 TOPIC_DELETION_DISABLED fatal "delete.topic.enable is off.";
    74 FENCED_LEADER_EPOCH retry "The request's leader epoch is older than the broker's: refresh the metadata.";
    75 UNKNOWN_LEADER_EPOCH retry "The request's leader epoch is newer than the broker's.";
    76 UNSUPPORTED_COMPRESSION_TYPE fatal "The client cannot read the compression this partition uses.";
    77 STALE_BROKER_EPOCH fatal "The broker has registered again since.";
    78 OFFSET_NOT_AVAILABLE retry "The new leader cannot answer this offset until its high watermark has caught up.";
    79 MEMBER_ID_REQUIRED fatal "Join again with the member id in this answer.";
    80 PREFERRED_LEADER_NOT_AVAILABLE retry "The preferred replica cannot lead now.";
    81 GROUP_MAX_SIZE_REACHED fatal "The group has as many members as group.max.size allows.";
    82 FENCED_INSTANCE_ID fatal "Another member has taken over this group.instance.id.";
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE retry "No replica that may lead is available.";
    84 ELECTION_NOT_NEEDED retry "The partition already has the leader asked for.";
    85 NO_REASSIGNMENT_IN_PROGRESS fatal "The partition's replicas are not being moved.";
    86 GROUP_SUBSCRIBED_TO_TOPIC fatal "The group is subscribed to the topic, so its offsets cannot be deleted.";
    87 INVALID_RECORD fatal "A record failed validation; the whole batch is refused.";
    88 UNSTABLE_OFFSET_COMMIT retry "An open transaction holds offsets of this partition.";
    89 THROTTLING_QUOTA_EXCEEDED retry "The quota for this kind of request is used up.";
    90 PRODUCER_FENCED fatal "A newer producer has taken over the transactional id.";
    91 RESOURCE_NOT_FOUND fatal "The request names something that does not exist.";
    92 DUPLICATE_RESOURCE fatal "The request names the same thing twice.";
    93 UNACCEPTABLE_CREDENTIAL fatal "The credential does not meet the cluster's requirements.";
    94 INCONSISTENT_VOTER_SET fatal "Sender or receiver is not among the voters the other knows.";
    95 INVALID_UPDATE_VERSION fatal "The version of the update is not allowed.";
    96 FEATURE_UPDATE_FAILED fatal "The features could not be updated.";
    97 PRINCIPAL_DESERIALIZATION_FAILURE fatal "The principal of a forwarded request could not be read.";
    98 SNAPSHOT_NOT_FOUND fatal "There is no such metadata snapshot.";
    99 POSITION_OUT_OF_RANGE fatal "The position lies outside the snapshot.";
    100 UNKNOWN_TOPIC_ID retry "The broker knows no topic with this id: it may have been deleted and created again.";
    101 DUPLICATE_BROKER_REGISTRATION fatal "A live broker already uses this node id.";
    102 BROKER_ID_NOT_REGISTERED fatal "No broker is registered under this id.";
    103 INCONSISTENT_TOPIC_ID retry "The topic id in the request is not that of the log.";
    104 INCONSISTENT_CLUSTER_ID fatal "The request was meant for another cluster.";
    105 TRANSACTIONAL_ID_NOT_FOUND fatal "There is no such transactional id.";
    106 FETCH_SESSION_TOPIC_ID_ERROR retry "The fetch session mixes requests with and without topic ids.";
    107 INELIGIBLE_REPLICA fatal "A replica proposed for the in-sync set may not be in it.";
    108 NEW_LEADER_ELECTED fatal "The change was made, and it gave the partition another leader.";
    109 OFFSET_MOVED_TO_TIERED_STORAGE fatal "The offset is only in tiered storage by now.";
    110 FENCED_MEMBER_EPOCH fatal "The member's epoch is void: give up all partitions and join again.";
    111 UNRELEASED_INSTANCE_ID fatal "Another member still uses this group.instance.id.";
    112 UNSUPPORTED_ASSIGNOR fatal "The group does not support this assignor.";
    113 STALE_MEMBER_EPOCH fatal "The member's epoch is behind: heartbeat first, then retry.";
    114 MISMATCHED_ENDPOINT_TYPE fatal "The request was sent to a broker where a controller was meant, or the reverse.";
    115 UNSUPPORTED_ENDPOINT_TYPE fatal "Endpoints of this type are not supported.";
    116 UNKNOWN_CONTROLLER_ID fatal "No controller has this id.";
    117 UNKNOWN_SUBSCRIPTION_ID fatal "The telemetry subscription has changed: ask for it again.";
    118 TELEMETRY_TOO_LARGE fatal "The telemetry is larger than the broker accepts.";
    119 INVALID_REGISTRATION fatal "The controller refused the registration.";
    120 TRANSACTION_ABORTABLE fatal "The transaction failed; abort it and go on with the same transactional id.";
    121 INVALID_RECORD_STATE fatal "The record is not in a state that allows this acknowledgement.";
    122 SHARE_SESSION_NOT_FOUND retry "The broker no longer holds this share session.";
    123 INVALID_SHARE_SESSION_EPOCH retry "The request does not follow the share session's last one.";
    124 FENCED_STATE_EPOCH fatal "The state epoch is not the current one.";
    125 INVALID_VOTER_KEY fatal "The voter's id and directory are not those of the receiver.";
    126 DUPLICATE_VOTER fatal "This replica is a voter already.";
    127 VOTER_NOT_FOUND fatal "This replica is not a voter.";
    128 INVALID_REGULAR_EXPRESSION fatal "The regular expression cannot be parsed.";
    129 REBOOTSTRAP_REQUIRED fatal "The client's view of the cluster is out of date: start again from the bootstrap servers.";
    130 STREAMS_INVALID_TOPOLOGY fatal "The streams topology is not valid.";
    131 STREAMS_INVALID_TOPOLOGY_EPOCH fatal "The epoch of the streams topology is not valid.";
    132 STREAMS_TOPOLOGY_FENCED fatal "The streams topology is older than the group's.";
    133 SHARE_SESSION_LIMIT_REACHED retry "The broker holds as many share sessions as it may.";
    134 GROUP_DELETION_FAILED fatal "The group could not be deleted; its message says why.";
    135 STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED fatal "The description of the streams topology was not accepted; the message says why.";
    136 CONTROLLER_ID_NOT_REGISTERED fatal "No controller is registered under this id.";
}

impl ErrorCode {
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    pub const fn is_err(self) -> bool {
        self.0 != 0
    }

    /// The code as a result, for `?`.
    pub const fn ok(self) -> Result<(), Self> {
        if self.is_ok() { Ok(()) } else { Err(self) }
    }
}

impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        Self(code)
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> Self {
        code.0
    }
}

impl PartialEq<i16> for ErrorCode {
    fn eq(&self, code: &i16) -> bool {
        self.0 == *code
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

/// The name and the number; [`ErrorCode::message`] explains it.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl std::error::Error for ErrorCode {}
