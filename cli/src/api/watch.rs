//! Follows an operation to its end: by server-sent events, and again by asking when the stream breaks off, so that a
//! restart of the control plane in the middle is only a pause.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::sse::Parser;
use super::{Api, Request};
use crate::clock;
use crate::failure::{Failure, Kind};
use crate::output::{say, text};

/// Between two attempts to watch when the stream breaks off.
const RECONNECT_WAIT: Duration = Duration::from_secs(1);
/// A stream that says nothing for this long is given up and opened again: the server sends a comment now and then.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Follows the operation until it has ended or `deadline` is over. Calls `seen` with each state of it.
pub(crate) async fn operation(
    api: &Api,
    id: &str,
    deadline: Instant,
    mut seen: impl FnMut(&Value) -> Result<(), Failure>,
) -> Result<Value, Failure> {
    let doing = format!("watching operation {id}");
    let follow = async {
        loop {
            match once(api, id, &doing, &mut seen).await {
                Ok(Some(ended)) => return Ok(ended),
                // Away for a moment: the operation goes on without us.
                Ok(None) => {}
                Err(failure) if matches!(failure.kind, Kind::Unreachable | Kind::TimedOut) => {}
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(RECONNECT_WAIT).await;
        }
    };
    match tokio::time::timeout_at(deadline.into(), follow).await {
        Ok(result) => result,
        Err(_) => Err(Failure::new(Kind::TimedOut, format!("{doing}: it had not ended in time"))
            .hint(format!("it goes on: `headrace operation watch {id}` follows it further"))),
    }
}

/// One stream: the ended operation, or `None` when it broke off before.
async fn once(
    api: &Api,
    id: &str,
    doing: &str,
    seen: &mut impl FnMut(&Value) -> Result<(), Failure>,
) -> Result<Option<Value>, Failure> {
    let path = ["operations", id, "watch"];
    let mut stream = api.open(&Request::get(&path, doing)).await?;
    let mut parser = Parser::default();
    loop {
        let chunk = match tokio::time::timeout(SILENCE_MAX, stream.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        };
        let events = parser.feed(&chunk).map_err(|_| Failure::doing(doing, "an event is too large"))?;
        for event in events {
            let Ok(operation) = serde_json::from_str::<Value>(&event.data) else { continue };
            if operation.get("state").is_none() {
                continue;
            }
            seen(&operation)?;
            if has_ended(&operation) {
                return Ok(Some(operation));
            }
        }
    }
    // The stream may have ended between the last change and our reading of it.
    let path = ["operations", id];
    let operation = api.send(Request::get(&path, doing)).await?;
    seen(&operation)?;
    Ok(has_ended(&operation).then_some(operation))
}

pub(crate) fn has_ended(operation: &Value) -> bool {
    matches!(operation["state"].as_str(), Some("succeeded" | "failed" | "cancelled"))
}

/// Follows an operation with a line on stderr for each step that begins or ends, and fails if it did.
pub(crate) async fn to_success(api: &Api, operation: &Value, timeout: Duration) -> Result<Value, Failure> {
    let id = text(operation, "/id");
    let mut steps = Steps::default();
    let ended = self::operation(api, &id, clock::now() + timeout, |operation| {
        for line in steps.changes(operation) {
            say(&line);
        }
        Ok(())
    })
    .await?;
    outcome(&ended)?;
    Ok(ended)
}

/// The failure that an ended operation stands for, if it did not succeed.
pub(crate) fn outcome(operation: &Value) -> Result<(), Failure> {
    let what = format!("{} of {}", text(operation, "/kind"), text(operation, "/cluster_name"));
    match operation["state"].as_str() {
        Some("succeeded") => Ok(()),
        Some("cancelled") => Err(Failure::new(
            Kind::Conflict,
            format!("{what} was cancelled: another operation took its place"),
        )),
        _ => {
            let error = &operation["error"];
            let why = [&error["detail"], &error["title"]]
                .into_iter()
                .find_map(Value::as_str)
                .unwrap_or("no reason given");
            let mut failure = Failure::failed(format!("{what} failed: {why}"));
            let broken = |step: &&Value| step["state"] == "failed";
            for step in operation["steps"].as_array().into_iter().flatten().filter(broken) {
                failure = failure.detail(format!("{}: {}", text(step, "/title"), text(step, "/message")));
            }
            Err(failure)
        }
    }
}

/// Remembers which steps were already told.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    told: Vec<(String, String)>,
}

impl Steps {
    /// A line for each step whose state is new. Pure.
    pub(crate) fn changes(&mut self, operation: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        for step in operation["steps"].as_array().into_iter().flatten() {
            let (name, state) = (text(step, "/name"), text(step, "/state"));
            if state == "pending" || self.told.contains(&(name.clone(), state.clone())) {
                continue;
            }
            let word = match state.as_str() {
                "running" => "…",
                "succeeded" => "✓",
                "skipped" => "-",
                _ => "✗",
            };
            let title = crate::output::safe(&text(step, "/title"));
            lines.push(match step["message"].as_str().filter(|message| !message.is_empty()) {
                Some(message) => format!("  {word} {title}: {}", crate::output::safe(message)),
                None => format!("  {word} {title}"),
            });
            self.told.push((name, state));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_change_of_a_step_is_told_once() {
        let at = |first: &str, second: &str| {
            json!({"steps": [{"name": "a", "title": "Do a", "state": first},
                             {"name": "b", "title": "Do b\u{1b}", "state": second, "message": "why"}]})
        };
        let mut steps = Steps::default();
        assert_eq!(steps.changes(&at("running", "pending")), ["  … Do a"]);
        assert!(steps.changes(&at("running", "pending")).is_empty());
        assert_eq!(steps.changes(&at("succeeded", "failed")), ["  ✓ Do a", "  ✗ Do b\\u{1b}: why"]);
    }

    #[test]
    fn a_failed_operation_says_why_and_where() {
        let failure = outcome(&json!({"kind": "cluster.create", "cluster_name": "x", "state": "failed",
            "error": {"title": "Failed", "detail": "no free port"},
            "steps": [{"title": "Start", "state": "failed", "message": "bind"}]}))
        .expect_err("failed");
        assert_eq!(failure.message, "cluster.create of x failed: no free port");
        assert_eq!(failure.details, ["Start: bind"]);
        assert!(outcome(&json!({"state": "succeeded"})).is_ok());
        assert_eq!(outcome(&json!({"state": "cancelled"})).expect_err("cancelled").kind, Kind::Conflict);
    }
}
