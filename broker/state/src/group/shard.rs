//! The shard itself: what it holds, how it is loaded, ticked and let go. Each request has a module of its own.

use super::config::Config;
use super::effects::{Effects, Response, Then, Write, write_error};
use super::expire;
use super::membership::{Group, State};
use super::offsets::Offsets;
use super::rebalance::{Cx, TimerKey};
use super::record::Record;
use super::timers::Timers;
use headrace_protocol::{ErrorCode, Str};
use std::collections::BTreeMap;

/// The two clocks: one for what is written down, one for deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Unix milliseconds.
    pub wall_ms: i64,
    pub monotonic_ms: u64,
}

/// Who sends a request, and the randomness it may need.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    pub now: Now,
    pub api_version: i16,
    pub client_id: &'a str,
    /// As Kafka writes it: `/127.0.0.1`.
    pub client_host: &'a str,
    /// 128 random bits: a new member's id is made of them.
    pub fresh_id: u128,
}

/// The groups and offsets of one partition of `__consumer_offsets`.
#[derive(Debug)]
pub struct Shard {
    pub(super) config: Config,
    pub(super) groups: BTreeMap<Str, Group>,
    pub(super) offsets: Offsets,
    pub(super) timers: Timers<TimerKey>,
}

impl Shard {
    /// An empty shard, to be loaded by [`replay`](Self::replay) and opened by [`loaded`](Self::loaded).
    pub fn new(config: Config) -> Self {
        Self { config, groups: BTreeMap::new(), offsets: Offsets::default(), timers: Timers::default() }
    }

    /// Takes in a record of the log, in the log's order.
    pub fn replay(&mut self, record: Record) {
        match record {
            Record::GroupMetadata { group, value: Some(value) } => {
                self.groups.insert(group.clone(), Group::from_record(group, value));
            }
            other => self.apply(&other),
        }
    }

    /// The log has been replayed to its end: sessions begin to run.
    pub fn loaded(&mut self, now: Now) -> Effects {
        let mut effects = Effects::default();
        self.timers
            .schedule(TimerKey::Expiry, now.monotonic_ms + self.config.offsets_retention_check_interval_ms);
        let mut cx = Cx { config: &self.config, timers: &mut self.timers, now, effects: &mut effects };
        for group in self.groups.values_mut() {
            for member in group.members.values() {
                cx.expect_heartbeat(&group.id, member);
            }
            // The limit may have been lowered since; members must rejoin to see who may stay.
            if group.members.len() > cx.config.max_group_size {
                group.prepare_rebalance(&mut cx);
            }
        }
        effects
    }

    /// The write is in the log (though perhaps not committed): its records become the state.
    pub fn appended(&mut self, write: &Write) {
        for record in &write.records {
            self.apply(record);
        }
    }

    /// The write is committed: what waited for it is answered.
    pub fn committed(&mut self, write: Write, now: Now) -> Effects {
        let mut effects = Effects::default();
        let mut cx = Cx { config: &self.config, timers: &mut self.timers, now, effects: &mut effects };
        match write.then {
            Then::Nothing => {}
            Then::Reply(reply) => cx.effects.replies.push(reply),
            Then::Assign { group, generation, assignments } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.assign(generation, assignments, &mut cx);
                }
            }
            Then::ReplaceStaticMember(replacement) => {
                if let Some(group) = self.groups.get_mut(&replacement.group) {
                    group.static_member_replaced(&replacement, &mut cx);
                }
            }
        }
        effects
    }

    /// The write was refused, or will never be committed: what waited for it is told.
    pub fn failed(&mut self, write: Write, error: ErrorCode, now: Now) -> Effects {
        let mut effects = Effects::default();
        let mut cx = Cx { config: &self.config, timers: &mut self.timers, now, effects: &mut effects };
        let seen = write_error(error);
        match write.then {
            Then::Nothing => {}
            Then::Reply(mut reply) => {
                let too_large =
                    matches!(error, ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE);
                let is_commit = matches!(reply.response, Response::OffsetCommit(_));
                let seen = if too_large && is_commit { ErrorCode::INVALID_COMMIT_OFFSET_SIZE } else { seen };
                reply.response = reply.response.failed(seen);
                cx.effects.replies.push(reply);
            }
            Then::Assign { group, generation, .. } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.assignment_failed(generation, seen, &mut cx);
                }
            }
            Then::ReplaceStaticMember(replacement) => {
                if let Some(group) = self.groups.get_mut(&replacement.group) {
                    group.static_member_not_replaced(*replacement, seen, &mut cx);
                }
            }
        }
        effects
    }

    /// When [`tick`](Self::tick) is next worth calling, in monotonic milliseconds.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.timers.next_deadline()
    }

    /// Lets every deadline that has passed take effect.
    pub fn tick(&mut self, now: Now) -> Effects {
        let mut effects = Effects::default();
        while let Some(key) = self.timers.pop_due(now.monotonic_ms) {
            if key == TimerKey::Expiry {
                expire::expire(self, now, &mut effects);
                let next_ms = now.monotonic_ms + self.config.offsets_retention_check_interval_ms.max(1);
                self.timers.schedule(TimerKey::Expiry, next_ms);
                continue;
            }
            let (TimerKey::Join(id) | TimerKey::Sync(id) | TimerKey::Member(id, _)) = &key else { continue };
            let Some(group) = self.groups.get_mut(id) else { continue };
            let mut cx = Cx { config: &self.config, timers: &mut self.timers, now, effects: &mut effects };
            match &key {
                TimerKey::Join(_) => group.join_deadline_passed(&mut cx),
                TimerKey::Sync(_) => group.sync_deadline_passed(&mut cx),
                TimerKey::Member(_, member_id) => group.session_expired(member_id, &mut cx),
                TimerKey::Expiry => {}
            }
            if group.is_forgettable() {
                self.groups.remove(id);
            }
        }
        effects
    }

    /// This broker no longer leads the partition: whoever waits is told to look elsewhere, and nothing is kept.
    pub fn unload(&mut self, error: ErrorCode) -> Effects {
        let mut effects = Effects::default();
        for group in self.groups.values_mut() {
            group.abandon(error, &mut effects);
        }
        self.groups.clear();
        self.offsets = Offsets::default();
        self.timers.clear();
        effects
    }

    /// How many groups are in each state, by Kafka's names.
    pub fn group_counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for group in self.groups.values() {
            *counts.entry(group.state.name()).or_default() += 1;
        }
        counts
    }

    /// How many offsets are kept.
    pub fn offset_count(&self) -> usize {
        self.offsets.len()
    }

    /// The state of a group, if it is known.
    pub fn group_state(&self, group: &Str) -> Option<State> {
        self.groups.get(group).map(|g| g.state)
    }

    /// The parts of the state that are in the log. (A group that we write ourselves is ahead of its record already.)
    fn apply(&mut self, record: &Record) {
        match record {
            Record::OffsetCommit { group, topic, partition, value: Some(value) } => {
                // A consumer that commits without being a member makes a "simple" group.
                match self.groups.get_mut(group) {
                    Some(known) => known.in_log = true,
                    None => {
                        let mut simple = Group::new(group.clone());
                        simple.in_log = true;
                        self.groups.insert(group.clone(), simple);
                    }
                }
                self.offsets.insert(group, topic, *partition, value.clone());
            }
            Record::OffsetCommit { group, topic, partition, value: None } => {
                self.offsets.remove(group, topic, *partition);
            }
            Record::GroupMetadata { group, value: Some(_) } => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.in_log = true;
                }
            }
            Record::GroupMetadata { group, value: None } => {
                self.groups.remove(group);
            }
        }
    }
}
