//! [`Client`]: finds brokers, keeps connections, sends each request where it belongs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use headrace_protocol::{ErrorCode, Request, Str};
use parking_lot::Mutex;

use crate::cluster::{Cluster, Partition, Topic};
use crate::connection::Connection;
use crate::error::Error;
use crate::producer::{Acks, Memory, Producer, ProducerOptions};
use crate::retry::Retry;

/// Limits and names. The defaults fit a cluster nearby.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the brokers' logs and metrics call this client.
    pub client_id: String,
    pub connect_timeout: Duration,
    /// One request on one connection.
    pub request_timeout: Duration,
    /// A call with all its attempts.
    pub delivery_timeout: Duration,
    /// Requests under way on one connection.
    pub max_in_flight: usize,
    /// The longest response that is read, in bytes.
    pub max_response_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client_id: "headrace-client".to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(60),
            max_in_flight: 16,
            max_response_bytes: 128 * 1024 * 1024,
        }
    }
}

/// What a connection is used for. A fetch that waits for records must not hold up other requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    Requests,
    Fetches,
}

/// A handle on a cluster; clones share everything.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bootstrap: Vec<String>,
    options: Options,
    connections: Mutex<HashMap<(String, Lane), Arc<Connection>>>,
    cluster: Mutex<Arc<Cluster>>,
    memory_of_all: Arc<Memory>,
    memory_of_leader: Arc<Memory>,
}

impl Client {
    /// Connects to the first bootstrap address that answers. `timeout` also limits every later request.
    pub async fn connect<A: AsRef<str>>(bootstrap: &[A], timeout: Duration) -> Result<Self, Error> {
        let options = Options {
            connect_timeout: timeout.min(Options::default().connect_timeout),
            request_timeout: timeout,
            delivery_timeout: timeout,
            ..Options::default()
        };
        Self::connect_with(bootstrap, options).await
    }

    pub async fn connect_with<A: AsRef<str>>(bootstrap: &[A], options: Options) -> Result<Self, Error> {
        let bootstrap = parse_bootstrap(bootstrap)?;
        let client = Self {
            inner: Arc::new(Inner {
                bootstrap,
                options,
                connections: Mutex::default(),
                cluster: Mutex::default(),
                memory_of_all: Arc::default(),
                memory_of_leader: Arc::default(),
            }),
        };
        client.refresh().await?;
        Ok(client)
    }

    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The view of the cluster that the last metadata left.
    pub fn cluster(&self) -> Arc<Cluster> {
        self.inner.cluster.lock().clone()
    }

    /// Asks for the brokers anew.
    pub async fn refresh(&self) -> Result<Arc<Cluster>, Error> {
        self.metadata(Some(&[])).await?;
        Ok(self.cluster())
    }

    /// Brokers and topics: all of them for `None`. Topics are never created by asking, which takes a broker that knows
    /// version 4 of the request (Kafka 0.11).
    pub async fn metadata(&self, topics: Option<&[&str]>) -> Result<MetadataResponse, Error> {
        let topics = topics.map(|names| {
            let named =
                |name: &&str| MetadataRequestTopic { name: Some(Str::from(*name)), ..Default::default() };
            names.iter().map(named).collect()
        });
        let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
        let response = self.request_any(&request).await?;
        Error::check(response.error_code, None, || "asking for metadata".to_owned())?;
        let mut cluster = self.inner.cluster.lock();
        let mut updated = Cluster::clone(&cluster);
        updated.update(&response);
        *cluster = Arc::new(updated);
        Ok(response)
    }

    /// A topic's leaders, from memory if they are known.
    pub(crate) async fn topic(&self, name: &str) -> Result<Topic, Error> {
        if let Some(topic) = self.cluster().topics.get(name) {
            return Ok(topic.clone());
        }
        self.refresh_topic(name).await
    }

    /// A topic's leaders, asked for anew.
    pub(crate) async fn refresh_topic(&self, name: &str) -> Result<Topic, Error> {
        let response = self.metadata(Some(&[name])).await?;
        let doing = || format!("looking up topic \"{name}\"");
        let code = response.topics.first().map_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, |t| t.error_code);
        Error::check(code, None, doing)?;
        self.cluster().topics.get(name).cloned().ok_or_else(|| Error::Broker {
            doing: doing(),
            code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            message: None,
        })
    }

    /// Sends to the controller. In Kafka 4 any broker forwards to it, and the metadata name such a broker.
    pub async fn request_controller<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        let cluster = self.cluster();
        if cluster.brokers.contains_key(&cluster.controller_id) {
            match self.request_broker(cluster.controller_id, request).await {
                Err(Error::Connect { .. }) => {}
                other => return other,
            }
        }
        self.request_any(request).await
    }

    /// Sends to one broker.
    pub async fn request_broker<R: Request>(&self, node_id: i32, request: &R) -> Result<R::Response, Error> {
        let connection = self.broker_connection(node_id, Lane::Requests).await?;
        connection.request(request).await
    }

    /// Sends to any broker that can be reached: an open connection first, then known brokers, then the bootstrap list.
    pub async fn request_any<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        let mut reasons = Vec::new();
        let addresses = self.addresses();
        for address in &addresses {
            match self.connection(address, Lane::Requests).await {
                Ok(connection) => match connection.request(request).await {
                    // A connection that had died unnoticed: the next broker may answer.
                    Err(error @ Error::Closed { .. }) => reasons.push(error.to_string()),
                    other => return other,
                },
                Err(error) => reasons.push(error.to_string()),
            }
        }
        Err(Error::NoBrokers { tried: addresses.join(", "), reason: reasons.join("; ") })
    }

    fn addresses(&self) -> Vec<String> {
        let mut addresses: Vec<String> = Vec::new();
        let open = self.inner.connections.lock();
        let open = open.iter().filter(|(key, connection)| key.1 == Lane::Requests && !connection.is_closed());
        addresses.extend(open.map(|(key, _)| key.0.clone()));
        addresses.extend(self.cluster().brokers.values().map(crate::Broker::address));
        addresses.extend(self.inner.bootstrap.iter().cloned());
        let mut seen = std::collections::HashSet::new();
        addresses.retain(|address| seen.insert(address.clone()));
        addresses
    }

    pub(crate) async fn broker_connection(&self, node_id: i32, lane: Lane) -> Result<Arc<Connection>, Error> {
        let mut known = self.cluster().brokers.get(&node_id).map(crate::Broker::address);
        if known.is_none() {
            known = self.refresh().await?.brokers.get(&node_id).map(crate::Broker::address);
        }
        let Some(address) = known else {
            let ids: Vec<_> = self.cluster().brokers.keys().map(ToString::to_string).collect();
            return Err(Error::Broker {
                doing: format!("finding broker {node_id}"),
                code: ErrorCode::BROKER_NOT_AVAILABLE,
                message: Some(format!("the cluster has the brokers {}", ids.join(", "))),
            });
        };
        self.connection(&address, lane).await
    }

    async fn connection(&self, address: &str, lane: Lane) -> Result<Arc<Connection>, Error> {
        let key = (address.to_owned(), lane);
        if let Some(open) = self.inner.connections.lock().get(&key).filter(|open| !open.is_closed()) {
            return Ok(open.clone());
        }
        let opened = Arc::new(Connection::open(address, &self.inner.options).await?);
        self.inner.connections.lock().insert(key, opened.clone());
        Ok(opened)
    }

    /// Runs `attempt` with a partition's leader until it succeeds, fails for good, or the delivery timeout ends.
    /// Errors that another look at the metadata may cure are tried again after one.
    pub(crate) async fn with_leader<T, F>(
        &self,
        topic: &str,
        partition: i32,
        doing: &str,
        mut attempt: impl FnMut(Topic, Partition) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut retry = Retry::new(self.inner.options.delivery_timeout);
        let mut fresh = false;
        loop {
            let found = if fresh { self.refresh_topic(topic).await } else { self.topic(topic).await };
            let result = match found.and_then(|t| leader_of(&t, topic, partition).map(|p| (t, p))) {
                Ok((topic, leader)) => attempt(topic, leader).await,
                Err(error) => Err(error),
            };
            match result {
                // A topic that does not exist is not going to appear; one that had moved is worth one fresh look.
                Err(error)
                    if error.is_retriable()
                        && !(fresh && error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)) =>
                {
                    retry.pause_after(error, || format!("{doing} {topic}-{partition}")).await?;
                    fresh = true;
                }
                other => return other,
            }
        }
    }

    /// What the producer behind [`Client::produce`] remembers.
    pub(crate) fn default_producer(&self, acks: Acks) -> Producer {
        let memory = match acks {
            Acks::All => &self.inner.memory_of_all,
            Acks::Leader => &self.inner.memory_of_leader,
        };
        Producer::with_memory(self.clone(), ProducerOptions { acks, ..Default::default() }, memory.clone())
    }
}

fn leader_of(found: &Topic, topic: &str, partition: i32) -> Result<Partition, Error> {
    let error = |code, message| Error::Broker {
        doing: format!("finding the leader of {topic}-{partition}"),
        code,
        message: Some(message),
    };
    let Some(known) = found.partitions.get(&partition) else {
        let count = found.partitions.len();
        return Err(error(
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            format!("the topic has {count} partitions, numbered from 0"),
        ));
    };
    if known.leader < 0 {
        return Err(error(ErrorCode::LEADER_NOT_AVAILABLE, "none of its replicas is up".to_owned()));
    }
    Ok(*known)
}

/// `HOST:PORT` each; commas inside one string separate addresses too, as in `bootstrap.servers`.
fn parse_bootstrap<A: AsRef<str>>(bootstrap: &[A]) -> Result<Vec<String>, Error> {
    let parts = bootstrap.iter().flat_map(|list| list.as_ref().split(','));
    let addresses: Vec<String> =
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    if addresses.is_empty() {
        return Err(Error::InvalidArgument("no bootstrap address given: name at least one HOST:PORT".into()));
    }
    for address in &addresses {
        let port = address.rsplit_once(':').map(|(host, port)| (!host.is_empty(), port.parse::<u16>()));
        if !matches!(port, Some((true, Ok(1..)))) {
            return Err(Error::BadAddress(address.clone()));
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstrap_addresses_are_checked_before_any_is_tried() {
        assert_eq!(parse_bootstrap(&["a:1,b:2", " c:3 "]).unwrap(), ["a:1", "b:2", "c:3"]);
        assert_eq!(parse_bootstrap(&["[::1]:9092"]).unwrap(), ["[::1]:9092"]);
        for bad in ["localhost", ":9092", "a:0", "a:99999", "a:b"] {
            assert!(matches!(parse_bootstrap(&[bad]), Err(Error::BadAddress(_))), "{bad}");
        }
        assert!(matches!(parse_bootstrap::<&str>(&[]), Err(Error::InvalidArgument(_))));
    }
}
