//! A broker on a real machine: its ports (a taken one is said before anything is opened), its threads, and its end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use headrace_disk::RealDisk;
use headrace_log::DirsError;
use headrace_metadata::{Blocking, StartError};
use headrace_protocol::messages::broker_registration::Listener;
use headrace_state::metadata::configs::ConfigError;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::admin;
use crate::broker::Broker;
use crate::clock::SystemClock;
use crate::config::{Config, ListenerConfig, Options};
use crate::life::{self, Doors};
use crate::net::{self, BoundListener};
use crate::open::{Machine, open};
use crate::peers::TcpNetwork;

/// Threads per io thread that read from disk or apply metadata; they end when idle.
const HELPER_THREADS_MAX: usize = 4;
const HELPER_IDLE: Duration = Duration::from_secs(2);

/// Why the broker could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port is taken, or an address is not this machine's.
    #[error(
        "cannot listen on {host}:{port} for {listener}: {source}; see `listeners` and `headrace.admin.listener`"
    )]
    Listen {
        /// The listener's name.
        listener: String,
        /// Where it was to listen.
        host: String,
        /// Where it was to listen.
        port: u16,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused a thread or a file.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A topic default in the configuration is not valid.
    #[error("the configuration's defaults for topics are not valid: {0}")]
    Defaults(#[from] ConfigError),
    /// The quorum's directory cannot be used.
    #[error(transparent)]
    Quorum(#[from] StartError),
    /// The log directories cannot be used.
    #[error(transparent)]
    Logs(#[from] DirsError),
    /// The cluster does not take this process, or takes it no longer.
    #[error("{0}")]
    Refused(String),
    /// A start-up task panicked.
    #[error("start-up failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// Runs a broker until `shutdown` resolves, then stops it cleanly. Boxed here, so that the broker is compiled in this crate and not
/// again in the program's.
pub fn run<'a>(
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'a,
) -> BoxFuture<'a, Result<(), Error>> {
    run_until(options, shutdown.boxed()).boxed()
}

async fn run_until(options: Options, shutdown: BoxFuture<'_, ()>) -> Result<(), Error> {
    for (key, _) in &options.unused {
        tracing::warn!(%key, "this configuration key of Kafka's changes nothing in this broker");
    }
    for key in &options.unknown_keys {
        tracing::warn!(%key, "this configuration key means nothing to this broker and is ignored");
    }
    let listeners = options
        .listeners
        .iter()
        .map(|listener| bind(&options.config, listener))
        .collect::<Result<Vec<_>, _>>()?;
    let admin = match &options.admin {
        Some(address) => Some(admin::bind(address).map_err(|source| Error::Listen {
            listener: "the admin port".to_owned(),
            host: address.host.clone(),
            port: address.port,
            source,
        })?),
        None => None,
    };
    let io = IoThreads::start(options.config.headrace_io_threads)?;
    let machine = Machine {
        clock: Arc::new(SystemClock::default()),
        disk: RealDisk::shared(),
        network: Arc::new(TcpNetwork::new(io.first().clone(), options.config.node_id)),
        blocking: Blocking::Threads,
        boot_id: boot_id(),
    };
    // On an io thread, whose helper threads are few.
    let opened = io.first().spawn(async move { open(&options, machine).await });
    let broker = opened.await??;
    if let Some(listener) = admin {
        io.first().spawn(admin::serve(Arc::clone(&broker), listener));
    }
    let (inner, outer) = listeners.into_iter().partition(|listener| {
        broker.config.inter_broker_listener_name.as_deref() == Some(listener.name.as_str())
    });
    let sockets = Sockets { io: &io, next: Arc::default(), inner, outer };
    let ended = life::live(&broker, io.first(), sockets, shutdown)
        .await
        .map_err(|source| Error::Io { doing: "starting the background threads", source })?;
    io.stop();
    tracing::info!("stopped");
    ended.map_or(Ok(()), |refused| Err(Error::Refused(refused.to_string())))
}

/// Changes whenever the machine is started. Empty where the system does not tell.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// A listener as the registration names it.
fn advertise(listener: &BoundListener) -> Listener {
    Listener {
        name: listener.name.clone(),
        host: listener.advertised.host.as_str().into(),
        port: listener.advertised.port,
        security_protocol: 0,
    }
}

fn bind(config: &Config, listener: &ListenerConfig) -> Result<BoundListener, Error> {
    net::bind(config, listener).map_err(|source| Error::Listen {
        listener: listener.name.clone(),
        host: listener.bind.host.clone(),
        port: listener.bind.port,
        source,
    })
}

/// The listeners; connections are spread over the io threads.
struct Sockets<'a> {
    io: &'a IoThreads,
    next: Arc<AtomicUsize>,
    inner: Vec<BoundListener>,
    outer: Vec<BoundListener>,
}

impl Doors for Sockets<'_> {
    fn advertised(&self) -> Vec<Listener> {
        self.inner.iter().chain(&self.outer).map(advertise).collect()
    }

    fn open_inner(&mut self, broker: &Arc<Broker>) {
        std::mem::take(&mut self.inner).into_iter().for_each(|listener| self.serve(broker, listener));
    }

    fn open_outer(&mut self, broker: &Arc<Broker>) {
        std::mem::take(&mut self.outer).into_iter().for_each(|listener| self.serve(broker, listener));
    }
}

impl Sockets<'_> {
    fn serve(&self, broker: &Arc<Broker>, listener: BoundListener) {
        let (name, address) = (listener.name.clone(), listener.local);
        tracing::info!(listener = %name, %address, advertised = %listener.advertised, "listening");
        self.io.first().spawn(net::accept_loop(
            Arc::clone(broker),
            listener,
            Arc::clone(&self.io.handles),
            Arc::clone(&self.next),
        ));
    }
}

/// The threads that serve connections, each with a runtime of its own.
struct IoThreads {
    handles: Arc<[Handle]>,
    threads: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl IoThreads {
    fn start(configured: i32) -> Result<Self, Error> {
        let count = match usize::try_from(configured) {
            Ok(count) if count > 0 => count,
            _ => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let failed = |source| Error::Io { doing: "starting an io thread", source };
        let mut handles = Vec::new();
        let mut threads = Vec::new();
        for at in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(HELPER_THREADS_MAX)
                .thread_keep_alive(HELPER_IDLE)
                .thread_name("headrace-help")
                .build()
                .map_err(failed)?;
            handles.push(runtime.handle().clone());
            let (stop, stopped) = oneshot::channel::<()>();
            let thread = std::thread::Builder::new()
                .name(format!("headrace-io-{at}"))
                .spawn(move || {
                    // An error means that the broker is gone, which ends the thread too.
                    let _ = runtime.block_on(stopped);
                    runtime.shutdown_background();
                })
                .map_err(failed)?;
            threads.push((stop, thread));
        }
        Ok(Self { handles: handles.into(), threads })
    }

    /// The one that also accepts, serves the admin port and follows the metadata.
    fn first(&self) -> &Handle {
        &self.handles[0]
    }

    fn stop(self) {
        let (stops, threads): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
        drop(stops);
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("an io thread panicked");
            }
        }
    }
}
