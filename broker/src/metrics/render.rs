//! /metrics in Prometheus' text format, under the names that Strimzi's JMX rules and kafka_exporter give.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use headrace_protocol::ApiKey;

use super::{LATENCY_BUCKETS_US, process};
use crate::broker::Broker;
use crate::replica::Partition;

/// The whole page.
pub(crate) fn render(broker: &Broker) -> String {
    let mut page = Page::default();
    let partitions = broker.replicas.partitions();
    partition_metrics(&mut page, &partitions);
    replica_metrics(&mut page, broker, &partitions);
    api_metrics(&mut page, broker);
    broker_metrics(&mut page, broker);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"{}\"", escape(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn partition_metrics(page: &mut Page, partitions: &[std::sync::Arc<Partition>]) {
    type Get = fn(&Partition) -> u64;
    let families: [(&str, &str, Get); 3] = [
        ("bytes_in", "Bytes of record batches appended by clients.", |p| p.counters.bytes_in.get()),
        ("bytes_out", "Bytes of record batches sent to clients.", |p| p.counters.bytes_out.get()),
        ("messages_in", "Records appended by clients.", |p| p.counters.messages_in.get()),
    ];
    for (short, help, get) in families {
        let mut topics: BTreeMap<&str, u64> = BTreeMap::new();
        let name = format!("headrace_partition_{short}_total");
        page.family(&name, "counter", help);
        for partition in partitions {
            let value = get(partition);
            *topics.entry(partition.topic()).or_default() += value;
            let index = partition.index().to_string();
            page.sample(&name, &[("topic", partition.topic()), ("partition", &index)], value);
        }
        let name = format!("kafka_server_brokertopicmetrics_{}_total", short.replace('_', ""));
        page.family(&name, "counter", help);
        for (topic, value) in topics {
            page.sample(&name, &[("topic", topic)], value);
        }
    }
    type Gauge = fn(&Partition) -> i64;
    let gauges: [(&str, &str, Gauge); 3] = [
        ("kafka_topic_partition_current_offset", "The high watermark.", Partition::high_watermark),
        (
            "kafka_topic_partition_oldest_offset",
            "The first offset that is kept.",
            Partition::log_start_offset,
        ),
        ("kafka_log_log_logendoffset", "The offset that the next record gets.", Partition::log_end_offset),
    ];
    for (name, help, get) in gauges {
        page.family(name, "gauge", help);
        for partition in partitions {
            let index = partition.index().to_string();
            page.sample(name, &[("topic", partition.topic()), ("partition", &index)], get(partition));
        }
    }
    page.family("kafka_log_log_size", "gauge", "Bytes on disk.");
    for partition in partitions {
        let index = partition.index().to_string();
        page.sample(
            "kafka_log_log_size",
            &[("topic", partition.topic()), ("partition", &index)],
            partition.size_bytes(),
        );
    }
}

fn replica_metrics(page: &mut Page, broker: &Broker, partitions: &[std::sync::Arc<Partition>]) {
    let leaders = partitions.iter().filter(|p| p.is_leader()).count();
    let under = partitions.iter().filter(|p| p.is_under_replicated()).count();
    let under_min = partitions.iter().filter(|p| p.is_under_min_isr()).count();
    let rows = [
        ("partitioncount", "Partitions on this broker.", partitions.len()),
        ("leadercount", "Partitions that this broker leads.", leaders),
        ("underreplicatedpartitions", "Led partitions with a replica out of sync.", under),
        ("underminisrpartitioncount", "Led partitions below min.insync.replicas.", under_min),
        (
            "offlinereplicacount",
            "Replicas on this broker that cannot be used.",
            broker.replicas.offline_count(),
        ),
    ];
    for (name, help, value) in rows {
        page.single(&format!("kafka_server_replicamanager_{name}"), "gauge", help, value);
    }
    let image = broker.image();
    let offline = image.topics().flat_map(|topic| &topic.partitions).filter(|p| p.leader < 0).count();
    let controller = i32::from(broker.metadata.is_leader());
    page.single(
        "kafka_controller_kafkacontroller_activecontrollercount",
        "gauge",
        "1 on the controller.",
        controller,
    );
    page.single(
        "kafka_controller_kafkacontroller_offlinepartitionscount",
        "gauge",
        "Partitions without a leader.",
        offline,
    );
    page.single(
        "kafka_controller_kafkacontroller_globaltopiccount",
        "gauge",
        "Topics of the cluster.",
        image.topic_count(),
    );
    page.single(
        "kafka_controller_kafkacontroller_globalpartitioncount",
        "gauge",
        "Partitions of the cluster.",
        image.partition_count(),
    );
}

fn api_metrics(page: &mut Page, broker: &Broker) {
    let used: Vec<ApiKey> =
        ApiKey::ALL.iter().copied().filter(|key| broker.metrics.api(*key).count() > 0).collect();
    let name = "kafka_network_requestmetrics_requests_total";
    page.family(name, "counter", "Requests answered.");
    for key in &used {
        page.sample(name, &[("request", key.name())], broker.metrics.api(*key).count());
    }
    let name = "kafka_network_requestmetrics_errors_total";
    page.family(name, "counter", "Requests that could not be decoded or encoded.");
    for key in &used {
        page.sample(name, &[("request", key.name())], broker.metrics.api(*key).errors.get());
    }
    let name = "headrace_request_duration_seconds";
    page.family(name, "histogram", "From a request being whole to its answer being ready.");
    for key in used {
        let api = broker.metrics.api(key);
        let mut sum = 0;
        for (at, bucket) in api.buckets.iter().enumerate() {
            sum += bucket.get();
            let bound =
                LATENCY_BUCKETS_US.get(at).map_or("+Inf".to_owned(), |us| (*us as f64 / 1e6).to_string());
            page.sample(
                "headrace_request_duration_seconds_bucket",
                &[("request", key.name()), ("le", &bound)],
                sum,
            );
        }
        page.sample("headrace_request_duration_seconds_count", &[("request", key.name())], sum);
        let seconds = api.total_us.get() as f64 / 1e6;
        page.sample("headrace_request_duration_seconds_sum", &[("request", key.name())], seconds);
    }
}

fn broker_metrics(page: &mut Page, broker: &Broker) {
    let metrics = &broker.metrics;
    page.single(
        "kafka_server_socket_server_connection_count",
        "gauge",
        "Open connections.",
        metrics.connections.get(),
    );
    let counters = [
        ("headrace_connections_accepted_total", "Connections accepted.", &metrics.connections_accepted),
        ("headrace_connections_refused_total", "Connections over a limit.", &metrics.connections_refused),
        (
            "headrace_connections_idle_closed_total",
            "Connections closed for idleness.",
            &metrics.connections_idle_closed,
        ),
        (
            "headrace_protocol_errors_total",
            "Connections closed for what they sent.",
            &metrics.protocol_errors,
        ),
        ("headrace_socket_bytes_in_total", "Bytes read from clients.", &metrics.socket_bytes_in),
        ("headrace_socket_bytes_out_total", "Bytes written to clients.", &metrics.socket_bytes_out),
        (
            "headrace_cold_reads_total",
            "Reads of records that were not in the broker's own memory.",
            &metrics.cold_reads,
        ),
        ("headrace_log_flushes_total", "Logs forced to disk.", &metrics.flushes),
        (
            "kafka_server_brokertopicmetrics_failedproducerequests_total",
            "Partitions that refused a write.",
            &metrics.failed_produce,
        ),
        (
            "kafka_server_brokertopicmetrics_failedfetchrequests_total",
            "Partitions that refused a read.",
            &metrics.failed_fetch,
        ),
    ];
    for (name, help, counter) in counters {
        page.single(name, "counter", help, counter.get());
    }
    let sessions = broker.fetch_sessions.len();
    page.single(
        "kafka_server_fetchsessioncache_numincrementalfetchsessions",
        "gauge",
        "Fetch sessions kept.",
        sessions,
    );
    let usage = process::usage();
    page.single("process_cpu_seconds_total", "counter", "CPU time of the process.", usage.cpu_seconds);
    page.single(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory of the process.",
        usage.resident_bytes,
    );
    page.single("process_threads", "gauge", "Threads of the process.", usage.threads);
    page.single("process_open_fds", "gauge", "Open files and sockets.", usage.open_files);
    let started = broker.started_ms as f64 / 1e3;
    page.single("process_start_time_seconds", "gauge", "When the broker started.", started);
    page.family("headrace_build_info", "gauge", "The version that runs.");
    page.sample("headrace_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("headrace_groups", "gauge", "Groups this broker coordinates, by state.");
    for (state, count) in broker.group_counts() {
        page.sample("headrace_groups", &[("state", state)], count);
    }
}
