//! The broker over its socket, byte by byte: what it does with good requests, bad ones, and none at all.
#![expect(clippy::disallowed_methods, reason = "a black-box test waits in real time")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headrace_broker::Options;
use headrace_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use headrace_protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use headrace_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use headrace_protocol::messages::init_producer_id::InitProducerIdRequest;
use headrace_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use headrace_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use headrace_protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use headrace_protocol::{ErrorCode, Message, Reader, Request, frame};
use headrace_records::{BatchBuilder, Compression, batches};
use tokio::sync::oneshot;

const TOPIC: &str = "wire";
const PATIENCE: Duration = Duration::from_secs(20);

/// An address that nobody else takes: below the ports that the kernel gives to outgoing connections, and another one
/// for every broker of every test process.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 15_000;
    const COUNT: u32 = 5_000;
    const PER_PROCESS: u32 = 50;
    for _ in 0..COUNT {
        let at =
            std::process::id().wrapping_mul(PER_PROCESS).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let address = SocketAddr::from(([127, 0, 0, 1], (FIRST + at % COUNT) as u16));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port from {FIRST} on is free");
}

struct Node {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    fn start(dir: &Path, extra: &[&str]) -> Self {
        let address = free_address();
        let mut set = vec![
            format!("log.dirs={}", dir.display()),
            format!("listeners=PLAINTEXT://{address}"),
            "headrace.admin.listener=".to_owned(),
            "headrace.io.threads=1".to_owned(),
        ];
        set.extend(extra.iter().map(|pair| (*pair).to_owned()));
        let options = Options::from_parts("", [], &set).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let stopped = async {
                let _ = stopped.await;
            };
            runtime.block_on(headrace_broker::run(options, stopped)).unwrap();
        });
        let node = Self { address, stop: Some(stop), thread: Some(thread) };
        let deadline = Instant::now() + PATIENCE;
        while !node.serves() {
            assert!(Instant::now() < deadline, "the broker does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
        node
    }

    /// The port is taken before the broker serves; an answer says that it does.
    fn serves(&self) -> bool {
        TcpStream::connect(self.address).is_ok_and(|stream| {
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            Client { stream, correlation_id: 0 }
                .try_call(
                    3,
                    &ApiVersionsRequest {
                        client_software_name: "test".into(),
                        client_software_version: "1".into(),
                        ..Default::default()
                    },
                )
                .is_some()
        })
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream, correlation_id: 0 }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.correlation_id += 1;
        for part in frame::encode_request(version, self.correlation_id, None, request).unwrap() {
            self.stream.write_all(&part).unwrap();
        }
    }

    fn receive(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut body).ok()?;
        Some(body.into())
    }

    fn answer<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let (header, response) = frame::decode_response::<R>(self.receive()?, version).unwrap();
        assert!(header.correlation_id <= self.correlation_id);
        Some(response)
    }

    fn try_call<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.send(version, request);
        self.answer::<R>(version)
    }

    fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.try_call(version, request).expect("the broker closed the connection")
    }

    fn create_topic(&mut self) {
        let topic = CreatableTopic {
            name: TOPIC.into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        };
        let made = self.call(7, &CreateTopicsRequest { topics: vec![topic], ..Default::default() });
        assert_eq!(made.topics[0].error_code, ErrorCode::NONE, "{made:?}");
    }

    fn produce(&mut self, batch: Bytes) -> PartitionProduceResponse {
        self.call(9, &produce_request(batch)).responses[0].partition_responses[0].clone()
    }

    fn fetch(&mut self, request: &FetchRequest) -> FetchResponse {
        self.call(11, request)
    }

    /// Asks again while the broker, which has just come back, does not lead yet or does not know (KIP-207), as clients do.
    fn log_end(&mut self) -> i64 {
        let partitions = vec![ListOffsetsPartition { timestamp: -1, ..Default::default() }];
        let topics = vec![ListOffsetsTopic { name: TOPIC.into(), partitions }];
        let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
        let not_yet = [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::OFFSET_NOT_AVAILABLE];
        for _ in 0..1_000 {
            let found = self.call(7, &request);
            let partition = &found.topics[0].partitions[0];
            if !not_yet.contains(&partition.error_code) {
                assert_eq!(partition.error_code, ErrorCode::NONE);
                return partition.offset;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the end of the log was never told");
    }

    fn is_closed(&mut self) -> bool {
        self.stream.read(&mut [0; 64]).map_or(true, |read| read == 0)
    }
}

fn produce_request(batch: Bytes) -> ProduceRequest {
    let partition_data = vec![PartitionProduceData { index: 0, records: Some(batch) }];
    let topic_data = vec![TopicProduceData { name: TOPIC.into(), partition_data, ..Default::default() }];
    ProduceRequest { acks: -1, timeout_ms: 5_000, topic_data, ..Default::default() }
}

fn batch(values: &[&str]) -> Bytes {
    fill(BatchBuilder::new(Compression::None), values)
}

fn fill(mut builder: BatchBuilder, values: &[&str]) -> Bytes {
    for value in values {
        builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.build().unwrap()
}

fn fetch_request(offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partitions =
        vec![FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() }];
    let topics = vec![FetchTopic { topic: TOPIC.into(), partitions, ..Default::default() }];
    FetchRequest { max_wait_ms, min_bytes: 1, topics, ..Default::default() }
}

fn values(response: &FetchResponse) -> Vec<String> {
    let mut values = Vec::new();
    for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
        assert_eq!(partition.error_code, ErrorCode::NONE);
        for batch in batches(partition.records.clone().unwrap_or_default()) {
            let records = batch.unwrap().records().unwrap();
            for record in records.iter() {
                values.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
            }
        }
    }
    values
}

#[test]
fn bad_input_closes_its_connection_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let node =
        Node::start(dir.path(), &["headrace.first.request.timeout.ms=300", "max.connections.per.ip=20"]);
    let mut good = node.client();
    good.create_topic();
    let cases: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 64],
        &[0x7f, 0xff, 0xff, 0xff],
        // A key that nobody has.
        &[0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        // Metadata in a version of the far future.
        &[0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff],
        // Produce that ends in the middle.
        &[0, 0, 0, 10, 0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff],
    ];
    for bytes in cases {
        let mut bad = node.client();
        bad.stream.write_all(bytes).unwrap();
        assert!(bad.is_closed(), "{bytes:?}");
    }
    let (mut silent, mut half) = (node.client(), node.client());
    half.stream.write_all(&[0, 0]).unwrap();
    assert!(silent.is_closed() && half.is_closed(), "no whole request in time");
    let held: Vec<_> = (0..19).map(|_| node.client()).collect();
    assert!(node.client().is_closed(), "over max.connections.per.ip");
    drop(held);
    assert_eq!(good.log_end(), 0);
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &[]);
    let mut client = node.client();
    client.stream.write_all(&[0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0]).unwrap();
    let body = client.receive().unwrap();
    assert_eq!(body[..4], 7i32.to_be_bytes());
    let response = ApiVersionsResponse::decode(&mut Reader::new(body.slice(4..)), 0).unwrap();
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
    let request = ApiVersionsRequest {
        client_software_name: "t".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    assert!(client.call(5, &request).api_keys.len() > 20, "the connection goes on");
}

#[test]
fn a_fetch_waits_for_records_and_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &[]);
    let (mut reader, mut writer) = (node.client(), node.client());
    writer.create_topic();
    let started = Instant::now();
    assert!(values(&reader.fetch(&fetch_request(0, 200))).is_empty());
    assert!(started.elapsed() >= Duration::from_millis(200));
    let started = Instant::now();
    reader.send(11, &fetch_request(0, 10_000));
    std::thread::sleep(Duration::from_millis(100));
    writer.produce(batch(&["a", "b"]));
    let answer = reader.answer::<FetchRequest>(11).unwrap();
    assert_eq!(values(&answer), ["a", "b"]);
    assert!(started.elapsed() < Duration::from_secs(5));
    let beyond = reader.fetch(&fetch_request(3, 10_000));
    assert_eq!(beyond.responses[0].partitions[0].error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    // A batch larger than every limit is given all the same, whole.
    writer.produce(batch(&[&"x".repeat(100_000)]));
    let mut small = fetch_request(2, 0);
    small.max_bytes = 1_000;
    small.topics[0].partitions[0].partition_max_bytes = 1;
    assert_eq!(values(&reader.fetch(&small))[0].len(), 100_000);
}

#[test]
fn a_session_answers_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &[]);
    let mut client = node.client();
    client.create_topic();
    client.produce(batch(&["a"]));
    let mut first = fetch_request(0, 0);
    first.session_epoch = 0;
    let opened = client.fetch(&first);
    assert_eq!(values(&opened), ["a"]);
    let mut next = fetch_request(1, 0);
    (next.session_id, next.session_epoch) = (opened.session_id, 1);
    assert!(client.fetch(&next).responses.is_empty(), "nothing changed");
    client.produce(batch(&["b"]));
    next.topics.clear();
    next.session_epoch = 2;
    assert_eq!(values(&client.fetch(&next)), ["b"]);
    assert_eq!(client.fetch(&next).error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    // Who was given nothing last time waits as well.
    let mut writer = node.client();
    next.topics = fetch_request(2, 0).topics;
    next.session_epoch = 3;
    assert!(client.fetch(&next).responses.is_empty());
    next.topics.clear();
    (next.session_epoch, next.max_wait_ms) = (4, 200);
    let started = Instant::now();
    assert!(client.fetch(&next).responses.is_empty());
    assert!(started.elapsed() >= Duration::from_millis(200));
    (next.session_epoch, next.max_wait_ms) = (5, 10_000);
    client.send(11, &next);
    std::thread::sleep(Duration::from_millis(100));
    writer.produce(batch(&["c"]));
    assert_eq!(values(&client.answer::<FetchRequest>(11).unwrap()), ["c"]);
    assert!(started.elapsed() < Duration::from_secs(5), "woken by what came");
    next.session_id += 1;
    assert_eq!(client.fetch(&next).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn records_and_idempotence_outlive_a_stop_and_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &[]);
    let mut client = node.client();
    client.create_topic();
    let id =
        client.call(4, &InitProducerIdRequest { transactional_id: None, ..Default::default() }).producer_id;
    let numbered =
        |sequence, value| fill(BatchBuilder::new(Compression::Zstd).producer(id, 0, sequence), &[value]);
    for sequence in 0..7 {
        assert_eq!(client.produce(numbered(sequence, "v")).base_offset, i64::from(sequence));
    }
    let again = client.produce(numbered(6, "v"));
    assert_eq!((again.error_code, again.base_offset), (ErrorCode::NONE, 6), "a retry gets its first answer");
    assert_eq!(client.produce(numbered(9, "v")).error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    // What a kill -9 would leave: the files as they are while the broker runs.
    let crashed = tempfile::tempdir().unwrap();
    copy(dir.path(), crashed.path());
    drop((client, node));
    for dir in [dir.path(), crashed.path()] {
        let node = Node::start(dir, &[]);
        let mut client = node.client();
        assert_eq!(client.log_end(), 7);
        assert_eq!(client.produce(numbered(6, "v")).base_offset, 6);
        assert_eq!(client.produce(numbered(7, "v")).base_offset, 7);
        assert_eq!(values(&client.fetch(&fetch_request(0, 0))).len(), 8);
        let fresh = client.call(4, &InitProducerIdRequest { transactional_id: None, ..Default::default() });
        assert!(fresh.producer_id > id, "an id is never given twice");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path(), &[]);
    let mut client = node.client();
    let topics = Some(vec![MetadataRequestTopic { name: Some(TOPIC.into()), ..Default::default() }]);
    let made =
        client.call(9, &MetadataRequest { topics, allow_auto_topic_creation: true, ..Default::default() });
    assert_eq!(made.topics[0].error_code, ErrorCode::NONE, "made by asking for it");
    for n in 0..500 {
        client.send(9, &produce_request(batch(&[&n.to_string()])));
    }
    for n in 0..500 {
        let (header, answer) =
            frame::decode_response::<ProduceRequest>(client.receive().unwrap(), 9).unwrap();
        assert_eq!(header.correlation_id, n + 2);
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, i64::from(n));
    }
    let expected: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    assert_eq!(values(&client.fetch(&fetch_request(0, 0))), expected);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if entry.file_name() != ".lock" && entry.file_name() != "lock" {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
