//! A classic group: who is in it, in which state and generation it is, and the bookkeeping that the join, sync, heartbeat and
//! leave rules (in the modules of those names) stand on.

use super::effects::Token;
use super::member::{Member, Protocol};
use super::subscription;
use bytes::Bytes;
use headrace_protocol::messages::internal::consumer_offsets::{GroupMetadataValue, MemberMetadata};
use headrace_protocol::{ErrorCode, Str};
use std::collections::{BTreeMap, BTreeSet};

/// The protocol type of consumers; Connect and others use their own.
pub(super) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// Kafka's states of a classic group. ("Dead" is only ever said of a group that is not there.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// No members; offsets may be there.
    Empty,
    /// Waiting for members to (re)join.
    PreparingRebalance,
    /// Everyone has joined; waiting for the leader's assignment.
    CompletingRebalance,
    /// Every member has its assignment.
    Stable,
}

impl State {
    /// Kafka's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// How much of the first rebalance's delay is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitialDelay {
    /// The delay that is running now.
    pub(super) delay_ms: u64,
    /// By how much it may be extended yet.
    pub(super) remaining_ms: u64,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: Str,
    pub(super) state: State,
    /// The state before this one: a rebalance out of `Empty` waits for its delay rather than for its members.
    pub(super) previous: State,
    /// Unix milliseconds; `None` when loaded from a record that does not say.
    pub(super) state_since_ms: Option<i64>,
    pub(super) generation: i32,
    /// `None` for a group that only commits offsets.
    pub(super) protocol_type: Option<Str>,
    pub(super) protocol: Option<Str>,
    pub(super) leader: Option<Str>,
    pub(super) members: BTreeMap<Str, Member>,
    /// group.instance.id → member id
    pub(super) static_members: BTreeMap<Str, Str>,
    /// Ids given out with MEMBER_ID_REQUIRED that have not come back yet.
    pub(super) pending_join: BTreeSet<Str>,
    /// Members of this generation that have not sent SyncGroup yet.
    pub(super) pending_sync: BTreeSet<Str>,
    pub(super) initial_delay: Option<InitialDelay>,
    /// A member came during the initial delay, so that it is worth extending.
    pub(super) new_member_added: bool,
    /// Whether the log holds a record of this group (or of its offsets).
    pub(super) in_log: bool,
    /// What the members subscribe to; `None` if the group is not one of consumers or does not say.
    pub(super) subscribed: Option<BTreeSet<Str>>,
    awaiting_join: usize,
    /// How many members support each protocol.
    supported: BTreeMap<Str, usize>,
}

impl Group {
    pub(super) fn new(id: Str) -> Self {
        Self {
            id,
            state: State::Empty,
            previous: State::Empty,
            state_since_ms: None,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            initial_delay: None,
            new_member_added: false,
            in_log: false,
            subscribed: None,
            awaiting_join: 0,
            supported: BTreeMap::new(),
        }
    }

    /// The group that a record describes: stable if it has members, for only such groups are written with members.
    pub(super) fn from_record(id: Str, value: GroupMetadataValue) -> Self {
        let mut group = Self::new(id);
        group.in_log = true;
        group.generation = value.generation;
        group.protocol_type = Some(value.protocol_type).filter(|t| !t.is_empty());
        group.protocol = value.protocol;
        group.leader = value.leader;
        group.state_since_ms = Some(value.current_state_timestamp).filter(|ms| *ms >= 0);
        for member in value.members {
            let protocols = group
                .protocol
                .iter()
                .map(|name| Protocol { name: name.clone(), metadata: member.subscription.clone() });
            let member = Member {
                protocols: protocols.collect(),
                // Version 0 has one timeout for both.
                rebalance_timeout_ms: if member.rebalance_timeout > 0 {
                    member.rebalance_timeout
                } else {
                    member.session_timeout
                },
                id: member.member_id,
                instance_id: member.group_instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                session_timeout_ms: member.session_timeout,
                assignment: member.assignment,
                awaiting_join: None,
                awaiting_sync: None,
                is_new: false,
            };
            group.insert(member);
        }
        if !group.members.is_empty() {
            group.state = State::Stable;
        }
        group.subscribed = group.subscribed_topics();
        group
    }

    /// The durable form, each member with what `assignment` gives for it.
    pub(super) fn to_record(&self, assignment: impl Fn(&Member) -> Bytes) -> GroupMetadataValue {
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since_ms.unwrap_or(-1),
            members: self
                .members
                .values()
                .map(|member| MemberMetadata {
                    member_id: member.id.clone(),
                    group_instance_id: member.instance_id.clone(),
                    client_id: member.client_id.clone(),
                    client_host: member.client_host.clone(),
                    rebalance_timeout: member.rebalance_timeout_ms,
                    session_timeout: member.session_timeout_ms,
                    subscription: member.metadata(self.protocol.as_ref()),
                    assignment: assignment(member),
                })
                .collect(),
        }
    }

    pub(super) fn transition(&mut self, to: State, wall_ms: i64) {
        self.previous = self.state;
        self.state = to;
        self.state_since_ms = Some(wall_ms);
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(super) fn awaiting_join(&self) -> usize {
        self.awaiting_join
    }

    pub(super) fn all_joined(&self) -> bool {
        self.awaiting_join == self.members.len() && self.pending_join.is_empty()
    }

    /// The longest that any member gives the others to rejoin.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        let longest_ms = self.members.values().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0);
        u64::try_from(longest_ms).unwrap_or(0)
    }

    /// Puts a member in (or back in, under the same id).
    pub(super) fn insert(&mut self, member: Member) {
        self.remove_member(&member.id.clone());
        self.leader.get_or_insert_with(|| member.id.clone());
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), member.id.clone());
        }
        self.pending_join.remove(&member.id);
        self.awaiting_join += usize::from(member.awaiting_join.is_some());
        for protocol in &member.protocols {
            *self.supported.entry(protocol.name.clone()).or_default() += 1;
        }
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out, pending or real. The leadership goes to another, if there is one.
    pub(super) fn remove(&mut self, member_id: &Str) -> Option<Member> {
        let removed = self.remove_member(member_id);
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(member_id);
        self.pending_sync.remove(member_id);
        removed
    }

    /// As [`remove`](Self::remove), but the id keeps its part: it is to be put in again.
    pub(super) fn remove_member(&mut self, member_id: &Str) -> Option<Member> {
        let member = self.members.remove(member_id)?;
        self.awaiting_join -= usize::from(member.awaiting_join.is_some());
        if let Some(instance_id) = &member.instance_id {
            self.static_members.remove(instance_id);
        }
        for protocol in &member.protocols {
            if let Some(count) = self.supported.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.supported.remove(&protocol.name);
                }
            }
        }
        Some(member)
    }

    /// The JoinGroup that `member_id` waits with, which is then answered.
    pub(super) fn take_join(&mut self, member_id: &Str) -> Option<Token> {
        let token = self.members.get_mut(member_id)?.awaiting_join.take()?;
        self.awaiting_join -= 1;
        Some(token)
    }

    /// Whether a member with these protocols could be in the group.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols
                .iter()
                .any(|p| self.supported.get(&p.name).copied().unwrap_or(0) == self.members.len())
    }

    /// The protocol for the next generation: each member votes for the first in its order that all support; a tie is broken by
    /// the leader's order, so that the outcome does not depend on chance.
    pub(super) fn select_protocol(&self) -> Option<Str> {
        let common = |name: &Str| self.supported.get(name).copied().unwrap_or(0) == self.members.len();
        let mut votes: BTreeMap<&Str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(choice) = member.protocols.iter().map(|p| &p.name).find(|name| common(name)) {
                *votes.entry(choice).or_default() += 1;
            }
        }
        let leader = self.leader.as_ref().and_then(|id| self.members.get(id));
        let preference = |name: &Str| {
            leader.and_then(|l| l.protocols.iter().position(|p| p.name == *name)).unwrap_or(usize::MAX)
        };
        votes
            .into_iter()
            .max_by_key(|(name, count)| (*count, std::cmp::Reverse(preference(name))))
            .map(|(name, _)| name.clone())
    }

    /// Makes someone the leader who has joined, if the leader has not. `false` if no one has.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let joined = |member: &&Member| member.awaiting_join.is_some();
        if self.leader.as_ref().and_then(|id| self.members.get(id)).as_ref().is_some_and(joined) {
            return true;
        }
        let Some(member) = self.members.values().find(joined) else { return false };
        self.leader = Some(member.id.clone());
        true
    }

    /// Starts the next generation with the members that are there.
    pub(super) fn next_generation(&mut self, wall_ms: i64) {
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.protocol = self.select_protocol();
        self.subscribed = self.subscribed_topics();
        self.pending_sync.clear();
        let state = if self.members.is_empty() { State::Empty } else { State::CompletingRebalance };
        self.transition(state, wall_ms);
    }

    /// Whether the sender is who it says. A static member is fenced if its instance id came back under another member id.
    pub(super) fn validate_member(
        &self,
        member_id: &Str,
        instance_id: Option<&Str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(current) if current != member_id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    pub(super) fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// Whether a member may still be reading `topic`: yes, if the group does not say what it reads.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.is_consumer_group(),
        }
    }

    /// Nothing but memory holds this group, and no one is in it.
    pub(super) fn is_forgettable(&self) -> bool {
        !self.in_log && self.state == State::Empty && self.members.is_empty() && self.pending_join.is_empty()
    }

    fn subscribed_topics(&self) -> Option<BTreeSet<Str>> {
        if !self.is_consumer_group() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = Some(self.protocol.as_ref()?);
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(subscription::topics(member.metadata(protocol))?);
        }
        Some(topics)
    }
}
