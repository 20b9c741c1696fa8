//! `headrace consume`: records of a topic go to stdout.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use headrace_client::{ConsumedRecord, FetchOptions, Start};
use serde_json::{Value, json};

use crate::api::Remote;
use crate::clock;
use crate::commands::duration;
use crate::failure::Failure;
use crate::kafka::{Target, failure};
use crate::output::{Format, safe};
use crate::runtime::one_thread;

/// Print the records of a topic, one a line
///
/// It reads by offset and keeps none: there is no group to join and nothing is committed. Without `--max-messages` or
/// `--timeout` it goes on until Ctrl-C. With `-o json` each record is one line of JSON with its partition, offset,
/// timestamp, key, value and headers.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace consume --cluster orders --topic payments --from-beginning
  headrace consume --topic payments --from-beginning --max-messages 10 --print-key
  headrace consume --topic payments --from-beginning --timeout 2s -o json | jq -r .value")]
pub(crate) struct Consume {
    /// Topic to read
    #[arg(short, long, value_name = "TOPIC")]
    topic: String,
    /// From the first record that is kept [default: only what comes from now on]
    #[arg(long)]
    from_beginning: bool,
    /// From this offset
    #[arg(long, value_name = "OFFSET", requires = "partition", conflicts_with = "from_beginning")]
    offset: Option<i64>,
    /// Only this partition
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// End after so many records
    #[arg(short = 'n', long, value_name = "N")]
    max_messages: Option<u64>,
    /// End when nothing came for so long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// Print the key before the value
    #[arg(long)]
    print_key: bool,
    /// What is printed between key and value
    #[arg(long, value_name = "TEXT", default_value = "\t")]
    key_separator: String,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    remote: Remote,
}

impl Consume {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.max_messages == Some(0) {
            return Ok(());
        }
        one_thread(self.consume())
    }

    async fn consume(self) -> Result<(), Failure> {
        let doing = format!("reading topic {}", self.topic);
        let client = self.target.connect(&self.remote).await?;
        let start = match (self.offset, self.partition) {
            (Some(offset), Some(partition)) => Start::Offsets(BTreeMap::from([(partition, offset)])),
            _ if self.from_beginning => Start::Earliest,
            _ => Start::Latest,
        };
        let options = FetchOptions::default();
        let mut consumer =
            client.consumer(&self.topic, start, options).await.map_err(|error| failure(&doing, &error))?;
        if let (None, Some(partition)) = (self.offset, self.partition) {
            // The same start, but of one partition only.
            let Some(offset) = consumer.positions().get(&partition).copied() else {
                return Err(Failure::new(
                    crate::failure::Kind::NotFound,
                    format!("{doing}: it has no partition {partition}"),
                ));
            };
            let only = Start::Offsets(BTreeMap::from([(partition, offset)]));
            consumer =
                client.consumer(&self.topic, only, options).await.map_err(|error| failure(&doing, &error))?;
        }
        let terminal = std::io::stdout().is_terminal();
        let mut left = self.max_messages.unwrap_or(u64::MAX);
        let mut last = clock::now();
        while left > 0 {
            let records = consumer.poll().await.map_err(|error| failure(&doing, &error))?;
            if records.is_empty() {
                if self.timeout.is_some_and(|timeout| last.elapsed() >= timeout) {
                    break;
                }
                continue;
            }
            last = clock::now();
            let mut out = Vec::new();
            for record in records.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                self.write(record, terminal, &mut out);
                left -= 1;
            }
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(&out).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
                std::io::ErrorKind::BrokenPipe => Failure::broken_pipe(),
                _ => Failure::doing("writing to stdout", error),
            })?;
        }
        Ok(())
    }

    /// One record as a line. Its bytes go out as they are, but not to a terminal that would act on them.
    fn write(&self, record: &ConsumedRecord, terminal: bool, out: &mut Vec<u8>) {
        let mut put = |bytes: &[u8]| {
            if terminal {
                out.extend_from_slice(safe(&String::from_utf8_lossy(bytes)).as_bytes());
            } else {
                out.extend_from_slice(bytes);
            }
        };
        match self.remote.output {
            Format::Json => out.extend_from_slice(json(record).to_string().as_bytes()),
            Format::Yaml => {
                out.extend_from_slice(b"---\n");
                let yaml = serde_norway::to_string(&json(record)).unwrap_or_default();
                out.extend_from_slice(yaml.trim_end().as_bytes());
            }
            Format::Table => {
                if self.print_key {
                    put(record.key.as_deref().unwrap_or(b"null"));
                    put(self.key_separator.as_bytes());
                }
                put(record.value.as_deref().unwrap_or(b"null"));
            }
        }
        out.push(b'\n');
    }
}

fn json(record: &ConsumedRecord) -> Value {
    let text = |bytes: &Option<bytes::Bytes>| {
        bytes.as_ref().map_or(Value::Null, |bytes| String::from_utf8_lossy(bytes).into_owned().into())
    };
    let headers: Vec<Value> =
        record.headers.iter().map(|(name, value)| json!({ "name": &**name, "value": text(value) })).collect();
    json!({
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": text(&record.key),
        "value": text(&record.value),
        "headers": headers,
    })
}
