//! DescribeQuorum (55), versions 0–2, answered by the controller: voters and observers of the metadata quorum and how far each has come
//! (KIP-595). Version 1 adds when each was last heard of (KIP-836), 2 the nodes' addresses (KIP-853).
//!
//! Offsets are those of our own metadata log.

use headrace_metadata::{Member, QuorumStatus};
use headrace_protocol::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumRequestTopicData, DescribeQuorumResponse,
    DescribeQuorumResponsePartitionData, DescribeQuorumResponseTopicData, Listener, Node, ReplicaState,
};
use headrace_protocol::{ErrorCode, Str, Uuid};

use crate::handlers::Context;

/// Kafka's name of the metadata log, which has one partition.
const METADATA_TOPIC: &str = "__cluster_metadata";

pub(crate) async fn handle(cx: &Context, request: DescribeQuorumRequest) -> DescribeQuorumResponse {
    if !cx.broker.metadata.is_leader() {
        return DescribeQuorumResponse { error_code: ErrorCode::NOT_CONTROLLER, ..Default::default() };
    }
    let status = cx.broker.metadata.status();
    let now_ms = cx.broker.clock.now_ms();
    DescribeQuorumResponse {
        topics: request.topics.into_iter().map(|asked| topic(&status, asked, now_ms)).collect(),
        nodes: if cx.api_version >= 2 { nodes(cx, &status) } else { Vec::new() },
        ..Default::default()
    }
}

fn topic(
    status: &QuorumStatus,
    asked: DescribeQuorumRequestTopicData,
    now_ms: i64,
) -> DescribeQuorumResponseTopicData {
    let is_ours = asked.topic_name.as_str() == METADATA_TOPIC;
    let partitions = asked.partitions.iter().map(|wanted| match wanted.partition_index {
        0 if is_ours => partition(status, now_ms),
        partition_index => DescribeQuorumResponsePartitionData {
            partition_index,
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ..Default::default()
        },
    });
    DescribeQuorumResponseTopicData { partitions: partitions.collect(), topic_name: asked.topic_name }
}

fn partition(status: &QuorumStatus, now_ms: i64) -> DescribeQuorumResponsePartitionData {
    let replicas = |voters: bool| {
        status
            .members
            .iter()
            .filter(|member| member.is_voter == voters)
            .map(|member| replica(status, member, now_ms))
            .collect()
    };
    DescribeQuorumResponsePartitionData {
        partition_index: 0,
        leader_id: status.leader.unwrap_or(-1),
        leader_epoch: i32::try_from(status.term).unwrap_or(i32::MAX),
        high_watermark: end_offset(status.committed),
        current_voters: replicas(true),
        observers: replicas(false),
        ..Default::default()
    }
}

fn replica(status: &QuorumStatus, member: &Member, now_ms: i64) -> ReplicaState {
    let is_leader = status.leader == Some(member.node_id);
    let last_index = if is_leader { status.last_log_index } else { member.last_log_index };
    let contact_ms = if is_leader { Some(0) } else { member.last_contact_ms };
    let heard_ms = contact_ms.map_or(-1, |ago| now_ms.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)));
    ReplicaState {
        replica_id: member.node_id,
        replica_directory_id: Uuid::ZERO,
        log_end_offset: end_offset(last_index),
        last_fetch_timestamp: heard_ms,
        last_caught_up_timestamp: if last_index >= status.committed { heard_ms } else { -1 },
    }
}

/// One past an entry's index; −1 if nothing is known.
fn end_offset(index: Option<u64>) -> i64 {
    index.map_or(-1, |index| i64::try_from(index).unwrap_or(i64::MAX - 1) + 1)
}

fn nodes(cx: &Context, status: &QuorumStatus) -> Vec<Node> {
    let name = cx.broker.config.inter_broker_listener_name.clone().unwrap_or_default();
    let address = |member: &Member| {
        let (host, port) = member.address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let listener = Listener { name: Str::from(&name), host: host.into(), port: port.parse().ok()? };
        Some(Node { node_id: member.node_id, listeners: vec![listener] })
    };
    status.members.iter().filter(|member| member.is_voter).filter_map(address).collect()
}
