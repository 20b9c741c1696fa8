//! JoinGroup and the rebalance up to the new generation.

use super::*;

#[test]
fn requests_that_cannot_be_are_refused_and_leave_nothing_behind() {
    let base = join_request("");
    let table = [
        ("no group", JoinGroupRequest { group_id: "".into(), ..base.clone() }, ErrorCode::INVALID_GROUP_ID),
        (
            "short session",
            JoinGroupRequest { session_timeout_ms: 5_999, ..base.clone() },
            ErrorCode::INVALID_SESSION_TIMEOUT,
        ),
        (
            "long session",
            JoinGroupRequest { session_timeout_ms: 1_800_001, ..base.clone() },
            ErrorCode::INVALID_SESSION_TIMEOUT,
        ),
        ("stranger", join_request("who-1"), ErrorCode::UNKNOWN_MEMBER_ID),
        (
            "no protocols",
            JoinGroupRequest { protocols: vec![], ..base.clone() },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
        (
            "no type",
            JoinGroupRequest { protocol_type: "".into(), ..base },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
    ];
    for (case, request, want) in table {
        let mut harness = Harness::new();
        let token = harness.join(&request);
        let response = harness.joined(token);
        assert_eq!((response.error_code, response.generation_id), (want, -1), "{case}");
        assert_eq!(response.member_id, request.member_id, "{case}");
        assert_eq!(harness.state(), "Dead", "{case}");
        assert_eq!(harness.wrote(), [], "{case}");
    }
}

#[test]
fn a_new_member_must_come_back_with_the_id_it_is_given() {
    let mut harness = Harness::new();
    let token = harness.join(&join_request(""));
    let response = harness.joined(token);
    assert_eq!(response.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    assert_eq!(response.member_id, "app-00000000-0000-0000-0000-000000000001");
    assert_eq!(harness.state(), "Empty");
    let token = harness.join(&join_request(&response.member_id));
    assert_eq!(harness.answer(token), None);
    assert_eq!(harness.state(), "PreparingRebalance");
    harness.advance(INITIAL_DELAY_MS);
    let joined = harness.joined(token);
    assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 1));
    assert_eq!((joined.leader, joined.member_id), (response.member_id.clone(), response.member_id.clone()));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, SUBSCRIPTION);
    assert_eq!(harness.state(), "CompletingRebalance");
    assert_eq!(harness.wrote(), [], "nothing is durable before the leader's assignment");
}

#[test]
fn a_promised_id_that_is_not_taken_up_is_forgotten_with_its_group() {
    let mut harness = Harness::new();
    let token = harness.join(&join_request(""));
    let promised = harness.joined(token).member_id;
    harness.advance(SESSION_MS as u64 - 1);
    assert_eq!(harness.state(), "Empty");
    harness.advance(1);
    assert_eq!(harness.state(), "Dead");
    let token = harness.join(&join_request(&promised));
    assert_eq!(harness.joined(token).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn librdkafka_and_older_join_at_once() {
    for version in 0..4 {
        let mut harness = Harness::new();
        harness.api_version = version;
        let token = harness.join(&JoinGroupRequest { rebalance_timeout_ms: -1, ..join_request("") });
        harness.advance(INITIAL_DELAY_MS);
        assert_eq!(harness.joined(token).generation_id, 1, "version {version}");
    }
}

#[test]
fn the_first_rebalance_waits_for_more_members_up_to_the_rebalance_timeout() {
    let mut harness = Harness::new();
    let mut tokens = vec![harness.join_twice("").0];
    // Someone comes in each delay; the wait is prolonged until the rebalance timeout is used up.
    while harness.state() == "PreparingRebalance" {
        harness.advance(INITIAL_DELAY_MS - 1);
        if harness.state() == "PreparingRebalance" {
            tokens.push(harness.join_twice("").0);
        }
        harness.advance(1);
        assert!(harness.now_ms <= REBALANCE_MS as u64);
    }
    assert_eq!(harness.now_ms, REBALANCE_MS as u64);
    let responses: Vec<_> = tokens.into_iter().map(|token| harness.joined(token)).collect();
    assert!(responses.iter().all(|r| r.generation_id == 1 && r.leader == responses[0].leader));
    let with_members: Vec<_> = responses.iter().filter(|r| !r.members.is_empty()).collect();
    assert_eq!(with_members.len(), 1, "only the leader is told of the members");
    assert_eq!(with_members[0].members.len(), responses.len());
    assert_eq!(with_members[0].member_id, responses[0].leader);
}

#[test]
fn without_an_initial_delay_the_first_member_is_answered_at_once() {
    let mut harness = Harness::with(Config { initial_rebalance_delay_ms: 0, ..Config::default() });
    let (token, _) = harness.join_twice("");
    assert_eq!(harness.joined(token).generation_id, 1);
}

#[test]
fn the_protocol_is_the_one_most_members_prefer_of_those_all_know() {
    let table: [(&[&[&str]], &str); 4] = [
        (&[&["range", "sticky"], &["sticky", "range"], &["sticky", "range"]], "sticky"),
        (&[&["a", "b"], &["b", "c"]], "b"),
        // A tie goes by the leader's order, and the leader is who came first.
        (&[&["x", "a"], &["a", "x"]], "x"),
        (&[&["only"]], "only"),
    ];
    for (preferences, want) in table {
        let mut harness = Harness::new();
        let tokens: Vec<_> = preferences
            .iter()
            .map(|names| {
                let protocols: Vec<_> = names.iter().map(|name| protocol(name)).collect();
                let token =
                    harness.join(&JoinGroupRequest { protocols: protocols.clone(), ..join_request("") });
                let member_id = harness.joined(token).member_id;
                harness.join(&JoinGroupRequest { protocols, ..join_request(&member_id) })
            })
            .collect();
        harness.advance(4 * INITIAL_DELAY_MS);
        for token in tokens {
            assert_eq!(harness.joined(token).protocol_name.as_deref(), Some(want), "{preferences:?}");
        }
    }
}

#[test]
fn a_member_that_has_nothing_in_common_with_the_others_is_refused() {
    let (mut harness, ids) = Harness::stable(2);
    let alien = JoinGroupRequest { protocols: vec![protocol("alien")], ..join_request("") };
    let token = harness.join(&alien);
    assert_eq!(harness.joined(token).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let token = harness.join(&JoinGroupRequest { protocol_type: "connect".into(), ..join_request("") });
    assert_eq!(harness.joined(token).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(harness.state(), "Stable");
    assert_eq!(harness.heartbeat(&ids[0], 1), ErrorCode::NONE);
}

#[test]
fn a_rebalance_waits_for_all_members_and_drops_those_who_do_not_come() {
    let (mut harness, ids) = Harness::stable(3);
    let (newcomer, new_id) = harness.join_twice("");
    assert_eq!(harness.state(), "PreparingRebalance");
    let again: Vec<_> = ids[1..].iter().map(|id| harness.join(&join_request(id))).collect();
    assert_eq!(harness.heartbeat(&ids[0], 1), ErrorCode::REBALANCE_IN_PROGRESS);
    // The leader lives (it sends heartbeats) but does not rejoin.
    let began_ms = harness.now_ms;
    while harness.state() == "PreparingRebalance" {
        assert_eq!(harness.heartbeat(&ids[0], 1), ErrorCode::REBALANCE_IN_PROGRESS);
        harness.advance(SESSION_MS as u64 / 2);
    }
    assert_eq!(harness.now_ms - began_ms, REBALANCE_MS as u64);
    let response = harness.joined(newcomer);
    assert_eq!((response.error_code, response.generation_id), (ErrorCode::NONE, 2));
    assert_ne!(response.leader, ids[0], "a leader that did not come is replaced");
    for token in again {
        assert_eq!(harness.joined(token).generation_id, 2);
    }
    assert_eq!(harness.heartbeat(&ids[0], 2), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(harness.heartbeat(&new_id, 2), ErrorCode::NONE);
}

#[test]
fn rejoining_without_a_change_rebalances_only_for_the_leader() {
    let (mut harness, ids) = Harness::stable(2);
    let token = harness.join(&join_request(&ids[1]));
    let response = harness.joined(token);
    assert_eq!((response.generation_id, response.members.len()), (1, 0));
    assert_eq!(harness.state(), "Stable");
    // A follower with new metadata, or the leader in any case, begins a rebalance.
    let changed = JoinGroupRequest { protocols: vec![protocol("range")], ..join_request(&ids[1]) };
    let follower = harness.join(&changed);
    assert_eq!((harness.state(), harness.answer(follower)), ("PreparingRebalance", None));
    let leader = harness.join(&join_request(&ids[0]));
    assert_eq!(harness.joined(follower).generation_id, 2);
    let response = harness.joined(leader);
    assert_eq!((response.generation_id, response.members.len()), (2, 2));
    // While the assignment is awaited, a lost answer is given again.
    let token = harness.join(&changed);
    assert_eq!(harness.joined(token).generation_id, 2);
    assert_eq!(harness.state(), "CompletingRebalance");
}

#[test]
fn a_join_sent_again_answers_the_first_so_that_nobody_waits_for_ever() {
    let mut harness = Harness::new();
    let (first, member_id) = harness.join_twice("");
    let second = harness.join(&join_request(&member_id));
    assert_eq!(harness.joined(first).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    harness.advance(2 * INITIAL_DELAY_MS);
    assert_eq!(harness.joined(second).generation_id, 1);
}

#[test]
fn a_group_takes_no_more_members_than_its_size() {
    let config = Config { max_group_size: 2, initial_rebalance_delay_ms: 0, ..Config::default() };
    let mut harness = Harness::with(config);
    let (a, a_id) = harness.join_twice("");
    assert_eq!(harness.joined(a).generation_id, 1);
    let (b, b_id) = harness.join_twice("");
    let a = harness.join(&join_request(&a_id));
    assert_eq!(harness.joined(a).generation_id, 2);
    assert_eq!(harness.joined(b).generation_id, 2);
    let c = harness.join(&join_request(""));
    let refused = harness.joined(c);
    assert_eq!((refused.error_code, &*refused.member_id), (ErrorCode::GROUP_MAX_SIZE_REACHED, ""));
    assert_eq!(harness.heartbeat(&b_id, 2), ErrorCode::NONE);
}

#[test]
fn a_silent_member_is_removed_and_the_others_rebalance() {
    let (mut harness, ids) = Harness::stable(2);
    harness.advance(SESSION_MS as u64 / 2);
    assert_eq!(harness.heartbeat(&ids[0], 1), ErrorCode::NONE);
    harness.advance(SESSION_MS as u64 / 2);
    assert_eq!(harness.state(), "PreparingRebalance");
    assert_eq!(harness.heartbeat(&ids[1], 1), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(harness.heartbeat(&ids[0], 1), ErrorCode::REBALANCE_IN_PROGRESS);
    let token = harness.join(&join_request(&ids[0]));
    assert_eq!(harness.joined(token).members.len(), 1);
}

#[test]
fn a_new_member_whose_client_is_gone_does_not_hold_its_place_for_ever() {
    let (mut harness, ids) = Harness::stable(1);
    let request = JoinGroupRequest { rebalance_timeout_ms: 1_000_000, ..join_request("") };
    let token = harness.join(&request);
    let promised = harness.joined(token).member_id;
    let waiting = harness.join(&JoinGroupRequest { member_id: promised, ..request });
    for _ in 0..60 {
        harness.heartbeat(&ids[0], 1);
        harness.advance(5_000);
    }
    assert_eq!(harness.joined(waiting).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}
