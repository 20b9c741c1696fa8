//! Closed-loop produce: each connection keeps a window of requests in flight until its share is written.

use anyhow::{Result, ensure};

use super::on_threads;
use crate::wire::{Connection, produce, produced_offset, set_correlation};

/// As many unanswered requests as the Java client allows by default (max.in.flight.requests.per.connection).
const IN_FLIGHT_REQUESTS: i32 = 5;

/// Writes at least `total_bytes` of batches, partition n by a connection of its own to its leader `addresses[n]`; answers the bytes
/// acknowledged.
pub(crate) fn run(addresses: &[String], topic: &str, batch: &[u8], total_bytes: u64) -> Result<u64> {
    let connections = addresses.len() as u32;
    let each = (total_bytes / u64::from(connections)).div_ceil(batch.len() as u64) as i32;
    on_threads(connections, |n| {
        let mut c = Connection::open(&addresses[n as usize])?;
        let mut frame = produce(topic, n as i32, -1, batch);
        let mut sent = 0;
        for answered in 0..each {
            while sent < each && sent - answered < IN_FLIGHT_REQUESTS {
                set_correlation(&mut frame, sent);
                c.send(&frame)?;
                sent += 1;
            }
            let (id, body) = c.receive()?;
            ensure!(id == answered, "response {id} where {answered} was due");
            produced_offset(body)?;
        }
        Ok(each as u64 * batch.len() as u64)
    })
}
