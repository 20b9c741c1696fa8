//! The records of `__consumer_offsets` in the machine's own words, and their bytes, which are Kafka's.
//!
//! We write what Kafka writes: the newest value versions that are not flexible (offset 3, or 1 when the client asked for a retention of
//! its own; group 3), and read all that Kafka ever wrote, 0 to 4. A value that is absent is a tombstone.

use bytes::Bytes;
use headrace_protocol::messages::internal::consumer_offsets::{
    GROUP_METADATA_KEY_VERSION, GroupMetadataKey, GroupMetadataValue, Key, OFFSET_COMMIT_KEY_VERSION,
    OffsetCommitKey, OffsetCommitValue,
};
use headrace_protocol::{DecodeError, EncodeError, Str, versioned};

const OFFSET_VERSION: i16 = 3;
/// The one version that has an expiry of its own.
const OFFSET_VERSION_WITH_EXPIRY: i16 = 1;
const GROUP_VERSION: i16 = 3;

/// One record of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// What a group committed for a partition; `None` takes it back.
    OffsetCommit { group: Str, topic: Str, partition: i32, value: Option<CommittedOffset> },
    /// A classic group after a rebalance; `None` deletes the group.
    GroupMetadata { group: Str, value: Option<GroupMetadataValue> },
}

/// What a group committed for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    pub offset: i64,
    /// -1 if the client did not say.
    pub leader_epoch: i32,
    pub metadata: Str,
    /// Unix milliseconds.
    pub commit_timestamp_ms: i64,
    /// Unix milliseconds; only where the client asked for a retention of its own (OffsetCommit 2 to 4).
    pub expire_timestamp_ms: Option<i64>,
}

impl Record {
    /// The key and the value as they are in the log. Fails on a string that is longer than the format can say.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        match self {
            Self::OffsetCommit { group, topic, partition, value } => {
                let key =
                    OffsetCommitKey { group: group.clone(), topic: topic.clone(), partition: *partition };
                let value = value.as_ref().map(CommittedOffset::encode).transpose()?;
                Ok((versioned::encode(&key, OFFSET_COMMIT_KEY_VERSION)?, value))
            }
            Self::GroupMetadata { group, value } => {
                let key = GroupMetadataKey { group: group.clone() };
                let value =
                    value.as_ref().map(|value| versioned::encode(value, GROUP_VERSION)).transpose()?;
                Ok((versioned::encode(&key, GROUP_METADATA_KEY_VERSION)?, value))
            }
        }
    }

    /// Reads a record; `None` if its key is of a kind that is not ours. What is returned shares no memory with the input, which may
    /// be a large piece of the log.
    pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<Option<Self>, DecodeError> {
        match Key::decode(key)? {
            Key::OffsetCommit(OffsetCommitKey { group, topic, partition }) => Ok(Some(Self::OffsetCommit {
                group: group.detached(),
                topic: topic.detached(),
                partition,
                value: value.map(CommittedOffset::decode).transpose()?,
            })),
            Key::GroupMetadata(GroupMetadataKey { group }) => Ok(Some(Self::GroupMetadata {
                group: group.detached(),
                value: value
                    .map(|value| versioned::decode(value).map(|(_, value)| detached(value)))
                    .transpose()?,
            })),
            Key::Unknown(_) => Ok(None),
        }
    }
}

impl CommittedOffset {
    fn encode(&self) -> Result<Bytes, EncodeError> {
        let version =
            if self.expire_timestamp_ms.is_some() { OFFSET_VERSION_WITH_EXPIRY } else { OFFSET_VERSION };
        let value = OffsetCommitValue {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: self.metadata.clone(),
            commit_timestamp: self.commit_timestamp_ms,
            expire_timestamp: self.expire_timestamp_ms.unwrap_or(-1),
            ..Default::default()
        };
        versioned::encode(&value, version)
    }

    fn decode(value: Bytes) -> Result<Self, DecodeError> {
        let (_, value) = versioned::decode::<OffsetCommitValue>(value)?;
        Ok(Self {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.detached(),
            commit_timestamp_ms: value.commit_timestamp,
            expire_timestamp_ms: Some(value.expire_timestamp).filter(|ms| *ms >= 0),
        })
    }
}

fn detached(mut value: GroupMetadataValue) -> GroupMetadataValue {
    value.protocol_type = value.protocol_type.detached();
    value.protocol = value.protocol.as_ref().map(Str::detached);
    value.leader = value.leader.as_ref().map(Str::detached);
    for member in &mut value.members {
        member.member_id = member.member_id.detached();
        member.group_instance_id = member.group_instance_id.as_ref().map(Str::detached);
        member.client_id = member.client_id.detached();
        member.client_host = member.client_host.detached();
        member.subscription = Bytes::copy_from_slice(&member.subscription);
        member.assignment = Bytes::copy_from_slice(&member.assignment);
    }
    value
}
