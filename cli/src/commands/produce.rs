//! `headrace produce`: lines of stdin become records.

use std::io::{BufRead, Read};
use std::time::Duration;

use clap::{Args, ValueEnum};
use headrace_client::{Acks, Compression, Producer, ProducerOptions, Record};
use tokio::sync::mpsc;

use crate::api::Remote;
use crate::failure::Failure;
use crate::kafka::{Target, failure};
use crate::output::say;
use crate::runtime::one_thread;

/// Lines read ahead of what was sent.
const LINES_AHEAD_MAX: usize = 4_096;
/// Records in one send, which is one batch per partition.
const RECORDS_PER_SEND_MAX: usize = 4_096;
/// Bytes in one send.
const BYTES_PER_SEND_MAX: usize = 4 * 1024 * 1024;
/// A longer line is more than any topic takes.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long one send waits for more lines when there are none at once.
const LINGER: Duration = Duration::from_millis(5);

/// When a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AcksArg {
    /// When all in-sync replicas have it
    All,
    /// When the leader has it
    #[value(name = "1")]
    Leader,
}

/// How records are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CompressionArg {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Write each line of stdin as a record
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  echo 'hello' | headrace produce --cluster orders --topic payments
  printf 'k1:v1\\nk2:v2\\n' | headrace produce --topic payments --key-separator : --compression zstd
  headrace produce --bootstrap-server 127.0.0.1:9092 --topic payments < records.txt")]
pub(crate) struct Produce {
    /// Topic to write to
    #[arg(short, long, value_name = "TOPIC")]
    topic: String,
    /// What separates the key from the value in a line [default: the whole line is the value]
    #[arg(long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// Always this partition [default: by the key]
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// When a record counts as written
    #[arg(long, value_name = "ACKS", default_value = "all")]
    acks: AcksArg,
    /// How to compress
    #[arg(long, value_name = "CODEC", default_value = "none")]
    compression: CompressionArg,
    /// Don't say how many were written
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    remote: Remote,
}

impl Produce {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(self.produce())
    }

    async fn produce(self) -> Result<(), Failure> {
        let client = self.target.connect(&self.remote).await?;
        let acks = match self.acks {
            AcksArg::All => Acks::All,
            AcksArg::Leader => Acks::Leader,
        };
        let compression = match self.compression {
            CompressionArg::None => Compression::None,
            CompressionArg::Gzip => Compression::Gzip,
            CompressionArg::Snappy => Compression::Snappy,
            CompressionArg::Lz4 => Compression::Lz4,
            CompressionArg::Zstd => Compression::Zstd,
        };
        let producer = client.producer(ProducerOptions { acks, compression, ..ProducerOptions::default() });
        let mut lines = stdin_lines();
        let mut written = 0_usize;
        let result = self.send_all(&producer, &mut lines, &mut written).await;
        if !self.quiet || result.is_err() {
            say(&format!("{written} record(s) written to {}", crate::output::safe(&self.topic)));
        }
        result
    }

    async fn send_all(
        &self,
        producer: &Producer,
        lines: &mut mpsc::Receiver<std::io::Result<Vec<u8>>>,
        written: &mut usize,
    ) -> Result<(), Failure> {
        let target = match self.partition {
            Some(partition) => headrace_client::Target::Partition(partition),
            None => headrace_client::Target::ByKey,
        };
        while let Some(first) = lines.recv().await {
            let mut records = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(line) = next {
                let line = line.map_err(|error| Failure::doing("reading stdin", error))?;
                bytes += line.len();
                records.push(self.record(&line)?);
                let full = records.len() >= RECORDS_PER_SEND_MAX || bytes >= BYTES_PER_SEND_MAX;
                next =
                    if full { None } else { tokio::time::timeout(LINGER, lines.recv()).await.ok().flatten() };
            }
            let count = records.len();
            let doing = || format!("writing to topic {}", self.topic);
            producer.send(&self.topic, target, records).await.map_err(|error| failure(&doing(), &error))?;
            *written += count;
        }
        Ok(())
    }

    fn record(&self, line: &[u8]) -> Result<Record, Failure> {
        let Some(separator) = self.key_separator.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(Record::new(line));
        };
        match split(line, separator.as_bytes()) {
            Some((key, value)) => Ok(Record::new(value).key(key)),
            None => Err(Failure::failed(format!("a line has no {separator:?} between key and value"))
                .detail(String::from_utf8_lossy(&line[..line.len().min(200)]))),
        }
    }
}

/// What is before and after the first separator.
fn split<'a>(line: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = line.windows(separator.len()).position(|window| window == separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

/// Lines of stdin from a thread of its own: reading a terminal blocks for as long as nobody types.
fn stdin_lines() -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD_MAX);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        while let Some(line) = next_line(&mut stdin).transpose() {
            let ended = line.is_err();
            if sender.blocking_send(line).is_err() || ended {
                break;
            }
        }
    });
    receiver
}

/// The next line without its end; `None` at the end of the input.
fn next_line(input: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 >= LINE_BYTES_MAX && line.last() != Some(&b'\n') {
        return Err(std::io::Error::other(format!("a line is longer than {LINE_BYTES_MAX} bytes")));
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_they_end() {
        let mut input: &[u8] = b"a\r\n\nlast";
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).expect("memory") {
            lines.push(line);
        }
        assert_eq!(lines, [b"a".to_vec(), b"".to_vec(), b"last".to_vec()]);
    }

    #[test]
    fn the_first_separator_splits() {
        assert_eq!(split(b"k::v::w", b"::"), Some((&b"k"[..], &b"v::w"[..])));
        assert_eq!(split(b":v", b":"), Some((&b""[..], &b"v"[..])));
        assert_eq!(split(b"k", b":"), None);
    }
}
