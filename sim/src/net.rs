//! The network: messages between machines, each with its own fate. It delays, loses, doubles and reorders them, and cuts links in one
//! direction or both. A message that is lost is not told of: whoever waits waits until its own deadline, as with a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use headrace_broker::simulation::{CallError, Lane, Network};
use headrace_client::Frame;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::oneshot;

/// A machine: a broker's, by its id, or [`CLIENTS`].
pub(crate) type Place = i32;
/// Where all clients are.
pub(crate) const CLIENTS: Place = 0;
/// A length in front of each frame.
const LENGTH_BYTES: usize = 4;

pub(crate) type Answer = Result<Bytes, CallError>;

/// The listener that a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Port {
    Brokers,
    Clients,
}

/// Whom an answer goes to. Dropped unanswered, the other end learns that the connection is gone.
pub(crate) struct Reply {
    net: Net,
    from: Place,
    to: Place,
    waiting: Option<oneshot::Sender<Answer>>,
}

impl Reply {
    pub(crate) fn answer(mut self, bytes: Option<Bytes>) {
        let gone = || CallError::NoAnswer { address: self.from.to_string(), why: "it was closed".to_owned() };
        let answer = bytes.ok_or_else(gone);
        if let Some(waiting) = self.waiting.take() {
            self.net.send_answer(self.from, self.to, answer, waiting);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let why = "the process is gone".to_owned();
            let answer = Err(CallError::NoAnswer { address: self.from.to_string(), why });
            self.net.send_answer(self.from, self.to, answer, waiting);
        }
    }
}

/// What arrives.
pub(crate) enum Arrival {
    Request { to: Place, port: Port, request: Bytes, connection: Option<u64>, reply: Reply },
    Answer { answer: Answer, waiting: oneshot::Sender<Answer> },
}

/// How unkind the network is for the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) lost: f64,
    pub(crate) doubled: f64,
    pub(crate) late: f64,
    pub(crate) late_ms_max: u64,
    pub(crate) latency_ms_max: u64,
}

impl Weather {
    pub(crate) const FAIR: Self =
        Self { lost: 0.0, doubled: 0.0, late: 0.0, late_ms_max: 1, latency_ms_max: 2 };
}

/// Keeps the order of its requests; once one of them is lost, all behind it are.
#[derive(Debug, Clone, Copy, Default)]
struct Connection {
    to: Place,
    last_arrival_ms: u64,
    broken: bool,
}

/// What happened, for the report.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) late: u64,
}

struct State {
    now_ms: u64,
    next: u64,
    under_way: BTreeMap<(u64, u64), (Place, Place, Arrival)>,
    /// Senders of what was lost: held, so that whoever waits is not told.
    lost: Vec<oneshot::Sender<Answer>>,
    cut: BTreeSet<(Place, Place)>,
    /// Machines that are switched off.
    off: BTreeSet<Place>,
    /// Machines that are on, with no process on them.
    empty: BTreeSet<Place>,
    weather: Weather,
    connections: BTreeMap<u64, Connection>,
    rng: StdRng,
    counts: Counts,
    digest: u64,
}

/// All of the network. Clones are the same.
#[derive(Clone)]
pub(crate) struct Net(Arc<Mutex<State>>);

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            now_ms: 0,
            next: 0,
            under_way: BTreeMap::new(),
            lost: Vec::new(),
            cut: BTreeSet::new(),
            off: BTreeSet::new(),
            empty: BTreeSet::new(),
            weather: Weather::FAIR,
            connections: BTreeMap::new(),
            rng: StdRng::seed_from_u64(seed),
            counts: Counts::default(),
            digest: 0,
        })))
    }

    /// What arrives at this time.
    pub(crate) fn arrivals(&self, now_ms: u64) -> Vec<Arrival> {
        let mut state = self.0.lock();
        state.now_ms = now_ms;
        let mut arrived = Vec::new();
        while let Some(entry) = state.under_way.first_entry() {
            if entry.key().0 > now_ms {
                break;
            }
            let ((at, _), (from, to, arrival)) = entry.remove_entry();
            if state.is_cut(from, to) || state.is_broken(&arrival) {
                state.lose(arrival);
                continue;
            }
            state.note(at, from, to, &arrival);
            match arrival {
                Arrival::Request { reply, connection, .. } if state.empty.contains(&to) => {
                    state.break_off(connection);
                    let refused = Err(CallError::Unreachable {
                        address: to.to_string(),
                        refused: true,
                        why: "nobody listens".to_owned(),
                    });
                    let mut reply = reply;
                    if let Some(waiting) = reply.waiting.take() {
                        state.put(to, from, Arrival::Answer { answer: refused, waiting }, 1);
                    }
                }
                arrival => arrived.push(arrival),
            }
        }
        arrived
    }

    fn send_answer(&self, from: Place, to: Place, answer: Answer, waiting: oneshot::Sender<Answer>) {
        let mut state = self.0.lock();
        let arrival = Arrival::Answer { answer, waiting };
        match state.fate(from, to) {
            None => state.lose(arrival),
            Some(delay_ms) => state.put(from, to, arrival, delay_ms),
        }
    }

    /// Brings a request to a machine. `connection` keeps its order with others of the same.
    pub(crate) fn call(
        &self,
        (from, to): (Place, Place),
        port: Port,
        request: Bytes,
        connection: Option<u64>,
        timeout: Duration,
    ) -> BoxFuture<'static, Answer> {
        let (tell, told) = oneshot::channel();
        {
            let mut state = self.0.lock();
            state.counts.sent += 1;
            let reply = Reply { net: self.clone(), from: to, to: from, waiting: Some(tell) };
            let arrival = Arrival::Request { to, port, request: request.clone(), connection, reply };
            match state.fate(from, to) {
                None => state.lose(arrival),
                Some(delay_ms) => {
                    let mut at = state.now_ms + delay_ms;
                    if let Some(known) = connection.and_then(|id| state.connections.get_mut(&id)) {
                        at = at.max(known.last_arrival_ms);
                        known.last_arrival_ms = at;
                    }
                    let delay_ms = at - state.now_ms;
                    state.put(from, to, arrival, delay_ms);
                }
            }
            let doubled = state.weather.doubled;
            if connection.is_none()
                && state.rng.random_bool(doubled)
                && let Some(delay_ms) = state.fate(from, to)
            {
                state.counts.doubled += 1;
                let reply = Reply { net: self.clone(), from: to, to: from, waiting: None };
                state.put(
                    from,
                    to,
                    Arrival::Request { to, port, request, connection: None, reply },
                    delay_ms,
                );
            }
        }
        async move {
            let no_answer = |why: &str| CallError::NoAnswer { address: to.to_string(), why: why.to_owned() };
            match tokio::time::timeout(timeout, told).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(no_answer("it was closed")),
                Err(_) => Err(no_answer("it took too long")),
            }
        }
        .boxed()
    }

    /// A connection whose requests arrive in order.
    pub(crate) fn connect(&self, to: Place) -> u64 {
        let mut state = self.0.lock();
        let id = state.connections.len() as u64;
        state.connections.insert(id, Connection { to, ..Connection::default() });
        id
    }

    pub(crate) fn cut(&self, from: Place, to: Place) {
        self.0.lock().cut.insert((from, to));
    }

    pub(crate) fn mend(&self, from: Place, to: Place) {
        self.0.lock().cut.remove(&(from, to));
    }

    pub(crate) fn mend_all(&self) {
        self.0.lock().cut.clear();
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.0.lock().weather = weather;
    }

    /// What a machine answers to those who come: nothing (off), that nobody listens (on, without a process), or what its process says.
    pub(crate) fn set_machine(&self, place: Place, is_on: bool, has_process: bool) {
        let mut state = self.0.lock();
        if is_on {
            state.off.remove(&place)
        } else {
            state.off.insert(place)
        };
        if is_on && !has_process {
            state.empty.insert(place)
        } else {
            state.empty.remove(&place)
        };
        if !has_process {
            state
                .connections
                .values_mut()
                .filter(|known| known.to == place)
                .for_each(|known| known.broken = true);
        }
    }

    /// What is still under way on it does not arrive.
    pub(crate) fn break_off(&self, connection: Option<u64>) {
        self.0.lock().break_off(connection);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().counts
    }

    /// Follows from every message that arrived, and when.
    pub(crate) fn digest(&self) -> u64 {
        self.0.lock().digest
    }

    /// Mixes something else into the digest.
    pub(crate) fn mix(&self, value: u64) {
        let mut state = self.0.lock();
        state.digest = mix(state.digest, value);
    }
}

fn mix(digest: u64, value: u64) -> u64 {
    (digest.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95)
}

impl State {
    fn is_cut(&self, from: Place, to: Place) -> bool {
        self.cut.contains(&(from, to)) || self.off.contains(&from) || self.off.contains(&to)
    }

    /// How long a message takes; `None` if it is lost.
    fn fate(&mut self, from: Place, to: Place) -> Option<u64> {
        let weather = self.weather;
        let lost = self.rng.random_bool(weather.lost);
        let late = self.rng.random_bool(weather.late);
        let latency_ms = self.rng.random_range(1..=weather.latency_ms_max);
        if self.is_cut(from, to) || lost {
            return None;
        }
        if late {
            self.counts.late += 1;
            return Some(latency_ms + self.rng.random_range(1..=weather.late_ms_max));
        }
        Some(latency_ms)
    }

    fn put(&mut self, from: Place, to: Place, arrival: Arrival, delay_ms: u64) {
        self.next += 1;
        self.under_way.insert((self.now_ms + delay_ms, self.next), (from, to, arrival));
    }

    fn is_broken(&self, arrival: &Arrival) -> bool {
        let Arrival::Request { connection: Some(id), .. } = arrival else { return false };
        self.connections.get(id).is_some_and(|known| known.broken)
    }

    fn break_off(&mut self, connection: Option<u64>) {
        if let Some(known) = connection.and_then(|id| self.connections.get_mut(&id)) {
            known.broken = true;
        }
    }

    fn lose(&mut self, arrival: Arrival) {
        self.counts.lost += 1;
        match arrival {
            Arrival::Request { mut reply, connection, .. } => {
                self.break_off(connection);
                self.lost.extend(reply.waiting.take());
            }
            Arrival::Answer { waiting, .. } => self.lost.push(waiting),
        }
    }

    fn note(&mut self, at: u64, from: Place, to: Place, arrival: &Arrival) {
        let bytes: &[u8] = match arrival {
            Arrival::Request { request, .. } => request,
            Arrival::Answer { answer: Ok(bytes), .. } => bytes,
            Arrival::Answer { .. } => &[],
        };
        let mut digest = mix(self.digest, at);
        digest = mix(digest, (from as u64) << 32 | to as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            digest = mix(digest, u64::from_le_bytes(word));
        }
        self.digest = digest;
        let api = bytes.get(..2).map_or(-1, |key| i16::from_be_bytes([key[0], key[1]]));
        let is_answer = matches!(arrival, Arrival::Answer { .. });
        tracing::trace!(from, to, is_answer, api, bytes = bytes.len(), digest = %format_args!("{digest:016x}"), "arrives");
    }
}

/// A broker's end of the network.
pub(crate) struct BrokersNetwork {
    pub(crate) net: Net,
    pub(crate) own: Place,
}

/// A broker's host is `n` and its id.
pub(crate) fn host(place: Place) -> String {
    format!("n{place}")
}

fn place_of(address: &str) -> Option<Place> {
    address.split(':').next()?.strip_prefix('n')?.parse().ok()
}

/// A frame without its length, in one piece.
pub(crate) fn joined(parts: &[Bytes]) -> Bytes {
    Bytes::from(parts.concat()).split_off(LENGTH_BYTES)
}

impl Network for BrokersNetwork {
    fn call(
        &self,
        address: &str,
        _lane: Lane,
        request: Frame,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let Some(to) = place_of(address) else {
            let why = "there is no such machine".to_owned();
            let error = CallError::Unreachable { address: address.to_owned(), refused: false, why };
            return futures_util::future::ready(Err(error)).boxed();
        };
        self.net.call((self.own, to), Port::Brokers, joined(&request.parts), None, timeout)
    }

    fn disconnect(&self, _address: &str, _lane: Lane) {}
}
