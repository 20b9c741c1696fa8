//! One machine of the cluster: its disk, its clock, and the broker's process on it, in a tokio runtime of its own whose time the
//! simulation moves. A crash drops the runtime with all that was in it; a pause leaves it alone for a while.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use headrace_broker::Options;
use headrace_broker::simulation::{Clock, Door, Entrance, Ground, Node};
use headrace_metadata::Blocking;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::disk::SimDisk;
use crate::net::{BrokersNetwork, Net, Place, Port, Reply};

/// The wall clock at the beginning, in milliseconds.
const EPOCH_MS: i64 = 1_800_000_000_000;
/// Where the brokers keep records, and where the quorum keeps its journal.
pub(crate) const DATA: &str = "/data";
pub(crate) const META: &str = "/meta";
/// What a piece of blocking work takes at most, where nothing is slow.
const WORK_MS_MAX: u64 = 2;

/// What of a machine outlives its processes.
pub(crate) struct Machine {
    pub(crate) id: Place,
    pub(crate) disk: SimDisk,
    settings: Vec<String>,
    net: Net,
    rng: StdRng,
    boot: u64,
    wall_offset_ms: Arc<AtomicI64>,
    slow_ms: Arc<AtomicU64>,
    process: Option<Process>,
    is_on: bool,
    /// Not run until then; the time that has passed since is made up for.
    paused_ms: Option<u64>,
}

#[derive(Default)]
struct Doors {
    brokers: Option<Door>,
    clients: Option<Door>,
}

/// How a process ended by itself.
type Ended = Result<Option<String>, String>;

struct Process {
    runtime: Runtime,
    node: Arc<Mutex<Option<Node>>>,
    doors: Arc<Mutex<Doors>>,
    ended: Arc<Mutex<Option<Ended>>>,
    stop: Option<oneshot::Sender<()>>,
}

struct SimClock {
    started: Instant,
    started_ms: u64,
    wall_offset_ms: Arc<AtomicI64>,
}

impl Clock for SimClock {
    fn now_ms(&self) -> i64 {
        let elapsed_ms = i64::try_from(self.monotonic_ms()).unwrap_or(i64::MAX);
        EPOCH_MS + elapsed_ms + self.wall_offset_ms.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        let elapsed = Instant::now() - self.started + Duration::from_millis(self.started_ms);
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Machine {
    pub(crate) fn new(id: Place, settings: Vec<String>, net: Net, rng: &mut StdRng) -> Self {
        Self {
            id,
            disk: SimDisk::new(StdRng::seed_from_u64(rng.random())),
            settings,
            net,
            rng: StdRng::seed_from_u64(rng.random()),
            boot: 0,
            wall_offset_ms: Arc::default(),
            slow_ms: Arc::default(),
            process: None,
            is_on: true,
            paused_ms: None,
        }
    }

    /// What its next process is started with.
    pub(crate) fn configure(&mut self, settings: Vec<String>) {
        self.settings = settings;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_ms.is_some()
    }

    /// Starts the process, and the machine if it was off.
    pub(crate) fn start(&mut self, now_ms: u64) -> anyhow::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        self.is_on = true;
        let options = Options::from_parts("", [], &self.settings).context("the broker's configuration")?;
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (node, doors, ended) = (Arc::default(), Arc::default(), Arc::default());
        let (work_rng, slow_ms) =
            (Mutex::new(StdRng::seed_from_u64(self.rng.random())), Arc::clone(&self.slow_ms));
        let takes = move || {
            let most = WORK_MS_MAX + slow_ms.load(Ordering::Relaxed);
            Duration::from_millis(work_rng.lock().random_range(0..=most))
        };
        let process = Process {
            runtime,
            node: Arc::clone(&node),
            doors: Arc::clone(&doors),
            ended: Arc::clone(&ended),
            stop: Some(stop),
        };
        let network = BrokersNetwork { net: self.net.clone(), own: self.id };
        let (disk, wall_offset_ms) = (Arc::new(self.disk.clone()), Arc::clone(&self.wall_offset_ms));
        let boot_id = format!("boot-{}", self.boot);
        process.runtime.spawn(async move {
            let ground = Ground {
                clock: Arc::new(SimClock { started: Instant::now(), started_ms: now_ms, wall_offset_ms }),
                disk,
                network: Arc::new(network),
                blocking: Blocking::Inline(Arc::new(takes)),
                boot_id,
            };
            let opened = match Node::open(&options, ground).await {
                Ok(opened) => opened,
                Err(error) => {
                    *ended.lock() = Some(Err(error.to_string()));
                    return;
                }
            };
            *node.lock() = Some(opened.clone());
            let open_door = |entrance, door| match entrance {
                Entrance::Brokers => doors.lock().brokers = Some(door),
                Entrance::Clients => doors.lock().clients = Some(door),
            };
            let stopped = async {
                // Only told by being dropped.
                let _ = stopped.await;
            };
            let how = opened.live(&options, Box::new(open_door), Box::pin(stopped)).await;
            *ended.lock() = Some(Ok(how));
        });
        self.process = Some(process);
        self.net.set_machine(self.id, true, true);
        Ok(())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.stop.is_none())
    }

    /// Asks the process to stop cleanly.
    pub(crate) fn ask_to_stop(&mut self) {
        if let Some(process) = &mut self.process {
            drop(process.stop.take());
        }
    }

    /// kill -9.
    pub(crate) fn crash(&mut self) {
        self.paused_ms = None;
        if let Some(process) = self.process.take() {
            self.net.set_machine(self.id, self.is_on, false);
            drop(process);
        }
        self.disk.process_died();
    }

    /// The power goes: with it, what was not synced below `below`.
    pub(crate) fn power_cut(&mut self, below: &Path) {
        self.is_on = false;
        self.boot += 1;
        self.net.set_machine(self.id, false, false);
        self.crash();
        self.disk.power_cut(below);
    }

    pub(crate) fn pause(&mut self) {
        if self.process.is_some() {
            self.paused_ms.get_or_insert(0);
        }
    }

    /// Goes on as if no time had passed, and then finds that it has.
    pub(crate) fn resume(&mut self) {
        if let (Some(missed_ms), Some(process)) = (self.paused_ms.take(), &self.process) {
            process.runtime.block_on(async { tokio::time::advance(Duration::from_millis(missed_ms)).await });
        }
    }

    /// The wall clock is wrong by so much from now on.
    pub(crate) fn set_clock(&self, wrong_by_ms: i64) {
        self.wall_offset_ms.store(wrong_by_ms, Ordering::Relaxed);
    }

    pub(crate) fn set_slow(&self, ms: u64) {
        self.slow_ms.store(ms, Ordering::Relaxed);
    }

    /// A request arrives. False if nobody listens on that port: there is no connection on which another could follow.
    pub(crate) fn deliver(&self, port: Port, request: bytes::Bytes, reply: Reply) -> bool {
        let Some(process) = &self.process else { return false };
        let door = {
            let doors = process.doors.lock();
            match port {
                Port::Brokers => doors.brokers.clone(),
                Port::Clients => doors.clients.clone(),
            }
        };
        let Some(door) = door else { return false };
        process.runtime.spawn(async move { reply.answer(door.enter(request).await) });
        true
    }

    /// Lets a millisecond pass. An error is one that ends the simulation.
    pub(crate) fn tick(&mut self) -> Result<(), String> {
        let Some(process) = &self.process else { return Ok(()) };
        if let Some(missed_ms) = &mut self.paused_ms {
            *missed_ms += 1;
            return Ok(());
        }
        process.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        if self.disk.is_dead() {
            // It stopped in the middle of a write: what happened in this millisecond behind it was seen by nobody, or was an error.
            self.crash();
            return Ok(());
        }
        let ended = process.ended.lock().take();
        match ended {
            None => Ok(()),
            Some(Ok(None)) => {
                self.crash();
                Ok(())
            }
            Some(Ok(Some(why))) => {
                tracing::warn!(node = self.id, why, "the process ended");
                self.crash();
                Ok(())
            }
            Some(Err(why)) => {
                tracing::warn!(node = self.id, why, "the process did not start");
                self.crash();
                // With no room on its disk it cannot.
                if self.disk.is_full() {
                    Ok(())
                } else {
                    Err(format!("node {} did not start: {why}", self.id))
                }
            }
        }
    }

    /// The running broker, to be looked at.
    pub(crate) fn node(&self) -> Option<Node> {
        self.process.as_ref()?.node.lock().clone()
    }

    pub(crate) fn serves_clients(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.doors.lock().clients.is_some())
    }
}
