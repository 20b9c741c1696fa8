//! Looks at a node from outside: its files, its processes, and whether its broker serves.

use std::io;
use std::time::Duration;

use headrace_client::Client;

use super::config::{self, Addresses};
use super::process::{Supervised, unblock};
use super::{Local, files, known};
use crate::provision::Error;
use crate::provision::config::hash;
use crate::reconcile::plan::{Node, Process};
use crate::store;
use crate::store::clusters::Stored;

/// One question to a broker, at most.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a broker does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Away {
    /// It says so itself.
    Idle(String),
    /// It does not say anything, or its cluster does not know it.
    Silent(String),
}

impl Away {
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Idle(why) | Self::Silent(why) => why,
        }
    }
}

impl Local {
    /// A node that has a folder, or addresses, or both.
    pub(super) async fn observe_node(
        &self,
        cluster: &Stored,
        node: i32,
        nodes: &[store::nodes::Node],
        urls: &[String],
    ) -> Result<Node, Error> {
        let dir = self.node_dir(cluster.id, node);
        let addresses = known(nodes, node).and_then(Addresses::of);
        let expected = self.broker_config(cluster, node, nodes);
        let agent_hash =
            addresses.as_ref().map(|addresses| hash(&config::agent(cluster.id, node, addresses, &[])));
        let (broker, agent) = (self.broker(cluster.id, node), self.agent(cluster.id, node));
        let urls = urls.to_vec();
        let reserved = addresses.is_some();
        let mut seen = unblock(move || {
            let written = std::fs::read_to_string(dir.join(config::BROKER_FILE)).ok();
            let prepared = expected.as_ref().is_some_and(|expected| written.as_ref() == Some(&expected.text));
            let agent_reports_here = config::agent_urls(&dir).iter().any(|url| urls.contains(url));
            let agent = match observe_process(&agent, agent_hash.as_deref())? {
                Process::Current if !agent_reports_here => Process::Outdated,
                other => other,
            };
            let broker = observe_process(&broker, expected.as_ref().map(|expected| expected.hash.as_str()))?;
            Ok(Node {
                reserved,
                prepared,
                broker,
                ready: false,
                idle: false,
                agent,
                data: dir.exists(),
                condemned: false,
                refills: false,
            })
        })
        .await
        .map_err(Error::io(format!("looking at the processes of broker {node}")))?;
        if let Some(addresses) = addresses.filter(|_| seen.broker != Process::Stopped) {
            let probed = self.probe(node, &addresses).await;
            seen.ready = probed.is_ok();
            seen.idle = matches!(probed, Err(Away::Idle(_)));
        }
        Ok(seen)
    }

    /// Asks a broker whether it serves: its admin port, and then Kafka's own protocol.
    pub(super) async fn probe(&self, node: i32, addresses: &Addresses) -> Result<(), Away> {
        let url = format!("http://{}/readyz", addresses.admin());
        let silent = |error| Away::Silent(format!("{url}: {error}"));
        let answer = self.http.get(&url).send().await.map_err(silent)?;
        if !answer.status().is_success() {
            return Err(Away::Idle(format!("{url} answers {}", answer.status())));
        }
        let internal = addresses.internal();
        let asked = async {
            let client = Client::connect(&[&internal], PROBE_TIMEOUT).await?;
            client.describe_cluster().await
        };
        let why = match tokio::time::timeout(PROBE_TIMEOUT, asked).await {
            Ok(Ok(described)) if described.brokers.iter().any(|broker| broker.broker_id == node) => {
                return Ok(());
            }
            Ok(Ok(_)) => format!("broker {node} is not registered in its cluster yet"),
            Ok(Err(error)) => format!("{internal} does not answer Kafka requests: {error}"),
            Err(_) => format!("{internal} does not answer Kafka requests in time"),
        };
        Err(Away::Silent(why))
    }
}

/// `expected` is the hash of the configuration that it should have been started with.
fn observe_process(process: &Supervised, expected: Option<&str>) -> io::Result<Process> {
    let Some(mut running) = process.find()? else { return Ok(Process::Stopped) };
    if running.config_hash.is_none() {
        // Only a control plane that died right after it started the process leaves one like this.
        running.config_hash = expected.map(ToOwned::to_owned);
        let _lock = files::lock(&process.dir)?;
        process.adopt(&running, expected.unwrap_or_default())?;
    }
    Ok(if running.config_hash.as_deref() == expected { Process::Current } else { Process::Outdated })
}
