//! The postmaster as a process: our own child, which is reaped, or one that an earlier service left running.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Child;

use crate::failure::Failure;

/// Fast shutdown: sessions are cut off, what is committed is written.
const FAST_DEADLINE: Duration = Duration::from_secs(30);
/// Immediate shutdown: recovery at the next start.
const IMMEDIATE_DEADLINE: Duration = Duration::from_secs(10);
/// Between two looks at a process that is not our child.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) enum Process {
    Child(Child),
    Adopted(u32),
}

impl Process {
    fn pid(&self) -> Option<Pid> {
        let raw = match self {
            Self::Child(child) => child.id()?,
            Self::Adopted(pid) => *pid,
        };
        Pid::from_raw(i32::try_from(raw).ok()?)
    }

    /// Resolves when it has ended. Dropping the future loses nothing.
    pub(super) async fn ended(&mut self) {
        match self {
            Self::Child(child) => {
                let _ = child.wait().await;
            }
            Self::Adopted(_) => {
                while self.pid().is_some_and(|pid| test_kill_process(pid).is_ok()) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// Whether it has ended already.
    pub(super) fn has_ended(&mut self) -> bool {
        match self {
            Self::Child(child) => !matches!(child.try_wait(), Ok(None)),
            Self::Adopted(_) => self.pid().is_none_or(|pid| test_kill_process(pid).is_err()),
        }
    }

    /// Fast shutdown; immediate, then by force if that takes too long.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        for (signal, deadline) in [
            (Signal::INT, FAST_DEADLINE),
            (Signal::QUIT, IMMEDIATE_DEADLINE),
            (Signal::KILL, IMMEDIATE_DEADLINE),
        ] {
            let Some(pid) = self.pid() else { return Ok(()) };
            // An error here is "no such process", which is what is wanted.
            let _ = kill_process(pid, signal);
            if tokio::time::timeout(deadline, self.ended()).await.is_ok() {
                return Ok(());
            }
        }
        Err(Failure::failed("PostgreSQL does not stop, not even by force"))
    }
}
