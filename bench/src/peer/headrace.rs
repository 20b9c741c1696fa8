//! Headrace: the broker of the binary, one node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Peer, Ports};

pub(crate) struct Headrace {
    pub(crate) binary: PathBuf,
}

impl Peer for Headrace {
    fn name(&self) -> &'static str {
        "Headrace"
    }

    fn description(&self) -> Result<String> {
        let out = Command::new(&self.binary)
            .arg("--version")
            .output()
            .with_context(|| format!("run {}", self.binary.display()))?;
        Ok(format!("{}, release build", String::from_utf8_lossy(&out.stdout).trim()))
    }

    fn prepare(&self, dir: &Path, ports: Ports) -> Result<Command> {
        let file = dir.join("broker.properties");
        fs::write(
            &file,
            format!(
                "node.id=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\nlisteners=PLAINTEXT://127.0.0.1:{},INTERNAL://127.0.0.1:{}\n\
                 headrace.admin.listener=127.0.0.1:{}\nlog.dirs={}\n",
                ports.kafka,
                ports.internal,
                ports.admin,
                dir.join("data").display()
            ),
        )?;
        let mut start = Command::new(&self.binary);
        start.arg("broker").arg("--config").arg(file);
        Ok(start)
    }
}
