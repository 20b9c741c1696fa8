//! What administrators do: topics, configurations, log directories, the metadata quorum.

use headrace_protocol::messages::add_raft_voter::{self, AddRaftVoterRequest};
use headrace_protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use headrace_protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreateTopicsRequest,
};
use headrace_protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use headrace_protocol::messages::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use headrace_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use headrace_protocol::messages::describe_log_dirs::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use headrace_protocol::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumRequestPartitionData, DescribeQuorumRequestTopicData,
    DescribeQuorumResponsePartitionData,
};
use headrace_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use headrace_protocol::{ErrorCode, Request, Str, Uuid};

use crate::client::{Client, Lane};
use crate::error::Error;
use crate::retry::Retry;

/// The one topic that DescribeQuorum knows; it has one partition.
const QUORUM_TOPIC: &str = "__cluster_metadata";

/// A topic to create. Without partitions or replication factor the cluster's defaults hold.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTopic {
    name: String,
    partitions: i32,
    replication_factor: i16,
    config: Vec<(String, String)>,
}

impl NewTopic {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), partitions: -1, replication_factor: -1, config: Vec::new() }
    }

    #[must_use]
    pub fn partitions(mut self, count: i32) -> Self {
        self.partitions = count;
        self
    }

    #[must_use]
    pub fn replication_factor(mut self, count: i16) -> Self {
        self.replication_factor = count;
        self
    }

    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.push((name.into(), value.into()));
        self
    }

    fn to_message(&self) -> CreatableTopic {
        let config = self.config.iter().map(|(name, value)| CreatableTopicConfig {
            name: Str::from(name),
            value: Some(Str::from(value)),
        });
        CreatableTopic {
            name: Str::from(&self.name),
            num_partitions: self.partitions,
            replication_factor: self.replication_factor,
            configs: config.collect(),
            ..Default::default()
        }
    }
}

/// What has a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    Topic(String),
    Broker(i32),
    /// What holds for brokers that have no value of their own.
    BrokerDefault,
    Group(String),
}

impl Resource {
    fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) | Self::BrokerDefault => 4,
            Self::Group(_) => 32,
        }
    }

    fn name(&self) -> Str {
        match self {
            Self::Topic(name) | Self::Group(name) => Str::from(name),
            Self::Broker(id) => Str::from(id.to_string()),
            Self::BrokerDefault => Str::default(),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Topic(name) => format!("topic \"{name}\""),
            Self::Group(name) => format!("group \"{name}\""),
            Self::Broker(id) => format!("broker {id}"),
            Self::BrokerDefault => "the brokers' defaults".to_owned(),
        }
    }
}

/// One change of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    Set(String, String),
    /// Back to the default.
    Delete(String),
    /// Adds to a value that is a list.
    Append(String, String),
    Subtract(String, String),
}

impl ConfigChange {
    fn to_message(&self) -> AlterableConfig {
        let (name, config_operation, value) = match self {
            Self::Set(name, value) => (name, 0, Some(value)),
            Self::Delete(name) => (name, 1, None),
            Self::Append(name, value) => (name, 2, Some(value)),
            Self::Subtract(name, value) => (name, 3, Some(value)),
        };
        AlterableConfig { name: Str::from(name), config_operation, value: value.map(Str::from) }
    }
}

impl Client {
    pub async fn describe_cluster(&self) -> Result<DescribeClusterResponse, Error> {
        let response = self.request_any(&DescribeClusterRequest::default()).await?;
        let doing = || "describing the cluster".to_owned();
        Error::check(response.error_code, response.error_message.as_ref(), doing)?;
        Ok(response)
    }

    pub async fn create_topic(&self, topic: &NewTopic) -> Result<CreatableTopicResult, Error> {
        let doing = format!("creating topic \"{}\"", topic.name);
        self.retrying(&doing, || async {
            let created = self.create_topics(std::slice::from_ref(topic), false).await?;
            created.into_iter().next().map_or_else(|| Err(unanswered(&doing)), |(_, result)| result)
        })
        .await
    }

    /// Creates topics, or with `validate_only` says whether they could be. One result for each.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Vec<(String, Result<CreatableTopicResult, Error>)>, Error> {
        let request = CreateTopicsRequest {
            topics: topics.iter().map(NewTopic::to_message).collect(),
            timeout_ms: self.timeout_ms(),
            validate_only,
        };
        let response = self.request_controller(&request).await?;
        let results = response.topics.into_iter().map(|created| {
            let doing = || format!("creating topic \"{}\"", created.name);
            let checked = Error::check(created.error_code, created.error_message.as_ref(), doing);
            (created.name.to_string(), checked.map(|()| created))
        });
        Ok(results.collect())
    }

    pub async fn delete_topic(&self, name: &str) -> Result<(), Error> {
        let doing = format!("deleting topic \"{name}\"");
        self.retrying(&doing, || async {
            let deleted = self.delete_topics(&[name]).await?;
            deleted.into_iter().next().map_or_else(|| Err(unanswered(&doing)), |(_, result)| result)
        })
        .await
    }

    /// Deletes topics. One result for each.
    pub async fn delete_topics(&self, names: &[&str]) -> Result<Vec<(String, Result<(), Error>)>, Error> {
        let by_name = |name: &&str| DeleteTopicState { name: Some(Str::from(*name)), ..Default::default() };
        let request = DeleteTopicsRequest {
            topics: names.iter().map(by_name).collect(),
            topic_names: names.iter().map(|name| Str::from(*name)).collect(),
            timeout_ms: self.timeout_ms(),
        };
        let response = self.request_controller(&request).await?;
        let results = response.responses.into_iter().map(|deleted| {
            let name = deleted.name.unwrap_or_default().to_string();
            let doing = || format!("deleting topic \"{name}\"");
            let checked = Error::check(deleted.error_code, deleted.error_message.as_ref(), doing);
            (name, checked)
        });
        Ok(results.collect())
    }

    /// Raises a topic's number of partitions to `total`.
    pub async fn create_partitions(&self, topic: &str, total: i32) -> Result<(), Error> {
        let doing = format!("adding partitions to topic \"{topic}\"");
        let wanted = CreatePartitionsTopic { name: Str::from(topic), count: total, assignments: None };
        let request = CreatePartitionsRequest {
            topics: vec![wanted],
            timeout_ms: self.timeout_ms(),
            validate_only: false,
        };
        self.retrying(&doing, || async {
            let response = self.request_controller(&request).await?;
            let result = response.results.into_iter().next().ok_or_else(|| unanswered(&doing))?;
            Error::check(result.error_code, result.error_message.as_ref(), || doing.clone())
        })
        .await
    }

    /// All configuration values of each resource. A broker is asked for its own.
    pub async fn describe_configs(
        &self,
        resources: &[Resource],
    ) -> Result<Vec<(Resource, Result<Vec<DescribeConfigsResourceResult>, Error>)>, Error> {
        let mut described = Vec::with_capacity(resources.len());
        for resource in resources {
            described.push((resource.clone(), self.describe_config(resource).await));
        }
        Ok(described)
    }

    async fn describe_config(
        &self,
        resource: &Resource,
    ) -> Result<Vec<DescribeConfigsResourceResult>, Error> {
        let wanted = DescribeConfigsResource {
            resource_type: resource.kind(),
            resource_name: resource.name(),
            configuration_keys: None,
        };
        let request =
            DescribeConfigsRequest { resources: vec![wanted], include_synonyms: true, ..Default::default() };
        let response = self.request_resource(resource, &request).await?;
        let doing = || format!("describing the configuration of {}", resource.describe());
        let result = response.results.into_iter().next().ok_or_else(|| unanswered(&doing()))?;
        Error::check(result.error_code, result.error_message.as_ref(), doing)?;
        Ok(result.configs)
    }

    /// Changes single configuration values; all of them or none.
    pub async fn alter_configs(&self, resource: &Resource, changes: &[ConfigChange]) -> Result<(), Error> {
        let wanted = AlterConfigsResource {
            resource_type: resource.kind(),
            resource_name: resource.name(),
            configs: changes.iter().map(ConfigChange::to_message).collect(),
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![wanted], validate_only: false };
        let response = self.request_resource(resource, &request).await?;
        let doing = || format!("changing the configuration of {}", resource.describe());
        let result = response.responses.into_iter().next().ok_or_else(|| unanswered(&doing()))?;
        Error::check(result.error_code, result.error_message.as_ref(), doing)
    }

    /// All log directories of a broker, with the size of every replica in them.
    pub async fn describe_log_dirs(&self, node_id: i32) -> Result<DescribeLogDirsResponse, Error> {
        let request = DescribeLogDirsRequest { topics: None };
        let response = self.request_broker(node_id, &request).await?;
        let doing = || format!("describing the log directories of broker {node_id}");
        Error::check(response.error_code, None, doing)?;
        Ok(response)
    }

    /// Leader, voters and observers of the metadata quorum; `None` when the brokers do not offer to tell.
    pub async fn describe_quorum(&self) -> Result<Option<DescribeQuorumResponsePartitionData>, Error> {
        let partitions = vec![DescribeQuorumRequestPartitionData { partition_index: 0 }];
        let topic_name = Str::from_static(QUORUM_TOPIC);
        let request =
            DescribeQuorumRequest { topics: vec![DescribeQuorumRequestTopicData { topic_name, partitions }] };
        let Some(response) = offered(self.request_controller(&request).await)? else { return Ok(None) };
        let doing = || "describing the metadata quorum".to_owned();
        if response.error_code == ErrorCode::UNSUPPORTED_VERSION {
            return Ok(None);
        }
        Error::check(response.error_code, response.error_message.as_ref(), doing)?;
        let found = response.topics.into_iter().flat_map(|topic| topic.partitions).next();
        let partition = found.ok_or_else(|| unanswered(&doing()))?;
        Error::check(partition.error_code, partition.error_message.as_ref(), doing)?;
        Ok(Some(partition))
    }

    /// Whether voters can be added to the metadata quorum at run time (KIP-853).
    pub async fn offers_raft_voters(&self) -> Result<bool, Error> {
        let connection = self.broker_connection(self.cluster().controller_id, Lane::Requests).await?;
        Ok(offered(connection.version_of::<AddRaftVoterRequest>(i16::MAX))?.is_some())
    }

    /// Makes an observer of the metadata quorum a voter. One that is a voter already stays one.
    pub async fn add_raft_voter(
        &self,
        cluster_id: &str,
        voter_id: i32,
        listener: (&str, &str, u16),
    ) -> Result<(), Error> {
        let (name, host, port) = listener;
        let request = AddRaftVoterRequest {
            cluster_id: Some(Str::from(cluster_id)),
            timeout_ms: self.timeout_ms(),
            voter_id,
            voter_directory_id: Uuid::default(),
            listeners: vec![add_raft_voter::Listener { name: Str::from(name), host: Str::from(host), port }],
            ack_when_committed: true,
        };
        let response = self.request_controller(&request).await?;
        if response.error_code == ErrorCode::DUPLICATE_VOTER {
            return Ok(());
        }
        let doing = || format!("making broker {voter_id} a voter of the metadata quorum");
        Error::check(response.error_code, response.error_message.as_ref(), doing)
    }

    async fn request_resource<R: Request>(
        &self,
        resource: &Resource,
        request: &R,
    ) -> Result<R::Response, Error> {
        match resource {
            Resource::Broker(id) => self.request_broker(*id, request).await,
            _ => self.request_controller(request).await,
        }
    }

    /// Tries a change again while the cluster has no controller, or one that has just changed. An attempt whose answer
    /// was lost is not repeated: it may have been carried out.
    async fn retrying<T, F: Future<Output = Result<T, Error>>>(
        &self,
        doing: &str,
        attempt: impl Fn() -> F,
    ) -> Result<T, Error> {
        let mut retry = Retry::new(self.options().delivery_timeout);
        loop {
            match attempt().await {
                Err(error)
                    if matches!(
                        error.code(),
                        Some(ErrorCode::NOT_CONTROLLER | ErrorCode::COORDINATOR_NOT_AVAILABLE)
                    ) =>
                {
                    retry.pause_after(error, || doing.to_owned()).await?;
                    // Without an answer the old view stays, and the next attempt says what is wrong.
                    let _refreshed = self.refresh().await;
                }
                other => return other,
            }
        }
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.options().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }
}

/// `None` for a request that the broker does not offer.
fn offered<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Unsupported { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn unanswered(doing: &str) -> Error {
    Error::Broker {
        doing: doing.to_owned(),
        code: ErrorCode::UNKNOWN_SERVER_ERROR,
        message: Some("the answer leaves it out".to_owned()),
    }
}
