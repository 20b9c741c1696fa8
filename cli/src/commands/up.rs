//! `headrace up`: the whole service on this machine, with one command.

use std::fs::OpenOptions;
use std::net::{SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::api::Api;
use crate::clock;
use crate::data_dir::{DataDir, Lock, read_line, write_line};
use crate::failure::{Failure, Kind};
use crate::output::print;
use crate::runtime::{LogArgs, Signals, many_threads};
use crate::service::ready::{Command, Ready};
use crate::service::running::{Running, Settings};
use crate::service::{demo, detach, listen_failure, ports};

/// A log beyond this is put aside at the next start.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Start the service on this machine: API, dashboard, database, and a demo cluster
///
/// The first start prints the admin key; it is also kept in the data directory, where the other commands find it.
/// Ctrl-C stops everything, and the next start finds it as it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace up
  headrace up --detach --data-dir /srv/headrace --listen 0.0.0.0:8080
  headrace up --no-demo --listen 127.0.0.1:8081 --kafka-ports 20000-20099 --data-dir /tmp/second
  DATABASE_URL=postgres://me@db/headrace headrace up")]
pub(crate) struct Up {
    /// Return when it is ready; it goes on in the background until `headrace down`
    #[arg(long)]
    detach: bool,
    /// Make no demo cluster at the first start
    #[arg(long, env = "HEADRACE_NO_DEMO", value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    no_demo: bool,
    /// Where everything is kept [default: $XDG_DATA_HOME/headrace or ~/.local/share/headrace; for root /var/lib/headrace]
    #[arg(long, env = "HEADRACE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the API and the dashboard listen
    #[arg(long, env = "HEADRACE_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Ports for brokers
    #[arg(long, env = "HEADRACE_KAFKA_PORTS", value_name = "FROM-TO", value_parser = ports::parse, default_value = ports::DEFAULT)]
    kafka_ports: RangeInclusive<u16>,
    /// Your own PostgreSQL instead of the embedded one
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

impl Up {
    pub(super) fn run(self) -> Result<(), Failure> {
        let dir = DataDir::resolve(self.data_dir.as_deref())?;
        if self.detach && !detach::is_child() {
            return detach::start(&dir);
        }
        if detach::is_child() {
            detach::leave_terminal()?;
        }
        dir.create()?;
        let dir = DataDir::resolve(Some(dir.path()))?;
        let lock = take(&dir)?;
        self.start_log(&dir)?;
        write_line(&dir.service_pid(), &std::process::id().to_string(), 0o644)?;
        let result = many_threads(self.serve(&dir));
        // One that can't be removed names a process that is gone, which `down` checks.
        let _ = std::fs::remove_file(dir.service_pid());
        drop(lock);
        result
    }

    /// The control plane's log; what `up` itself says stays on stderr.
    fn start_log(&self, dir: &DataDir) -> Result<(), Failure> {
        let path = dir.logs().join("control-plane.log");
        let doing = |error| Failure::doing(format!("opening {}", path.display()), error);
        if std::fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
            std::fs::rename(&path, path.with_extension("log.old")).map_err(doing)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(doing)?;
        self.log.install_to(Arc::new(file))
    }

    async fn serve(&self, dir: &DataDir) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        let mut running = Running::default();
        let result = self.serve_until_told(dir, &mut running, &mut signals).await;
        if let Err(failure) = &result {
            // Said now rather than at the end: stopping takes a while.
            failure.report();
        }
        let stopped = running.stop(dir, &mut signals).await;
        match result {
            Ok(()) => stopped,
            Err(failure) => Err(failure.already_told()),
        }
    }

    async fn serve_until_told(
        &self,
        dir: &DataDir,
        running: &mut Running,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let began = clock::now();
        // Looked at first, so that the reason is there before anything runs.
        TcpListener::bind(self.listen).map_err(|error| listen_failure(self.listen, &error))?;
        let first_start = !dir.admin_key().exists();
        if first_start {
            ports::check_free(&self.kafka_ports)?;
        }
        let settings = Settings {
            listen: self.listen,
            kafka_ports: self.kafka_ports.clone(),
            database_url: self.database_url.clone(),
        };
        let address = running.start(dir, &settings).await?;
        let endpoint = format!("http://{}", reachable(address));
        write_line(&dir.endpoint(), &endpoint, 0o644)?;
        let key = read_line(&dir.admin_key())
            .map_err(|error| Failure::doing(format!("reading {}", dir.admin_key().display()), error))?;
        let api = Api::new(&endpoint, key.clone())?;
        let demo = tokio::select! {
            demo = demo::ensure(&api, dir, !self.no_demo) => demo?,
            failure = running.watch() => return Err(failure),
            () = signals.next() => return Ok(()),
        };
        let ready = Ready {
            dashboard: format!("{endpoint}/"),
            admin_key: key.filter(|_| first_start),
            admin_key_file: dir.admin_key(),
            demo,
            command: Command::for_other_terminals(dir.path()),
            seconds: began.elapsed().as_secs_f64(),
            detached: detach::is_child(),
        };
        let block = ready.render();
        print(&if detach::is_child() { detach::block_for_parent(&block) } else { block })?;
        tokio::select! {
            failure = running.watch() => Err(failure),
            () = signals.next() => Ok(()),
        }
    }
}

/// The lock, or who has it.
fn take(dir: &DataDir) -> Result<Lock, Failure> {
    if let Some(lock) = dir.try_lock()? {
        return Ok(lock);
    }
    let pid = read_line(&dir.service_pid())
        .ok()
        .flatten()
        .map(|pid| format!(" (process {pid})"))
        .unwrap_or_default();
    let endpoint =
        read_line(&dir.endpoint()).ok().flatten().map(|url| format!(" at {url}")).unwrap_or_default();
    Err(Failure::new(Kind::Conflict, format!("a service already runs on {}{endpoint}{pid}", dir.path().display()))
        .hint("use it, stop it with `headrace down`, or start another with its own --data-dir, --listen and --kafka-ports"))
}

/// An address that this machine's programs can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everywhere_is_reached_by_the_loopback() {
        let reached = |text: &str| reachable(text.parse().expect("address")).to_string();
        assert_eq!(reached("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "[::1]:8080");
        assert_eq!(reached("10.1.2.3:80"), "10.1.2.3:80");
    }

    #[test]
    fn a_second_service_on_one_folder_is_refused() {
        let temp = tempfile::tempdir().expect("tempdir");
        let dir = DataDir::resolve(Some(temp.path())).expect("dir");
        let _lock = take(&dir).expect("first");
        let failure = take(&dir).expect_err("second");
        assert_eq!(failure.kind, Kind::Conflict);
        assert!(failure.hint.expect("hint").contains("headrace down"));
    }
}
