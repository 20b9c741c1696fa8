//! [`Image`]: the cluster's metadata at one place in the log, immutable and shared.

use std::collections::BTreeMap;
use std::sync::Arc;

use headrace_protocol::{Str, Uuid};

use super::model::{Broker, BrokerId, Partition, Topic};
use super::sorted_map::SortedMap;

/// What a configuration belongs to, with Kafka's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    Topic,
    Broker,
    ClientMetrics,
    Group,
}

impl ResourceType {
    pub fn from_wire(number: i8) -> Option<Self> {
        match number {
            2 => Some(Self::Topic),
            4 => Some(Self::Broker),
            16 => Some(Self::ClientMetrics),
            32 => Some(Self::Group),
            _ => None,
        }
    }

    pub fn wire(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }
}

/// A thing that has configurations. A broker's name is its id; the empty name means all brokers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    pub kind: ResourceType,
    pub name: Str,
}

impl ConfigResource {
    pub fn topic(name: impl Into<Str>) -> Self {
        Self { kind: ResourceType::Topic, name: name.into() }
    }

    pub fn broker(id: BrokerId) -> Self {
        Self { kind: ResourceType::Broker, name: id.to_string().into() }
    }

    /// The defaults of all brokers.
    pub fn all_brokers() -> Self {
        Self { kind: ResourceType::Broker, name: Str::from_static("") }
    }
}

/// Values set for one resource, by name.
pub type ConfigOverrides = Arc<BTreeMap<Str, Str>>;

/// Topics that differ between two images.
#[derive(Debug, Default)]
pub struct TopicChanges<'a> {
    /// New, or different in any way, as they are now.
    pub changed: Vec<&'a Arc<Topic>>,
    /// Gone, as they were. A topic made anew under the same name is in both lists, under different ids.
    pub removed: Vec<&'a Arc<Topic>>,
}

/// The cluster's metadata. A clone costs a few reference counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    pub(super) offset: u64,
    pub(super) topics: SortedMap<Str, Arc<Topic>>,
    pub(super) names_by_id: SortedMap<Uuid, Str>,
    /// Names with `.` or `_` by what they collide in: metrics' names hold `_` for both.
    pub(super) names_by_metric: SortedMap<Str, Str>,
    pub(super) partition_count: usize,
    pub(super) brokers: SortedMap<BrokerId, Arc<Broker>>,
    pub(super) configs: SortedMap<ConfigResource, ConfigOverrides>,
    pub(super) next_producer_id: i64,
    pub(super) features: Arc<BTreeMap<Str, i16>>,
}

impl Image {
    /// No topics, no brokers: before the first record.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Where in the metadata log this image stands. Only grows.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topics.get(self.names_by_id.get(&id)?)
    }

    /// Sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.iter().map(|(_, topic)| topic)
    }

    /// Sorted by name, from `name` on.
    pub fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.iter_from(name).map(|(_, topic)| topic)
    }

    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Of all topics.
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    pub fn partition(&self, topic: &str, index: i32) -> Option<&Arc<Partition>> {
        self.topic(topic)?.partition(index)
    }

    /// The topic whose metrics would have the same name, if `name` is not itself taken.
    pub fn colliding_topic(&self, name: &str) -> Option<&Str> {
        metric_name(name).and_then(|normal| self.names_by_metric.get(normal.as_str()))
    }

    pub fn broker(&self, id: BrokerId) -> Option<&Arc<Broker>> {
        self.brokers.get(&id)
    }

    /// All that are registered, fenced or not, by id.
    pub fn brokers(&self) -> impl Iterator<Item = &Arc<Broker>> {
        self.brokers.iter().map(|(_, broker)| broker)
    }

    /// Those that may lead partitions and get replicas, by id.
    pub fn live_brokers(&self) -> impl Iterator<Item = &Arc<Broker>> {
        self.brokers().filter(|broker| broker.is_live())
    }

    pub fn is_live(&self, id: BrokerId) -> bool {
        self.broker(id).is_some_and(|broker| broker.is_live())
    }

    /// Whether a replica lives, and its log directory is not known to have failed.
    pub fn is_online(&self, partition: &Partition, id: BrokerId) -> bool {
        self.is_live(id) && self.has_directory(id, partition.directory_of(id))
    }

    /// Whether a log directory is still its broker's, as far as both are known.
    pub fn has_directory(&self, id: BrokerId, directory: Option<Uuid>) -> bool {
        let known = self.broker(id).map_or(&[][..], |broker| &broker.log_dirs);
        directory.is_none_or(|directory| known.is_empty() || known.contains(&directory))
    }

    /// The values that were set for a resource itself.
    pub fn config_overrides(&self, resource: &ConfigResource) -> Option<&ConfigOverrides> {
        self.configs.get(resource)
    }

    /// All resources that have values set.
    pub fn config_resources(&self) -> impl Iterator<Item = &ConfigResource> {
        self.configs.iter().map(|(resource, _)| resource)
    }

    /// Finalised features and their levels.
    pub fn features(&self) -> &BTreeMap<Str, i16> {
        &self.features
    }

    /// The first producer id that no block holds yet.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// What differs from an earlier image. Costs a pointer comparison per topic, nothing if no topic changed.
    pub fn changed_topics<'a>(&'a self, before: &'a Self) -> TopicChanges<'a> {
        let mut changes = TopicChanges::default();
        if self.topics.same(&before.topics) {
            return changes;
        }
        for topic in self.topics() {
            match before.topic(&topic.name) {
                Some(old) if Arc::ptr_eq(old, topic) => {}
                _ => changes.changed.push(topic),
            }
        }
        changes.removed = before.topics().filter(|old| self.names_by_id.get(&old.id).is_none()).collect();
        changes
    }
}

/// A topic's name as it stands in metrics' names, if that can be another topic's too.
pub(super) fn metric_name(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}
