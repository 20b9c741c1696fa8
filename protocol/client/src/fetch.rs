//! Fetches: record batches off a leader, taken apart into records.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use headrace_protocol::messages::fetch::{
    AbortedTransaction, FetchPartition, FetchRequest, FetchTopic, PartitionData,
};
use headrace_protocol::{ErrorCode, Str};
use headrace_records::{Batch, ControlRecord, batches};

use crate::client::{Client, Lane};
use crate::cluster::Topic;
use crate::error::Error;

/// The first version of Fetch that names topics by id.
const TOPIC_IDS_FROM: i16 = 13;
/// A fetch outside a fetch session (KIP-227).
const NO_SESSION_EPOCH: i32 = -1;

/// Which transactional records are seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    #[default]
    ReadUncommitted,
    /// Nothing of open or aborted transactions.
    ReadCommitted,
}

#[derive(Debug, Clone, Copy)]
pub struct FetchOptions {
    /// How long the broker may wait for `min_bytes`.
    pub max_wait: Duration,
    pub min_bytes: i32,
    /// Per response.
    pub max_bytes: i32,
    /// Per partition; a longer first batch comes whole all the same.
    pub partition_max_bytes: i32,
    pub isolation: Isolation,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 16 * 1024 * 1024,
            partition_max_bytes: 1024 * 1024,
            isolation: Isolation::ReadUncommitted,
        }
    }
}

/// A record that was read. Its bytes share the response's frame.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumedRecord {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub headers: Vec<(Str, Option<Bytes>)>,
}

/// What a fetch found in one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    pub partition: i32,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub log_start_offset: i64,
    /// Where to go on.
    pub next_offset: i64,
    pub records: Vec<ConsumedRecord>,
}

impl Client {
    /// Reads records from `offset` on, waiting at most `options.max_wait` for the first.
    pub async fn fetch(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        options: &FetchOptions,
    ) -> Result<Fetched, Error> {
        self.with_leader(topic, partition, "reading", |found, leader| async move {
            let mut answers =
                self.fetch_from(leader.leader, topic, &found, &[(partition, offset)], options).await?;
            let lost = || Error::Broker {
                doing: format!("reading {topic}-{partition}"),
                code: ErrorCode::UNKNOWN_SERVER_ERROR,
                message: Some("the answer leaves the partition out".to_owned()),
            };
            answers.pop().ok_or_else(lost)?.1
        })
        .await
    }

    /// One fetch from one leader, of several partitions of a topic.
    pub(crate) async fn fetch_from(
        &self,
        leader: i32,
        topic: &str,
        found: &Topic,
        wanted: &[(i32, i64)],
        options: &FetchOptions,
    ) -> Result<Vec<(i32, Result<Fetched, Error>)>, Error> {
        let partitions = wanted.iter().map(|(partition, offset)| FetchPartition {
            partition: *partition,
            current_leader_epoch: found.partitions.get(partition).map_or(-1, |p| p.leader_epoch),
            fetch_offset: *offset,
            partition_max_bytes: options.partition_max_bytes,
            ..Default::default()
        });
        let partitions = partitions.collect();
        let request = FetchRequest {
            max_wait_ms: i32::try_from(options.max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: options.min_bytes,
            max_bytes: options.max_bytes,
            isolation_level: i8::from(options.isolation == Isolation::ReadCommitted),
            session_epoch: NO_SESSION_EPOCH,
            topics: vec![FetchTopic { topic: Str::from(topic), topic_id: found.id, partitions }],
            ..Default::default()
        };
        let connection = self.broker_connection(leader, Lane::Fetches).await?;
        let cap = if found.id.is_zero() { TOPIC_IDS_FROM - 1 } else { i16::MAX };
        let version = connection.version_of::<FetchRequest>(cap)?;
        let after = options.max_wait + self.options().request_timeout;
        let response = connection.request_version(&request, version, after).await?;
        Error::check(response.error_code, None, || format!("reading \"{topic}\""))?;
        let answers = response.responses.into_iter().flat_map(|topic| topic.partitions);
        let offset_of = |partition| wanted.iter().find(|(p, _)| *p == partition).map(|(_, offset)| *offset);
        let asked_for =
            answers.filter_map(|data| Some((data.partition_index, offset_of(data.partition_index)?, data)));
        Ok(asked_for
            .map(|(partition, from, data)| (partition, take_apart(data, topic, from, options.isolation)))
            .collect())
    }
}

fn take_apart(data: PartitionData, topic: &str, from: i64, isolation: Isolation) -> Result<Fetched, Error> {
    let partition = data.partition_index;
    Error::check(data.error_code, None, || format!("reading {topic}-{partition} from offset {from}"))?;
    let mut fetched = Fetched {
        partition,
        high_watermark: data.high_watermark,
        last_stable_offset: data.last_stable_offset,
        log_start_offset: data.log_start_offset,
        next_offset: from,
        records: Vec::new(),
    };
    let mut aborted = match isolation {
        Isolation::ReadCommitted => Aborted::new(data.aborted_transactions.unwrap_or_default()),
        Isolation::ReadUncommitted => Aborted::default(),
    };
    let mut any = false;
    for batch in batches(data.records.unwrap_or_default()) {
        let batch = match batch {
            Ok(batch) => batch,
            // A broker may cut the last batch off at the size limit.
            Err(headrace_records::Error::Torn { .. }) if any => break,
            Err(error) => return Err(error.into()),
        };
        any = true;
        batch.verify_crc()?;
        if !aborted.hides(&batch)? {
            read_records(&batch, partition, from, &mut fetched.records)?;
        }
        fetched.next_offset = fetched.next_offset.max(batch.next_offset());
    }
    Ok(fetched)
}

fn read_records(
    batch: &Batch,
    partition: i32,
    from: i64,
    out: &mut Vec<ConsumedRecord>,
) -> Result<(), Error> {
    let records = batch.records()?;
    let share = |part: Option<&[u8]>| part.map(|bytes| records.share(bytes));
    for record in records.iter() {
        let record = record?;
        // A batch comes whole, also where the fetch started in its middle.
        if record.offset < from {
            continue;
        }
        let headers = record.headers.iter().map(|header| {
            let key = String::from_utf8_lossy(header.key);
            (Str::from(key.as_ref()), share(header.value))
        });
        out.push(ConsumedRecord {
            partition,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: share(record.key),
            value: share(record.value),
            headers: headers.collect(),
        });
    }
    Ok(())
}

/// Tells which batches a reader must not see: control batches, and those of aborted transactions.
#[derive(Default)]
struct Aborted {
    /// Transactions not reached yet, the next one last.
    ahead: Vec<AbortedTransaction>,
    /// Producers inside an aborted transaction at this point of the log.
    inside: HashSet<i64>,
}

impl Aborted {
    fn new(mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { ahead: transactions, inside: HashSet::new() }
    }

    fn hides(&mut self, batch: &Batch) -> Result<bool, Error> {
        while let Some(next) = self.ahead.pop_if(|next| next.first_offset <= batch.last_offset()) {
            self.inside.insert(next.producer_id);
        }
        if !batch.is_control() {
            return Ok(batch.is_transactional() && self.inside.contains(&batch.producer_id()));
        }
        for record in batch.records()?.iter() {
            let record = record?;
            if let ControlRecord::EndTxn(marker) = ControlRecord::parse(record.key, record.value)?
                && !marker.committed
            {
                self.inside.remove(&batch.producer_id());
            }
        }
        Ok(true)
    }
}
