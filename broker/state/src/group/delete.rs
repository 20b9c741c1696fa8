//! DeleteGroups: a group that no one is in is removed, with its offsets.

use super::effects::{Effects, Response, Token};
use super::membership::State;
use super::offset_delete::tombstone;
use super::record::Record;
use super::shard::Shard;
use headrace_protocol::messages::delete_groups::{DeletableGroupResult, DeleteGroupsResponse};
use headrace_protocol::{ErrorCode, Str};

impl Shard {
    /// Answers, for those of the named groups that belong to this shard, when their tombstones are committed.
    pub fn delete_groups(&mut self, groups: &[Str], token: Token) -> Effects {
        let mut effects = Effects::default();
        let mut records = Vec::new();
        let mut results = Vec::with_capacity(groups.len());
        for id in groups {
            let error_code = match self.groups.get(id) {
                None => ErrorCode::GROUP_ID_NOT_FOUND,
                Some(group) if group.state != State::Empty => ErrorCode::NON_EMPTY_GROUP,
                Some(group) => {
                    self.delete_records(&group.id, &mut records);
                    ErrorCode::NONE
                }
            };
            results.push(DeletableGroupResult { group_id: id.clone(), error_code, ..Default::default() });
        }
        let response = DeleteGroupsResponse { results, ..Default::default() };
        effects.reply_after(records, token, Response::DeleteGroups(response));
        effects
    }

    /// The offsets first: a log cut in between still has the group, and the deletion can be asked for again.
    fn delete_records(&self, group: &Str, records: &mut Vec<Record>) {
        for (topic, partitions) in self.offsets.of_group(group).into_iter().flatten() {
            records.extend(partitions.keys().map(|index| tombstone(group, topic, *index)));
        }
        records.push(Record::GroupMetadata { group: group.clone(), value: None });
    }
}
