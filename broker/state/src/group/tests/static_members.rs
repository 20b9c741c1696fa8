//! Members with a group.instance.id (KIP-345).

use super::*;

fn static_join(member_id: &str, instance_id: &str) -> JoinGroupRequest {
    JoinGroupRequest { group_instance_id: Some(instance_id.into()), ..join_request(member_id) }
}

/// A stable group of two static members, `i1` (the leader) and `i2`, with their ids. The log is emptied.
fn stable() -> (Harness, Str, Str) {
    let mut harness = Harness::new();
    let tokens = [harness.join(&static_join("", "i1")), harness.join(&static_join("", "i2"))];
    harness.advance(2 * INITIAL_DELAY_MS);
    let [first, second] = tokens.map(|token| harness.joined(token));
    assert_eq!(first.leader, first.member_id);
    assert_eq!(&*first.member_id, "i1-00000000-0000-0000-0000-000000000001", "not asked to come twice");
    let ids = [first.member_id.clone(), second.member_id.clone()];
    harness.sync_all(&ids, 1);
    harness.wrote();
    (harness, first.member_id, second.member_id)
}

#[test]
fn a_member_that_comes_back_keeps_its_assignment_without_a_rebalance() {
    let (mut harness, leader, old) = stable();
    harness.hold = true;
    let token = harness.join(&static_join("", "i2"));
    assert_eq!(harness.answer(token), None, "the new id must be durable first");
    let Some(Record::GroupMetadata { value: Some(value), .. }) = harness.wrote().pop() else {
        panic!("the new id is written");
    };
    assert_eq!(value.generation, 1);
    let written = value.members.iter().find(|m| m.group_instance_id.as_deref() == Some("i2")).unwrap();
    assert_eq!(written.assignment, assignment(&old));
    harness.release();
    let response = harness.joined(token);
    assert_eq!((response.error_code, response.generation_id), (ErrorCode::NONE, 1));
    assert_ne!(response.member_id, old);
    assert_eq!(written.member_id, response.member_id);
    assert_eq!((response.leader, response.skip_assignment, response.members.len()), (leader, false, 0));
    assert_eq!(harness.state(), "Stable");
    let token = harness.sync(&sync_request(&response.member_id, 1, &[]));
    assert_eq!(harness.synced(token).assignment, assignment(&old));
    // The old process is fenced, in each of its requests.
    let fenced = HeartbeatRequest {
        group_id: GROUP.into(),
        generation_id: 1,
        member_id: old.clone(),
        group_instance_id: Some("i2".into()),
    };
    let answer = harness.call(|shard, caller, _| shard.heartbeat(caller, &fenced)).1;
    assert_eq!(answer.error_code, ErrorCode::FENCED_INSTANCE_ID);
    let token = harness.join(&static_join(&old, "i2"));
    assert_eq!(harness.joined(token).error_code, ErrorCode::FENCED_INSTANCE_ID);
    let request = SyncGroupRequest { group_instance_id: Some("i2".into()), ..sync_request(&old, 1, &[]) };
    let token = harness.sync(&request);
    assert_eq!(harness.synced(token).error_code, ErrorCode::FENCED_INSTANCE_ID);
    let request =
        OffsetCommitRequest { group_instance_id: Some("i2".into()), ..commit_request(&old, 1, "t", 0, 5) };
    let token = harness.commit(&request);
    assert_eq!(harness.commit_error(token), ErrorCode::FENCED_INSTANCE_ID);
    let token = harness.leave(&[(&old, Some("i2"))]);
    assert_eq!(harness.left(token).members[0].error_code, ErrorCode::FENCED_INSTANCE_ID);
}

#[test]
fn a_leader_that_comes_back_is_told_to_skip_the_assignment_if_it_knows_how() {
    for (version, told) in [(9, true), (8, false)] {
        let (mut harness, old, _) = stable();
        harness.api_version = version;
        let token = harness.join(&static_join("", "i1"));
        let response = harness.joined(token);
        assert_eq!(response.skip_assignment, told);
        assert_eq!(response.members.len(), if told { 2 } else { 0 });
        // An older client must not take itself for the leader.
        assert_eq!(response.leader, if told { response.member_id } else { old });
    }
}

#[test]
fn a_change_of_what_the_group_would_use_makes_it_rebalance() {
    let (mut harness, _, _) = stable();
    let request = JoinGroupRequest { protocols: vec![protocol("roundrobin")], ..static_join("", "i2") };
    let token = harness.join(&request);
    assert_eq!((harness.state(), harness.answer(token)), ("PreparingRebalance", None));
    assert_eq!(harness.wrote(), []);
}

#[test]
fn while_the_assignment_is_awaited_a_new_id_makes_the_group_rebalance() {
    let (mut harness, leader, follower) = stable();
    let tokens = [harness.join(&static_join(&leader, "i1")), harness.join(&static_join(&follower, "i2"))];
    for token in tokens {
        assert_eq!(harness.joined(token).generation_id, 2);
    }
    let waiting = harness.sync(&sync_request(&follower, 2, &[]));
    let token = harness.join(&static_join("", "i2"));
    assert_eq!(harness.synced(waiting).error_code, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!((harness.state(), harness.answer(token)), ("PreparingRebalance", None));
    let leader = harness.join(&static_join(&leader, "i1"));
    assert_eq!(harness.joined(token).generation_id, 3);
    assert_eq!(harness.joined(leader).members.len(), 2);
}

#[test]
fn whoever_waits_to_join_under_the_same_instance_is_fenced() {
    let mut harness = Harness::new();
    let first = harness.join(&static_join("", "i1"));
    let second = harness.join(&static_join("", "i1"));
    assert_eq!(harness.joined(first).error_code, ErrorCode::FENCED_INSTANCE_ID);
    harness.advance(2 * INITIAL_DELAY_MS);
    let response = harness.joined(second);
    assert_eq!((response.generation_id, response.members.len()), (1, 1));
}

#[test]
fn a_new_id_that_cannot_be_written_is_taken_back() {
    let (mut harness, old, _) = stable();
    let (token, effects) =
        harness.call(|shard, caller, token| shard.join_group(caller, &static_join("", "i1"), token));
    let now = harness.now();
    for write in effects.writes {
        let effects = harness.shard.failed(write, ErrorCode::NOT_LEADER_OR_FOLLOWER, now);
        harness.run(effects);
    }
    assert_eq!(harness.joined(token).error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(harness.heartbeat(&old, 1), ErrorCode::NONE, "the old id, which the log has, goes on");
    let token = harness.sync(&sync_request(&old, 1, &[]));
    assert_eq!(harness.synced(token).assignment, assignment(&old));
}

#[test]
fn static_members_outlive_a_rebalance_that_they_miss_until_their_session_ends() {
    let (mut harness, leader, follower) = stable();
    let dynamic = harness.join_twice("").0;
    let leader = harness.join(&static_join(&leader, "i1"));
    // The follower sends heartbeats until the rebalance is over, but does not join.
    while harness.state() == "PreparingRebalance" {
        harness.heartbeat(&follower, 1);
        harness.advance(SESSION_MS as u64 / 2);
    }
    assert_eq!(harness.joined(leader).members.len(), 3, "it keeps its place");
    assert_eq!(harness.joined(dynamic).generation_id, 2);
    assert_eq!(harness.heartbeat(&follower, 2), ErrorCode::NONE);
}

#[test]
fn an_administrator_removes_a_static_member_by_its_instance() {
    let (mut harness, _, follower) = stable();
    let token = harness.leave(&[("", Some("i2"))]);
    assert_eq!(harness.left(token).members[0].error_code, ErrorCode::NONE);
    assert_eq!(harness.state(), "PreparingRebalance");
    assert_eq!(harness.heartbeat(&follower, 1), ErrorCode::UNKNOWN_MEMBER_ID);
}
