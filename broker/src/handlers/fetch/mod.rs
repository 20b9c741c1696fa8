//! Fetch (1): reads record batches, waiting for them if the client wants that.
//!
//! Versions 4–18. 7 adds sessions (KIP-227), 9 the leader epoch the client believes in (KIP-320), 11 reading from a follower (KIP-392), 12 the leader in the answer, 13 names topics by id,
//! 15 moves the replica's id, 16 lists the leaders' addresses. Record batches are sent as they lie in the log, without a copy.

mod encode;
mod read;
mod session;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headrace_protocol::messages::fetch::{
    EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
    PartitionData,
};
use headrace_protocol::{ErrorCode, Message, Reader, Str, Uuid};

use super::{Answer, Context, DispatchError};
use crate::replica::{FetchRegistration, Partition, Waiter};

pub(crate) use session::FetchSessions;

/// What this broker serves of Fetch.
pub(crate) const VERSIONS: RangeInclusive<i16> = 4..=18;
/// From here on a consumer may read from a follower, and be sent to one.
const FOLLOWER_READS: i16 = 11;
/// From here on topics are named by id.
const TOPIC_IDS: i16 = 13;
/// From here on the answer names the leader and a diverging epoch.
const LEADER_IN_ANSWER: i16 = 12;
/// From here on the answer lists addresses of leaders.
const ENDPOINTS_IN_ANSWER: i16 = 16;
/// A consumer's replica id.
pub(super) const CONSUMER: i32 = -1;
/// READ_COMMITTED on the wire.
const READ_COMMITTED: i8 = 1;

/// What is asked of one partition.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) topic: Str,
    pub(super) topic_id: Uuid,
    pub(super) index: i32,
    pub(super) offset: i64,
    pub(super) max_bytes: usize,
    pub(super) current_leader_epoch: i32,
    pub(super) last_fetched_epoch: i32,
    /// A follower's own.
    pub(super) log_start_offset: i64,
    /// The high watermark that the client was told last, in its session; `i64::MAX` if nobody knows.
    pub(super) told_high_watermark: i64,
    /// Where it was found last time, in a session.
    pub(super) resolved: Option<Arc<Partition>>,
}

impl Wanted {
    fn is_of_same_partition(&self, other: &Self) -> bool {
        (self.index, self.topic_id) == (other.index, other.topic_id) && self.topic == other.topic
    }
}

/// What one partition answers, its record batches still in parts.
pub(super) struct Found {
    pub(super) data: PartitionData,
    pub(super) parts: Vec<Bytes>,
    pub(super) size_bytes: usize,
    pub(super) partition: Option<Arc<Partition>>,
    /// The follower that asks is throttled.
    pub(super) is_throttled: bool,
    /// This follower has yet to hear that the offset is committed.
    pub(super) is_behind: bool,
}

impl Found {
    pub(super) fn failed(index: i32, code: ErrorCode) -> Self {
        let data = PartitionData {
            partition_index: index,
            error_code: code,
            high_watermark: -1,
            aborted_transactions: None,
            ..PartitionData::default()
        };
        Self {
            data,
            parts: Vec::new(),
            size_bytes: 0,
            partition: None,
            is_throttled: false,
            is_behind: false,
        }
    }
}

/// The limits of one fetch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'a> {
    pub(super) max_bytes: usize,
    pub(super) read_committed: bool,
    pub(super) replica_id: i32,
    /// The epoch of the follower's registration, −1 if it did not say.
    pub(super) replica_epoch: i64,
    /// A follower will do.
    pub(super) from_followers: bool,
    /// The rack whose replicas are to be read from, if it is to be looked for.
    pub(super) rack: Option<&'a str>,
}

impl Limits<'_> {
    fn waiter(&self) -> Waiter {
        if self.replica_id == CONSUMER { Waiter::Consumer } else { Waiter::Follower }
    }
}

/// How long a fetch waits, and for what.
#[derive(Debug, Clone, Copy)]
struct Wait {
    min_bytes: usize,
    max: Duration,
    /// There is most likely nothing to read yet: a look before the registration would be one too many. Only where one byte is enough.
    is_likely: bool,
}

/// Decodes, serves and encodes a fetch.
pub(super) async fn answer(cx: Context, body: Bytes) -> Answer {
    if !VERSIONS.contains(&cx.api_version) {
        return Err(DispatchError::Version(cx.api_version));
    }
    let mut request =
        FetchRequest::decode(&mut Reader::new(body), cx.api_version).map_err(DispatchError::Decode)?;
    let broker = &cx.broker;
    let now_ms = broker.clock.monotonic_ms();
    let mut planned = match broker.fetch_sessions.begin(&mut request, cx.api_version >= TOPIC_IDS, now_ms) {
        Ok(planned) => planned,
        Err(error_code) => {
            let response = FetchResponse { error_code, ..FetchResponse::default() };
            return encode::encode(&cx, response, Vec::new());
        }
    };
    let (replica_id, replica_epoch) = if cx.api_version >= 15 {
        (request.replica_state.replica_id, request.replica_state.replica_epoch)
    } else {
        (request.replica_id, -1)
    };
    // Anybody can call himself a follower; only who came by the brokers' own listener is believed.
    let replica_id = if cx.is_from_broker() { replica_id } else { CONSUMER };
    let from_followers = replica_id == CONSUMER && cx.api_version >= FOLLOWER_READS;
    let is_looked_for = from_followers && broker.config.replica_selector_class.is_some();
    let limits = Limits {
        max_bytes: usize::try_from(request.max_bytes.min(broker.config.fetch_max_bytes)).unwrap_or(0),
        read_committed: request.isolation_level == READ_COMMITTED,
        replica_id,
        replica_epoch,
        from_followers,
        rack: Some(request.rack_id.as_str()).filter(|rack| is_looked_for && !rack.is_empty()),
    };
    let min_bytes = usize::try_from(request.min_bytes).unwrap_or(0).min(limits.max_bytes);
    let max = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let wait = Wait { min_bytes, max, is_likely: planned.is_idle && min_bytes == 1 && !max.is_zero() };
    let mut found = fetch(&cx, &mut planned.wanted, limits, wait).await;
    found.iter_mut().for_each(say_if_behind);
    let session_id = broker.fetch_sessions.finish(&planned, &found, broker.clock.monotonic_ms());
    let keep = planned.keep(&found);
    if replica_id == CONSUMER {
        count_bytes_out(&found);
    } else {
        let throttled = found.iter().filter(|found| found.is_throttled).map(|found| found.size_bytes).sum();
        broker.replicas.throttles.leader.took(throttled, broker.clock.monotonic_ms());
    }
    let (response, parts) = assemble(&cx, &planned.wanted, found, &keep, session_id);
    encode::encode(&cx, response, parts)
}

/// Reads; if that is too little, waits and reads again.
async fn fetch(cx: &Context, wanted: &mut [Wanted], limits: Limits<'_>, wait: Wait) -> Vec<Found> {
    let waiter = limits.waiter();
    let known = if wait.is_likely { resolved(wanted) } else { None };
    let mut registration = known.map(|partitions| FetchRegistration::new(waiter, 1, partitions));
    let (found, registration) = loop {
        let found = read::read_all(cx, wanted, limits).await;
        if wait.max.is_zero() || cx.broker.is_stopping() || is_enough(wanted, &found, limits, wait.min_bytes)
        {
            return found;
        }
        if let Some(registration) = registration {
            break (found, registration);
        }
        let partitions: Vec<_> = found.iter().filter_map(|found| found.partition.clone()).collect();
        let have: usize = found.iter().map(|found| found.size_bytes).sum();
        let missing = i64::try_from(wait.min_bytes.saturating_sub(have)).unwrap_or(i64::MAX);
        registration = Some(FetchRegistration::new(waiter, missing, partitions));
        // What came between this read and the registration woke nobody: once more.
    };
    // Records are not held on to while waiting; that there are none is worth remembering.
    let nothing = Some(found).filter(|found| found.iter().all(|found| found.size_bytes == 0));
    let grown = tokio::time::timeout(wait.max, registration.satisfied()).await.is_ok();
    drop(registration);
    match nothing {
        Some(nothing) if !grown => nothing,
        _ => read::read_all(cx, wanted, limits).await,
    }
}

/// The partitions, if all are known from last time.
fn resolved(wanted: &[Wanted]) -> Option<Vec<Arc<Partition>>> {
    let known = |wanted: &Wanted| wanted.resolved.clone().filter(|partition| !partition.is_retired());
    wanted.iter().map(known).collect()
}

/// Whether a fetch is to be answered now: enough bytes, or something the client must hear at once.
fn is_enough(wanted: &[Wanted], found: &[Found], limits: Limits<'_>, min_bytes: usize) -> bool {
    found.is_empty()
        || found.iter().any(|found| {
            found.data.error_code.is_err()
                || found.data.diverging_epoch != EpochEndOffset::default()
                || found.data.preferred_read_replica >= 0
        })
        || (limits.waiter() == Waiter::Follower && wanted.iter().zip(found).any(is_news_to_readers))
        || found.iter().map(|found| found.size_bytes).sum::<usize>() >= min_bytes
}

/// A follower that consumers read from is told of a high watermark that moved without waiting for records to go with it: what it does
/// not know to be committed it cannot give.
fn is_news_to_readers((wanted, found): (&Wanted, &Found)) -> bool {
    found.data.high_watermark > wanted.told_high_watermark
        && found.partition.as_ref().is_some_and(|partition| partition.is_read_elsewhere())
}

/// A follower that has waited in vain to hear that the offset is committed sends the consumer back to the leader (KIP-392).
fn say_if_behind(found: &mut Found) {
    if found.is_behind {
        found.data.error_code = ErrorCode::OFFSET_NOT_AVAILABLE;
    }
}

fn count_bytes_out(found: &[Found]) {
    for found in found {
        if let Some(partition) = &found.partition {
            partition.counters.bytes_out.add(found.size_bytes as u64);
        }
    }
}

/// Puts the answer together: partitions by topic, in the order they were asked for.
fn assemble(
    cx: &Context,
    wanted: &[Wanted],
    found: Vec<Found>,
    keep: &[bool],
    session_id: i32,
) -> (FetchResponse, Vec<Vec<Bytes>>) {
    let mut response = FetchResponse { session_id, ..FetchResponse::default() };
    let mut places: HashMap<(&str, Uuid), usize> = HashMap::new();
    let mut parts_by_topic: Vec<Vec<Vec<Bytes>>> = Vec::new();
    let mut leaders = Vec::new();
    for ((wanted, mut found), keep) in wanted.iter().zip(found).zip(keep) {
        if !keep {
            continue;
        }
        name_leader(cx, wanted, &mut found.data, &mut leaders);
        let by_id = cx.api_version >= TOPIC_IDS;
        let key = if by_id { ("", wanted.topic_id) } else { (wanted.topic.as_str(), Uuid::ZERO) };
        let place = *places.entry(key).or_insert_with(|| {
            let topic = if by_id { Str::default() } else { wanted.topic.clone() };
            let topic_id = if by_id { wanted.topic_id } else { Uuid::ZERO };
            response.responses.push(FetchableTopicResponse { topic, topic_id, partitions: Vec::new() });
            parts_by_topic.push(Vec::new());
            response.responses.len() - 1
        });
        response.responses[place].partitions.push(found.data);
        parts_by_topic[place].push(found.parts);
    }
    add_endpoints(cx, &mut response, leaders);
    (response, parts_by_topic.into_iter().flatten().collect())
}

/// Tells a client that came to the wrong broker who leads (KIP-951).
fn name_leader(cx: &Context, wanted: &Wanted, data: &mut PartitionData, leaders: &mut Vec<i32>) {
    let code = data.error_code;
    if code.is_ok() {
        return;
    }
    cx.broker.metrics.failed_fetch.add(1);
    if cx.api_version < LEADER_IN_ANSWER
        || (code != ErrorCode::NOT_LEADER_OR_FOLLOWER && code != ErrorCode::FENCED_LEADER_EPOCH)
    {
        return;
    }
    let image = cx.broker.image();
    let topic = if wanted.topic_id.is_zero() {
        image.topic(&wanted.topic)
    } else {
        image.topic_by_id(wanted.topic_id)
    };
    if let Some(meta) = topic.and_then(|topic| topic.partitions.get(usize::try_from(wanted.index).ok()?)) {
        data.current_leader = LeaderIdAndEpoch { leader_id: meta.leader, leader_epoch: meta.leader_epoch };
        leaders.push(meta.leader);
    }
}

fn add_endpoints(cx: &Context, response: &mut FetchResponse, mut leaders: Vec<i32>) {
    if cx.api_version < ENDPOINTS_IN_ANSWER || leaders.is_empty() {
        return;
    }
    leaders.sort_unstable();
    leaders.dedup();
    let image = cx.broker.image();
    for node_id in leaders {
        if let Some((host, port)) = cx.broker.endpoint(&image, node_id, &cx.connection.listener) {
            let rack = image.broker(node_id).and_then(|broker| broker.rack.clone());
            response.node_endpoints.push(NodeEndpoint { node_id, host, port, rack });
        }
    }
}
