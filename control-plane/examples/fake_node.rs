//! Stands in for the `headrace` binary in this crate's tests: `broker --config FILE` listens where the file says and
//! answers `/readyz` and just enough of Kafka's protocol; `agent --config FILE` only waits. Both end at SIGTERM.
//!
//! The brokers of a cluster find each other by their folders, which lie side by side: one that accepts connections is
//! live. There is one topic with a replica on each broker; a replica is in sync a while after its broker started.
//! `AddRaftVoter` is noted in the cluster's folder, in `fake-voters`; a broker whose id is in `fake-behind` there is
//! never in sync.
//!
//! `broker --check` finds fault with keys that start with `unknown.`.
//! `fake.fails=true` in the configuration makes the broker end at once, as a bad configuration would;
//! `fake.quorum=false` makes it an engine that says nothing of its metadata quorum.
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "standard output and error are how a broker says what is wrong"
)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use headrace_protocol::messages::add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse};
use headrace_protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use headrace_protocol::messages::describe_cluster::{DescribeClusterBroker, DescribeClusterResponse};
use headrace_protocol::messages::describe_configs::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
};
use headrace_protocol::messages::describe_quorum::{
    DescribeQuorumResponse, DescribeQuorumResponsePartitionData, DescribeQuorumResponseTopicData,
    ReplicaState,
};
use headrace_protocol::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use headrace_protocol::{ApiKey, ErrorCode, Message as _, Reader, RequestHeader, Str, frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the control plane asks with, in one version each.
const VERSIONS: [(ApiKey, i16); 6] = [
    (ApiKey::ApiVersions, 0),
    (ApiKey::Metadata, 4),
    (ApiKey::DescribeCluster, 0),
    (ApiKey::DescribeConfigs, 1),
    (ApiKey::DescribeQuorum, 1),
    (ApiKey::AddRaftVoter, 0),
];
/// A replica is in sync this long after its broker started.
const CATCH_UP: Duration = Duration::from_millis(400);

type Properties = HashMap<String, String>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(2).is_some_and(|argument| argument == "--check") {
        return check(&std::io::read_to_string(std::io::stdin()).expect("a configuration"));
    }
    let [_, command, flag, config] = arguments.as_slice() else { panic!("broker|agent --config FILE") };
    assert_eq!(flag, "--config");
    if command == "agent" {
        return std::future::pending().await;
    }
    let config = PathBuf::from(config);
    let properties = read(&config).expect("the configuration");
    if properties.get("fake.fails").is_some_and(|fails| fails == "true") {
        eprintln!("the configuration has 1 problem: fake.fails");
        std::process::exit(2);
    }
    let folder = config.parent().expect("a folder");
    std::fs::write(folder.join("fake-started"), "").expect("written");
    let cluster = folder.parent().expect("the cluster's folder").to_owned();
    let kafka = TcpListener::bind(internal(&properties)).await.expect("a free port");
    let admin = TcpListener::bind(&properties["headrace.admin.listener"]).await.expect("a free port");
    tokio::spawn(serve_admin(admin));
    while let Ok((socket, _)) = kafka.accept().await {
        tokio::spawn(serve_kafka(socket, cluster.clone(), properties.clone()));
    }
}

fn read(config: &Path) -> Option<Properties> {
    let text = std::fs::read_to_string(config).ok()?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Some(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

fn internal(properties: &Properties) -> &str {
    properties["listeners"].rsplit_once("INTERNAL://").expect("a listener").1
}

/// What starts with `unknown.` is wrong.
fn check(text: &str) {
    let wrong: Vec<&str> = text.lines().filter(|line| line.starts_with("unknown.")).collect();
    for line in &wrong {
        println!("{}: there is no such key", line.split('=').next().unwrap_or_default());
    }
    if !wrong.is_empty() {
        std::process::exit(2);
    }
}

async fn serve_admin(listener: TcpListener) {
    while let Ok((mut socket, _)) = listener.accept().await {
        let mut request = [0; 1024];
        let _ = socket.read(&mut request).await;
        let _ =
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
    }
}

async fn serve_kafka(mut socket: TcpStream, cluster: PathBuf, own: Properties) -> Option<()> {
    loop {
        let length = socket.read_u32().await.ok()?;
        let mut request = vec![0; usize::try_from(length).ok()?];
        socket.read_exact(&mut request).await.ok()?;
        let (header, body) = frame::split_request(Bytes::from(request)).ok()?;
        for part in answer(&header, body, &Cluster::look(&cluster), &own)? {
            socket.write_all(&part).await.ok()?;
        }
    }
}

/// A cluster by what lies in its folder.
struct Cluster {
    dir: PathBuf,
    /// The ports of the live brokers.
    live: BTreeMap<i32, i32>,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    voters: Vec<i32>,
}

impl Cluster {
    fn look(dir: &Path) -> Self {
        let (mut live, mut replicas, mut isr) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut voters = vec![1];
        let behind = std::fs::read_to_string(dir.join("fake-behind")).unwrap_or_default();
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let Some(properties) = read(&entry.path().join("broker.properties")) else { continue };
            let id: i32 = properties["node.id"].parse().expect("a number");
            if let Some(first) = properties.get("controller.quorum.voters") {
                let id = |voter: &str| voter.split_once('@').and_then(|(id, _)| id.parse().ok());
                voters = first.split(',').filter_map(id).collect();
            }
            replicas.push(id);
            let address = internal(&properties);
            if std::net::TcpStream::connect(address).is_err() {
                continue;
            }
            live.insert(
                id,
                address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port"),
            );
            let started = entry.path().join("fake-started").metadata().and_then(|file| file.modified());
            if behind != id.to_string()
                && started.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > CATCH_UP))
            {
                isr.push(id);
            }
        }
        let added = std::fs::read_to_string(dir.join("fake-voters")).unwrap_or_default();
        voters.extend(added.lines().filter_map(|line| line.parse::<i32>().ok()));
        replicas.sort_unstable();
        isr.sort_unstable();
        if isr.is_empty() {
            // Somebody was the leader before.
            isr.extend(live.keys().next());
        }
        Self { dir: dir.to_owned(), live, replicas, isr, voters }
    }

    /// The lowest of the live voters.
    fn controller(&self) -> i32 {
        self.live.keys().copied().find(|id| self.voters.contains(id)).unwrap_or(-1)
    }

    fn topic(&self) -> MetadataResponseTopic {
        let partition = MetadataResponsePartition {
            leader_id: self.isr.first().copied().unwrap_or(-1),
            replica_nodes: self.replicas.clone(),
            isr_nodes: self.isr.clone(),
            ..Default::default()
        };
        MetadataResponseTopic { name: Some("t".into()), partitions: vec![partition], ..Default::default() }
    }
}

fn answer(
    header: &RequestHeader,
    mut body: Reader,
    cluster: &Cluster,
    own: &Properties,
) -> Option<Vec<Bytes>> {
    let (version, correlation) = (header.api_version, header.correlation_id);
    let host = || Str::from("127.0.0.1");
    let key = header.key().ok()?;
    let parts = match key {
        ApiKey::ApiVersions => {
            let silent = own.get("fake.quorum").is_some_and(|told| told == "false");
            let told = |(key, _): &(ApiKey, i16)| {
                !(silent && matches!(key, ApiKey::DescribeQuorum | ApiKey::AddRaftVoter))
            };
            let api_keys = VERSIONS.into_iter().filter(told).map(|(key, version)| ApiVersion {
                api_key: key as i16,
                min_version: version,
                max_version: version,
            });
            let error_code = if version == 0 { ErrorCode::NONE } else { ErrorCode::UNSUPPORTED_VERSION };
            let response =
                ApiVersionsResponse { error_code, api_keys: api_keys.collect(), ..Default::default() };
            frame::encode_response(key, 0, correlation, &response)
        }
        ApiKey::Metadata => {
            let request = MetadataRequest::decode(&mut body, version).ok()?;
            let brokers = cluster.live.iter().map(|(id, port)| MetadataResponseBroker {
                node_id: *id,
                host: host(),
                port: *port,
                rack: None,
            });
            let response = MetadataResponse {
                brokers: brokers.collect(),
                controller_id: cluster.controller(),
                topics: if request.topics.is_none() { vec![cluster.topic()] } else { Vec::new() },
                ..Default::default()
            };
            frame::encode_response(key, version, correlation, &response)
        }
        ApiKey::DescribeCluster => {
            let brokers = cluster.live.iter().map(|(id, port)| DescribeClusterBroker {
                broker_id: *id,
                host: host(),
                port: *port,
                ..Default::default()
            });
            let response = DescribeClusterResponse {
                brokers: brokers.collect(),
                controller_id: cluster.controller(),
                ..Default::default()
            };
            frame::encode_response(key, version, correlation, &response)
        }
        ApiKey::DescribeConfigs => {
            let min_isr = own["min.insync.replicas"].as_str();
            let config = DescribeConfigsResourceResult {
                name: "min.insync.replicas".into(),
                value: Some(min_isr.into()),
                ..Default::default()
            };
            let result = DescribeConfigsResult { configs: vec![config], ..Default::default() };
            let response = DescribeConfigsResponse { results: vec![result], ..Default::default() };
            frame::encode_response(key, version, correlation, &response)
        }
        ApiKey::DescribeQuorum => {
            let voter = |id: &i32| ReplicaState { replica_id: *id, ..Default::default() };
            let partition = DescribeQuorumResponsePartitionData {
                leader_id: cluster.controller(),
                current_voters: cluster.voters.iter().map(voter).collect(),
                ..Default::default()
            };
            let topic = DescribeQuorumResponseTopicData { partitions: vec![partition], ..Default::default() };
            let response = DescribeQuorumResponse { topics: vec![topic], ..Default::default() };
            frame::encode_response(key, version, correlation, &response)
        }
        ApiKey::AddRaftVoter => {
            let request = AddRaftVoterRequest::decode(&mut body, version).ok()?;
            let path = cluster.dir.join("fake-voters");
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            std::fs::write(path, format!("{before}{}\n", request.voter_id)).expect("written");
            frame::encode_response(key, version, correlation, &AddRaftVoterResponse::default())
        }
        _ => return None,
    };
    parts.ok()
}
