//! Puts the parts together: Options → [`Service::start`] → [`Service::serve`].

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::api;
use crate::app::App;
use crate::changes::Changes;
use crate::domain::api_key::Token;
use crate::domain::engine;
use crate::domain::role::Role;
use crate::provision::Provider;
use crate::provision::kubernetes::{self, Kubernetes};
use crate::provision::local::{self, Local};
use crate::reconcile::housekeeping;
use crate::reconcile::worker::Reconciler;
use crate::store::{self, Store};
use crate::telemetry::Telemetry;

/// Requests that run at shutdown have this long to end.
const DRAIN: Duration = Duration::from_secs(5);
/// A database that starts at the same time as we do is waited for this long.
const DATABASE_WAIT: Duration = Duration::from_secs(30);
/// Wait between tries meanwhile.
const DATABASE_POLL: Duration = Duration::from_millis(500);

/// How a control plane is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Postgres.
    pub database_url: String,
    /// Where the API and the dashboard listen; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Holds `clusters/` and `admin-key`.
    pub data_dir: PathBuf,
    /// Where brokers run.
    pub provider: ProviderOptions,
    /// Runs `broker --config FILE` and `agent --config FILE`.
    pub headrace_binary: PathBuf,
    /// Where agents reach this control plane; by default the address it listens on.
    pub public_url: Option<String>,
    /// An admin key that is to work, whether others do or not.
    pub admin_key: Option<String>,
    /// A worker that is silent for this long has lost its cluster to another.
    pub lease: Duration,
    /// A cluster is looked at this often even when nothing is asked of it.
    pub resync: Duration,
    /// Clusters that are worked on at once.
    pub workers: usize,
}

/// Where brokers run.
#[derive(Debug, Clone)]
pub enum ProviderOptions {
    /// As processes on this machine.
    Local {
        /// Ports that brokers may have.
        kafka_ports: RangeInclusive<u16>,
    },
    /// As pods.
    Kubernetes {
        /// Where clusters' objects are; the own namespace when absent.
        namespace: Option<String>,
        /// Whether a cluster can name another.
        all_namespaces: bool,
        /// What pods run that are of the service's own version.
        image: String,
        /// What pods run that are of others, by version.
        other_images: Vec<(String, String)>,
        /// When it is pulled: `Always`, `IfNotPresent` or `Never`.
        image_pull_policy: String,
        /// With what it is pulled: names of Secrets.
        image_pull_secrets: Vec<String>,
        /// Labels of the brokers' PodMonitors.
        pod_monitor_labels: Vec<(String, String)>,
        /// The domain of the Kubernetes cluster's names.
        cluster_domain: String,
        /// A broker whose pod cannot start is given up after this; one for which there is no room is waited for three times as
        /// long, and one that runs twenty times.
        start_timeout: Duration,
    },
}

impl Options {
    /// Default of [`Options::lease`].
    pub const LEASE_DEFAULT: Duration = Duration::from_secs(5);
    /// Default of [`Options::resync`].
    pub const RESYNC_DEFAULT: Duration = Duration::from_secs(2);
    /// Default of [`Options::resync`] on Kubernetes, which tells of changes by itself.
    pub const RESYNC_KUBERNETES_DEFAULT: Duration = Duration::from_secs(10);
    /// Default of [`Options::workers`].
    pub const WORKERS_DEFAULT: usize = 4;
    /// Default of [`Options::workers`] on Kubernetes, where most of the work is waiting.
    pub const WORKERS_KUBERNETES_DEFAULT: usize = 8;

    /// What has no default; the rest can be set after.
    pub fn new(
        database_url: String,
        listen: SocketAddr,
        data_dir: PathBuf,
        provider: ProviderOptions,
        headrace_binary: PathBuf,
    ) -> Self {
        let (resync, workers) = match &provider {
            ProviderOptions::Local { .. } => (Self::RESYNC_DEFAULT, Self::WORKERS_DEFAULT),
            ProviderOptions::Kubernetes { .. } => {
                (Self::RESYNC_KUBERNETES_DEFAULT, Self::WORKERS_KUBERNETES_DEFAULT)
            }
        };
        Self {
            database_url,
            listen,
            data_dir,
            provider,
            headrace_binary,
            public_url: None,
            admin_key: None,
            lease: Self::LEASE_DEFAULT,
            resync,
            workers,
        }
    }
}

/// Why the control plane cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; choose another with --listen")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The database refused or is away.
    #[error("cannot use the database: {0}; check DATABASE_URL and that PostgreSQL runs")]
    Database(#[from] store::Error),
    /// The schema cannot be brought up to date.
    #[error("cannot migrate the database: {0}; it may have been migrated by a newer version")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The first admin key cannot be kept.
    #[error("cannot keep the admin key in {path}: {source}")]
    AdminKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {path}: {source}")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The admin key that was given is none.
    #[error(
        "the admin key that was given is not of the form hr_ and 43 characters of URL-safe base64, which stand for 32 random bytes"
    )]
    BadAdminKey,
    /// Kubernetes cannot be used.
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::ConnectError),
    /// No HTTP client can be made.
    #[error("cannot set up an HTTP client: {0}")]
    HttpClient(#[from] reqwest::Error),
    /// Serving ended with an error.
    #[error("serving the API failed: {0}")]
    Serve(#[source] io::Error),
}

/// A control plane that listens but does not serve yet.
#[derive(Debug)]
pub struct Service {
    options: Options,
    listener: TcpListener,
    address: SocketAddr,
    store: Store,
    url: String,
}

/// Starts a control plane and serves until `shutdown`. Brokers and agents go on running after that.
///
/// # Errors
/// When it cannot start, or serving fails.
pub async fn run(options: Options, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
    Service::start(options).await?.serve(shutdown).await
}

impl Service {
    /// Brings the database up to date, makes the first admin key if there is none, and binds.
    ///
    /// # Errors
    /// When one of these fails.
    pub async fn start(mut options: Options) -> Result<Self, Error> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::DataDir { path, source }
        };
        std::fs::create_dir_all(&options.data_dir).map_err(unusable(&options.data_dir))?;
        // Processes are started in folders of their own, so relative paths would mislead them.
        options.data_dir = options.data_dir.canonicalize().map_err(unusable(&options.data_dir))?;
        let bind = |source| Error::Bind { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let store = Store::open(&options.database_url)?;
        wait_for(&store).await?;
        store.migrate().await?;
        match &options.admin_key {
            Some(given) => ensure_given_admin_key(&store, given).await?,
            None => ensure_admin_key(&store, &options.data_dir.join("admin-key")).await?,
        }
        let url = options.public_url.clone().unwrap_or_else(|| format!("http://{}", reachable(address)));
        Ok(Self { options, listener, address, store, url })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the API and works on clusters until `shutdown`.
    ///
    /// # Errors
    /// When serving fails.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let binary = self.options.headrace_binary.clone();
        match self.options.provider.clone() {
            ProviderOptions::Local { kafka_ports } => {
                let local = local::Options {
                    data_dir: self.options.data_dir.clone(),
                    kafka_ports,
                    program: binary,
                    url: self.url.clone(),
                };
                let provider = Arc::new(Local::new(local, self.store.clone())?);
                self.serve_with(provider, shutdown, |_| std::future::ready(())).await
            }
            ProviderOptions::Kubernetes {
                namespace,
                all_namespaces,
                image,
                other_images,
                image_pull_policy,
                image_pull_secrets,
                pod_monitor_labels,
                cluster_domain,
                start_timeout,
            } => {
                let namespace = match namespace {
                    Some(namespace) => namespace,
                    None => kubernetes::own_namespace().await?,
                };
                let url = self.url.clone();
                let own = (engine::ALL[0].versions[0].to_owned(), image);
                let settings = kubernetes::Settings {
                    namespace,
                    all_namespaces,
                    images: other_images.into_iter().chain([own]).collect(),
                    image_pull_policy,
                    image_pull_secrets,
                    cluster_domain,
                    url,
                    start_timeout,
                    pod_monitors: false,
                    pod_monitor_labels: pod_monitor_labels.into_iter().collect(),
                };
                let provider = Arc::new(Kubernetes::connect(settings, binary, self.store.clone()).await?);
                let watched = Arc::clone(&provider);
                self.serve_with(provider, shutdown, |stop| watched.watch(stop)).await
            }
        }
    }

    /// `beside` is what the provider does all the time.
    async fn serve_with<P: Provider, F: Future<Output = ()> + Send + 'static>(
        self,
        provider: Arc<P>,
        shutdown: impl Future<Output = ()> + Send + 'static,
        beside: impl FnOnce(CancellationToken) -> F,
    ) -> Result<(), Error> {
        let stop = CancellationToken::new();
        let changes = Changes::new();
        let telemetry = Arc::new(Telemetry::default());
        let app =
            App::new(self.store.clone(), changes.clone(), Arc::clone(&telemetry), &provider, stop.clone());
        let instance = Uuid::now_v7();
        let mut tasks = JoinSet::new();
        tasks.spawn(beside(stop.clone()));
        tasks.spawn(changes.clone().run(self.store.clone(), stop.clone()));
        tasks.spawn(housekeeping::run(self.store.clone(), instance, self.url.clone(), stop.clone()));
        let reconciler = Arc::new(Reconciler {
            store: self.store.clone(),
            provider,
            changes,
            telemetry,
            lease: self.options.lease,
            resync: self.options.resync,
        });
        for _ in 0..self.options.workers.max(1) {
            tasks.spawn(Arc::clone(&reconciler).run(stop.clone()));
        }
        tracing::info!(address = %self.address, url = self.url, "the control plane serves");
        let stopping = stop.clone();
        tokio::spawn(async move {
            shutdown.await;
            stopping.cancel();
        });
        let served = serve(self.listener, api::router(app), stop.clone()).await;
        stop.cancel();
        while tasks.join_next().await.is_some() {}
        if let Ok(mut db) = self.store.connection().await {
            // Agents learn sooner that nobody is here; without it they learn within a minute.
            let _ = store::instances::leave(&mut db, instance).await;
        }
        self.store.close().await;
        served.map_err(Error::Serve)
    }
}

/// Serves until `stop`, and then lets requests end for a while.
async fn serve(listener: TcpListener, router: axum::Router, stop: CancellationToken) -> io::Result<()> {
    let stopped = stop.clone();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(async move { stopped.cancelled().await });
    tokio::select! {
        served = async { server.await } => served,
        () = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        } => Ok(()),
    }
}

/// A database that is only starting is worth a wait.
async fn wait_for(store: &Store) -> Result<(), store::Error> {
    let until = tokio::time::Instant::now() + DATABASE_WAIT;
    loop {
        match store.ping().await {
            Err(store::Error::Unavailable(error)) if tokio::time::Instant::now() < until => {
                tracing::info!(%error, "waiting for the database");
                tokio::time::sleep(DATABASE_POLL).await;
            }
            other => return other,
        }
    }
}

/// Makes the first admin key. It lies in the file before it is valid, so that a crash between the two loses nothing:
/// the next start takes the key from the file.
async fn ensure_admin_key(store: &Store, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::AdminKey { path: path.to_owned(), source };
    let mut transaction = store.begin().await?;
    store::lock(&mut transaction, "api-keys").await?;
    if store::api_keys::count_admins_but(&mut transaction, None).await? > 0 {
        return Ok(());
    }
    let token = match std::fs::read_to_string(path).ok().and_then(|text| Token::parse(&text)) {
        Some(token) => token,
        None => {
            let token = Token::generate().map_err(|error| failed(io::Error::other(error)))?;
            local::write_file(path, format!("{}\n", token.expose()).as_bytes(), 0o600).map_err(failed)?;
            token
        }
    };
    let new =
        store::api_keys::New { name: "first admin key", role: Role::Admin, project_id: None, broker: None };
    store::api_keys::insert(&mut transaction, &new, &token, crate::clock::now()).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    tracing::info!(path = %path.display(), "made the first admin key");
    Ok(())
}

/// Makes a key that somebody keeps elsewhere (a Kubernetes Secret) an admin's.
async fn ensure_given_admin_key(store: &Store, given: &str) -> Result<(), Error> {
    let token = Token::parse(given).ok_or(Error::BadAdminKey)?;
    let mut transaction = store.begin().await?;
    store::lock(&mut transaction, "api-keys").await?;
    if !store::api_keys::is_known(&mut transaction, &token).await? {
        let new = store::api_keys::New {
            name: "admin key of the installation",
            role: Role::Admin,
            project_id: None,
            broker: None,
        };
        store::api_keys::insert(&mut transaction, &new, &token, crate::clock::now()).await?;
        tracing::info!("made the installation's admin key known");
    }
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(())
}

/// An address that agents on this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
