//! Golden bytes: each was worked out by hand from Kafka's definition of the record.

use crate::group::{CommittedOffset, Record};
use bytes::Bytes;
use headrace_protocol::DecodeError;
use headrace_protocol::messages::internal::consumer_offsets::{GroupMetadataValue, MemberMetadata};

fn commit(expire_timestamp_ms: Option<i64>, leader_epoch: i32) -> Record {
    Record::OffsetCommit {
        group: "g".into(),
        topic: "to".into(),
        partition: 7,
        value: Some(CommittedOffset {
            offset: 258,
            leader_epoch,
            metadata: "m".into(),
            commit_timestamp_ms: 1,
            expire_timestamp_ms,
        }),
    }
}

fn group() -> Record {
    Record::GroupMetadata {
        group: "g".into(),
        value: Some(GroupMetadataValue {
            protocol_type: "consumer".into(),
            generation: 3,
            protocol: Some("range".into()),
            leader: Some("m1".into()),
            current_state_timestamp: 5,
            members: vec![MemberMetadata {
                member_id: "m1".into(),
                group_instance_id: Some("i".into()),
                client_id: "c".into(),
                client_host: "/h".into(),
                rebalance_timeout: 60_000,
                session_timeout: 10_000,
                subscription: Bytes::from_static(b"sub"),
                assignment: Bytes::from_static(b"as"),
            }],
        }),
    }
}

fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Record>, DecodeError> {
    Record::decode(Bytes::copy_from_slice(key), value.map(Bytes::copy_from_slice))
}

const OFFSET_KEY: &[u8] = b"\0\x01\0\x01g\0\x02to\0\0\0\x07";
const OFFSET_V3: &[u8] = b"\0\x03\0\0\0\0\0\0\x01\x02\0\0\0\x09\0\x01m\0\0\0\0\0\0\0\x01";
const OFFSET_V1: &[u8] = b"\0\x01\0\0\0\0\0\0\x01\x02\0\x01m\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02";
const GROUP_KEY: &[u8] = b"\0\x02\0\x01g";
const GROUP_V3: &[u8] = b"\0\x03\0\x08consumer\0\0\0\x03\0\x05range\0\x02m1\0\0\0\0\0\0\0\x05\0\0\0\x01\
    \0\x02m1\0\x01i\0\x01c\0\x02/h\0\0\xea\x60\0\0\x27\x10\0\0\0\x03sub\0\0\0\x02as";

#[test]
fn records_are_kafkas_byte_for_byte_and_are_read_back() {
    type Row = (Record, &'static [u8], Option<&'static [u8]>);
    let table: [Row; 5] = [
        (commit(None, 9), OFFSET_KEY, Some(OFFSET_V3)),
        (commit(Some(2), -1), OFFSET_KEY, Some(OFFSET_V1)),
        (group(), GROUP_KEY, Some(GROUP_V3)),
        (Record::GroupMetadata { group: "g".into(), value: None }, GROUP_KEY, None),
        (
            Record::OffsetCommit { group: "g".into(), topic: "to".into(), partition: 7, value: None },
            OFFSET_KEY,
            None,
        ),
    ];
    for (record, key, value) in table {
        let (wrote_key, wrote_value) = record.encode().unwrap();
        assert_eq!(wrote_key, key, "{record:?}");
        assert_eq!(wrote_value.as_deref(), value, "{record:?}");
        assert_eq!(decode(key, value), Ok(Some(record)));
    }
}

#[test]
fn reads_every_older_and_newer_version_of_kafka() {
    let v0: &[u8] = b"\0\0\0\0\0\0\0\0\x01\x02\0\x01m\0\0\0\0\0\0\0\x01";
    assert_eq!(decode(OFFSET_KEY, Some(v0)), Ok(Some(commit(None, -1))));
    let v2: &[u8] = b"\0\x02\0\0\0\0\0\0\x01\x02\0\x01m\0\0\0\0\0\0\0\x01";
    assert_eq!(decode(OFFSET_KEY, Some(v2)), Ok(Some(commit(None, -1))));
    // Flexible, with the topic's id as tagged field 0.
    let v4: &[u8] = b"\0\x04\0\0\0\0\0\0\x01\x02\0\0\0\x09\x02m\0\0\0\0\0\0\0\x01\x01\0\x10iiiiiiiiiiiiiiii";
    assert_eq!(decode(OFFSET_KEY, Some(v4)), Ok(Some(commit(None, 9))));
    // The key of Kafka 0.8.
    let key_v0: &[u8] = b"\0\0\0\x01g\0\x02to\0\0\0\x07";
    assert_eq!(decode(key_v0, Some(OFFSET_V3)), Ok(Some(commit(None, 9))));

    let group_v4: &[u8] = b"\0\x04\x09consumer\0\0\0\x03\x06range\x03m1\0\0\0\0\0\0\0\x05\x02\
        \x03m1\x02i\x02c\x03/h\0\0\xea\x60\0\0\x27\x10\x04sub\x03as\0\0";
    assert_eq!(decode(GROUP_KEY, Some(group_v4)), Ok(Some(group())));
    let group_v0: &[u8] = b"\0\0\0\x08consumer\0\0\0\x03\0\x05range\0\x02m1\0\0\0\x01\
        \0\x02m1\0\x01c\0\x02/h\0\0\x27\x10\0\0\0\x03sub\0\0\0\x02as";
    let Ok(Some(Record::GroupMetadata { value: Some(value), .. })) = decode(GROUP_KEY, Some(group_v0)) else {
        panic!("version 0 of a group's value is read");
    };
    assert_eq!(value.current_state_timestamp, -1);
    assert_eq!(value.members[0].group_instance_id, None);
}

#[test]
fn leaves_records_of_other_kinds_alone_and_refuses_versions_it_does_not_know() {
    for kind in 3_u8..30 {
        assert_eq!(decode(&[0, kind, 1, 2], Some(b"\0\0")), Ok(None));
    }
    assert!(decode(OFFSET_KEY, Some(b"\0\x05")).is_err());
    assert!(decode(GROUP_KEY, Some(b"\x7f\xff")).is_err());
    assert!(decode(b"\xff\xff\0\0", None).is_err());
}

#[test]
fn a_name_that_is_too_long_for_the_format_is_refused() {
    let group = "g".repeat(40_000);
    assert!(Record::GroupMetadata { group: group.into(), value: None }.encode().is_err());
}

#[test]
fn a_record_cut_or_changed_anywhere_is_an_error_and_never_a_panic() {
    for (key, value) in [(OFFSET_KEY, OFFSET_V3), (GROUP_KEY, GROUP_V3)] {
        for end in 0..key.len() {
            assert!(decode(&key[..end], Some(value)).is_err());
        }
        for end in 0..value.len() {
            assert!(decode(key, Some(&value[..end])).is_err());
        }
        for at in 0..value.len() {
            for byte in [0x00, 0x04, 0x7f, 0x80, 0xff] {
                let mut changed = value.to_vec();
                changed[at] = byte;
                let _ = decode(key, Some(&changed));
            }
        }
    }
}
