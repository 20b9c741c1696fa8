//! SyncGroup: the leader brings the assignment, everyone fetches their part of it.

use super::effects::{Effects, Response, Then, Token};
use super::member::own_bytes;
use super::membership::{Group, State};
use super::rebalance::{Cx, TimerKey};
use super::record::Record;
use super::shard::{Caller, Shard};
use bytes::Bytes;
use headrace_protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use headrace_protocol::{ErrorCode, Str};
use std::collections::BTreeMap;

impl Shard {
    /// Answers at once if the group is stable, else when the leader's assignment is committed.
    pub fn sync_group(&mut self, caller: &Caller<'_>, request: &SyncGroupRequest, token: Token) -> Effects {
        let mut effects = Effects::default();
        let mut cx =
            Cx { config: &self.config, timers: &mut self.timers, now: caller.now, effects: &mut effects };
        let outcome = match self.groups.get_mut(&request.group_id) {
            _ if request.group_id.is_empty() => Err(ErrorCode::INVALID_GROUP_ID),
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Some(group) => group.sync(request, token, &mut cx),
        };
        if let Err(error) = outcome {
            effects.reply(token, Response::Sync(sync_error(error)));
        }
        effects
    }
}

impl Group {
    fn sync(&mut self, request: &SyncGroupRequest, token: Token, cx: &mut Cx<'_>) -> Result<(), ErrorCode> {
        self.validate_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        if differ(request.protocol_type.as_ref(), self.protocol_type.as_ref())
            || differ(request.protocol_name.as_ref(), self.protocol.as_ref())
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        match self.state {
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::CompletingRebalance => {
                self.synced(&request.member_id, cx);
                let member = self.members.get_mut(&request.member_id);
                if let Some(superseded) = member.and_then(|m| m.awaiting_sync.replace(token)) {
                    let response = sync_error(ErrorCode::REBALANCE_IN_PROGRESS);
                    cx.effects.reply(superseded, Response::Sync(response));
                }
                if self.is_leader(&request.member_id) {
                    self.store_assignment(request, cx);
                }
                Ok(())
            }
            State::Stable => {
                self.synced(&request.member_id, cx);
                let assignment = self.members.get(&request.member_id).map(|m| m.assignment.clone());
                let response = self.sync_response(assignment.unwrap_or_default());
                cx.effects.reply(token, Response::Sync(response));
                Ok(())
            }
        }
    }

    /// A member has asked for its assignment; when all have, none need be removed for not asking.
    fn synced(&mut self, member_id: &Str, cx: &mut Cx<'_>) {
        self.pending_sync.remove(member_id);
        if self.pending_sync.is_empty() {
            cx.timers.cancel(&TimerKey::Sync(self.id.clone()));
        }
    }

    /// Writes what the leader assigned. Members that it forgot get an empty assignment, strangers get nothing.
    fn store_assignment(&mut self, request: &SyncGroupRequest, cx: &mut Cx<'_>) {
        let mut assignments: BTreeMap<Str, Bytes> = BTreeMap::new();
        for entry in &request.assignments {
            if let Some(member) = self.members.get(&entry.member_id) {
                assignments.insert(member.id.clone(), own_bytes(&entry.assignment));
            }
        }
        let value = self.to_record(|member| assignments.get(&member.id).cloned().unwrap_or_default());
        let record = Record::GroupMetadata { group: self.id.clone(), value: Some(value) };
        let then = Then::Assign { group: self.id.clone(), generation: self.generation, assignments };
        cx.effects.write(vec![record], then);
    }

    /// The assignment is durable. If another rebalance began meanwhile, it is of no use any more.
    pub(super) fn assign(&mut self, generation: i32, mut assignments: BTreeMap<Str, Bytes>, cx: &mut Cx<'_>) {
        if self.state != State::CompletingRebalance || self.generation != generation {
            return;
        }
        for member in self.members.values_mut() {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
        }
        self.answer_syncs(ErrorCode::NONE, cx);
        self.transition(State::Stable, cx.now.wall_ms);
    }

    pub(super) fn assignment_failed(&mut self, generation: i32, error: ErrorCode, cx: &mut Cx<'_>) {
        if self.state != State::CompletingRebalance || self.generation != generation {
            return;
        }
        self.reset_assignments(error, cx);
        self.rebalance_or_complete_join(cx);
    }

    pub(super) fn reset_assignments(&mut self, error: ErrorCode, cx: &mut Cx<'_>) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        self.answer_syncs(error, cx);
    }

    /// Members that have not asked for their assignment in time are removed.
    pub(super) fn sync_deadline_passed(&mut self, cx: &mut Cx<'_>) {
        if !matches!(self.state, State::CompletingRebalance | State::Stable) || self.pending_sync.is_empty() {
            return;
        }
        for member_id in std::mem::take(&mut self.pending_sync) {
            self.expel(&member_id, cx);
        }
        self.prepare_rebalance(cx);
    }

    fn answer_syncs(&mut self, error: ErrorCode, cx: &mut Cx<'_>) {
        let ids: Vec<Str> = self.members.keys().cloned().collect();
        for member_id in ids {
            let Some(member) = self.members.get_mut(&member_id) else { continue };
            let Some(token) = member.awaiting_sync.take() else { continue };
            // Its session may have passed while it waited, which was overlooked: begin it anew.
            cx.expect_heartbeat(&self.id, member);
            let assignment = member.assignment.clone();
            let response =
                if error == ErrorCode::NONE { self.sync_response(assignment) } else { sync_error(error) };
            cx.effects.reply(token, Response::Sync(response));
        }
    }

    fn sync_response(&self, assignment: Bytes) -> SyncGroupResponse {
        SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment,
            ..Default::default()
        }
    }
}

/// KIP-559: what the client says must agree, if it says it.
fn differ(said: Option<&Str>, known: Option<&Str>) -> bool {
    matches!((said, known), (Some(said), Some(known)) if said != known)
}

pub(super) fn sync_error(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: error, ..Default::default() }
}
