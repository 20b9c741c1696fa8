//! Apache Kafka in KRaft mode, one node, with the heap and JVM settings of its own start script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Peer, Ports};

pub(crate) struct ApacheKafka {
    pub(crate) lib: PathBuf,
}

impl ApacheKafka {
    fn java(&self, main: &str) -> Command {
        let mut c = Command::new("java");
        c.arg("-cp").arg(format!("{}/*", self.lib.display()));
        // What bin/kafka-server-start.sh and kafka-run-class.sh set.
        c.args([
            "-Xmx1G",
            "-Xms1G",
            "-server",
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            "-XX:InitiatingHeapOccupancyPercent=35",
        ]);
        c.args(["-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true", "-Dlog4j2.level=WARN"]);
        c.arg(main);
        c
    }
}

impl Peer for ApacheKafka {
    fn name(&self) -> &'static str {
        "Apache Kafka"
    }

    fn description(&self) -> Result<String> {
        let jar = fs::read_dir(&self.lib)
            .with_context(|| format!("read {}", self.lib.display()))?
            .filter_map(|e| e.ok()?.file_name().into_string().ok())
            .find(|n| n.starts_with("kafka_2.13-"))
            .with_context(|| format!("no kafka_2.13 jar in {}", self.lib.display()))?;
        let java = Command::new("java").arg("-version").output().context("run java -version")?;
        let java = String::from_utf8_lossy(&java.stderr).lines().next().unwrap_or("").to_owned();
        Ok(format!("{}, KRaft, combined broker and controller, -Xmx1G, {java}", jar.trim_end_matches(".jar")))
    }

    fn prepare(&self, dir: &Path, id: usize, nodes: &[Ports]) -> Result<Command> {
        let ports = nodes[id - 1];
        let file = dir.join("server.properties");
        fs::write(
            &file,
            format!(
                "process.roles=broker,controller\nnode.id={id}\nlisteners=PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{controller}\n\
                 advertised.listeners=PLAINTEXT://127.0.0.1:{kafka}\ncontroller.listener.names=CONTROLLER\n\
                 listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\ncontroller.quorum.voters={voters}\n\
                 log.dirs={data}\noffsets.topic.replication.factor={replicas}\n",
                kafka = ports.kafka,
                controller = ports.internal,
                data = dir.join("data").display(),
                voters = super::voters(nodes),
                replicas = nodes.len(),
            ),
        )?;
        let format = self
            .java("kafka.tools.StorageTool")
            .args(["format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c"])
            .arg(&file)
            .output()?;
        ensure!(format.status.success(), "format: {}", String::from_utf8_lossy(&format.stderr));
        let mut start = self.java("kafka.Kafka");
        start.arg(file);
        Ok(start)
    }
}
