//! Tests of the machine with explicit time: each asserts the answers and the exact records.

mod admin;
mod join;
mod leave;
mod load;
mod offsets;
mod random;
mod record;
mod static_members;
mod sync;
mod wire;

use super::{Caller, Config, Effects, Now, Record, Reply, Response, Shard, Token, Write};
use bytes::Bytes;
use headrace_protocol::messages::heartbeat::HeartbeatRequest;
use headrace_protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use headrace_protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};
use headrace_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use headrace_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use headrace_protocol::messages::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use headrace_protocol::{ErrorCode, Str};
use std::collections::{BTreeMap, VecDeque};

const GROUP: &str = "orders";
const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 60_000;
const INITIAL_DELAY_MS: u64 = 3_000;
const WALL_START_MS: i64 = 1_700_000_000_000;

/// A shard with its log. Commits can be held back, as if followers were slow.
struct Harness {
    shard: Shard,
    log: Vec<Record>,
    hold: bool,
    held: VecDeque<Write>,
    now_ms: u64,
    tokens: u64,
    fresh_ids: u128,
    answers: BTreeMap<Token, Response>,
    api_version: i16,
}

impl Harness {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let mut harness = Self {
            shard: Shard::new(config),
            log: Vec::new(),
            hold: false,
            held: VecDeque::new(),
            now_ms: 0,
            tokens: 0,
            fresh_ids: 0,
            answers: BTreeMap::new(),
            api_version: 9,
        };
        let effects = harness.shard.loaded(harness.now());
        harness.run(effects);
        harness
    }

    fn now(&self) -> Now {
        Now { wall_ms: WALL_START_MS + self.now_ms as i64, monotonic_ms: self.now_ms }
    }

    fn call<T>(&mut self, f: impl FnOnce(&mut Shard, &Caller<'_>, Token) -> T) -> (Token, T) {
        self.tokens += 1;
        self.fresh_ids += 1;
        let caller = Caller {
            now: self.now(),
            api_version: self.api_version,
            client_id: "app",
            client_host: "/10.0.0.1",
            fresh_id: self.fresh_ids,
        };
        let token = Token(self.tokens);
        let result = f(&mut self.shard, &caller, token);
        (token, result)
    }

    fn run(&mut self, effects: Effects) {
        for Reply { token, response } in effects.replies {
            assert!(self.answers.insert(token, response).is_none(), "{token:?} was answered twice");
        }
        for write in effects.writes {
            // What is in the log is what comes out of it.
            for record in &write.records {
                let (key, value) = record.encode().unwrap();
                let read = Record::decode(key, value).unwrap();
                assert_eq!(read.as_ref(), Some(record));
                self.log.push(record.clone());
            }
            self.shard.appended(&write);
            self.held.push_back(write);
        }
        if !self.hold {
            self.release();
        }
    }

    /// Everything that was written is committed.
    fn release(&mut self) {
        while let Some(write) = self.held.pop_front() {
            let now = self.now();
            let effects = self.shard.committed(write, now);
            self.run(effects);
        }
    }

    fn advance(&mut self, by_ms: u64) {
        let until_ms = self.now_ms + by_ms;
        while let Some(deadline_ms) = self.shard.next_deadline_ms().filter(|d| *d <= until_ms) {
            self.now_ms = self.now_ms.max(deadline_ms);
            let now = self.now();
            let effects = self.shard.tick(now);
            self.run(effects);
        }
        self.now_ms = until_ms;
    }

    fn wrote(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.log)
    }

    fn join(&mut self, request: &JoinGroupRequest) -> Token {
        let (token, effects) = self.call(|shard, caller, token| shard.join_group(caller, request, token));
        self.run(effects);
        token
    }

    /// JoinGroup as Java's consumer does it: once without an id, then again with the id that it was given.
    fn join_twice(&mut self, member_id: &str) -> (Token, Str) {
        let token = self.join(&join_request(member_id));
        if !member_id.is_empty() {
            return (token, member_id.into());
        }
        let promised = self.joined(token);
        assert_eq!(promised.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        (self.join(&join_request(&promised.member_id)), promised.member_id)
    }

    fn sync(&mut self, request: &SyncGroupRequest) -> Token {
        let (token, effects) = self.call(|shard, caller, token| shard.sync_group(caller, request, token));
        self.run(effects);
        token
    }

    fn heartbeat(&mut self, member_id: &str, generation_id: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id,
            member_id: member_id.into(),
            ..Default::default()
        };
        self.call(|shard, caller, _| shard.heartbeat(caller, &request)).1.error_code
    }

    fn leave(&mut self, members: &[(&str, Option<&str>)]) -> Token {
        let identity = |(member_id, instance_id): &(&str, Option<&str>)| MemberIdentity {
            member_id: (*member_id).into(),
            group_instance_id: instance_id.map(Str::from),
            ..Default::default()
        };
        let request = LeaveGroupRequest {
            group_id: GROUP.into(),
            members: members.iter().map(identity).collect(),
            ..Default::default()
        };
        let (token, effects) = self.call(|shard, caller, token| shard.leave_group(caller, &request, token));
        self.run(effects);
        token
    }

    fn commit(&mut self, request: &OffsetCommitRequest) -> Token {
        let (token, effects) = self.call(|shard, caller, token| shard.offset_commit(caller, request, token));
        self.run(effects);
        token
    }

    fn fetch(&self, topic: &str, partition: i32) -> i64 {
        let wanted = OffsetFetchRequestTopics {
            name: topic.into(),
            partition_indexes: vec![partition],
            ..Default::default()
        };
        let request = OffsetFetchRequestGroup {
            group_id: GROUP.into(),
            topics: Some(vec![wanted]),
            ..Default::default()
        };
        self.shard.offset_fetch(&request).topics[0].partitions[0].committed_offset
    }

    fn answer(&mut self, token: Token) -> Option<Response> {
        self.answers.remove(&token)
    }

    #[track_caller]
    fn joined(&mut self, token: Token) -> JoinGroupResponse {
        match self.answer(token) {
            Some(Response::Join(response)) => response,
            other => panic!("{token:?} should have been answered as a JoinGroup: {other:?}"),
        }
    }

    #[track_caller]
    fn synced(&mut self, token: Token) -> SyncGroupResponse {
        match self.answer(token) {
            Some(Response::Sync(response)) => response,
            other => panic!("{token:?} should have been answered as a SyncGroup: {other:?}"),
        }
    }

    #[track_caller]
    fn left(&mut self, token: Token) -> LeaveGroupResponse {
        match self.answer(token) {
            Some(Response::Leave(response)) => response,
            other => panic!("{token:?} should have been answered as a LeaveGroup: {other:?}"),
        }
    }

    #[track_caller]
    fn commit_answer(&mut self, token: Token) -> OffsetCommitResponse {
        match self.answer(token) {
            Some(Response::OffsetCommit(response)) => response,
            other => panic!("{token:?} should have been answered as an OffsetCommit: {other:?}"),
        }
    }

    #[track_caller]
    fn commit_error(&mut self, token: Token) -> ErrorCode {
        self.commit_answer(token).topics[0].partitions[0].error_code
    }

    fn state(&self) -> &'static str {
        self.shard.group_state(&GROUP.into()).map_or("Dead", super::State::name)
    }

    /// `count` dynamic members in a stable group, the leader (lowest id) first. The log is emptied.
    fn stable(count: usize) -> (Self, Vec<Str>) {
        Self::stable_with(Config::default(), count)
    }

    fn stable_with(config: Config, count: usize) -> (Self, Vec<Str>) {
        let mut harness = Self::with(config);
        let joins: Vec<_> = (0..count).map(|_| harness.join_twice("")).collect();
        harness.advance(4 * INITIAL_DELAY_MS);
        let mut leader = None;
        let mut ids = Vec::new();
        for (token, member_id) in joins {
            let response = harness.joined(token);
            assert_eq!(response.error_code, ErrorCode::NONE);
            leader = Some(response.leader);
            ids.push(member_id);
        }
        let leader = leader.unwrap();
        ids.sort_by_key(|id| *id != leader);
        harness.sync_all(&ids, 1);
        harness.wrote();
        (harness, ids)
    }

    /// Every member sends SyncGroup, the leader (first) with an assignment that names each.
    fn sync_all(&mut self, ids: &[Str], generation: i32) {
        let tokens: Vec<_> = ids
            .iter()
            .enumerate()
            .rev()
            .map(|(at, id)| {
                let assigned = if at == 0 { ids } else { &[] };
                self.sync(&sync_request(id, generation, assigned))
            })
            .collect();
        for (token, id) in tokens.into_iter().rev().zip(ids) {
            assert_eq!(self.synced(token).assignment, assignment(id));
        }
        assert_eq!(self.state(), "Stable");
    }
}

/// A subscription to the topic `orders`, as consumers encode it.
const SUBSCRIPTION: &[u8] = b"\0\0\0\0\0\x01\0\x06orders\xff\xff\xff\xff";

fn protocol(name: &str) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol { name: name.into(), metadata: Bytes::from_static(SUBSCRIPTION) }
}

fn join_request(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        member_id: member_id.into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range"), protocol("roundrobin")],
        ..Default::default()
    }
}

fn assignment(member_id: &str) -> Bytes {
    Bytes::from(format!("for {member_id}"))
}

fn sync_request(member_id: &str, generation_id: i32, assigned: &[Str]) -> SyncGroupRequest {
    let entry = |id: &Str| SyncGroupRequestAssignment { member_id: id.clone(), assignment: assignment(id) };
    SyncGroupRequest {
        group_id: GROUP.into(),
        generation_id,
        member_id: member_id.into(),
        assignments: assigned.iter().map(entry).collect(),
        ..Default::default()
    }
}

fn commit_request(
    member_id: &str,
    generation: i32,
    topic: &str,
    partition: i32,
    offset: i64,
) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: GROUP.into(),
        generation_id_or_member_epoch: generation,
        member_id: member_id.into(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.into(),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: partition,
                committed_offset: offset,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}
