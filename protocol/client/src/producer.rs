//! [`Producer`]: puts records into batches, sends each to its partition's leader, and tries again.
//!
//! With [`Acks::All`] it is idempotent (KIP-98): every batch carries the producer's id and a sequence number, so that a
//! batch that was written but whose answer was lost is not written twice. Batches of one partition go one after the
//! other; partitions go side by side.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use headrace_protocol::messages::init_producer_id::InitProducerIdRequest;
use headrace_protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use headrace_protocol::{ApiKey, ErrorCode, Str};
use headrace_records::{BatchBuilder, Compression, Header};
use parking_lot::Mutex;
use rand::Rng;

use crate::client::{Client, Lane};
use crate::clock;
use crate::cluster::{Partition, Topic};
use crate::error::Error;
use crate::partitioner::partition_of;

/// The first version of Produce that names topics by id.
const TOPIC_IDS_FROM: i16 = 13;

/// A record to write.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    pub key: Option<Bytes>,
    /// `None` deletes the key from a compacted topic.
    pub value: Option<Bytes>,
    pub headers: Vec<(Str, Option<Bytes>)>,
    /// Milliseconds since 1970; the time of sending if `None`.
    pub timestamp_ms: Option<i64>,
}

impl Record {
    pub fn new(value: impl AsRef<[u8]>) -> Self {
        Self { value: Some(Bytes::copy_from_slice(value.as_ref())), ..Self::default() }
    }

    /// A record without a value.
    pub fn tombstone(key: impl AsRef<[u8]>) -> Self {
        Self::default().key(key)
    }

    #[must_use]
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(Bytes::copy_from_slice(key.as_ref()));
        self
    }

    #[must_use]
    pub fn header(mut self, key: impl Into<Str>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((key.into(), Some(Bytes::copy_from_slice(value.as_ref()))));
        self
    }

    #[must_use]
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }
}

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Partition(i32),
    /// By Kafka's hash of the key; records without a key go together to a partition chosen at random.
    ByKey,
}

/// When a write counts as done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Acks {
    /// When all in-sync replicas have it; nothing is written twice.
    #[default]
    All,
    /// When the leader has it; an attempt repeated after a lost answer may write twice.
    Leader,
}

#[derive(Debug, Clone, Copy)]
pub struct ProducerOptions {
    pub acks: Acks,
    pub compression: Compression,
    /// Records are put into one batch up to this many bytes before compression. A larger record is a batch of its own.
    pub batch_bytes: usize,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        // Well below the 1 MiB that `max.message.bytes` allows by default.
        Self { acks: Acks::All, compression: Compression::None, batch_bytes: 512 * 1024 }
    }
}

/// Where a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    pub partition: i32,
    /// -1 if the broker had the batch already, but no longer knows at which offset.
    pub offset: i64,
}

/// What a producer remembers from one send to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    identity: tokio::sync::Mutex<Option<Identity>>,
    sequences: Mutex<HashMap<(Str, i32), SharedSequence>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    id: i64,
    epoch: i16,
}

type SharedSequence = Arc<tokio::sync::Mutex<Sequence>>;

/// One partition's next sequence number, of one identity.
#[derive(Debug, Default)]
struct Sequence {
    identity: Option<Identity>,
    next: i32,
    /// A batch was sent and its fate is not known: its number must not be used for another one.
    in_doubt: bool,
}

/// Writes records. Clones share id and sequences.
#[derive(Debug, Clone)]
pub struct Producer {
    client: Client,
    options: ProducerOptions,
    memory: Arc<Memory>,
}

impl Client {
    /// A producer with options of its own.
    pub fn producer(&self, options: ProducerOptions) -> Producer {
        Producer::with_memory(self.clone(), options, Arc::default())
    }

    /// Writes records uncompressed and answers where each went, in the order given.
    pub async fn produce(
        &self,
        topic: &str,
        target: Target,
        records: Vec<Record>,
        acks: Acks,
    ) -> Result<Vec<Produced>, Error> {
        self.default_producer(acks).send(topic, target, records).await
    }
}

/// Records of one partition, with their places in the caller's list.
type Placed<'a> = Vec<(usize, &'a Record)>;

impl Producer {
    pub(crate) fn with_memory(client: Client, options: ProducerOptions, memory: Arc<Memory>) -> Self {
        Self { client, options, memory }
    }

    /// Writes records and answers where each went, in the order given. On an error some may have been written.
    pub async fn send(
        &self,
        topic: &str,
        target: Target,
        records: Vec<Record>,
    ) -> Result<Vec<Produced>, Error> {
        let by_partition = self.place(topic, target, &records).await?;
        let sends = by_partition.iter().map(|(partition, placed)| self.send_to(topic, *partition, placed));
        let mut produced = vec![Produced { partition: -1, offset: -1 }; records.len()];
        for sent in join_all(sends).await {
            for (index, at) in sent? {
                produced[index] = at;
            }
        }
        Ok(produced)
    }

    async fn place<'a>(
        &self,
        topic: &str,
        target: Target,
        records: &'a [Record],
    ) -> Result<BTreeMap<i32, Placed<'a>>, Error> {
        let all = records.iter().enumerate();
        if let Target::Partition(partition) = target {
            return Ok(BTreeMap::from([(partition, all.collect())]));
        }
        let partitions: Vec<i32> = self.client.topic(topic).await?.partitions.into_keys().collect();
        let without_key = rand::rng().random_range(0..partitions.len().max(1));
        let mut placed = BTreeMap::<i32, Placed<'_>>::new();
        for (index, record) in all {
            let chosen = record.key.as_ref().map_or(without_key, |key| partition_of(key, partitions.len()));
            let partition = partitions.get(chosen).copied().unwrap_or_default();
            placed.entry(partition).or_default().push((index, record));
        }
        Ok(placed)
    }

    async fn send_to(
        &self,
        topic: &str,
        partition: i32,
        placed: &Placed<'_>,
    ) -> Result<Vec<(usize, Produced)>, Error> {
        let mut produced = Vec::with_capacity(placed.len());
        let mut rest = placed.as_slice();
        while !rest.is_empty() {
            let count = self.fitting(rest);
            let (batch, after) = rest.split_at(count);
            let base = self.send_batch(topic, partition, batch).await?;
            let at = |(delta, (index, _)): (usize, &(usize, _))| {
                let offset = if base < 0 { -1 } else { base + delta as i64 };
                (*index, Produced { partition, offset })
            };
            produced.extend(batch.iter().enumerate().map(at));
            rest = after;
        }
        Ok(produced)
    }

    /// How many of the records fit one batch; at least one.
    fn fitting(&self, records: &[(usize, &Record)]) -> usize {
        let mut bytes = 0;
        let fits = |(_, record): &&(usize, &Record)| {
            bytes += size_of(record);
            bytes <= self.options.batch_bytes
        };
        records.iter().take_while(fits).count().max(1)
    }

    /// Writes one batch and answers its first offset.
    async fn send_batch(
        &self,
        topic: &str,
        partition: i32,
        records: &[(usize, &Record)],
    ) -> Result<i64, Error> {
        if self.options.acks == Acks::Leader {
            let batch = self.build(records, None)?;
            return self.deliver(topic, partition, &batch).await;
        }
        let sequence = {
            let mut sequences = self.memory.sequences.lock();
            sequences.entry((Str::from(topic), partition)).or_default().clone()
        };
        let mut sequence = sequence.lock().await;
        if sequence.in_doubt {
            self.forget(sequence.identity).await;
        }
        let identity = self.identity().await?;
        if sequence.identity != Some(identity) {
            *sequence = Sequence { identity: Some(identity), next: 0, in_doubt: false };
        }
        let batch = self.build(records, Some((identity, sequence.next)))?;
        sequence.in_doubt = true;
        let base = match self.deliver(topic, partition, &batch).await {
            Err(error) if error.code() == Some(ErrorCode::DUPLICATE_SEQUENCE_NUMBER) => -1,
            other => other?,
        };
        sequence.in_doubt = false;
        // Sequence numbers go on from 0 after i32::MAX.
        sequence.next = ((i64::from(sequence.next) + records.len() as i64) & i64::from(i32::MAX)) as i32;
        Ok(base)
    }

    /// The producer id, asked for once.
    async fn identity(&self) -> Result<Identity, Error> {
        let mut identity = self.memory.identity.lock().await;
        if let Some(known) = *identity {
            return Ok(known);
        }
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        let doing = || "getting a producer id".to_owned();
        let mut retry = crate::retry::Retry::new(self.client.options().delivery_timeout);
        loop {
            let answer = self.client.request_any(&request).await;
            let checked = answer.and_then(|r| Error::check(r.error_code, None, doing).map(|()| r));
            match checked {
                Ok(r) => return Ok(*identity.insert(Identity { id: r.producer_id, epoch: r.producer_epoch })),
                Err(error) if error.is_retriable() => retry.pause_after(error, doing).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Drops an identity, so that the next batch starts over with a new one.
    async fn forget(&self, old: Option<Identity>) {
        let mut identity = self.memory.identity.lock().await;
        if *identity == old {
            *identity = None;
        }
    }

    fn build(&self, records: &[(usize, &Record)], sequence: Option<(Identity, i32)>) -> Result<Bytes, Error> {
        let now_ms = clock::now_ms();
        let mut builder = BatchBuilder::new(self.options.compression);
        if let Some((identity, next)) = sequence {
            builder = builder.producer(identity.id, identity.epoch, next);
        }
        for (_, record) in records {
            let headers: Vec<_> = record
                .headers
                .iter()
                .map(|(key, value)| Header { key: key.as_bytes(), value: value.as_deref() })
                .collect();
            let timestamp_ms = record.timestamp_ms.unwrap_or(now_ms);
            builder
                .append(timestamp_ms, record.key.as_deref(), record.value.as_deref(), &headers)
                .map_err(|e| Error::Build(e.to_string()))?;
        }
        builder.build().map_err(|e| Error::Build(e.to_string()))
    }

    async fn deliver(&self, topic: &str, partition: i32, batch: &Bytes) -> Result<i64, Error> {
        let attempt = |found, leader| self.attempt(topic, partition, found, leader, batch);
        self.client.with_leader(topic, partition, "writing to", attempt).await
    }

    async fn attempt(
        &self,
        topic: &str,
        partition: i32,
        found: Topic,
        leader: Partition,
        batch: &Bytes,
    ) -> Result<i64, Error> {
        let connection = self.client.broker_connection(leader.leader, Lane::Requests).await?;
        let cap = if found.id.is_zero() { TOPIC_IDS_FROM - 1 } else { i16::MAX };
        let version = connection.version_of::<ProduceRequest>(cap)?;
        let timeout = self.client.options().request_timeout;
        let request = ProduceRequest {
            acks: if self.options.acks == Acks::All { -1 } else { 1 },
            timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data: vec![TopicProduceData {
                name: Str::from(topic),
                topic_id: found.id,
                partition_data: vec![PartitionProduceData { index: partition, records: Some(batch.clone()) }],
            }],
            ..Default::default()
        };
        let response = connection.request_version(&request, version, timeout).await?;
        let answered = response.responses.into_iter().flat_map(|topic| topic.partition_responses).next();
        match answered {
            Some(answer) if answer.index == partition => first_offset(&answer, topic),
            _ => Err(Error::Broker {
                doing: format!("writing to {topic}-{partition}"),
                code: ErrorCode::UNKNOWN_SERVER_ERROR,
                message: Some(format!("the answer to {} is about another partition", ApiKey::Produce)),
            }),
        }
    }
}

fn first_offset(answer: &PartitionProduceResponse, topic: &str) -> Result<i64, Error> {
    let reasons = answer.record_errors.iter().filter_map(|e| e.batch_index_error_message.as_ref());
    let message = answer.error_message.as_ref().or_else(|| reasons.into_iter().next());
    Error::check(answer.error_code, message, || format!("writing to {topic}-{}", answer.index))?;
    Ok(answer.base_offset)
}

/// Roughly what a record takes in a batch.
fn size_of(record: &Record) -> usize {
    /// Lengths, timestamp and offset of a record, or lengths of a header, at their longest.
    const OVERHEAD_BYTES: usize = 24;
    let headers = record
        .headers
        .iter()
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len) + OVERHEAD_BYTES);
    let key = record.key.as_ref().map_or(0, Bytes::len);
    let value = record.value.as_ref().map_or(0, Bytes::len);
    key + value + headers.sum::<usize>() + OVERHEAD_BYTES
}
