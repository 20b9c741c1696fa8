//! CPU time, memory and start of the broker's process, from `/proc`. Parsing is pure; reading is apart from it.

use std::path::Path;

/// A pid file is one number.
const PID_FILE_BYTES_MAX: usize = 256;

/// What `/proc` says of one process at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) cpu_seconds: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) started_unix_ms: Option<i64>,
}

/// The process of a pid file; `None` when there is no file, no number in it or no such process.
pub(crate) fn read(pid_file: &Path) -> Option<Process> {
    let text = std::fs::read_to_string(pid_file).ok()?;
    let pid = parse_pid(&text)?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    let (cpu_ticks, start_ticks) = parse_stat(&stat)?;
    let boot = std::fs::read_to_string("/proc/stat").ok().and_then(|text| parse_boot_seconds(&text));
    Some(Process {
        pid,
        cpu_seconds: cpu_ticks as f64 / ticks_per_second as f64,
        rss_bytes: parse_resident_pages(&statm)? * rustix::param::page_size() as u64,
        started_unix_ms: boot
            .and_then(|boot| i64::try_from(boot * 1_000 + start_ticks * 1_000 / ticks_per_second).ok()),
    })
}

fn parse_pid(text: &str) -> Option<u32> {
    if text.len() > PID_FILE_BYTES_MAX {
        return None;
    }
    text.split_ascii_whitespace().next()?.parse().ok().filter(|pid| *pid > 0)
}

/// `(utime + stime, starttime)` in clock ticks. The command's name is in brackets and may hold anything, brackets too.
fn parse_stat(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    // What follows the name starts with field 3 (state); utime and stime are fields 14 and 15, starttime is 22.
    let utime: u64 = fields.nth(11)?.parse().ok()?;
    let stime: u64 = fields.next()?.parse().ok()?;
    let start: u64 = fields.nth(6)?.parse().ok()?;
    Some((utime.checked_add(stime)?, start))
}

fn parse_resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn parse_boot_seconds(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 9000 1 2 3";
        assert_eq!(parse_stat(stat), Some((200, 9000)));
        for broken in
            ["", "42 (x", "42 (x) S 1", "42 (x) S 1 42 42 0 -1 4194560 100 0 0 0 a b 0 0 20 0 4 0 9000"]
        {
            assert_eq!(parse_stat(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn pid_files_hold_one_number() {
        assert_eq!(parse_pid("123\n"), Some(123));
        for bad in ["", "0", "-1", "abc", &"1".repeat(1000)] {
            assert_eq!(parse_pid(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn this_process_is_measured() {
        let dir = tempfile::tempdir().expect("tempdir");
        let file = dir.path().join("pid");
        std::fs::write(&file, format!("{}\n", std::process::id())).expect("write");
        let process = read(&file).expect("this process");
        assert_eq!(process.pid, std::process::id());
        assert!(process.rss_bytes > 0 && process.started_unix_ms.is_some_and(|ms| ms > 1_600_000_000_000));
        assert_eq!(read(&dir.path().join("none")), None);
    }
}
