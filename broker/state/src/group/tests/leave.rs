//! LeaveGroup, and the group that is left empty.

use super::*;
use headrace_protocol::messages::internal::consumer_offsets::GroupMetadataValue;

fn errors(response: &LeaveGroupResponse) -> Vec<ErrorCode> {
    response.members.iter().map(|m| m.error_code).collect()
}

#[test]
fn the_others_rebalance_without_waiting_for_a_session_to_end() {
    let (mut harness, ids) = Harness::stable(2);
    let token = harness.leave(&[(&ids[0], None)]);
    let response = harness.left(token);
    assert_eq!((response.error_code, errors(&response)), (ErrorCode::NONE, vec![ErrorCode::NONE]));
    assert_eq!(harness.state(), "PreparingRebalance");
    let token = harness.join(&join_request(&ids[1]));
    let response = harness.joined(token);
    assert_eq!((response.generation_id, response.leader), (2, ids[1].clone()));
}

#[test]
fn the_last_to_leave_leaves_an_empty_group_which_is_written_before_the_answer() {
    let (mut harness, ids) = Harness::stable(1);
    harness.hold = true;
    let token = harness.leave(&[(&ids[0], None)]);
    let value = GroupMetadataValue {
        protocol_type: "consumer".into(),
        generation: 2,
        protocol: None,
        leader: None,
        current_state_timestamp: WALL_START_MS + harness.now_ms as i64,
        members: vec![],
    };
    assert_eq!(harness.wrote(), [Record::GroupMetadata { group: GROUP.into(), value: Some(value) }]);
    assert_eq!(harness.answer(token), None);
    harness.release();
    assert_eq!(errors(&harness.left(token)), [ErrorCode::NONE]);
    assert_eq!(harness.state(), "Empty");
}

#[test]
fn versions_before_3_name_one_member_and_have_one_error() {
    let (mut harness, ids) = Harness::stable(1);
    harness.api_version = 1;
    for (member_id, want) in [("x", ErrorCode::UNKNOWN_MEMBER_ID), (&ids[0], ErrorCode::NONE)] {
        let request =
            LeaveGroupRequest { group_id: GROUP.into(), member_id: member_id.into(), ..Default::default() };
        let (token, effects) =
            harness.call(|shard, caller, token| shard.leave_group(caller, &request, token));
        harness.run(effects);
        let response = harness.left(token);
        assert_eq!((response.error_code, response.members.len()), (want, 0));
    }
}

#[test]
fn each_of_several_is_answered_for_itself() {
    let (mut harness, ids) = Harness::stable(2);
    let promised = harness.join(&join_request(""));
    let promised = harness.joined(promised).member_id;
    let token = harness.leave(&[
        (&ids[0], None),
        ("x", None),
        ("", Some("no-such-instance")),
        (&promised, None),
        ("", None),
    ]);
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    assert_eq!(errors(&harness.left(token)), [ErrorCode::NONE, unknown, unknown, ErrorCode::NONE, unknown]);
    let token = harness.join(&join_request(&promised));
    assert_eq!(harness.joined(token).error_code, unknown, "a promised id can be given back");
}

#[test]
fn leaving_an_unknown_group_is_an_error_for_each_member() {
    let mut harness = Harness::new();
    let token = harness.leave(&[("a", None)]);
    let response = harness.left(token);
    assert_eq!(
        (response.error_code, errors(&response)),
        (ErrorCode::NONE, vec![ErrorCode::UNKNOWN_MEMBER_ID])
    );
}

#[test]
fn a_member_removed_while_it_waits_is_told() {
    let (mut harness, ids) = Harness::stable(2);
    let waiting = harness.join(&join_request(&ids[0]));
    let token = harness.leave(&[(&ids[0], None)]);
    harness.left(token);
    assert_eq!(harness.joined(waiting).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}
