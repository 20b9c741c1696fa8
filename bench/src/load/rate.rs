//! Open-loop produce at a fixed rate: one record a request, sent when it is due whether or not earlier ones were answered.
//!
//! Latency counts from when a request was *due*, so that a stalled broker cannot hide behind a stalled sender (coordinated
//! omission).

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::clock::Watch;
use crate::wire::{Connection, produce, produced_offset, set_correlation};

/// Latencies in microseconds, sorted.
pub(crate) struct Latencies(Vec<u64>);

impl Latencies {
    /// The value that a share (0 to 1) of all requests stayed at or below, in microseconds.
    pub(crate) fn quantile_us(&self, share: f64) -> u64 {
        let at = ((self.0.len() as f64 * share).ceil() as usize).clamp(1, self.0.len().max(1)) - 1;
        self.0.get(at).copied().unwrap_or(0)
    }
}

/// Sends `per_second` records a second for `seconds` on one connection.
pub(crate) fn run(
    address: &str,
    topic: &str,
    batch: &[u8],
    per_second: u32,
    seconds: u32,
) -> Result<Latencies> {
    let count = per_second * seconds;
    let interval = Duration::from_secs(1) / per_second;
    let mut sender = Connection::open(address)?;
    let mut receiver_stream = sender.stream.try_clone().context("share the connection")?;
    receiver_stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let watch = Watch::start();
    std::thread::scope(|s| {
        let reading = s.spawn(move || -> Result<Vec<u64>> {
            let mut seen = Vec::with_capacity(count as usize);
            for n in 0..count {
                let (id, body) = crate::wire::receive_from(&mut receiver_stream)?;
                ensure!(id == n as i32, "response {id} where {n} was due");
                produced_offset(&body)?;
                seen.push((watch.elapsed().saturating_sub(interval * n)).as_micros() as u64);
            }
            Ok(seen)
        });
        let mut frame = produce(topic, 0, -1, batch);
        for n in 0..count {
            watch.sleep_until(interval * n);
            set_correlation(&mut frame, n as i32);
            sender.send(&frame)?;
        }
        let mut seen = reading.join().map_err(|_| anyhow::anyhow!("the reading thread panicked"))??;
        seen.sort_unstable();
        Ok(Latencies(seen))
    })
}

#[cfg(test)]
mod tests {
    use super::Latencies;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let l = Latencies((1..=1000).collect());
        assert_eq!(
            (l.quantile_us(0.5), l.quantile_us(0.99), l.quantile_us(0.999), l.quantile_us(1.0)),
            (500, 990, 999, 1000)
        );
        assert_eq!(Latencies(vec![]).quantile_us(0.5), 0);
    }
}
