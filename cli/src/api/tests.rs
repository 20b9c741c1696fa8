//! The client against a tiny HTTP server in this process: what is sent, and what each answer turns into.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

/// Answers one request after another as the list says, and gives back the requests' heads and bodies.
fn server(answers: Vec<(u16, &'static str)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let thread = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for (status, body) in answers {
            let (mut socket, _) = listener.accept().expect("accept");
            let mut request = String::new();
            let mut chunk = [0; 4096];
            loop {
                let n = socket.read(&mut chunk).expect("read");
                request.push_str(&String::from_utf8_lossy(&chunk[..n]));
                let length = request
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
                    .unwrap_or(0);
                if n == 0 || request.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= length) {
                    break;
                }
            }
            requests.push(request);
            let answer = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).expect("write");
        }
        requests
    });
    (url, thread)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(work)
}

fn api(url: &str) -> Api {
    crate::tls::install();
    Api::new(url, Some("secret".into())).expect("api")
}

#[test]
fn names_are_escaped_and_the_key_goes_along() {
    let (url, thread) = server(vec![(200, "{\"name\":\"a b\"}")]);
    let path = ["clusters", "a b/../c?"];
    let headers = [("if-match", "\"3\"".to_owned())];
    let request =
        Request { headers: &headers, ..Request::patch(&path, serde_json::json!({"brokers": 1}), "x") };
    assert_eq!(run(api(&url).send(request)).expect("answer")["name"], "a b");
    let request = thread.join().expect("server").remove(0);
    assert!(request.starts_with("PATCH /v1/clusters/a%20b%2F..%2Fc%3F HTTP/1.1\r\n"), "{request}");
    for part in ["authorization: Bearer secret\r\n", "if-match: \"3\"\r\n", "\r\n\r\n{\"brokers\":1}"] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
}

#[test]
fn refusals_become_exit_codes_with_every_field() {
    let (url, thread) = server(vec![
        (
            422,
            r#"{"detail":"not valid","code":"invalid","errors":[{"field":"name","message":"is bad","code":"c"}]}"#,
        ),
        (401, r#"{"title":"Unauthorized","code":"unauthorized"}"#),
        (200, "<html>"),
    ]);
    let api = api(&url);
    let ask = || run(api.send(Request::get(&["clusters"], "listing clusters"))).expect_err("refused");
    let invalid = ask();
    assert_eq!((invalid.kind, invalid.details), (Kind::Invalid, vec!["name: is bad (c)".to_owned()]));
    assert_eq!(ask().kind, Kind::Auth);
    assert!(ask().message.contains("not JSON"));
    thread.join().expect("server");
}

#[test]
fn an_unreachable_server_says_how_to_start_it() {
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        format!("http://{}", listener.local_addr().expect("address"))
    };
    let failure = run(api(&url).send(Request::get(&["clusters"], "listing clusters"))).expect_err("closed");
    assert_eq!(failure.kind, Kind::Unreachable);
    assert!(failure.hint.expect("hint").contains("headrace up"));
}

#[test]
fn lists_follow_their_pages() {
    let (url, thread) = server(vec![
        (200, r#"{"items":[1,2],"next_page_token":"t&2"}"#),
        (200, r#"{"items":[3],"next_page_token":null}"#),
    ]);
    let all = run(api(&url).list(&["clusters"], &[("page_size", "2")], "listing")).expect("list");
    assert_eq!(all, serde_json::json!({"items": [1, 2, 3]}));
    let requests = thread.join().expect("server");
    assert!(requests[1].starts_with("GET /v1/clusters?page_size=2&page_token=t%262 "), "{}", requests[1]);
}

#[test]
fn watching_survives_a_stream_that_breaks_off() {
    let (url, thread) = server(vec![
        (200, "event: operation\ndata: {\"state\":\"running\"}\n\nevent: operation\ndata: {\"sta"),
        (200, "{\"state\":\"running\"}"),
        (200, "data: {\"state\":\"succeeded\",\"id\":\"o\"}\n\n"),
    ]);
    let mut seen = Vec::new();
    let deadline = crate::clock::now() + Duration::from_secs(20);
    let ended = run(watch::operation(&api(&url), "o", deadline, |operation| {
        seen.push(operation["state"].clone());
        Ok(())
    }));
    assert_eq!(ended.expect("ended")["id"], "o");
    assert_eq!(seen, ["running", "running", "succeeded"]);
    thread.join().expect("server");
}

#[test]
fn a_name_that_a_url_would_drop_is_refused() {
    for name in ["", ".", ".."] {
        let failure =
            run(api("http://127.0.0.1:1").send(Request::get(&["clusters", name], "x"))).expect_err(name);
        assert_eq!(failure.kind, Kind::Usage);
    }
}

#[test]
fn the_admin_key_goes_only_to_its_own_server() {
    let temp = tempfile::tempdir().expect("tempdir");
    let dir = DataDir::resolve(Some(temp.path())).expect("dir");
    std::fs::write(dir.admin_key(), "k\n").expect("key");
    std::fs::write(dir.endpoint(), "http://127.0.0.1:8080\n").expect("endpoint");
    assert_eq!(local_key(&dir, "http://127.0.0.1:8080/", false).expect("key").as_deref(), Some("k"));
    assert_eq!(local_key(&dir, "http://example.com", false).expect("none"), None);
}
