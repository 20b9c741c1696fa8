//! Offsets by position or time.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use headrace_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use headrace_protocol::{ErrorCode, Str};

use crate::client::{Client, Lane};
use crate::error::Error;

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first there is.
    Earliest,
    /// The one that the next record will get.
    Latest,
    /// That of the record with the highest timestamp.
    MaxTimestamp,
    /// The first record with this timestamp (milliseconds since 1970) or a later one.
    Timestamp(i64),
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::Timestamp(ms) => ms,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedOffset {
    pub partition: i32,
    /// -1 if there is no such record.
    pub offset: i64,
    /// -1 unless a timestamp was asked for.
    pub timestamp_ms: i64,
    pub leader_epoch: i32,
}

impl Client {
    /// Looks up one offset for each partition, in the order given.
    pub async fn list_offsets(
        &self,
        topic: &str,
        wanted: &[(i32, OffsetSpec)],
    ) -> Result<Vec<ListedOffset>, Error> {
        // One request per partition keeps a partition that has just moved from failing the others.
        let lookups = wanted.iter().map(|(partition, spec)| self.list_offset(topic, *partition, *spec));
        join_all(lookups).await.into_iter().collect()
    }

    /// One offset for every partition of the topic.
    pub(crate) async fn list_all_offsets(
        &self,
        topic: &str,
        spec: OffsetSpec,
    ) -> Result<BTreeMap<i32, i64>, Error> {
        let partitions = self.refresh_topic(topic).await?.partitions;
        let wanted: Vec<_> = partitions.into_keys().map(|partition| (partition, spec)).collect();
        let listed = self.list_offsets(topic, &wanted).await?;
        Ok(listed.into_iter().map(|found| (found.partition, found.offset)).collect())
    }

    async fn list_offset(
        &self,
        topic: &str,
        partition: i32,
        spec: OffsetSpec,
    ) -> Result<ListedOffset, Error> {
        self.with_leader(topic, partition, "finding an offset of", |_, leader| async move {
            let wanted = ListOffsetsPartition {
                partition_index: partition,
                timestamp: spec.timestamp(),
                ..Default::default()
            };
            let request = ListOffsetsRequest {
                replica_id: -1,
                topics: vec![ListOffsetsTopic { name: Str::from(topic), partitions: vec![wanted] }],
                ..Default::default()
            };
            let connection = self.broker_connection(leader.leader, Lane::Requests).await?;
            let response = connection.request(&request).await?;
            let doing = || format!("finding an offset of {topic}-{partition}");
            let mut answers = response.topics.into_iter().flat_map(|topic| topic.partitions);
            let answer = answers.next().ok_or_else(|| Error::Broker {
                doing: doing(),
                code: ErrorCode::UNKNOWN_SERVER_ERROR,
                message: Some("the answer names no partition".to_owned()),
            })?;
            Error::check(answer.error_code, None, doing)?;
            Ok(ListedOffset {
                partition,
                offset: answer.offset,
                timestamp_ms: answer.timestamp,
                leader_epoch: answer.leader_epoch,
            })
        })
        .await
    }
}
