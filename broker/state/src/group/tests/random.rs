//! Many members that join, leave, crash, commit and are restarted, in an order that a seed decides. What must hold whatever happens:
//!
//! - an assignment is only ever given to a member of the generation that it was made for;
//! - of one generation, every member gets what the one leader assigned;
//! - an offset is what was last committed and acknowledged, or a later commit that is still in flight;
//! - the log, replayed, gives the same offsets and the same groups.

use super::*;
use std::collections::BTreeSet;

/// xorshift64*: enough randomness for a test, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

enum Phase {
    Idle,
    Joining(Token),
    Syncing(Token),
    Stable,
}

/// A consumer as its client library behaves: it answers what it is told.
struct Client {
    member_id: Str,
    instance_id: Option<Str>,
    generation: i32,
    phase: Phase,
    /// The members it was told of, if it is the leader.
    members: Vec<Str>,
    commits: Vec<(Token, i64)>,
}

impl Client {
    fn new(instance_id: Option<Str>) -> Self {
        let (phase, members, commits) = (Phase::Idle, Vec::new(), Vec::new());
        Self { member_id: Str::default(), instance_id, generation: -1, phase, members, commits }
    }

    fn reset(&mut self) {
        self.member_id = Str::default();
        self.generation = -1;
        self.phase = Phase::Idle;
    }
}

struct World {
    harness: Harness,
    random: Random,
    clients: Vec<Client>,
    log: Vec<Record>,
    /// generation → its members, as its leader was told
    generations: BTreeMap<i32, BTreeSet<Str>>,
    /// Commits per partition in the order of the log; the acknowledged one is the floor.
    committed: Vec<i64>,
    next_offset: i64,
    served: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let instance = |at: usize| (at.is_multiple_of(3)).then(|| Str::from(format!("instance-{at}")));
        Self {
            harness: Harness::new(),
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            clients: (0..9).map(|at| Client::new(instance(at))).collect(),
            log: Vec::new(),
            generations: BTreeMap::new(),
            committed: vec![-1; 9],
            next_offset: 0,
            served: 0,
        }
    }

    fn step(&mut self) {
        let at = self.random.below(self.clients.len() as u64) as usize;
        match self.random.below(100) {
            0..=44 => self.go_on(at),
            45..=59 => self.commit(at),
            60..=61 => self.leave(at),
            // A crash: the client forgets everything, and comes back as new.
            62..=63 => self.clients[at].reset(),
            64..=65 => self.harness.hold = !self.harness.hold,
            66 => self.fail_over(),
            _ => {
                let by_ms = 1 + self.random.below(2_000);
                self.harness.advance(by_ms);
            }
        }
        if !self.harness.hold {
            self.harness.release();
        }
        self.log.extend(self.harness.wrote());
        self.listen();
    }

    /// What this client would send next.
    fn go_on(&mut self, at: usize) {
        let client = &self.clients[at];
        match client.phase {
            Phase::Idle => {
                let request = JoinGroupRequest {
                    group_instance_id: client.instance_id.clone(),
                    protocols: vec![protocol("range")],
                    ..join_request(&client.member_id)
                };
                self.clients[at].phase = Phase::Joining(self.harness.join(&request));
            }
            Phase::Stable => {
                let (id, generation) = (client.member_id.clone(), client.generation);
                match self.harness.heartbeat(&id, generation) {
                    ErrorCode::NONE => {}
                    ErrorCode::REBALANCE_IN_PROGRESS => self.clients[at].phase = Phase::Idle,
                    ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => self.clients[at].reset(),
                    other => panic!("a heartbeat was answered with {other}"),
                }
            }
            Phase::Joining(_) | Phase::Syncing(_) => {}
        }
    }

    fn commit(&mut self, at: usize) {
        let client = &self.clients[at];
        if client.generation < 0 {
            return;
        }
        self.next_offset += 1;
        let offset = self.next_offset;
        let request = commit_request(&client.member_id, client.generation, "orders", at as i32, offset);
        let token = self.harness.commit(&request);
        self.clients[at].commits.push((token, offset));
    }

    fn leave(&mut self, at: usize) {
        let id = self.clients[at].member_id.clone();
        if !id.is_empty() && self.clients[at].instance_id.is_none() {
            self.harness.leave(&[(&id, None)]);
            self.clients[at].reset();
        }
    }

    /// The coordinator moves: everyone who waits is told, and the log is all that is left.
    fn fail_over(&mut self) {
        if !self.random.one_in(4) {
            return;
        }
        self.log.extend(self.harness.wrote());
        let now = self.harness.now();
        while let Some(write) = self.harness.held.pop_front() {
            let effects = self.harness.shard.failed(write, ErrorCode::NOT_LEADER_OR_FOLLOWER, now);
            self.harness.run(effects);
        }
        let effects = self.harness.shard.unload(ErrorCode::NOT_COORDINATOR);
        self.harness.run(effects);
        for record in self.log.clone() {
            self.harness.shard.replay(record);
        }
        let effects = self.harness.shard.loaded(now);
        self.harness.run(effects);
    }

    /// Takes the answers that have come.
    fn listen(&mut self) {
        for at in 0..self.clients.len() {
            match self.clients[at].phase {
                Phase::Joining(token) => {
                    if let Some(Response::Join(response)) = self.harness.answer(token) {
                        self.joined(at, response);
                    }
                }
                Phase::Syncing(token) => {
                    if let Some(Response::Sync(response)) = self.harness.answer(token) {
                        self.synced(at, &response);
                    }
                }
                Phase::Idle | Phase::Stable => {}
            }
            for (token, offset) in std::mem::take(&mut self.clients[at].commits) {
                match self.harness.answer(token) {
                    None => self.clients[at].commits.push((token, offset)),
                    Some(Response::OffsetCommit(response)) => {
                        if response.topics[0].partitions[0].error_code.is_ok() {
                            self.committed[at] = self.committed[at].max(offset);
                        }
                    }
                    Some(other) => panic!("a commit was answered with {other:?}"),
                }
            }
        }
        for (at, floor) in self.committed.iter().enumerate() {
            let fetched = self.harness.fetch("orders", at as i32);
            assert!(fetched >= *floor, "partition {at} went back from {floor} to {fetched}");
        }
    }

    fn joined(&mut self, at: usize, response: JoinGroupResponse) {
        let client = &mut self.clients[at];
        client.phase = Phase::Idle;
        match response.error_code {
            ErrorCode::NONE => {}
            ErrorCode::MEMBER_ID_REQUIRED => {
                client.member_id = response.member_id;
                return;
            }
            ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::NOT_COORDINATOR => return,
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID => return client.reset(),
            other => panic!("a JoinGroup was answered with {other}"),
        }
        client.member_id = response.member_id;
        client.generation = response.generation_id;
        client.members = response.members.iter().map(|m| m.member_id.clone()).collect();
        if response.leader == client.member_id && !response.skip_assignment {
            let members: BTreeSet<_> = client.members.iter().cloned().collect();
            assert_eq!(members.len(), client.members.len());
            self.generations.entry(response.generation_id).or_default().extend(members);
        }
        let assigned = if response.skip_assignment { &[][..] } else { &client.members[..] };
        let request = sync_request(&client.member_id, client.generation, assigned);
        let token = self.harness.sync(&request);
        self.clients[at].phase = Phase::Syncing(token);
    }

    fn synced(&mut self, at: usize, response: &SyncGroupResponse) {
        let client = &mut self.clients[at];
        match response.error_code {
            ErrorCode::NONE => {}
            ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::NOT_COORDINATOR => {
                return client.phase = Phase::Idle;
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION | ErrorCode::FENCED_INSTANCE_ID => {
                return client.reset();
            }
            other => panic!("a SyncGroup was answered with {other}"),
        }
        client.phase = Phase::Stable;
        self.served += 1;
        let text = std::str::from_utf8(&response.assignment).unwrap();
        let owner = text.strip_prefix("for ").expect("every member of a generation is assigned something");
        // A static member keeps what was assigned to its former id.
        let same_instance = client.instance_id.as_deref().is_some_and(|instance| owner.starts_with(instance));
        assert!(owner == &*client.member_id || same_instance, "{} got what is {owner}'s", client.member_id);
        let members = self.generations.get(&client.generation);
        assert!(
            members.is_some_and(|m| m.contains(owner)),
            "{owner} is not of generation {}",
            client.generation
        );
    }

    /// The log must give what is in memory.
    fn check_replay(&mut self) {
        self.harness.hold = false;
        self.harness.release();
        self.log.extend(self.harness.wrote());
        let mut again = Shard::new(Config::default());
        for record in &self.log {
            let (key, value) = record.encode().unwrap();
            again.replay(Record::decode(key, value).unwrap().unwrap());
        }
        assert_eq!(again.offsets, self.harness.shard.offsets);
        for group in self.harness.shard.groups.values() {
            let settled = matches!(group.state, crate::group::State::Stable | crate::group::State::Empty);
            if settled && group.in_log {
                let replayed = &again.groups[&group.id];
                let of = |g: &crate::group::membership::Group| g.to_record(|m| m.assignment.clone());
                let (mut want, mut got) = (of(group), of(replayed));
                // Becoming stable is not written, only what led to it.
                (want.current_state_timestamp, got.current_state_timestamp) = (0, 0);
                assert_eq!(got, want);
            }
        }
    }
}

#[test]
fn invariants_hold_whatever_members_do() {
    let mut served = 0;
    for seed in 1..=12 {
        let mut world = World::new(seed);
        for step in 0..3_000 {
            world.step();
            if step % 500 == 499 {
                world.check_replay();
            }
        }
        served += world.served;
    }
    assert!(served > 1_000, "the clients got somewhere: {served}");
}
