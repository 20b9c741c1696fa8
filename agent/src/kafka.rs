//! Asks the broker about its partitions over Kafka's own protocol, so that any engine can answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use headrace_client::{Client, Resource};
use headrace_protocol::messages::describe_log_dirs::DescribeLogDirsResponse;
use headrace_protocol::messages::metadata::{MetadataRequest, MetadataResponse};

use crate::observe::LogDirs;

const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// Topics whose `min.insync.replicas` is asked for in one look. More under-replicated topics than this are a node that
/// is down, and then the count of partitions says enough.
const MIN_ISR_TOPICS_MAX: usize = 200;

/// The partitions of this broker as the cluster's metadata shows them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TopicsView {
    /// Replicas that this broker holds.
    pub(crate) hosted: BTreeSet<(String, i32)>,
    pub(crate) leaders: u64,
    /// Led here, with fewer in-sync replicas than replicas.
    pub(crate) under_replicated: u64,
    /// Led here, with fewer in-sync replicas than `min.insync.replicas`. None when the broker does not say.
    pub(crate) under_min_isr: Option<u64>,
    /// Held here and led by nobody.
    pub(crate) offline: u64,
    /// In-sync replicas of the under-replicated partitions led here, by topic.
    pub(crate) short: BTreeMap<String, Vec<usize>>,
}

/// A connection to one broker, made when first needed and again after a failure.
pub(crate) struct Kafka {
    bootstrap: String,
    node_id: i32,
    client: Option<Client>,
}

impl Kafka {
    pub(crate) fn new(bootstrap: &str, node_id: i32) -> Self {
        Self { bootstrap: bootstrap.to_owned(), node_id, client: None }
    }

    /// The next question connects anew.
    pub(crate) fn disconnect(&mut self) {
        self.client = None;
    }

    async fn client(&mut self) -> Result<Client, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = Client::connect(&[self.bootstrap.as_str()], CONNECT_DEADLINE)
            .await
            .map_err(|error| error.to_string())?;
        self.client = Some(client.clone());
        Ok(client)
    }

    pub(crate) async fn topics(&mut self) -> Result<TopicsView, String> {
        let client = self.client().await?;
        // This broker and no other: that the rest of the cluster answers says nothing about it.
        let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
        let asked = client.request_broker(self.node_id, &request).await;
        let metadata = asked.map_err(|error| error.to_string())?;
        let mut view = view(&metadata, self.node_id);
        view.under_min_isr = match view.short.len() {
            0 => Some(0),
            1..=MIN_ISR_TOPICS_MAX => under_min_isr(&client, &view.short).await,
            _ => None,
        };
        Ok(view)
    }

    pub(crate) async fn log_dirs(&mut self) -> Result<LogDirs, String> {
        let client = self.client().await?;
        let answer = client.describe_log_dirs(self.node_id).await.map_err(|error| error.to_string())?;
        Ok(log_dirs(&answer))
    }
}

async fn under_min_isr(client: &Client, short: &BTreeMap<String, Vec<usize>>) -> Option<u64> {
    let resources: Vec<Resource> = short.keys().map(|topic| Resource::Topic(topic.as_str().into())).collect();
    let answers = client.describe_configs(&resources).await.ok()?;
    let mut count = 0;
    for (resource, configs) in answers {
        let Resource::Topic(topic) = resource else { continue };
        let configs = configs.ok()?;
        let min_isr = configs.iter().find(|config| &*config.name == "min.insync.replicas")?.value.as_ref()?;
        let min_isr: usize = min_isr.parse().ok()?;
        count += short.get(&*topic)?.iter().filter(|isr| **isr < min_isr).count() as u64;
    }
    Some(count)
}

/// What the metadata says of one broker's partitions. Pure.
fn view(metadata: &MetadataResponse, node_id: i32) -> TopicsView {
    let mut view = TopicsView::default();
    for topic in &metadata.topics {
        let Some(name) = topic.name.as_ref() else { continue };
        for partition in &topic.partitions {
            let leads = partition.leader_id == node_id;
            if !leads && !partition.replica_nodes.contains(&node_id) {
                continue;
            }
            view.hosted.insert((name.to_string(), partition.partition_index));
            view.leaders += u64::from(leads);
            view.offline += u64::from(partition.leader_id < 0);
            if leads && partition.isr_nodes.len() < partition.replica_nodes.len() {
                view.under_replicated += 1;
                view.short.entry(name.to_string()).or_default().push(partition.isr_nodes.len());
            }
        }
    }
    view
}

/// Where replicas lie and how large they are. Pure.
fn log_dirs(answer: &DescribeLogDirsResponse) -> LogDirs {
    let mut found = LogDirs::default();
    for dir in &answer.results {
        if dir.error_code.is_err() {
            found.failed.push(dir.log_dir.to_string());
            continue;
        }
        found.dirs.push(PathBuf::from(&*dir.log_dir));
        for topic in &dir.topics {
            for partition in topic.partitions.iter().filter(|partition| !partition.is_future_key) {
                let size = u64::try_from(partition.partition_size).unwrap_or(0);
                found.sizes.insert((topic.name.to_string(), partition.partition_index), size);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use headrace_protocol::ErrorCode;
    use headrace_protocol::messages::describe_log_dirs::{
        DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
    };
    use headrace_protocol::messages::metadata::{MetadataResponsePartition, MetadataResponseTopic};

    use super::*;

    fn partition(index: i32, leader: i32, replicas: &[i32], isr: &[i32]) -> MetadataResponsePartition {
        MetadataResponsePartition {
            partition_index: index,
            leader_id: leader,
            replica_nodes: replicas.to_vec(),
            isr_nodes: isr.to_vec(),
            ..Default::default()
        }
    }

    #[test]
    fn partitions_are_counted_where_they_lie() {
        let topic = MetadataResponseTopic {
            name: Some("t".into()),
            partitions: vec![
                partition(0, 1, &[1, 2], &[1, 2]),
                partition(1, 1, &[1, 2], &[1]),
                partition(2, 2, &[2, 1], &[2]),
                partition(3, -1, &[1], &[]),
                partition(4, 2, &[2, 3], &[2]),
            ],
            ..Default::default()
        };
        let view = view(&MetadataResponse { topics: vec![topic], ..Default::default() }, 1);
        assert_eq!(view.hosted.len(), 4);
        assert_eq!((view.leaders, view.under_replicated, view.offline), (2, 1, 1));
        assert_eq!(view.short["t"], [1]);
    }

    #[test]
    fn log_dirs_give_sizes_and_failures() {
        let size = DescribeLogDirsPartition { partition_index: 3, partition_size: 42, ..Default::default() };
        let moving =
            DescribeLogDirsPartition { partition_size: 7, is_future_key: true, ..Default::default() };
        let topic = DescribeLogDirsTopic { name: "t".into(), partitions: vec![size, moving] };
        let good = DescribeLogDirsResult { log_dir: "/a".into(), topics: vec![topic], ..Default::default() };
        let bad = DescribeLogDirsResult {
            log_dir: "/b".into(),
            error_code: ErrorCode::KAFKA_STORAGE_ERROR,
            ..Default::default()
        };
        let found = log_dirs(&DescribeLogDirsResponse { results: vec![good, bad], ..Default::default() });
        assert_eq!(found.dirs, [PathBuf::from("/a")]);
        assert_eq!(found.failed, ["/b"]);
        assert_eq!(found.sizes.into_iter().collect::<Vec<_>>(), [(("t".to_owned(), 3), 42)]);
    }
}
