//! `headrace down`: stops the service of a data directory, and what one that was killed left behind.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use crate::clock;
use crate::commands::duration;
use crate::data_dir::{DataDir, read_line};
use crate::failure::{Failure, Kind};
use crate::output::say;
use crate::runtime::one_thread;
use crate::service::running::stop_left_behind;

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Between taking the lock and writing its pid, `up` does next to nothing.
const PID_WAIT: Duration = Duration::from_secs(2);

/// Stop the service, with its brokers and its database, and wait until it has stopped
///
/// The data stays. When nothing runs there is nothing to do, and that is no error.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace down
  headrace down --data-dir /srv/headrace --timeout 5m")]
pub(crate) struct Down {
    /// Which service
    #[arg(long, env = "HEADRACE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How long to wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2m")]
    timeout: Duration,
}

impl Down {
    pub(super) fn run(self) -> Result<(), Failure> {
        let dir = DataDir::resolve(self.data_dir.as_deref())?;
        if !dir.path().is_dir() {
            say(&format!("nothing runs: {} does not exist", dir.path().display()));
            return Ok(());
        }
        one_thread(self.stop(&dir))
    }

    async fn stop(&self, dir: &DataDir) -> Result<(), Failure> {
        let began = clock::now();
        let mut told = None;
        let lock = loop {
            if let Some(lock) = dir.try_lock()? {
                break lock;
            }
            if told.is_none() {
                told = terminate(dir)?;
            }
            if told.is_none() && began.elapsed() > PID_WAIT {
                return Err(Failure::failed(format!(
                    "a service runs on {}, but {} does not say which process it is",
                    dir.path().display(),
                    dir.service_pid().display()
                )));
            }
            if began.elapsed() > self.timeout {
                return Err(Failure::new(Kind::TimedOut, "the service did not stop in time")
                    .hint("it goes on stopping: wait longer with --timeout, or look into logs/up.log of the data directory"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        // With the lock held no `up` can start while what was left behind is stopped.
        let left = stop_left_behind(dir).await?;
        drop(lock);
        say(match (told, left) {
            (Some(_), _) => "stopped",
            (None, 0) => "nothing runs",
            (None, _) => "stopped what a service that was killed had left running",
        });
        Ok(())
    }
}

/// Asks the service to stop; gives its process, or `None` when its file does not say it yet.
fn terminate(dir: &DataDir) -> Result<Option<i32>, Failure> {
    let file = dir.service_pid();
    let line =
        read_line(&file).map_err(|error| Failure::doing(format!("reading {}", file.display()), error))?;
    let raw: Option<i32> = line.and_then(|line| line.parse().ok());
    let Some((raw, pid)) = raw.and_then(|raw| Some((raw, Pid::from_raw(raw)?))) else { return Ok(None) };
    match kill_process(pid, Signal::TERM) {
        Ok(()) => Ok(Some(raw)),
        // The file is that of an earlier one; the holder of the lock is about to write its own.
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(error) => Err(Failure::doing(format!("stopping the service (process {raw})"), error)),
    }
}
