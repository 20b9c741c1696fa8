//! Stands in for the `headrace` binary in this crate's tests: `broker --config FILE` listens where the file says and
//! answers `/readyz` and just enough of Kafka's protocol; `agent --config FILE` only waits. Both end at SIGTERM.
//!
//! `broker --check` finds fault with keys that start with `unknown.`.
//! `fake.fails=true` in the configuration makes the broker end at once, as a bad configuration would.
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "standard output and error are how a broker says what is wrong"
)]

use std::collections::HashMap;
use std::path::PathBuf;

use bytes::Bytes;
use headrace_protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use headrace_protocol::messages::describe_cluster::{DescribeClusterBroker, DescribeClusterResponse};
use headrace_protocol::messages::metadata::{MetadataResponse, MetadataResponseBroker};
use headrace_protocol::{ApiKey, RequestHeader, Str, frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the control plane asks with, in one version each.
const VERSIONS: [(ApiKey, i16); 3] =
    [(ApiKey::ApiVersions, 0), (ApiKey::Metadata, 4), (ApiKey::DescribeCluster, 0)];

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
    let text = std::fs::read_to_string(PathBuf::from(config)).expect("the configuration");
    let properties: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    if properties.get("fake.fails") == Some(&"true") {
        eprintln!("the configuration has 1 problem: fake.fails");
        std::process::exit(2);
    }
    let node: i32 = properties["node.id"].parse().expect("a number");
    let internal = properties["listeners"].rsplit_once("INTERNAL://").expect("a listener").1.to_owned();
    let kafka = TcpListener::bind(&internal).await.expect("a free port");
    let admin = TcpListener::bind(properties["headrace.admin.listener"]).await.expect("a free port");
    tokio::spawn(serve_admin(admin));
    let port = kafka.local_addr().expect("bound").port();
    while let Ok((socket, _)) = kafka.accept().await {
        tokio::spawn(serve_kafka(socket, node, i32::from(port)));
    }
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

async fn serve_kafka(mut socket: TcpStream, node: i32, port: i32) -> Option<()> {
    loop {
        let length = socket.read_u32().await.ok()?;
        let mut request = vec![0; usize::try_from(length).ok()?];
        socket.read_exact(&mut request).await.ok()?;
        let (header, _) = frame::split_request(Bytes::from(request)).ok()?;
        for part in answer(&header, node, port)? {
            socket.write_all(&part).await.ok()?;
        }
    }
}

fn answer(header: &RequestHeader, node: i32, port: i32) -> Option<Vec<Bytes>> {
    let (version, correlation) = (header.api_version, header.correlation_id);
    let host = Str::from("127.0.0.1");
    let key = header.key().ok()?;
    let parts = match key {
        ApiKey::ApiVersions => {
            let api_keys = VERSIONS.map(|(key, version)| ApiVersion {
                api_key: key as i16,
                min_version: version,
                max_version: version,
            });
            let response = ApiVersionsResponse { api_keys: api_keys.to_vec(), ..Default::default() };
            let error_code = if version == 0 { 0 } else { 35 };
            let response =
                ApiVersionsResponse { error_code: headrace_protocol::ErrorCode(error_code), ..response };
            frame::encode_response(key, 0, correlation, &response)
        }
        ApiKey::Metadata => {
            let brokers = vec![MetadataResponseBroker { node_id: node, host, port, rack: None }];
            let response = MetadataResponse { brokers, controller_id: node, ..Default::default() };
            frame::encode_response(key, version, correlation, &response)
        }
        ApiKey::DescribeCluster => {
            let brokers = vec![DescribeClusterBroker { broker_id: node, host, port, ..Default::default() }];
            let response = DescribeClusterResponse { brokers, controller_id: node, ..Default::default() };
            frame::encode_response(key, version, correlation, &response)
        }
        _ => return None,
    };
    parts.ok()
}
