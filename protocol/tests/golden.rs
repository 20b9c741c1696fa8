//! Bytes written by Kafka's own client (4.4.0) are read to the end, and written again as they were.
//!
//! `golden.txt` holds every request and response in every version with every field set; `tools/generate_golden.sh`
//! writes it.

use std::collections::HashMap;

use bytes::Bytes;
use headrace_protocol::{ErrorCode, Message, Reader, encode_to_bytes, for_each_api};

const GOLDEN: &str = include_str!("golden.txt");

fn lines() -> HashMap<(&'static str, i16), Bytes> {
    let parse = |line: &'static str| {
        let mut parts = line.split(' ');
        let (name, version, hex) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let digits = hex.as_bytes().chunks(2);
        let bytes = digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        Some(((name, version), bytes.collect::<Option<Vec<u8>>>()?.into()))
    };
    GOLDEN.lines().map(|line| parse(line).unwrap_or_else(|| panic!("not a golden line: {line}"))).collect()
}

fn check<M: Message>(lines: &mut HashMap<(&'static str, i16), Bytes>) {
    for version in M::VERSIONS {
        let golden = lines.remove(&(M::NAME, version));
        let golden = golden.unwrap_or_else(|| panic!("{} version {version} has no golden bytes", M::NAME));
        let mut r = Reader::new(golden.clone());
        let message = M::decode(&mut r, version).unwrap_or_else(|e| panic!("{e}"));
        r.expect_end().unwrap_or_else(|e| panic!("{} version {version}: {e}", M::NAME));
        let written = encode_to_bytes(&message, version).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(written, golden, "{} version {version}", M::NAME);
    }
}

macro_rules! check_all {
    ($($key:literal $name:ident $module:ident $request:ident $response:ident;)*) => {
        fn check_every_message(lines: &mut HashMap<(&'static str, i16), Bytes>) {
            $(
                check::<headrace_protocol::messages::$module::$request>(lines);
                check::<headrace_protocol::messages::$module::$response>(lines);
            )*
        }
    };
}

for_each_api!(check_all);

#[test]
fn kafkas_own_bytes_are_read_and_written_alike() {
    let mut lines = lines();
    check_every_message(&mut lines);
    let mut unknown: Vec<_> = lines.into_keys().collect();
    unknown.sort_unstable();
    // The one version that is not stable in Kafka 4.4.
    assert_eq!(unknown, [("InitProducerIdRequest", 6), ("InitProducerIdResponse", 6)]);
}

#[test]
fn a_produce_request_reads_as_it_was_meant() {
    use headrace_protocol::messages::produce::{ProduceRequest, ProduceResponse};
    let lines = lines();
    let mut r = Reader::new(lines[&("ProduceRequest", 13)].clone());
    let request = ProduceRequest::decode(&mut r, 13).unwrap();
    assert_eq!(request.transactional_id.as_deref(), Some("text1"));
    assert_eq!(request.acks, 302);
    assert_eq!(request.topic_data.len(), 1);
    assert_eq!(request.topic_data[0].partition_data.len(), 2);
    let records = request.topic_data[0].partition_data[0].records.as_deref();
    assert_eq!(records.map(|bytes| bytes[0]), Some(7));
    let mut r = Reader::new(lines[&("ProduceResponse", 13)].clone());
    let response = ProduceResponse::decode(&mut r, 13).unwrap();
    assert_ne!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    assert_eq!(response.node_endpoints[0].host.chars().take(4).collect::<String>(), "text");
}
