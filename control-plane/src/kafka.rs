//! Topics through Kafka's own protocol, so that it does not matter which engine serves them.

use std::collections::BTreeMap;
use std::time::Duration;

use headrace_client::{Client, NewTopic, Options, Resource};
use headrace_protocol::ErrorCode;
use headrace_protocol::messages::metadata::{MetadataResponse, MetadataResponseTopic};

use crate::domain::health::Partitions;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::replication::MIN_ISR_KEY;
use crate::domain::topic::{Create, Partition, Topic};

/// A request to a broker, at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection to a broker, at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Everything that one request of ours asks of a cluster, at most: less than the database lets a transaction idle.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(25);
/// A topic that was made shows in every broker's metadata within this.
const VISIBLE_WAIT: Duration = Duration::from_secs(5);
/// How often it is looked for meanwhile.
const VISIBLE_POLL: Duration = Duration::from_millis(50);
/// DescribeConfigs says with this source that a topic has a value of its own (Kafka's `DYNAMIC_TOPIC_CONFIG`).
const TOPIC_CONFIG_SOURCE: i8 = 1;

/// A cluster that is asked over Kafka's protocol.
pub(crate) struct Kafka {
    client: Client,
}

/// Bounds what is asked of a cluster.
pub(crate) async fn within<T>(asked: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(TOTAL_TIMEOUT, asked).await.unwrap_or_else(|_| {
        Err(Problem::unavailable("The cluster does not answer in time; try again in a moment."))
    })
}

impl Kafka {
    pub(crate) async fn connect(bootstrap_servers: &str) -> Result<Self, Problem> {
        let bootstrap: Vec<&str> = bootstrap_servers.split(',').collect();
        let options = Options {
            client_id: "headrace-control-plane".into(),
            request_timeout: REQUEST_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            ..Options::default()
        };
        let client = Client::connect_with(&bootstrap, options).await.map_err(refused)?;
        Ok(Self { client })
    }

    /// All topics, by name, without their configuration.
    pub(crate) async fn topics(&self, internal: bool) -> Result<Vec<Topic>, Problem> {
        let metadata = self.client.metadata(None).await.map_err(refused)?;
        let mut topics: Vec<Topic> =
            metadata.topics.iter().map(topic_of).filter(|topic| internal || !topic.internal).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// Adds what differs from the defaults.
    pub(crate) async fn with_config(&self, topics: &mut [Topic]) -> Result<(), Problem> {
        let resources: Vec<Resource> =
            topics.iter().map(|topic| Resource::Topic(topic.name.clone())).collect();
        let described = self.client.describe_configs(&resources).await.map_err(refused)?;
        for (topic, (_, configs)) in topics.iter_mut().zip(described) {
            // A topic that went meanwhile is shown without.
            let Ok(configs) = configs else { continue };
            let min_isr = configs.iter().find(|config| &*config.name == MIN_ISR_KEY);
            topic.health.under_min_isr = min_isr
                .and_then(|config| config.value.as_ref()?.parse().ok())
                .map(|min| under_min_isr(topic, min));
            let own = configs.into_iter().filter(|config| config.config_source == TOPIC_CONFIG_SOURCE);
            topic.config = own
                .map(|config| {
                    (config.name.to_string(), config.value.map(|value| value.to_string()).unwrap_or_default())
                })
                .collect();
        }
        Ok(())
    }

    /// One topic with its configuration.
    pub(crate) async fn topic(&self, name: &str) -> Result<Option<Topic>, Problem> {
        let metadata = self.client.metadata(Some(&[name])).await.map_err(refused)?;
        let Some(found) = find(&metadata, name)? else { return Ok(None) };
        let mut topics = [topic_of(found)];
        self.with_config(&mut topics).await?;
        Ok(topics.into_iter().next())
    }

    /// Makes a topic, or says with `validate_only` whether it could be made.
    pub(crate) async fn create(&self, create: &Create, validate_only: bool) -> Result<Topic, Problem> {
        let mut new = NewTopic::new(&create.name);
        if let Some(partitions) = create.partitions {
            new = new.partitions(partitions);
        }
        if let Some(replicas) = create.replication_factor {
            new = new.replication_factor(replicas);
        }
        for (key, value) in create.config.iter().flatten() {
            new = new.config(key, value);
        }
        let created =
            self.client.create_topics(std::slice::from_ref(&new), validate_only).await.map_err(refused)?;
        let Some((_, created)) = created.into_iter().next() else {
            return Err(Problem::unavailable("The cluster did not say whether it made the topic."));
        };
        let created = created.map_err(refused)?;
        if !validate_only {
            return self.visible(&create.name).await;
        }
        Ok(Topic {
            name: create.name.clone(),
            id: created.topic_id.to_string(),
            internal: false,
            partitions: created.num_partitions,
            replication_factor: i32::from(created.replication_factor),
            config: create.config.clone().unwrap_or_default(),
            partition_details: Vec::new(),
            health: Partitions::default(),
        })
    }

    /// The topic, once a broker that may lag a little shows it with all its leaders.
    async fn visible(&self, name: &str) -> Result<Topic, Problem> {
        let looking = async {
            loop {
                match self.topic(name).await {
                    Ok(Some(topic))
                        if topic.partition_details.iter().all(|partition| partition.leader >= 0) =>
                    {
                        return Ok(topic);
                    }
                    Ok(_) => tokio::time::sleep(VISIBLE_POLL).await,
                    Err(problem) => return Err(problem),
                }
            }
        };
        tokio::time::timeout(VISIBLE_WAIT, looking).await.unwrap_or_else(|_| {
            Err(Problem::unavailable(format!("Topic {name:?} was made, but the brokers do not show it yet.")))
        })
    }

    /// Deletes a topic.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Problem> {
        self.client.delete_topic(name).await.map_err(refused)
    }
}

fn find<'a>(
    metadata: &'a MetadataResponse,
    name: &str,
) -> Result<Option<&'a MetadataResponseTopic>, Problem> {
    let found = metadata.topics.iter().find(|topic| topic.name.as_deref() == Some(name));
    match found.map(|topic| (topic, topic.error_code)) {
        None | Some((_, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::INVALID_TOPIC_EXCEPTION)) => {
            Ok(None)
        }
        // LEADER_NOT_AVAILABLE: it is there, but has no leader yet.
        Some((topic, ErrorCode::NONE | ErrorCode::LEADER_NOT_AVAILABLE)) => Ok(Some(topic)),
        Some((_, code)) => Err(Problem::unavailable(format!("The cluster answers: {}", code.message()))),
    }
}

fn topic_of(topic: &MetadataResponseTopic) -> Topic {
    let mut partition_details: Vec<Partition> = topic
        .partitions
        .iter()
        .map(|partition| Partition {
            partition: partition.partition_index,
            leader: partition.leader_id,
            leader_epoch: partition.leader_epoch,
            replicas: partition.replica_nodes.clone(),
            isr: partition.isr_nodes.clone(),
        })
        .collect();
    partition_details.sort_by_key(|partition| partition.partition);
    let replicas = partition_details.first().map_or(0, |partition| partition.replicas.len());
    Topic {
        name: topic.name.as_deref().unwrap_or_default().to_owned(),
        id: topic.topic_id.to_string(),
        internal: topic.is_internal,
        partitions: i32::try_from(partition_details.len()).unwrap_or(i32::MAX),
        replication_factor: i32::try_from(replicas).unwrap_or(i32::MAX),
        config: BTreeMap::new(),
        health: Partitions {
            total: counted(&partition_details, |_| true),
            under_replicated: counted(&partition_details, |partition| {
                partition.isr.len() < partition.replicas.len()
            }),
            under_min_isr: None,
            offline: counted(&partition_details, |partition| partition.leader < 0),
        },
        partition_details,
    }
}

fn counted(partitions: &[Partition], which: impl Fn(&Partition) -> bool) -> u32 {
    let count = partitions.iter().filter(|partition| which(partition)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Where there are fewer replicas than `min`, all of them are enough.
fn under_min_isr(topic: &Topic, min: usize) -> u32 {
    counted(&topic.partition_details, |partition| partition.isr.len() < min.min(partition.replicas.len()))
}

/// What a cluster refused, as a problem.
#[expect(clippy::needless_pass_by_value, reason = "so that `map_err` takes it by name")]
fn refused(error: headrace_client::Error) -> Problem {
    let Some(code) = error.code() else {
        tracing::warn!(%error, "a cluster does not answer");
        return Problem::unavailable(format!("The cluster does not answer: {error}"));
    };
    let detail = error.to_string();
    let field = match code {
        ErrorCode::TOPIC_ALREADY_EXISTS => return Problem::new(409, "name_taken", detail),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID => {
            return Problem::new(404, "not_found", detail);
        }
        ErrorCode::INVALID_TOPIC_EXCEPTION => "name",
        ErrorCode::INVALID_PARTITIONS => "partitions",
        ErrorCode::INVALID_REPLICATION_FACTOR => "replication_factor",
        ErrorCode::INVALID_CONFIG => "config",
        ErrorCode::INVALID_REQUEST | ErrorCode::POLICY_VIOLATION => "",
        code if code.is_retriable() => return Problem::unavailable(detail),
        _ => return Problem::new(502, "cluster_refused", detail),
    };
    Problem::invalid(vec![FieldError::new(field, &code.name().to_ascii_lowercase(), detail)])
}
