//! JoinGroup: a member comes into the group, or takes part in its next rebalance.

use super::effects::{Effects, Response, Token};
use super::member::{Member, Protocol, protocols_of};
use super::membership::{Group, State};
use super::rebalance::{Cx, millis};
use super::shard::{Caller, Shard};
use bytes::Bytes;
use headrace_protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use headrace_protocol::{ErrorCode, Str};

/// A new member does not know its id before it is answered, so it cannot send heartbeats: if it has not been answered
/// by then, its client has long asked again.
const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1_000;
/// Ids promised to clients that never came back would otherwise be without bound until their session timeouts pass.
const PENDING_MEMBERS_MAX: usize = 10_000;
/// From this version on a member must come with an id that it was given (KIP-394).
const VERSION_MEMBER_ID_REQUIRED: i16 = 4;

/// The member id to answer with, and the error.
type Refusal = (Str, ErrorCode);

/// A JoinGroup, its strings and protocols copied out of the frame.
pub(super) struct Joiner<'a> {
    pub(super) caller: &'a Caller<'a>,
    pub(super) token: Token,
    pub(super) member_id: Str,
    pub(super) instance_id: Option<Str>,
    pub(super) protocol_type: Str,
    pub(super) protocols: Vec<Protocol>,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
}

impl Shard {
    /// Answers at once, or when the rebalance that it takes part in has all its members.
    pub fn join_group(&mut self, caller: &Caller<'_>, request: &JoinGroupRequest, token: Token) -> Effects {
        let mut effects = Effects::default();
        if let Err((member_id, error)) = self.try_join(caller, request, token, &mut effects) {
            effects.reply(token, Response::Join(join_error(member_id, error)));
        }
        effects
    }

    fn try_join(
        &mut self,
        caller: &Caller<'_>,
        request: &JoinGroupRequest,
        token: Token,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let refuse = |error| Err((request.member_id.detached(), error));
        if request.group_id.is_empty() {
            return refuse(ErrorCode::INVALID_GROUP_ID);
        }
        let bounds_ms = self.config.min_session_timeout_ms..=self.config.max_session_timeout_ms;
        if !bounds_ms.contains(&request.session_timeout_ms) {
            return refuse(ErrorCode::INVALID_SESSION_TIMEOUT);
        }
        if !self.groups.contains_key(&request.group_id) {
            if !request.member_id.is_empty() {
                return refuse(ErrorCode::UNKNOWN_MEMBER_ID);
            }
            let id = request.group_id.detached();
            self.groups.insert(id.clone(), Group::new(id));
        }
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return refuse(ErrorCode::UNKNOWN_SERVER_ERROR);
        };
        let mut cx = Cx { config: &self.config, timers: &mut self.timers, now: caller.now, effects };
        let joiner = Joiner::new(caller, request, token);
        let outcome = if !group.accepts(&joiner.member_id, cx.config.max_group_size) {
            group.expel(&joiner.member_id, &mut cx);
            group.maybe_complete_join(&mut cx);
            Err((Str::default(), ErrorCode::GROUP_MAX_SIZE_REACHED))
        } else if joiner.member_id.is_empty() {
            group.join_new(joiner, &mut cx)
        } else {
            group.join_existing(joiner, &mut cx)
        };
        if group.is_forgettable() {
            self.groups.remove(&request.group_id);
        }
        outcome
    }
}

impl<'a> Joiner<'a> {
    fn new(caller: &'a Caller<'a>, request: &JoinGroupRequest, token: Token) -> Self {
        // Version 0 has one timeout for both.
        let rebalance_timeout_ms =
            if caller.api_version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms };
        Self {
            caller,
            token,
            member_id: request.member_id.detached(),
            instance_id: request.group_instance_id.as_ref().map(Str::detached),
            protocol_type: request.protocol_type.detached(),
            protocols: protocols_of(&request.protocols),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms,
        }
    }

    /// `<client id or instance id>-<uuid>`, as Kafka makes them.
    fn fresh_member_id(&self) -> Str {
        let prefix = self.instance_id.as_deref().unwrap_or(self.caller.client_id);
        let hex = format!("{:032x}", self.caller.fresh_id);
        Str::from(format!(
            "{prefix}-{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        ))
    }
}

impl Group {
    /// Whether `group.max.size` leaves room. While members rejoin, only those who have are counted, so that if the limit was
    /// lowered the last to come are the ones who go.
    fn accepts(&self, member_id: &Str, max_size: usize) -> bool {
        let member = self.members.get(member_id);
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                member.is_some_and(|m| m.awaiting_join.is_some()) || self.awaiting_join() < max_size
            }
            State::CompletingRebalance | State::Stable => member.is_some() || self.members.len() < max_size,
        }
    }

    fn join_new(&mut self, joiner: Joiner<'_>, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        if !self.supports(&joiner.protocol_type, &joiner.protocols) {
            return Err((Str::default(), ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        let member_id = joiner.fresh_member_id();
        if let Some(instance_id) = &joiner.instance_id {
            match self.static_members.get(instance_id).cloned() {
                Some(old_id) => self.replace_static_member(joiner, &old_id, member_id, cx),
                None => self.add_member(joiner, &member_id, cx),
            }
            return Ok(());
        }
        if joiner.caller.api_version < VERSION_MEMBER_ID_REQUIRED {
            self.add_member(joiner, &member_id, cx);
            return Ok(());
        }
        if self.pending_join.len() >= PENDING_MEMBERS_MAX {
            return Err((Str::default(), ErrorCode::GROUP_MAX_SIZE_REACHED));
        }
        cx.expire_member_in(&self.id, &member_id, millis(joiner.session_timeout_ms));
        self.pending_join.insert(member_id.clone());
        Err((member_id, ErrorCode::MEMBER_ID_REQUIRED))
    }

    fn join_existing(&mut self, joiner: Joiner<'_>, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        let member_id = joiner.member_id.clone();
        let refuse = |error| Err((member_id.clone(), error));
        if !self.supports(&joiner.protocol_type, &joiner.protocols) {
            return refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if self.pending_join.contains(&member_id) {
            // Static members are not made to come twice, so this id was promised to someone else.
            if joiner.instance_id.is_some() {
                return refuse(ErrorCode::UNKNOWN_MEMBER_ID);
            }
            self.add_member(joiner, &member_id, cx);
            return Ok(());
        }
        if let Err(error) = self.validate_member(&member_id, joiner.instance_id.as_ref()) {
            return refuse(error);
        }
        let unchanged = self.members.get(&member_id).is_some_and(|member| member.matches(&joiner.protocols));
        let must_rebalance = match self.state {
            State::Empty => return refuse(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => true,
            // The answer to its first JoinGroup may have been lost.
            State::CompletingRebalance => !unchanged,
            // The leader may know of changes that are not in its metadata, such as new partitions.
            State::Stable => !unchanged || self.is_leader(&member_id),
        };
        if must_rebalance {
            self.update_member(&joiner, cx);
            self.rebalance_or_complete_join(cx);
        } else {
            let response = join_response(self, &member_id, false);
            cx.effects.reply(joiner.token, Response::Join(response));
        }
        Ok(())
    }

    fn add_member(&mut self, joiner: Joiner<'_>, member_id: &Str, cx: &mut Cx<'_>) {
        if self.members.is_empty() {
            self.protocol_type = Some(joiner.protocol_type.clone());
        }
        if self.state == State::PreparingRebalance && self.previous == State::Empty {
            self.new_member_added = true;
        }
        self.insert(Member {
            id: member_id.clone(),
            instance_id: joiner.instance_id,
            client_id: Str::from(joiner.caller.client_id),
            client_host: Str::from(joiner.caller.client_host),
            rebalance_timeout_ms: joiner.rebalance_timeout_ms,
            session_timeout_ms: joiner.session_timeout_ms,
            protocols: joiner.protocols,
            assignment: Bytes::new(),
            awaiting_join: Some(joiner.token),
            awaiting_sync: None,
            is_new: true,
        });
        cx.expire_member_in(&self.id, member_id, NEW_MEMBER_JOIN_TIMEOUT_MS);
        self.rebalance_or_complete_join(cx);
    }

    /// Takes over what a JoinGroup says of a member that is here, which then waits for the rebalance.
    fn update_member(&mut self, joiner: &Joiner<'_>, cx: &mut Cx<'_>) {
        let Some(mut member) = self.remove_member(&joiner.member_id) else { return };
        member.protocols = joiner.protocols.clone();
        member.rebalance_timeout_ms = joiner.rebalance_timeout_ms;
        member.session_timeout_ms = joiner.session_timeout_ms;
        if let Some(superseded) = member.awaiting_join.replace(joiner.token) {
            let response = join_error(member.id.clone(), ErrorCode::REBALANCE_IN_PROGRESS);
            cx.effects.reply(superseded, Response::Join(response));
        }
        self.insert(member);
    }
}

/// What a member is told of the generation that the group is in; the leader is told of all members too.
pub(super) fn join_response(group: &Group, member_id: &Str, skip_assignment: bool) -> JoinGroupResponse {
    let members = if group.is_leader(member_id) {
        let entry = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(group.protocol.as_ref()),
        };
        group.members.values().map(entry).collect()
    } else {
        Vec::new()
    };
    JoinGroupResponse {
        generation_id: group.generation,
        protocol_type: group.protocol_type.clone(),
        protocol_name: group.protocol.clone(),
        leader: group.leader.clone().unwrap_or_default(),
        skip_assignment,
        member_id: member_id.clone(),
        members,
        ..Default::default()
    }
}

pub(super) fn join_error(member_id: Str, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: error,
        generation_id: -1,
        member_id,
        protocol_name: Some(Str::default()),
        ..Default::default()
    }
}
