//! AlterPartitionReassignments and ListPartitionReassignments: replicas move to other brokers (KIP-455). New ones are added first; the old
//! ones go once all new ones are in sync (see [`alter_partition`](super::alter_partition)).

use std::collections::BTreeSet;

use headrace_protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use headrace_protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, OngoingPartitionReassignment,
    OngoingTopicReassignment,
};
use headrace_protocol::{ErrorCode, Uuid};

use super::alter_partition::complete_reassignment;
use super::partition_change::{Change, only_directory};
use super::{Outcome, Refusal, refuse};
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerId, Partition, Topic};
use crate::metadata::record::{MetadataRecord, PartitionChangeRecord};

/// Begins, changes or (where no replicas are given) cancels moves of replicas.
pub fn alter_partition_reassignments(
    image: &Image,
    defaults: &BrokerDefaults,
    request: &AlterPartitionReassignmentsRequest,
) -> Outcome<AlterPartitionReassignmentsResponse> {
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut response = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        ..Default::default()
    };
    let mut seen = BTreeSet::new();
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let decided = if seen.insert((&topic.name, asked.partition_index)) {
                match image
                    .topic(&topic.name)
                    .and_then(|known| Some((known, known.partition(asked.partition_index)?)))
                {
                    Some((known, partition)) => reassign(
                        image,
                        defaults,
                        known,
                        partition,
                        asked,
                        request.allow_replication_factor_change,
                    ),
                    None => refuse(
                        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.message(),
                    ),
                }
            } else {
                refuse(ErrorCode::INVALID_REQUEST, "The partition stands twice in the request.")
            };
            let (error_code, error_message) = match decided {
                Ok(record) => {
                    records.extend(record.map(MetadataRecord::from));
                    (ErrorCode::NONE, None)
                }
                Err(refusal) => (refusal.code, Some(refusal.message)),
            };
            let partition_index = asked.partition_index;
            partitions.push(ReassignablePartitionResponse { partition_index, error_code, error_message });
        }
        response.responses.push(ReassignableTopicResponse { name: topic.name.clone(), partitions });
    }
    (records, response)
}

fn reassign(
    image: &Image,
    defaults: &BrokerDefaults,
    topic: &Topic,
    partition: &Partition,
    asked: &ReassignablePartition,
    may_change_count: bool,
) -> Result<Option<PartitionChangeRecord>, Refusal> {
    let mut change = Change::of(image, defaults, topic, partition);
    let original = original_replicas(partition);
    match &asked.replicas {
        None if partition.adding.is_empty() && partition.removing.is_empty() => {
            return refuse(
                ErrorCode::NO_REASSIGNMENT_IN_PROGRESS,
                ErrorCode::NO_REASSIGNMENT_IN_PROGRESS.message(),
            );
        }
        None => {
            change.adding.clear();
            change.removing.clear();
            set_replicas(image, partition, &mut change, original);
        }
        Some(target) => {
            check(image, &original, target, may_change_count)?;
            change.adding = target.iter().copied().filter(|id| !original.contains(id)).collect();
            change.removing = original.iter().copied().filter(|id| !target.contains(id)).collect();
            let removing = change.removing.clone();
            set_replicas(image, partition, &mut change, target.iter().copied().chain(removing).collect());
        }
    }
    if !holders(partition).iter().any(|id| change.replicas.contains(id)) {
        return refuse(
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "No replica that would be left is known to have all records. Let the move that is under way finish first.",
        );
    }
    change.isr.retain(|id| change.replicas.contains(id));
    complete_reassignment(&mut change);
    Ok(change.record())
}

/// The replicas of which at least one has to stay: those that are known to have everything, or have most.
fn holders(partition: &Partition) -> &[BrokerId] {
    [&partition.isr, &partition.elr]
        .into_iter()
        .find(|ids| !ids.is_empty())
        .unwrap_or(&partition.last_known_elr)
}

/// The replicas as they were before the move that is under way.
fn original_replicas(partition: &Partition) -> Vec<BrokerId> {
    partition.replicas.iter().copied().filter(|id| !partition.adding.contains(id)).collect()
}

/// Sets the replicas and, in the same order, their directories.
fn set_replicas(image: &Image, partition: &Partition, change: &mut Change<'_>, replicas: Vec<BrokerId>) {
    let directory = |id: &BrokerId| -> Uuid {
        let at = partition.replicas.iter().position(|known| known == id);
        let known = at.map(|at| partition.directories.get(at).copied().unwrap_or(Uuid::ZERO));
        known.unwrap_or_else(|| only_directory(image, *id))
    };
    change.directories = replicas.iter().map(directory).collect();
    change.replicas = replicas;
}

fn check(
    image: &Image,
    original: &[BrokerId],
    target: &[BrokerId],
    may_change_count: bool,
) -> Result<(), Refusal> {
    let bad = |text: String| refuse(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text);
    if target.is_empty() {
        return bad("The replica list is empty: name at least one broker.".to_owned());
    }
    let distinct: BTreeSet<&BrokerId> = target.iter().collect();
    if distinct.len() != target.len() {
        return bad(format!("The replica list {target:?} names a broker twice."));
    }
    if let Some(unknown) = target.iter().find(|id| image.broker(**id).is_none()) {
        return bad(format!("The replica list names broker {unknown}, but no such broker is registered."));
    }
    if !may_change_count && original.len() != target.len() {
        return refuse(
            ErrorCode::INVALID_REPLICATION_FACTOR,
            format!(
                "The replica list has {} broker(s), the partition {} replica(s), and the request forbids to change that.",
                target.len(),
                original.len()
            ),
        );
    }
    Ok(())
}

/// The moves that are under way.
pub fn list_partition_reassignments(
    image: &Image,
    request: &ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let ongoing = |topic: &Topic, wanted: &dyn Fn(i32) -> bool| {
        let moves = |p: &&std::sync::Arc<Partition>| {
            wanted(p.index) && !(p.adding.is_empty() && p.removing.is_empty())
        };
        let describe = |p: &std::sync::Arc<Partition>| OngoingPartitionReassignment {
            partition_index: p.index,
            replicas: p.replicas.clone(),
            adding_replicas: p.adding.clone(),
            removing_replicas: p.removing.clone(),
        };
        let partitions: Vec<_> = topic.partitions.iter().filter(moves).map(describe).collect();
        (!partitions.is_empty()).then(|| OngoingTopicReassignment { name: topic.name.clone(), partitions })
    };
    let topics = match &request.topics {
        None => image.topics().filter_map(|topic| ongoing(topic, &|_| true)).collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|asked| {
                let topic = image.topic(&asked.name)?;
                ongoing(topic, &|index| asked.partition_indexes.contains(&index))
            })
            .collect(),
    };
    ListPartitionReassignmentsResponse { topics, ..Default::default() }
}
