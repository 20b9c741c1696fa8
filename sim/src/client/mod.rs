//! The clients: producers, consumers, groups that commit offsets, an administrator. They speak Kafka's protocol over the simulated
//! network and share one runtime, which never fails.

pub(crate) mod admin;
pub(crate) mod committer;
pub(crate) mod consumer;
pub(crate) mod producer;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use headrace_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use headrace_protocol::{ErrorCode, Request, Str, Uuid, frame};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::history::History;
use crate::net::{CLIENTS, Net, Place, Port, joined};

/// How long a client waits for an answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(4);
const METADATA_VERSION: i16 = 12;
/// The topics that all clients use, by number.
pub(crate) const TOPICS: [&str; 2] = ["orders", "payments"];
pub(crate) const PARTITIONS: i32 = 2;

/// What all clients share.
pub(crate) struct Shared {
    pub(crate) net: Net,
    pub(crate) history: History,
    pub(crate) brokers: Vec<Place>,
    /// Producers write nothing new any more.
    pub(crate) winding_up: AtomicBool,
    /// Everybody ends.
    pub(crate) over: AtomicBool,
    /// Producers that have yet to bring in what they began.
    pub(crate) producers_busy: AtomicI32,
    rng: Mutex<StdRng>,
}

impl Shared {
    pub(crate) fn new(net: Net, history: History, brokers: Vec<Place>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            net,
            history,
            brokers,
            winding_up: AtomicBool::new(false),
            over: AtomicBool::new(false),
            producers_busy: AtomicI32::new(0),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
        })
    }
}

/// Where a partition is led.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Led {
    pub(crate) topic_id: Uuid,
    pub(crate) leader: Place,
    pub(crate) epoch: i32,
}

/// One client.
pub(crate) struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) rng: StdRng,
    correlation_id: AtomicI32,
    /// The newest leader epochs that were heard of: like any client it does not go back to an older leader, whoever names it (KIP-320).
    epochs: HashMap<(usize, i32), i32>,
}

impl Client {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let seed = shared.rng.lock().random();
        Self {
            shared: Arc::clone(shared),
            rng: StdRng::seed_from_u64(seed),
            correlation_id: AtomicI32::new(0),
            epochs: HashMap::new(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Relaxed)
    }

    pub(crate) fn is_winding_up(&self) -> bool {
        self.shared.winding_up.load(Ordering::Relaxed)
    }

    /// Sends at once; the answer comes later. `None` if there was none.
    pub(crate) fn send<R: Request>(
        &self,
        to: Place,
        connection: Option<u64>,
        version: i16,
        request: &R,
    ) -> impl Future<Output = Option<R::Response>> + Send + use<R> {
        let id = self.correlation_id.fetch_add(1, Ordering::Relaxed);
        let encoded = frame::encode_request(version, id, Some(&Str::from_static("sim")), request);
        let sent = encoded.map(|parts| {
            self.shared.net.call((CLIENTS, to), Port::Clients, joined(&parts), connection, TIMEOUT)
        });
        async move {
            let answer = sent.ok()?.await.ok()?;
            let (header, response) = frame::decode_response::<R>(answer, version).ok()?;
            (header.correlation_id == id).then_some(response)
        }
    }

    pub(crate) async fn call<R: Request>(&self, to: Place, version: i16, request: &R) -> Option<R::Response> {
        self.send(to, None, version, request).await
    }

    pub(crate) fn any_broker(&mut self) -> Place {
        self.shared.brokers[self.rng.random_range(0..self.shared.brokers.len())]
    }

    pub(crate) async fn pause(&mut self, ms_max: u64) {
        let ms = self.rng.random_range(1..=ms_max);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// Asks some broker who leads. `None` if it does not answer, says that nobody does, or knows less than this client.
    pub(crate) async fn find(&mut self, topic: usize, partition: i32) -> Option<Led> {
        let key = (topic, partition);
        let broker = self.any_broker();
        let name = Some(Str::from_static(TOPICS[topic]));
        let request = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic { name, ..Default::default() }]),
            ..Default::default()
        };
        let response = self.call(broker, METADATA_VERSION, &request).await?;
        let topic = response.topics.first().filter(|topic| topic.error_code.is_ok())?;
        let found = topic.partitions.iter().find(|found| found.partition_index == partition)?;
        let newest = self.epochs.entry(key).or_insert(found.leader_epoch);
        if found.leader_epoch < *newest {
            return None;
        }
        *newest = found.leader_epoch;
        (found.error_code == ErrorCode::NONE && found.leader_id > 0).then_some(Led {
            topic_id: topic.topic_id,
            leader: found.leader_id,
            epoch: found.leader_epoch,
        })
    }
}
