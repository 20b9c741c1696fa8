//! The binary as a script sees it: exit codes, data on stdout, everything else on stderr.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

/// A command without anything of this machine's own settings.
fn headrace(arguments: &[&str], data_dir: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headrace"));
    command.args(arguments).env_clear().env("HEADRACE_DATA_DIR", data_dir).stdin(Stdio::null());
    command
}

/// Answers one request with a status and a body.
fn answering(status: u16, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("accept");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).expect("read") == 1 {
            head.push(byte[0]);
        }
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        socket.write_all(answer.as_bytes()).expect("write");
    });
    url
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(arguments: &[&str]) -> Output {
    let temp = tempfile::tempdir().expect("tempdir");
    headrace(arguments, &temp.path().to_string_lossy()).output().expect("run")
}

#[test]
fn each_way_to_fail_has_its_code_and_leaves_stdout_empty() {
    for (status, body, code, said) in [
        (
            404,
            r#"{"title":"Not found","code":"cluster_not_found","detail":"no cluster x"}"#,
            3,
            "no cluster x",
        ),
        (401, r#"{"title":"Unauthorized","code":"unauthorized"}"#, 4, "--api-key"),
        (409, r#"{"title":"Conflict","code":"deletion_protected"}"#, 6, "--deletion-protection false"),
        (422, r#"{"detail":"not valid","errors":[{"field":"name","message":"is bad"}]}"#, 8, "name: is bad"),
        (500, "", 1, "its log"),
    ] {
        let url = answering(status, body);
        let output = run(&["cluster", "get", "x", "--server", &url]);
        assert_eq!(output.status.code(), Some(code), "{status}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
        assert!(text(&output.stderr).contains(said), "{status}: {}", text(&output.stderr));
    }
}

#[test]
fn nothing_to_talk_to_is_code_7() {
    let output = run(&["cluster", "list"]);
    assert_eq!(output.status.code(), Some(7));
    assert!(text(&output.stderr).contains("headrace up"), "{}", text(&output.stderr));
}

#[test]
fn a_wrong_command_line_is_code_2() {
    for arguments in
        [&["cluster", "get"][..], &["no-such"], &["up", "--kafka-ports", "9"], &["agent", "--config", "/no"]]
    {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn json_goes_to_stdout_as_the_server_said_it() {
    let url = answering(200, r#"{"name":"x","new_field":1}"#);
    let output = run(&["cluster", "get", "x", "--server", &url, "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "{\n  \"name\": \"x\",\n  \"new_field\": 1\n}\n");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let temp = tempfile::tempdir().expect("tempdir");
    let mut child = headrace(&["completion", "bash"], &temp.path().to_string_lossy())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("wait");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn down_has_nothing_to_do_when_nothing_runs() {
    for _ in 0..2 {
        let output = run(&["down"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}
