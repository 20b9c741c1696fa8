//! AlterPartitionReassignments: replicas move to other brokers (KIP-455). New ones are added first; the old ones go once all new ones are in
//! sync (see [`alter_partition`](super::alter_partition)).

use std::collections::BTreeSet;

use headrace_protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
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
            check(image, partition, &original, target, may_change_count)?;
            change.adding = target.iter().copied().filter(|id| !original.contains(id)).collect();
            change.removing = original.iter().copied().filter(|id| !target.contains(id)).collect();
            let removing = change.removing.clone();
            set_replicas(image, partition, &mut change, target.iter().copied().chain(removing).collect());
        }
    }
    let stays = |id: &BrokerId| change.replicas.contains(id);
    let (holders, is_sure) = holders(partition);
    // Where none is known to have everything, each may have most.
    if !is_sure && !holders.iter().all(|id| stays(id) || image.broker(*id).is_none()) {
        return refuse(
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "The partition has no leader, and any of its replicas may have the most records: none can be removed before one leads.",
        );
    }
    if !holders.iter().any(stays) {
        return refuse(
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "No replica that would be left is known to have all records. Let the move that is under way finish first.",
        );
    }
    change.isr.retain(|id| change.replicas.contains(id));
    complete_reassignment(&mut change);
    Ok(change.record())
}

/// The replicas that are known to have everything; if none is, all, and false.
fn holders(partition: &Partition) -> (&[BrokerId], bool) {
    let sure = [&partition.isr, &partition.elr].into_iter().find(|ids| !ids.is_empty());
    sure.map_or((&partition.replicas, false), |ids| (ids, true))
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
    partition: &Partition,
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
    // Whoever is a replica already may be away for a while; a new one that is away would let the move hang.
    let is_away = |id: &&BrokerId| image.broker(**id).is_some_and(|broker| broker.fenced);
    if let Some(fenced) = target.iter().filter(|id| !partition.replicas.contains(id)).find(is_away) {
        return bad(format!("The replica list adds broker {fenced}, but that is fenced: start it first."));
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

#[cfg(test)]
mod tests {
    use headrace_protocol::messages::list_partition_reassignments::{
        ListPartitionReassignmentsRequest, ListPartitionReassignmentsTopics,
    };

    use super::super::list_partition_reassignments;
    use super::super::testing::{apply, brokers, create_with, fence, reassignment, t0, t0_change};
    use super::*;
    use crate::metadata::model::NO_LEADER;

    fn ask(image: &Image, replicas: Option<&[BrokerId]>) -> Result<Vec<MetadataRecord>, (ErrorCode, String)> {
        let (records, response) =
            alter_partition_reassignments(image, &BrokerDefaults::default(), &reassignment(replicas));
        let answer = &response.responses[0].partitions[0];
        let text = answer.error_message.as_ref().map(ToString::to_string).unwrap_or_default();
        if answer.error_code.is_err() { Err((answer.error_code, text)) } else { Ok(records) }
    }

    fn moved(image: &Image, replicas: Option<&[BrokerId]>) -> Image {
        apply(image, &ask(image, replicas).unwrap())
    }

    #[test]
    fn what_cannot_be_done_says_why() {
        let image = fence(&create_with(&brokers(4), "t", &[&[1, 2]]), 4, true);
        let assignment = ErrorCode::INVALID_REPLICA_ASSIGNMENT;
        for (replicas, code, part) in [
            (None, ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, ""),
            (Some(&[][..]), assignment, "empty"),
            (Some(&[1, 1]), assignment, "twice"),
            (Some(&[1, 9]), assignment, "broker 9"),
            (Some(&[1, -1]), assignment, "broker -1"),
            (Some(&[1, 4]), assignment, "fenced"),
        ] {
            let (found, text) = ask(&image, replicas).unwrap_err();
            assert!(found == code && text.contains(part), "{replicas:?}: {found} {text}");
        }
        let mut request = reassignment(Some(&[1, 2, 3]));
        request.allow_replication_factor_change = false;
        let twice = request.topics[0].partitions[0].clone();
        request.topics[0].partitions.push(twice);
        request.topics[0].partitions.push(ReassignablePartition { partition_index: 7, replicas: None });
        let (records, response) = alter_partition_reassignments(&image, &BrokerDefaults::default(), &request);
        let codes: Vec<_> = response.responses[0].partitions.iter().map(|p| p.error_code).collect();
        assert_eq!(
            (records, codes),
            (
                vec![],
                vec![
                    ErrorCode::INVALID_REPLICATION_FACTOR,
                    ErrorCode::INVALID_REQUEST,
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                ]
            )
        );
    }

    #[test]
    fn new_replicas_come_first_and_old_ones_stay_until_they_may_go() {
        let image = create_with(&brokers(4), "t", &[&[1, 2]]);
        let zeros = |count| Some(vec![Uuid::ZERO; count]);
        type Edit<'a> = &'a dyn Fn(&mut PartitionChangeRecord);
        let cases: &[(&[BrokerId], Edit<'_>)] = &[
            (&[3, 1], &|r| {
                r.replicas = Some(vec![3, 1, 2]);
                r.adding = Some(vec![3]);
                r.removing = Some(vec![2]);
                r.directories = zeros(3);
            }),
            (&[1, 2, 3], &|r| {
                r.replicas = Some(vec![1, 2, 3]);
                r.adding = Some(vec![3]);
                r.directories = zeros(3);
            }),
            // What needs nobody to catch up is done at once: another order, or fewer.
            (&[2, 1], &|r| r.replicas = Some(vec![2, 1])),
            (&[2], &|r| {
                r.replicas = Some(vec![2]);
                r.isr = Some(vec![2]);
                r.leader = 2;
                r.directories = zeros(1);
            }),
        ];
        for (target, edit) in cases {
            let mut expected = t0_change(&image);
            edit(&mut expected);
            assert_eq!(ask(&image, Some(target)).unwrap(), [expected.into()], "{target:?}");
        }
        assert_eq!(ask(&image, Some(&[1, 2])).unwrap(), []);
    }

    #[test]
    fn a_move_can_be_changed_taken_back_and_listed() {
        let image = create_with(&create_with(&brokers(4), "t", &[&[1, 2]]), "u", &[&[1]]);
        let moving = moved(&image, Some(&[3, 4]));
        let list = |topics| {
            let request = ListPartitionReassignmentsRequest { topics, ..Default::default() };
            list_partition_reassignments(&moving, &request).topics
        };
        let all = list(None);
        assert_eq!((all.len(), all[0].name.as_str()), (1, "t"));
        let found = &all[0].partitions[0];
        assert_eq!(found.replicas, [3, 4, 1, 2]);
        assert_eq!((&found.adding_replicas[..], &found.removing_replicas[..]), (&[3, 4][..], &[1, 2][..]));
        let named = |name: &str, partition_indexes| {
            list(Some(vec![ListPartitionReassignmentsTopics { name: name.into(), partition_indexes }])).len()
        };
        assert_eq!((named("t", vec![0]), named("t", vec![1]), named("u", vec![0])), (1, 0, 0));
        let back = moved(&moving, None);
        assert_eq!((&t0(&back).replicas[..], &t0(&back).adding[..]), (&[1, 2][..], &[][..]));
        let other = moved(&moving, Some(&[1, 4]));
        assert_eq!((&t0(&other).replicas[..], &t0(&other).adding[..]), (&[1, 4, 2][..], &[4][..]));
        // A move to one that went away meanwhile may be asked for again.
        let away = fence(&moving, 3, true);
        assert_eq!(moved(&away, Some(&[3, 1])).partition("t", 0).unwrap().adding, [3]);
    }

    #[test]
    fn a_move_is_not_taken_back_if_only_new_replicas_have_everything() {
        let image = moved(&create_with(&brokers(4), "t", &[&[1, 2]]), Some(&[3, 4]));
        let only = PartitionChangeRecord { isr: Some(vec![3]), leader: 3, ..t0_change(&image) };
        let image = apply(&image, &[only.into()]);
        assert_eq!(ask(&image, None).unwrap_err().0, ErrorCode::INVALID_REPLICA_ASSIGNMENT);
        let gone = fence(&image, 3, true);
        assert_eq!((t0(&gone).leader, &t0(&gone).elr[..]), (NO_LEADER, &[3][..]));
        assert_eq!(ask(&gone, None).unwrap_err().0, ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    }
}
