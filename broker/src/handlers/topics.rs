//! Making topics on the broker's own behalf: those that clients use before anyone made them, and Kafka's internal ones.

use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use headrace_protocol::{ErrorCode, Str};

use crate::broker::Broker;
use crate::controller;

/// Where committed offsets and groups live.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";
const INTERNAL_TOPICS: [&str; 3] = [OFFSETS_TOPIC, "__transaction_state", "__share_group_state"];
/// Kafka's longest topic name, in bytes.
const NAME_BYTES_MAX: usize = 249;
/// How the controller is asked to make topics, and how long that may take.
const CREATE_TOPICS_VERSION: i16 = 7;
const CREATE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a change may take to reach this broker's own partitions before the client is answered anyway.
pub(crate) const APPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a topic is Kafka's own.
pub(crate) fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// Whether Kafka would allow this name.
pub(crate) fn is_valid_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Waits until this broker's partitions are as the newest image says.
pub(crate) async fn applied(broker: &Broker) {
    let offset = broker.image().offset();
    if tokio::time::timeout(APPLY_TIMEOUT, broker.replicas.applied(offset)).await.is_err() {
        tracing::warn!(offset, "a metadata change takes long to reach this broker's partitions");
    }
}

/// Makes topics with the broker's defaults. Answers those that could not be made; that one is there already is no failure.
pub(crate) async fn create(broker: &Arc<Broker>, names: Vec<Str>) -> Vec<(Str, ErrorCode)> {
    let topics: Vec<_> = names.into_iter().map(|name| template(broker, name)).collect();
    let request = CreateTopicsRequest { topics, ..CreateTopicsRequest::default() };
    let names: Vec<Str> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    match controller::call(broker, CREATE_TOPICS_VERSION, &request, CREATE_TIMEOUT).await {
        Ok(response) => {
            applied(broker).await;
            response
                .topics
                .into_iter()
                .filter(|topic| topic.error_code.is_err() && topic.error_code != ErrorCode::TOPIC_ALREADY_EXISTS)
                .map(|topic| {
                    tracing::warn!(topic = %topic.name, error = %topic.error_code, message = ?topic.error_message, "a topic could not be made");
                    (topic.name, topic.error_code)
                })
                .collect()
        }
        Err(error) => {
            tracing::warn!(%error, "topics could not be made");
            let code = ErrorCode::LEADER_NOT_AVAILABLE;
            names.into_iter().map(|name| (name, code)).collect()
        }
    }
}

/// How a topic is made that nobody asked to be made in a special way.
fn template(broker: &Broker, name: Str) -> CreatableTopic {
    let config = &broker.config;
    if name.as_str() != OFFSETS_TOPIC {
        return CreatableTopic {
            name,
            num_partitions: -1,
            replication_factor: -1,
            ..CreatableTopic::default()
        };
    }
    let asked = usize::try_from(config.offsets_topic_replication_factor).unwrap_or(1);
    let replicas = if config.is_given("offsets.topic.replication.factor") {
        // As Kafka: until there are as many brokers, there are no groups.
        asked
    } else {
        // The default of 3 must not keep a small cluster from having groups at all; nor may a larger one whose brokers are still starting
        // get fewer for good.
        asked.min(broker.image().brokers().count().max(broker.metadata.status().voters.len()).max(1))
    };
    let configs = [
        ("cleanup.policy", "compact".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("segment.bytes", config.offsets_topic_segment_bytes.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| CreatableTopicConfig { name: Str::from_static(name), value: Some(value.into()) })
    .collect();
    CreatableTopic {
        name,
        num_partitions: config.offsets_topic_num_partitions,
        replication_factor: i16::try_from(replicas).unwrap_or(1),
        configs,
        ..CreatableTopic::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        for (name, good) in [("a.b_c-1", true), ("", false), ("..", false), ("a b", false), ("ä", false)] {
            assert_eq!(is_valid_name(name), good, "{name}");
        }
        assert!(is_valid_name(&"x".repeat(NAME_BYTES_MAX)));
        assert!(!is_valid_name(&"x".repeat(NAME_BYTES_MAX + 1)));
    }
}
