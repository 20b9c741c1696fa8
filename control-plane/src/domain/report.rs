//! What an agent tells about its broker every few seconds.
//!
//! `null` means that it could not be measured, which is not the same as zero.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// At most this many reports in one request.
pub(crate) const REPORTS_PER_REQUEST_MAX: usize = 30;
/// At most this many partitions in one report.
pub(crate) const PARTITIONS_PER_REPORT_MAX: usize = 2_000;
/// At most this many checks, or log directories, in one report.
pub(crate) const ENTRIES_PER_REPORT_MAX: usize = 100;

/// An agent says hello.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    /// The cluster that the agent's key is bound to.
    pub cluster_id: Uuid,
    /// The broker that the agent's key is bound to.
    pub node_id: i32,
    /// New at each start of the agent.
    pub incarnation: Uuid,
    /// The agent's version.
    pub agent_version: Option<String>,
    /// The machine it runs on.
    pub host: Option<String>,
    /// The agent's process.
    pub pid: Option<i64>,
    /// When the agent started.
    pub started_at: Option<DateTime<Utc>>,
}

/// A batch of reports, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reports {
    /// The cluster that the agent's key is bound to.
    pub cluster_id: Uuid,
    /// The broker that the agent's key is bound to.
    pub node_id: i32,
    /// New at each start of the agent.
    pub incarnation: Uuid,
    /// Reports lost since the agent started because its buffer was full.
    #[serde(default)]
    pub dropped_reports: i64,
    /// 1 to 30 of them.
    pub reports: Vec<Report>,
}

/// What an agent saw at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// Counts from 1 in each incarnation.
    pub sequence: i64,
    /// When, by the agent's clock.
    pub at: DateTime<Utc>,
    /// Whether all checks passed.
    pub healthy: bool,
    /// Each check.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The broker software's version.
    pub version: Option<String>,
    /// When the broker process started.
    pub started_at: Option<DateTime<Utc>>,
    /// One entry per log directory.
    #[serde(default)]
    pub disk: Vec<Disk>,
    /// Processor cores in use.
    pub cpu_cores_used: Option<f64>,
    /// Resident memory in bytes.
    pub memory_rss_bytes: Option<i64>,
    /// Replicas that the broker hosts.
    pub partitions_total: Option<i64>,
    /// Partitions that the broker leads.
    pub leaders: Option<i64>,
    /// Led partitions that lack in-sync replicas.
    pub under_replicated_partitions: Option<i64>,
    /// Led partitions below `min.insync.replicas`.
    pub under_min_isr_partitions: Option<i64>,
    /// Partitions without a leader.
    pub offline_partitions: Option<i64>,
    /// Produced bytes since the broker started.
    pub bytes_in_total: Option<i64>,
    /// Fetched bytes since the broker started.
    pub bytes_out_total: Option<i64>,
    /// Produced records since the broker started.
    pub messages_in_total: Option<i64>,
    /// Produced bytes per second.
    pub bytes_in_per_second: Option<f64>,
    /// Fetched bytes per second.
    pub bytes_out_per_second: Option<f64>,
    /// Produced records per second.
    pub messages_in_per_second: Option<f64>,
    /// The busiest partitions.
    #[serde(default)]
    pub partitions: Vec<PartitionLoad>,
}

impl Report {
    /// Whether a partition of the broker has too few replicas or no leader.
    pub(crate) fn lacks_replicas(&self) -> bool {
        [self.under_replicated_partitions, self.under_min_isr_partitions, self.offline_partitions]
            .into_iter()
            .flatten()
            .any(|count| count > 0)
    }
}

/// One health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    /// Which, such as `kafka`.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// Why not.
    pub message: Option<String>,
}

/// One log directory's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disk {
    /// The directory.
    pub dir: String,
    /// Bytes in use.
    pub used_bytes: i64,
    /// Bytes that there are.
    pub total_bytes: i64,
}

/// One partition's load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartitionLoad {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// Produced bytes since the broker started.
    pub bytes_in_total: Option<i64>,
    /// Fetched bytes since the broker started.
    pub bytes_out_total: Option<i64>,
    /// Produced records since the broker started.
    pub messages_in_total: Option<i64>,
    /// Bytes on disk.
    pub size_bytes: Option<i64>,
}

/// How far the control plane has an agent's reports, and when it wants the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Accepted {
    /// The highest sequence that is stored of this incarnation; null when there is none.
    pub accepted_sequence: Option<i64>,
    /// Time between reports, in milliseconds.
    pub report_interval_ms: i64,
}
