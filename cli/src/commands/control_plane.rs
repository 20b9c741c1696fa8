//! `headrace control-plane`: one control plane on a database that is already there.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use headrace_control_plane::{Options, ProviderOptions};

use crate::commands::{duration, key_value};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::runtime::{LogArgs, Signals, many_threads};
use crate::service::ports;

/// Where brokers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// As processes on this machine
    Local,
    /// As pods of the Kubernetes in which the control plane runs, or which KUBECONFIG names
    Kubernetes,
}

/// Run the control plane alone, on your own PostgreSQL
///
/// Several of these on one database share the work.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace control-plane --database-url postgres://headrace@db/headrace --listen 0.0.0.0:8080
  headrace control-plane --provider kubernetes --image headrace:0.1.0 --public-url http://headrace.kafka.svc:8080")]
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
    /// Where brokers run
    #[arg(long, env = "HEADRACE_PROVIDER", value_enum, default_value_t = Provider::Local)]
    provider: Provider,
    /// With kubernetes: the namespace of the clusters [default: the pod's own, or the kubeconfig's]
    #[arg(long, env = "HEADRACE_NAMESPACE", value_name = "NAME")]
    namespace: Option<String>,
    /// With kubernetes: let clusters name other namespaces, for which the control plane needs rights everywhere
    #[arg(long, env = "HEADRACE_ALL_NAMESPACES")]
    all_namespaces: bool,
    /// With kubernetes: the image that brokers run
    #[arg(long, env = "HEADRACE_IMAGE", value_name = "IMAGE", required_if_eq("provider", "kubernetes"))]
    image: Option<String>,
    /// With kubernetes: the image of another version that clusters can have; repeat for more
    #[arg(long = "version-image", env = "HEADRACE_VERSION_IMAGES", value_name = "VERSION=IMAGE", value_delimiter = ',', value_parser = key_value)]
    version_images: Vec<(String, String)>,
    /// With kubernetes: when it is pulled
    #[arg(long, env = "HEADRACE_IMAGE_PULL_POLICY", value_name = "POLICY", default_value = "IfNotPresent",
        value_parser = ["Always", "IfNotPresent", "Never"])]
    image_pull_policy: String,
    /// With kubernetes: Secrets with which it is pulled
    #[arg(
        long = "image-pull-secret",
        env = "HEADRACE_IMAGE_PULL_SECRETS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    image_pull_secrets: Vec<String>,
    /// With kubernetes: a label of the brokers' PodMonitors, by which a Prometheus selects them; repeat for more
    #[arg(
        long = "pod-monitor-label",
        env = "HEADRACE_POD_MONITOR_LABELS",
        value_name = "KEY=VALUE",
        value_delimiter = ',',
        value_parser = key_value
    )]
    pod_monitor_labels: Vec<(String, String)>,
    /// With kubernetes: the domain of its names
    #[arg(long, env = "HEADRACE_CLUSTER_DOMAIN", value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: String,
    /// With kubernetes: give up a broker whose pod cannot start after this; one for which there is no room after three times as
    /// long, and one that runs but does not get ready after twenty times
    #[arg(long, env = "HEADRACE_START_TIMEOUT", value_name = "TIME", value_parser = duration, default_value = "3m")]
    start_timeout: Duration,
    /// An admin's API key that is to work from the start, as a Secret holds it
    #[arg(long, env = "HEADRACE_ADMIN_KEY", value_name = "KEY", hide_env_values = true)]
    admin_key: Option<String>,
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
        let provider = match self.provider {
            Provider::Local => ProviderOptions::Local { kafka_ports: self.kafka_ports },
            Provider::Kubernetes => ProviderOptions::Kubernetes {
                namespace: self.namespace,
                all_namespaces: self.all_namespaces,
                image: self.image.unwrap_or_default(),
                other_images: self.version_images,
                image_pull_policy: self.image_pull_policy,
                image_pull_secrets: self
                    .image_pull_secrets
                    .into_iter()
                    .filter(|name| !name.is_empty())
                    .collect(),
                pod_monitor_labels: self.pod_monitor_labels,
                cluster_domain: self.cluster_domain,
                start_timeout: self.start_timeout,
            },
        };
        let data_dir = dir.path().to_owned();
        let mut options = Options::new(self.database_url, self.listen, data_dir, provider, binary);
        options.public_url = self.public_url;
        options.admin_key = self.admin_key;
        many_threads(async move {
            let mut signals = Signals::listen()?;
            headrace_control_plane::run(options, async move { signals.next().await })
                .await
                .map_err(|error| crate::service::control_plane_failure(&error))
        })
    }
}
