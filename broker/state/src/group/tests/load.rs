//! Loading from the log, and letting go.

use super::*;
use crate::group::CommittedOffset;

fn reload(harness: &Harness, log: Vec<Record>) -> Harness {
    let mut again = Harness { now_ms: harness.now_ms, ..Harness::new() };
    again.shard = Shard::new(Config::default());
    for record in log {
        again.shard.replay(record);
    }
    let now = again.now();
    let effects = again.shard.loaded(now);
    again.run(effects);
    again
}

#[test]
fn members_go_on_after_a_failover_without_a_rebalance() {
    let (mut harness, ids) = Harness::stable(2);
    harness.commit(&commit_request(&ids[0], 1, "orders", 0, 5));
    // `stable` took the group's record away; write it anew by a rebalance.
    let tokens = [harness.join(&join_request(&ids[0])), harness.join(&join_request(&ids[1]))];
    for token in tokens {
        harness.joined(token);
    }
    harness.sync_all(&ids, 2);
    let log = harness.wrote();
    let mut again = reload(&harness, log);
    assert_eq!((again.state(), again.fetch("orders", 0)), ("Stable", 5));
    assert_eq!(again.heartbeat(&ids[0], 2), ErrorCode::NONE);
    assert_eq!(again.heartbeat(&ids[0], 1), ErrorCode::ILLEGAL_GENERATION);
    let token = again.sync(&sync_request(&ids[1], 2, &[]));
    assert_eq!(again.synced(token).assignment, assignment(&ids[1]));
    // A follower's JoinGroup is compared with what was written, which is its subscription to the chosen protocol alone.
    assert!(!again.shard.groups[GROUP].members.values().any(|m| m.protocols.len() != 1));
    // The one who does not come back loses its place after its session timeout.
    again.advance(SESSION_MS as u64 / 2);
    again.heartbeat(&ids[0], 2);
    again.advance(SESSION_MS as u64 / 2);
    assert_eq!(again.heartbeat(&ids[1], 2), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_tombstone_takes_away_and_a_later_record_wins() {
    let offset = |offset| CommittedOffset {
        offset,
        leader_epoch: -1,
        metadata: "".into(),
        commit_timestamp_ms: 0,
        expire_timestamp_ms: None,
    };
    let commit =
        |partition, value| Record::OffsetCommit { group: GROUP.into(), topic: "t".into(), partition, value };
    let mut shard = Shard::new(Config::default());
    for record in [
        commit(0, Some(offset(5))),
        commit(1, Some(offset(6))),
        commit(0, Some(offset(4))),
        commit(1, None),
        commit(2, None),
        Record::GroupMetadata { group: "unknown".into(), value: None },
    ] {
        shard.replay(record);
    }
    assert_eq!(shard.offset_count(), 1);
    assert_eq!(shard.offsets.of_group(&GROUP.into()).unwrap()["t"][&0].offset, 4);
}

#[test]
fn a_group_that_is_larger_than_allowed_now_is_made_to_rejoin() {
    let (mut harness, ids) = Harness::stable(3);
    let tokens: Vec<_> = ids.iter().rev().map(|id| harness.join(&join_request(id))).collect();
    let tokens: Vec<_> =
        tokens.into_iter().chain(ids[1..].iter().map(|id| harness.join(&join_request(id)))).collect();
    assert!(tokens.len() > 3);
    harness.sync_all(&ids, 2);
    let mut shard = Shard::new(Config { max_group_size: 2, ..Config::default() });
    for record in harness.wrote() {
        shard.replay(record);
    }
    shard.loaded(harness.now());
    assert_eq!(shard.group_state(&GROUP.into()).map(crate::group::State::name), Some("PreparingRebalance"));
}

#[test]
fn whoever_waits_when_the_shard_is_let_go_is_told() {
    let (mut harness, ids) = Harness::stable(2);
    let joining = harness.join(&join_request(&ids[0]));
    let effects = harness.shard.unload(ErrorCode::NOT_COORDINATOR);
    harness.run(effects);
    assert_eq!(harness.joined(joining).error_code, ErrorCode::NOT_COORDINATOR);
    let (mut harness, ids) = Harness::stable(2);
    for id in &ids {
        let token = harness.join(&join_request(id));
        harness.answer(token);
    }
    let waiting = harness.sync(&sync_request(&ids[1], 2, &[]));
    let effects = harness.shard.unload(ErrorCode::NOT_COORDINATOR);
    harness.run(effects);
    assert_eq!(harness.synced(waiting).error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!((harness.state(), harness.shard.next_deadline_ms()), ("Dead", None));
}
