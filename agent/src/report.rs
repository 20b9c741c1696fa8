//! The bodies that go to the control plane and come back from it. A `None` says "could not be measured".

use serde::{Deserialize, Serialize};

/// `POST /v1/agent/register`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Register<'a> {
    pub(crate) cluster_id: &'a str,
    pub(crate) node_id: i32,
    /// New at each start of the agent: sequence numbers count within it.
    pub(crate) incarnation: &'a str,
    pub(crate) agent_version: &'a str,
    pub(crate) host: &'a str,
    pub(crate) pid: u32,
    pub(crate) started_at: &'a str,
}

/// `POST /v1/agent/reports`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reports<'a> {
    pub(crate) cluster_id: &'a str,
    pub(crate) node_id: i32,
    pub(crate) incarnation: &'a str,
    pub(crate) dropped_reports: u64,
    pub(crate) reports: &'a [Report],
}

/// The answer to both.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Accepted {
    #[serde(default)]
    pub(crate) accepted_sequence: Option<u64>,
    #[serde(default)]
    pub(crate) report_interval_ms: Option<u64>,
}

/// The broker at one moment. Byte counts are bytes; rates are per second since the report before.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) sequence: u64,
    pub(crate) at: String,
    pub(crate) healthy: bool,
    pub(crate) checks: Vec<Check>,
    pub(crate) version: Option<String>,
    pub(crate) started_at: Option<String>,
    pub(crate) disk: Vec<Disk>,
    pub(crate) cpu_cores_used: Option<f64>,
    pub(crate) memory_rss_bytes: Option<u64>,
    pub(crate) partitions_total: Option<u64>,
    pub(crate) leaders: Option<u64>,
    pub(crate) under_replicated_partitions: Option<u64>,
    pub(crate) under_min_isr_partitions: Option<u64>,
    pub(crate) offline_partitions: Option<u64>,
    pub(crate) bytes_in_total: Option<u64>,
    pub(crate) bytes_out_total: Option<u64>,
    pub(crate) messages_in_total: Option<u64>,
    pub(crate) bytes_in_per_second: Option<f64>,
    pub(crate) bytes_out_per_second: Option<f64>,
    pub(crate) messages_in_per_second: Option<f64>,
    pub(crate) partitions: Vec<PartitionReport>,
}

/// One health check: `admin`, `kafka` or `disk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) ok: bool,
    /// What is wrong; empty when nothing is.
    pub(crate) message: String,
}

/// The file system under one log directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Disk {
    pub(crate) dir: String,
    pub(crate) used_bytes: u64,
    pub(crate) total_bytes: u64,
}

/// One replica of this broker: what went through it since the broker started, and what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PartitionReport {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) bytes_in_total: u64,
    pub(crate) bytes_out_total: u64,
    pub(crate) messages_in_total: u64,
    pub(crate) size_bytes: Option<u64>,
}
