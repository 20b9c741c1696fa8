//! The records of the metadata log.
//!
//! Each is written as `kind, version, length, body`. The body is a flexible Kafka message (KIP-482), so a later
//! release may add tagged fields without a new version and an older one skips them. A body of a newer version is read
//! as the newest known one, because a record's version may only ever add. A new *kind* may only be written once the
//! cluster has finalised the feature level that brings it: a broker that meets one it does not know is too old to take
//! part, and says so.

use bytes::Bytes;
use headrace_protocol::{DecodeError, EncodeError, Message, Reader, Str, Uuid, Writer};

use super::model::{BrokerEpoch, BrokerId, LeaderEpoch, NO_LEADER, PartitionEpoch};

/// In a change: the leader stays as it is.
pub const LEADER_UNCHANGED: BrokerId = -2;

/// A batch of records takes no more bytes than this; enough for some hundred thousand partitions in a snapshot.
pub const RECORDS_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// A topic begins to exist, without partitions yet.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct TopicRecord {
    pub name: Str,
    pub topic_id: Uuid,
}

/// A topic, its partitions and its configuration cease to exist.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct RemoveTopicRecord {
    pub topic_id: Uuid,
}

/// A partition's whole state.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct PartitionRecord {
    pub topic_id: Uuid,
    pub partition_index: i32,
    pub replicas: Vec<BrokerId>,
    pub isr: Vec<BrokerId>,
    pub leader: BrokerId,
    pub leader_epoch: LeaderEpoch,
    pub partition_epoch: PartitionEpoch,
    #[kafka(tag = 0)]
    pub adding: Vec<BrokerId>,
    #[kafka(tag = 1)]
    pub removing: Vec<BrokerId>,
    #[kafka(tag = 2)]
    pub elr: Vec<BrokerId>,
    #[kafka(tag = 3)]
    pub last_known_elr: Vec<BrokerId>,
    #[kafka(tag = 4)]
    pub recovering: bool,
    #[kafka(tag = 5)]
    pub directories: Vec<Uuid>,
}

/// What changes in a partition; what is absent stays. The partition epoch grows by one, the leader epoch by one if a
/// leader is named, be it the same.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct PartitionChangeRecord {
    pub topic_id: Uuid,
    pub partition_index: i32,
    #[kafka(tag = 0)]
    pub isr: Option<Vec<BrokerId>>,
    #[kafka(tag = 1, default = LEADER_UNCHANGED)]
    pub leader: BrokerId,
    #[kafka(tag = 2)]
    pub replicas: Option<Vec<BrokerId>>,
    #[kafka(tag = 3)]
    pub adding: Option<Vec<BrokerId>>,
    #[kafka(tag = 4)]
    pub removing: Option<Vec<BrokerId>>,
    #[kafka(tag = 5)]
    pub elr: Option<Vec<BrokerId>>,
    #[kafka(tag = 6)]
    pub last_known_elr: Option<Vec<BrokerId>>,
    /// 0 recovered, 1 recovering, -1 unchanged.
    #[kafka(tag = 7, default = -1)]
    pub recovering: i8,
    #[kafka(tag = 8)]
    pub directories: Option<Vec<Uuid>>,
}

/// One configuration value of a resource is set, or with no value removed.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct ConfigRecord {
    /// Kafka's number of the resource type.
    pub resource_type: i8,
    pub resource_name: Str,
    pub name: Str,
    pub value: Option<Str>,
}

/// Where a broker can be reached.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct EndpointRecord {
    pub listener: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
}

/// A broker's process announces itself; replaces what was known of the same id.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct RegisterBrokerRecord {
    pub broker_id: BrokerId,
    pub incarnation: Uuid,
    pub broker_epoch: BrokerEpoch,
    pub endpoints: Vec<EndpointRecord>,
    pub rack: Option<Str>,
    #[kafka(default = true)]
    pub fenced: bool,
    pub log_dirs: Vec<Uuid>,
    #[kafka(tag = 0)]
    pub shutting_down: bool,
    /// The epoch before this one, if nothing can have been lost since and the broker has not been let in yet; else −1.
    #[kafka(tag = 1, default = -1)]
    pub former_epoch: BrokerEpoch,
}

/// A broker is forgotten.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct UnregisterBrokerRecord {
    pub broker_id: BrokerId,
}

/// A broker is fenced or unfenced, or begins to shut down. `-1` stands for unchanged, else 0 or 1.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct BrokerChangeRecord {
    pub broker_id: BrokerId,
    #[kafka(tag = 0, default = -1)]
    pub fenced: i8,
    #[kafka(tag = 1, default = -1)]
    pub shutting_down: i8,
}

/// Producer ids below `next_producer_id` are given out.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct ProducerIdsRecord {
    pub broker_id: BrokerId,
    pub broker_epoch: BrokerEpoch,
    pub next_producer_id: i64,
}

/// A feature is finalised at a level; at 0 it is off.
#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct FeatureLevelRecord {
    pub name: Str,
    pub level: i16,
}

/// Why bytes are not a list of records.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(
        "metadata record {position} has kind {kind}, which this version does not know: upgrade this broker"
    )]
    UnknownKind { position: usize, kind: u32 },
    #[error("metadata record {position} cannot be read: {source}")]
    Decode { position: usize, source: DecodeError },
    #[error("a metadata record cannot be written: {0}")]
    Encode(#[from] EncodeError),
    #[error("metadata records of {bytes} bytes are more than the {RECORDS_BYTES_MAX} allowed in one batch")]
    TooLarge { bytes: usize },
}

macro_rules! records {
    ($($kind:literal $name:ident($body:ty);)*) => {
        /// One change of the cluster's metadata. The numbers of the kinds are part of the format: never reuse one.
        #[derive(Clone, Debug, PartialEq)]
        pub enum MetadataRecord { $($name($body),)* }

        $(impl From<$body> for MetadataRecord {
            fn from(body: $body) -> Self {
                Self::$name(body)
            }
        })*

        impl MetadataRecord {
            fn write(&self, w: &mut Writer) -> Result<(), EncodeError> {
                match self { $(Self::$name(body) => write_record($kind, body, w),)* }
            }

            fn read(kind: u32, version: i16, body: Bytes) -> Option<Result<Self, DecodeError>> {
                match kind {
                    $($kind => Some(read_record::<$body>(version, body).map(Self::$name)),)*
                    _ => None,
                }
            }
        }
    };
}

records! {
    1 Topic(TopicRecord);
    2 RemoveTopic(RemoveTopicRecord);
    3 Partition(PartitionRecord);
    4 PartitionChange(PartitionChangeRecord);
    5 Config(ConfigRecord);
    6 RegisterBroker(RegisterBrokerRecord);
    7 UnregisterBroker(UnregisterBrokerRecord);
    8 BrokerChange(BrokerChangeRecord);
    9 ProducerIds(ProducerIdsRecord);
    10 FeatureLevel(FeatureLevelRecord);
}

fn write_record<M: Message>(kind: u32, body: &M, w: &mut Writer) -> Result<(), EncodeError> {
    let version = *M::VERSIONS.end();
    let mut inner = Writer::new();
    body.encode(&mut inner, version)?;
    w.uvarint(kind);
    w.i16(version);
    w.nullable_bytes(Some(&inner.into_bytes()), true)
}

fn read_record<M: Message>(version: i16, body: Bytes) -> Result<M, DecodeError> {
    M::decode(&mut Reader::new(body), version.min(*M::VERSIONS.end()))
}

/// Records as bytes, in order.
pub fn encode_all(records: &[MetadataRecord]) -> Result<Bytes, RecordError> {
    let mut w = Writer::new();
    for record in records {
        record.write(&mut w)?;
    }
    match w.len() {
        bytes if bytes > RECORDS_BYTES_MAX => Err(RecordError::TooLarge { bytes }),
        _ => Ok(w.into_bytes()),
    }
}

/// The records in `bytes`; what is read shares them.
pub fn decode_all(bytes: &Bytes) -> Result<Vec<MetadataRecord>, RecordError> {
    let mut r = Reader::new(bytes.clone());
    let mut records = Vec::new();
    while r.remaining() > 0 {
        let position = records.len();
        let decode = |source| RecordError::Decode { position, source };
        let kind = r.uvarint().map_err(decode)?;
        let version = r.i16().map_err(decode)?;
        let body = r.nullable_bytes(true).map_err(decode)?.unwrap_or_default();
        let record =
            MetadataRecord::read(kind, version, body).ok_or(RecordError::UnknownKind { position, kind })?;
        records.push(record.map_err(decode)?);
    }
    Ok(records)
}

impl PartitionChangeRecord {
    /// A change that changes nothing yet.
    pub fn of(topic_id: Uuid, partition_index: i32) -> Self {
        Self { topic_id, partition_index, ..Self::default() }
    }

    /// Nobody leads the partition from now on.
    #[must_use]
    pub fn without_leader(self) -> Self {
        Self { leader: NO_LEADER, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `TopicRecord` as a later release may define it.
    #[derive(Message, Clone, Debug, PartialEq)]
    #[kafka(versions = "0-1", flexible = "0+")]
    struct LaterTopicRecord {
        name: Str,
        topic_id: Uuid,
        #[kafka(tag = 7)]
        colour: Option<Str>,
    }

    #[test]
    fn a_record_of_a_later_release_reads_as_what_is_known_of_it() {
        let later =
            LaterTopicRecord { name: "t".into(), topic_id: Uuid([7; 16]), colour: Some("blue".into()) };
        let mut w = Writer::new();
        write_record(1, &later, &mut w).unwrap();
        let known = TopicRecord { name: "t".into(), topic_id: Uuid([7; 16]) };
        assert_eq!(decode_all(&w.into_bytes()).unwrap(), [known.into()]);
    }

    #[test]
    fn an_unknown_kind_says_to_upgrade() {
        let mut w = Writer::new();
        write_record(999, &UnregisterBrokerRecord { broker_id: 1 }, &mut w).unwrap();
        let error = decode_all(&w.into_bytes()).unwrap_err().to_string();
        assert!(error.contains("kind 999") && error.contains("upgrade"), "{error}");
    }

    #[test]
    fn no_cut_or_flipped_byte_panics() {
        let records: Vec<MetadataRecord> = vec![
            TopicRecord { name: "orders".into(), topic_id: Uuid([1; 16]) }.into(),
            PartitionChangeRecord { isr: Some(vec![1, 2]), ..PartitionChangeRecord::of(Uuid([1; 16]), 0) }
                .into(),
            ConfigRecord {
                resource_type: 2,
                resource_name: "orders".into(),
                name: "retention.ms".into(),
                value: None,
            }
            .into(),
        ];
        let bytes = encode_all(&records).unwrap();
        assert_eq!(decode_all(&bytes).unwrap(), records);
        for at in 0..bytes.len() {
            // Whatever comes out, it must come out.
            let _ = decode_all(&bytes.slice(..at));
            let mut bad = bytes.to_vec();
            bad[at] ^= 0xff;
            let _ = decode_all(&bad.into());
        }
    }
}
