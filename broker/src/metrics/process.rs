//! What the operating system says of this process.

/// CPU time and memory of the process.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ProcessUsage {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
}

/// Reads /proc; zero for what cannot be read.
pub(super) fn usage() -> ProcessUsage {
    let mut usage = ProcessUsage::default();
    if let Ok(stat) = std::fs::read_to_string("/proc/self/stat") {
        // The command's name is in brackets and may hold anything; the fields begin behind the last one.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect());
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
        // Fields 14 and 15 of proc(5), counted from the state, which is field 3.
        usage.cpu_seconds = (number(11) + number(12)) as f64 / ticks_per_second as f64;
        usage.threads = number(17);
    }
    if let Ok(statm) = std::fs::read_to_string("/proc/self/statm") {
        let pages = statm.split_whitespace().nth(1).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        usage.resident_bytes = pages * rustix::param::page_size() as u64;
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        usage.open_files = entries.count() as u64;
    }
    usage
}
