//! AssignReplicasToDirs: a broker says in which of its log directories its replicas are (KIP-858).
//!
//! A replica that goes from one working directory to another was copied and stays what it is. One whose directory was lost and that is now
//! said to be elsewhere was made anew: it is empty, and must not count as one that had everything.

use std::collections::BTreeSet;

use headrace_protocol::messages::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, AssignReplicasToDirsResponseDirectoryData,
    AssignReplicasToDirsResponsePartitionData, AssignReplicasToDirsResponseTopicData,
};
use headrace_protocol::{ErrorCode, Uuid};

use super::Outcome;
use super::brokers::check_epoch;
use super::partition_change::{Change, directory_of};
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::BrokerId;
use crate::metadata::record::{MetadataRecord, PartitionChangeRecord};

/// Notes where replicas of `request.broker_id` are. One in a directory that does not work leaves the in-sync replicas.
pub fn assign_replicas_to_dirs(
    image: &Image,
    defaults: &BrokerDefaults,
    request: &AssignReplicasToDirsRequest,
) -> Outcome<AssignReplicasToDirsResponse> {
    let mut response = AssignReplicasToDirsResponse::default();
    if let Err(error_code) = check_epoch(image, request.broker_id, request.broker_epoch) {
        response.error_code = error_code;
        return (Vec::new(), response);
    }
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut seen = BTreeSet::new();
    for directory in &request.directories {
        let mut topics = Vec::with_capacity(directory.topics.len());
        for topic in &directory.topics {
            let assign = |partition_index| {
                // A partition that stands twice is in two places at once.
                let decided = if seen.insert((topic.topic_id, partition_index)) {
                    let replica = (request.broker_id, topic.topic_id, partition_index);
                    assign(image, defaults, replica, directory.id)
                } else {
                    Err(ErrorCode::INVALID_REQUEST)
                };
                let error_code = decided.as_ref().err().copied().unwrap_or(ErrorCode::NONE);
                records.extend(decided.ok().flatten().map(MetadataRecord::from));
                AssignReplicasToDirsResponsePartitionData { partition_index, error_code }
            };
            let partitions = topic.partitions.iter().map(|asked| asked.partition_index).map(assign).collect();
            topics.push(AssignReplicasToDirsResponseTopicData { topic_id: topic.topic_id, partitions });
        }
        response.directories.push(AssignReplicasToDirsResponseDirectoryData { id: directory.id, topics });
    }
    (records, response)
}

fn assign(
    image: &Image,
    defaults: &BrokerDefaults,
    (id, topic_id, index): (BrokerId, Uuid, i32),
    directory: Uuid,
) -> Result<Option<PartitionChangeRecord>, ErrorCode> {
    let topic = image.topic_by_id(topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
    let partition = topic.partition(index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    if !partition.replicas.contains(&id) {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    // Zero stands for "not known": to forget where a replica is would hide the loss of its disk.
    if directory.is_zero() {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if directory_of(&partition.replicas, &partition.directories, id) == Some(directory) {
        return Ok(None);
    }
    let mut change = Change::of(image, defaults, topic, partition);
    let was_lost = !change.has_directory(id);
    change.set_directory(id, directory);
    if was_lost {
        change.emptied = Some(id);
    }
    if was_lost || !change.has_directory(id) {
        change = change.without(id);
    }
    Ok(change.record())
}

#[cfg(test)]
mod tests {
    use headrace_protocol::messages::assign_replicas_to_dirs::{
        AssignReplicasToDirsRequestDirectoryData, AssignReplicasToDirsRequestPartitionData,
        AssignReplicasToDirsRequestTopicData,
    };

    use super::super::testing::{apply, create_with, epoch, registration, t0, t0_change};
    use super::super::{RegisterBroker, offline_log_dirs, register_broker};
    use super::*;
    use crate::metadata::model::NO_LEADER;

    const A: Uuid = Uuid([10; 16]);
    const B: Uuid = Uuid([11; 16]);

    fn request(image: &Image, directories: &[(Uuid, &[i32])]) -> AssignReplicasToDirsRequest {
        let topic_id = image.topic("t").unwrap().id;
        let partition = |&partition_index: &i32| AssignReplicasToDirsRequestPartitionData { partition_index };
        let directory = |&(id, partitions): &(Uuid, &[i32])| AssignReplicasToDirsRequestDirectoryData {
            id,
            topics: vec![AssignReplicasToDirsRequestTopicData {
                topic_id,
                partitions: partitions.iter().map(partition).collect(),
            }],
        };
        AssignReplicasToDirsRequest {
            broker_id: 1,
            broker_epoch: epoch(image, 1),
            directories: directories.iter().map(directory).collect(),
        }
    }

    fn ask(image: &Image, directories: &[(Uuid, &[i32])]) -> (Vec<MetadataRecord>, Vec<ErrorCode>) {
        let (records, response) =
            assign_replicas_to_dirs(image, &BrokerDefaults::default(), &request(image, directories));
        assert_eq!(response.error_code, ErrorCode::NONE);
        let topics = response.directories.iter().flat_map(|directory| &directory.topics);
        (records, topics.flat_map(|topic| &topic.partitions).map(|p| p.error_code).collect())
    }

    /// Broker 1 with two directories, the others with none that are known.
    fn image(assignments: &[&[BrokerId]]) -> Image {
        let defaults = BrokerDefaults::default();
        let image = [(1, vec![A, B]), (2, vec![]), (3, vec![])].into_iter().fold(
            Image::empty(),
            |image, (id, log_dirs)| {
                let request = RegisterBroker { log_dirs, ..registration(id) };
                apply(&image, &register_broker(&image, &defaults, &request).0)
            },
        );
        create_with(&image, "t", assignments)
    }

    #[test]
    fn each_replica_is_noted_once_and_every_one_is_answered() {
        let image = image(&[&[1, 2], &[2, 3]]);
        let noted = PartitionChangeRecord { directories: Some(vec![A, Uuid::ZERO]), ..t0_change(&image) };
        let (records, codes) = ask(&image, &[(A, &[0, 1, 7]), (B, &[0])]);
        assert_eq!(records, [noted.into()]);
        assert_eq!(
            codes,
            [
                ErrorCode::NONE,
                ErrorCode::NOT_LEADER_OR_FOLLOWER,
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                ErrorCode::INVALID_REQUEST
            ]
        );
        let image = apply(&image, &records);
        assert_eq!(ask(&image, &[(A, &[0])]), (vec![], vec![ErrorCode::NONE]));
        assert_eq!(ask(&image, &[(Uuid::ZERO, &[0])]), (vec![], vec![ErrorCode::INVALID_REQUEST]));
        // From one working directory to another: it was copied.
        let copied = PartitionChangeRecord { directories: Some(vec![B, Uuid::ZERO]), ..t0_change(&image) };
        assert_eq!(ask(&image, &[(B, &[0])]).0, [copied.into()]);
        let mut stale = request(&image, &[]);
        stale.broker_epoch -= 1;
        let (_, response) = assign_replicas_to_dirs(&image, &BrokerDefaults::default(), &stale);
        assert_eq!(response.error_code, ErrorCode::STALE_BROKER_EPOCH);
        let mut unknown = request(&image, &[(A, &[0])]);
        unknown.directories[0].topics[0].topic_id = Uuid([9; 16]);
        let (_, response) = assign_replicas_to_dirs(&image, &BrokerDefaults::default(), &unknown);
        let code = response.directories[0].topics[0].partitions[0].error_code;
        assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_ID);
    }

    #[test]
    fn a_replica_in_a_directory_that_does_not_work_hands_over() {
        let image = image(&[&[1, 2]]);
        let away = PartitionChangeRecord {
            isr: Some(vec![2]),
            leader: 2,
            directories: Some(vec![Uuid([99; 16]), Uuid::ZERO]),
            ..t0_change(&image)
        };
        assert_eq!(ask(&image, &[(Uuid([99; 16]), &[0])]).0, [away.into()]);
    }

    #[test]
    fn a_replica_made_anew_after_its_directory_failed_does_not_count_as_one_that_has_everything() {
        let image = image(&[&[1]]);
        let image = apply(&image, &ask(&image, &[(A, &[0])]).0);
        let failed = offline_log_dirs(&image, &BrokerDefaults::default(), 1, epoch(&image, 1), &[A]);
        let image = apply(&image, &failed.0);
        assert_eq!((t0(&image).leader, &t0(&image).elr[..]), (NO_LEADER, &[1][..]));
        let anew = PartitionChangeRecord {
            elr: Some(vec![]),
            last_known_elr: Some(vec![]),
            directories: Some(vec![B]),
            ..t0_change(&image)
        };
        assert_eq!(ask(&image, &[(B, &[0])]).0, [anew.into()]);
    }
}
