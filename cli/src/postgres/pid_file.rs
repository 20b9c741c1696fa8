//! `postmaster.pid`, which PostgreSQL keeps in its data folder while it runs.

use std::path::Path;

/// Who runs there, and on which port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Postmaster {
    pub(super) pid: u32,
    pub(super) port: u16,
}

/// The postmaster that runs on this data folder; `None` when none does.
pub(super) fn running(data: &Path) -> Option<Postmaster> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let found = parse(&text)?;
    // After a reboot the number may be anyone's.
    let command = std::fs::read(format!("/proc/{}/cmdline", found.pid)).ok()?;
    let data = data.to_string_lossy();
    let names_data = command.split(|byte| *byte == 0).any(|argument| argument == data.as_bytes());
    names_data.then_some(found)
}

/// Line 1 is the pid, line 4 the port.
fn parse(text: &str) -> Option<Postmaster> {
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid > 1)?;
    let port = lines.nth(2)?.trim().parse().ok()?;
    Some(Postmaster { pid, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read() {
        let text = "1234\n/d/postgres/data\n1700000000\n40123\n\n127.0.0.1\n  1 2\nready   \n";
        assert_eq!(parse(text), Some(Postmaster { pid: 1234, port: 40123 }));
        for bad in ["", "1234\n", "-5\n/d\n1\n2\n", "x\n/d\n1\n2\n", "12\n/d\n1\nport\n"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_number_that_is_someone_elses_is_not_taken_for_it() {
        let temp = tempfile::tempdir().expect("tempdir");
        let text = format!("{}\n{}\n1\n5432\n", std::process::id(), temp.path().display());
        std::fs::write(temp.path().join("postmaster.pid"), text).expect("write");
        assert_eq!(running(temp.path()), None);
    }
}
