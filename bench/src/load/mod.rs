//! The load: pre-encoded batches over plain TCP, one blocking thread a connection.

pub(crate) mod fetch;
pub(crate) mod produce;
pub(crate) mod rate;

use anyhow::{Result, anyhow};
use headrace_records::{BatchBuilder, Compression};

/// A batch of `records` records of `record_bytes` incompressible-looking bytes each, as a producer would send it.
pub(crate) fn batch(records: usize, record_bytes: usize, timestamp_ms: i64) -> Result<Vec<u8>> {
    let mut builder = BatchBuilder::new(Compression::None);
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut value = vec![0; record_bytes];
    for _ in 0..records {
        for b in &mut value {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            *b = seed as u8;
        }
        builder.append(timestamp_ms, None, Some(&value), &[]).map_err(|e| anyhow!("build a batch: {e}"))?;
    }
    Ok(builder.build().map_err(|e| anyhow!("build a batch: {e}"))?.to_vec())
}

/// Runs `work(connection number)` on a thread each and adds up what they answer.
pub(crate) fn on_threads(threads: u32, work: impl Fn(u32) -> Result<u64> + Sync) -> Result<u64> {
    std::thread::scope(|s| {
        let work = &work;
        let running: Vec<_> = (0..threads).map(|n| s.spawn(move || work(n))).collect();
        let mut sum = 0;
        for t in running {
            sum += t.join().map_err(|_| anyhow!("a load thread panicked"))??;
        }
        Ok(sum)
    })
}
