//! `headrace control-plane`: one control plane on a database that is already there.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Args;

use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::runtime::{LogArgs, Signals, many_threads};
use crate::service::ports;

/// Run the control plane alone, on your own PostgreSQL
///
/// Several of these on one database share the work.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace control-plane --database-url postgres://headrace@db/headrace --listen 0.0.0.0:8080")]
pub(crate) struct ControlPlane {
    /// The database
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
    /// Where the API and the dashboard listen
    #[arg(long, env = "HEADRACE_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the clusters of this machine keep their data
    #[arg(long, env = "HEADRACE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Ports for brokers
    #[arg(long, env = "HEADRACE_KAFKA_PORTS", value_name = "FROM-TO", value_parser = ports::parse, default_value = ports::DEFAULT)]
    kafka_ports: RangeInclusive<u16>,
    /// What agents call this control plane [default: http:// and the listen address]
    #[arg(long, env = "HEADRACE_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

impl ControlPlane {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.log.install()?;
        let dir = DataDir::resolve(self.data_dir.as_deref())?;
        dir.create()?;
        let binary =
            std::env::current_exe().map_err(|error| Failure::doing("finding this program's file", error))?;
        let mut options = headrace_control_plane::Options::new(
            self.database_url,
            self.listen,
            dir.path().to_owned(),
            self.kafka_ports,
            binary,
        );
        options.public_url = self.public_url;
        many_threads(async move {
            let mut signals = Signals::listen()?;
            headrace_control_plane::run(options, async move { signals.next().await })
                .await
                .map_err(|error| crate::service::control_plane_failure(&error))
        })
    }
}
