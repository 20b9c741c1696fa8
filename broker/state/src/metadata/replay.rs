//! From one image to the next, by records; and from an image back to records, for a snapshot.

use std::sync::Arc;

use headrace_protocol::{Str, Uuid};

use super::image::{ConfigResource, Image, ResourceType, metric_name};
use super::model::{Broker, BrokerId, Endpoint, Partition, Topic};
use super::record::{
    BrokerChangeRecord, ConfigRecord, EndpointRecord, FeatureLevelRecord, LEADER_UNCHANGED, MetadataRecord,
    PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord, TopicRecord,
};

/// A record that does not fit the image it is applied to. Controller functions never make one; the quorum's leader
/// tries every batch before it proposes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("topic {name} exists already")]
    TopicExists { name: String },
    #[error("topic id {id} is taken by topic {name}")]
    TopicIdTaken { id: Uuid, name: String },
    #[error("there is no topic with id {id}")]
    NoSuchTopic { id: Uuid },
    #[error("topic {topic} has no partition {index}")]
    NoSuchPartition { topic: String, index: i32 },
    #[error("partition {index} of topic {topic} is not the next one: it has {count}")]
    PartitionOutOfOrder { topic: String, index: i32, count: usize },
    #[error("broker {id} is not registered")]
    NoSuchBroker { id: BrokerId },
    #[error("resource type {number} cannot be configured")]
    UnknownResourceType { number: i8 },
    #[error("producer id {next} was given out before (the next free one is {free})")]
    ProducerIdsGoBack { next: i64, free: i64 },
}

impl Image {
    /// The image after `records`, which end at `offset` of the metadata log. Copies only what changes.
    pub fn apply(&self, records: &[MetadataRecord], offset: u64) -> Result<Self, ReplayError> {
        let mut next = self.clone();
        for record in records {
            next.replay(record)?;
        }
        next.offset = next.offset.max(offset);
        Ok(next)
    }

    fn replay(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::Topic(record) => self.replay_topic(record),
            MetadataRecord::RemoveTopic(record) => self.replay_remove_topic(record.topic_id),
            MetadataRecord::Partition(record) => self.replay_partition(record),
            MetadataRecord::PartitionChange(record) => self.replay_partition_change(record),
            MetadataRecord::Config(record) => self.replay_config(record),
            MetadataRecord::RegisterBroker(record) => {
                self.brokers.insert(record.broker_id, Arc::new(broker(record)));
                Ok(())
            }
            MetadataRecord::UnregisterBroker(record) => {
                let id = record.broker_id;
                self.configs.remove(&ConfigResource::broker(id));
                self.brokers.remove(&id).map(drop).ok_or(ReplayError::NoSuchBroker { id })
            }
            MetadataRecord::BrokerChange(record) => self.replay_broker_change(record),
            MetadataRecord::ProducerIds(record) => self.replay_producer_ids(record),
            MetadataRecord::FeatureLevel(record) => {
                Arc::make_mut(&mut self.features).insert(record.name.detached(), record.level);
                Ok(())
            }
        }
    }

    fn replay_topic(&mut self, record: &TopicRecord) -> Result<(), ReplayError> {
        if self.topic(&record.name).is_some() {
            return Err(ReplayError::TopicExists { name: record.name.to_string() });
        }
        if let Some(name) = self.names_by_id.get(&record.topic_id) {
            return Err(ReplayError::TopicIdTaken { id: record.topic_id, name: name.to_string() });
        }
        // The record's text shares the bytes of a whole command: the image must not keep those alive.
        let name = record.name.detached();
        if let Some(normal) = metric_name(&name) {
            self.names_by_metric.insert(Str::from(normal), name.clone());
        }
        self.names_by_id.insert(record.topic_id, name.clone());
        let topic = Topic { name: name.clone(), id: record.topic_id, partitions: Vec::new() };
        self.topics.insert(name, Arc::new(topic));
        Ok(())
    }

    fn replay_remove_topic(&mut self, id: Uuid) -> Result<(), ReplayError> {
        let name = self.names_by_id.remove(&id).ok_or(ReplayError::NoSuchTopic { id })?;
        if let Some(topic) = self.topics.remove(&name) {
            self.partition_count -= topic.partitions.len();
        }
        if let Some(normal) = metric_name(&name) {
            self.names_by_metric.remove(normal.as_str());
        }
        self.configs.remove(&ConfigResource::topic(name));
        Ok(())
    }

    fn replay_partition(&mut self, record: &PartitionRecord) -> Result<(), ReplayError> {
        let topic =
            self.topic_by_id(record.topic_id).ok_or(ReplayError::NoSuchTopic { id: record.topic_id })?;
        let count = topic.partitions.len();
        let position = usize::try_from(record.partition_index).unwrap_or(usize::MAX);
        if position > count {
            let topic = topic.name.to_string();
            return Err(ReplayError::PartitionOutOfOrder { topic, index: record.partition_index, count });
        }
        let mut topic = Arc::clone(topic);
        let name = topic.name.clone();
        // Without the map's own reference, a topic that is not shared with an older image is changed in place.
        self.topics.remove(&name);
        let partitions = &mut Arc::make_mut(&mut topic).partitions;
        if position == count {
            partitions.push(Arc::new(partition(record)));
            self.partition_count += 1;
        } else {
            partitions[position] = Arc::new(partition(record));
        }
        self.topics.insert(name, topic);
        Ok(())
    }

    fn replay_partition_change(&mut self, record: &PartitionChangeRecord) -> Result<(), ReplayError> {
        let topic =
            self.topic_by_id(record.topic_id).ok_or(ReplayError::NoSuchTopic { id: record.topic_id })?;
        let (name, index) = (topic.name.clone(), record.partition_index);
        if topic.partition(index).is_none() {
            return Err(ReplayError::NoSuchPartition { topic: name.to_string(), index });
        }
        let mut topic = Arc::clone(topic);
        self.topics.remove(&name);
        let changed =
            usize::try_from(index).ok().and_then(|at| Arc::make_mut(&mut topic).partitions.get_mut(at));
        if let Some(partition) = changed {
            change_partition(Arc::make_mut(partition), record);
        }
        self.topics.insert(name, topic);
        Ok(())
    }

    fn replay_config(&mut self, record: &ConfigRecord) -> Result<(), ReplayError> {
        let number = record.resource_type;
        let kind = ResourceType::from_wire(number).ok_or(ReplayError::UnknownResourceType { number })?;
        let resource = ConfigResource { kind, name: record.resource_name.detached() };
        let mut values = self.configs.remove(&resource).unwrap_or_default();
        let map = Arc::make_mut(&mut values);
        match &record.value {
            Some(value) => drop(map.insert(record.name.detached(), value.detached())),
            None => drop(map.remove(&record.name)),
        }
        if !values.is_empty() {
            self.configs.insert(resource, values);
        }
        Ok(())
    }

    fn replay_broker_change(&mut self, record: &BrokerChangeRecord) -> Result<(), ReplayError> {
        let id = record.broker_id;
        let mut broker = Arc::clone(self.broker(id).ok_or(ReplayError::NoSuchBroker { id })?);
        let changed = Arc::make_mut(&mut broker);
        changed.fenced = flag(record.fenced).unwrap_or(changed.fenced);
        if !changed.fenced {
            changed.former_epoch = -1;
        }
        changed.shutting_down = flag(record.shutting_down).unwrap_or(changed.shutting_down);
        self.brokers.insert(id, broker);
        Ok(())
    }

    fn replay_producer_ids(&mut self, record: &ProducerIdsRecord) -> Result<(), ReplayError> {
        if record.next_producer_id < self.next_producer_id {
            return Err(ReplayError::ProducerIdsGoBack {
                next: record.next_producer_id,
                free: self.next_producer_id,
            });
        }
        self.next_producer_id = record.next_producer_id;
        Ok(())
    }

    /// Records that rebuild this image from an empty one.
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::with_capacity(self.partition_count + 2 * self.topic_count() + 16);
        records.extend(
            self.features
                .iter()
                .map(|(name, &level)| FeatureLevelRecord { name: name.clone(), level }.into()),
        );
        records.extend(self.brokers().map(|broker| register_record(broker).into()));
        for topic in self.topics() {
            records.push(TopicRecord { name: topic.name.clone(), topic_id: topic.id }.into());
            records.extend(topic.partitions.iter().map(|p| partition_record(topic.id, p).into()));
        }
        for (resource, values) in self.configs.iter() {
            records.extend(values.iter().map(|(name, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.kind.wire(),
                    resource_name: resource.name.clone(),
                    name: name.clone(),
                    value: Some(value.clone()),
                })
            }));
        }
        if self.next_producer_id > 0 {
            let next_producer_id = self.next_producer_id;
            records.push(ProducerIdsRecord { next_producer_id, ..ProducerIdsRecord::default() }.into());
        }
        records
    }
}

fn flag(value: i8) -> Option<bool> {
    match value {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn broker(record: &RegisterBrokerRecord) -> Broker {
    let endpoint = |e: &EndpointRecord| Endpoint {
        listener: e.listener.detached(),
        host: e.host.detached(),
        port: e.port,
        security_protocol: e.security_protocol,
    };
    Broker {
        id: record.broker_id,
        incarnation: record.incarnation,
        epoch: record.broker_epoch,
        endpoints: record.endpoints.iter().map(endpoint).collect(),
        rack: record.rack.as_ref().map(Str::detached),
        fenced: record.fenced,
        shutting_down: record.shutting_down,
        log_dirs: record.log_dirs.clone(),
        former_epoch: record.former_epoch,
    }
}

pub(super) fn register_record(broker: &Broker) -> RegisterBrokerRecord {
    let endpoint = |e: &Endpoint| EndpointRecord {
        listener: e.listener.clone(),
        host: e.host.clone(),
        port: e.port,
        security_protocol: e.security_protocol,
    };
    RegisterBrokerRecord {
        broker_id: broker.id,
        incarnation: broker.incarnation,
        broker_epoch: broker.epoch,
        endpoints: broker.endpoints.iter().map(endpoint).collect(),
        rack: broker.rack.clone(),
        fenced: broker.fenced,
        log_dirs: broker.log_dirs.clone(),
        shutting_down: broker.shutting_down,
        former_epoch: broker.former_epoch,
    }
}

fn partition(record: &PartitionRecord) -> Partition {
    Partition {
        index: record.partition_index,
        replicas: record.replicas.clone(),
        isr: record.isr.clone(),
        elr: record.elr.clone(),
        last_known_elr: record.last_known_elr.clone(),
        adding: record.adding.clone(),
        removing: record.removing.clone(),
        leader: record.leader,
        leader_epoch: record.leader_epoch,
        partition_epoch: record.partition_epoch,
        recovering: record.recovering,
        directories: record.directories.clone(),
    }
}

/// The record that gives a partition's whole state.
pub(super) fn partition_record(topic_id: Uuid, partition: &Partition) -> PartitionRecord {
    PartitionRecord {
        topic_id,
        partition_index: partition.index,
        replicas: partition.replicas.clone(),
        isr: partition.isr.clone(),
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        adding: partition.adding.clone(),
        removing: partition.removing.clone(),
        elr: partition.elr.clone(),
        last_known_elr: partition.last_known_elr.clone(),
        recovering: partition.recovering,
        directories: partition.directories.clone(),
    }
}

pub(super) fn change_partition(partition: &mut Partition, record: &PartitionChangeRecord) {
    let set = |target: &mut Vec<BrokerId>, value: &Option<Vec<BrokerId>>| {
        if let Some(value) = value {
            target.clone_from(value);
        }
    };
    set(&mut partition.isr, &record.isr);
    set(&mut partition.replicas, &record.replicas);
    set(&mut partition.adding, &record.adding);
    set(&mut partition.removing, &record.removing);
    set(&mut partition.elr, &record.elr);
    set(&mut partition.last_known_elr, &record.last_known_elr);
    if let Some(directories) = &record.directories {
        partition.directories.clone_from(directories);
    }
    partition.recovering = flag(record.recovering).unwrap_or(partition.recovering);
    if record.leader != LEADER_UNCHANGED {
        partition.leader = record.leader;
        partition.leader_epoch += 1;
    }
    partition.partition_epoch += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::record::{RemoveTopicRecord, UnregisterBrokerRecord, decode_all, encode_all};

    fn id(n: u8) -> Uuid {
        Uuid([n; 16])
    }

    fn topic(n: u8, name: &str) -> MetadataRecord {
        TopicRecord { name: name.into(), topic_id: id(n) }.into()
    }

    fn new_partition(n: u8, partition_index: i32) -> MetadataRecord {
        let (replicas, isr) = (vec![1, 2], vec![1]);
        PartitionRecord {
            topic_id: id(n),
            partition_index,
            replicas,
            isr,
            leader: 1,
            ..PartitionRecord::default()
        }
        .into()
    }

    fn config(kind: i8, resource: &str, name: &str, value: Option<&str>) -> MetadataRecord {
        let value = value.map(Str::from);
        ConfigRecord { resource_type: kind, resource_name: resource.into(), name: name.into(), value }.into()
    }

    /// Every kind of record, some of them undone again.
    fn history() -> Vec<MetadataRecord> {
        let endpoint =
            EndpointRecord { listener: "L".into(), host: "h".into(), port: 1, security_protocol: 0 };
        let broker = |broker_id| RegisterBrokerRecord {
            broker_id,
            incarnation: id(9),
            broker_epoch: 7,
            endpoints: vec![endpoint.clone()],
            rack: Some("r".into()),
            log_dirs: vec![id(8)],
            ..RegisterBrokerRecord::default()
        };
        vec![
            broker(1).into(),
            broker(2).into(),
            BrokerChangeRecord { broker_id: 1, fenced: 0, ..BrokerChangeRecord::default() }.into(),
            UnregisterBrokerRecord { broker_id: 2 }.into(),
            topic(1, "a.b"),
            new_partition(1, 0),
            new_partition(1, 1),
            topic(2, "gone"),
            new_partition(2, 0),
            config(2, "a.b", "retention.ms", Some("1")),
            config(2, "a.b", "segment.ms", Some("1")),
            config(2, "a.b", "segment.ms", None),
            config(2, "gone", "segment.ms", Some("1")),
            config(4, "", "message.max.bytes", Some("2")),
            RemoveTopicRecord { topic_id: id(2) }.into(),
            PartitionChangeRecord {
                isr: Some(vec![1, 2]),
                leader: 2,
                recovering: 1,
                directories: Some(vec![id(3), id(4)]),
                ..PartitionChangeRecord::of(id(1), 1)
            }
            .into(),
            ProducerIdsRecord { next_producer_id: 1000, ..ProducerIdsRecord::default() }.into(),
            FeatureLevelRecord { name: "metadata.version".into(), level: 1 }.into(),
        ]
    }

    #[test]
    fn replay_is_deterministic_however_the_records_are_batched_and_encoded() {
        let at_once = Image::empty().apply(&history(), 40).unwrap();
        let one_by_one = history().iter().fold(Image::empty(), |image, record| {
            let bytes = encode_all(std::slice::from_ref(record)).unwrap();
            image.apply(&decode_all(&bytes).unwrap(), 40).unwrap()
        });
        assert_eq!(at_once, one_by_one);
        let partition = at_once.partition("a.b", 1).unwrap();
        assert_eq!((partition.leader, partition.leader_epoch, partition.partition_epoch), (2, 1, 1));
        assert_eq!((at_once.topic_count(), at_once.partition_count()), (1, 2));
    }

    #[test]
    fn a_snapshot_gives_the_same_image() {
        let image = Image::empty().apply(&history(), 40).unwrap();
        let bytes = encode_all(&image.to_records()).unwrap();
        assert_eq!(Image::empty().apply(&decode_all(&bytes).unwrap(), 40).unwrap(), image);
    }

    #[test]
    fn an_older_image_does_not_change_and_the_new_one_shares_what_did_not() {
        let before = Image::empty().apply(&[topic(1, "a"), new_partition(1, 0), topic(2, "b")], 1).unwrap();
        let after = before.apply(&[new_partition(2, 0)], 2).unwrap();
        assert_eq!(before.partition_count(), 1);
        assert!(Arc::ptr_eq(before.topic("a").unwrap(), after.topic("a").unwrap()));
        let changes = after.changed_topics(&before);
        assert_eq!(changes.changed.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["b"]);
        assert!(changes.removed.is_empty());
    }

    #[test]
    fn records_that_do_not_fit_are_errors() {
        let image = Image::empty().apply(&[topic(1, "a"), new_partition(1, 0)], 1).unwrap();
        let ids = |next_producer_id| ProducerIdsRecord { next_producer_id, ..ProducerIdsRecord::default() };
        let image = image.apply(&[ids(5).into()], 2).unwrap();
        for record in [
            topic(2, "a"),
            topic(1, "b"),
            new_partition(1, 2),
            new_partition(1, -1),
            new_partition(3, 0),
            PartitionChangeRecord::of(id(1), 1).into(),
            RemoveTopicRecord { topic_id: id(2) }.into(),
            UnregisterBrokerRecord { broker_id: 1 }.into(),
            BrokerChangeRecord { broker_id: 1, ..BrokerChangeRecord::default() }.into(),
            config(77, "x", "y", None),
            ids(4).into(),
        ] {
            assert!(image.apply(std::slice::from_ref(&record), 3).is_err(), "{record:?}");
        }
    }
}
