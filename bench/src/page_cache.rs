//! The state of the machine's memory, made the same for every broker.
//!
//! A broker's machine has its page cache full: to take in a page the kernel hands out one that was dropped, and never
//! asks the hypervisor for more. On a machine with free memory, and worse on one that gives free memory back to its
//! host, the first touch of a page can cost many times the copy into it, and lands on whichever broker runs there. So
//! before a broker starts the page cache is filled, and what a plain write costs then is recorded beside its figures.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::measure::own_cpu_seconds;

/// Free memory that the kernel keeps in hand anyway, as a share of the machine's.
const FREE_SHARE: f64 = 0.03;
const CHUNK_BYTES: usize = 1 << 20;
/// What one write of a busy broker holds.
const WRITE_BYTES: usize = 256 << 10;
/// Enough for the cost of a write to stand out.
const PLAIN_WRITE_BYTES: u64 = 512 << 20;
/// The ballast's length, of which nothing is ever on disk.
const SPARSE_BYTES: u64 = 8 << 40;

/// A file without content whose cached pages fill the memory that nobody uses.
pub(crate) struct Ballast {
    file: File,
    read_bytes: u64,
    _dir: tempfile::TempDir,
}

impl Ballast {
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ballast");
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        file.set_len(SPARSE_BYTES).context("make a sparse file")?;
        Ok(Self { file, read_bytes: 0, _dir: dir })
    }

    /// Reads on through the file until no memory is free.
    pub(crate) fn fill(&mut self) -> Result<()> {
        let (mut chunk, all) = (vec![0; CHUNK_BYTES], meminfo("MemTotal:")?);
        // At most the machine's memory: what frees pages meanwhile must not keep this going for ever.
        for _ in 0..all / CHUNK_BYTES as u64 {
            if meminfo("MemFree:")? as f64 <= FREE_SHARE * all as f64 {
                break;
            }
            self.file.read_exact_at(&mut chunk, self.read_bytes)?;
            self.read_bytes += CHUNK_BYTES as u64;
        }
        Ok(())
    }
}

/// CPU seconds per GB of writing a file that nobody has written before: what no broker can get below.
pub(crate) fn plain_write(dir: &Path) -> Result<f64> {
    let file = File::create(dir.join("plain-write"))?;
    let data = vec![7; WRITE_BYTES];
    let before = own_cpu_seconds()?;
    for position in (0..PLAIN_WRITE_BYTES).step_by(WRITE_BYTES) {
        file.write_all_at(&data, position)?;
    }
    Ok((own_cpu_seconds()? - before) / (PLAIN_WRITE_BYTES as f64 / 1e9))
}

/// Bytes.
fn meminfo(field: &str) -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.with_context(|| format!("/proc/meminfo has no {field}"))? * 1024)
}
