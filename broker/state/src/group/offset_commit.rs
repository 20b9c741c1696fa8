//! OffsetCommit: a member, or a consumer that is in no group, stores how far it has read.
//!
//! Names only: what came by topic id (version 10) has been resolved by the handler, which also answers for unknown topics.

use super::effects::{Effects, Response, Token};
use super::membership::{Group, State};
use super::rebalance::Cx;
use super::record::{CommittedOffset, Record};
use super::shard::{Caller, Shard};
use headrace_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use headrace_protocol::{ErrorCode, Str};

/// From this version on an unknown group is called that, before it was ILLEGAL_GENERATION (KIP-848).
const VERSION_GROUP_ID_NOT_FOUND: i16 = 9;
/// "The broker's own retention."
const DEFAULT_RETENTION_TIME_MS: i64 = -1;

impl Shard {
    /// Answers when the offsets are committed. An error of the group is given for every partition.
    pub fn offset_commit(
        &mut self,
        caller: &Caller<'_>,
        request: &OffsetCommitRequest,
        token: Token,
    ) -> Effects {
        let mut effects = Effects::default();
        let refused = self.may_commit(caller, request, &mut effects).err();
        let group = request.group_id.detached();
        let mut records = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let name = topic.name.detached();
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let error_code = match refused {
                    Some(error) => error,
                    None if self.is_metadata_too_large(partition) => ErrorCode::OFFSET_METADATA_TOO_LARGE,
                    None => {
                        records.push(Record::OffsetCommit {
                            group: group.clone(),
                            topic: name.clone(),
                            partition: partition.partition_index,
                            value: Some(committed_offset(
                                partition,
                                request.retention_time_ms,
                                caller.now.wall_ms,
                            )),
                        });
                        ErrorCode::NONE
                    }
                };
                partitions.push(OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code,
                });
            }
            topics.push(OffsetCommitResponseTopic { name, topic_id: topic.topic_id, partitions });
        }
        let response = OffsetCommitResponse { topics, ..Default::default() };
        effects.reply_after(records, token, Response::OffsetCommit(response));
        effects
    }

    fn may_commit(
        &mut self,
        caller: &Caller<'_>,
        request: &OffsetCommitRequest,
        effects: &mut Effects,
    ) -> Result<(), ErrorCode> {
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return match request.generation_id_or_member_epoch {
                // Not a member of anything: the commit itself makes the group.
                ..0 => Ok(()),
                _ if caller.api_version >= VERSION_GROUP_ID_NOT_FOUND => Err(ErrorCode::GROUP_ID_NOT_FOUND),
                _ => Err(ErrorCode::ILLEGAL_GENERATION),
            };
        };
        let instance_id = request.group_instance_id.as_ref();
        group.may_commit(&request.member_id, instance_id, request.generation_id_or_member_epoch)?;
        // A commit shows that the member lives, as a heartbeat does.
        if matches!(group.state, State::Stable | State::PreparingRebalance)
            && let Some(member) = group.members.get(&request.member_id)
        {
            let mut cx = Cx { config: &self.config, timers: &mut self.timers, now: caller.now, effects };
            cx.expect_heartbeat(&group.id, member);
        }
        Ok(())
    }

    fn is_metadata_too_large(&self, partition: &OffsetCommitRequestPartition) -> bool {
        let bytes = partition.committed_metadata.as_ref().map_or(0, |metadata| metadata.len());
        bytes > self.config.offset_metadata_bytes_max
    }
}

impl Group {
    fn may_commit(
        &self,
        member_id: &Str,
        instance_id: Option<&Str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        // An administrator, or a consumer that assigns itself: allowed while no one is in the group.
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.validate_member(member_id, instance_id)?;
        if generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        // The member has seen the new generation, but its partitions may be another's by now.
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }
}

fn committed_offset(
    partition: &OffsetCommitRequestPartition,
    retention_time_ms: i64,
    wall_ms: i64,
) -> CommittedOffset {
    let own_retention = retention_time_ms != DEFAULT_RETENTION_TIME_MS;
    CommittedOffset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_ref().map(Str::detached).unwrap_or_default(),
        commit_timestamp_ms: wall_ms,
        expire_timestamp_ms: own_retention.then(|| wall_ms.saturating_add(retention_time_ms)),
    }
}
