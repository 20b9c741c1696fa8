//! CreatePartitions.

use std::collections::BTreeSet;

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};

use super::create_topics::{assigned, candidates, new_partition};
use super::{Context, Outcome, Refusal, refuse, repeated};
use crate::metadata::image::Image;
use crate::metadata::model::Topic;
use crate::metadata::placement::place;
use crate::metadata::record::MetadataRecord;

/// Adds partitions; every topic of the request is answered.
pub fn create_partitions(
    image: &Image,
    request: &CreatePartitionsRequest,
    cx: &Context,
) -> Outcome<CreatePartitionsResponse> {
    let twice = repeated(request.topics.iter().map(|topic| &topic.name));
    let mut answered = BTreeSet::new();
    let (mut records, mut results) = (Vec::new(), Vec::new());
    for topic in &request.topics {
        if !answered.insert(&topic.name) {
            continue;
        }
        let created = if twice.contains(&topic.name) {
            refuse(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")
        } else {
            create(image, topic, records.len(), cx)
        };
        let (error_code, error_message) = match created {
            Ok(new) => {
                records.extend(new);
                (ErrorCode::NONE, None)
            }
            Err(refusal) => (refusal.code, Some(refusal.message)),
        };
        results.push(CreatePartitionsTopicResult { name: topic.name.clone(), error_code, error_message });
    }
    if request.validate_only {
        records.clear();
    }
    (records, CreatePartitionsResponse { throttle_time_ms: 0, results })
}

/// `before` is how many partitions the topics before got: one record each.
fn create(
    image: &Image,
    wanted: &CreatePartitionsTopic,
    before: usize,
    cx: &Context,
) -> Result<Vec<MetadataRecord>, Refusal> {
    let Some(topic) = image.topic(&wanted.name) else {
        return refuse(
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.message(),
        );
    };
    let now = topic.partitions.len();
    let more = check_count(wanted, now)?;
    if before + more > cx.limits.partitions_per_request_max
        || image.partition_count() + before + more > cx.limits.partitions_per_cluster_max
    {
        return refuse(ErrorCode::POLICY_VIOLATION, "Excessively large number of partitions per request.");
    }
    let replicas = topic.replication_factor();
    let new = match &wanted.assignments {
        None => place(&candidates(image), now, more, replicas, cx.seed)
            .map(|placed| placed.into_iter().map(|replicas| (replicas.clone(), replicas)).collect())
            .map_err(|e| Refusal {
                code: ErrorCode::INVALID_REPLICATION_FACTOR,
                message: e.to_string().into(),
            })?,
        Some(given) if given.len() == more => (first_new(topic)..)
            .zip(given)
            .map(|(index, assignment)| assigned(image, index, &assignment.broker_ids, replicas))
            .collect::<Result<Vec<_>, _>>()?,
        Some(given) => {
            let text = format!(
                "Attempted to add {more} additional partition(s), but {} assignment(s) were specified.",
                given.len()
            );
            return refuse(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text);
        }
    };
    let record = |(index, (replicas, isr))| new_partition(image, topic.id, index, replicas, isr);
    Ok((first_new(topic)..).zip(new).map(record).collect())
}

fn first_new(topic: &Topic) -> i32 {
    i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)
}

/// How many partitions to add.
fn check_count(wanted: &CreatePartitionsTopic, now: usize) -> Result<usize, Refusal> {
    let count = usize::try_from(wanted.count).unwrap_or(0);
    if count > now {
        return Ok(count - now);
    }
    let text = if count == now {
        format!("Topic already has {now} partition(s).")
    } else {
        format!(
            "The topic {} currently has {now} partition(s); {} would not be an increase.",
            wanted.name, wanted.count
        )
    };
    refuse(ErrorCode::INVALID_PARTITIONS, text)
}

#[cfg(test)]
mod tests {
    use headrace_protocol::messages::create_partitions::CreatePartitionsAssignment;

    use super::super::testing::{apply, brokers, context, create};
    use super::*;

    fn wanted(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic {
        let assignment = |ids: &&[i32]| CreatePartitionsAssignment { broker_ids: ids.to_vec() };
        let assignments = assignments.map(|all| all.iter().map(assignment).collect());
        CreatePartitionsTopic { name: name.into(), count, assignments }
    }

    #[test]
    fn partitions_are_added_and_every_topic_is_answered() {
        let image = create(&brokers(3), "a", 2, &[]);
        let image = create(&image, "b", 2, &[]);
        let topics = vec![
            wanted("a", 5, None),
            wanted("b", 3, Some(&[&[2]])),
            wanted("none", 3, None),
            wanted("twice", 3, None),
            wanted("twice", 4, None),
        ];
        let request = CreatePartitionsRequest { topics, ..CreatePartitionsRequest::default() };
        let (records, response) = create_partitions(&image, &request, &context());
        let codes: Vec<_> = response.results.iter().map(|r| (r.name.as_str(), r.error_code)).collect();
        assert_eq!(
            codes,
            [
                ("a", ErrorCode::NONE),
                ("b", ErrorCode::NONE),
                ("none", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                ("twice", ErrorCode::INVALID_REQUEST)
            ]
        );
        let after = apply(&image, &records);
        assert_eq!(after.topic("a").unwrap().partitions.len(), 5);
        assert_eq!(after.partition("b", 2).unwrap().leader, 2);
        assert_eq!(after.partition_count(), 8);
    }

    #[test]
    fn what_cannot_be_done_says_why() {
        let image = create(&brokers(1), "a", 3, &[]);
        for (wanted, code, part) in [
            (wanted("a", 3, None), ErrorCode::INVALID_PARTITIONS, "already has 3"),
            (wanted("a", 1, None), ErrorCode::INVALID_PARTITIONS, "would not be an increase"),
            (wanted("a", -1, None), ErrorCode::INVALID_PARTITIONS, "would not be an increase"),
            (wanted("a", 5, Some(&[&[1]])), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "add 2 additional"),
            (wanted("a", 4, Some(&[&[7]])), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "broker 7"),
            (wanted("a", 4, Some(&[&[1, 1]])), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "more than once"),
            (wanted("a", 2_000_000_000, None), ErrorCode::POLICY_VIOLATION, "Excessively"),
        ] {
            let request =
                CreatePartitionsRequest { topics: vec![wanted], ..CreatePartitionsRequest::default() };
            let (records, response) = create_partitions(&image, &request, &context());
            let result = &response.results[0];
            assert!(records.is_empty());
            assert_eq!(result.error_code, code);
            assert!(result.error_message.as_deref().unwrap().contains(part), "{:?}", result.error_message);
        }
    }

    #[test]
    fn validate_only_changes_nothing() {
        let image = create(&brokers(1), "a", 1, &[]);
        let request = CreatePartitionsRequest {
            topics: vec![wanted("a", 2, None)],
            validate_only: true,
            timeout_ms: 0,
        };
        let (records, response) = create_partitions(&image, &request, &context());
        assert!(records.is_empty());
        assert_eq!(response.results[0].error_code, ErrorCode::NONE);
    }
}
