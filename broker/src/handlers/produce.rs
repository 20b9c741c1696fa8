//! Produce (0): appends record batches to partitions.
//!
//! Versions 3–13; advertised from 0, because librdkafka takes a broker that does not list 0 for one that cannot compress. 13 names topics by
//! id. Unlike other requests, those that came together are appended together: one write to disk per partition, whoever asked.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headrace_log::{AppendError, AppendInfo, CheckedRecords, Origin};
use headrace_metadata::sabotage::{self, Sabotage};
use headrace_protocol::messages::produce::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData, TopicProduceResponse,
};
use headrace_protocol::{ApiKey, EncodeError, ErrorCode, RequestHeader, Str, frame};

use crate::broker::Broker;
use crate::net::ConnectionInfo;
use crate::replica::{Partition, TopicReplicas};

/// What ApiVersions says of Produce.
pub(crate) const ADVERTISED: RangeInclusive<i16> = 0..=13;
/// The first version whose answers name the leader (KIP-951).
const LEADER_IN_ANSWER: i16 = 10;
/// acks=-1: answered when all in-sync replicas have it.
const ACKS_ALL: i16 = -1;

/// One request, decoded.
pub(crate) struct Write {
    pub(crate) header: RequestHeader,
    pub(crate) request: ProduceRequest,
}

/// A request that has been appended, and what its answer still waits for.
pub(crate) struct Pending {
    header: RequestHeader,
    started_ns: u64,
    /// None for acks=0.
    response: Option<ProduceResponse>,
    waits: Vec<Wait>,
    timeout_ms: u64,
    deadline: Option<tokio::time::Instant>,
}

struct Wait {
    partition: Arc<Partition>,
    end_offset: i64,
    leader_epoch: i32,
    topic_at: usize,
    partition_at: usize,
}

/// One batch on its way to its partition, and where its answer goes.
struct Entry {
    partition: Arc<Partition>,
    records: CheckedRecords,
    write_at: usize,
    topic_at: usize,
    partition_at: usize,
}

/// Appends all of these, each partition's batches with one write.
pub(crate) fn append(
    broker: &Broker,
    connection: &ConnectionInfo,
    writes: Vec<Write>,
    started_ns: u64,
) -> Vec<Pending> {
    let now_ms = broker.clock.now_ms();
    let mut pending = Vec::with_capacity(writes.len());
    let mut entries = Vec::new();
    for (write_at, write) in writes.into_iter().enumerate() {
        let acks = write.request.acks;
        let timeout_ms = u64::try_from(write.request.timeout_ms).unwrap_or(0);
        let response = check(broker, write.request, write_at, now_ms, &mut entries);
        pending.push((
            acks,
            Pending {
                header: write.header,
                started_ns,
                response: Some(response),
                waits: Vec::new(),
                timeout_ms,
                deadline: None,
            },
        ));
    }
    for group in by_partition(entries) {
        append_group(broker, group, &mut pending, now_ms);
    }
    pending
        .into_iter()
        .map(|(acks, mut pending)| {
            if let Some(response) = &mut pending.response {
                add_leaders(broker, connection, pending.header.api_version, response);
            }
            if acks == 0 {
                pending.response = None;
            }
            pending
        })
        .collect()
}

/// Checks a request's batches (outside any lock); those that pass become entries, the others are answered.
fn check(
    broker: &Broker,
    request: ProduceRequest,
    write_at: usize,
    now_ms: i64,
    entries: &mut Vec<Entry>,
) -> ProduceResponse {
    let acks = request.acks;
    let refused = if !(-1..=1).contains(&acks) {
        Some((ErrorCode::INVALID_REQUIRED_ACKS, "acks must be -1, 0 or 1"))
    } else if request.transactional_id.is_some() {
        Some((
            ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            "transactions are not available on this cluster",
        ))
    } else {
        None
    };
    let mut response = ProduceResponse::default();
    for (topic_at, topic) in request.topic_data.into_iter().enumerate() {
        let replicas = find_topic(broker, &topic);
        let mut answers = Vec::with_capacity(topic.partition_data.len());
        for (partition_at, data) in topic.partition_data.into_iter().enumerate() {
            let mut answer = PartitionProduceResponse {
                index: data.index,
                base_offset: -1,
                error_message: None,
                ..PartitionProduceResponse::default()
            };
            if let Some((code, message)) = refused {
                answer.error_code = code;
                answer.error_message = Some(Str::from_static(message));
                answers.push(answer);
                continue;
            }
            let records = data.records.unwrap_or_default();
            let checked = replicas
                .clone()
                .and_then(|replicas| replicas.partition(data.index).cloned())
                .and_then(|partition| {
                    let may_write = partition
                        .check_leader(-1)
                        .and_then(|_| if acks == ACKS_ALL { partition.check_min_isr() } else { Ok(()) });
                    may_write.inspect_err(|_| partition.note_refused(&records)).map(|()| partition)
                });
            match checked {
                Ok(partition) => {
                    match CheckedRecords::check(records, &partition.log_config(), Origin::Client, now_ms) {
                        Ok(records) => {
                            entries.push(Entry { partition, records, write_at, topic_at, partition_at });
                        }
                        Err(error) => refuse(broker, &mut answer, &error),
                    }
                }
                Err(code) => {
                    broker.metrics.failed_produce.add(1);
                    answer.error_code = code;
                }
            }
            answers.push(answer);
        }
        response.responses.push(TopicProduceResponse {
            name: topic.name,
            topic_id: topic.topic_id,
            partition_responses: answers,
        });
    }
    response
}

fn find_topic(broker: &Broker, topic: &TopicProduceData) -> Result<Arc<TopicReplicas>, ErrorCode> {
    if topic.topic_id.is_zero() {
        broker.replicas.topic(&topic.name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    } else {
        broker.replicas.topic_by_id(topic.topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
    }
}

/// Groups by partition, in order of arrival within each.
fn by_partition(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    if entries.len() <= 1 {
        return if entries.is_empty() { Vec::new() } else { vec![entries] };
    }
    let mut places: HashMap<usize, usize> = HashMap::with_capacity(entries.len());
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    for entry in entries {
        let place = *places.entry(Arc::as_ptr(&entry.partition) as usize).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(entry);
    }
    groups
}

fn append_group(broker: &Broker, group: Vec<Entry>, pending: &mut [(i16, Pending)], now_ms: i64) {
    let Some(partition) = group.first().map(|entry| Arc::clone(&entry.partition)) else { return };
    let mut records = Vec::with_capacity(group.len());
    let mut places = Vec::with_capacity(group.len());
    for entry in group {
        records.push(entry.records);
        places.push((entry.write_at, entry.topic_at, entry.partition_at));
    }
    let outcome = partition.append(&records, None, now_ms);
    let mut epoch = -1;
    let mut results = match outcome {
        Ok((in_epoch, results)) => {
            epoch = in_epoch;
            results.into_iter().map(Ok).collect::<Vec<Result<_, ErrorCode>>>()
        }
        Err(code) => places.iter().map(|_| Err(code)).collect(),
    }
    .into_iter();
    for (write_at, topic_at, partition_at) in places {
        let Some((acks, pending)) = pending.get_mut(write_at) else { continue };
        let Some(answer) = pending
            .response
            .as_mut()
            .and_then(|response| response.responses.get_mut(topic_at))
            .and_then(|topic| topic.partition_responses.get_mut(partition_at))
        else {
            continue;
        };
        match results.next() {
            Some(Ok(Ok(info))) => {
                accept(&partition, answer, &info);
                if *acks == ACKS_ALL && !sabotage::is_on(Sabotage::AckBeforeReplication) {
                    pending.waits.push(Wait {
                        partition: Arc::clone(&partition),
                        end_offset: info.last_offset + 1,
                        leader_epoch: epoch,
                        topic_at,
                        partition_at,
                    });
                }
            }
            Some(Ok(Err(error))) => refuse(broker, answer, &error),
            Some(Err(code)) => answer.error_code = code,
            None => answer.error_code = ErrorCode::UNKNOWN_SERVER_ERROR,
        }
    }
}

fn accept(partition: &Partition, answer: &mut PartitionProduceResponse, info: &AppendInfo) {
    answer.base_offset = info.base_offset;
    answer.log_append_time_ms = info.log_append_time_ms;
    answer.log_start_offset = info.log_start_offset;
    if !info.duplicate {
        partition.counters.bytes_in.add(info.size_bytes as u64);
        partition.counters.messages_in.add(info.record_count);
    }
}

fn refuse(broker: &Broker, answer: &mut PartitionProduceResponse, error: &AppendError) {
    broker.metrics.failed_produce.add(1);
    answer.error_code = ErrorCode(error.kafka_code());
    if matches!(error, AppendError::OutOfOrderSequence { .. }) && broker.may_be_replaced() {
        // A producer gives up at this error. It may have gone on with a new leader, of which this broker has not heard.
        answer.error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    }
    answer.error_message = Some(error.to_string().into());
}

/// Names the leader where this broker is not it, so that the client need not ask for metadata (KIP-951).
fn add_leaders(broker: &Broker, connection: &ConnectionInfo, version: i16, response: &mut ProduceResponse) {
    if version < LEADER_IN_ANSWER {
        return;
    }
    let image = broker.image();
    let mut leaders = Vec::new();
    for topic in &mut response.responses {
        for answer in &mut topic.partition_responses {
            if answer.error_code != ErrorCode::NOT_LEADER_OR_FOLLOWER {
                continue;
            }
            let known = if topic.topic_id.is_zero() {
                image.topic(&topic.name)
            } else {
                image.topic_by_id(topic.topic_id)
            };
            let meta = known.and_then(|topic| topic.partitions.get(usize::try_from(answer.index).ok()?));
            if let Some(meta) = meta {
                answer.current_leader =
                    LeaderIdAndEpoch { leader_id: meta.leader, leader_epoch: meta.leader_epoch };
                leaders.push(meta.leader);
            }
        }
    }
    leaders.sort_unstable();
    leaders.dedup();
    for id in leaders {
        if let Some((host, port)) = broker.endpoint(&image, id, &connection.listener) {
            let rack = image.broker(id).and_then(|broker| broker.rack.clone());
            response.node_endpoints.push(NodeEndpoint { node_id: id, host, port, rack });
        }
    }
}

impl Pending {
    /// Whether nothing is waited for any more.
    pub(crate) fn is_ready(&self) -> bool {
        let committed =
            |wait: &Wait| wait.partition.is_committed(wait.end_offset, wait.leader_epoch) == Ok(true);
        self.waits.iter().all(committed)
    }

    /// Waits for the replicas, no longer than the client said.
    pub(crate) async fn ready(&mut self) {
        // Kept over calls: a wait that is interrupted by more input goes on where it was.
        let timeout = Duration::from_millis(self.timeout_ms);
        let deadline = *self.deadline.get_or_insert_with(|| tokio::time::Instant::now() + timeout);
        let deadline = tokio::time::sleep_until(deadline);
        tokio::pin!(deadline);
        while let Some(wait) = self.waits.first() {
            let committed = wait.partition.committed(wait.end_offset, wait.leader_epoch);
            let code = tokio::select! {
                biased;
                outcome = committed => outcome.err(),
                // In the log, but perhaps never in enough of them.
                () = &mut deadline => match wait.partition.check_min_isr() {
                    Ok(()) => Some(ErrorCode::REQUEST_TIMED_OUT),
                    Err(_) => Some(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND),
                },
            };
            let answer = self
                .response
                .as_mut()
                .and_then(|response| response.responses.get_mut(wait.topic_at))
                .and_then(|topic| topic.partition_responses.get_mut(wait.partition_at));
            if let (Some(code), Some(answer)) = (code, answer) {
                answer.error_code = code;
            }
            self.waits.swap_remove(0);
        }
    }

    /// The encoded answer, if one is wanted.
    pub(crate) fn into_answer(self, broker: &Broker) -> Result<Option<Vec<Bytes>>, EncodeError> {
        let elapsed = broker.clock.monotonic_ns().saturating_sub(self.started_ns);
        broker.metrics.api(ApiKey::Produce).record(elapsed);
        let Some(response) = self.response else { return Ok(None) };
        frame::encode_response(
            ApiKey::Produce,
            self.header.api_version,
            self.header.correlation_id,
            &response,
        )
        .map(Some)
    }
}
