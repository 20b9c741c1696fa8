//! The broker for a simulation: the same code from the open files to the last answer, on a clock, a disk, a network and a runtime that
//! the simulation gives. What it leaves out are sockets, threads and the admin port.

use std::hash::{Hash as _, Hasher as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use headrace_disk::Disk;
use headrace_metadata::Blocking;
use headrace_protocol::messages::broker_registration::Listener;
use headrace_protocol::messages::produce::ProduceRequest;
use headrace_protocol::{ApiKey, ErrorCode, Message as _, Str, frame};
use headrace_state::metadata::record::encode_all;
use tokio::runtime::Handle;

pub use headrace_metadata::sabotage;

pub use crate::clock::Clock;
pub use crate::peers::{CallError, Lane, Network};

use crate::broker::Broker;
use crate::handlers::{self, Context, produce};
use crate::life::{self, Doors};
use crate::net::ConnectionInfo;
use crate::open::{Machine, open};
use crate::{Error, Options};

/// What a simulated machine has.
pub struct Ground {
    pub clock: Arc<dyn Clock>,
    pub disk: Arc<dyn Disk>,
    pub network: Arc<dyn Network>,
    pub blocking: Blocking,
    /// Another one after each start of the machine, the same after a mere crash of the process.
    pub boot_id: String,
}

/// Which listener a door stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    Brokers,
    Clients,
}

/// A broker that runs in the current runtime. Cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Broker>);

/// One listener, opened.
#[derive(Clone)]
pub struct Door {
    broker: Arc<Broker>,
    info: Arc<ConnectionInfo>,
}

/// Is told of each listener once it is open.
pub type Opened<'a> = Box<dyn FnMut(Entrance, Door) + Send + 'a>;

struct Announced<'a> {
    listeners: Vec<Listener>,
    inner: Option<Str>,
    opened: Opened<'a>,
}

impl Announced<'_> {
    fn open(&mut self, broker: &Arc<Broker>, entrance: Entrance) {
        for listener in &self.listeners {
            if (self.inner.as_ref() == Some(&listener.name)) == (entrance == Entrance::Brokers) {
                let info = ConnectionInfo {
                    id: broker.next_connection_id(),
                    listener: listener.name.clone(),
                    peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                };
                (self.opened)(entrance, Door { broker: Arc::clone(broker), info: Arc::new(info) });
            }
        }
    }
}

impl Doors for Announced<'_> {
    fn advertised(&self) -> Vec<Listener> {
        self.listeners.clone()
    }

    fn open_inner(&mut self, broker: &Arc<Broker>) {
        self.open(broker, Entrance::Brokers);
    }

    fn open_outer(&mut self, broker: &Arc<Broker>) {
        self.open(broker, Entrance::Clients);
    }
}

impl Node {
    /// Opens the quorum and the logs. Must be called in the node's runtime.
    pub fn open(options: &Options, ground: Ground) -> BoxFuture<'_, Result<Self, Error>> {
        let Ground { clock, disk, network, blocking, boot_id } = ground;
        let machine = Machine { clock, disk, network, blocking, boot_id };
        async move { open(options, machine).await.map(Self) }.boxed()
    }

    /// Lives until `shutdown` resolves, then stops cleanly. The answer says why the cluster does not take this process any more.
    pub fn live<'a>(
        &'a self,
        options: &Options,
        opened: Opened<'a>,
        shutdown: BoxFuture<'a, ()>,
    ) -> BoxFuture<'a, Option<String>> {
        let advertised = |listener: &crate::config::ListenerConfig| Listener {
            name: listener.name.as_str().into(),
            host: listener.bind.host.as_str().into(),
            port: listener.bind.port,
            security_protocol: 0,
        };
        let doors = Announced {
            listeners: options.listeners.iter().map(advertised).collect(),
            inner: self.0.config.inter_broker_listener_name.as_deref().map(Str::from),
            opened,
        };
        async move {
            match life::live(&self.0, &Handle::current(), doors, shutdown).await {
                Ok(refused) => refused.map(|refused| refused.to_string()),
                Err(error) => Some(error.to_string()),
            }
        }
        .boxed()
    }

    /// A partition's log on this node, to its end, and its high watermark.
    pub fn replica(&self, topic: &str, index: i32) -> Result<(Bytes, i64), ErrorCode> {
        let partition = self.0.replicas.partition(topic, index)?;
        let mut whole = BytesMut::new();
        let mut offset = partition.log_start_offset();
        while offset < partition.log_end_offset() {
            let pieces = partition.read_local(offset, usize::MAX)?;
            let bytes = pieces.concat();
            let last = headrace_records::batches(Bytes::from(bytes.clone())).filter_map(Result::ok).last();
            let Some(last) = last else { break };
            whole.extend_from_slice(&bytes);
            offset = last.next_offset();
        }
        Ok((whole.freeze(), partition.high_watermark()))
    }

    /// Whether every partition of the cluster has a leader and all its replicas in sync, as this node knows it.
    pub fn is_whole(&self) -> bool {
        self.0.image().topics().all(|topic| {
            topic.partitions.iter().all(|partition| {
                partition.leader >= 0
                    && partition.isr.len() == partition.replicas.len()
                    && partition.adding.is_empty()
                    && partition.removing.is_empty()
            })
        })
    }

    /// Where this node's metadata stands in the quorum's log.
    pub fn metadata_offset(&self) -> u64 {
        self.0.image().offset()
    }

    /// Follows from everything that this node's metadata says.
    pub fn metadata_digest(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        match encode_all(&self.0.image().to_records()) {
            Ok(records) => records.hash(&mut hasher),
            Err(error) => error.to_string().hash(&mut hasher),
        }
        hasher.finish()
    }

    /// Whether one of this node's replicas has never had a record.
    pub fn has_empty_replica(&self) -> bool {
        let is_empty = |topic: &str, index| {
            self.0.replicas.partition(topic, index).map_or(true, |partition| partition.log_end_offset() == 0)
        };
        self.0.image().topics().any(|topic| {
            let mut own =
                topic.partitions.iter().filter(|partition| partition.replicas.contains(&self.0.node_id()));
            own.any(|partition| is_empty(&topic.name, partition.index))
        })
    }

    /// Those who vote in the metadata quorum, as far as this node knows.
    pub fn voters(&self) -> Vec<i32> {
        self.0.metadata.status().voters
    }

    /// The node that leads the metadata quorum, as far as this one knows.
    pub fn controller(&self) -> Option<i32> {
        self.0.metadata.leader()
    }
}

impl Door {
    /// Takes a request's frame (without its length). Records are appended before this returns, as those that come in one after the
    /// other on a connection are; the answer comes when it may. `None` closes the connection, or is what acks=0 answers.
    pub fn enter(&self, request: Bytes) -> BoxFuture<'static, Option<Bytes>> {
        let Ok((header, mut body)) = frame::split_request(request) else { return ready(None).boxed() };
        let Ok(key) = header.key() else { return ready(None).boxed() };
        let broker = Arc::clone(&self.broker);
        if key == ApiKey::Produce {
            let Ok(request) = ProduceRequest::decode(&mut body, header.api_version) else {
                return ready(None).boxed();
            };
            let started = broker.clock.monotonic_ns();
            let write = produce::Write { header, request };
            let Some(mut pending) = produce::append(&broker, &self.info, vec![write], started).pop() else {
                return ready(None).boxed();
            };
            return async move {
                pending.ready().await;
                pending.into_answer(&broker).ok().flatten().map(|parts| joined(&parts))
            }
            .boxed();
        }
        let cx = Context {
            broker,
            connection: Arc::clone(&self.info),
            api_version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: header.client_id,
            forwarded: false,
            refusal: None,
        };
        let answering = handlers::dispatch(key, cx, body.take_rest());
        async move { answering.await.ok().map(|parts| joined(&parts)) }.boxed()
    }
}

/// An answer's frame without its length.
fn joined(parts: &[Bytes]) -> Bytes {
    const LENGTH_BYTES: usize = 4;
    let mut whole = Bytes::from(parts.concat());
    whole.advance(LENGTH_BYTES.min(whole.len()));
    whole
}
