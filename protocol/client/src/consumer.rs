//! [`Consumer`]: reads all partitions of a topic by offsets, without a group.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use headrace_protocol::ErrorCode;
use tokio::time::{Instant, timeout_at};

use crate::client::Client;
use crate::error::Error;
use crate::fetch::{ConsumedRecord, FetchOptions, Fetched};
use crate::offsets::OffsetSpec;
use crate::retry::Retry;

/// Where reading starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    Earliest,
    Latest,
    /// The first record with this timestamp (milliseconds since 1970) or a later one; else the end.
    Timestamp(i64),
    /// These partitions only, from these offsets.
    Offsets(BTreeMap<i32, i64>),
}

/// One leader's answer: for each of its partitions a result, or one error for all.
type Answer = (i32, Vec<i32>, Result<Vec<(i32, Result<Fetched, Error>)>, Error>);

/// A reader of one topic. It keeps one long-poll fetch under way per leader, also between polls.
pub struct Consumer {
    client: Client,
    topic: String,
    options: FetchOptions,
    positions: BTreeMap<i32, i64>,
    /// Partitions with a fetch under way.
    busy: BTreeSet<i32>,
    fetches: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Attempts since the last answer without an error.
    retry: Option<Retry>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("topic", &self.topic)
            .field("positions", &self.positions)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A reader of the topic's present partitions.
    pub async fn consumer(
        &self,
        topic: &str,
        start: Start,
        options: FetchOptions,
    ) -> Result<Consumer, Error> {
        let positions = match start {
            Start::Offsets(offsets) => offsets,
            Start::Earliest => self.list_all_offsets(topic, OffsetSpec::Earliest).await?,
            Start::Latest => self.list_all_offsets(topic, OffsetSpec::Latest).await?,
            Start::Timestamp(ms) => {
                let mut positions = self.list_all_offsets(topic, OffsetSpec::Timestamp(ms)).await?;
                let ends = self.list_all_offsets(topic, OffsetSpec::Latest).await?;
                for (partition, offset) in positions.iter_mut().filter(|(_, offset)| **offset < 0) {
                    *offset = ends.get(partition).copied().unwrap_or_default();
                }
                positions
            }
        };
        Ok(Consumer {
            client: self.clone(),
            topic: topic.to_owned(),
            options,
            positions,
            busy: BTreeSet::new(),
            fetches: FuturesUnordered::new(),
            retry: None,
        })
    }
}

impl Consumer {
    /// The offset each partition is read from next.
    pub fn positions(&self) -> &BTreeMap<i32, i64> {
        &self.positions
    }

    /// The next records, in order within each partition; none if there are none within `max_wait`. Dropping the future
    /// loses nothing. Errors that may pass are tried again for as long as the client's delivery timeout.
    pub async fn poll(&mut self) -> Result<Vec<ConsumedRecord>, Error> {
        let deadline = Instant::now() + self.options.max_wait;
        loop {
            if let Err(error) = self.start_fetches().await {
                self.failed(error).await?;
                continue;
            }
            // Somewhat longer than the broker waits, so that its empty answer is the usual end.
            let grace = self.options.max_wait / 4;
            let Ok(Some(answer)) = timeout_at(deadline + grace, self.fetches.next()).await else {
                return Ok(Vec::new());
            };
            let records = self.take(answer).await?;
            if !records.is_empty() || Instant::now() >= deadline {
                return Ok(records);
            }
        }
    }

    /// Starts a fetch from each leader, of its partitions that have none under way.
    async fn start_fetches(&mut self) -> Result<(), Error> {
        let idle: Vec<_> =
            self.positions.iter().filter(|(partition, _)| !self.busy.contains(partition)).collect();
        if idle.is_empty() {
            return Ok(());
        }
        let found = self.client.topic(&self.topic).await?;
        let mut by_leader = BTreeMap::<i32, Vec<(i32, i64)>>::new();
        for (partition, offset) in idle {
            let leader = found.partitions.get(partition).map_or(-1, |known| known.leader);
            by_leader.entry(leader).or_default().push((*partition, *offset));
        }
        if let Some((partition, _)) = by_leader.remove(&-1).and_then(|orphans| orphans.first().copied()) {
            self.client.refresh_topic(&self.topic).await?;
            let doing = || format!("finding the leader of {}-{partition}", self.topic);
            if by_leader.is_empty() && self.fetches.is_empty() {
                return Error::check(ErrorCode::LEADER_NOT_AVAILABLE, None, doing);
            }
        }
        for (leader, wanted) in by_leader {
            let partitions: Vec<i32> = wanted.iter().map(|(partition, _)| *partition).collect();
            self.busy.extend(&partitions);
            let (client, topic, found) = (self.client.clone(), self.topic.clone(), found.clone());
            let options = self.options;
            self.fetches.push(Box::pin(async move {
                let answer = client.fetch_from(leader, &topic, &found, &wanted, &options).await;
                (leader, partitions, answer)
            }));
        }
        Ok(())
    }

    async fn take(&mut self, (_, partitions, answer): Answer) -> Result<Vec<ConsumedRecord>, Error> {
        for partition in &partitions {
            self.busy.remove(partition);
        }
        let answers = match answer {
            Ok(answers) => answers,
            Err(error) => return self.failed(error).await.map(|()| Vec::new()),
        };
        let mut records = Vec::new();
        let mut failures = Vec::new();
        for (partition, result) in answers {
            match result {
                Ok(fetched) => {
                    self.positions.insert(partition, fetched.next_offset);
                    records.extend(fetched.records);
                }
                Err(error) => failures.push((partition, error)),
            }
        }
        if failures.is_empty() {
            self.retry = None;
        }
        // Records at hand go out first; a lasting failure comes again at the next poll.
        if records.is_empty() {
            for (partition, error) in failures {
                self.partition_failed(partition, error).await?;
            }
        }
        Ok(records)
    }

    async fn partition_failed(&mut self, partition: i32, error: Error) -> Result<(), Error> {
        if error.code() != Some(ErrorCode::OFFSET_OUT_OF_RANGE) {
            return self.failed(error).await;
        }
        // Retention may have removed the start of what was to be read; anything else is the caller's mistake.
        let first = self.client.list_offsets(&self.topic, &[(partition, OffsetSpec::Earliest)]).await?;
        let first = first.first().map_or(0, |found| found.offset);
        match self.positions.get_mut(&partition) {
            Some(position) if *position < first => {
                tracing::warn!(topic = %self.topic, partition, from = *position, to = first, "records were deleted");
                *position = first;
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Pauses and looks at the metadata again, if the error may pass.
    async fn failed(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_retriable() {
            return Err(error);
        }
        let limit = self.client.options().delivery_timeout;
        let topic = &self.topic;
        let retry = self.retry.get_or_insert_with(|| Retry::new(limit));
        retry.pause_after(error, || format!("reading \"{topic}\"")).await?;
        match self.client.refresh_topic(&self.topic).await {
            Err(error)
                if !error.is_retriable() || error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) =>
            {
                Err(error)
            }
            // Without fresh metadata the next attempt runs into the same error, and ends with it.
            _ => Ok(()),
        }
    }
}
