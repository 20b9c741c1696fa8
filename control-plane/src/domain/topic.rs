//! A topic as Kafka's protocol tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::health::Partitions;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Topic {
    /// Kafka's name.
    pub name: String,
    /// Kafka's topic id.
    pub id: String,
    /// Whether the cluster keeps it for itself.
    pub internal: bool,
    /// Number of partitions.
    pub partitions: i32,
    /// Replicas of each partition.
    pub replication_factor: i32,
    /// What differs from the broker's defaults, by Kafka's names. Lists do not read it: it is empty there.
    pub config: BTreeMap<String, String>,
    /// Each partition.
    pub partition_details: Vec<Partition>,
    /// How many of its partitions are not as they should be.
    pub health: Partitions,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TopicPartition)]
pub(crate) struct Partition {
    /// Its number.
    pub partition: i32,
    /// The leader's node id; -1 when there is none.
    pub leader: i32,
    /// Counts the leaders.
    pub leader_epoch: i32,
    /// Node ids.
    pub replicas: Vec<i32>,
    /// Node ids of the replicas in sync.
    pub isr: Vec<i32>,
}

/// The body of a request to make a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CreateTopic)]
pub(crate) struct Create {
    /// Kafka's rule: letters, digits, `.`, `_` and `-`; at most 249 characters.
    #[schema(example = "payments")]
    pub name: String,
    /// Default: the broker's `num.partitions`.
    #[schema(minimum = 1)]
    pub partitions: Option<i32>,
    /// Default: the broker's `default.replication.factor`.
    #[schema(minimum = 1)]
    pub replication_factor: Option<i16>,
    /// By Kafka's names, such as `retention.ms`.
    pub config: Option<BTreeMap<String, String>>,
}
