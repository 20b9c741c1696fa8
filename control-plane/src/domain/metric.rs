//! Throughput over time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Produced bytes per second.
    BytesIn,
    /// Fetched bytes per second.
    BytesOut,
    /// Produced records per second.
    MessagesIn,
}

impl Metric {
    /// The words that a query may use.
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("bytes_in", Self::BytesIn), ("bytes_out", Self::BytesOut), ("messages_in", Self::MessagesIn)];

    /// The unit of the values.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::BytesIn | Self::BytesOut => "bytes/second",
            Self::MessagesIn => "messages/second",
        }
    }
}

/// A metric of every broker over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct MetricSeries {
    /// Which.
    pub metric: Metric,
    /// The unit of the values.
    pub unit: String,
    /// Seconds between points.
    pub step_seconds: i64,
    /// One per broker.
    pub series: Vec<BrokerSeries>,
}

/// A metric of one broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BrokerSeries {
    /// The broker's node id.
    pub broker: i32,
    /// `[time in Unix milliseconds, value]`, oldest first.
    pub points: Vec<[f64; 2]>,
}
