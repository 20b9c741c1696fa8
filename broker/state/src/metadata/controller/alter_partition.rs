//! AlterPartition: a leader says who is in sync with it (KIP-497). The end of a reassignment is here too: once all that are to stay are in
//! sync, the others go (KIP-455).

use std::collections::BTreeSet;

use headrace_protocol::messages::alter_partition::{
    AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionResponse,
    AlterPartitionResponsePartitionData, AlterPartitionResponseTopicData,
};
use headrace_protocol::{ErrorCode, Uuid};

use super::Outcome;
use super::brokers::check_epoch;
use super::partition_change::Change;
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerEpoch, BrokerId, Partition, Topic};
use crate::metadata::record::PartitionChangeRecord;

/// Changes the in-sync replicas of partitions that `request.broker_id` leads. A request that names those in force makes a record too: a
/// leader makes an end of an earlier attempt by it, of which it does not know whether it took effect.
pub fn alter_partition(
    image: &Image,
    defaults: &BrokerDefaults,
    request: &AlterPartitionRequest,
    version: i16,
) -> Outcome<AlterPartitionResponse> {
    let mut response = AlterPartitionResponse::default();
    if let Err(error_code) = check_epoch(image, request.broker_id, request.broker_epoch) {
        response.error_code = error_code;
        return (Vec::new(), response);
    }
    let mut records = Vec::new();
    let mut seen = BTreeSet::new();
    for asked in &request.topics {
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for data in &asked.partitions {
            let decided = if seen.insert((asked.topic_id, data.partition_index)) {
                decide(image, defaults, request.broker_id, asked.topic_id, data, version)
            } else {
                Err(ErrorCode::INVALID_REQUEST)
            };
            partitions.push(match decided {
                Ok((record, after)) => {
                    records.push(record.into());
                    answer(request.broker_id, data, after)
                }
                Err(error_code) => AlterPartitionResponsePartitionData {
                    partition_index: data.partition_index,
                    error_code,
                    ..Default::default()
                },
            });
        }
        response.topics.push(AlterPartitionResponseTopicData { topic_id: asked.topic_id, partitions });
    }
    (records, response)
}

/// Members of the proposed set, with the epochs that the leader believes in.
fn members(data: &AlterPartitionRequestPartitionData, version: i16) -> Vec<(BrokerId, BrokerEpoch)> {
    if version >= 3 {
        data.new_isr_with_epochs.iter().map(|member| (member.broker_id, member.broker_epoch)).collect()
    } else {
        data.new_isr.iter().map(|id| (*id, -1)).collect()
    }
}

fn decide(
    image: &Image,
    defaults: &BrokerDefaults,
    leader: BrokerId,
    topic_id: Uuid,
    data: &AlterPartitionRequestPartitionData,
    version: i16,
) -> Result<(PartitionChangeRecord, Partition), ErrorCode> {
    let topic = image.topic_by_id(topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
    let partition = topic.partition(data.partition_index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let members = members(data, version);
    check(image, leader, partition, data, &members)?;
    let record = change(image, defaults, topic, partition, data, &members);
    let mut after = Partition::clone(partition);
    crate::metadata::replay::change_partition(&mut after, &record);
    Ok((record, after))
}

fn check(
    image: &Image,
    leader: BrokerId,
    partition: &Partition,
    data: &AlterPartitionRequestPartitionData,
    members: &[(BrokerId, BrokerEpoch)],
) -> Result<(), ErrorCode> {
    // A leader that knows more than this controller has come to one that was replaced.
    if data.leader_epoch > partition.leader_epoch || data.partition_epoch > partition.partition_epoch {
        return Err(ErrorCode::NOT_CONTROLLER);
    }
    if data.leader_epoch < partition.leader_epoch {
        return Err(ErrorCode::FENCED_LEADER_EPOCH);
    }
    if partition.leader != leader {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if data.partition_epoch < partition.partition_epoch {
        return Err(ErrorCode::INVALID_UPDATE_VERSION);
    }
    let ids: BTreeSet<BrokerId> = members.iter().map(|(id, _)| *id).collect();
    let is_sound = ids.len() == members.len()
        && ids.contains(&leader)
        && ids.iter().all(|id| partition.replicas.contains(id));
    let begins_recovery = data.leader_recovery_state == 1 && !partition.recovering;
    let recovers_with_others = data.leader_recovery_state == 1 && members.len() > 1;
    if !is_sound || begins_recovery || recovers_with_others {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let is_eligible = |&(id, epoch): &(BrokerId, BrokerEpoch)| {
        image.broker(id).is_some_and(|known| known.is_live() && (epoch < 0 || epoch == known.epoch))
    };
    // A leader that is shutting down may still say who is in sync with it.
    if members.iter().any(|member| member.0 != leader && !is_eligible(member)) {
        return Err(ErrorCode::INELIGIBLE_REPLICA);
    }
    Ok(())
}

fn change(
    image: &Image,
    defaults: &BrokerDefaults,
    topic: &Topic,
    partition: &Partition,
    data: &AlterPartitionRequestPartitionData,
    members: &[(BrokerId, BrokerEpoch)],
) -> PartitionChangeRecord {
    let mut change = Change::of(image, defaults, topic, partition);
    change.isr = members.iter().map(|(id, _)| *id).collect();
    change.recovered = data.leader_recovery_state == 0;
    for (id, _) in members {
        change.move_to_present_directory(*id);
    }
    complete_reassignment(&mut change);
    change.record().unwrap_or_else(|| PartitionChangeRecord::of(topic.id, partition.index))
}

/// If all replicas that are to stay are in sync, the others go.
pub(super) fn complete_reassignment(change: &mut Change<'_>) {
    if change.adding.is_empty() && change.removing.is_empty() {
        return;
    }
    let stays = |id: &BrokerId| !change.removing.contains(id);
    if !change.replicas.iter().filter(|id| stays(id)).all(|id| change.isr.contains(id)) {
        return;
    }
    let places: Vec<bool> = change.replicas.iter().map(stays).collect();
    let mut place = places.iter();
    change.directories.retain(|_| place.next().copied().unwrap_or(true));
    let removing = std::mem::take(&mut change.removing);
    change.adding.clear();
    change.replicas.retain(|id| !removing.contains(id));
    change.isr.retain(|id| !removing.contains(id));
}

fn answer(
    leader: BrokerId,
    data: &AlterPartitionRequestPartitionData,
    after: Partition,
) -> AlterPartitionResponsePartitionData {
    let error_code = if after.leader == leader { ErrorCode::NONE } else { ErrorCode::NEW_LEADER_ELECTED };
    AlterPartitionResponsePartitionData {
        partition_index: data.partition_index,
        error_code,
        leader_id: after.leader,
        leader_epoch: after.leader_epoch,
        isr: after.isr,
        leader_recovery_state: i8::from(after.recovering),
        partition_epoch: after.partition_epoch,
    }
}
