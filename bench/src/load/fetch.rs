//! Closed-loop fetch: each connection reads its partition from the start until it has its share.

use anyhow::Result;

use super::on_threads;
use crate::wire::{Connection, fetch, fetched};

/// The Java consumer's default max.partition.fetch.bytes.
const FETCH_BYTES: i32 = 1 << 20;

/// Reads at least `total_bytes` over `connections`; a partition shorter than its share is read again from the start.
pub(crate) fn run(address: &str, topic: &str, connections: u32, total_bytes: u64) -> Result<u64> {
    let each = total_bytes / u64::from(connections);
    on_threads(connections, |n| {
        let mut c = Connection::open(address)?;
        let (mut offset, mut read) = (0, 0);
        while read < each {
            c.send(&fetch(topic, n as i32, offset, FETCH_BYTES))?;
            let (next, bytes) = fetched(c.receive()?.1)?;
            read += bytes as u64;
            offset = next.unwrap_or(0);
        }
        Ok(read)
    })
}
