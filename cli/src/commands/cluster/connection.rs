//! `headrace cluster connection`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::api::{Remote, Request};
use crate::failure::Failure;
use crate::output::{Table, items, print, safe_lines, show, text};
use crate::runtime::one_thread;

/// Show what clients are configured with
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster connection orders
  headrace cluster connection orders --client java > client.properties
  headrace cluster connection orders --client kcat --listener external")]
pub(crate) struct Connection {
    /// Name or id
    cluster: String,
    /// Print this client's settings alone, to paste or to redirect
    #[arg(long, value_name = "CLIENT", value_enum)]
    client: Option<Client>,
    /// By which way
    #[arg(long, value_name = "NAME", default_value = "internal", requires = "client")]
    listener: String,
    #[command(flatten)]
    remote: Remote,
}

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Client {
    /// Apache Kafka's Java client and tools
    Java,
    /// librdkafka and what is made of it
    Librdkafka,
    /// franz-go
    FranzGo,
    /// Spring Boot
    Spring,
    /// kcat
    Kcat,
}

impl Client {
    const fn key(self) -> &'static str {
        match self {
            Self::Java => "java",
            Self::Librdkafka => "librdkafka",
            Self::FranzGo => "franz_go",
            Self::Spring => "spring",
            Self::Kcat => "kcat",
        }
    }
}

impl Connection {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let doing = format!("reading how clients reach cluster {}", self.cluster);
            let path = ["clusters", self.cluster.as_str(), "connection"];
            let answer = self.remote.api()?.send(Request::get(&path, doing)).await?;
            let Some(client) = self.client else { return show(self.remote.output, &answer, ways) };
            let ways = items(&answer["listeners"]);
            let Some(way) = ways.iter().find(|way| way["name"] == *self.listener) else {
                let names: Vec<String> = ways.iter().map(|way| text(way, "/name")).collect();
                let names = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
                return Err(Failure::usage(format!(
                    "cluster {} has no listener {:?} that is ready",
                    self.cluster, self.listener
                ))
                .hint(format!("choose another with --listener: {names}")));
            };
            let settings = way["properties"][client.key()].as_str().unwrap_or_default();
            print(&format!("{}\n", safe_lines(settings.trim_end())))
        })
    }
}

fn ways(connection: &Value) -> Table {
    let mut table = Table::new(&["LISTENER", "TYPE", "BOOTSTRAP SERVERS", "SECURITY", "FOR"])
        .when_empty("the cluster's addresses are not known yet");
    for way in items(&connection["listeners"]) {
        let cells = ["/name", "/type", "/bootstrap_servers", "/security_protocol", "/reach"];
        table.row(cells.map(|pointer| text(way, pointer)));
    }
    table
}
