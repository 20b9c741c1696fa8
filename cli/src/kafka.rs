//! Which cluster a command means, and a Kafka client for it.

use std::time::Duration;

use clap::Args;
use headrace_client::{Client, Options};

use crate::api::{Api, Remote, Request};
use crate::failure::{Failure, Kind};
use crate::output::{items, text};

/// A broker on this machine or in this network answers far sooner.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// One of the service's clusters.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClusterName {
    /// Cluster by name or id [default: the only one there is]
    #[arg(short, long, env = "HEADRACE_CLUSTER", value_name = "CLUSTER")]
    pub(crate) cluster: Option<String>,
}

impl ClusterName {
    /// The name given, or that of the only cluster.
    pub(crate) async fn resolve(&self, api: &Api) -> Result<String, Failure> {
        if let Some(name) = &self.cluster {
            return Ok(name.clone());
        }
        let all = api.list(&["clusters"], &[], "listing clusters").await?;
        let names: Vec<String> = items(&all).iter().map(|cluster| text(cluster, "/name")).collect();
        match names.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(Failure::new(Kind::NotFound, "there is no cluster")
                .hint("`headrace cluster create NAME --wait` makes one")),
            several => Err(Failure::usage("there are several clusters: say which with --cluster")
                .detail(several.join(", "))),
        }
    }
}

/// Where to produce to or consume from.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    #[command(flatten)]
    cluster: ClusterName,
    /// Any Kafka by address, without asking the service
    #[arg(long, value_name = "HOST:PORT,…", conflicts_with = "cluster")]
    bootstrap_server: Option<String>,
}

impl Target {
    /// A client that is connected to it.
    pub(crate) async fn connect(&self, remote: &Remote) -> Result<Client, Failure> {
        let servers = match &self.bootstrap_server {
            Some(servers) => servers.clone(),
            None => self.bootstrap_of_cluster(remote).await?,
        };
        connect(&servers).await
    }

    async fn bootstrap_of_cluster(&self, remote: &Remote) -> Result<String, Failure> {
        let api = remote.api()?;
        let name = self.cluster.resolve(&api).await?;
        let cluster = api.send(Request::get(&["clusters", &name], format!("reading cluster {name}"))).await?;
        match cluster["status"]["bootstrap_servers"].as_str().filter(|servers| !servers.is_empty()) {
            Some(servers) => Ok(servers.to_owned()),
            None => Err(Failure::failed(format!(
                "cluster {name} is {} and has no address yet",
                text(&cluster, "/status/state")
            ))
            .hint(format!("`headrace cluster wait {name}` waits until it has"))),
        }
    }
}

/// A client of whichever of these brokers answers.
pub(crate) async fn connect(servers: &str) -> Result<Client, Failure> {
    let list: Vec<&str> = servers.split(',').map(str::trim).filter(|server| !server.is_empty()).collect();
    if list.is_empty() {
        return Err(Failure::usage(format!("{servers:?} is not HOST:PORT")));
    }
    let options =
        Options { client_id: "headrace-cli".into(), connect_timeout: CONNECT_DEADLINE, ..Options::default() };
    Client::connect_with(&list, options).await.map_err(|error| {
        Failure::new(Kind::Unreachable, format!("connecting to Kafka at {servers}: {error}"))
            .hint("`headrace cluster list` says which clusters run, and where")
    })
}

/// What a Kafka error means for the exit code.
pub(crate) fn failure(doing: &str, error: &headrace_client::Error) -> Failure {
    use headrace_protocol::ErrorCode;
    let kind = match error.code() {
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => Kind::NotFound,
        Some(ErrorCode::REQUEST_TIMED_OUT) => Kind::TimedOut,
        Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => Kind::Auth,
        _ => Kind::Failed,
    };
    let failure = Failure::new(kind, format!("{doing}: {error}"));
    match kind {
        Kind::NotFound => failure.hint("`headrace topic create NAME` makes a topic"),
        _ => failure,
    }
}
