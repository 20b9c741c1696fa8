//! Asks the program that brokers run about a configuration, without starting one.

use std::io;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{ConfigProblem, Error};

/// The program reads a page of text and ends.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Its exit code for a configuration that is wrong.
const EXIT_WRONG: i32 = 2;

/// What `PROGRAM broker --check` says of these properties.
pub(super) async fn run(program: &Path, properties: &str) -> Result<Vec<ConfigProblem>, Error> {
    let doing = || Error::io(format!("asking {} about a configuration", program.display()));
    let output = tokio::time::timeout(ANSWER_WAIT, ask(program, properties))
        .await
        .map_err(|_| doing()(io::ErrorKind::TimedOut.into()))?
        .map_err(doing())?;
    match output.status.code() {
        Some(0) => Ok(Vec::new()),
        // An exit with nothing said is a program that does not know the question.
        Some(EXIT_WRONG) if !output.stdout.is_empty() => {
            Ok(String::from_utf8_lossy(&output.stdout).lines().map(problem).collect())
        }
        _ => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(doing()(io::Error::other(format!("it ended with {}: {said}", output.status))))
        }
    }
}

async fn ask(program: &Path, properties: &str) -> io::Result<Output> {
    let mut child = Command::new(program)
        .args(["broker", "--check", "--config", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(properties.as_bytes()).await {
            // It ended without reading: how it ended says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    child.wait_with_output().await
}

/// A line of the form `key: what is wrong`.
fn problem(line: &str) -> ConfigProblem {
    let (key, message) = line.split_once(": ").unwrap_or(("", line));
    ConfigProblem { key: key.to_owned(), message: message.to_owned() }
}
