//! The control plane's own numbers, for `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use parking_lot::Mutex;

use crate::app::App;

/// Counters of this process.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    passes: AtomicU64,
    passes_failed: AtomicU64,
    requests: Mutex<BTreeMap<RequestKey, RequestCount>>,
}

/// Bounded: routes, methods and statuses are few.
type RequestKey = (String, String, u16);

#[derive(Debug, Default, Clone, Copy)]
struct RequestCount {
    count: u64,
    duration: Duration,
}

impl Telemetry {
    pub(crate) fn pass_done(&self) {
        self.passes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn pass_failed(&self) {
        self.passes_failed.fetch_add(1, Ordering::Relaxed);
    }

    fn request(&self, key: RequestKey, duration: Duration) {
        let mut requests = self.requests.lock();
        let entry = requests.entry(key).or_default();
        entry.count += 1;
        entry.duration += duration;
    }

    /// As Prometheus reads it.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        counter(&mut text, "headrace_reconcile_passes_total", "Passes over clusters.");
        line(&mut text, "headrace_reconcile_passes_total", "", self.passes.load(Ordering::Relaxed));
        counter(&mut text, "headrace_reconcile_failures_total", "Passes over clusters that failed.");
        line(&mut text, "headrace_reconcile_failures_total", "", self.passes_failed.load(Ordering::Relaxed));
        let requests = self.requests.lock().clone();
        counter(&mut text, "headrace_http_requests_total", "HTTP requests answered.");
        for ((method, path, status), entry) in &requests {
            let labels = format!("{{method=\"{method}\",path=\"{path}\",status=\"{status}\"}}");
            line(&mut text, "headrace_http_requests_total", &labels, entry.count);
        }
        counter(&mut text, "headrace_http_request_seconds_total", "Time spent on HTTP requests.");
        for ((method, path, status), entry) in &requests {
            let labels = format!("{{method=\"{method}\",path=\"{path}\",status=\"{status}\"}}");
            line(&mut text, "headrace_http_request_seconds_total", &labels, entry.duration.as_secs_f64());
        }
        text
    }
}

fn counter(text: &mut String, name: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name}{labels} {value}");
}

/// Writes a gauge with one line per label value.
pub(crate) fn gauge(text: &mut String, name: &str, help: &str, values: &[(String, i64)]) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in values {
        line(text, name, labels, value);
    }
}

/// Counts every request.
pub(crate) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "PATCH" | "DELETE" | "PUT" | "HEAD" | "OPTIONS") => known,
        _ => "other",
    };
    let method = method.to_owned();
    let begun = tokio::time::Instant::now();
    let response = next.run(request).await;
    app.telemetry().request((method, path, response.status().as_u16()), begun.elapsed());
    response
}
