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
use super::partition_change::{Change, has_directory};
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
        let lives =
            image.broker(id).is_some_and(|known| known.is_live() && (epoch < 0 || epoch == known.epoch));
        // One whose directory is gone has to say first where it is now, and that it was made anew there.
        lives && has_directory(image, partition, id)
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

#[cfg(test)]
mod tests {
    use super::super::testing::{
        apply, brokers, create_with, fence, in_directory, proposal, reassignment, t0, t0_change,
    };
    use headrace_protocol::messages::assign_replicas_to_dirs::{
        AssignReplicasToDirsRequest, AssignReplicasToDirsRequestDirectoryData,
        AssignReplicasToDirsRequestPartitionData, AssignReplicasToDirsRequestTopicData,
    };

    use super::super::{
        alter_partition_reassignments, assign_replicas_to_dirs, begin_controlled_shutdown, register_broker,
        set_fenced,
    };
    use super::*;
    use crate::metadata::record::MetadataRecord;

    fn code(image: &Image, request: &AlterPartitionRequest, version: i16) -> (ErrorCode, usize) {
        let (records, response) = alter_partition(image, &BrokerDefaults::default(), request, version);
        assert_eq!(response.error_code, ErrorCode::NONE);
        (response.topics[0].partitions[0].error_code, records.len())
    }

    fn records(image: &Image, request: &AlterPartitionRequest) -> Vec<MetadataRecord> {
        alter_partition(image, &BrokerDefaults::default(), request, 3).0
    }

    #[test]
    fn a_proposal_is_checked_against_what_the_controller_knows() {
        let image = fence(&create_with(&brokers(4), "t", &[&[1, 2, 3]]), 3, true);
        type Edit = fn(&mut AlterPartitionRequestPartitionData);
        let cases: &[(&[BrokerId], Edit, ErrorCode)] = &[
            (&[1], |_| {}, ErrorCode::NONE),
            (&[1, 2, 3], |_| {}, ErrorCode::INELIGIBLE_REPLICA),
            (&[2], |_| {}, ErrorCode::INVALID_REQUEST),
            (&[], |_| {}, ErrorCode::INVALID_REQUEST),
            (&[1, 4], |_| {}, ErrorCode::INVALID_REQUEST),
            (&[1, 9], |_| {}, ErrorCode::INVALID_REQUEST),
            (&[1, 2, 2], |_| {}, ErrorCode::INVALID_REQUEST),
            (&[1], |data| data.partition_epoch -= 1, ErrorCode::INVALID_UPDATE_VERSION),
            (&[1], |data| data.partition_epoch += 1, ErrorCode::NOT_CONTROLLER),
            (&[1], |data| data.leader_epoch -= 1, ErrorCode::FENCED_LEADER_EPOCH),
            (&[1], |data| data.leader_epoch += 1, ErrorCode::NOT_CONTROLLER),
            (&[1], |data| data.leader_recovery_state = 1, ErrorCode::INVALID_REQUEST),
            (&[1, 2], |data| data.new_isr_with_epochs[1].broker_epoch = 0, ErrorCode::INELIGIBLE_REPLICA),
            (&[1, 2], |data| data.new_isr_with_epochs[1].broker_epoch = -1, ErrorCode::NONE),
            (&[1], |data| data.partition_index = 1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ];
        for (at, (isr, edit, expected)) in cases.iter().enumerate() {
            let mut request = proposal(&image, isr);
            edit(&mut request.topics[0].partitions[0]);
            let count = usize::from(*expected == ErrorCode::NONE);
            assert_eq!(code(&image, &request, 3), (*expected, count), "case {at}");
        }
        let mut request = proposal(&image, &[1]);
        request.topics[0].topic_id = Uuid([9; 16]);
        assert_eq!(code(&image, &request, 3).0, ErrorCode::UNKNOWN_TOPIC_ID);
        let mut request = proposal(&image, &[1, 2]);
        (request.broker_id, request.broker_epoch) = (2, image.broker(2).unwrap().epoch);
        assert_eq!(code(&image, &request, 3).0, ErrorCode::INVALID_REQUEST, "not the leader");
        for (id, epoch, error) in
            [(1, 99, ErrorCode::STALE_BROKER_EPOCH), (9, 0, ErrorCode::BROKER_ID_NOT_REGISTERED)]
        {
            let mut request = proposal(&image, &[1]);
            (request.broker_id, request.broker_epoch) = (id, epoch);
            let (records, response) = alter_partition(&image, &BrokerDefaults::default(), &request, 3);
            assert_eq!((records.len(), response.error_code), (0, error));
        }
    }

    #[test]
    fn one_proposal_of_each_partition_makes_one_record_even_if_it_changes_nothing() {
        let image = create_with(&brokers(2), "t", &[&[1, 2]]);
        let mut request = proposal(&image, &[1, 2]);
        assert_eq!(records(&image, &request), [t0_change(&image).into()]);
        let data = &mut request.topics[0].partitions;
        data[0].new_isr = vec![1];
        data.push(data[0].clone());
        let (records, response) = alter_partition(&image, &BrokerDefaults::default(), &request, 2);
        let shrunk = PartitionChangeRecord { isr: Some(vec![1]), ..t0_change(&image) };
        assert_eq!(records, [shrunk.into()]);
        let [first, second] = &response.topics[0].partitions[..] else { panic!("{response:?}") };
        assert_eq!((first.isr.as_slice(), first.leader_id, first.partition_epoch), (&[1][..], 1, 1));
        assert_eq!(second.error_code, ErrorCode::INVALID_REQUEST);
    }

    #[test]
    fn a_leader_recovers_once_and_alone() {
        let image = create_with(&brokers(2), "t", &[&[1, 2]]);
        let unclean =
            PartitionChangeRecord { isr: Some(vec![1]), recovering: 1, leader: 1, ..t0_change(&image) };
        let image = apply(&image, &[unclean.into()]);
        let mut request = proposal(&image, &[1, 2]);
        request.topics[0].partitions[0].leader_recovery_state = 1;
        assert_eq!(code(&image, &request, 3).0, ErrorCode::INVALID_REQUEST);
        let recovered = PartitionChangeRecord { recovering: 0, ..t0_change(&image) };
        assert_eq!(records(&image, &proposal(&image, &[1])), [recovered.into()]);
    }

    #[test]
    fn a_leader_that_is_shutting_down_may_still_take_others_in_but_nobody_takes_it_in() {
        let image = fence(&create_with(&brokers(2), "t", &[&[1, 2]]), 2, true);
        let stop = |image: &Image, id| {
            let epoch = image.broker(id).unwrap().epoch;
            apply(image, &begin_controlled_shutdown(image, &BrokerDefaults::default(), id, epoch).0)
        };
        let image = fence(&stop(&image, 1), 2, false);
        let joined = PartitionChangeRecord { isr: Some(vec![1, 2]), ..t0_change(&image) };
        assert_eq!(records(&image, &proposal(&image, &[1, 2])), [joined.into()]);
        let image = stop(&image, 2);
        assert_eq!(code(&image, &proposal(&image, &[1, 2]), 3).0, ErrorCode::INELIGIBLE_REPLICA);
    }

    #[test]
    fn a_move_ends_with_the_last_new_replica_in_sync_and_a_leader_that_leaves_is_followed() {
        let image = create_with(&brokers(4), "t", &[&[1, 2]]);
        let begin =
            alter_partition_reassignments(&image, &BrokerDefaults::default(), &reassignment(Some(&[3, 4])));
        let image = apply(&image, &begin.0);
        assert_eq!(t0(&image).replicas, [3, 4, 1, 2]);
        let image = apply(&image, &records(&image, &proposal(&image, &[1, 2, 3])));
        assert_eq!((t0(&image).replicas.len(), t0(&image).leader), (4, 1), "the fourth is not in sync yet");
        let (records, response) =
            alter_partition(&image, &BrokerDefaults::default(), &proposal(&image, &[1, 2, 3, 4]), 3);
        let done = PartitionChangeRecord {
            isr: Some(vec![3, 4]),
            leader: 3,
            replicas: Some(vec![3, 4]),
            adding: Some(vec![]),
            removing: Some(vec![]),
            directories: Some(vec![Uuid::ZERO; 2]),
            ..t0_change(&image)
        };
        assert_eq!(records, [done.into()]);
        let answer = &response.topics[0].partitions[0];
        assert_eq!((answer.error_code, answer.leader_id), (ErrorCode::NEW_LEADER_ELECTED, 3));
        assert_eq!(t0(&apply(&image, &records)).leader_epoch, answer.leader_epoch);
    }

    #[test]
    fn a_replica_with_a_new_disk_counts_again_once_it_is_in_sync() {
        let defaults = BrokerDefaults::default();
        let image = [1, 2].iter().fold(Image::empty(), |image, &id| {
            apply(&image, &register_broker(&image, &defaults, &in_directory(id, id as u8)).0)
        });
        let image = create_with(&image, "t", &[&[1, 2]]);
        let image = apply(&image, &register_broker(&image, &defaults, &in_directory(2, 72)).0);
        let epoch = image.broker(1).unwrap().epoch;
        assert_eq!(t0(&image).isr, [1]);
        let refused = alter_partition(&image, &defaults, &proposal(&image, &[1, 2]), 3).1;
        assert_eq!(refused.topics[0].partitions[0].error_code, ErrorCode::INELIGIBLE_REPLICA);
        let says = AssignReplicasToDirsRequest {
            broker_id: 2,
            broker_epoch: image.broker(2).unwrap().epoch,
            directories: vec![AssignReplicasToDirsRequestDirectoryData {
                id: Uuid([72; 16]),
                topics: vec![AssignReplicasToDirsRequestTopicData {
                    topic_id: image.topic("t").unwrap().id,
                    partitions: vec![AssignReplicasToDirsRequestPartitionData { partition_index: 0 }],
                }],
            }],
        };
        let image = apply(&image, &assign_replicas_to_dirs(&image, &defaults, &says).0);
        assert_eq!(t0(&image).directories, [Uuid([1; 16]), Uuid([72; 16])]);
        let image = apply(&image, &records(&image, &proposal(&image, &[1, 2])));
        assert_eq!(t0(&apply(&image, &set_fenced(&image, &defaults, 1, epoch, true).0)).leader, 2);
    }
}
