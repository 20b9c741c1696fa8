//! One broker as the API shows it: what its agent last said, with the age of that.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::health::{Membership, Sighting};
use super::pods::Trouble;
use super::report::{Disk, Report};

/// A broker is `unknown` when its agent was silent for this many report intervals.
pub(crate) const SILENT_INTERVALS_MAX: i64 = 3;

/// A broker's state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = BrokerState)]
pub(crate) enum State {
    /// The agent's newest report is fresh and all is well.
    Healthy,
    /// It serves, but some partitions lack replicas.
    Degraded,
    /// A check failed.
    Unhealthy,
    /// The agent is silent.
    Unknown,
    /// No report yet.
    Starting,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Broker {
    /// Kafka's node id.
    pub id: i32,
    /// How it is, in one word, as its agent reports.
    pub state: State,
    /// Whether it takes part in its cluster, as the service sees it from outside; null until it was looked at.
    pub membership: Option<Membership>,
    /// Why it does not serve, as far as its surroundings tell; null when nothing is known to be wrong.
    pub trouble: Option<Trouble>,
    /// Whether it leads the metadata quorum; null when no broker says.
    pub is_controller: Option<bool>,
    /// Whether it votes in the metadata quorum; null when the brokers do not say.
    pub is_voter: Option<bool>,
    /// Where Kafka clients reach it.
    pub host: Option<String>,
    /// Where Kafka clients reach it.
    pub port: Option<u16>,
    /// How old the newest report is, in milliseconds.
    pub report_age_ms: Option<i64>,
    /// When the newest report came in.
    pub reported_at: Option<DateTime<Utc>>,
    /// The broker software's version.
    pub version: Option<String>,
    /// When the broker process started.
    pub started_at: Option<DateTime<Utc>>,
    /// One entry per log directory.
    pub disk: Vec<Disk>,
    /// Processor cores in use, such as 0.25.
    pub cpu_cores_used: Option<f64>,
    /// Resident memory in bytes.
    pub memory_rss_bytes: Option<i64>,
    /// Produced bytes per second.
    pub bytes_in_per_second: Option<f64>,
    /// Fetched bytes per second.
    pub bytes_out_per_second: Option<f64>,
    /// Produced records per second.
    pub messages_in_per_second: Option<f64>,
    /// Replicas that this broker hosts.
    pub partitions: Option<i64>,
    /// Partitions that this broker leads.
    pub leaders: Option<i64>,
    /// Led partitions that lack in-sync replicas.
    pub under_replicated_partitions: Option<i64>,
    /// Partitions without a leader.
    pub offline_partitions: Option<i64>,
}

/// The newest report of a broker's agent, and when it came in by the database's clock.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The report.
    pub report: Report,
    /// When it came in.
    pub received_at: DateTime<Utc>,
    /// Its age.
    pub age_ms: i64,
}

impl Broker {
    /// What the API shows of a broker: its address, what was seen of it from outside, and its agent's newest report.
    pub(crate) fn of(
        id: i32,
        address: Option<(String, u16)>,
        sighting: Option<Sighting>,
        seen: Option<Seen>,
        interval_ms: i64,
    ) -> Self {
        let state = match &seen {
            None => State::Starting,
            Some(seen) if seen.age_ms > interval_ms * SILENT_INTERVALS_MAX => State::Unknown,
            Some(seen) if !seen.report.healthy => State::Unhealthy,
            Some(seen) if seen.report.lacks_replicas() => State::Degraded,
            Some(_) => State::Healthy,
        };
        let (host, port) = address.unzip();
        let replicas = sighting.as_ref().and_then(|sighting| sighting.replicas);
        let leaders = sighting.as_ref().and_then(|sighting| sighting.leaders);
        let age = seen.as_ref().map(|seen| (seen.age_ms, seen.received_at));
        let report = seen.map(|seen| seen.report).unwrap_or_default();
        Self {
            id,
            state,
            membership: sighting.as_ref().map(|sighting| sighting.membership),
            is_controller: sighting.as_ref().and_then(|sighting| sighting.is_controller),
            is_voter: sighting.as_ref().and_then(|sighting| sighting.is_voter),
            trouble: sighting.and_then(|sighting| sighting.trouble),
            host,
            port,
            report_age_ms: age.map(|(age_ms, _)| age_ms),
            reported_at: age.map(|(_, at)| at),
            version: report.version,
            started_at: report.started_at,
            disk: report.disk,
            cpu_cores_used: report.cpu_cores_used,
            memory_rss_bytes: report.memory_rss_bytes,
            bytes_in_per_second: report.bytes_in_per_second,
            bytes_out_per_second: report.bytes_out_per_second,
            messages_in_per_second: report.messages_in_per_second,
            partitions: report.partitions_total.or(replicas.map(Into::into)),
            leaders: report.leaders.or(leaders.map(Into::into)),
            under_replicated_partitions: report.under_replicated_partitions,
            offline_partitions: report.offline_partitions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Broker, Report, Seen, State};

    #[test]
    fn a_brokers_state_follows_its_newest_report_and_the_age_of_it() {
        let healthy = Report { healthy: true, ..Report::default() };
        let unhealthy = Report::default();
        let lacking = Report { healthy: true, offline_partitions: Some(1), ..Report::default() };
        for (report, age_ms, expected) in [
            (None, 0, State::Starting),
            (Some(&healthy), 6_000, State::Healthy),
            (Some(&healthy), 6_001, State::Unknown),
            (Some(&unhealthy), 10, State::Unhealthy),
            (Some(&unhealthy), 60_000, State::Unknown),
            (Some(&lacking), 10, State::Degraded),
        ] {
            let seen = report.map(|report| Seen {
                report: report.clone(),
                received_at: crate::clock::now(),
                age_ms,
            });
            assert_eq!(
                Broker::of(1, None, None, seen, 2_000).state,
                expected,
                "{report:?} after {age_ms} ms"
            );
        }
    }
}
