//! The local provider: each broker and each agent is a process on this machine with a folder of its own.
//!
//! `DATA_DIR/clusters/<cluster>/broker-<node>/` holds the configurations, the data, the logs and what is written down
//! about the processes. The processes outlive the control plane and are found again by the next one. Ports come from
//! a range and are kept in Postgres, so that a broker keeps its address over restarts.

mod check;
mod config;
mod files;
mod process;
mod stop;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use headrace_client::Client;
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::config::Addresses;
use self::process::{Supervised, unblock};
use super::{ConfigCheck, ConfigProblem, Error, Provider};
use crate::domain::api_key::Token;
use crate::reconcile::plan::{Action, Node, Observed, Process};
use crate::store::clusters::Stored;
use crate::store::{self, Store};

pub(crate) use files::write as write_file;
pub use stop::stop_all;

/// Brokers listen here.
const HOST: &str = "127.0.0.1";
/// A broker that was started answers within this, or the start is tried again.
const READY_WAIT: Duration = Duration::from_secs(45);
/// How often it is asked meanwhile.
const READY_POLL: Duration = Duration::from_millis(150);
/// One question to a broker, at most.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// A broker may take this long to hand over and sync before it is killed.
const BROKER_GRACE: Duration = Duration::from_secs(30);
/// The agent has only a last report to send.
const AGENT_GRACE: Duration = Duration::from_secs(5);
/// Configurations that are checked at the same time.
const CHECKS_MAX: usize = 4;
/// What a node needs ports for.
const PURPOSES: [&str; 3] = ["client", "internal", "admin"];

/// Where the local provider keeps things.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The folder that holds `clusters/`.
    pub data_dir: PathBuf,
    /// Ports that brokers may have.
    pub kafka_ports: RangeInclusive<u16>,
    /// Runs `broker --config FILE` and `agent --config FILE`.
    pub program: PathBuf,
    /// Where agents reach this control plane.
    pub url: String,
}

/// Runs brokers as processes on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    options: Options,
    store: Store,
    http: reqwest::Client,
    /// Bounds how many configurations are checked at once, each by a process.
    checks: Semaphore,
}

impl Local {
    /// A provider over this folder and this database.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub(crate) fn new(options: Options, store: Store) -> Result<Self, reqwest::Error> {
        // An error says that a provider was chosen before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(PROBE_TIMEOUT).build()?;
        Ok(Self { options, store, http, checks: Semaphore::new(CHECKS_MAX) })
    }

    fn node_dir(&self, cluster: Uuid, node: i32) -> PathBuf {
        cluster_dir(&self.options.data_dir, cluster).join(format!("broker-{node}"))
    }

    fn broker(&self, cluster: Uuid, node: i32) -> Supervised {
        Supervised {
            program: self.options.program.clone(),
            command: "broker",
            dir: self.node_dir(cluster, node),
            config: config::BROKER_FILE,
        }
    }

    fn agent(&self, cluster: Uuid, node: i32) -> Supervised {
        Supervised { command: "agent", config: config::AGENT_FILE, ..self.broker(cluster, node) }
    }

    async fn addresses(&self, cluster: Uuid, node: i32) -> Result<Option<Addresses>, Error> {
        let mut db = self.store.connection().await?;
        let nodes = store::nodes::list(&mut db, cluster).await?;
        Ok(nodes.iter().find(|known| known.node_id == node).and_then(Addresses::of))
    }

    /// The addresses, which an earlier action reserved.
    async fn reserved(&self, cluster: Uuid, node: i32) -> Result<Addresses, Error> {
        let missing = || Error::NotYet(format!("broker {node} has no addresses yet"));
        self.addresses(cluster, node).await?.ok_or_else(missing)
    }

    fn broker_config(&self, cluster: &Stored, node: i32, addresses: &Addresses) -> String {
        config::broker(cluster, node, addresses, &self.node_dir(cluster.id, node))
    }

    async fn urls(&self) -> Result<Vec<String>, Error> {
        let mut db = self.store.connection().await?;
        let mut urls = store::instances::urls(&mut db).await?;
        if !urls.contains(&self.options.url) {
            urls.push(self.options.url.clone());
        }
        Ok(urls)
    }

    async fn observe_node(&self, cluster: &Stored, node: i32, urls: &[String]) -> Result<Node, Error> {
        let dir = self.node_dir(cluster.id, node);
        let addresses = self.addresses(cluster.id, node).await?;
        let expected = addresses.as_ref().map(|addresses| self.broker_config(cluster, node, addresses));
        let agent_base = addresses.as_ref().map(|addresses| config::agent(cluster.id, node, addresses, &[]));
        let (broker, agent) = (self.broker(cluster.id, node), self.agent(cluster.id, node));
        let urls = urls.to_vec();
        let reserved = addresses.is_some();
        let mut seen = unblock(move || {
            let written = std::fs::read_to_string(dir.join(config::BROKER_FILE)).ok();
            let prepared = written.is_some() && written == expected;
            let agent_reports_here = config::agent_urls(&dir).iter().any(|url| urls.contains(url));
            let agent = match observe_process(&agent, agent_base.as_deref())? {
                Process::Current if !agent_reports_here => Process::Outdated,
                other => other,
            };
            let broker = observe_process(&broker, expected.as_deref())?;
            Ok(Node { reserved, prepared, broker, ready: false, agent, data: dir.exists() })
        })
        .await
        .map_err(Error::io(format!("looking at the processes of broker {node}")))?;
        if let Some(addresses) = addresses.filter(|_| seen.broker != Process::Stopped) {
            seen.ready = self.probe(node, &addresses).await.is_ok();
        }
        Ok(seen)
    }

    /// Asks a broker whether it serves: its admin port, and then Kafka's own protocol.
    async fn probe(&self, node: i32, addresses: &Addresses) -> Result<(), String> {
        let url = format!("http://{}/readyz", addresses.admin());
        let answer = self.http.get(&url).send().await.map_err(|error| format!("{url}: {error}"))?;
        if !answer.status().is_success() {
            return Err(format!("{url} answers {}", answer.status()));
        }
        let internal = addresses.internal();
        let asked = async {
            let client = Client::connect(&[&internal], PROBE_TIMEOUT).await?;
            client.describe_cluster().await
        };
        match tokio::time::timeout(PROBE_TIMEOUT, asked).await {
            Ok(Ok(described)) if described.brokers.iter().any(|broker| broker.broker_id == node) => Ok(()),
            Ok(Ok(_)) => Err(format!("broker {node} is not registered in its cluster yet")),
            Ok(Err(error)) => Err(format!("{internal} does not answer Kafka requests: {error}")),
            Err(_) => Err(format!("{internal} does not answer Kafka requests in time")),
        }
    }

    async fn reserve(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let mut db = self.store.begin().await?;
        let taken = store::nodes::ports_in_use(&mut db).await?;
        if store::nodes::list(&mut db, cluster.id).await?.iter().any(|known| known.node_id == node) {
            return Ok(());
        }
        let range = self.options.kafka_ports.clone();
        let free: Vec<u16> = unblock(move || {
            let candidates = range.filter(|port| !taken.contains(&i32::from(*port)));
            Ok(candidates
                .filter(|port| TcpListener::bind((HOST, *port)).is_ok())
                .take(PURPOSES.len())
                .collect())
        })
        .await
        .map_err(Error::io("looking for free ports"))?;
        if free.len() < PURPOSES.len() {
            let (from, to) = (self.options.kafka_ports.start(), self.options.kafka_ports.end());
            return Err(Error::Permanent(format!(
                "no {} free ports are left between {from} and {to}: delete a cluster, or start the service with a wider --kafka-ports",
                PURPOSES.len()
            )));
        }
        store::nodes::ensure(&mut db, cluster.id, node, HOST).await?;
        for (purpose, port) in PURPOSES.iter().zip(free) {
            store::nodes::insert_port(&mut db, cluster.id, node, purpose, i32::from(port)).await?;
        }
        db.commit().await.map_err(store::Error::from)?;
        Ok(())
    }

    async fn prepare(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let addresses = self.reserved(cluster.id, node).await?;
        let text = self.broker_config(cluster, node, &addresses);
        let dir = self.node_dir(cluster.id, node);
        let doing = format!("writing {}", dir.join(config::BROKER_FILE).display());
        unblock(move || {
            std::fs::create_dir_all(dir.join(config::DATA_DIR))?;
            files::write(&dir.join(config::BROKER_FILE), text.as_bytes(), 0o644)
        })
        .await
        .map_err(Error::io(doing))
    }

    async fn start_broker(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let addresses = self.reserved(cluster.id, node).await?;
        let hash = config::hash(&self.broker_config(cluster, node, &addresses));
        let broker = self.broker(cluster.id, node);
        let doing = format!("starting {} broker", self.options.program.display());
        unblock(move || broker.start(&hash)).await.map_err(Error::io(doing))
    }

    async fn await_ready(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let addresses = self.reserved(cluster.id, node).await?;
        let broker = self.broker(cluster.id, node);
        let waiting = async {
            loop {
                let why = match self.probe(node, &addresses).await {
                    Ok(()) => return Ok(()),
                    Err(why) => why,
                };
                let process = broker.clone();
                let found =
                    unblock(move || process.find()).await.map_err(Error::io("looking for the broker"))?;
                if found.is_none() {
                    let tail = broker.log_tail();
                    return Err(Error::NotYet(format!(
                        "broker {node} ended by itself; its log ends with: {tail}"
                    )));
                }
                tracing::debug!(node, why, "not ready yet");
                tokio::time::sleep(READY_POLL).await;
            }
        };
        tokio::time::timeout(READY_WAIT, waiting).await.unwrap_or_else(|_| {
            let (log, seconds) = (broker.log_path(), READY_WAIT.as_secs());
            Err(Error::NotYet(format!(
                "broker {node} did not answer within {seconds} s; see {}",
                log.display()
            )))
        })
    }

    async fn start_agent(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let addresses = self.reserved(cluster.id, node).await?;
        self.ensure_agent_key(cluster.id, node).await?;
        let text = config::agent(cluster.id, node, &addresses, &self.urls().await?);
        let hash = config::hash(&config::agent(cluster.id, node, &addresses, &[]));
        let agent = self.agent(cluster.id, node);
        let path = agent.dir.join(config::AGENT_FILE);
        unblock(move || {
            files::write(&path, text.as_bytes(), 0o644)?;
            agent.start(&hash)
        })
        .await
        .map_err(Error::io(format!("starting the agent of broker {node}")))
    }

    /// The key lies in the file before the database knows it, so that a key that works is never lost.
    async fn ensure_agent_key(&self, cluster: Uuid, node: i32) -> Result<(), Error> {
        let path = self.node_dir(cluster, node).join(config::AGENT_KEY_FILE);
        let reading = path.clone();
        let written = unblock(move || Ok(std::fs::read_to_string(reading).ok())).await;
        let written = written.map_err(Error::io("reading the agent's key"))?;
        let mut db = self.store.begin().await?;
        if let Some(token) = written.and_then(|text| Token::parse(&text))
            && store::api_keys::is_agent_key(&mut db, cluster, node, &token).await?
        {
            return Ok(());
        }
        let token = Token::generate().map_err(|error| Error::NotYet(format!("no randomness: {error}")))?;
        let line = format!("{}\n", token.expose());
        unblock(move || files::write(&path, line.as_bytes(), 0o600))
            .await
            .map_err(Error::io("writing the agent's key"))?;
        store::api_keys::replace_agent_key(&mut db, cluster, node, &token, crate::clock::now()).await?;
        db.commit().await.map_err(store::Error::from)?;
        Ok(())
    }

    async fn release(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let mut db = self.store.begin().await?;
        store::nodes::delete(&mut db, cluster.id, node).await?;
        store::api_keys::delete_agent_key(&mut db, cluster.id, node).await?;
        store::reports::forget(&mut db, cluster.id, node).await?;
        db.commit().await.map_err(store::Error::from)?;
        Ok(())
    }
}

/// A cluster's folder.
fn cluster_dir(data_dir: &Path, cluster: Uuid) -> PathBuf {
    data_dir.join("clusters").join(cluster.to_string())
}

/// The nodes that have a folder.
fn nodes_on_disk(dir: &Path) -> io::Result<Vec<i32>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let node = |name: &str| name.strip_prefix("broker-")?.parse().ok();
    Ok(entries.filter_map(|entry| node(entry.ok()?.file_name().to_str()?)).collect())
}

fn observe_process(process: &Supervised, expected: Option<&str>) -> io::Result<Process> {
    let Some(mut running) = process.find()? else { return Ok(Process::Stopped) };
    let expected = expected.map(config::hash);
    if running.config_hash.is_none() {
        // Only a control plane that died right after it started the process leaves one like this.
        running.config_hash.clone_from(&expected);
        let _lock = files::lock(&process.dir)?;
        process.adopt(&running, expected.as_deref().unwrap_or_default())?;
    }
    Ok(if running.config_hash == expected { Process::Current } else { Process::Outdated })
}

impl ConfigCheck for Local {
    fn check_config<'a>(
        &'a self,
        config: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ConfigProblem>, Error>> {
        let pairs = config.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let properties = config::write_properties(pairs);
        Box::pin(async move {
            // It is never closed, so this cannot fail.
            let _turn = self.checks.acquire().await;
            check::run(&self.options.program, &properties).await
        })
    }
}

impl Provider for Local {
    fn kind(&self) -> &'static str {
        "local"
    }

    async fn observe(&self, cluster: &Stored) -> Result<Observed, Error> {
        let mut db = self.store.connection().await?;
        let known = store::nodes::list(&mut db, cluster.id).await?;
        drop(db);
        let dir = cluster_dir(&self.options.data_dir, cluster.id);
        let on_disk =
            unblock(move || nodes_on_disk(&dir)).await.map_err(Error::io("reading the cluster's folder"))?;
        let urls = self.urls().await?;
        let mut observed = Observed::new();
        for node in known.iter().map(|node| node.node_id).chain(on_disk) {
            if let Entry::Vacant(place) = observed.entry(node) {
                place.insert(self.observe_node(cluster, node, &urls).await?);
            }
        }
        Ok(observed)
    }

    async fn apply(&self, cluster: &Stored, action: Action) -> Result<(), Error> {
        let stopping = |node| Error::io(format!("stopping a process of broker {node}"));
        match action {
            Action::Reserve(node) => self.reserve(cluster, node).await,
            Action::Prepare(node) => self.prepare(cluster, node).await,
            Action::StartBroker(node) => self.start_broker(cluster, node).await,
            Action::AwaitReady(node) => self.await_ready(cluster, node).await,
            Action::StartAgent(node) => self.start_agent(cluster, node).await,
            Action::StopBroker(node) => {
                self.broker(cluster.id, node).stop(BROKER_GRACE).await.map_err(stopping(node))
            }
            Action::StopAgent(node) => {
                self.agent(cluster.id, node).stop(AGENT_GRACE).await.map_err(stopping(node))
            }
            Action::RemoveData(node) => {
                let dir = self.node_dir(cluster.id, node);
                let doing = format!("removing {}", dir.display());
                unblock(move || files::remove_dir(&dir)).await.map_err(Error::io(doing))
            }
            Action::Release(node) => self.release(cluster, node).await,
        }
    }

    async fn bootstrap_servers(&self, cluster: &Stored) -> Result<Option<String>, Error> {
        let mut db = self.store.connection().await?;
        let nodes = store::nodes::list(&mut db, cluster.id).await?;
        let clients: Vec<String> = nodes.iter().filter_map(Addresses::of).map(|node| node.client()).collect();
        Ok((!clients.is_empty()).then(|| clients.join(",")))
    }

    async fn remove_cluster(&self, cluster: &Stored) -> Result<(), Error> {
        let dir = cluster_dir(&self.options.data_dir, cluster.id);
        let doing = format!("removing {}", dir.display());
        unblock(move || files::remove_dir(&dir)).await.map_err(Error::io(doing))
    }
}
