//! Metadata (3): brokers, topics, partitions and their leaders.
//!
//! Versions 0–13. 1 tells no topics (empty) from all (null), 4 lets a client forbid automatic creation, 10 adds topic ids, 12 asks by id.

use headrace_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use headrace_protocol::{ErrorCode, Str};
use headrace_state::metadata::{Image, NO_LEADER, Partition, Topic};

use super::{Context, topics};

pub(super) async fn handle(cx: &Context, request: MetadataRequest) -> MetadataResponse {
    let may_create = cx.broker.config.auto_create_topics_enable && request.allow_auto_topic_creation;
    let asked = match request.topics {
        // Version 0 has no null: there, empty means all.
        Some(list) if list.is_empty() && cx.api_version == 0 => None,
        other => other,
    };
    let topics = match asked {
        None => all(&cx.broker.image()),
        Some(list) => {
            let missing = if may_create { create_missing(cx, &list).await } else { Vec::new() };
            let image = cx.broker.image();
            list.iter().map(|asked| one(&image, asked, &missing)).collect()
        }
    };
    let image = cx.broker.image();
    MetadataResponse {
        brokers: brokers(cx, &image),
        cluster_id: Some(cx.broker.cluster_id()),
        controller_id: cx.broker.metadata.leader().unwrap_or(-1),
        topics,
        ..MetadataResponse::default()
    }
}

/// Live brokers, as the listener the client came by advertises them.
fn brokers(cx: &Context, image: &Image) -> Vec<MetadataResponseBroker> {
    image
        .live_brokers()
        .filter_map(|broker| {
            let (host, port) = cx.broker.endpoint(image, broker.id, &cx.connection.listener)?;
            Some(MetadataResponseBroker { node_id: broker.id, host, port, rack: broker.rack.clone() })
        })
        .collect()
}

fn all(image: &Image) -> Vec<MetadataResponseTopic> {
    image.topics().map(|topic| known(image, topic)).collect()
}

/// Makes the topics that are asked for by name and are not there; answers those that could not be made, with the reason.
async fn create_missing(cx: &Context, list: &[MetadataRequestTopic]) -> Vec<(Str, ErrorCode)> {
    let image = cx.broker.image();
    let missing: Vec<Str> = list
        .iter()
        .filter(|asked| asked.topic_id.is_zero())
        .filter_map(|asked| asked.name.as_ref())
        .filter(|name| image.topic(name).is_none())
        .map(Str::detached)
        .collect();
    if missing.is_empty() { Vec::new() } else { topics::create(&cx.broker, missing).await }
}

fn one(image: &Image, asked: &MetadataRequestTopic, failed: &[(Str, ErrorCode)]) -> MetadataResponseTopic {
    if !asked.topic_id.is_zero() {
        return image.topic_by_id(asked.topic_id).map_or_else(
            || MetadataResponseTopic {
                error_code: ErrorCode::UNKNOWN_TOPIC_ID,
                topic_id: asked.topic_id,
                name: None,
                ..MetadataResponseTopic::default()
            },
            |topic| known(image, topic),
        );
    }
    let name = asked.name.clone().unwrap_or_default();
    if let Some(topic) = image.topic(&name) {
        return known(image, topic);
    }
    let error_code = match failed.iter().find(|(failed, _)| *failed == name) {
        Some((_, code)) => *code,
        None if topics::is_valid_name(&name) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        None => ErrorCode::INVALID_TOPIC_EXCEPTION,
    };
    MetadataResponseTopic { error_code, name: Some(name), ..MetadataResponseTopic::default() }
}

fn known(image: &Image, topic: &Topic) -> MetadataResponseTopic {
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: topics::is_internal(&topic.name),
        partitions: topic.partitions.iter().map(|p| partition(image, p)).collect(),
        ..MetadataResponseTopic::default()
    }
}

fn partition(image: &Image, p: &Partition) -> MetadataResponsePartition {
    MetadataResponsePartition {
        error_code: if p.leader == NO_LEADER { ErrorCode::LEADER_NOT_AVAILABLE } else { ErrorCode::NONE },
        partition_index: p.index,
        leader_id: p.leader,
        leader_epoch: p.leader_epoch,
        replica_nodes: p.replicas.clone(),
        isr_nodes: p.isr.clone(),
        offline_replicas: p.replicas.iter().filter(|id| !image.is_online(p, **id)).copied().collect(),
    }
}
