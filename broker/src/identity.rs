//! Which cluster this broker belongs to: what the configuration says, else what its directories say, else a new one.

use std::io;
use std::path::Path;

use headrace_disk::{Disk, read_small};
use headrace_protocol::Uuid;

use crate::config::Config;

/// The file in each log directory that says whose it is, as in Kafka.
const META_PROPERTIES: &str = "meta.properties";
/// The most of it that is read, in bytes.
const META_PROPERTIES_BYTES_MAX: u64 = 64 * 1024;

pub(crate) fn cluster_id(disk: &dyn Disk, config: &Config) -> io::Result<String> {
    if !config.cluster_id.is_empty() {
        return Ok(config.cluster_id.clone());
    }
    let mut unreadable = None;
    for dir in &config.log_dirs {
        let path = Path::new(dir).join(META_PROPERTIES);
        let text = match read_small(disk, &path, META_PROPERTIES_BYTES_MAX) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => {
                // Another directory may say, if this one's disk has failed.
                unreadable = unreadable.or(Some(error));
                continue;
            }
        };
        let text = String::from_utf8_lossy(&text);
        let found = text.lines().find_map(|line| line.strip_prefix("cluster.id="));
        if let Some(id) = found.map(str::trim).filter(|id| !id.is_empty()) {
            return Ok(id.to_owned());
        }
    }
    if let Some(error) = unreadable {
        return Err(error);
    }
    Ok(Uuid::from_random(rand::random()).to_string())
}
