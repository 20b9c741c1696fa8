//! DescribeGroups and ListGroups: what there is, for operators. They write nothing and show what is in memory.

use super::member::Member;
use super::membership::{Group, State};
use super::shard::Shard;
use bytes::Bytes;
use headrace_protocol::messages::describe_groups::{DescribedGroup, DescribedGroupMember};
use headrace_protocol::messages::list_groups::ListedGroup;
use headrace_protocol::{ErrorCode, Str};

/// Kafka's word for a group that is not there.
const DEAD: &str = "Dead";
/// The type of every group here, as ListGroups 5 names it.
const CLASSIC: &str = "classic";
/// From this version on an unknown group is an error, not a dead one (KIP-1043).
const VERSION_GROUP_ID_NOT_FOUND: i16 = 6;

impl Shard {
    /// A group that is not known is "Dead", to newer clients with an error too.
    pub fn describe_group(&self, id: &Str, api_version: i16) -> DescribedGroup {
        let Some(group) = self.groups.get(id) else {
            let mut dead =
                DescribedGroup { group_id: id.clone(), group_state: Str::from(DEAD), ..Default::default() };
            if api_version >= VERSION_GROUP_ID_NOT_FOUND {
                dead.error_code = ErrorCode::GROUP_ID_NOT_FOUND;
                dead.error_message = Some(Str::from(format!("Group {id} not found.")));
            }
            return dead;
        };
        let stable = group.state == State::Stable;
        DescribedGroup {
            group_id: id.clone(),
            group_state: Str::from(group.state.name()),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            protocol_data: group.protocol.clone().filter(|_| stable).unwrap_or_default(),
            members: group.members.values().map(|member| describe_member(group, member)).collect(),
            ..Default::default()
        }
    }

    /// Those groups that are in one of `states` and of one of `types`; an empty filter lets all through. Case does not matter.
    pub fn list_groups(&self, states: &[Str], types: &[Str]) -> Vec<ListedGroup> {
        let passes = |filter: &[Str], value: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        if !passes(types, CLASSIC) {
            return Vec::new();
        }
        let groups = self.groups.values().filter(|group| passes(states, group.state.name()));
        groups
            .map(|group| ListedGroup {
                group_id: group.id.clone(),
                protocol_type: group.protocol_type.clone().unwrap_or_default(),
                group_state: Str::from(group.state.name()),
                group_type: Str::from(CLASSIC),
            })
            .collect()
    }
}

/// Subscriptions and assignments only mean something while the group is stable.
fn describe_member(group: &Group, member: &Member) -> DescribedGroupMember {
    let stable = group.state == State::Stable;
    DescribedGroupMember {
        member_id: member.id.clone(),
        group_instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        member_metadata: if stable { member.metadata(group.protocol.as_ref()) } else { Bytes::new() },
        member_assignment: if stable { member.assignment.clone() } else { Bytes::new() },
    }
}
