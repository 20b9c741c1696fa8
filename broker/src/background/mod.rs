//! The work on logs behind the requests: one thread forces them to disk, one applies retention, one moves them between directories. In a
//! simulation they are tasks.

mod flusher;
mod maintenance;
mod mover;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use headrace_metadata::Blocking;

use crate::broker::Broker;
use flusher::Flusher;
use maintenance::Maintenance;
use mover::Mover;

/// Work that is done over and over, with a pause between two rounds.
trait Upkeep: Send + 'static {
    const THREAD: &str;

    /// Begins at this time, in milliseconds of the monotonic clock.
    fn new(now_ms: u64) -> Self;
    /// How long to wait before the next round.
    fn pause(&self, broker: &Broker) -> Duration;
    fn round(&mut self, broker: &Broker);
}

/// What a thread looks at between two rounds.
#[derive(Debug, Default)]
struct StopFlag(AtomicBool);

impl StopFlag {
    /// Sleeps; false when it is time to end.
    fn sleep(&self, time: Duration) -> bool {
        if !self.0.load(Ordering::Acquire) {
            std::thread::park_timeout(time);
        }
        !self.0.load(Ordering::Acquire)
    }
}

/// The running threads.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Arc<StopFlag>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn start(broker: &Arc<Broker>) -> std::io::Result<Self> {
        let mut this = Self { stop: Arc::default(), threads: Vec::new() };
        this.begin::<Flusher>(broker)?;
        this.begin::<Maintenance>(broker)?;
        this.begin::<Mover>(broker)?;
        Ok(this)
    }

    fn begin<U: Upkeep>(&mut self, broker: &Arc<Broker>) -> std::io::Result<()> {
        let (broker, stop) = (Arc::clone(broker), Arc::clone(&self.stop));
        let mut upkeep = U::new(broker.clock.monotonic_ms());
        if matches!(broker.blocking, Blocking::Inline(_)) {
            tokio::spawn(async move {
                let mut stopping = broker.stopping();
                loop {
                    tokio::select! {
                        () = tokio::time::sleep(upkeep.pause(&broker)) => upkeep.round(&broker),
                        () = stopping.stopped() => return,
                    }
                }
            });
            return Ok(());
        }
        let work = move || {
            while stop.sleep(upkeep.pause(&broker)) {
                upkeep.round(&broker);
            }
        };
        self.threads.push(Builder::new().name(U::THREAD.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Ends the threads; each finishes the log it is at.
    pub(crate) fn stop(self) {
        self.stop.0.store(true, Ordering::Release);
        for thread in self.threads {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a background thread panicked");
            }
        }
    }
}
