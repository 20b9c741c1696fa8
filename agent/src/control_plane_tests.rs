//! The sending half against a tiny HTTP server: order, buffering, registering again, refusals.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::report::Report;

type Seen = Arc<Mutex<Vec<(String, Value)>>>;
type Script = Arc<Mutex<VecDeque<(u16, Value)>>>;

/// Answers each request with the script's next answer (the last one again when it runs out), and notes what was asked.
async fn server(script: Vec<(u16, Value)>) -> (String, Seen, Script) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let seen = Seen::default();
    let script: Script = Arc::new(Mutex::new(script.into()));
    let (noted, answers) = (seen.clone(), script.clone());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let (head, length) = loop {
                let mut chunk = [0; 4096];
                let n = socket.read(&mut chunk).await.expect("read");
                assert!(n > 0, "the request ended early");
                bytes.extend_from_slice(&chunk[..n]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length: usize = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                        .unwrap_or(0);
                    if body.len() >= length {
                        break (head.to_owned(), body.to_owned());
                    }
                }
            };
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            noted.lock().push((path, serde_json::from_str(&length).unwrap_or_default()));
            let (status, body) = {
                let mut answers = answers.lock();
                if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
                    .expect("an answer")
            };
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).await.expect("write");
        }
    });
    (url, seen, script)
}

fn sender(urls: Vec<String>, reports: usize) -> (Sender, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::write(dir.path().join("key"), "secret\n").expect("key");
    let config = Config {
        cluster_id: "c1".into(),
        node_id: 3,
        broker_admin: None,
        bootstrap: "127.0.0.1:1".into(),
        control_plane: urls,
        api_key_file: dir.path().join("key"),
        state_dir: dir.path().to_owned(),
        broker_pid_file: None,
        log_dirs: Vec::new(),
    };
    let shared = Arc::new(Shared {
        buffer: Mutex::new(Buffer::new(100)),
        wake: Notify::new(),
        interval: Mutex::new(Duration::from_secs(2)),
    });
    (0..reports).for_each(|_| shared.buffer.lock().push(Report::default()));
    let identity = Identity { incarnation: "i".into(), host: "h".into(), started_at: "t".into() };
    (Sender::new(Arc::new(config), identity, shared).expect("client"), dir)
}

fn sequences(body: &Value) -> Vec<u64> {
    let reports = body["reports"].as_array().cloned().unwrap_or_default();
    reports.iter().filter_map(|report| report["sequence"].as_u64()).collect()
}

#[tokio::test]
async fn it_registers_then_sends_in_order_and_takes_over_the_interval() {
    let ok = json!({"accepted_sequence": null, "report_interval_ms": 5000});
    let (url, seen, _) = server(vec![(200, ok), (200, json!({"accepted_sequence": 30}))]).await;
    let (mut sender, _dir) = sender(vec![url], 40);
    for _ in 0..3 {
        assert_eq!(sender.step().await, None);
    }
    assert!(sender.shared.buffer.lock().is_empty());
    assert_eq!(*sender.shared.interval.lock(), Duration::from_secs(5));
    let seen = seen.lock();
    assert_eq!(seen[0].0, "/v1/agent/register");
    assert_eq!(seen[0].1["incarnation"], "i");
    assert_eq!(sequences(&seen[1].1), (1..=30).collect::<Vec<_>>());
    assert_eq!(sequences(&seen[2].1), (31..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_outage_keeps_the_reports_and_tries_the_next_address() {
    let (url, seen, _) = server(vec![(200, json!({}))]).await;
    // A port that nothing listens on.
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        format!("http://{}", listener.local_addr().expect("address"))
    };
    let (mut sender, _dir) = sender(vec![closed, url], 2);
    let wait = sender.step().await.expect("a wait after a failure");
    assert!(wait <= backoff::LONGEST && sender.shared.buffer.lock().len() == 2);
    sender.step().await;
    sender.step().await;
    assert!(sender.shared.buffer.lock().is_empty());
    assert_eq!(seen.lock().len(), 2);
}

#[tokio::test]
async fn a_server_error_keeps_and_a_refusal_drops() {
    let (url, _, _) = server(vec![
        (200, json!({})),
        (503, json!({"code": "unavailable"})),
        (422, json!({"code": "invalid", "errors": [{"field": "reports[0].at"}]})),
    ])
    .await;
    let (mut sender, _dir) = sender(vec![url], 2);
    sender.step().await;
    assert!(sender.step().await.is_some());
    assert_eq!(sender.shared.buffer.lock().len(), 2);
    sender.step().await;
    let buffer = sender.shared.buffer.lock();
    assert_eq!((buffer.len(), buffer.dropped()), (0, 2));
}

#[tokio::test]
async fn a_key_that_stays_refused_ends_the_agent() {
    let refusal = || (401, json!({"code": "unauthorized"}));
    let (url, _, _) = server(vec![refusal(), refusal(), refusal()]).await;
    let (mut sender, _dir) = sender(vec![url], 1);
    for _ in 0..crate::refusals::TRIES {
        assert!(sender.step().await.is_some());
    }
    tokio::time::timeout(Duration::from_secs(10), sender.run()).await.expect("it ends");
}

#[tokio::test]
async fn a_refused_key_is_read_again_and_nothing_is_lost() {
    let (url, _, script) = server(vec![(401, json!({"code": "unauthorized"}))]).await;
    let (mut sender, dir) = sender(vec![url], 1);
    assert!(sender.step().await.is_some());
    std::fs::write(dir.path().join("key"), "another").expect("key");
    *script.lock() = [(200, json!({}))].into();
    sender.step().await;
    assert_eq!(sender.key, "another");
    sender.step().await;
    assert!(sender.shared.buffer.lock().is_empty());
}

#[tokio::test]
async fn a_control_plane_that_forgot_the_agent_is_told_again() {
    let (url, seen, _) =
        server(vec![(200, json!({})), (409, json!({"code": "agent_not_registered"})), (200, json!({}))])
            .await;
    let (mut sender, _dir) = sender(vec![url], 1);
    for _ in 0..4 {
        sender.step().await;
    }
    let paths: Vec<String> = seen.lock().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths, ["/v1/agent/register", "/v1/agent/reports", "/v1/agent/register", "/v1/agent/reports"]);
    assert!(sender.shared.buffer.lock().is_empty());
}

#[tokio::test]
async fn too_large_a_batch_is_halved() {
    let (url, seen, _) =
        server(vec![(200, json!({})), (413, json!({})), (413, json!({})), (200, json!({}))]).await;
    let (mut sender, _dir) = sender(vec![url], 8);
    for _ in 0..4 {
        sender.step().await;
    }
    let sizes: Vec<usize> = seen.lock()[1..].iter().map(|(_, body)| sequences(body).len()).collect();
    assert_eq!(sizes, [8, 8, 7]);
}

#[test]
fn every_answer_has_a_verdict() {
    let judged =
        |status: u16, body: &str| judge(StatusCode::from_u16(status).expect("status"), body.as_bytes());
    assert_eq!(
        judged(200, r#"{"accepted_sequence":4,"report_interval_ms":9,"new":1}"#),
        Verdict::Accepted { sequence: Some(4), interval_ms: Some(9) }
    );
    assert!(matches!(judged(200, "<html>"), Verdict::Failed(_)));
    assert_eq!(judged(403, ""), Verdict::KeyRefused);
    assert!(matches!(judged(404, r#"{"code":"cluster_not_found"}"#), Verdict::Unknown(_)));
    assert_eq!(judged(404, r#"{"code":"agent_not_registered"}"#), Verdict::RegisterFirst);
    assert!(matches!(judged(502, "bad gateway"), Verdict::Failed(_)));
}
