use headrace_protocol::messages::create_topics::CreatableTopicConfig;

use super::super::testing::{
    apply, brokers, context, create, create_with, fence, in_directory, one_broker, registration, t0, topic,
};
use super::super::{RegisterBroker, register_broker};
use super::*;

fn ask(image: &Image, topics: Vec<CreatableTopic>) -> (Vec<MetadataRecord>, CreateTopicsResponse) {
    create_topics(image, &CreateTopicsRequest { topics, ..CreateTopicsRequest::default() }, &context())
}

#[test]
fn a_topic_comes_with_its_partitions_and_configs() {
    let wanted = CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        ..topic("t", 0, &[("retention.ms", "5")])
    };
    let image = one_broker();
    let (records, response) = ask(&image, vec![wanted]);
    let result = &response.topics[0];
    assert_eq!((result.error_code, result.error_message.clone()), (ErrorCode::NONE, None));
    assert_eq!((result.num_partitions, result.replication_factor), (3, 1), "defaults of the broker's file");
    let shown = result.configs.as_ref().unwrap();
    assert_eq!(shown.len(), TOPIC.len());
    let retention = shown.iter().find(|config| config.name == "retention.ms").unwrap();
    assert_eq!((retention.value.as_deref(), retention.config_source), (Some("5"), 1));
    let kinds: Vec<_> = records
        .iter()
        .map(|record| match record {
            MetadataRecord::Topic(_) => "topic",
            MetadataRecord::Config(_) => "config",
            MetadataRecord::Partition(_) => "partition",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["topic", "config", "partition", "partition", "partition"]);
    let after = apply(&image, &records);
    let made = after.topic("t").unwrap();
    assert_eq!(made.id, result.topic_id);
    assert_eq!(after.topic_by_id(made.id).unwrap().name, "t");
    let partition = &made.partitions[2];
    assert_eq!((partition.leader, &partition.isr[..], partition.leader_epoch), (1, &[1][..], 0));
}

#[test]
fn every_refusal_has_kafkas_code_and_says_why() {
    let image = create(&one_broker(), "taken.name", 1, &[]);
    let manual = |assignments: &[(i32, &[i32])], partitions, factor| CreatableTopic {
        num_partitions: partitions,
        replication_factor: factor,
        assignments: assignments
            .iter()
            .map(|&(partition_index, ids)| CreatableReplicaAssignment {
                partition_index,
                broker_ids: ids.to_vec(),
            })
            .collect(),
        ..topic("t", 0, &[])
    };
    let long = "x".repeat(250);
    let factor = |replication_factor| CreatableTopic { replication_factor, ..topic("t", 1, &[]) };
    let null = CreatableTopic {
        configs: vec![CreatableTopicConfig { name: "retention.ms".into(), value: None }],
        ..topic("t", 1, &[])
    };
    let cases = [
        (topic("", 1, &[]), ErrorCode::INVALID_TOPIC_EXCEPTION, "empty string"),
        (topic("..", 1, &[]), ErrorCode::INVALID_TOPIC_EXCEPTION, "'..' is not allowed"),
        (topic("a b", 1, &[]), ErrorCode::INVALID_TOPIC_EXCEPTION, "ASCII alphanumerics"),
        (topic("ä", 1, &[]), ErrorCode::INVALID_TOPIC_EXCEPTION, "ASCII alphanumerics"),
        (topic(&long, 1, &[]), ErrorCode::INVALID_TOPIC_EXCEPTION, "249"),
        (topic("taken.name", 1, &[]), ErrorCode::TOPIC_ALREADY_EXISTS, "already exists"),
        (
            topic("taken_name", 1, &[]),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            "collides with existing topic: taken.name",
        ),
        (topic("t", 0, &[]), ErrorCode::INVALID_PARTITIONS, "non-positive"),
        (topic("t", -2, &[]), ErrorCode::INVALID_PARTITIONS, "non-positive"),
        (topic("t", i32::MAX, &[]), ErrorCode::POLICY_VIOLATION, "10000"),
        (factor(0), ErrorCode::INVALID_REPLICATION_FACTOR, "larger than 0"),
        (factor(2), ErrorCode::INVALID_REPLICATION_FACTOR, "only 1 broker(s)"),
        (topic("t", 1, &[("retention.ms", "x")]), ErrorCode::INVALID_CONFIG, "LONG"),
        (topic("t", 1, &[("no.such", "x")]), ErrorCode::INVALID_CONFIG, "Known are"),
        (
            topic("t", 1, &[("segment.ms", "1"), ("segment.ms", "2")]),
            ErrorCode::INVALID_REQUEST,
            "more than once",
        ),
        (null, ErrorCode::INVALID_CONFIG, "Null value"),
        (manual(&[(0, &[1])], 1, -1), ErrorCode::INVALID_REQUEST, "number of partitions was not set to -1"),
        (manual(&[(0, &[1])], -1, 1), ErrorCode::INVALID_REQUEST, "replication factor was not set to -1"),
        (manual(&[(1, &[1])], -1, -1), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "consecutive"),
        (manual(&[(0, &[1]), (0, &[1])], -1, -1), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "consecutive"),
        (manual(&[(0, &[])], -1, -1), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "empty replica list"),
        (manual(&[(0, &[9])], -1, -1), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "no such broker"),
        (manual(&[(0, &[1, 1])], -1, -1), ErrorCode::INVALID_REPLICA_ASSIGNMENT, "more than once"),
    ];
    for (wanted, code, part) in cases {
        let (records, response) = ask(&image, vec![wanted.clone()]);
        let result = &response.topics[0];
        let message = result.error_message.as_deref().unwrap_or_default();
        assert_eq!(result.error_code, code, "{wanted:?}: {message}");
        assert!(message.contains(part), "{message}");
        assert!(records.is_empty());
    }
}

#[test]
fn topics_of_one_request_mind_each_other() {
    let image = one_broker();
    let wanted = vec![topic("a", 1, &[]), topic("b.c", 1, &[]), topic("a", 2, &[]), topic("b_c", 1, &[])];
    let (records, response) = ask(&image, wanted);
    let codes: Vec<_> = response.topics.iter().map(|r| (r.name.as_str(), r.error_code)).collect();
    assert_eq!(
        codes,
        [
            ("a", ErrorCode::INVALID_REQUEST),
            ("b.c", ErrorCode::NONE),
            ("b_c", ErrorCode::INVALID_TOPIC_EXCEPTION)
        ]
    );
    assert_eq!(apply(&image, &records).topic_count(), 1);
    let (_, response) = ask(&image, vec![topic("a", 6000, &[]), topic("b", 6000, &[])]);
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
    assert_eq!(response.topics[1].error_code, ErrorCode::POLICY_VIOLATION);
}

#[test]
fn manual_assignments_are_kept_and_validate_only_changes_nothing() {
    let assignments = vec![
        CreatableReplicaAssignment { partition_index: 1, broker_ids: vec![3, 1] },
        CreatableReplicaAssignment { partition_index: 0, broker_ids: vec![2, 3] },
    ];
    let wanted =
        CreatableTopic { num_partitions: -1, replication_factor: -1, assignments, ..topic("t", 0, &[]) };
    let image = brokers(3);
    let (records, _) = ask(&image, vec![wanted.clone()]);
    let after = apply(&image, &records);
    assert_eq!(after.partition("t", 0).unwrap().replicas, [2, 3]);
    assert_eq!(after.partition("t", 1).unwrap().leader, 3);
    let request =
        CreateTopicsRequest { topics: vec![wanted], validate_only: true, ..CreateTopicsRequest::default() };
    let (records, response) = create_topics(&image, &request, &context());
    assert!(records.is_empty());
    assert_eq!((response.topics[0].error_code, response.topics[0].num_partitions), (ErrorCode::NONE, 2));
}

#[test]
fn a_name_can_be_used_again_after_its_topic_is_gone() {
    let image = create(&one_broker(), "a.b", 1, &[]);
    let first = image.topic("a.b").unwrap().id;
    let gone = apply(&image, &[crate::metadata::record::RemoveTopicRecord { topic_id: first }.into()]);
    let again = create(&gone, "a_b", 1, &[]);
    assert_eq!(again.topic_count(), 1);
    let changes = again.changed_topics(&image);
    assert_eq!((changes.changed.len(), changes.removed.len()), (1, 1));
    assert_eq!(changes.removed[0].id, first);
}

#[test]
fn a_fenced_replica_that_is_named_is_not_in_sync_and_one_at_least_has_to_live() {
    let image = fence(&brokers(3), 1, true);
    let created = create_with(&image, "t", &[&[1, 3, 2]]);
    assert_eq!((&t0(&created).replicas[..], &t0(&created).isr[..]), (&[1, 3, 2][..], &[3, 2][..]));
    assert_eq!(t0(&created).leader, 3);
    let only = CreatableReplicaAssignment { partition_index: 0, broker_ids: vec![1] };
    let wanted = CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![only],
        ..topic("u", 0, &[])
    };
    let (records, response) = ask(&image, vec![wanted]);
    assert_eq!((records.len(), response.topics[0].error_code), (0, ErrorCode::INVALID_REPLICA_ASSIGNMENT));
    // Left to the controller, replicas go to live brokers only.
    let (records, _) = ask(&image, vec![CreatableTopic { replication_factor: 2, ..topic("v", 9, &[]) }]);
    let placed = apply(&image, &records);
    let mut partitions = placed.topic("v").unwrap().partitions.iter();
    assert!(
        partitions.all(|partition| partition.isr == partition.replicas && !partition.replicas.contains(&1))
    );
}

#[test]
fn a_new_replica_is_in_its_brokers_directory_if_that_has_only_one() {
    let two = RegisterBroker { log_dirs: vec![Uuid([8; 16]), Uuid([9; 16])], ..registration(2) };
    let image = [in_directory(1, 7), two, registration(3)].iter().fold(Image::empty(), |image, request| {
        apply(&image, &register_broker(&image, &context().defaults, request).0)
    });
    let created = create_with(&image, "t", &[&[3, 1, 2]]);
    assert_eq!(t0(&created).directories, [Uuid::ZERO, Uuid([7; 16]), Uuid::ZERO]);
}
