//! An idempotent producer of one partition with acks=all: several requests under way on one connection, and all that was not answered
//! sent again in order, with the same sequence numbers, until it is acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use headrace_protocol::messages::init_producer_id::InitProducerIdRequest;
use headrace_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use headrace_protocol::{ErrorCode, Str};
use headrace_records::{BatchBuilder, Compression};
use rand::Rng as _;

use super::{Client, Led, Shared, TOPICS};
use crate::history::{Key, Value};

const PRODUCE_VERSION: i16 = 9;
const INIT_VERSION: i16 = 4;
/// Kafka's most for an idempotent producer.
const IN_FLIGHT_MAX: usize = 5;
const RECORDS_PER_BATCH_MAX: u32 = 4;
const ACK_TIMEOUT_MS: i32 = 1_500;
const PAUSE_MS_MAX: u64 = 60;

struct Batch {
    base_sequence: i32,
    values: Vec<Value>,
    bytes: Bytes,
}

pub(crate) struct Producer {
    client: Client,
    id: u32,
    key: Key,
    producer_id: i64,
    next_value: u32,
    next_sequence: i32,
    /// Not acknowledged yet, oldest first.
    open: VecDeque<Batch>,
}

/// A value's bytes: the producer and the number, and some more that follow from them.
fn encode(value: Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&value.0.to_be_bytes());
    bytes.extend_from_slice(&value.1.to_be_bytes());
    bytes.resize(8 + (value.1 % 90) as usize, value.0 as u8);
    bytes
}

/// The reverse; `None` for what no producer wrote.
pub(crate) fn decode(bytes: &[u8]) -> Option<Value> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let value = (number(0)?, number(4)?);
    (encode(value) == bytes).then_some(value)
}

impl Producer {
    pub(crate) fn new(shared: &Arc<Shared>, id: u32, key: Key) -> Self {
        shared.producers_busy.fetch_add(1, Ordering::Relaxed);
        Self {
            client: Client::new(shared),
            id,
            key,
            producer_id: -1,
            next_value: 0,
            next_sequence: 0,
            open: VecDeque::new(),
        }
    }

    pub(crate) async fn run(mut self) {
        while !self.client.is_over() && !self.get_id().await {
            self.client.pause(PAUSE_MS_MAX).await;
        }
        while !self.client.is_over() {
            if self.open.is_empty() && self.client.is_winding_up() {
                break;
            }
            match self.client.find(self.key.0, self.key.1).await {
                Some(led) => self.session(led).await,
                None => self.client.pause(PAUSE_MS_MAX).await,
            }
        }
        self.client.shared.producers_busy.fetch_sub(1, Ordering::Relaxed);
    }

    async fn get_id(&mut self) -> bool {
        let broker = self.client.any_broker();
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            producer_id: -1,
            producer_epoch: -1,
        };
        let response = self.client.call(broker, INIT_VERSION, &request).await;
        let Some(response) = response.filter(|response| response.error_code.is_ok()) else { return false };
        self.producer_id = response.producer_id;
        tracing::info!(producer = self.id, id = self.producer_id, from = broker, "has an id");
        true
    }

    fn new_batch(&mut self) {
        let count = self.client.rng.random_range(1..=RECORDS_PER_BATCH_MAX);
        let mut builder =
            BatchBuilder::new(Compression::None).producer(self.producer_id, 0, self.next_sequence);
        let mut values = Vec::new();
        for _ in 0..count {
            let value = (self.id, self.next_value);
            self.next_value += 1;
            if builder.append(1_800_000_000_000, None, Some(&encode(value)), &[]).is_ok() {
                values.push(value);
            }
        }
        if let Ok(bytes) = builder.build() {
            let base_sequence = self.next_sequence;
            self.next_sequence += values.len() as i32;
            self.open.push_back(Batch { base_sequence, values, bytes });
        }
    }

    fn request(&self, batch: &Batch) -> ProduceRequest {
        let data = PartitionProduceData { index: self.key.1, records: Some(batch.bytes.clone()) };
        let name = Str::from_static(TOPICS[self.key.0]);
        let topic = TopicProduceData { name, partition_data: vec![data], ..Default::default() };
        ProduceRequest {
            transactional_id: None,
            acks: -1,
            timeout_ms: ACK_TIMEOUT_MS,
            topic_data: vec![topic],
        }
    }

    /// Writes to one leader over one connection until something goes wrong.
    async fn session(&mut self, led: Led) {
        let connection = Some(self.client.shared.net.connect(led.leader));
        let mut sent = VecDeque::new();
        loop {
            let depth = self.client.rng.random_range(1..=IN_FLIGHT_MAX);
            while sent.len() < depth {
                if sent.len() == self.open.len() {
                    if self.client.is_winding_up() {
                        break;
                    }
                    self.new_batch();
                }
                let request = self.request(&self.open[sent.len()]);
                sent.push_back(self.client.send(led.leader, connection, PRODUCE_VERSION, &request));
            }
            let Some(answer) = sent.pop_front() else { return };
            let answered = answer.await.and_then(|response| {
                response.responses.into_iter().next()?.partition_responses.into_iter().next()
            });
            let Some(answer) = answered else { return };
            let Some(batch) = self.open.front() else { return };
            match answer.error_code {
                ErrorCode::NONE => {
                    for (at, value) in (0..).zip(&batch.values) {
                        self.client.shared.history.acked(self.key, Some(answer.base_offset + at), *value);
                    }
                }
                ErrorCode::DUPLICATE_SEQUENCE_NUMBER => {
                    for value in &batch.values {
                        self.client.shared.history.acked(self.key, None, *value);
                    }
                }
                code => {
                    self.client.shared.history.error(format!("produce: {}", code.name()));
                    // Everything before it is acknowledged: the leader must know of it.
                    if matches!(
                        code,
                        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
                            | ErrorCode::UNKNOWN_PRODUCER_ID
                            | ErrorCode::INVALID_PRODUCER_EPOCH
                    ) {
                        self.client.shared.history.violation(format!(
                            "{:?}: producer {} (id {}) got {} for sequence {}, from node {} in epoch {}",
                            self.key,
                            self.id,
                            self.producer_id,
                            code.name(),
                            batch.base_sequence,
                            led.leader,
                            led.epoch
                        ));
                        return self.client.pause(1_000).await;
                    }
                    return self.client.pause(PAUSE_MS_MAX).await;
                }
            }
            self.open.pop_front();
            self.client.pause(PAUSE_MS_MAX).await;
        }
    }
}
