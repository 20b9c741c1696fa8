//! LeaveGroup: a member goes, or an administrator removes members by their group.instance.id.

use super::effects::{Effects, Reply, Response, Then, Token};
use super::membership::{Group, State};
use super::rebalance::Cx;
use super::shard::{Caller, Shard};
use headrace_protocol::messages::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};
use headrace_protocol::{ErrorCode, Str};

/// From this version on a request names several members, each with an answer of its own.
const VERSION_BATCHED: i16 = 3;

impl Shard {
    /// Answers at once, or if the group is empty now, when that is committed.
    pub fn leave_group(&mut self, caller: &Caller<'_>, request: &LeaveGroupRequest, token: Token) -> Effects {
        let mut effects = Effects::default();
        let alone = [MemberIdentity { member_id: request.member_id.clone(), ..Default::default() }];
        let batched = caller.api_version >= VERSION_BATCHED;
        let leavers = if batched { &request.members[..] } else { &alone[..] };
        let members = self.leave(caller, request, leavers, &mut effects);
        let response = match members {
            Err(error_code) => LeaveGroupResponse { error_code, ..Default::default() },
            Ok(members) if batched => LeaveGroupResponse { members, ..Default::default() },
            Ok(members) => LeaveGroupResponse {
                error_code: members.first().map_or(ErrorCode::NONE, |m| m.error_code),
                ..Default::default()
            },
        };
        let reply = Reply { token, response: Response::Leave(response) };
        match effects.writes.last_mut() {
            Some(write) if write.then == Then::Nothing => write.then = Then::Reply(reply),
            _ => effects.replies.push(reply),
        }
        effects
    }

    fn leave(
        &mut self,
        caller: &Caller<'_>,
        request: &LeaveGroupRequest,
        leavers: &[MemberIdentity],
        effects: &mut Effects,
    ) -> Result<Vec<MemberResponse>, ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return Ok(leavers.iter().map(|l| answer(l, ErrorCode::UNKNOWN_MEMBER_ID)).collect());
        };
        let mut cx = Cx { config: &self.config, timers: &mut self.timers, now: caller.now, effects };
        let answers: Vec<_> = leavers
            .iter()
            .map(|leaver| {
                answer(leaver, group.remove_leaver(leaver, &mut cx).err().unwrap_or(ErrorCode::NONE))
            })
            .collect();
        if answers.iter().any(|a| a.error_code == ErrorCode::NONE) {
            match group.state {
                State::Stable | State::CompletingRebalance => group.rebalance_or_complete_join(&mut cx),
                State::PreparingRebalance => group.maybe_complete_join(&mut cx),
                State::Empty => {}
            }
        }
        if group.is_forgettable() {
            self.groups.remove(&request.group_id);
        }
        Ok(answers)
    }
}

impl Group {
    fn remove_leaver(&mut self, leaver: &MemberIdentity, cx: &mut Cx<'_>) -> Result<(), ErrorCode> {
        let instance_id = leaver.group_instance_id.as_ref();
        let member_id: Str = if leaver.member_id.is_empty() {
            let known = instance_id.and_then(|id| self.static_members.get(id));
            known.cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
        } else if self.pending_join.contains(&leaver.member_id) {
            leaver.member_id.clone()
        } else {
            self.validate_member(&leaver.member_id, instance_id)?;
            leaver.member_id.clone()
        };
        self.pending_join.remove(&member_id);
        self.expel(&member_id, cx);
        Ok(())
    }
}

fn answer(leaver: &MemberIdentity, error_code: ErrorCode) -> MemberResponse {
    MemberResponse {
        member_id: leaver.member_id.clone(),
        group_instance_id: leaver.group_instance_id.clone(),
        error_code,
    }
}
