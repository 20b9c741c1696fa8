//! The brokers that are compared. Each starts one node in a fresh directory with its own defaults; only addresses and paths are set.

mod apache_kafka;
mod headrace;

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

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
    /// Prepares `dir` (not timed) for node `id` of the cluster `nodes` (ids from 1 on) and gives the command that starts it.
    fn prepare(&self, dir: &Path, id: usize, nodes: &[Ports]) -> Result<Command>;
}

/// The peers, or the one whose name is given.
pub(crate) fn all(kafka_lib: &Path, headrace: &Path, only: Option<&str>) -> Result<Vec<Box<dyn Peer>>> {
    let kafka = ApacheKafka { lib: kafka_lib.canonicalize()? };
    let headrace = Headrace { binary: headrace.canonicalize()? };
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(kafka), Box::new(headrace)];
    peers.retain(|p| only.is_none_or(|o| p.name().to_lowercase().replace(' ', "-") == o));
    anyhow::ensure!(!peers.is_empty(), "--only takes apache-kafka or headrace");
    Ok(peers)
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

/// `controller.quorum.voters`: all nodes.
fn voters(nodes: &[Ports]) -> String {
    let voter = |(id, ports): (usize, &Ports)| format!("{id}@127.0.0.1:{}", ports.internal);
    (1..).zip(nodes).map(voter).collect::<Vec<_>>().join(",")
}

/// A started cluster; it is stopped when this is dropped.
pub(crate) struct Running {
    nodes: Vec<Node>,
    /// Of the first node.
    pub(crate) address: String,
    /// From the start of the processes to the first answered Metadata request that names all nodes.
    pub(crate) cold_start: Duration,
}

struct Node {
    child: Child,
    command: Command,
}

impl Running {
    /// Starts `count` nodes.
    pub(crate) fn start(peer: &dyn Peer, dir: &Path, count: usize) -> Result<Self> {
        let ports = (0..count).map(|_| Ports::free()).collect::<Result<Vec<_>>>()?;
        let mut commands = Vec::new();
        for id in 1..=count {
            let own = dir.join(format!("node-{id}"));
            std::fs::create_dir(&own)?;
            let mut command = peer.prepare(&own, id, &ports)?;
            let log = File::create(own.join("broker.log"))?;
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            commands.push(command);
        }
        let watch = Watch::start();
        let mut running = Self {
            nodes: Vec::new(),
            address: format!("127.0.0.1:{}", ports[0].kafka),
            cold_start: Duration::ZERO,
        };
        for mut command in commands {
            let child = command.spawn().with_context(|| format!("start {}", peer.name()))?;
            running.nodes.push(Node { child, command });
        }
        running.await_members(count, &format!("{}; see {}", peer.name(), dir.display()))?;
        running.cold_start = watch.elapsed();
        Ok(running)
    }

    /// Waits until the first node knows so many.
    fn await_members(&mut self, count: usize, what: &str) -> Result<()> {
        let watch = Watch::start();
        loop {
            let known = Connection::open(&self.address).and_then(|mut c| c.metadata());
            if known.is_ok_and(|metadata| metadata.brokers.len() == count) {
                return Ok(());
            }
            for node in &mut self.nodes {
                if let Some(status) = node.child.try_wait()? {
                    bail!("a node ended with {status}: {what}");
                }
            }
            if watch.elapsed() > START_DEADLINE {
                bail!("not all nodes were there within {START_DEADLINE:?}: {what}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Of the nth node, from 0 on.
    pub(crate) fn pid(&self, n: usize) -> u32 {
        self.nodes[n].child.id()
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(|node| node.child.id()).collect()
    }

    /// Ends the nth node as a crash would.
    pub(crate) fn kill(&mut self, n: usize) -> Result<()> {
        self.nodes[n].child.kill()?;
        self.nodes[n].child.wait()?;
        Ok(())
    }

    /// Asks the nth node to stop, and does not wait.
    pub(crate) fn ask_to_stop(&self, n: usize) {
        signal(&self.nodes[n].child, Signal::TERM);
    }

    /// Lets the nth node stand still, with its connections open.
    pub(crate) fn freeze(&self, n: usize) {
        signal(&self.nodes[n].child, Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self, n: usize) {
        signal(&self.nodes[n].child, Signal::CONT);
    }

    /// Waits until it has.
    pub(crate) fn await_end(&mut self, n: usize) -> Result<()> {
        self.nodes[n].child.wait()?;
        Ok(())
    }

    /// Starts the nth node again, after its end.
    pub(crate) fn restart(&mut self, n: usize) -> Result<()> {
        self.nodes[n].child = self.nodes[n].command.spawn()?;
        Ok(())
    }
}

fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if matches!(node.child.try_wait(), Ok(None)) {
                signal(&node.child, Signal::TERM);
            }
        }
        let watch = Watch::start();
        for node in &mut self.nodes {
            while matches!(node.child.try_wait(), Ok(None)) && watch.elapsed() < STOP_DEADLINE {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
    }
}
