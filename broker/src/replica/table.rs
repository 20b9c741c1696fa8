//! The table of replicas, by topic name and by topic id. Readers take a snapshot without a lock; one thread (the image watcher) changes it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use headrace_log::{Home, LogConfig, LogDirs, MoveError, TopicId, TopicPartition};
use headrace_protocol::{ErrorCode, Str, Uuid};
use headrace_state::metadata::configs::{self, BrokerDefaults};
use headrace_state::metadata::{self as image, ConfigResource, Image};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::dir_reports::DirReports;
use super::fetcher::Fetchers;
use super::isr::IsrQueue;
use super::partition::{Partition, PartitionParts, RoleChange, Settings};
use super::throttle::{ThrottledReplicas, Throttles};
use crate::clock::Clock;

/// Kafka's id for a directory of which it is only known that it does not work.
const LOST_DIRECTORY: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// The replicas of one topic on this broker.
#[derive(Debug)]
pub(crate) struct TopicReplicas {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
    partitions: Vec<Slot>,
}

/// What this broker has of a partition.
#[derive(Debug, Clone)]
enum Slot {
    /// It is not one of its replicas.
    Absent,
    Here(Arc<Partition>),
    /// It is, but cannot be reached: its log directory has failed.
    Offline,
}

impl Slot {
    fn here(&self) -> Option<&Arc<Partition>> {
        if let Self::Here(partition) = self { Some(partition) } else { None }
    }
}

impl TopicReplicas {
    pub(crate) fn partition(&self, index: i32) -> Result<&Arc<Partition>, ErrorCode> {
        let slot = usize::try_from(index).ok().and_then(|index| self.partitions.get(index));
        match slot.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)? {
            Slot::Here(partition) => Ok(partition),
            Slot::Absent => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            Slot::Offline => Err(ErrorCode::KAFKA_STORAGE_ERROR),
        }
    }

    /// The same without partitions.
    fn named(&self) -> Self {
        Self { name: self.name.clone(), id: self.id, partitions: Vec::new() }
    }

    fn here(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.partitions.iter().filter_map(Slot::here)
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
    /// The start found logs that have lost records, or may have.
    pub(crate) has_lost_records: bool,
}

pub(crate) struct ReplicaManager {
    node_id: i32,
    clock: Arc<dyn Clock>,
    dirs: LogDirs,
    defaults: Arc<BrokerDefaults>,
    table: ArcSwap<Table>,
    /// The high watermarks of before the last stop, taken out as replicas are made.
    recovered: Mutex<HashMap<TopicPartition, i64>>,
    has_lost_records: bool,
    /// Taken by whoever changes the table.
    changing: Mutex<()>,
    pub(crate) dir_reports: DirReports,
    /// Rung when a log directory has failed.
    pub(super) dirs_alarm: Arc<Notify>,
    /// How often that was dealt with.
    pub(crate) dirs_failed: watch::Sender<u64>,
    applied: watch::Sender<u64>,
    pub(super) isr_queue: Arc<IsrQueue>,
    pub(crate) fetchers: Fetchers,
    pub(crate) throttles: Throttles,
}

impl ReplicaManager {
    pub(crate) fn new(options: ReplicaOptions) -> Self {
        let dirs_alarm: Arc<Notify> = Arc::default();
        let alarm = Arc::clone(&dirs_alarm);
        options.dirs.on_failure(Box::new(move || alarm.notify_one()));
        Self {
            node_id: options.node_id,
            clock: options.clock,
            dirs: options.dirs,
            defaults: options.defaults,
            table: ArcSwap::default(),
            recovered: Mutex::new(options.high_watermarks),
            has_lost_records: options.has_lost_records,
            changing: Mutex::default(),
            dir_reports: DirReports::default(),
            dirs_alarm,
            dirs_failed: watch::Sender::new(0),
            applied: watch::Sender::new(0),
            isr_queue: Arc::default(),
            fetchers: Fetchers::default(),
            throttles: Throttles::default(),
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
        topics.into_iter().flat_map(|topic| topic.here().cloned()).collect()
    }

    /// Replicas that should be here and cannot be reached.
    pub(crate) fn offline_count(&self) -> usize {
        let table = self.table.load();
        let slots = table.by_name.values().flat_map(|topic| &topic.partitions);
        slots.filter(|slot| matches!(slot, Slot::Offline)).count()
    }

    /// Log directories have failed: what is in them is out of reach until the next start. Gives those that it concerns.
    pub(crate) fn take_offline(&self, listener: &dyn LeadershipListener) -> Vec<Arc<Partition>> {
        let _changing = self.changing.lock();
        let lost: HashSet<TopicPartition> = self.dirs.take_offline().into_iter().collect();
        let mut table = Table::clone(&self.table.load());
        let mut concerned = Vec::new();
        for replicas in table.by_id.values_mut() {
            let is_lost = |slot: &Slot| slot.here().is_some_and(|partition| lost.contains(&partition.id()));
            if !replicas.partitions.iter().any(is_lost) {
                continue;
            }
            let mut changed = TopicReplicas { partitions: replicas.partitions.clone(), ..replicas.named() };
            for slot in changed.partitions.iter_mut().filter(|slot| is_lost(slot)) {
                if let Slot::Here(partition) = std::mem::replace(slot, Slot::Offline) {
                    concerned.push(partition);
                }
            }
            *replicas = Arc::new(changed);
            table.by_name.insert(replicas.name.clone(), Arc::clone(replicas));
        }
        self.table.store(Arc::new(table));
        for partition in &concerned {
            if partition.retire() {
                listener.on_resigned(partition);
            }
        }
        concerned
    }

    /// Whether this start found logs that have lost records, or may have: none of its replicas may lead before it has fetched.
    pub(crate) fn has_lost_records(&self) -> bool {
        self.has_lost_records
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
        self.partitions().iter().map(|p| (p.id(), p.high_watermark())).collect()
    }

    /// Ends all long polls, for a stop.
    pub(crate) fn wake_all(&self) {
        self.partitions().iter().for_each(|partition| partition.wake_all());
    }

    /// Makes the replicas what `image` says, and tries again to open those that could not be; gives those that it concerns. May create and
    /// delete directories.
    pub(crate) fn apply(
        &self,
        before: &Image,
        image: &Image,
        listener: &dyn LeadershipListener,
    ) -> Vec<Arc<Partition>> {
        let _changing = self.changing.lock();
        let changes = image.changed_topics(before);
        let mut table = Table::clone(&self.table.load());
        let mut deleted = Vec::new();
        let mut concerned = Vec::new();
        for topic in &changes.removed {
            table.by_name.remove(&topic.name);
            if let Some(replicas) = table.by_id.remove(&topic.id) {
                self.retire(&replicas, listener);
                concerned.extend(replicas.here().cloned());
            }
            deleted.push(topic.name.clone());
        }
        // A topic that was made anew under its name has commits of its own by now.
        deleted.retain(|name| image.topic(name).is_none());
        if !deleted.is_empty() {
            listener.on_topics_deleted(&deleted);
        }
        // Before the roles: an in-sync set that was agreed on by a new min.insync.replicas must not be judged by the old one.
        self.refresh_settings(before, image);
        let mut roles = Vec::new();
        let is_offline =
            |topic: &TopicReplicas| topic.partitions.iter().any(|slot| matches!(slot, Slot::Offline));
        let offline = table.by_id.values().filter(|topic| is_offline(topic)).map(|topic| topic.id);
        let again: Vec<&Arc<image::Topic>> = offline
            .filter(|id| changes.changed.iter().all(|changed| changed.id != *id))
            .filter_map(|id| image.topic_by_id(id))
            .collect();
        for topic in changes.changed.iter().copied().chain(again) {
            let replicas = Arc::new(self.update_topic(image, topic, table.by_id.get(&topic.id), &mut roles));
            table.by_name.insert(replicas.name.clone(), Arc::clone(&replicas));
            table.by_id.insert(replicas.id, replicas);
        }
        self.table.store(Arc::new(table));
        for (partition, change) in roles {
            match change {
                RoleChange::Elected(epoch) => listener.on_elected(&partition, epoch),
                RoleChange::Resigned => listener.on_resigned(&partition),
                RoleChange::None => {}
            }
            concerned.push(partition);
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
            let known = known.and_then(|replicas| replicas.partitions.get(partitions.len())).cloned();
            let is_here = meta.replicas.contains(&self.node_id);
            let slot = match known.unwrap_or(Slot::Absent) {
                Slot::Absent if is_here => self.create(image, topic, meta, false),
                Slot::Offline if is_here => self.create(image, topic, meta, true),
                slot if is_here => slot,
                Slot::Here(replica) => {
                    // It was moved to other brokers.
                    self.retire_one(&replica);
                    roles.push((replica, RoleChange::Resigned));
                    Slot::Absent
                }
                Slot::Offline => {
                    self.delete_files(&TopicPartition::new(topic.name.as_str(), meta.index));
                    Slot::Absent
                }
                Slot::Absent => Slot::Absent,
            };
            if let Slot::Here(replica) = &slot {
                roles.push((Arc::clone(replica), replica.apply(meta)));
            }
            if is_here {
                self.report_directory(topic, meta, &slot);
            }
            partitions.push(slot);
        }
        TopicReplicas { name: topic.name.detached(), id: topic.id, partitions }
    }

    /// Makes or opens a replica; `again` if that was tried before.
    fn create(&self, image: &Image, topic: &image::Topic, meta: &Arc<image::Partition>, again: bool) -> Slot {
        let id = TopicPartition::new(topic.name.as_str(), meta.index);
        let settings = self.settings(image, &topic.name);
        let config = LogConfig::clone(&settings.log);
        let home = Home {
            directory_id: meta.directory_of(self.node_id).map(|id| TopicId(id.0)),
            // Nothing can be here of a partition that has just been made, or is being moved here.
            is_new: !again && (meta.partition_epoch == 0 || meta.adding.contains(&self.node_id)),
        };
        let log = match self.dirs.create(id.clone(), TopicId(topic.id.0), home, config, self.clock.now_ms()) {
            Ok(log) => log,
            Err(error) => {
                if !again {
                    tracing::error!(partition = %id, %error, "the partition is offline on this broker; it is tried again");
                }
                return Slot::Offline;
            }
        };
        if again {
            tracing::info!(partition = %id, "the partition is online again on this broker");
        }
        Slot::Here(Arc::new(Partition::new(PartitionParts {
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

    /// Tells the controller in which directory a replica is, if that is not what the metadata says: it must know whom a failed directory
    /// concerns.
    fn report_directory(&self, topic: &image::Topic, meta: &image::Partition, slot: &Slot) {
        let said = meta.directory_of(self.node_id);
        let id = TopicPartition::new(topic.name.as_str(), meta.index);
        let lies_in = || self.dirs.directory_id_of(&id).map(|id| Uuid(id.0));
        let found = match slot {
            Slot::Here(_) => lies_in(),
            Slot::Offline => said.or_else(lies_in).or(Some(LOST_DIRECTORY)),
            Slot::Absent => None,
        };
        if let Some(found) = found.filter(|found| said != Some(*found)) {
            self.dir_reports.push((topic.id, meta.index), found);
        }
    }

    /// Begins to move a replica to another log directory; one that is not here yet will be made there.
    pub(crate) fn move_to(&self, image: &Image, id: &TopicPartition, dir: &Path) -> Result<(), ErrorCode> {
        image.partition(&id.topic, id.partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let refused = |error: MoveError| {
            tracing::warn!(partition = %id, %error, "a replica is not moved to another log directory");
            match error {
                MoveError::NoSuchDir(_) => ErrorCode::LOG_DIR_NOT_FOUND,
                MoveError::NoSuchPartition(_) => ErrorCode::REPLICA_NOT_AVAILABLE,
                MoveError::NameTooLong => ErrorCode::INVALID_TOPIC_EXCEPTION,
                MoveError::Failed(_) => ErrorCode::KAFKA_STORAGE_ERROR,
                MoveError::Log(error) => ErrorCode(error.kafka_code()),
            }
        };
        match self.partition(&id.topic, id.partition) {
            Err(ErrorCode::KAFKA_STORAGE_ERROR) => Err(ErrorCode::KAFKA_STORAGE_ERROR),
            Err(_) => {
                self.dirs.prefer(id, dir).map_err(refused)?;
                Err(ErrorCode::REPLICA_NOT_AVAILABLE)
            }
            Ok(_) => self.dirs.begin_move(id, dir, rand::random(), self.clock.now_ms()).map_err(refused),
        }
    }

    /// A replica is in another log directory now.
    pub(crate) fn moved(&self, id: &TopicPartition) {
        if let (Ok(partition), Some(found)) =
            (self.partition(&id.topic, id.partition), self.dirs.directory_id_of(id))
        {
            self.dir_reports.push((partition.topic_id(), id.partition), Uuid(found.0));
        }
    }

    fn retire(&self, replicas: &TopicReplicas, listener: &dyn LeadershipListener) {
        for (index, slot) in (0..).zip(&replicas.partitions) {
            match slot {
                Slot::Here(partition) => {
                    if self.retire_one(partition) {
                        listener.on_resigned(partition);
                    }
                }
                // It may be there all the same, and would be in the way of another topic of this name.
                Slot::Offline => self.delete_files(&TopicPartition::new(replicas.name.as_str(), index)),
                Slot::Absent => {}
            }
        }
    }

    /// Deletes a replica; true if it led its partition.
    fn retire_one(&self, partition: &Partition) -> bool {
        let was_leading = partition.retire();
        self.delete_files(&partition.id());
        was_leading
    }

    fn delete_files(&self, id: &TopicPartition) {
        if let Err(error) = self.dirs.delete(id, self.clock.now_ms()) {
            tracing::error!(partition = %id, %error, "the partition's directory could not be deleted");
        }
    }

    /// Gives partitions whose topic's configuration changed the new one.
    fn refresh_settings(&self, before: &Image, image: &Image) {
        let table = self.table.load();
        let changed =
            |resource: &ConfigResource| image.config_overrides(resource) != before.config_overrides(resource);
        let all = changed(&ConfigResource::all_brokers()) || changed(&ConfigResource::broker(self.node_id));
        if all || before.offset() == 0 {
            self.throttles.configure(&image.broker_config(&self.defaults));
        }
        for topic in table.by_name.values() {
            if all || changed(&ConfigResource::topic(topic.name.clone())) {
                for partition in topic.here() {
                    partition.set_settings(self.settings(image, &topic.name));
                }
            }
        }
    }

    /// Deletes what lies in the directories and no longer belongs here: topics that were deleted, or replicas that were moved, while this
    /// broker was away. A quorum
    /// that knows no topic at all is not believed, for it may be the one that lost its memory.
    pub(crate) fn delete_strays(&self, image: &Image) {
        // Of one that could not be opened only the name is known.
        for id in self.dirs.partitions().into_iter().chain(self.dirs.unopened()) {
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
                self.delete_files(&id);
            }
        }
    }

    fn settings(&self, image: &Image, topic: &str) -> Settings {
        let config = image.topic_config(topic, &self.defaults);
        let throttled = |name| ThrottledReplicas::parse(&config.get(name).unwrap_or_default());
        Settings {
            log: Arc::new(log_config(&config)),
            min_insync_replicas: usize::try_from(config.i32("min.insync.replicas")).unwrap_or(1),
            throttled_leaders: throttled("leader.replication.throttled.replicas"),
            throttled_followers: throttled("follower.replication.throttled.replicas"),
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
