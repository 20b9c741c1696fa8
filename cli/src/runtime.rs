//! The runtimes that the commands run on, and the logs of those that serve.

use std::future::Future;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// A user's command does one thing at a time.
pub(crate) fn one_thread<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::doing("starting the runtime", error))?
        .block_on(work)
}

/// The service works on every core.
pub(crate) fn many_threads<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::doing("starting the runtime", error))?
        .block_on(work)
}

/// How a serving command writes its log, on stderr.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// What to log: a level, or levels by module such as `info,headrace_broker=debug`
    #[arg(long = "log", env = "HEADRACE_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) filter: String,
    /// How to write it
    #[arg(long, env = "HEADRACE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// Lines for people or for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// Begins to log on stderr.
    pub(crate) fn install(&self) -> Result<(), Failure> {
        self.install_to(std::io::stderr)
    }

    /// Begins to log to somewhere else.
    pub(crate) fn install_to<W>(&self, writer: W) -> Result<(), Failure>
    where
        W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
    {
        // openraft tells at length, as information, what it does; who wants that asks for it by name.
        let filter = tracing_subscriber::EnvFilter::try_new(format!("openraft=error,{}", self.filter))
            .map_err(|error| Failure::usage(format!("--log {:?} is not a filter: {error}", self.filter)))?;
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer);
        match self.log_format {
            LogFormat::Text => builder.try_init(),
            LogFormat::Json => builder.json().try_init(),
        }
        .map_err(|error| Failure::doing("setting up the log", error))
    }
}

/// SIGTERM and Ctrl-C, counted from the moment this is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Must be called within a runtime.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::doing("listening for signals", error));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// The next of either.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
