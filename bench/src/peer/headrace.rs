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

    fn prepare(&self, dir: &Path, id: usize, nodes: &[Ports]) -> Result<Command> {
        let file = dir.join("broker.properties");
        let own = nodes[id - 1];
        let mut text = format!(
            "node.id={id}\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\nlisteners=PLAINTEXT://127.0.0.1:{},INTERNAL://127.0.0.1:{}\n\
             headrace.admin.listener=127.0.0.1:{}\nlog.dirs={}\n",
            own.kafka,
            own.internal,
            own.admin,
            dir.join("data").display()
        );
        if nodes.len() > 1 {
            let voters = super::voters(nodes);
            text += &format!("inter.broker.listener.name=INTERNAL\ncontroller.quorum.voters={voters}\n");
        }
        fs::write(&file, text)?;
        let mut start = Command::new(&self.binary);
        start.arg("broker").arg("--config").arg(file);
        Ok(start)
    }
}
