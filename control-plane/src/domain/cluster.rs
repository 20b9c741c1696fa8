//! A Kafka cluster: what was asked for (spec), and what was last seen of it (status).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::health::Partitions;
use super::pods::{Listener, Pods};

/// Which software serves the cluster, and in which version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Engine {
    /// The engine's name, such as `headrace`.
    #[schema(example = "headrace")]
    pub kind: String,
    /// The engine's version.
    #[schema(example = "0.1.0")]
    pub version: String,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Number of brokers.
    pub brokers: u32,
    /// What serves it.
    pub engine: Engine,
    /// Replicas of a topic that does not say how many; by the number of brokers when absent.
    #[serde(default)]
    pub replication_factor: Option<u32>,
    /// In-sync replicas that a write with `acks=all` needs; by the number of replicas when absent.
    #[serde(default)]
    pub min_insync_replicas: Option<u32>,
    /// How often a rolling restart was asked for. It is a part of each broker's configuration, so that a broker that was started
    /// before the newest request is one that runs with an older configuration.
    #[serde(default)]
    pub restarts: u32,
    /// While on, the cluster cannot be deleted.
    pub deletion_protection: bool,
    /// Broker configuration by Kafka's property names.
    pub config: BTreeMap<String, String>,
    /// The user's own marks.
    pub labels: BTreeMap<String, String>,
    /// How brokers run on Kubernetes; `None` where the service does not run them there.
    #[serde(default)]
    pub kubernetes: Option<Pods>,
    /// Ways from outside Kubernetes.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// The version before the newest change of it, to which an upgrade that fails goes back.
    #[serde(default)]
    pub version_before: Option<String>,
    /// How often each broker was asked to begin again with an empty disk.
    #[serde(default)]
    pub replacements: BTreeMap<i32, u32>,
}

#[cfg(test)]
impl Spec {
    /// As small a request as there is, for tests.
    pub(crate) fn of(brokers: u32) -> Self {
        Self {
            brokers,
            engine: Engine { kind: "headrace".to_owned(), version: "0".to_owned() },
            replication_factor: None,
            min_insync_replicas: None,
            restarts: 0,
            deletion_protection: false,
            config: BTreeMap::new(),
            labels: BTreeMap::new(),
            kubernetes: None,
            listeners: Vec::new(),
            version_before: None,
            replacements: BTreeMap::new(),
        }
    }
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Cluster {
    /// Never changes and is never used again.
    pub id: Uuid,
    /// Unique in the service.
    #[schema(example = "orders")]
    pub name: String,
    /// The project that owns it.
    #[schema(example = "default")]
    pub project: String,
    /// How many brokers were asked for.
    #[schema(example = 3)]
    pub brokers: u32,
    /// What serves it.
    pub engine: Engine,
    /// Replicas of a topic that does not say how many, as asked for. Null: by the number of brokers, at most 3.
    #[schema(example = 3)]
    pub replication_factor: Option<u32>,
    /// In-sync replicas that a write with `acks=all` needs, as asked for. Null: 2 where there are 3 replicas, else 1.
    #[schema(example = 2)]
    pub min_insync_replicas: Option<u32>,
    /// While on, DELETE is refused.
    pub deletion_protection: bool,
    /// Broker configuration by Kafka's property names.
    pub config: BTreeMap<String, String>,
    /// The user's own marks.
    pub labels: BTreeMap<String, String>,
    /// Where and how the brokers' pods run; null where the service does not run them on Kubernetes.
    pub kubernetes: Option<Pods>,
    /// Ways by which clients outside Kubernetes reach the brokers.
    pub listeners: Vec<Listener>,
    /// Counts changes to what was asked for; the ETag.
    pub generation: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the request was last changed.
    pub updated_at: DateTime<Utc>,
    /// What was last seen of it.
    pub status: Status,
}

/// What was last seen of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ClusterStatus)]
pub(crate) struct Status {
    /// In one word.
    pub state: State,
    /// What a Kafka client is given to connect; null until it is known.
    #[schema(example = "127.0.0.1:19092")]
    pub bootstrap_servers: Option<String>,
    /// How many brokers answer Kafka requests.
    pub brokers_ready: u32,
    /// The brokers that are to be there and that the cluster does not count as serving; null while no broker says.
    #[serde(default)]
    pub brokers_missing: Option<Vec<i32>>,
    /// The broker that leads the metadata quorum; null while no broker says.
    #[serde(default)]
    pub controller_id: Option<i32>,
    /// How the partitions are; null while no broker says.
    #[serde(default)]
    pub partitions: Option<Partitions>,
    /// The newest generation that is in effect.
    pub observed_generation: i64,
    /// Why the state is what it is.
    pub conditions: Vec<Condition>,
}

impl Status {
    /// Of a cluster that was only just asked for.
    pub(crate) fn pending() -> Self {
        Self {
            state: State::Pending,
            bootstrap_servers: None,
            brokers_ready: 0,
            brokers_missing: None,
            controller_id: None,
            partitions: None,
            observed_generation: 0,
            conditions: Vec::new(),
        }
    }

    /// Sets one condition; its transition time moves only when its status does.
    pub(crate) fn set_condition(
        &mut self,
        kind: &str,
        status: bool,
        reason: &str,
        message: &str,
        now: DateTime<Utc>,
    ) {
        let fresh = Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_transition_at: now,
        };
        match self.conditions.iter_mut().find(|condition| condition.kind == kind) {
            Some(old) if old.status == status => {
                *old = Condition { last_transition_at: old.last_transition_at, ..fresh };
            }
            Some(old) => *old = fresh,
            None => self.conditions.push(fresh),
        }
    }
}

/// A cluster's id as Kafka writes it: the URL-safe base64 of a UUID.
pub(crate) fn kafka_id(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// A cluster's state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ClusterState)]
pub(crate) enum State {
    /// Asked for, nothing done yet.
    Pending,
    /// Being made.
    Creating,
    /// Serves, as asked for.
    Running,
    /// Serves, while a change is under way.
    Updating,
    /// Serves in part, or a broker is away and being brought back.
    Degraded,
    /// Being removed.
    Deleting,
    /// Could not be made; the conditions say why.
    Failed,
}

/// One aspect of a cluster's state, in the manner of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Condition {
    /// The aspect, such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: bool,
    /// One word for programs.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When `status` last changed.
    pub last_transition_at: DateTime<Utc>,
}

/// The body of a request to make a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = CreateCluster)]
pub(crate) struct Create {
    /// Lower-case letters, digits and hyphens; starts with a letter; at most 40 characters.
    #[schema(example = "orders", pattern = "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
    pub name: String,
    /// Number of brokers; default 1. `GET /v1/capabilities` says how many are possible. With three or more, any one of
    /// them may fail without a record being lost or a client being refused.
    #[schema(minimum = 1, example = 3)]
    pub brokers: Option<u32>,
    /// Replicas of a topic that does not say how many (`default.replication.factor`); at most the number of brokers.
    /// Default: 3, or one on each broker where there are fewer.
    #[schema(minimum = 1, example = 3)]
    pub replication_factor: Option<u32>,
    /// In-sync replicas that a write with `acks=all` needs (`min.insync.replicas`); at most the replication factor.
    /// Default: 2 where the replication factor is 3 or more, else 1.
    #[schema(minimum = 1, example = 2)]
    pub min_insync_replicas: Option<u32>,
    /// The project that will own it; default `default`, or the key's own.
    pub project: Option<String>,
    /// Default: the newest version of `headrace`.
    pub engine: Option<CreateEngine>,
    /// Default false.
    pub deletion_protection: Option<bool>,
    /// Broker configuration by Kafka's property names. Values may be strings, numbers or booleans. A key that the
    /// engine's brokers do not have, or a value that they would not start with, is refused.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub config: Option<BTreeMap<String, String>>,
    /// The user's own marks.
    pub labels: Option<BTreeMap<String, String>>,
    /// Where and how the brokers' pods run. Only where `GET /v1/capabilities` names the provider `kubernetes`.
    pub kubernetes: Option<Pods>,
    /// Ways by which clients outside Kubernetes reach the brokers, at most 8. Only with the provider `kubernetes`.
    pub listeners: Option<Vec<Listener>>,
}

/// Which engine a new cluster is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CreateEngine {
    /// Default `headrace`.
    pub kind: Option<String>,
    /// Default: the newest.
    pub version: Option<String>,
}

/// Which version of its engine a cluster is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct UpdateEngine {
    /// One of those that `GET /v1/versions` lists.
    pub version: String,
}

/// The body of a request to change a cluster. What is absent stays as it is; maps are replaced as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = UpdateCluster)]
pub(crate) struct Update {
    /// Number of brokers. More of them come up empty and take new partitions; what there is stays where it is. Fewer are
    /// refused in this version, for their replicas would have to be moved first.
    ///
    /// The defaults of `replication_factor` and `min_insync_replicas` follow the number of brokers up to three, and so do
    /// the replicas of committed offsets, for as long as no group has committed any, so that a cluster which grows to three makes new topics safe. Growing a cluster of
    /// one or two therefore changes its brokers' configuration: once the new brokers are in, the old ones are restarted
    /// one at a time. From three brokers on nothing is restarted. Topics that exist keep their replicas either way, but a
    /// topic that has no `min.insync.replicas` of its own follows the default; set the field to keep that as it is.
    #[schema(minimum = 1)]
    pub brokers: Option<u32>,
    /// Replicas of a topic that does not say how many; at most the number of brokers. Topics that exist keep theirs.
    #[schema(minimum = 1)]
    pub replication_factor: Option<u32>,
    /// In-sync replicas that a write with `acks=all` needs; at most the replication factor.
    #[schema(minimum = 1)]
    pub min_insync_replicas: Option<u32>,
    /// Broker configuration by Kafka's property names.
    pub config: Option<BTreeMap<String, String>>,
    /// The user's own marks.
    pub labels: Option<BTreeMap<String, String>>,
    /// Whether DELETE is refused.
    pub deletion_protection: Option<bool>,
    /// Another version of the engine. Brokers are replaced one at a time; when one does not come back, the cluster goes back to
    /// the version that it had.
    pub engine: Option<UpdateEngine>,
    /// Where and how the brokers' pods run; replaced as a whole. `storage.size` only grows, `storage.class` stays.
    pub kubernetes: Option<Pods>,
    /// Ways by which clients outside Kubernetes reach the brokers; replaced as a whole.
    pub listeners: Option<Vec<Listener>>,
}
