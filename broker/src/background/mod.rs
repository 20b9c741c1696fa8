//! The threads that work on logs behind the requests: one forces them to disk, one applies retention, one moves them between directories.

mod flusher;
mod maintenance;
mod mover;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::broker::Broker;

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
        let stop = Arc::new(StopFlag::default());
        let spawn = |name: &str, work: fn(&Broker, &StopFlag)| {
            let (broker, stop) = (Arc::clone(broker), Arc::clone(&stop));
            Builder::new().name(name.to_owned()).spawn(move || work(&broker, &stop))
        };
        let threads = vec![
            spawn("headrace-flush", flusher::run)?,
            spawn("headrace-upkeep", maintenance::run)?,
            spawn("headrace-move", mover::run)?,
        ];
        Ok(Self { stop, threads })
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
