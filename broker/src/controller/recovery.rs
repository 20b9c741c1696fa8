//! How a partition gets a leader again when nobody is known to have everything: the controller asks every replica where its log ends, and
//! the one with the most leads. See `recover_leaders` of `headrace_state` for the rule; here is the asking.
//!
//! The question travels in an envelope: the process that is meant, by its broker epoch, then an OffsetForLeaderEpoch request in which a
//! topic's id stands for its name and only `current_leader_epoch` counts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use headrace_protocol::messages::envelope::EnvelopeRequest;
use headrace_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic, OffsetForLeaderTopicResult,
};
use headrace_protocol::{ErrorCode, Message as _, Reader, Uuid, encode_to_bytes};
use headrace_state::metadata::controller::{self, LogEnd, LogEnds};
use headrace_state::metadata::{Broker as Known, Image, Partition};

use crate::broker::Broker;
use crate::peers::{Kind, Lane, with_kind};

/// How often leaderless partitions are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// For how long brokers may stay away before that is said, and how often it is.
const COMPLAIN_AFTER_MS: u64 = 10_000;
const COMPLAIN_EVERY_MS: u64 = 60_000;
const TIMEOUT: Duration = Duration::from_secs(2);
/// Partitions that are asked about at once.
const PARTITIONS_MAX: usize = 1_000;
const VERSION: i16 = 4;

/// A partition, by its topic's id.
type Key = (Uuid, i32);

/// Runs as long as this node leads the quorum.
pub(super) async fn run(broker: &Arc<Broker>) {
    // The image in which there was nothing to do.
    let mut settled = None;
    let mut complain_at_ms = None;
    // The last partition that was asked about: the next round begins behind it.
    let mut last = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let image = broker.image();
        if settled == Some(image.offset()) {
            continue;
        }
        let lost: Vec<_> = controller::partitions_without_a_sure_leader(&image).collect();
        if lost.is_empty() {
            (settled, complain_at_ms) = (Some(image.offset()), None);
            continue;
        }
        let waiting = waiting(&image, &lost, last);
        last = waiting.keys().next_back().copied();
        let said = ask_all(broker, &image, waiting).await;
        let now_ms = broker.clock.monotonic_ms();
        if now_ms >= *complain_at_ms.get_or_insert(now_ms + COMPLAIN_AFTER_MS) {
            complain_at_ms = Some(now_ms + COMPLAIN_EVERY_MS);
            complain(&image, &lost, &said);
        }
        if !said.is_empty() {
            recover(broker, said).await;
        }
    }
}

/// Says whom partitions without a leader wait for.
fn complain(image: &Image, lost: &[(Uuid, &Arc<Partition>)], said: &[LogEnds]) {
    let replicas = lost.iter().flat_map(|(_, partition)| &partition.replicas);
    let away: BTreeSet<i32> =
        replicas.copied().filter(|id| image.broker(*id).is_some() && !image.is_live(*id)).collect();
    let silent: BTreeSet<i32> = said.iter().flat_map(|said| unanswered(image, said)).collect();
    tracing::warn!(
        partitions = lost.len(),
        ?away,
        ?silent,
        "partitions have no leader: none of their replicas is known to have everything, and it takes all of them to see which has most. \
         Start the brokers that are away, and see to the log directories of those that are silent; one that is gone for good: unregister it. \
         Or accept what may be lost: ElectLeaders, unclean"
    );
}

fn unanswered(image: &Image, said: &LogEnds) -> Vec<i32> {
    let partition = image.topic_by_id(said.topic_id).and_then(|topic| topic.partition(said.index));
    let replicas = partition.map(|partition| partition.replicas.as_slice()).unwrap_or_default();
    let has_answered = |id: &i32| said.ends.iter().any(|end| end.broker == *id);
    replicas.iter().copied().filter(|id| image.is_live(*id) && !has_answered(id)).collect()
}

/// Partitions all of whose replicas can be asked now, with the epochs that they have; at first those behind `last`.
fn waiting(image: &Image, lost: &[(Uuid, &Arc<Partition>)], last: Option<Key>) -> BTreeMap<Key, LogEnds> {
    let all: BTreeMap<Key, LogEnds> = lost
        .iter()
        .filter(|(_, partition)| controller::awaits_log_ends(image, partition))
        .map(|&(topic_id, partition)| {
            let (index, partition_epoch) = (partition.index, partition.partition_epoch);
            ((topic_id, index), LogEnds { topic_id, index, partition_epoch, ends: Vec::new() })
        })
        .collect();
    let last = last.unwrap_or((Uuid::ZERO, -1));
    let behind = all.range((Bound::Excluded(last), Bound::Unbounded));
    let turn = behind.chain(all.range(..=last)).take(PARTITIONS_MAX);
    turn.map(|(key, ends)| (*key, ends.clone())).collect()
}

async fn ask_all(broker: &Arc<Broker>, image: &Image, mut waiting: BTreeMap<Key, LogEnds>) -> Vec<LogEnds> {
    for known in image.brokers() {
        let mut topics: BTreeMap<Uuid, Vec<OffsetForLeaderPartition>> = BTreeMap::new();
        for (topic_id, index) in waiting.keys() {
            let partition = image.topic_by_id(*topic_id).and_then(|topic| topic.partition(*index));
            let Some(partition) = partition.filter(|partition| partition.replicas.contains(&known.id)) else {
                continue;
            };
            let current_leader_epoch = partition.leader_epoch;
            let asked =
                OffsetForLeaderPartition { partition: *index, current_leader_epoch, leader_epoch: -1 };
            topics.entry(*topic_id).or_default().push(asked);
        }
        if topics.is_empty() {
            continue;
        }
        let topic =
            |(id, partitions): (Uuid, _)| OffsetForLeaderTopic { topic: id.to_string().into(), partitions };
        let topics = topics.into_iter().map(topic).collect();
        let request = OffsetForLeaderEpochRequest { replica_id: broker.node_id(), topics };
        match ask(broker, known, request).await {
            Ok(answers) => {
                for (key, last_epoch, end_offset) in answers {
                    let end = LogEnd { broker: known.id, broker_epoch: known.epoch, last_epoch, end_offset };
                    waiting.entry(key).and_modify(|said| said.ends.push(end));
                }
            }
            Err(reason) => {
                tracing::debug!(broker = known.id, %reason, "did not say where its logs end; it is asked again");
            }
        }
    }
    waiting.into_values().collect()
}

/// Where the logs of one broker end: last epoch and end offset, of those partitions of which it could say so.
async fn ask(
    broker: &Arc<Broker>,
    known: &Known,
    request: OffsetForLeaderEpochRequest,
) -> Result<Vec<(Key, i32, i64)>, String> {
    let response = if known.id == broker.node_id() {
        answer(broker, known.epoch, &request).map_err(|code| code.to_string())?
    } else {
        let address = broker.inter_broker_endpoint(&known.endpoints).ok_or("its address is not known")?;
        let mut epoch = BytesMut::new();
        epoch.put_i64(known.epoch);
        let body = encode_to_bytes(&request, VERSION).map_err(|error| error.to_string())?;
        let envelope = EnvelopeRequest {
            request_data: with_kind(Kind::LogEnds, &[epoch.freeze(), body]),
            request_principal: None,
            client_host_address: Bytes::new(),
        };
        let answer = broker.peers.call(&address, Lane::Control, 0, &envelope, TIMEOUT).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let data = answer.response_data.filter(|_| answer.error_code.is_ok());
        let data = data.ok_or_else(|| answer.error_code.to_string())?;
        OffsetForLeaderEpochResponse::decode(&mut Reader::new(data), VERSION)
            .map_err(|error| error.to_string())?
    };
    let mut ends = Vec::new();
    for topic in response.topics {
        let id: Uuid = topic.topic.parse().map_err(|_| "its answer makes no sense")?;
        for end in topic.partitions {
            if end.error_code.is_ok() {
                ends.push(((id, end.partition), end.leader_epoch, end.end_offset));
            } else {
                tracing::debug!(broker = known.id, topic = %id, partition = end.partition, error = %end.error_code,
                    "cannot say where this log ends; it is asked again");
            }
        }
    }
    Ok(ends)
}

/// The other side: what this broker says to the controller's question.
pub(crate) fn answer_payload(broker: &Arc<Broker>, mut payload: Bytes) -> Result<Bytes, ErrorCode> {
    let broker_epoch = payload.try_get_i64().map_err(|_| ErrorCode::INVALID_REQUEST)?;
    let request = OffsetForLeaderEpochRequest::decode(&mut Reader::new(payload), VERSION)
        .map_err(|_| ErrorCode::INVALID_REQUEST)?;
    let response = answer(broker, broker_epoch, &request)?;
    encode_to_bytes(&response, VERSION).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
}

fn answer(
    broker: &Arc<Broker>,
    broker_epoch: i64,
    request: &OffsetForLeaderEpochRequest,
) -> Result<OffsetForLeaderEpochResponse, ErrorCode> {
    if broker.epoch() != broker_epoch {
        return Err(ErrorCode::STALE_BROKER_EPOCH);
    }
    let end = |topic_id: Option<Uuid>, asked: &OffsetForLeaderPartition| {
        let topic = topic_id.and_then(|id| broker.replicas.topic_by_id(id));
        let end = topic
            .ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
            .and_then(|topic| topic.partition(asked.partition)?.log_end_in(asked.current_leader_epoch));
        let partition = asked.partition;
        match end {
            Ok((leader_epoch, end_offset)) => {
                EpochEndOffset { error_code: ErrorCode::NONE, partition, leader_epoch, end_offset }
            }
            Err(error_code) => EpochEndOffset { error_code, partition, ..Default::default() },
        }
    };
    let topic = |asked: &OffsetForLeaderTopic| {
        let id = asked.topic.parse().ok();
        let partitions = asked.partitions.iter().map(|partition| end(id, partition)).collect();
        OffsetForLeaderTopicResult { topic: asked.topic.clone(), partitions }
    };
    let topics = request.topics.iter().map(topic).collect();
    Ok(OffsetForLeaderEpochResponse { throttle_time_ms: 0, topics })
}

async fn recover(broker: &Arc<Broker>, said: Vec<LogEnds>) {
    let defaults = Arc::clone(&broker.defaults);
    let recovered = broker
        .metadata
        .run(move |image| {
            let records = controller::recover_leaders(image, &defaults, &said);
            let count = records.len();
            (records, count)
        })
        .await;
    match recovered {
        Ok(0) => {}
        Ok(count) => tracing::warn!(
            partitions = count,
            "nobody was known to have everything: of all replicas those that have most lead now"
        ),
        Err(error) => {
            tracing::warn!(%error, "partitions without a leader could not be given one; tried again");
        }
    }
}
