//! Sends reports to the control plane: registers, posts the oldest reports first, and knows what each answer asks for.
//! It can fail for days without anyone but the buffer noticing.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::StatusCode;
use serde::Serialize;
use tokio::sync::Notify;

use crate::backoff;
use crate::buffer::{BATCH_REPORTS_MAX, Buffer};
use crate::config::Config;
use crate::refusals::Refusals;
use crate::report::{Accepted, Register, Reports};

/// The whole of one request, answer read.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// A larger answer than this is not one of the control plane's.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 1024 * 1024;
const INTERVAL_MIN: Duration = Duration::from_millis(200);
const INTERVAL_MAX: Duration = Duration::from_secs(300);
const KEY_BYTES_MAX: usize = 4096;

/// What the sampling and the sending half of the agent share.
pub(crate) struct Shared {
    pub(crate) buffer: Mutex<Buffer>,
    /// A report was put into the buffer.
    pub(crate) wake: Notify,
    pub(crate) interval: Mutex<Duration>,
}

/// Who this agent is, for every request.
pub(crate) struct Identity {
    pub(crate) incarnation: String,
    pub(crate) host: String,
    pub(crate) started_at: String,
}

/// What an answer (or its absence) asks the agent to do.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted {
        sequence: Option<u64>,
        interval_ms: Option<u64>,
    },
    RegisterFirst,
    KeyRefused,
    TooLarge,
    /// These reports will never be taken.
    Refused(String),
    /// The cluster is not known (any more): ask again slowly.
    Unknown(String),
    Failed(String),
}

/// The sending half.
pub(crate) struct Sender {
    config: Arc<Config>,
    identity: Identity,
    shared: Arc<Shared>,
    http: reqwest::Client,
    key: String,
    refusals: Refusals,
    url: usize,
    registered: bool,
    batch_max: usize,
    failures: u32,
}

impl Sender {
    pub(crate) fn new(
        config: Arc<Config>,
        identity: Identity,
        shared: Arc<Shared>,
    ) -> Result<Self, reqwest::Error> {
        let http = crate::http::client()
            .connect_timeout(CONNECT_DEADLINE)
            .timeout(REQUEST_DEADLINE)
            .pool_max_idle_per_host(1)
            .build()?;
        let refusals = Refusals::new(&config.state_dir);
        Ok(Self {
            config,
            identity,
            shared,
            http,
            key: String::new(),
            refusals,
            url: 0,
            registered: false,
            batch_max: BATCH_REPORTS_MAX,
            failures: 0,
        })
    }

    /// Sends until the control plane has refused one key too often. Dropping the future is how it ends otherwise.
    pub(crate) async fn run(&mut self) {
        while !self.refusals.are_too_many() {
            if self.registered && self.shared.buffer.lock().is_empty() {
                self.shared.wake.notified().await;
                continue;
            }
            if let Some(wait) = self.step().await {
                tokio::time::sleep(wait).await;
            }
        }
        self.refusals.write_note();
    }

    /// One request. Says how long to wait before the next; `None` is "not at all".
    pub(crate) async fn step(&mut self) -> Option<Duration> {
        if self.key.is_empty() {
            match read_key(&self.config) {
                Ok(key) => self.key = key,
                Err(problem) => {
                    tracing::error!(file = %self.config.api_key_file.display(), problem, "the agent's API key can't be read; trying again");
                    return Some(backoff::LONGEST);
                }
            }
        }
        let (verdict, last_sequence) =
            if self.registered { self.send().await } else { (self.register().await, 0) };
        self.apply(verdict, last_sequence)
    }

    async fn register(&self) -> Verdict {
        let body = Register {
            cluster_id: &self.config.cluster_id,
            node_id: self.config.node_id,
            incarnation: &self.identity.incarnation,
            agent_version: env!("CARGO_PKG_VERSION"),
            host: &self.identity.host,
            pid: std::process::id(),
            started_at: &self.identity.started_at,
        };
        self.post("/v1/agent/register", &body).await
    }

    async fn send(&mut self) -> (Verdict, u64) {
        let (reports, dropped_reports) = {
            let buffer = self.shared.buffer.lock();
            (buffer.batch(self.batch_max), buffer.dropped())
        };
        let last = reports.last().map_or(0, |report| report.sequence);
        let body = Reports {
            cluster_id: &self.config.cluster_id,
            node_id: self.config.node_id,
            incarnation: &self.identity.incarnation,
            dropped_reports,
            reports: &reports,
        };
        (self.post("/v1/agent/reports", &body).await, last)
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Verdict {
        let body = match serde_json::to_vec(body) {
            Ok(body) if body.len() <= BODY_BYTES_MAX => body,
            Ok(_) => return Verdict::TooLarge,
            Err(error) => return Verdict::Refused(format!("writing the report as JSON: {error}")),
        };
        let url = format!("{}{path}", self.config.control_plane[self.url]);
        let request =
            self.http.post(&url).bearer_auth(&self.key).header("content-type", "application/json").body(body);
        match request.send().await {
            Err(error) => Verdict::Failed(format!("POST {url}: {}", chain(&error))),
            Ok(mut answer) => {
                let status = answer.status();
                match read_limited(&mut answer, ANSWER_BYTES_MAX).await {
                    Ok(body) => judge(status, &body),
                    Err(problem) => Verdict::Failed(format!("POST {url}: {problem}")),
                }
            }
        }
    }

    fn apply(&mut self, verdict: Verdict, last_sequence: u64) -> Option<Duration> {
        match verdict {
            Verdict::Accepted { sequence, interval_ms } => {
                self.accepted(sequence, interval_ms, last_sequence);
                None
            }
            Verdict::RegisterFirst if self.registered => {
                tracing::info!("the control plane does not know this agent: registering again");
                self.registered = false;
                None
            }
            Verdict::KeyRefused => {
                tracing::error!(
                    file = %self.config.api_key_file.display(),
                    "the control plane refuses this agent's API key; reports wait. Put a key of the role `agent` for this cluster into the file"
                );
                // Read again next time: someone may have put a new one there.
                self.refusals.add(&std::mem::take(&mut self.key));
                Some(backoff::wait(u32::MAX, rand::random()))
            }
            Verdict::TooLarge if self.batch_max > 1 => {
                self.batch_max = (self.batch_max / 2).max(1);
                None
            }
            Verdict::TooLarge | Verdict::Refused(_) if self.registered => {
                tracing::error!(verdict = ?verdict, up_to = last_sequence, "the control plane can't take these reports; dropping them");
                self.shared.buffer.lock().discard(last_sequence);
                Some(backoff::wait(1, rand::random()))
            }
            Verdict::Unknown(problem) => {
                tracing::error!(
                    cluster = self.config.cluster_id,
                    problem,
                    "the control plane does not know this cluster; trying again slowly"
                );
                Some(backoff::LONGEST)
            }
            Verdict::TooLarge | Verdict::RegisterFirst => {
                self.failed("the control plane refuses to register this agent")
            }
            Verdict::Refused(problem) | Verdict::Failed(problem) => self.failed(&problem),
        }
    }

    fn accepted(&mut self, sequence: Option<u64>, interval_ms: Option<u64>, last_sequence: u64) {
        if self.failures > 0 {
            let waiting = self.shared.buffer.lock().len();
            tracing::info!(waiting, "the control plane answers again");
        }
        self.failures = 0;
        self.refusals.forget();
        self.batch_max = BATCH_REPORTS_MAX;
        if let Some(interval_ms) = interval_ms {
            *self.shared.interval.lock() =
                Duration::from_millis(interval_ms).clamp(INTERVAL_MIN, INTERVAL_MAX);
        }
        let mut buffer = self.shared.buffer.lock();
        if self.registered {
            // An answer that accepts less than was sent would have it sent for ever: what was answered 200 was taken.
            buffer.accept(sequence.unwrap_or(0).max(last_sequence));
        } else {
            buffer.accept(sequence.unwrap_or(0));
            self.registered = true;
            tracing::info!(cluster = self.config.cluster_id, node = self.config.node_id, "registered");
        }
    }

    fn failed(&mut self, problem: &str) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let wait = backoff::wait(self.failures, rand::random());
        // The first failure is news; after that a line now and then is enough.
        if self.failures == 1 || self.failures.is_multiple_of(20) {
            let waiting = self.shared.buffer.lock().len();
            tracing::warn!(problem, failures = self.failures, waiting, "reports can't be sent; they wait");
        }
        self.url = (self.url + 1) % self.config.control_plane.len();
        Some(wait)
    }
}

/// Reads an answer into what to do about it. Pure.
fn judge(status: StatusCode, body: &[u8]) -> Verdict {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or_default();
    let said = || {
        let detail = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or_default();
        format!(
            "{status}: {code} {detail} {}",
            problem.get("errors").map(ToString::to_string).unwrap_or_default()
        )
    };
    match status.as_u16() {
        200..=299 => match serde_json::from_slice::<Accepted>(body) {
            Ok(accepted) => Verdict::Accepted {
                sequence: accepted.accepted_sequence,
                interval_ms: accepted.report_interval_ms,
            },
            Err(error) => {
                Verdict::Failed(format!("{status} with an answer that is not the control plane's: {error}"))
            }
        },
        401 | 403 => Verdict::KeyRefused,
        404 | 409 if code == "agent_not_registered" => Verdict::RegisterFirst,
        404 | 410 => Verdict::Unknown(said()),
        413 => Verdict::TooLarge,
        400 | 422 => Verdict::Refused(said()),
        _ => Verdict::Failed(said()),
    }
}

fn read_key(config: &Config) -> Result<String, String> {
    let text = std::fs::read_to_string(&config.api_key_file).map_err(|error| error.to_string())?;
    let key = text.trim();
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the file must hold one line with the key".into());
    }
    Ok(key.to_owned())
}

/// An answer's body, refused when it is larger than `max`.
pub(crate) async fn read_limited(answer: &mut reqwest::Response, max: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error))? {
        if body.len() + chunk.len() > max {
            return Err(format!("the answer is larger than {max} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error with its causes: reqwest's own text leaves out why a connection failed.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "control_plane_tests.rs"]
mod tests;
