//! What the kernel counted: a process's CPU time and memory, and the machine's idle time.

use std::fs;

use anyhow::{Context, Result};

/// CPU time of some processes and of the machine, at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    process_ticks: u64,
    own_ticks: u64,
    idle_ticks: u64,
    all_ticks: u64,
}

/// CPU between two samples.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) broker_seconds: f64,
    /// The share of the machine that neither broker, nor load, nor idleness explains: other work. Distrust a run where it is
    /// over a tenth.
    pub(crate) other_share: f64,
    pub(crate) idle_share: f64,
}

impl Sample {
    pub(crate) fn take(pids: &[u32]) -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let ticks: Vec<u64> = stat
            .lines()
            .next()
            .unwrap_or("")
            .split_whitespace()
            .skip(1)
            .take(8)
            .map(|t| t.parse().unwrap_or(0))
            .collect();
        let idle = ticks.get(3).copied().unwrap_or(0) + ticks.get(4).copied().unwrap_or(0);
        Ok(Self {
            process_ticks: pids.iter().map(|pid| process_ticks(*pid)).sum::<Result<u64>>()?,
            own_ticks: process_ticks(std::process::id())?,
            idle_ticks: idle,
            all_ticks: ticks.iter().sum(),
        })
    }

    pub(crate) fn until(self, later: Self) -> Cpu {
        let all = (later.all_ticks - self.all_ticks).max(1) as f64;
        let broker = later.process_ticks.saturating_sub(self.process_ticks) as f64;
        let own = later.own_ticks.saturating_sub(self.own_ticks) as f64;
        let idle = later.idle_ticks.saturating_sub(self.idle_ticks) as f64;
        Cpu {
            broker_seconds: broker / ticks_per_second(),
            other_share: ((all - broker - own - idle) / all).max(0.0),
            idle_share: idle / all,
        }
    }
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

fn process_ticks(pid: u32) -> Result<u64> {
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    // The name in parentheses may hold spaces: fields are counted after it. utime and stime are the 14th and 15th.
    let after = stat.rsplit(')').next().unwrap_or("");
    let fields: Vec<&str> = after.split_whitespace().collect();
    let field = |n: usize| fields.get(n - 3).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    Ok(field(14) + field(15))
}

/// CPU time of this process, in seconds.
pub(crate) fn own_cpu_seconds() -> Result<f64> {
    Ok(process_ticks(std::process::id())? as f64 / ticks_per_second())
}

/// Resident memory in bytes.
pub(crate) fn rss_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("no VmRSS")? * 1024)
}
