//! What openraft is told about us: the types of a node, an entry's payload and an answer.
//!
//! The payload of an entry is opaque bytes here (a list of metadata records in their own versioned encoding), so that
//! the log can be read, sent and stored by code that does not know every record in it.

use std::fmt;

use bytes::Bytes;
use openraft::RaftTypeConfig;
use openraft::vote::RaftLeaderId;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

openraft::declare_raft_types!(
    /// The openraft types of the metadata quorum.
    pub(crate) TypeConfig:
        D = Command,
        R = (),
        NodeId = u64,
        Node = openraft::BasicNode,
        AsyncRuntime = openraft::TokioRuntime,
);

pub(crate) type Node = <TypeConfig as RaftTypeConfig>::Node;
pub(crate) type Leader = <<TypeConfig as RaftTypeConfig>::LeaderId as RaftLeaderId>::Committed;
pub(crate) type Entry = <TypeConfig as RaftTypeConfig>::Entry;
pub(crate) type Vote = <TypeConfig as RaftTypeConfig>::Vote;
pub(crate) type LogId = openraft::LogId<Leader>;
pub(crate) type StoredMembership = openraft::StoredMembership<Leader, u64, Node>;
pub(crate) type SnapshotMeta = openraft::storage::SnapshotMeta<Leader, u64, Node>;
pub(crate) type Snapshot = openraft::storage::Snapshot<Leader, u64, Node, Bytes>;
pub(crate) type Metrics = openraft::RaftMetrics<TypeConfig>;
pub(crate) type MetricsReceiver =
    <<openraft::TokioRuntime as openraft::AsyncRuntime>::Watch as openraft::async_runtime::watch::Watch>::Receiver<
        Metrics,
    >;
pub(crate) type Raft = openraft::Raft<TypeConfig, crate::state_machine::StateMachine>;

/// A node id as raft has it. Ids are not negative: checked at the start.
pub(crate) fn wire_id(node_id: i32) -> u64 {
    known_id(node_id).unwrap_or(u64::MAX)
}

/// As [`wire_id`], for an id that was not checked.
pub(crate) fn known_id(node_id: i32) -> Option<u64> {
    u64::try_from(node_id).ok()
}

pub(crate) fn kafka_id(id: u64) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
}

/// The bytes of an entry's payload. A membership is small.
pub(crate) fn payload_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        openraft::EntryPayload::Normal(command) => command.0.len(),
        openraft::EntryPayload::Blank | openraft::EntryPayload::Membership(_) => 0,
    }
}

/// One entry's payload: encoded metadata records that take effect together.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Command(pub(crate) Bytes);

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({} bytes)", self.0.len())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = Command;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of a metadata command")
            }
            fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<Command, E> {
                Ok(Command(Bytes::copy_from_slice(v)))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}
