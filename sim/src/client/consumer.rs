//! A consumer of one partition: reads from the beginning to the end, again and again, from whoever leads (or, if it is told to, from
//! whichever replica the leader prefers), and notes what it sees.

use std::sync::Arc;

use headrace_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use headrace_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use headrace_protocol::{ErrorCode, Str};
use headrace_records::batches;
use rand::Rng as _;

use super::producer::decode;
use super::{Client, Led, Shared, TOPICS};
use crate::history::Key;
use crate::net::Place;

const FETCH_VERSION: i16 = 13;
const LIST_OFFSETS_VERSION: i16 = 7;
const CONSUMER: i32 = -1;
const LATEST: i64 = -1;
const PAUSE_MS_MAX: u64 = 80;

pub(crate) struct Consumer {
    client: Client,
    key: Key,
    next: i64,
    /// The greatest end of the log that was ever told.
    end: i64,
}

impl Consumer {
    pub(crate) fn new(shared: &Arc<Shared>, key: Key) -> Self {
        Self { client: Client::new(shared), key, next: 0, end: 0 }
    }

    pub(crate) async fn run(mut self) {
        while !self.client.is_over() {
            match self.client.find(self.key.0, self.key.1).await {
                Some(led) => while self.step(led, led.leader).await {},
                None => self.client.pause(PAUSE_MS_MAX).await,
            }
        }
    }

    /// One fetch from one replica; false if somebody else is to be asked.
    async fn step(&mut self, led: Led, from: Place) -> bool {
        if self.client.rng.random_bool(0.02) {
            self.next = 0;
        }
        if self.client.rng.random_bool(0.1) && !self.ask_for_end(led).await {
            return false;
        }
        let partition = FetchPartition {
            partition: self.key.1,
            current_leader_epoch: led.epoch,
            fetch_offset: self.next,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: self.client.rng.random_range(100..4_000),
            ..Default::default()
        };
        let topic = FetchTopic { topic_id: led.topic_id, partitions: vec![partition], ..Default::default() };
        let request = FetchRequest {
            replica_id: CONSUMER,
            max_wait_ms: 300,
            min_bytes: 1,
            max_bytes: 1 << 20,
            session_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        let Some(response) = self.client.call(from, FETCH_VERSION, &request).await else { return false };
        let Some(data) = response.responses.into_iter().next().and_then(|t| t.partitions.into_iter().next())
        else {
            return false;
        };
        match data.error_code {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                // It has read all that comes before: that cannot have gone.
                self.violation(&format!("offset {} is out of range at node {from}", self.next));
                self.next = 0;
                self.client.pause(PAUSE_MS_MAX).await;
                return false;
            }
            code => {
                self.client.shared.history.error(format!("fetch: {}", code.name()));
                self.client.pause(PAUSE_MS_MAX).await;
                return false;
            }
        }
        for batch in batches(data.records.unwrap_or_default()) {
            let Ok(batch) = batch else { break };
            if batch.verify_crc().is_err() {
                self.client.shared.history.error("fetch: a batch is damaged".to_owned());
                return false;
            }
            if batch.next_offset() > data.high_watermark {
                let (end, high_watermark) = (batch.next_offset(), data.high_watermark);
                self.violation(&format!("read up to {end}, above the high watermark {high_watermark}"));
            }
            let Ok(records) = batch.records() else { return false };
            for record in records.iter() {
                let Ok(record) = record else { break };
                let offset = record.offset;
                match record.value.and_then(decode) {
                    Some(value) => self.client.shared.history.read(self.key, offset, value),
                    None => self.violation(&format!("offset {offset} holds what nobody wrote")),
                }
            }
            self.next = self.next.max(batch.next_offset());
        }
        self.client.pause(PAUSE_MS_MAX).await;
        !self.client.is_over()
    }

    /// The end of what is committed never goes back for one who asks (KIP-207).
    async fn ask_for_end(&mut self, led: Led) -> bool {
        let partition = ListOffsetsPartition {
            partition_index: self.key.1,
            current_leader_epoch: led.epoch,
            timestamp: LATEST,
        };
        let name = Str::from_static(TOPICS[self.key.0]);
        let topic = ListOffsetsTopic { name, partitions: vec![partition] };
        let request = ListOffsetsRequest { replica_id: CONSUMER, topics: vec![topic], ..Default::default() };
        let response = self.client.call(led.leader, LIST_OFFSETS_VERSION, &request).await;
        let Some(answer) = response.and_then(|r| r.topics.into_iter().next()?.partitions.into_iter().next())
        else {
            return false;
        };
        if answer.error_code.is_err() {
            self.client.shared.history.error(format!("list offsets: {}", answer.error_code.name()));
            return false;
        }
        if answer.offset < self.end {
            self.violation(&format!("the end was {} and is {}", self.end, answer.offset));
        }
        self.end = self.end.max(answer.offset);
        true
    }

    fn violation(&self, what: &str) {
        self.client.shared.history.violation(format!("{:?}: {what}", self.key));
    }
}
