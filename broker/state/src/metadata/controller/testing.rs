//! What the tests of controller functions share: small images and a context.

use std::sync::Arc;

use headrace_protocol::messages::alter_partition::{
    AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionRequestTopicData, BrokerState,
};
use headrace_protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use headrace_protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use headrace_protocol::{ErrorCode, Str, Uuid};

use super::{Context, Limits, RegisterBroker, create_topics, register_broker, set_fenced};
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerEpoch, BrokerId, Endpoint, Partition};
use crate::metadata::record::{MetadataRecord, PartitionChangeRecord};

/// Broker 1's file says `num.partitions=3`.
pub(super) fn context() -> Context {
    let defaults = BrokerDefaults::new(1, [("num.partitions".into(), "3".into())]).unwrap();
    let id = |n: u8| Uuid([n; 16]);
    Context {
        seed: 0,
        topic_ids: (1..200).map(id).collect(),
        defaults: Arc::new(defaults),
        limits: Limits::default(),
    }
}

/// Applies at the next offset.
pub(super) fn apply(image: &Image, records: &[MetadataRecord]) -> Image {
    image.apply(records, image.offset() + 1).unwrap()
}

pub(super) fn registration(id: BrokerId) -> RegisterBroker {
    let endpoint =
        Endpoint { listener: "PLAINTEXT".into(), host: "h".into(), port: 9092, security_protocol: 0 };
    RegisterBroker {
        id,
        incarnation: Uuid([id as u8; 16]),
        endpoints: vec![endpoint],
        rack: None,
        log_dirs: vec![],
        fenced: false,
        previous_alive: false,
        previous_epoch: -1,
    }
}

/// Brokers `1..=count`, live.
pub(super) fn brokers(count: i32) -> Image {
    (1..=count).fold(Image::empty(), |image, id| {
        let (records, epoch) = register_broker(&image, &BrokerDefaults::default(), &registration(id));
        epoch.unwrap();
        apply(&image, &records)
    })
}

pub(super) fn one_broker() -> Image {
    brokers(1)
}

pub(super) fn topic(name: &str, partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let config =
        |&(name, value): &(&str, &str)| CreatableTopicConfig { name: name.into(), value: Some(value.into()) };
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        assignments: vec![],
        configs: configs.iter().map(config).collect(),
    }
}

fn create_one(image: &Image, topic: CreatableTopic) -> Image {
    // Ids must differ from one call to the next.
    let seed = image.offset() as u8;
    let cx = Context { topic_ids: vec![Uuid([100 + seed; 16])], ..context() };
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    let (records, response) = create_topics(image, &request, &cx);
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE, "{:?}", response.topics[0].error_message);
    apply(image, &records)
}

pub(super) fn create(image: &Image, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Image {
    create_one(image, topic(name, partitions, configs))
}

/// A topic with these replicas.
pub(super) fn create_with(image: &Image, name: &str, assignments: &[&[BrokerId]]) -> Image {
    let assignment = |(partition_index, ids): (i32, &&[BrokerId])| CreatableReplicaAssignment {
        partition_index,
        broker_ids: ids.to_vec(),
    };
    let assignments = (0..).zip(assignments).map(assignment).collect();
    let name = Str::from(name);
    create_one(
        image,
        CreatableTopic { name, num_partitions: -1, replication_factor: -1, assignments, configs: vec![] },
    )
}

/// -1 if it is not registered.
pub(super) fn epoch(image: &Image, id: BrokerId) -> BrokerEpoch {
    image.broker(id).map_or(-1, |broker| broker.epoch)
}

pub(super) fn fence(image: &Image, id: BrokerId, fenced: bool) -> Image {
    apply(image, &set_fenced(image, &BrokerDefaults::default(), id, epoch(image, id), fenced).0)
}

/// A later process of the broker, with this log directory, that cannot say what the former one left.
pub(super) fn in_directory(id: BrokerId, directory: u8) -> RegisterBroker {
    let incarnation = Uuid([directory; 16]);
    RegisterBroker { incarnation, log_dirs: vec![incarnation], ..registration(id) }
}

/// The first partition of topic `t`.
pub(super) fn t0(image: &Image) -> &Partition {
    image.partition("t", 0).unwrap()
}

/// A change of the first partition of topic `t` that changes nothing yet.
pub(super) fn t0_change(image: &Image) -> PartitionChangeRecord {
    PartitionChangeRecord::of(image.topic("t").unwrap().id, 0)
}

/// The leader of the first partition of topic `t` says that these are in sync, as version 3 has it.
pub(super) fn proposal(image: &Image, isr: &[BrokerId]) -> AlterPartitionRequest {
    let partition = t0(image);
    let member = |&id: &BrokerId| BrokerState { broker_id: id, broker_epoch: epoch(image, id) };
    let data = AlterPartitionRequestPartitionData {
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        new_isr_with_epochs: isr.iter().map(member).collect(),
        ..Default::default()
    };
    let topic_id = image.topic("t").unwrap().id;
    AlterPartitionRequest {
        broker_id: partition.leader,
        broker_epoch: epoch(image, partition.leader),
        topics: vec![AlterPartitionRequestTopicData { topic_id, partitions: vec![data] }],
    }
}

/// Moves the first partition of topic `t`, or takes a move back.
pub(super) fn reassignment(replicas: Option<&[BrokerId]>) -> AlterPartitionReassignmentsRequest {
    let replicas = replicas.map(<[BrokerId]>::to_vec);
    let partitions = vec![ReassignablePartition { partition_index: 0, replicas }];
    let topics = vec![ReassignableTopic { name: "t".into(), partitions }];
    AlterPartitionReassignmentsRequest { topics, ..Default::default() }
}
