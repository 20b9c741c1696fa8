//! Stops everything that runs under a data folder, for `headrace up` on its way out. Needs no database.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::{Supervised, unblock};
use super::{config, nodes_on_disk};

/// Stops every agent and broker under `data_dir/clusters`: all are asked at once, and killed after the grace. Returns
/// how many ran. Call it when no control plane works on that folder, or they are started again.
///
/// # Errors
/// When a folder cannot be read, or a process does not end.
pub async fn stop_all(data_dir: &Path, grace: Duration) -> io::Result<usize> {
    let clusters = data_dir.join("clusters");
    let running = unblock(move || running(&clusters)).await?;
    let mut stopping = tokio::task::JoinSet::new();
    let count = running.len();
    for process in running {
        stopping.spawn(async move { process.stop(grace).await });
    }
    let mut result = Ok(count);
    while let Some(stopped) = stopping.join_next().await {
        if let Err(error) = stopped.map_err(io::Error::other).flatten() {
            result = Err(error);
        }
    }
    result
}

fn running(clusters: &Path) -> io::Result<Vec<Supervised>> {
    let entries = match std::fs::read_dir(clusters) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut running = Vec::new();
    for cluster in entries {
        let cluster = cluster?.path();
        for node in nodes_on_disk(&cluster)? {
            let dir = cluster.join(format!("broker-{node}"));
            for (command, config) in [("agent", config::AGENT_FILE), ("broker", config::BROKER_FILE)] {
                let process = Supervised { program: PathBuf::new(), command, dir: dir.clone(), config };
                if process.find()?.is_some() {
                    running.push(process);
                }
            }
        }
    }
    Ok(running)
}
