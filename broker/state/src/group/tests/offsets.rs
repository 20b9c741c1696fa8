//! Committing, fetching and expiring offsets.

use super::*;
use crate::group::CommittedOffset;

fn record(topic: &str, partition: i32, value: Option<CommittedOffset>) -> Record {
    Record::OffsetCommit { group: GROUP.into(), topic: topic.into(), partition, value }
}

#[test]
fn a_commit_is_written_and_answered_when_it_is_committed() {
    let (mut harness, ids) = Harness::stable(1);
    harness.hold = true;
    let mut request = commit_request(&ids[0], 1, "orders", 3, 42);
    request.topics[0].partitions[0].committed_leader_epoch = 7;
    request.topics[0].partitions[0].committed_metadata = Some("note".into());
    let token = harness.commit(&request);
    let value = CommittedOffset {
        offset: 42,
        leader_epoch: 7,
        metadata: "note".into(),
        commit_timestamp_ms: harness.now().wall_ms,
        expire_timestamp_ms: None,
    };
    assert_eq!(harness.wrote(), [record("orders", 3, Some(value))]);
    assert_eq!(harness.answer(token), None);
    harness.release();
    let response = harness.commit_answer(token);
    assert_eq!(&*response.topics[0].name, "orders");
    assert_eq!(response.topics[0].partitions[0].partition_index, 3);
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
    let all = OffsetFetchRequestGroup { group_id: GROUP.into(), topics: None, ..Default::default() };
    let fetched = harness.shard.offset_fetch(&all);
    let partition = &fetched.topics[0].partitions[0];
    assert_eq!((partition.committed_offset, partition.committed_leader_epoch), (42, 7));
    assert_eq!(partition.metadata.as_deref(), Some("note"));
}

#[test]
fn who_may_commit() {
    let table = [
        ("member", None, 1, ErrorCode::NONE),
        ("stranger", Some("x"), 1, ErrorCode::UNKNOWN_MEMBER_ID),
        ("old generation", None, 0, ErrorCode::ILLEGAL_GENERATION),
        ("not a member, while someone is", Some(""), -1, ErrorCode::UNKNOWN_MEMBER_ID),
        ("member without generation", None, -1, ErrorCode::ILLEGAL_GENERATION),
    ];
    for (case, member_id, generation, want) in table {
        let (mut harness, ids) = Harness::stable(1);
        let token = harness.commit(&commit_request(member_id.unwrap_or(&ids[0]), generation, "t", 0, 5));
        assert_eq!(harness.commit_error(token), want, "{case}");
        assert_eq!(harness.wrote().len(), usize::from(want == ErrorCode::NONE), "{case}");
    }
}

#[test]
fn commits_during_a_rebalance_pass_until_the_new_generation_is_there() {
    let (mut harness, ids) = Harness::stable(1);
    let _newcomer = harness.join_twice("");
    let token = harness.commit(&commit_request(&ids[0], 1, "t", 0, 5));
    assert_eq!(
        harness.commit_error(token),
        ErrorCode::NONE,
        "while members rejoin, the old owner may still commit"
    );
    let token = harness.join(&join_request(&ids[0]));
    harness.joined(token);
    assert_eq!(harness.state(), "CompletingRebalance");
    let token = harness.commit(&commit_request(&ids[0], 2, "t", 0, 6));
    assert_eq!(harness.commit_error(token), ErrorCode::REBALANCE_IN_PROGRESS);
    let token = harness.commit(&commit_request(&ids[0], 1, "t", 0, 6));
    assert_eq!(harness.commit_error(token), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(harness.fetch("t", 0), 5);
}

#[test]
fn a_consumer_without_a_group_makes_a_simple_one() {
    let mut harness = Harness::new();
    let token = harness.commit(&commit_request("", -1, "t", 0, 5));
    assert_eq!(harness.commit_error(token), ErrorCode::NONE);
    assert_eq!((harness.state(), harness.fetch("t", 0)), ("Empty", 5));
    // With a generation, the group should have been there.
    for (version, want) in [(8, ErrorCode::ILLEGAL_GENERATION), (9, ErrorCode::GROUP_ID_NOT_FOUND)] {
        let mut harness = Harness::new();
        harness.api_version = version;
        let token = harness.commit(&commit_request("m", 1, "t", 0, 5));
        assert_eq!((harness.commit_error(token), harness.state()), (want, "Dead"));
    }
}

#[test]
fn what_was_never_committed_is_minus_one_without_an_error() {
    let mut harness = Harness::new();
    assert_eq!(harness.fetch("t", 0), -1);
    harness.commit(&commit_request("", -1, "t", 0, 5));
    assert_eq!((harness.fetch("t", 1), harness.fetch("u", 0)), (-1, -1));
    let nobody = OffsetFetchRequestGroup { group_id: "nobody".into(), topics: None, ..Default::default() };
    let response = harness.shard.offset_fetch(&nobody);
    assert_eq!((response.error_code, response.topics.len()), (ErrorCode::NONE, 0));
}

#[test]
fn metadata_that_is_too_large_is_refused_for_that_partition_alone() {
    let mut harness = Harness::new();
    let mut request = commit_request("", -1, "t", 0, 5);
    let mut large = request.topics[0].partitions[0].clone();
    large.partition_index = 1;
    large.committed_metadata = Some("x".repeat(4_097).into());
    request.topics[0].partitions.push(large);
    let token = harness.commit(&request);
    let response = harness.commit_answer(token);
    let errors: Vec<_> = response.topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(errors, [ErrorCode::NONE, ErrorCode::OFFSET_METADATA_TOO_LARGE]);
    assert_eq!((harness.fetch("t", 0), harness.fetch("t", 1)), (5, -1));
}

#[test]
fn a_commit_that_cannot_be_written_changes_nothing() {
    let table = [
        (ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::NOT_COORDINATOR),
        (ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::COORDINATOR_NOT_AVAILABLE),
        (ErrorCode::MESSAGE_TOO_LARGE, ErrorCode::INVALID_COMMIT_OFFSET_SIZE),
    ];
    for (error, seen) in table {
        let mut harness = Harness::new();
        let request = commit_request("", -1, "t", 0, 5);
        let (token, effects) =
            harness.call(|shard, caller, token| shard.offset_commit(caller, &request, token));
        let now = harness.now();
        for write in effects.writes {
            let effects = harness.shard.failed(write, error, now);
            harness.run(effects);
        }
        assert_eq!(harness.commit_error(token), seen);
        assert_eq!((harness.fetch("t", 0), harness.state()), (-1, "Dead"));
    }
}

#[test]
fn a_commit_keeps_the_session_alive() {
    let (mut harness, ids) = Harness::stable(1);
    for offset in 0..10 {
        harness.advance(SESSION_MS as u64 - 1);
        let token = harness.commit(&commit_request(&ids[0], 1, "t", 0, offset));
        assert_eq!(harness.commit_error(token), ErrorCode::NONE);
    }
}

const RETENTION_MS: u64 = 60 * 60 * 1_000;
const CHECK_MS: u64 = 600_000;

fn short_retention() -> Config {
    Config { offsets_retention_ms: RETENTION_MS as i64, ..Config::default() }
}

#[test]
fn offsets_of_a_simple_group_expire_after_their_commit_and_then_the_group() {
    let mut harness = Harness::with(short_retention());
    harness.commit(&commit_request("", -1, "t", 0, 5));
    harness.advance(RETENTION_MS / 2);
    harness.commit(&commit_request("", -1, "t", 1, 6));
    harness.wrote();
    harness.advance(RETENTION_MS / 2 + CHECK_MS);
    assert_eq!(harness.wrote(), [record("t", 0, None)]);
    assert_eq!((harness.fetch("t", 0), harness.fetch("t", 1)), (-1, 6));
    harness.advance(RETENTION_MS / 2 + CHECK_MS);
    let gone = Record::GroupMetadata { group: GROUP.into(), value: None };
    assert_eq!(harness.wrote(), [record("t", 1, None), gone]);
    assert_eq!(harness.state(), "Dead");
}

#[test]
fn offsets_of_a_group_that_had_members_expire_after_it_became_empty() {
    let (mut harness, ids) = Harness::stable_with(short_retention(), 1);
    harness.commit(&commit_request(&ids[0], 1, "orders", 0, 5));
    for _ in 0..RETENTION_MS / CHECK_MS + 10 {
        for _ in 0..CHECK_MS / 6_000 {
            harness.advance(6_000);
            assert_eq!(harness.heartbeat(&ids[0], 1), ErrorCode::NONE);
        }
    }
    assert_eq!(harness.fetch("orders", 0), 5, "a topic that a member reads keeps its offsets however old");
    harness.leave(&[(&ids[0], None)]);
    harness.advance(RETENTION_MS - CHECK_MS);
    assert_eq!(harness.fetch("orders", 0), 5);
    harness.advance(2 * CHECK_MS);
    assert_eq!((harness.fetch("orders", 0), harness.state()), (-1, "Dead"));
}

#[test]
fn offsets_of_topics_that_a_stable_group_no_longer_reads_expire() {
    let (mut harness, ids) = Harness::stable_with(short_retention(), 1);
    harness.commit(&commit_request(&ids[0], 1, "former", 0, 5));
    harness.commit(&commit_request(&ids[0], 1, "orders", 0, 6));
    for _ in 0..(RETENTION_MS + CHECK_MS) / 8_000 {
        harness.advance(8_000);
        harness.heartbeat(&ids[0], 1);
    }
    assert_eq!((harness.fetch("former", 0), harness.fetch("orders", 0)), (-1, 6));
}

#[test]
fn a_retention_that_the_client_asked_for_is_kept() {
    let mut harness = Harness::new();
    let request = OffsetCommitRequest { retention_time_ms: 1_000, ..commit_request("", -1, "t", 0, 5) };
    harness.commit(&request);
    let Some(Record::OffsetCommit { value: Some(value), .. }) = harness.wrote().pop() else {
        panic!("the offset is written");
    };
    assert_eq!(value.expire_timestamp_ms, Some(WALL_START_MS + 1_000));
    harness.advance(CHECK_MS);
    assert_eq!(harness.fetch("t", 0), -1);
}
