//! Processes that outlive the control plane: started apart from it, found again by what is written down about them or
//! by their command line, stopped with a grace.
//!
//! A pid alone proves nothing, for the kernel uses pids again: a process is ours when it also started at the tick that
//! was written down, or when its command line names our configuration file. A control plane that dies between starting
//! a process and writing that down leaves one that only the command line tells.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::files;

/// A log is moved aside at the start of a process when it is larger than this, in bytes.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How often it is looked whether a process has ended.
const POLL: Duration = Duration::from_millis(25);
/// A process that was killed is gone after this, unless it hangs in the kernel.
const KILL_WAIT: Duration = Duration::from_secs(10);
/// This much of a log's end is shown when a process does not start, in bytes.
const TAIL_BYTES: u64 = 2_048;
/// Lines of it.
const TAIL_LINES: usize = 5;

/// One process of a node: `headrace <command> --config <config>`.
#[derive(Debug, Clone)]
pub(crate) struct Supervised {
    /// The binary.
    pub(crate) program: PathBuf,
    /// `broker` or `agent`.
    pub(crate) command: &'static str,
    /// The node's folder.
    pub(crate) dir: PathBuf,
    /// The configuration's name in that folder.
    pub(crate) config: &'static str,
}

/// What is written down about a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    pid: i32,
    /// Clock ticks between the machine's start and the process's (`/proc/PID/stat`, field 22).
    start_ticks: u64,
    /// Of the configuration that it was started with.
    config_hash: String,
}

/// A process that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) pid: i32,
    start_ticks: u64,
    /// Of the configuration that it was started with; unknown for one that was found by its command line.
    pub(crate) config_hash: Option<String>,
}

impl Supervised {
    fn config_path(&self) -> PathBuf {
        self.dir.join(self.config)
    }

    fn record_path(&self) -> PathBuf {
        self.dir.join(format!("{}.process", self.command))
    }

    /// For people and for the agent: one line with the pid.
    pub(crate) fn pid_path(&self) -> PathBuf {
        self.dir.join(format!("{}.pid", self.command))
    }

    /// Where the process's output goes.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.command))
    }

    /// The process, if it runs.
    pub(crate) fn find(&self) -> io::Result<Option<Running>> {
        if let Some(record) = self.record()
            && start_ticks(record.pid) == Some(record.start_ticks)
        {
            let Record { pid, start_ticks, config_hash } = record;
            return Ok(Some(Running { pid, start_ticks, config_hash: Some(config_hash) }));
        }
        if !self.dir.exists() {
            return Ok(None);
        }
        self.find_by_command_line()
    }

    fn record(&self) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.record_path()).ok()?).ok()
    }

    fn find_by_command_line(&self) -> io::Result<Option<Running>> {
        let config = self.config_path();
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry.ok().and_then(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            else {
                continue;
            };
            // Processes come and go while we read: what cannot be read is not ours.
            let Ok(command_line) = fs::read(format!("/proc/{pid}/cmdline")) else { continue };
            let arguments: Vec<&[u8]> = command_line.split(|byte| *byte == 0).collect();
            let is_ours = arguments.contains(&self.command.as_bytes())
                && arguments.contains(&config.as_os_str().as_encoded_bytes());
            if is_ours && let Some(start_ticks) = start_ticks(pid) {
                return Ok(Some(Running { pid, start_ticks, config_hash: None }));
            }
        }
        Ok(None)
    }

    /// Starts the process unless it runs. Only one caller on this machine at a time gets past the lock.
    pub(crate) fn start(&self, config_hash: &str) -> io::Result<()> {
        let _lock = files::lock(&self.dir)?;
        if let Some(running) = self.find()? {
            return self.adopt(&running, config_hash);
        }
        let log = self.open_log()?;
        let mut child = Command::new(&self.program)
            .arg(self.command)
            .arg("--config")
            .arg(self.config_path())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: Ctrl-C in our terminal is not for it.
            .process_group(0)
            .spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        if let Some(start_ticks) = start_ticks(pid) {
            self.write_down(&Record { pid, start_ticks, config_hash: config_hash.to_owned() })?;
        }
        // Takes the exit status when the process ends, so that no zombie is left while we live.
        std::thread::Builder::new().name(format!("reap-{pid}")).spawn(move || child.wait())?;
        Ok(())
    }

    /// Writes down a process that only its command line told. What it was started with is not known: the file as it is
    /// now is the best guess, for it is written before a start.
    pub(crate) fn adopt(&self, running: &Running, config_hash: &str) -> io::Result<()> {
        if running.config_hash.is_some() {
            return Ok(());
        }
        let config_hash = config_hash.to_owned();
        self.write_down(&Record { pid: running.pid, start_ticks: running.start_ticks, config_hash })
    }

    fn write_down(&self, record: &Record) -> io::Result<()> {
        files::write(&self.pid_path(), format!("{}\n", record.pid).as_bytes(), 0o644)?;
        files::write(&self.record_path(), &serde_json::to_vec(record)?, 0o644)
    }

    fn open_log(&self) -> io::Result<File> {
        let path = self.log_path();
        if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
            fs::rename(&path, path.with_extension("log.1"))?;
        }
        OpenOptions::new().create(true).append(true).open(path)
    }

    /// Asks the process to end, and makes it end after the grace.
    pub(crate) async fn stop(&self, grace: Duration) -> io::Result<()> {
        let this = self.clone();
        let found = unblock(move || this.find()).await?;
        let Some(running) = found else { return self.forget() };
        send(&running, Signal::TERM)?;
        if !ended_within(&running, grace).await {
            tracing::warn!(pid = running.pid, command = self.command, "did not stop in time and is killed");
            kill(&running).await?;
        }
        self.forget()
    }

    /// Makes the process end, now.
    pub(crate) async fn end(&self) -> io::Result<()> {
        let this = self.clone();
        if let Some(running) = unblock(move || this.find()).await? {
            kill(&running).await?;
        }
        self.forget()
    }

    fn forget(&self) -> io::Result<()> {
        files::remove(&self.record_path())?;
        files::remove(&self.pid_path())
    }

    /// The last lines that the process wrote.
    pub(crate) fn log_tail(&self) -> String {
        let read = || -> io::Result<String> {
            let mut log = File::open(self.log_path())?;
            let length = log.metadata()?.len();
            log.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            log.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
        };
        read().unwrap_or_default()
    }
}

/// Runs blocking work on a thread of its own.
pub(crate) async fn unblock<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// When a process started, in clock ticks since the machine did; `None` when it does not run. A zombie does not run.
fn start_ticks(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything, so read on from the last one.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // Field 22; the state was field 3.
    fields.nth(18)?.parse().ok()
}

fn send(running: &Running, signal: Signal) -> io::Result<()> {
    if start_ticks(running.pid) != Some(running.start_ticks) {
        return Ok(());
    }
    let Some(pid) = Pid::from_raw(running.pid) else { return Ok(()) };
    match rustix::process::kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn kill(running: &Running) -> io::Result<()> {
    send(running, Signal::KILL)?;
    if ended_within(running, KILL_WAIT).await {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("process {} does not end", running.pid)))
}

async fn ended_within(running: &Running, limit: Duration) -> bool {
    let ended = async {
        while start_ticks(running.pid) == Some(running.start_ticks) {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(limit, ended).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Duration, Supervised, start_ticks};

    /// Stands in for the binary: sleeps, and ends at SIGTERM.
    fn sleeper(dir: &std::path::Path, ignores_term: bool) -> Supervised {
        use std::os::unix::fs::PermissionsExt as _;
        let program = dir.join("sleeper");
        let trap = if ignores_term { "trap '' TERM\n" } else { "" };
        // No exec: the command line has to keep naming the configuration.
        let script = format!("#!/bin/sh\n{trap}while :; do sleep 0.05; done\n");
        std::fs::write(&program, script).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
        Supervised { program, command: "broker", dir: dir.to_owned(), config: "broker.properties" }
    }

    #[tokio::test]
    async fn a_process_is_started_once_found_again_and_stopped() {
        let dir = tempfile::tempdir().expect("a folder");
        for ignores_term in [false, true] {
            let process = sleeper(dir.path(), ignores_term);
            assert_eq!(process.find().expect("looked"), None);
            process.start("a").expect("started");
            let first = process.find().expect("looked").expect("runs");
            process.start("b").expect("started again");
            assert_eq!(process.find().expect("looked"), Some(first.clone()));
            assert_eq!(first.config_hash.as_deref(), Some("a"));

            // As if the control plane had died before it wrote anything down.
            std::fs::remove_file(process.record_path()).expect("removed");
            let found = process.find().expect("looked").expect("found by its command line");
            assert_eq!((found.pid, found.config_hash.as_deref()), (first.pid, None));
            process.start("c").expect("adopted");
            assert_eq!(process.find().expect("looked").expect("runs").config_hash.as_deref(), Some("c"));

            tokio::time::sleep(Duration::from_millis(100)).await; // until the shell has set its trap
            process.stop(Duration::from_millis(300)).await.expect("stopped");
            assert_eq!(start_ticks(first.pid), None);
            assert_eq!(process.find().expect("looked"), None);
        }
    }

    #[test]
    fn a_record_of_a_pid_that_another_process_has_now_is_not_believed() {
        let dir = tempfile::tempdir().expect("a folder");
        let process = sleeper(dir.path(), false);
        let own = std::process::id();
        std::fs::write(process.record_path(), format!(r#"{{"pid":{own},"start_ticks":1,"config_hash":""}}"#))
            .expect("written");
        assert_eq!(process.find().expect("looked"), None);
    }
}
