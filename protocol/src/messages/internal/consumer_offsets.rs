//! Records of `__consumer_offsets`: committed offsets and the state of classic groups.
//!
//! The version in front of a key also tells its kind: 0 and 1 are offsets, 2 is a group. A null value deletes.
//!
//! `OffsetCommitValue`
//! - 1: adds `expire_timestamp`, and in its place nothing from 2 on.
//! - 3: adds `leader_epoch`.
//! - 4: flexible encoding; adds `topic_id` (KIP-848).
//!
//! `GroupMetadataValue`
//! - 1: adds the members' `rebalance_timeout`.
//! - 2: adds `current_state_timestamp`.
//! - 3: adds the members' `group_instance_id` (KIP-345).
//! - 4: flexible encoding.

use bytes::Bytes;

use crate::{DecodeError, DecodeErrorKind, Message, Reader, Str, Uuid};

/// The version to write keys of committed offsets with. Version 0 has the same fields.
pub const OFFSET_COMMIT_KEY_VERSION: i16 = 1;
/// The version that marks a key as a group's.
pub const GROUP_METADATA_KEY_VERSION: i16 = 2;

/// A key of the topic, told apart by its version.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    OffsetCommit(OffsetCommitKey),
    GroupMetadata(GroupMetadataKey),
    /// A kind of record that this crate does not know, with its version: to be kept and skipped.
    Unknown(i16),
}

impl Key {
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let version = r.i16()?;
        match version {
            0..=OFFSET_COMMIT_KEY_VERSION => OffsetCommitKey::decode(&mut r, version).map(Self::OffsetCommit),
            GROUP_METADATA_KEY_VERSION => GroupMetadataKey::decode(&mut r, version).map(Self::GroupMetadata),
            3.. => Ok(Self::Unknown(version)),
            _ => Err(r.error(DecodeErrorKind::UnsupportedVersion { min: 0, max: i16::MAX })),
        }
    }
}

#[derive(Message, Clone, Debug, PartialEq, Eq, Hash)]
#[kafka(versions = "0-1")]
pub struct OffsetCommitKey {
    pub group: Str,
    pub topic: Str,
    pub partition: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-4", flexible = "4+")]
pub struct OffsetCommitValue {
    pub offset: i64,
    #[kafka(versions = "3+", default = -1, ignorable)]
    pub leader_epoch: i32,
    pub metadata: Str,
    pub commit_timestamp: i64,
    #[kafka(versions = "1", default = -1, ignorable)]
    pub expire_timestamp: i64,
    #[kafka(tag = 0, versions = "4+", ignorable)]
    pub topic_id: Uuid,
}

#[derive(Message, Clone, Debug, PartialEq, Eq, Hash)]
#[kafka(versions = "2")]
pub struct GroupMetadataKey {
    pub group: Str,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-4", flexible = "4+")]
pub struct GroupMetadataValue {
    pub protocol_type: Str,
    pub generation: i32,
    pub protocol: Option<Str>,
    pub leader: Option<Str>,
    #[kafka(versions = "2+", default = -1, ignorable)]
    pub current_state_timestamp: i64,
    pub members: Vec<MemberMetadata>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-4", flexible = "4+")]
pub struct MemberMetadata {
    pub member_id: Str,
    #[kafka(versions = "3+", ignorable)]
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    #[kafka(versions = "1+", ignorable)]
    pub rebalance_timeout: i32,
    pub session_timeout: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
}
