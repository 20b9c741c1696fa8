//! Heartbeat: a member says that it lives, and hears that it must rejoin.

use super::effects::Effects;
use super::membership::State;
use super::rebalance::Cx;
use super::shard::{Caller, Shard};
use headrace_protocol::ErrorCode;
use headrace_protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

impl Shard {
    /// Always answers at once.
    pub fn heartbeat(&mut self, caller: &Caller<'_>, request: &HeartbeatRequest) -> HeartbeatResponse {
        let error_code = self.try_heartbeat(caller, request).err().unwrap_or(ErrorCode::NONE);
        HeartbeatResponse { error_code, ..Default::default() }
    }

    fn try_heartbeat(&mut self, caller: &Caller<'_>, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let group = self.groups.get_mut(&request.group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        group.validate_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != group.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let Some(member) = group.members.get(&request.member_id) else {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        };
        let effects = &mut Effects::default();
        Cx { config: &self.config, timers: &mut self.timers, now: caller.now, effects }
            .expect_heartbeat(&group.id, member);
        match group.state {
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            // Consumers send heartbeats between JoinGroup and SyncGroup too.
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }
}
