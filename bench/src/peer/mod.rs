//! The brokers that are compared. Each starts one node in a fresh directory with its own defaults; only addresses and paths are set.

mod apache_kafka;
mod headrace;

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub(crate) use self::apache_kafka::ApacheKafka;
pub(crate) use self::headrace::Headrace;
use crate::clock::Watch;
use crate::wire::Connection;

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// A broker that can be started.
pub(crate) trait Peer {
    fn name(&self) -> &'static str;
    /// What runs: version and the settings that differ from its defaults.
    fn description(&self) -> Result<String>;
    /// Prepares `dir` (not timed) and gives the command that starts the broker.
    fn prepare(&self, dir: &Path, ports: Ports) -> Result<Command>;
}

#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) kafka: u16,
    pub(crate) internal: u16,
    pub(crate) admin: u16,
}

impl Ports {
    fn free() -> Result<Self> {
        let held: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let port = |n: usize| held[n].local_addr().map(|a| a.port());
        Ok(Self { kafka: port(0)?, internal: port(1)?, admin: port(2)? })
    }
}

/// A started broker; it is stopped when this is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
    /// From the start of the process to its first answered Metadata request.
    pub(crate) cold_start: Duration,
}

impl Running {
    pub(crate) fn start(peer: &dyn Peer, dir: &Path) -> Result<Self> {
        let ports = Ports::free()?;
        let mut command = peer.prepare(dir, ports)?;
        let log = File::create(dir.join("broker.log"))?;
        let watch = Watch::start();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", peer.name()))?;
        let mut running =
            Self { child, address: format!("127.0.0.1:{}", ports.kafka), cold_start: Duration::ZERO };
        loop {
            if Connection::open(&running.address)
                .and_then(|mut c| c.metadata())
                .is_ok_and(|brokers| brokers > 0)
            {
                running.cold_start = watch.elapsed();
                return Ok(running);
            }
            if let Some(status) = running.child.try_wait()? {
                bail!("{} ended with {status}; see {}", peer.name(), dir.join("broker.log").display());
            }
            if watch.elapsed() > START_DEADLINE {
                bail!(
                    "{} did not answer within {START_DEADLINE:?}; see {}",
                    peer.name(),
                    dir.join("broker.log").display()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let watch = Watch::start();
        while watch.elapsed() < STOP_DEADLINE {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
