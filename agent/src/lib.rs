//! The per-broker agent: looks at its broker every few seconds and reports health and load to the control plane.
//!
//! It speaks Kafka's own protocol, so it serves any engine; an admin port with metrics makes the report richer. It holds
//! no state that matters: reports wait in a bounded buffer while the control plane is away, and nothing it does or fails
//! to do reaches the broker.
//!
//! `observe` samples, `rates`, `prometheus`, `process` and `disk` compute, `report` is the wire shape, `buffer` keeps
//! what is not yet taken, `control_plane` sends it.

mod backoff;
mod buffer;
mod clock;
mod config;
mod control_plane;
mod disk;
mod http;
mod kafka;
mod observe;
mod process;
mod prometheus;
mod rates;
mod refusals;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

pub use config::{Config, ConfigError};

use crate::buffer::{BUFFERED_REPORTS_MAX, Buffer};
use crate::control_plane::{Identity, Sender, Shared};
use crate::observe::Observer;

/// Until the control plane says otherwise.
const REPORT_INTERVAL_DEFAULT: Duration = Duration::from_secs(2);
/// What is left to send at shutdown has this long.
const FAREWELL_DEADLINE: Duration = Duration::from_secs(2);

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    pub config: Config,
}

/// Why the agent could not start, or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("writing {path}: {source}; the folder `state_dir` must exist and be writable")]
    PidFile { path: PathBuf, source: std::io::Error },
    #[error("setting up the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error(
        "the control plane refuses the API key in {path}; started anew, the agent looks whether there is another"
    )]
    KeyRefused { path: PathBuf },
}

/// Watches the broker and reports until `shutdown` resolves. A current-thread runtime is enough.
pub async fn run(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let config = Arc::new(options.config);
    let _pid_file = PidFile::write(&config.state_dir)?;
    let shared = Arc::new(Shared {
        buffer: Mutex::new(Buffer::new(BUFFERED_REPORTS_MAX)),
        wake: Notify::new(),
        interval: Mutex::new(REPORT_INTERVAL_DEFAULT),
    });
    let identity = Identity {
        incarnation: uuid::Uuid::new_v4().to_string(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        started_at: clock::rfc3339(clock::unix_ms()),
    };
    tracing::info!(
        cluster = config.cluster_id,
        node = config.node_id,
        broker = config.bootstrap,
        incarnation = identity.incarnation,
        "the agent watches its broker"
    );
    let mut sender = Sender::new(config.clone(), identity, shared.clone())?;
    let mut observer = Observer::new(Arc::clone(&config))?;
    tokio::select! {
        () = shutdown => {}
        () = watch(&mut observer, &shared) => {}
        () = sender.run() => return Err(Error::KeyRefused { path: config.api_key_file.clone() }),
    }
    tracing::info!(waiting = shared.buffer.lock().len(), "stopping: sending what is left");
    let farewell = async { while !shared.buffer.lock().is_empty() && sender.step().await.is_none() {} };
    if tokio::time::timeout(FAREWELL_DEADLINE, farewell).await.is_err() {
        tracing::warn!(lost = shared.buffer.lock().len(), "the last reports could not be sent");
    }
    Ok(())
}

/// Looks for ever. The time of a look counts towards the interval, so that reports are evenly spaced.
async fn watch(observer: &mut Observer, shared: &Shared) {
    loop {
        let interval = *shared.interval.lock();
        let next = tokio::time::Instant::now() + interval;
        let report = observer.look().await;
        shared.buffer.lock().push(report);
        shared.wake.notify_one();
        tokio::time::sleep_until(next).await;
    }
}

/// `agent.pid`, there as long as the agent runs.
struct PidFile(PathBuf);

impl PidFile {
    fn write(state_dir: &Path) -> Result<Self, Error> {
        let path = state_dir.join("agent.pid");
        std::fs::write(&path, format!("{}\n", std::process::id()))
            .map_err(|source| Error::PidFile { path: path.clone(), source })?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // One that is left behind names a process that is gone, which every reader of it checks.
        let _ = std::fs::remove_file(&self.0);
    }
}
