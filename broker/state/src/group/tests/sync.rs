//! SyncGroup, heartbeats around it, and what happens when its record cannot be written.

use super::*;
use headrace_protocol::messages::internal::consumer_offsets::{GroupMetadataValue, MemberMetadata};

#[test]
fn the_leaders_assignment_is_written_and_given_out_when_it_is_committed() {
    let mut harness = Harness::new();
    let (token, id) = harness.join_twice("");
    harness.advance(INITIAL_DELAY_MS);
    harness.joined(token);
    harness.hold = true;
    let token = harness.sync(&sync_request(&id, 1, std::slice::from_ref(&id)));
    let member = MemberMetadata {
        member_id: id.clone(),
        group_instance_id: None,
        client_id: "app".into(),
        client_host: "/10.0.0.1".into(),
        rebalance_timeout: REBALANCE_MS,
        session_timeout: SESSION_MS,
        subscription: Bytes::from_static(SUBSCRIPTION),
        assignment: assignment(&id),
    };
    let value = GroupMetadataValue {
        protocol_type: "consumer".into(),
        generation: 1,
        protocol: Some("range".into()),
        leader: Some(id.clone()),
        current_state_timestamp: WALL_START_MS + INITIAL_DELAY_MS as i64,
        members: vec![member],
    };
    assert_eq!(harness.wrote(), [Record::GroupMetadata { group: GROUP.into(), value: Some(value) }]);
    assert_eq!(harness.answer(token), None, "the answer waits for the commit");
    assert_eq!(harness.state(), "CompletingRebalance");
    harness.release();
    let response = harness.synced(token);
    assert_eq!((response.error_code, response.assignment), (ErrorCode::NONE, assignment(&id)));
    assert_eq!(response.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(response.protocol_name.as_deref(), Some("range"));
    assert_eq!(harness.state(), "Stable");
}

#[test]
fn a_member_that_the_leader_forgot_gets_an_empty_assignment_and_a_stranger_none() {
    let (mut harness, ids) = Harness::stable(2);
    let tokens = [harness.join(&join_request(&ids[0])), harness.join(&join_request(&ids[1]))];
    for token in tokens {
        assert_eq!(harness.joined(token).generation_id, 2);
    }
    let follower = harness.sync(&sync_request(&ids[1], 2, &[]));
    let leader = harness.sync(&sync_request(&ids[0], 2, &[ids[0].clone(), "stranger".into()]));
    assert_eq!(harness.synced(leader).assignment, assignment(&ids[0]));
    assert_eq!(harness.synced(follower).assignment, "");
    let Some(Record::GroupMetadata { value: Some(value), .. }) = harness.wrote().pop() else {
        panic!("the group is written");
    };
    assert_eq!(value.members.len(), 2);
}

#[test]
fn sync_says_what_is_wrong() {
    let (mut harness, ids) = Harness::stable(1);
    let good = sync_request(&ids[0], 1, &[]);
    let table = [
        ("no group", SyncGroupRequest { group_id: "".into(), ..good.clone() }, ErrorCode::INVALID_GROUP_ID),
        (
            "unknown group",
            SyncGroupRequest { group_id: "x".into(), ..good.clone() },
            ErrorCode::UNKNOWN_MEMBER_ID,
        ),
        ("unknown member", sync_request("x", 1, &[]), ErrorCode::UNKNOWN_MEMBER_ID),
        ("old generation", sync_request(&ids[0], 0, &[]), ErrorCode::ILLEGAL_GENERATION),
        (
            "other type",
            SyncGroupRequest { protocol_type: Some("connect".into()), ..good.clone() },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
        (
            "other protocol",
            SyncGroupRequest { protocol_name: Some("sticky".into()), ..good.clone() },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
        (
            "agrees",
            SyncGroupRequest {
                protocol_type: Some("consumer".into()),
                protocol_name: Some("range".into()),
                ..good
            },
            ErrorCode::NONE,
        ),
    ];
    for (case, request, want) in table {
        let token = harness.sync(&request);
        assert_eq!(harness.synced(token).error_code, want, "{case}");
    }
    let _newcomer = harness.join_twice("");
    let token = harness.sync(&sync_request(&ids[0], 1, &[]));
    assert_eq!(harness.synced(token).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_rebalance_sends_those_who_wait_for_their_assignment_back_to_join() {
    let (mut harness, ids) = Harness::stable(2);
    let tokens = [harness.join(&join_request(&ids[0])), harness.join(&join_request(&ids[1]))];
    for token in tokens {
        harness.joined(token);
    }
    let waiting = harness.sync(&sync_request(&ids[1], 2, &[]));
    assert_eq!(harness.heartbeat(&ids[0], 2), ErrorCode::NONE, "heartbeats pass before SyncGroup too");
    let _newcomer = harness.join_twice("");
    assert_eq!(harness.synced(waiting).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(harness.state(), "PreparingRebalance");
}

#[test]
fn members_that_do_not_ask_for_their_assignment_are_removed() {
    let (mut harness, ids) = Harness::stable(2);
    let tokens = [harness.join(&join_request(&ids[0])), harness.join(&join_request(&ids[1]))];
    for token in tokens {
        harness.joined(token);
    }
    let leader = harness.sync(&sync_request(&ids[0], 2, &ids));
    assert_eq!(harness.synced(leader).error_code, ErrorCode::NONE);
    while harness.state() == "Stable" {
        harness.heartbeat(&ids[0], 2);
        harness.heartbeat(&ids[1], 2);
        harness.advance(SESSION_MS as u64 / 2);
    }
    assert_eq!(harness.heartbeat(&ids[1], 2), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(harness.heartbeat(&ids[0], 2), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn an_assignment_that_cannot_be_written_makes_the_members_rebalance() {
    let (mut harness, ids) = Harness::stable(1);
    let token = harness.join(&join_request(&ids[0]));
    assert_eq!(harness.joined(token).generation_id, 2);
    let (sync, effects) =
        harness.call(|shard, caller, token| shard.sync_group(caller, &sync_request(&ids[0], 2, &ids), token));
    let now = harness.now();
    for write in effects.writes {
        let effects = harness.shard.failed(write, ErrorCode::NOT_ENOUGH_REPLICAS, now);
        harness.run(effects);
    }
    assert_eq!(harness.synced(sync).error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(harness.state(), "PreparingRebalance");
    let token = harness.join(&join_request(&ids[0]));
    assert_eq!(harness.joined(token).generation_id, 3);
}

#[test]
fn an_assignment_of_a_generation_that_is_over_is_not_given_out() {
    let (mut harness, ids) = Harness::stable(1);
    let token = harness.join(&join_request(&ids[0]));
    harness.joined(token);
    harness.hold = true;
    let sync = harness.sync(&sync_request(&ids[0], 2, &ids));
    let (_newcomer, new_id) = harness.join_twice("");
    assert_eq!(harness.synced(sync).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    harness.release();
    assert_eq!(harness.state(), "PreparingRebalance");
    assert_eq!(harness.heartbeat(&new_id, 2), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn heartbeat_says_what_is_wrong() {
    let (mut harness, ids) = Harness::stable(1);
    assert_eq!(harness.heartbeat(&ids[0], 1), ErrorCode::NONE);
    assert_eq!(harness.heartbeat(&ids[0], 2), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(harness.heartbeat(&ids[0], 0), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(harness.heartbeat("x", 1), ErrorCode::UNKNOWN_MEMBER_ID);
    let request = HeartbeatRequest { group_id: "other".into(), ..Default::default() };
    let answer = harness.call(|shard, caller, _| shard.heartbeat(caller, &request)).1;
    assert_eq!(answer.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    let answer = harness.call(|shard, caller, _| shard.heartbeat(caller, &HeartbeatRequest::default())).1;
    assert_eq!(answer.error_code, ErrorCode::INVALID_GROUP_ID);
}
