//! A static member that comes back (KIP-345): its instance id is known, its member id is new. If nothing else changed, the group
//! goes on without a rebalance and the member with its old assignment.

use super::effects::{Response, StaticReplacement, Then};
use super::join::{Joiner, join_error, join_response};
use super::member::Member;
use super::membership::{Group, State};
use super::rebalance::Cx;
use super::record::Record;
use super::sync::sync_error;
use headrace_protocol::{ErrorCode, Str};

/// From this version on a leader that came back is told that it is the leader, and not to assign anew (KIP-814).
const VERSION_SKIP_ASSIGNMENT: i16 = 9;

impl Group {
    pub(super) fn replace_static_member(
        &mut self,
        joiner: Joiner<'_>,
        old_id: &Str,
        new_id: Str,
        cx: &mut Cx<'_>,
    ) {
        let Some(mut old) = self.remove_member(old_id) else { return };
        let old_leader = self.leader.clone();
        cx.forget_member(&self.id, old_id);
        self.pending_sync.remove(old_id);
        fence(&mut old, cx);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        let member = Member {
            id: new_id.clone(),
            instance_id: old.instance_id.clone(),
            client_id: Str::from(joiner.caller.client_id),
            client_host: Str::from(joiner.caller.client_host),
            rebalance_timeout_ms: joiner.rebalance_timeout_ms,
            session_timeout_ms: joiner.session_timeout_ms,
            protocols: joiner.protocols,
            assignment: old.assignment.clone(),
            awaiting_join: Some(joiner.token),
            awaiting_sync: None,
            is_new: false,
        };
        cx.expect_heartbeat(&self.id, &member);
        self.insert(member);
        match self.state {
            State::Stable if self.select_protocol() == self.protocol => {
                let value = self.to_record(|member| member.assignment.clone());
                let record = Record::GroupMetadata { group: self.id.clone(), value: Some(value) };
                let api_version = joiner.caller.api_version;
                let replacement =
                    StaticReplacement { group: self.id.clone(), new_id, old, old_leader, api_version };
                cx.effects.write(vec![record], Then::ReplaceStaticMember(Box::new(replacement)));
            }
            // The leader may have been told of the old id already, and would assign to it.
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(cx),
            State::PreparingRebalance | State::Empty => self.maybe_complete_join(cx),
        }
    }

    /// The new id is durable: the member goes on where it was.
    pub(super) fn static_member_replaced(&mut self, replacement: &StaticReplacement, cx: &mut Cx<'_>) {
        // If a rebalance began meanwhile, the member has joined it and is answered at its end.
        if self.state != State::Stable {
            return;
        }
        let Some(token) = self.take_join(&replacement.new_id) else { return };
        let knows_skip = replacement.api_version >= VERSION_SKIP_ASSIGNMENT;
        let mut response =
            join_response(self, &replacement.new_id, knows_skip && self.is_leader(&replacement.new_id));
        if !knows_skip {
            // An older client that found itself the leader would assign anew, from a list that it does not have.
            response.members.clear();
            response.leader = replacement.old_leader.clone().unwrap_or_default();
        }
        cx.effects.reply(token, Response::Join(response));
    }

    /// The new id could not be written: the old one is put back, for the log still has it.
    pub(super) fn static_member_not_replaced(
        &mut self,
        replacement: StaticReplacement,
        error: ErrorCode,
        cx: &mut Cx<'_>,
    ) {
        let Some(token) = self.take_join(&replacement.new_id) else { return };
        self.remove_member(&replacement.new_id);
        cx.forget_member(&self.id, &replacement.new_id);
        cx.expect_heartbeat(&self.id, &replacement.old);
        self.insert(replacement.old);
        if self.is_leader(&replacement.new_id) {
            self.leader = replacement.old_leader;
        }
        cx.effects.reply(token, Response::Join(join_error(Str::default(), error)));
    }
}

/// Whoever still waits under the old id is told that another has taken its place.
fn fence(old: &mut Member, cx: &mut Cx<'_>) {
    if let Some(token) = old.awaiting_join.take() {
        let response = join_error(old.id.clone(), ErrorCode::FENCED_INSTANCE_ID);
        cx.effects.reply(token, Response::Join(response));
    }
    if let Some(token) = old.awaiting_sync.take() {
        cx.effects.reply(token, Response::Sync(sync_error(ErrorCode::FENCED_INSTANCE_ID)));
    }
}
