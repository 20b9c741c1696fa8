//! CreateTopics.

use std::collections::{BTreeMap, BTreeSet};

use headrace_protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfigs, CreatableTopicResult,
    CreateTopicsRequest, CreateTopicsResponse,
};
use headrace_protocol::{ErrorCode, Str, Uuid};

use super::partition_change::only_directory;
use super::{Context, Outcome, Refusal, refuse, repeated};
use crate::metadata::configs::{Source, TOPIC, validate_topic};
use crate::metadata::image::{ConfigResource, Image, metric_name};
use crate::metadata::model::{BrokerId, NO_LEADER};
use crate::metadata::placement::{Candidate, place};
use crate::metadata::record::{ConfigRecord, MetadataRecord, PartitionRecord, TopicRecord};

/// A topic's name is at most so long: its directory's name has to hold a partition number too.
const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Creates each topic of the request that can be created; the others get an error of their own.
pub fn create_topics(
    image: &Image,
    request: &CreateTopicsRequest,
    cx: &Context,
) -> Outcome<CreateTopicsResponse> {
    let twice = repeated(request.topics.iter().map(|topic| &topic.name));
    let mut batch = Batch { cx, image, ids: cx.topic_ids.iter(), partitions: 0, by_metric: BTreeMap::new() };
    let (mut records, mut results) = (Vec::new(), Vec::new());
    let mut answered = BTreeSet::new();
    for topic in &request.topics {
        if !answered.insert(&topic.name) {
            continue;
        }
        let created = if twice.contains(&topic.name) {
            refuse(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")
        } else {
            batch.create(topic, request.validate_only)
        };
        results.push(match created {
            Ok((new, result)) => {
                records.extend(new);
                result
            }
            Err(refusal) => CreatableTopicResult {
                name: topic.name.clone(),
                error_code: refusal.code,
                error_message: Some(refusal.message),
                ..CreatableTopicResult::default()
            },
        });
    }
    if request.validate_only {
        records.clear();
    }
    (records, CreateTopicsResponse { throttle_time_ms: 0, topics: results })
}

/// What the topics of one request have in common.
struct Batch<'a> {
    cx: &'a Context,
    image: &'a Image,
    ids: std::slice::Iter<'a, Uuid>,
    /// Of the topics before.
    partitions: usize,
    /// Names of the topics before that others may collide with.
    by_metric: BTreeMap<String, Str>,
}

/// One partition's replicas, and those of them that are live.
struct Assignment {
    replicas: Vec<BrokerId>,
    isr: Vec<BrokerId>,
}

impl Batch<'_> {
    fn create(
        &mut self,
        topic: &CreatableTopic,
        validate_only: bool,
    ) -> Result<(Vec<MetadataRecord>, CreatableTopicResult), Refusal> {
        self.check_name(&topic.name)?;
        check_configs(topic)?;
        let assignments = if topic.assignments.is_empty() { self.place(topic)? } else { self.manual(topic)? };
        self.check_limits(assignments.len())?;
        let Some(&topic_id) = self.ids.next() else {
            return refuse(
                ErrorCode::UNKNOWN_SERVER_ERROR,
                "The broker passed too few topic ids: report this as a bug.",
            );
        };
        self.partitions += assignments.len();
        if let Some(normal) = metric_name(&topic.name) {
            self.by_metric.insert(normal, topic.name.clone());
        }
        let result = CreatableTopicResult {
            name: topic.name.clone(),
            topic_id: if validate_only { Uuid::ZERO } else { topic_id },
            num_partitions: i32::try_from(assignments.len()).unwrap_or(i32::MAX),
            replication_factor: assignments
                .first()
                .map_or(-1, |a| i16::try_from(a.replicas.len()).unwrap_or(i16::MAX)),
            configs: Some(self.describe(topic)),
            error_message: None,
            ..CreatableTopicResult::default()
        };
        Ok((records(self.image, topic, topic_id, assignments), result))
    }

    fn check_name(&self, name: &Str) -> Result<(), Refusal> {
        check_name_text(name)?;
        if self.image.topic(name).is_some() {
            return refuse(ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{name}' already exists."));
        }
        let in_request = metric_name(name).and_then(|normal| self.by_metric.get(&normal));
        match self.image.colliding_topic(name).or(in_request) {
            Some(other) => refuse(
                ErrorCode::INVALID_TOPIC_EXCEPTION,
                format!(
                    "Topic '{name}' collides with existing topic: {other}. In metrics' names '.' and '_' are the same."
                ),
            ),
            None => Ok(()),
        }
    }

    fn check_limits(&self, partitions: usize) -> Result<(), Refusal> {
        let limits = self.cx.limits;
        let in_request = self.partitions + partitions;
        let in_cluster = self.image.partition_count() + in_request;
        if in_request > limits.partitions_per_request_max {
            let max = limits.partitions_per_request_max;
            return refuse(
                ErrorCode::POLICY_VIOLATION,
                format!("Excessively large number of partitions per request: at most {max} are allowed."),
            );
        }
        if in_cluster > limits.partitions_per_cluster_max {
            let max = limits.partitions_per_cluster_max;
            return refuse(
                ErrorCode::POLICY_VIOLATION,
                format!("The cluster would have more than {max} partitions."),
            );
        }
        Ok(())
    }

    /// The controller chooses the replicas.
    fn place(&self, topic: &CreatableTopic) -> Result<Vec<Assignment>, Refusal> {
        let defaults = self.image.broker_config(&self.cx.defaults);
        let count = match topic.num_partitions {
            -1 => defaults.i32("num.partitions"),
            n if n > 0 => n,
            _ => {
                let text = "Number of partitions was set to an invalid non-positive value. Use a positive number, or -1 for the default.";
                return refuse(ErrorCode::INVALID_PARTITIONS, text);
            }
        };
        let replicas = match i32::from(topic.replication_factor) {
            -1 => defaults.i32("default.replication.factor"),
            n if n > 0 => n,
            _ => {
                let text = "Replication factor must be larger than 0, or -1 to use the default value.";
                return refuse(ErrorCode::INVALID_REPLICATION_FACTOR, text);
            }
        };
        let (count, replicas) = (to_usize(count), to_usize(replicas));
        // Before so many are placed that memory runs out.
        self.check_limits(count)?;
        place(&candidates(self.image), 0, count, replicas, self.cx.seed)
            .map(|placed| {
                placed.into_iter().map(|replicas| Assignment { isr: replicas.clone(), replicas }).collect()
            })
            .map_err(|e| Refusal {
                code: ErrorCode::INVALID_REPLICATION_FACTOR,
                message: e.to_string().into(),
            })
    }

    /// The request names the replicas.
    fn manual(&self, topic: &CreatableTopic) -> Result<Vec<Assignment>, Refusal> {
        for (given, what) in [
            (topic.replication_factor != -1, "replication factor"),
            (topic.num_partitions != -1, "number of partitions"),
        ] {
            if given {
                let text =
                    format!("A manual partition assignment was specified, but {what} was not set to -1.");
                return refuse(ErrorCode::INVALID_REQUEST, text);
            }
        }
        self.check_limits(topic.assignments.len())?;
        let mut sorted: Vec<&CreatableReplicaAssignment> = topic.assignments.iter().collect();
        sorted.sort_by_key(|assignment| assignment.partition_index);
        let consecutive = (0..).zip(&sorted).all(|(index, assignment)| assignment.partition_index == index);
        if !consecutive {
            return refuse(
                ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                "partitions should be a consecutive 0-based integer sequence",
            );
        }
        let replicas = sorted.first().map_or(0, |first| first.broker_ids.len());
        sorted
            .into_iter()
            .map(|a| check_replicas(self.image, a.partition_index, &a.broker_ids, replicas))
            .collect()
    }

    /// The configuration that the topic will have.
    fn describe(&self, topic: &CreatableTopic) -> Vec<CreatableTopicConfigs> {
        let set: BTreeMap<&str, &Option<Str>> =
            topic.configs.iter().map(|c| (c.name.as_str(), &c.value)).collect();
        // No overrides are left behind by an earlier topic of this name: they went with it.
        let inherited = self.image.topic_config(&topic.name, &self.cx.defaults);
        let describe = |def: &'static crate::metadata::configs::ConfigDef| {
            let (value, source) = match set.get(def.name) {
                Some(value) => ((*value).clone(), Source::Topic),
                None => {
                    let first = inherited.values(def).swap_remove(0);
                    (first.value.map(|value| Str::from(value.as_ref())), first.source)
                }
            };
            CreatableTopicConfigs {
                name: Str::from_static(def.name),
                value,
                read_only: false,
                config_source: source.wire(),
                is_sensitive: def.is_sensitive(),
            }
        };
        TOPIC.iter().map(describe).collect()
    }
}

/// Whether `ids` can be a partition's replicas, and who of them is live.
fn check_replicas(
    image: &Image,
    index: i32,
    ids: &[BrokerId],
    replicas: usize,
) -> Result<Assignment, Refusal> {
    let bad = |message: String| refuse(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
    if ids.is_empty() {
        return bad(format!(
            "The manual partition assignment for partition {index} includes an empty replica list."
        ));
    }
    if !repeated(ids).is_empty() {
        return bad(format!(
            "The manual partition assignment for partition {index} names a broker more than once."
        ));
    }
    if let Some(unknown) = ids.iter().find(|&&id| image.broker(id).is_none()) {
        return bad(format!(
            "The manual partition assignment includes broker {unknown}, but no such broker is registered."
        ));
    }
    if ids.len() != replicas {
        return bad(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with \
             previous partitions, which have {replicas} replica(s).",
            ids.len()
        ));
    }
    let isr: Vec<BrokerId> = ids.iter().copied().filter(|&id| image.is_live(id)).collect();
    if isr.is_empty() {
        return bad(format!(
            "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
             controlled shutdown."
        ));
    }
    Ok(Assignment { replicas: ids.to_vec(), isr })
}

/// Replicas that a request names for new partitions of an existing topic: `(replicas, in-sync replicas)`.
pub(super) fn assigned(
    image: &Image,
    index: i32,
    ids: &[BrokerId],
    replicas: usize,
) -> Result<(Vec<BrokerId>, Vec<BrokerId>), Refusal> {
    check_replicas(image, index, ids, replicas).map(|assignment| (assignment.replicas, assignment.isr))
}

/// The brokers that may get new replicas.
pub(super) fn candidates(image: &Image) -> Vec<Candidate> {
    image.live_brokers().map(|broker| Candidate { id: broker.id, rack: broker.rack.clone() }).collect()
}

/// The record of a partition that begins to exist.
pub(super) fn new_partition(
    image: &Image,
    topic_id: Uuid,
    partition_index: i32,
    replicas: Vec<BrokerId>,
    isr: Vec<BrokerId>,
) -> MetadataRecord {
    let leader = isr.first().copied().unwrap_or(NO_LEADER);
    let directories = replicas.iter().map(|id| only_directory(image, *id)).collect();
    PartitionRecord {
        topic_id,
        partition_index,
        replicas,
        isr,
        leader,
        directories,
        ..PartitionRecord::default()
    }
    .into()
}

fn to_usize(positive: i32) -> usize {
    usize::try_from(positive).unwrap_or(0)
}

fn records(
    image: &Image,
    topic: &CreatableTopic,
    topic_id: Uuid,
    assignments: Vec<Assignment>,
) -> Vec<MetadataRecord> {
    let resource = ConfigResource::topic(topic.name.clone());
    let mut records = vec![TopicRecord { name: topic.name.clone(), topic_id }.into()];
    records.extend(topic.configs.iter().map(|config| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: resource.kind.wire(),
            resource_name: resource.name.clone(),
            name: config.name.clone(),
            value: config.value.clone(),
        })
    }));
    records.extend(
        (0..)
            .zip(assignments)
            .map(|(index, assigned)| new_partition(image, topic_id, index, assigned.replicas, assigned.isr)),
    );
    records
}

fn check_configs(topic: &CreatableTopic) -> Result<(), Refusal> {
    let twice = repeated(topic.configs.iter().map(|config| &config.name));
    if let Some(name) = twice.first() {
        return refuse(
            ErrorCode::INVALID_REQUEST,
            format!("The topic config {name} stands more than once in the request."),
        );
    }
    if let Some(config) = topic.configs.iter().find(|config| config.value.is_none()) {
        return refuse(
            ErrorCode::INVALID_CONFIG,
            format!("Null value not supported for topic configs: {}", config.name),
        );
    }
    let values = topic
        .configs
        .iter()
        .map(|config| (config.name.as_str(), config.value.as_deref().unwrap_or_default()));
    validate_topic(values)
        .map_err(|e| Refusal { code: ErrorCode::INVALID_CONFIG, message: e.to_string().into() })
}

/// Kafka's rules for topic names.
fn check_name_text(name: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let why = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if name == "." || name == ".." {
        format!("'{name}' is not allowed")
    } else if name.len() > TOPIC_NAME_BYTES_MAX {
        format!(
            "the length of the name is {}, longer than the max allowed length {TOPIC_NAME_BYTES_MAX}",
            name.len()
        )
    } else if !name.chars().all(allowed) {
        "it contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'".to_owned()
    } else {
        return Ok(());
    };
    refuse(ErrorCode::INVALID_TOPIC_EXCEPTION, format!("Topic name is invalid: {why}"))
}

#[cfg(test)]
#[path = "create_topics_tests.rs"]
mod tests;
