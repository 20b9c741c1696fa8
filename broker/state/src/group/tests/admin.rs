//! What operators ask: describe, list, delete.

use super::*;
use headrace_protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};

fn delete(harness: &mut Harness, group: &str) -> ErrorCode {
    let (token, effects) = harness.call(|shard, _, token| shard.delete_groups(&[group.into()], token));
    harness.run(effects);
    match harness.answer(token) {
        Some(Response::DeleteGroups(response)) => response.results[0].error_code,
        other => panic!("DeleteGroups should have been answered: {other:?}"),
    }
}

fn delete_offset(harness: &mut Harness, topic: &str) -> (ErrorCode, Option<ErrorCode>) {
    let partition = OffsetDeleteRequestPartition { partition_index: 0 };
    let topic = OffsetDeleteRequestTopic { name: topic.into(), partitions: vec![partition] };
    let request = OffsetDeleteRequest { group_id: GROUP.into(), topics: vec![topic] };
    let (token, effects) = harness.call(|shard, _, token| shard.offset_delete(&request, token));
    harness.run(effects);
    match harness.answer(token) {
        Some(Response::OffsetDelete(response)) => {
            (response.error_code, response.topics.first().map(|t| t.partitions[0].error_code))
        }
        other => panic!("OffsetDelete should have been answered: {other:?}"),
    }
}

#[test]
fn describe_shows_members_with_what_they_said_while_stable() {
    let (mut harness, ids) = Harness::stable(1);
    let group = harness.shard.describe_group(&GROUP.into(), 6);
    assert_eq!(group.error_code, ErrorCode::NONE);
    assert_eq!(
        (&*group.group_state, &*group.protocol_type, &*group.protocol_data),
        ("Stable", "consumer", "range")
    );
    let member = &group.members[0];
    assert_eq!((&member.member_id, &*member.client_id, &*member.client_host), (&ids[0], "app", "/10.0.0.1"));
    assert_eq!(
        (&member.member_metadata[..], &member.member_assignment),
        (SUBSCRIPTION, &assignment(&ids[0]))
    );
    let _newcomer = harness.join_twice("");
    let group = harness.shard.describe_group(&GROUP.into(), 6);
    assert_eq!(
        (&*group.group_state, &*group.protocol_data, group.members.len()),
        ("PreparingRebalance", "", 2)
    );
    assert!(group.members.iter().all(|m| m.member_metadata.is_empty() && m.member_assignment.is_empty()));
}

#[test]
fn an_unknown_group_is_dead_and_to_newer_clients_an_error() {
    let harness = Harness::new();
    for (version, want) in [(5, ErrorCode::NONE), (6, ErrorCode::GROUP_ID_NOT_FOUND)] {
        let group = harness.shard.describe_group(&"nobody".into(), version);
        assert_eq!((group.error_code, &*group.group_state, &*group.group_id), (want, "Dead", "nobody"));
    }
}

#[test]
fn list_filters_by_state_and_type_whatever_their_case() {
    let (mut harness, _) = Harness::stable(1);
    let simple = OffsetCommitRequest { group_id: "simple".into(), ..commit_request("", -1, "t", 0, 5) };
    harness.commit(&simple);
    let table: [(&[&str], &[&str], &[&str]); 6] = [
        (&[], &[], &[GROUP, "simple"]),
        (&["Stable"], &[], &[GROUP]),
        (&["stable", "EMPTY"], &[], &[GROUP, "simple"]),
        (&["Dead"], &[], &[]),
        (&[], &["Classic"], &[GROUP, "simple"]),
        (&[], &["consumer", "share"], &[]),
    ];
    for (states, types, want) in table {
        let strs = |texts: &[&str]| texts.iter().map(|t| Str::from(*t)).collect::<Vec<_>>();
        let listed = harness.shard.list_groups(&strs(states), &strs(types));
        assert_eq!(listed.iter().map(|g| &*g.group_id).collect::<Vec<_>>(), want, "{states:?} {types:?}");
    }
    let listed = harness.shard.list_groups(&[], &[]);
    assert_eq!(
        (&*listed[0].protocol_type, &*listed[0].group_state, &*listed[0].group_type),
        ("consumer", "Stable", "classic")
    );
    assert_eq!((&*listed[1].protocol_type, &*listed[1].group_state), ("", "Empty"));
    assert_eq!(harness.shard.group_counts(), BTreeMap::from([("Empty", 1), ("Stable", 1)]));
}

#[test]
fn only_a_group_that_no_one_is_in_can_be_deleted_and_its_offsets_go_with_it() {
    let (mut harness, ids) = Harness::stable(1);
    harness.commit(&commit_request(&ids[0], 1, "t", 2, 5));
    assert_eq!(delete(&mut harness, GROUP), ErrorCode::NON_EMPTY_GROUP);
    assert_eq!(delete(&mut harness, "nobody"), ErrorCode::GROUP_ID_NOT_FOUND);
    harness.leave(&[(&ids[0], None)]);
    harness.wrote();
    assert_eq!(delete(&mut harness, GROUP), ErrorCode::NONE);
    let tombstones = [
        Record::OffsetCommit { group: GROUP.into(), topic: "t".into(), partition: 2, value: None },
        Record::GroupMetadata { group: GROUP.into(), value: None },
    ];
    assert_eq!(harness.wrote(), tombstones);
    assert_eq!((harness.state(), harness.fetch("t", 2), harness.shard.offset_count()), ("Dead", -1, 0));
}

#[test]
fn offsets_can_be_deleted_unless_a_member_reads_their_topic() {
    let (mut harness, ids) = Harness::stable(1);
    harness.commit(&commit_request(&ids[0], 1, "orders", 0, 5));
    harness.commit(&commit_request(&ids[0], 1, "former", 0, 6));
    harness.wrote();
    let subscribed = (ErrorCode::NONE, Some(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC));
    assert_eq!(delete_offset(&mut harness, "orders"), subscribed);
    assert_eq!(harness.wrote(), []);
    assert_eq!(delete_offset(&mut harness, "former"), (ErrorCode::NONE, Some(ErrorCode::NONE)));
    assert_eq!(harness.wrote().len(), 1);
    assert_eq!((harness.fetch("orders", 0), harness.fetch("former", 0)), (5, -1));
    assert_eq!(delete_offset(&mut harness, "former"), (ErrorCode::NONE, Some(ErrorCode::NONE)));
    assert_eq!(harness.wrote(), [], "what is gone needs no second tombstone");
    let mut harness = Harness::new();
    assert_eq!(delete_offset(&mut harness, "t"), (ErrorCode::GROUP_ID_NOT_FOUND, None));
}

#[test]
fn offsets_of_a_group_that_is_not_of_consumers_can_be_deleted_only_when_it_is_empty() {
    let mut harness = Harness::with(Config { initial_rebalance_delay_ms: 0, ..Config::default() });
    harness.api_version = 3;
    harness.join(&JoinGroupRequest { protocol_type: "connect".into(), ..join_request("") });
    assert_eq!(delete_offset(&mut harness, "t"), (ErrorCode::NON_EMPTY_GROUP, None));
}

#[test]
fn the_offsets_of_deleted_topics_go_in_batches_of_a_bounded_size() {
    let mut harness = Harness::new();
    for partition in 0..1_200 {
        harness.commit(&commit_request("", -1, "gone", partition, 5));
    }
    harness.commit(&commit_request("", -1, "stays", 0, 6));
    harness.wrote();
    let effects = harness.shard.topics_deleted(&["gone".into(), "never-there".into()]);
    let sizes: Vec<_> = effects.writes.iter().map(|write| write.records.len()).collect();
    assert_eq!(sizes, [500, 500, 200]);
    harness.run(effects);
    assert_eq!((harness.shard.offset_count(), harness.fetch("stays", 0)), (1, 6));
}
