//! DescribeLogDirs (35), versions 1–5: what lies in each log directory. 4 adds the size of the volume (KIP-827), 5 whether it is cordoned.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use headrace_log::TopicPartition;
use headrace_protocol::ErrorCode;
use headrace_protocol::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult,
    DescribeLogDirsTopic,
};

use super::Context;

pub(super) async fn handle(cx: &Context, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let asked: Option<BTreeSet<(String, i32)>> = request.topics.map(|topics| {
        topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic.to_string(), *partition)))
            .collect()
    });
    let replicas = &cx.broker.replicas;
    let mut by_dir: BTreeMap<PathBuf, BTreeMap<String, Vec<DescribeLogDirsPartition>>> = BTreeMap::new();
    for info in replicas.dirs().dirs() {
        by_dir.entry(info.path).or_default();
    }
    for partition in replicas.partitions() {
        let id = (partition.topic().to_string(), partition.index());
        if asked.as_ref().is_some_and(|asked| !asked.contains(&id)) {
            continue;
        }
        let Some(dir) = replicas.dirs().dir_of(&TopicPartition::new(id.0.as_str(), id.1)) else { continue };
        // The log may answer with the directory of the partition or the one above it.
        let dir =
            if by_dir.contains_key(&dir) { dir } else { dir.parent().map(PathBuf::from).unwrap_or(dir) };
        by_dir.entry(dir).or_default().entry(id.0).or_default().push(DescribeLogDirsPartition {
            partition_index: id.1,
            partition_size: i64::try_from(partition.size_bytes()).unwrap_or(i64::MAX),
            offset_lag: 0,
            is_future_key: false,
        });
    }
    for future in replicas.dirs().futures() {
        let id = (future.partition.topic.to_string(), future.partition.partition);
        if asked.as_ref().is_none_or(|asked| asked.contains(&id)) {
            by_dir.entry(future.dir).or_default().entry(id.0).or_default().push(DescribeLogDirsPartition {
                partition_index: id.1,
                partition_size: i64::try_from(future.size_bytes).unwrap_or(i64::MAX),
                offset_lag: future.lag,
                is_future_key: true,
            });
        }
    }
    let failed = replicas.dirs().failed_dirs().into_iter().map(|dir| DescribeLogDirsResult {
        error_code: ErrorCode::KAFKA_STORAGE_ERROR,
        log_dir: absolute(&dir.path).into(),
        total_bytes: -1,
        usable_bytes: -1,
        ..DescribeLogDirsResult::default()
    });
    let results = by_dir
        .into_iter()
        .map(|(dir, topics)| {
            let (total_bytes, usable_bytes) = volume(&dir);
            DescribeLogDirsResult {
                log_dir: absolute(&dir).into(),
                total_bytes,
                usable_bytes,
                topics: topics
                    .into_iter()
                    .map(|(name, partitions)| DescribeLogDirsTopic { name: name.into(), partitions })
                    .collect(),
                ..DescribeLogDirsResult::default()
            }
        })
        .chain(failed)
        .collect();
    DescribeLogDirsResponse { results, ..DescribeLogDirsResponse::default() }
}

fn absolute(dir: &std::path::Path) -> String {
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).to_string_lossy().into_owned()
}

/// Size and free space of the volume in bytes; -1 if the system does not say.
fn volume(dir: &std::path::Path) -> (i64, i64) {
    let bytes = |blocks: u64, size: u64| i64::try_from(blocks.saturating_mul(size)).unwrap_or(i64::MAX);
    rustix::fs::statvfs(dir)
        .map_or((-1, -1), |stat| (bytes(stat.f_blocks, stat.f_frsize), bytes(stat.f_bavail, stat.f_frsize)))
}
