//! DescribeTopicPartitions (75), version 0: topics with their partitions, in pages (KIP-966).
//!
//! A page holds at most `response_partition_limit` partitions; the cursor names the first one of the next page.

use std::collections::BTreeSet;
use std::sync::Arc;

use headrace_protocol::messages::describe_topic_partitions::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponseCursor,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use headrace_protocol::{ErrorCode, Str};
use headrace_state::metadata::{Image, NO_LEADER, Partition, Topic};

use super::topics;
use crate::handlers::Context;

/// Kafka's max.request.partition.size.limit.
const PAGE_PARTITIONS_MAX: usize = 2_000;

pub(crate) async fn handle(
    cx: &Context,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    describe(&cx.broker.image(), &request)
}

fn describe(image: &Image, request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let (first, first_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.clone(), cursor.partition_index.max(0)),
        None => (Str::default(), 0),
    };
    let names: BTreeSet<Str> = if request.topics.is_empty() {
        image.topics_from(&first).map(|topic| topic.name.clone()).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.clone()).filter(|name| *name >= first).collect()
    };
    let mut left =
        usize::try_from(request.response_partition_limit).unwrap_or(0).clamp(1, PAGE_PARTITIONS_MAX);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        let Some(topic) = image.topic(&name) else {
            response.topics.push(unknown(name));
            continue;
        };
        let from = if name == first { first_partition as usize } else { 0 };
        if left == 0 {
            response.next_cursor = Some(cursor(topic, from));
            break;
        }
        let page: Vec<_> = topic.partitions.iter().skip(from).take(left).collect();
        left -= page.len();
        let end = from + page.len();
        response.topics.push(known(image, topic, &page));
        if end < topic.partitions.len() {
            response.next_cursor = Some(cursor(topic, end));
            break;
        }
    }
    response
}

fn cursor(topic: &Topic, partition: usize) -> DescribeTopicPartitionsResponseCursor {
    DescribeTopicPartitionsResponseCursor {
        topic_name: topic.name.clone(),
        partition_index: i32::try_from(partition).unwrap_or(i32::MAX),
    }
}

fn unknown(name: Str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        name: Some(name),
        ..Default::default()
    }
}

fn known(image: &Image, topic: &Topic, page: &[&Arc<Partition>]) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::NONE,
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: topics::is_internal(&topic.name),
        partitions: page.iter().map(|p| partition(image, p)).collect(),
        ..Default::default()
    }
}

fn partition(image: &Image, p: &Partition) -> DescribeTopicPartitionsResponsePartition {
    let offline = |id: &&i32| !image.is_online(p, **id);
    DescribeTopicPartitionsResponsePartition {
        error_code: if p.leader == NO_LEADER { ErrorCode::LEADER_NOT_AVAILABLE } else { ErrorCode::NONE },
        partition_index: p.index,
        leader_id: p.leader,
        leader_epoch: p.leader_epoch,
        replica_nodes: p.replicas.clone(),
        isr_nodes: p.isr.clone(),
        eligible_leader_replicas: Some(p.elr.clone()),
        last_known_elr: Some(p.last_known_elr.clone()),
        offline_replicas: p.replicas.iter().filter(offline).copied().collect(),
    }
}
