//! `up --detach`: the same program again in the background, in a session of its own. The parent hands on the Ready block
//! and goes, or says why there will be none.
//!
//! The child writes the block to a pipe and ends it with a zero byte; its log goes to a file.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::data_dir::DataDir;
use crate::failure::{Failure, Kind};
use crate::output::{print, say};

/// Tells the child that it is the child.
const CHILD: &str = "HEADRACE_UP_DETACHED";
const END_OF_BLOCK: u8 = 0;
/// A log beyond this is put aside at the next start.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
const REASON_BYTES_MAX: u64 = 64 * 1024;

/// Whether this process is the one in the background.
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Leaves the terminal: called by the child before it does anything.
pub(crate) fn leave_terminal() -> Result<(), Failure> {
    match rustix::process::setsid() {
        Ok(_) => Ok(()),
        // Already the leader of a group, which a child made by us never is.
        Err(error) => Err(Failure::doing("leaving the terminal's session", error)),
    }
}

/// The child's Ready block, with the sign that it is complete.
pub(crate) fn block_for_parent(block: &str) -> String {
    format!("{block}{}", char::from(END_OF_BLOCK))
}

/// Starts the child with the same arguments and waits until it is ready.
pub(crate) fn start(dir: &DataDir) -> Result<(), Failure> {
    dir.create()?;
    let log_path = dir.logs().join("up.log");
    let doing = |error: std::io::Error| Failure::doing(format!("opening {}", log_path.display()), error);
    if std::fs::metadata(&log_path).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
        std::fs::rename(&log_path, log_path.with_extension("log.old")).map_err(doing)?;
    }
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&log_path).map_err(doing)?;
    let log_start = log.metadata().map_err(doing)?.len();
    let exe =
        std::env::current_exe().map_err(|error| Failure::doing("finding this program's file", error))?;
    let mut child = Command::new(exe)
        .args(std::env::args_os().skip(1))
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|error| Failure::doing("starting the service in the background", error))?;
    let mut block = Vec::new();
    let mut ready = false;
    if let Some(pipe) = child.stdout.take() {
        for byte in std::io::BufReader::new(pipe).bytes() {
            match byte {
                Ok(END_OF_BLOCK) => {
                    ready = true;
                    break;
                }
                Ok(byte) => block.push(byte),
                Err(_) => break,
            }
        }
    }
    if ready {
        return print(&String::from_utf8_lossy(&block));
    }
    let status = child.wait().map_err(|error| Failure::doing("waiting for the service", error))?;
    // What it said on its way out is the reason; it goes out as it is, for it is our own text.
    say(reason(&log_path, log_start).trim_end());
    let mut failure = Failure::failed(format!("the service did not start ({status})"))
        .hint(format!("its log is {}", log_path.display()));
    failure.kind = kind(status.code());
    Err(failure)
}

/// The child's exit code becomes ours.
fn kind(code: Option<i32>) -> Kind {
    let all = [
        Kind::Usage,
        Kind::NotFound,
        Kind::Auth,
        Kind::TimedOut,
        Kind::Conflict,
        Kind::Unreachable,
        Kind::Invalid,
    ];
    all.into_iter().find(|kind| Some(*kind as i32) == code).unwrap_or(Kind::Failed)
}

fn reason(path: &Path, start: u64) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = std::fs::File::open(path)
        && file.seek(SeekFrom::Start(start)).is_ok()
    {
        let _ = file.take(REASON_BYTES_MAX).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_childs_exit_code_is_ours() {
        assert_eq!(kind(Some(6)), Kind::Conflict);
        assert_eq!((kind(Some(1)), kind(Some(101)), kind(None)), (Kind::Failed, Kind::Failed, Kind::Failed));
    }
}
