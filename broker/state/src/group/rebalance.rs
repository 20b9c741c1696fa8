//! The rebalance: members are waited for, a generation is made of those who came, the leader's assignment is waited for.

use super::config::Config;
use super::effects::{Effects, Response, Then};
use super::join::{join_error, join_response};
use super::member::Member;
use super::membership::{Group, InitialDelay, State};
use super::record::Record;
use super::shard::Now;
use super::sync::sync_error;
use super::timers::Timers;
use bytes::Bytes;
use headrace_protocol::{ErrorCode, Str};

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum TimerKey {
    /// The members of a group have had the time that they get to join.
    Join(Str),
    /// They have had the time that they get to fetch their assignment.
    Sync(Str),
    /// A member's session (or a promised member id) has run out: (group, member).
    Member(Str, Str),
    /// Offsets are to be looked through for old ones.
    Expiry,
}

/// What the rules of a group may use besides the group.
pub(super) struct Cx<'a> {
    pub(super) config: &'a Config,
    pub(super) timers: &'a mut Timers<TimerKey>,
    pub(super) now: Now,
    pub(super) effects: &'a mut Effects,
}

impl Cx<'_> {
    /// Starts the member's session anew.
    pub(super) fn expect_heartbeat(&mut self, group: &Str, member: &Member) {
        self.expire_member_in(group, &member.id, millis(member.session_timeout_ms));
    }

    pub(super) fn expire_member_in(&mut self, group: &Str, member_id: &Str, after_ms: u64) {
        let key = TimerKey::Member(group.clone(), member_id.clone());
        self.timers.schedule(key, self.now.monotonic_ms.saturating_add(after_ms));
    }

    pub(super) fn forget_member(&mut self, group: &Str, member_id: &Str) {
        self.timers.cancel(&TimerKey::Member(group.clone(), member_id.clone()));
    }

    fn schedule_join(&mut self, group: &Str, after_ms: u64) {
        self.timers.schedule(TimerKey::Join(group.clone()), self.now.monotonic_ms.saturating_add(after_ms));
    }
}

/// A duration that a client sent; what is negative is nothing.
pub(super) fn millis(ms: i32) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

impl Group {
    /// Something changed: begin a rebalance, or if one is under way, see whether it was what was waited for.
    pub(super) fn rebalance_or_complete_join(&mut self, cx: &mut Cx<'_>) {
        if self.state == State::PreparingRebalance {
            self.maybe_complete_join(cx);
        } else {
            self.prepare_rebalance(cx);
        }
    }

    pub(super) fn prepare_rebalance(&mut self, cx: &mut Cx<'_>) {
        if self.state == State::CompletingRebalance {
            self.reset_assignments(ErrorCode::REBALANCE_IN_PROGRESS, cx);
        }
        self.pending_sync.clear();
        cx.timers.cancel(&TimerKey::Sync(self.id.clone()));
        let initial = self.state == State::Empty;
        self.transition(State::PreparingRebalance, cx.now.wall_ms);
        if !initial {
            self.initial_delay = None;
            if self.all_joined() {
                self.complete_join(cx);
            } else {
                cx.schedule_join(&self.id, self.rebalance_timeout_ms());
            }
            return;
        }
        // The first member of a group is soon followed by others: waiting a little saves a rebalance for each.
        let delay_ms = millis(cx.config.initial_rebalance_delay_ms);
        if delay_ms == 0 {
            self.complete_join(cx);
            return;
        }
        let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms);
        self.initial_delay = Some(InitialDelay { delay_ms, remaining_ms });
        cx.schedule_join(&self.id, delay_ms);
    }

    /// Ends the joining if everyone is here. The first rebalance of a group waits for its delay instead.
    pub(super) fn maybe_complete_join(&mut self, cx: &mut Cx<'_>) {
        if self.state == State::PreparingRebalance && self.previous != State::Empty && self.all_joined() {
            self.complete_join(cx);
        }
    }

    pub(super) fn join_deadline_passed(&mut self, cx: &mut Cx<'_>) {
        if self.state != State::PreparingRebalance {
            return;
        }
        match self.initial_delay.take() {
            Some(delay) if self.new_member_added && delay.remaining_ms != 0 => {
                self.new_member_added = false;
                let delay_ms = millis(cx.config.initial_rebalance_delay_ms).min(delay.remaining_ms);
                let remaining_ms = delay.remaining_ms.saturating_sub(delay.delay_ms);
                self.initial_delay = Some(InitialDelay { delay_ms, remaining_ms });
                cx.schedule_join(&self.id, delay_ms);
            }
            _ => self.complete_join(cx),
        }
    }

    /// Makes the next generation of those who have joined. Static members stay although they have not (KIP-345).
    pub(super) fn complete_join(&mut self, cx: &mut Cx<'_>) {
        cx.timers.cancel(&TimerKey::Join(self.id.clone()));
        self.initial_delay = None;
        let missing = |m: &&Member| m.awaiting_join.is_none() && m.instance_id.is_none();
        let missing: Vec<Str> = self.members.values().filter(missing).map(|m| m.id.clone()).collect();
        for member_id in &missing {
            self.remove(member_id);
            cx.forget_member(&self.id, member_id);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members are left and none came. Wait on until one does, or until their sessions end.
            cx.schedule_join(&self.id, self.rebalance_timeout_ms());
            return;
        }
        self.new_member_added = false;
        self.next_generation(cx.now.wall_ms);
        if self.state == State::Empty {
            let value = self.to_record(|_| Bytes::new());
            let record = Record::GroupMetadata { group: self.id.clone(), value: Some(value) };
            cx.effects.write(vec![record], Then::Nothing);
            return;
        }
        let ids: Vec<Str> = self.members.keys().cloned().collect();
        for member_id in ids {
            if let Some(token) = self.take_join(&member_id) {
                let response = join_response(self, &member_id, false);
                cx.effects.reply(token, Response::Join(response));
            }
            if let Some(member) = self.members.get_mut(&member_id) {
                member.is_new = false;
                cx.expect_heartbeat(&self.id, member);
            }
            self.pending_sync.insert(member_id);
        }
        let deadline_ms = cx.now.monotonic_ms.saturating_add(self.rebalance_timeout_ms());
        cx.timers.schedule(TimerKey::Sync(self.id.clone()), deadline_ms);
    }

    /// A member's session, or the time to come back with a promised id, is over.
    pub(super) fn session_expired(&mut self, member_id: &Str, cx: &mut Cx<'_>) {
        if self.pending_join.remove(member_id) {
            if self.state == State::PreparingRebalance && self.all_joined() {
                self.complete_join(cx);
            }
        } else if self.members.get(member_id).is_some_and(|member| !member.excused()) {
            self.expel(member_id, cx);
            match self.state {
                State::Stable | State::CompletingRebalance => self.rebalance_or_complete_join(cx),
                State::PreparingRebalance if self.all_joined() => self.complete_join(cx),
                State::PreparingRebalance | State::Empty => {}
            }
        }
    }

    /// Takes a member out, answering what it may still wait with, so that a client that is there after all joins anew.
    pub(super) fn expel(&mut self, member_id: &Str, cx: &mut Cx<'_>) {
        cx.forget_member(&self.id, member_id);
        let Some(member) = self.remove(member_id) else { return };
        if let Some(token) = member.awaiting_join {
            cx.effects.reply(token, Response::Join(join_error(Str::default(), ErrorCode::UNKNOWN_MEMBER_ID)));
        }
        if let Some(token) = member.awaiting_sync {
            cx.effects.reply(token, Response::Sync(sync_error(ErrorCode::UNKNOWN_MEMBER_ID)));
        }
    }

    /// Answers everyone who waits with `error`; the group is about to be dropped.
    pub(super) fn abandon(&mut self, error: ErrorCode, effects: &mut Effects) {
        let ids: Vec<Str> = self.members.keys().cloned().collect();
        for member_id in ids {
            if let Some(token) = self.take_join(&member_id) {
                effects.reply(token, Response::Join(join_error(member_id.clone(), error)));
            }
            if let Some(token) = self.members.get_mut(&member_id).and_then(|m| m.awaiting_sync.take()) {
                effects.reply(token, Response::Sync(sync_error(error)));
            }
        }
    }
}
