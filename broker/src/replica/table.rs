//! The table of replicas, by topic name and by topic id. Readers take a snapshot without a lock; one thread (the image watcher) changes it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use headrace_log::{LogConfig, LogDirs, TopicId, TopicPartition};
use headrace_protocol::{ErrorCode, Str, Uuid};
use headrace_state::metadata::configs::{self, BrokerDefaults};
use headrace_state::metadata::{self as image, ConfigResource, Image};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::fetcher::Fetchers;
use super::isr::IsrQueue;
use super::partition::{Partition, PartitionParts, RoleChange, Settings};
use crate::clock::Clock;

/// The replicas of one topic on this broker.
#[derive(Debug)]
pub(crate) struct TopicReplicas {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
    partitions: Vec<Option<Arc<Partition>>>,
}

impl TopicReplicas {
    pub(crate) fn partition(&self, index: i32) -> Result<&Arc<Partition>, ErrorCode> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.partitions.get(index))
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?
            .as_ref()
            .ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)
    }
}

#[derive(Debug, Default, Clone)]
struct Table {
    by_name: HashMap<Str, Arc<TopicReplicas>>,
    by_id: HashMap<Uuid, Arc<TopicReplicas>>,
}

/// Is told when this broker gains or loses the lead of a partition.
pub(crate) trait LeadershipListener: Send + Sync {
    fn on_elected(&self, partition: &Arc<Partition>, leader_epoch: i32);
    fn on_resigned(&self, partition: &Arc<Partition>);
    fn on_topics_deleted(&self, topics: &[Str]);
}

/// What a [`ReplicaManager`] is made of.
pub(crate) struct ReplicaOptions {
    pub(crate) node_id: i32,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dirs: LogDirs,
    pub(crate) defaults: Arc<BrokerDefaults>,
    pub(crate) high_watermarks: HashMap<TopicPartition, i64>,
}

pub(crate) struct ReplicaManager {
    node_id: i32,
    clock: Arc<dyn Clock>,
    dirs: LogDirs,
    defaults: Arc<BrokerDefaults>,
    table: ArcSwap<Table>,
    /// The high watermarks of before the last stop, taken out as replicas are made.
    recovered: Mutex<HashMap<TopicPartition, i64>>,
    /// Replicas that should be here and could not be opened: topic id and index.
    offline: Mutex<HashSet<(Uuid, i32)>>,
    applied: watch::Sender<u64>,
    pub(super) isr_queue: Arc<IsrQueue>,
    pub(crate) fetchers: Fetchers,
}

impl ReplicaManager {
    pub(crate) fn new(options: ReplicaOptions) -> Self {
        Self {
            node_id: options.node_id,
            clock: options.clock,
            dirs: options.dirs,
            defaults: options.defaults,
            table: ArcSwap::default(),
            recovered: Mutex::new(options.high_watermarks),
            offline: Mutex::default(),
            applied: watch::Sender::new(0),
            isr_queue: Arc::default(),
            fetchers: Fetchers::default(),
        }
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Arc<TopicReplicas>> {
        self.table.load().by_name.get(name).cloned()
    }

    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<Arc<TopicReplicas>> {
        self.table.load().by_id.get(&id).cloned()
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Result<Arc<Partition>, ErrorCode> {
        let table = self.table.load();
        let topic = table.by_name.get(topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        topic.partition(index).cloned()
    }

    /// Every replica, by topic and index.
    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        let table = self.table.load();
        let mut topics: Vec<_> = table.by_name.values().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        topics.into_iter().flat_map(|topic| topic.partitions.iter().flatten().cloned()).collect()
    }

    /// Replicas that should be here and could not be opened.
    pub(crate) fn offline_count(&self) -> usize {
        self.offline.lock().len()
    }

    pub(crate) fn dirs(&self) -> &LogDirs {
        &self.dirs
    }

    /// Waits until the replicas are as the image of this offset (or a later one) says.
    pub(crate) async fn applied(&self, offset: u64) {
        let mut applied = self.applied.subscribe();
        // The sender lives as long as `self`.
        let _ = applied.wait_for(|done| *done >= offset).await;
    }

    pub(crate) fn high_watermarks(&self) -> HashMap<TopicPartition, i64> {
        self.partitions()
            .iter()
            .map(|p| (TopicPartition::new(p.topic().as_str(), p.index()), p.high_watermark()))
            .collect()
    }

    /// Ends all long polls, for a stop.
    pub(crate) fn wake_all(&self) {
        self.partitions().iter().for_each(|partition| partition.wake_all());
    }

    /// Makes the replicas what `image` says, and tries again to open those that could not be; gives those that it concerns. Called by
    /// one thread only; may create and delete directories.
    pub(crate) fn apply(
        &self,
        before: &Image,
        image: &Image,
        listener: &dyn LeadershipListener,
    ) -> Vec<Arc<Partition>> {
        let changes = image.changed_topics(before);
        let mut table = Table::clone(&self.table.load());
        let mut deleted = Vec::new();
        let mut concerned = Vec::new();
        for topic in &changes.removed {
            table.by_name.remove(&topic.name);
            if let Some(replicas) = table.by_id.remove(&topic.id) {
                self.retire(&replicas, listener);
                concerned.extend(replicas.partitions.iter().flatten().cloned());
            }
            deleted.push(topic.name.clone());
        }
        let mut roles = Vec::new();
        self.offline.lock().retain(|(id, _)| image.topic_by_id(*id).is_some());
        let offline: HashSet<Uuid> = self.offline.lock().iter().map(|(id, _)| *id).collect();
        let again = offline.into_iter().filter_map(|id| image.topic_by_id(id));
        let again = again.filter(|topic: &&Arc<image::Topic>| {
            changes.changed.iter().all(|changed| changed.id != topic.id)
        });
        for topic in changes.changed.iter().copied().chain(again) {
            let replicas = Arc::new(self.update_topic(image, topic, table.by_id.get(&topic.id), &mut roles));
            table.by_name.insert(replicas.name.clone(), Arc::clone(&replicas));
            table.by_id.insert(replicas.id, replicas);
        }
        self.table.store(Arc::new(table));
        self.refresh_settings(before, image);
        for (partition, change) in roles {
            match change {
                RoleChange::Elected(epoch) => listener.on_elected(&partition, epoch),
                RoleChange::Resigned => listener.on_resigned(&partition),
                RoleChange::None => {}
            }
            concerned.push(partition);
        }
        if !deleted.is_empty() {
            listener.on_topics_deleted(&deleted);
        }
        self.applied.send_replace(image.offset());
        concerned
    }

    fn update_topic(
        &self,
        image: &Image,
        topic: &Arc<image::Topic>,
        known: Option<&Arc<TopicReplicas>>,
        roles: &mut Vec<(Arc<Partition>, RoleChange)>,
    ) -> TopicReplicas {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for meta in &topic.partitions {
            let known = known.and_then(|replicas| replicas.partition(meta.index).ok()).cloned();
            let is_here = meta.replicas.contains(&self.node_id);
            let replica = match known {
                Some(replica) if is_here => Some(replica),
                Some(replica) => {
                    // It was moved to other brokers.
                    self.retire_one(&replica);
                    roles.push((replica, RoleChange::Resigned));
                    None
                }
                None if is_here => self.create(image, topic, meta),
                None => {
                    self.offline.lock().remove(&(topic.id, meta.index));
                    None
                }
            };
            if let Some(replica) = &replica {
                roles.push((Arc::clone(replica), replica.apply(meta)));
            }
            partitions.push(replica);
        }
        TopicReplicas { name: topic.name.detached(), id: topic.id, partitions }
    }

    fn create(
        &self,
        image: &Image,
        topic: &image::Topic,
        meta: &Arc<image::Partition>,
    ) -> Option<Arc<Partition>> {
        let id = TopicPartition::new(topic.name.as_str(), meta.index);
        let settings = self.settings(image, &topic.name);
        let config = LogConfig::clone(&settings.log);
        let log = match self.dirs.create(id.clone(), TopicId(topic.id.0), config, self.clock.now_ms()) {
            Ok(log) => log,
            Err(error) => {
                if self.offline.lock().insert((topic.id, meta.index)) {
                    tracing::error!(partition = %id, %error, "the partition is offline on this broker; it is tried again");
                }
                return None;
            }
        };
        if self.offline.lock().remove(&(topic.id, meta.index)) {
            tracing::info!(partition = %id, "the partition is online again on this broker");
        }
        Some(Arc::new(Partition::new(PartitionParts {
            topic: topic.name.clone(),
            topic_id: topic.id,
            isr_queue: Arc::clone(&self.isr_queue),
            node_id: self.node_id,
            clock: Arc::clone(&self.clock),
            log,
            settings,
            meta: Arc::clone(meta),
            checkpointed_high_watermark: self.recovered.lock().remove(&id).unwrap_or(0),
        })))
    }

    fn retire(&self, replicas: &TopicReplicas, listener: &dyn LeadershipListener) {
        for partition in replicas.partitions.iter().flatten() {
            if self.retire_one(partition) {
                listener.on_resigned(partition);
            }
        }
    }

    /// Deletes a replica; true if it led its partition.
    fn retire_one(&self, partition: &Partition) -> bool {
        let was_leading = partition.retire();
        let id = TopicPartition::new(partition.topic().as_str(), partition.index());
        if let Err(error) = self.dirs.delete(&id, self.clock.now_ms()) {
            tracing::error!(partition = %id, %error, "the partition's directory could not be deleted");
        }
        was_leading
    }

    /// Gives partitions whose topic's configuration changed the new one.
    fn refresh_settings(&self, before: &Image, image: &Image) {
        let table = self.table.load();
        let changed =
            |resource: &ConfigResource| image.config_overrides(resource) != before.config_overrides(resource);
        let all = changed(&ConfigResource::all_brokers()) || changed(&ConfigResource::broker(self.node_id));
        for topic in table.by_name.values() {
            if all || changed(&ConfigResource::topic(topic.name.clone())) {
                for partition in topic.partitions.iter().flatten() {
                    partition.set_settings(self.settings(image, &topic.name));
                }
            }
        }
    }

    /// Deletes what lies in the directories and no longer belongs here: topics that were deleted, or replicas that were moved, while this
    /// broker was away. A quorum
    /// that knows no topic at all is not believed, for it may be the one that lost its memory.
    pub(crate) fn delete_strays(&self, image: &Image) {
        for id in self.dirs.partitions() {
            let topic_id = self.dirs.get(&id).and_then(|log| log.lock().topic_id());
            let topic = match topic_id {
                Some(topic_id) => image.topic_by_id(Uuid(topic_id.0)),
                None => image.topic(&id.topic),
            };
            let wanted = topic
                .and_then(|topic| topic.partition(id.partition))
                .is_some_and(|partition| partition.replicas.contains(&self.node_id));
            if wanted {
                continue;
            }
            if image.topic_count() == 0 {
                tracing::warn!(partition = %id, "the metadata knows no topics, but this partition is on disk: it is kept");
            } else {
                tracing::warn!(partition = %id, "the partition was deleted, or moved to other brokers: its directory goes");
                if let Err(error) = self.dirs.delete(&id, self.clock.now_ms()) {
                    tracing::error!(partition = %id, %error, "the partition's directory could not be deleted");
                }
            }
        }
    }

    fn settings(&self, image: &Image, topic: &str) -> Settings {
        let config = image.topic_config(topic, &self.defaults);
        Settings {
            log: Arc::new(log_config(&config)),
            min_insync_replicas: usize::try_from(config.i32("min.insync.replicas")).unwrap_or(1),
        }
    }
}

/// What the log needs of a topic's configuration.
pub(crate) fn log_config(config: &configs::TopicConfig<'_>) -> LogConfig {
    let mut log = LogConfig::default();
    for definition in configs::TOPIC {
        if let Some(value) = config.get(definition.name)
            && let Err(error) = log.set(definition.name, &value)
        {
            // Values were checked when they were set; one that fails now was set by a newer version.
            tracing::warn!(key = definition.name, %value, %error, "a topic's configuration is not understood");
        }
    }
    log
}
