//! The eight requests that the load needs, in the oldest versions that Kafka 4 takes, encoded by hand.
//!
//! Not the product's codec on purpose: the generator must neither share the code that it measures nor pay for it. All
//! versions here are non-flexible (KIP-482), so that a frame is plain big-endian fields.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const IO_DEADLINE: Duration = Duration::from_secs(60);
/// A response longer than this is a broken stream, not data: the largest fetch asked for is far below.
const RESPONSE_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Copy)]
#[repr(i16)]
enum Api {
    Produce = 0,
    Fetch = 1,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    CreateTopics = 19,
    DeleteTopics = 20,
}

/// One request frame under construction; the first four bytes are its length.
struct Frame(Vec<u8>);

impl Frame {
    fn new(api: Api, version: i16, correlation: i32) -> Self {
        let mut f = Self(vec![0; 4]);
        f.i16(api as i16).i16(version).i32(correlation).str("bench");
        f
    }
    fn i16(&mut self, v: i16) -> &mut Self {
        self.0.extend(v.to_be_bytes());
        self
    }
    fn i32(&mut self, v: i32) -> &mut Self {
        self.0.extend(v.to_be_bytes());
        self
    }
    fn i64(&mut self, v: i64) -> &mut Self {
        self.0.extend(v.to_be_bytes());
        self
    }
    fn str(&mut self, v: &str) -> &mut Self {
        self.i16(v.len() as i16);
        self.0.extend(v.as_bytes());
        self
    }
    fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - 4) as i32;
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// Reads a response body field by field; every read is checked.
pub(crate) struct Body<'a>(pub(crate) &'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        ensure!(n <= self.0.len(), "the response ends early");
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        Ok(head)
    }
    pub(crate) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into()?))
    }
    pub(crate) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }
    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take(8)?.try_into()?))
    }
    pub(crate) fn str(&mut self) -> Result<&'a str> {
        let n = self.i16()?;
        Ok(std::str::from_utf8(self.take(n.max(0) as usize)?)?)
    }
}

/// What a Metadata response says, as far as the load needs it.
pub(crate) struct Metadata {
    /// host:port by node id.
    pub(crate) brokers: BTreeMap<i32, String>,
    pub(crate) partitions: Vec<Partition>,
}

pub(crate) struct Partition {
    pub(crate) topic: String,
    pub(crate) index: i32,
    pub(crate) leader: i32,
    pub(crate) replicas: usize,
    pub(crate) in_sync: usize,
}

impl Metadata {
    fn read(b: &mut Body<'_>) -> Result<Self> {
        let mut brokers = BTreeMap::new();
        for _ in 0..b.i32()? {
            let id = b.i32()?;
            let host = b.str()?.to_owned();
            brokers.insert(id, format!("{host}:{}", b.i32()?));
            b.str()?; // rack
        }
        b.i32()?; // controller
        let mut partitions = Vec::new();
        for _ in 0..b.i32()? {
            b.i16()?;
            let topic = b.str()?.to_owned();
            b.take(1)?;
            for _ in 0..b.i32()? {
                b.i16()?;
                let (index, leader) = (b.i32()?, b.i32()?);
                let mut count = || -> Result<usize> {
                    let n = b.i32()?.max(0) as usize;
                    b.take(4 * n)?;
                    Ok(n)
                };
                let (replicas, in_sync) = (count()?, count()?);
                partitions.push(Partition { topic: topic.clone(), index, leader, replicas, in_sync });
            }
        }
        Ok(Self { brokers, partitions })
    }

    /// The address of each partition's leader, in order.
    pub(crate) fn leaders(&self, topic: &str) -> Result<Vec<String>> {
        let mut of_topic: Vec<_> = self.partitions.iter().filter(|p| p.topic == topic).collect();
        of_topic.sort_by_key(|p| p.index);
        let address =
            |p: &&Partition| self.brokers.get(&p.leader).cloned().context("a partition has no leader");
        of_topic.iter().map(address).collect()
    }
}

/// Produce v3, acks as given, one partition, one batch. Correlation ids are patched in with `set_correlation`.
pub(crate) fn produce(topic: &str, partition: i32, acks: i16, batch: &[u8]) -> Vec<u8> {
    let mut f = Frame::new(Api::Produce, 3, 0);
    f.i16(-1).i16(acks).i32(30_000).i32(1).str(topic).i32(1).i32(partition).i32(batch.len() as i32);
    f.0.extend(batch);
    f.finish()
}

/// Base offset of a Produce v3 response for one partition.
pub(crate) fn produced_offset(body: &[u8]) -> Result<i64> {
    let mut b = Body(body);
    b.i32()?;
    b.str()?;
    b.i32()?;
    b.i32()?;
    let error = b.i16()?;
    ensure!(error == 0, "produce was refused with error {error}");
    b.i64()
}

/// Fetch v4 of one partition.
pub(crate) fn fetch(topic: &str, partition: i32, offset: i64, max_bytes: i32) -> Vec<u8> {
    let mut f = Frame::new(Api::Fetch, 4, 0);
    f.i32(-1).i32(500).i32(1).i32(max_bytes);
    f.0.push(0);
    f.i32(1).str(topic).i32(1).i32(partition).i64(offset).i32(max_bytes);
    f.finish()
}

/// What a Fetch v4 response holds for one partition: where to go on (if anything came) and how many bytes of records.
pub(crate) fn fetched(body: &[u8]) -> Result<(Option<i64>, usize)> {
    let mut b = Body(body);
    b.i32()?;
    b.i32()?;
    b.str()?;
    b.i32()?;
    b.i32()?;
    let error = b.i16()?;
    ensure!(error == 0, "fetch was refused with error {error}");
    b.i64()?;
    b.i64()?;
    for _ in 0..b.i32()?.max(0) {
        b.i64()?;
        b.i64()?;
    }
    let size = b.i32()?.max(0) as usize;
    let mut records = b.take(size)?;
    let mut next = None;
    // Batch header: base offset (8), length (4), … last offset delta at byte 23.
    while records.len() >= 61 {
        let base = i64::from_be_bytes(records[..8].try_into()?);
        let length = i32::from_be_bytes(records[8..12].try_into()?).max(0) as usize + 12;
        if length > records.len() {
            break;
        }
        next = Some(base + i64::from(i32::from_be_bytes(records[23..27].try_into()?)) + 1);
        records = &records[length..];
    }
    Ok((next, size))
}

pub(crate) fn set_correlation(frame: &mut [u8], id: i32) {
    frame[8..12].copy_from_slice(&id.to_be_bytes());
}

/// One blocking connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self> {
        let a = address.to_socket_addrs()?.next().context("no address")?;
        let stream = TcpStream::connect_timeout(&a, Duration::from_secs(5))
            .with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IO_DEADLINE))?;
        stream.set_write_timeout(Some(IO_DEADLINE))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<()> {
        self.stream.write_all(frame).context("send a request")
    }

    /// The next response: its correlation id and body.
    pub(crate) fn receive(&mut self) -> Result<(i32, &[u8])> {
        let id = read_response(&mut self.stream, &mut self.buffer)?;
        Ok((id, &self.buffer))
    }

    fn call(&mut self, frame: &[u8]) -> Result<&[u8]> {
        self.send(frame)?;
        Ok(self.receive()?.1)
    }

    /// Metadata v1 for all topics.
    pub(crate) fn metadata(&mut self) -> Result<Metadata> {
        let mut f = Frame::new(Api::Metadata, 1, 1);
        f.i32(-1);
        Metadata::read(&mut Body(self.call(&f.finish())?))
    }

    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32, replicas: i16) -> Result<()> {
        let mut f = Frame::new(Api::CreateTopics, 2, 2);
        f.i32(1).str(name).i32(partitions).i16(replicas).i32(0).i32(0).i32(60_000);
        f.0.push(0);
        topic_error(self.call(&f.finish())?, name)
    }

    /// FindCoordinator v0: the node id; an error while there is none.
    pub(crate) fn coordinator(&mut self, group: &str) -> Result<i32> {
        let mut f = Frame::new(Api::FindCoordinator, 0, 4);
        f.str(group);
        let mut b = Body(self.call(&f.finish())?);
        let error = b.i16()?;
        ensure!(error == 0, "group {group} has no coordinator: error {error}");
        b.i32()
    }

    /// OffsetCommit v2, from outside the group: `offset` for the topic's first `partitions`.
    pub(crate) fn commit(&mut self, group: &str, topic: &str, partitions: i32, offset: i64) -> Result<()> {
        let mut f = Frame::new(Api::OffsetCommit, 2, 5);
        f.str(group).i32(-1).str("").i64(-1).i32(1).str(topic).i32(partitions);
        for partition in 0..partitions {
            f.i32(partition).i64(offset).str("");
        }
        let mut b = Body(self.call(&f.finish())?);
        b.i32()?;
        b.str()?;
        for _ in 0..b.i32()? {
            b.i32()?;
            let error = b.i16()?;
            ensure!(error == 0, "a commit of group {group} was refused with error {error}");
        }
        Ok(())
    }

    /// OffsetFetch v1: how many of the topic's first `partitions` have this offset.
    pub(crate) fn committed(
        &mut self,
        group: &str,
        topic: &str,
        partitions: i32,
        offset: i64,
    ) -> Result<i32> {
        let mut f = Frame::new(Api::OffsetFetch, 1, 6);
        f.str(group).i32(1).str(topic).i32(partitions);
        for partition in 0..partitions {
            f.i32(partition);
        }
        let mut b = Body(self.call(&f.finish())?);
        b.i32()?;
        b.str()?;
        let mut found = 0;
        for _ in 0..b.i32()? {
            b.i32()?;
            found += i32::from(b.i64()? == offset);
            b.str()?;
            let error = b.i16()?;
            ensure!(error == 0, "offsets of group {group} were refused with error {error}");
        }
        Ok(found)
    }

    pub(crate) fn delete_topic(&mut self, name: &str) -> Result<()> {
        let mut f = Frame::new(Api::DeleteTopics, 1, 3);
        f.i32(1).str(name).i32(30_000);
        topic_error(self.call(&f.finish())?, name)
    }

    /// Waits until the partition of a new topic takes a record (its leader may need a moment).
    pub(crate) fn await_writable(&mut self, topic: &str, partition: i32, batch: &[u8]) -> Result<()> {
        let mut last = None;
        for _ in 0..100 {
            match self.call(&produce(topic, partition, -1, batch)).and_then(produced_offset) {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("partition {partition} of {topic} never took a record: {last:?}")
    }
}

/// The next response on a stream that is read apart from its writer.
pub(crate) fn receive_from(stream: &mut TcpStream) -> Result<(i32, Vec<u8>)> {
    let mut body = Vec::new();
    let id = read_response(stream, &mut body)?;
    Ok((id, body))
}

fn read_response(stream: &mut TcpStream, body: &mut Vec<u8>) -> Result<i32> {
    let mut head = [0; 8];
    stream.read_exact(&mut head).context("read a response")?;
    let length = i32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    ensure!((4..=RESPONSE_BYTES_MAX).contains(&length), "a response of {length} bytes");
    body.resize(length - 4, 0);
    stream.read_exact(body)?;
    Ok(i32::from_be_bytes([head[4], head[5], head[6], head[7]]))
}

fn topic_error(body: &[u8], name: &str) -> Result<()> {
    let mut b = Body(body);
    b.i32()?; // throttle time
    b.i32()?;
    b.str()?;
    let error = b.i16()?;
    ensure!(error == 0, "topic {name}: error {error}");
    Ok(())
}
