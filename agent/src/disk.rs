//! How full the file systems under the log directories are.

use std::path::Path;

use crate::report::{Check, Disk};

/// Less free space than this share of the disk is unhealthy …
const FREE_PERCENT_MIN: u64 = 5;
/// … and so is less than this, however small the disk is.
const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// Asks the kernel about one directory.
pub(crate) fn measure(dir: &Path) -> Result<Disk, String> {
    let stat = rustix::fs::statvfs(dir).map_err(|error| format!("statvfs {}: {error}", dir.display()))?;
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    // `f_bavail` leaves out what is kept for root, which a broker can't use.
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    Ok(Disk { dir: dir.display().to_string(), used_bytes: total.saturating_sub(free), total_bytes: total })
}

/// The `disk` check over all directories. Pure.
pub(crate) fn check(measured: &[Result<Disk, String>]) -> Check {
    let mut problems = Vec::new();
    for result in measured {
        match result {
            Err(problem) => problems.push(problem.clone()),
            Ok(disk) => {
                let free = disk.total_bytes.saturating_sub(disk.used_bytes);
                let needed = (disk.total_bytes / 100 * FREE_PERCENT_MIN).max(FREE_BYTES_MIN);
                if free < needed {
                    problems.push(format!("{}: {free} bytes free, fewer than {needed}", disk.dir));
                }
            }
        }
    }
    Check { name: "disk", ok: problems.is_empty(), message: problems.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(used: u64, total: u64) -> Result<Disk, String> {
        Ok(Disk { dir: "/d".into(), used_bytes: used, total_bytes: total })
    }

    #[test]
    fn a_nearly_full_or_missing_disk_is_unhealthy() {
        const GIB: u64 = 1 << 30;
        assert!(check(&[disk(10 * GIB, 100 * GIB), disk(0, GIB)]).ok);
        assert!(!check(&[disk(96 * GIB, 100 * GIB)]).ok);
        assert!(!check(&[disk(GIB - 1000, GIB)]).ok);
        assert!(!check(&[disk(0, GIB), Err("statvfs /x: gone".into())]).ok);
    }

    #[test]
    fn a_real_directory_is_measured() {
        let disk = measure(Path::new("/")).expect("root");
        assert!(disk.total_bytes >= disk.used_bytes && disk.total_bytes > 0);
        assert!(measure(Path::new("/no/such/dir")).is_err());
    }
}
