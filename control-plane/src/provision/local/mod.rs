//! The local provider: each broker and each agent is a process on this machine with a folder of its own.
//!
//! `DATA_DIR/clusters/<cluster>/broker-<node>/` holds the configurations, the data, the logs and what is written down
//! about the processes. The processes outlive the control plane and are found again by the next one. Ports come from
//! a range and are kept in Postgres, so that a broker keeps its address over restarts.

mod config;
mod files;
mod observe;
mod process;
mod stop;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::config::Addresses;
use self::observe::PROBE_TIMEOUT;
use self::process::{Supervised, unblock};
use super::config::{hash, write_properties};
use super::{ConfigCheck, ConfigProblem, Error, Machines, Peer, Peers, Provider, Room, check, joining};
use crate::domain::api_key::Token;
use crate::reconcile::plan::{Action, Nodes};
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
/// A broker may take this long to hand over and sync before it is killed.
const BROKER_GRACE: Duration = Duration::from_secs(30);
/// The agent has only a last report to send.
const AGENT_GRACE: Duration = Duration::from_secs(5);
/// Configurations that are checked at the same time.
const CHECKS_MAX: usize = 4;
/// Nodes of a cluster that are looked at at the same time.
const LOOKS_MAX: usize = 16;
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

    async fn nodes(&self, cluster: Uuid) -> Result<Vec<store::nodes::Node>, Error> {
        let mut db = self.store.connection().await?;
        Ok(store::nodes::list(&mut db, cluster).await?)
    }

    /// The addresses, which an earlier action reserved.
    async fn reserved(&self, cluster: Uuid, node: i32) -> Result<Addresses, Error> {
        let missing = || Error::NotYet(format!("broker {node} has no addresses yet"));
        known(&self.nodes(cluster).await?, node).and_then(Addresses::of).ok_or_else(missing)
    }

    /// A broker's configuration, once it is decided where it listens and how it comes to its cluster.
    fn broker_config(
        &self,
        cluster: &Stored,
        node: i32,
        nodes: &[store::nodes::Node],
    ) -> Option<BrokerConfig> {
        let known = known(nodes, node)?;
        let (addresses, joining) = (Addresses::of(known)?, joining::now(cluster, known, nodes)?);
        let dir = self.node_dir(cluster.id, node);
        let text = |joining: &str| config::broker(cluster, node, &addresses, joining, &dir);
        Some(BrokerConfig { text: text(&joining), hash: hash(&text("")) })
    }

    async fn decided_config(&self, cluster: &Stored, node: i32) -> Result<BrokerConfig, Error> {
        let missing = || Error::NotYet(format!("the configuration of broker {node} is not decided yet"));
        self.broker_config(cluster, node, &self.nodes(cluster.id).await?).ok_or_else(missing)
    }

    async fn urls(&self) -> Result<Vec<String>, Error> {
        let mut db = self.store.connection().await?;
        let mut urls = store::instances::urls(&mut db).await?;
        if !urls.contains(&self.options.url) {
            urls.push(self.options.url.clone());
        }
        Ok(urls)
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
        let mut db = self.store.begin().await?;
        joining::decide_all(&mut db, cluster).await?;
        db.commit().await.map_err(store::Error::from)?;
        let text = self.decided_config(cluster, node).await?.text;
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
        let hash = self.decided_config(cluster, node).await?.hash;
        let broker = self.broker(cluster.id, node);
        let doing = format!("starting {} broker", self.options.program.display());
        unblock(move || broker.start(&hash)).await.map_err(Error::io(doing))
    }

    async fn await_ready(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let addresses = self.reserved(cluster.id, node).await?;
        let broker = self.broker(cluster.id, node);
        let waiting = async {
            loop {
                let away = match self.probe(node, &addresses).await {
                    Ok(()) => return Ok(()),
                    Err(away) => away,
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
                tracing::debug!(node, why = away.why(), "not ready yet");
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
        let hash = hash(&config::agent(cluster.id, node, &addresses, &[]));
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
        store::forget_node(&mut db, cluster.id, node).await?;
        db.commit().await.map_err(store::Error::from)?;
        Ok(())
    }
}

/// A broker's configuration.
struct BrokerConfig {
    text: String,
    /// A broker that was started with another has yet to be restarted. How it comes to its cluster is left out: who is there has come.
    hash: String,
}

fn known(nodes: &[store::nodes::Node], id: i32) -> Option<&store::nodes::Node> {
    nodes.iter().find(|node| node.node_id == id)
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

impl ConfigCheck for Local {
    fn check_config<'a>(
        &'a self,
        config: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ConfigProblem>, Error>> {
        let pairs = config.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let properties = write_properties(pairs);
        Box::pin(async move {
            // It is never closed, so this cannot fail.
            let _turn = self.checks.acquire().await;
            check::run(&self.options.program, &properties).await
        })
    }
}

impl Machines for Local {
    fn addresses(&self, _cluster: &Stored) -> BTreeMap<i32, String> {
        BTreeMap::new()
    }

    fn volume_size(&self, _cluster: &Stored) -> Option<String> {
        None
    }
}

impl Provider for Local {
    fn kind(&self) -> &'static str {
        "local"
    }

    fn room(&self) -> Room {
        let ports = &self.options.kafka_ports;
        Room {
            brokers_max: u32::try_from(ports.len() / PURPOSES.len()).unwrap_or(u32::MAX),
            why: format!(
                "the ports {} to {} are good for no more; start the service with a wider --kafka-ports",
                ports.start(),
                ports.end()
            ),
            pods: false,
            namespaces: false,
            versions: Vec::new(),
        }
    }

    async fn observe(&self, cluster: &Stored) -> Result<Nodes, Error> {
        let known = self.nodes(cluster.id).await?;
        let dir = cluster_dir(&self.options.data_dir, cluster.id);
        let on_disk =
            unblock(move || nodes_on_disk(&dir)).await.map_err(Error::io("reading the cluster's folder"))?;
        let urls = self.urls().await?;
        let ids: BTreeSet<i32> = known.iter().map(|node| node.node_id).chain(on_disk).collect();
        // Boxed: a stream over borrowing futures is too much for the compiler to see that it is `Send`.
        let looks = ids.into_iter().map(|id| {
            let (known, urls) = (&known, &urls);
            let look = async move { Ok((id, self.observe_node(cluster, id, known, urls).await?)) };
            Box::pin(look) as BoxFuture<'_, Result<_, Error>>
        });
        stream::iter(looks.collect::<Vec<_>>()).buffered(LOOKS_MAX).try_collect().await
    }

    async fn peers(&self, cluster: &Stored) -> Result<Peers, Error> {
        let nodes = self.nodes(cluster.id).await?;
        let peer = |node: store::nodes::Node| {
            let port = u16::try_from(node.internal_port?).ok()?;
            Some((node.node_id, Peer { host: node.host, port }))
        };
        Ok(nodes.into_iter().filter_map(peer).collect())
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
            Action::EndBroker(node) => self.broker(cluster.id, node).end().await.map_err(stopping(node)),
            Action::StopAgent(node) => {
                self.agent(cluster.id, node).stop(AGENT_GRACE).await.map_err(stopping(node))
            }
            Action::RemoveData(node) => {
                let dir = self.node_dir(cluster.id, node);
                let doing = format!("removing {}", dir.display());
                unblock(move || files::remove_dir(&dir)).await.map_err(Error::io(doing))
            }
            Action::Release(node) => self.release(cluster, node).await,
            Action::Replace(node) => {
                let broker = self.broker(cluster.id, node);
                broker.stop(BROKER_GRACE).await.map_err(stopping(node))?;
                let dir = self.node_dir(cluster.id, node).join(config::DATA_DIR);
                let doing = format!("removing {}", dir.display());
                unblock(move || files::remove_dir(&dir)).await.map_err(Error::io(doing))
            }
            // What concerns the whole cluster is not a provider's to do: `reconcile::cluster` asks the brokers.
            Action::AddVoter(_) | Action::AwaitSpare(_) | Action::AwaitInSync(_) => {
                Err(Error::Permanent(format!("{action} is not done to a node")))
            }
        }
    }

    async fn bootstrap_servers(&self, cluster: &Stored) -> Result<Option<String>, Error> {
        let nodes = self.nodes(cluster.id).await?;
        let clients: Vec<String> = nodes.iter().filter_map(Addresses::of).map(|node| node.client()).collect();
        Ok((!clients.is_empty()).then(|| clients.join(",")))
    }

    async fn remove_cluster(&self, cluster: &Stored) -> Result<(), Error> {
        let dir = cluster_dir(&self.options.data_dir, cluster.id);
        let doing = format!("removing {}", dir.display());
        unblock(move || files::remove_dir(&dir)).await.map_err(Error::io(doing))
    }
}
