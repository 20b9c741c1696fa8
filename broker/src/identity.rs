//! Which cluster this broker belongs to: what the configuration says, else what its directories say, else a new one.

use std::io;
use std::path::Path;

use headrace_protocol::Uuid;

use crate::config::Config;

/// The file in each log directory that says whose it is, as in Kafka.
const META_PROPERTIES: &str = "meta.properties";

pub(crate) fn cluster_id(config: &Config) -> io::Result<String> {
    if !config.cluster_id.is_empty() {
        return Ok(config.cluster_id.clone());
    }
    let mut unreadable = None;
    for dir in &config.log_dirs {
        match std::fs::read_to_string(Path::new(dir).join(META_PROPERTIES)) {
            Ok(text) => {
                let found = text.lines().find_map(|line| line.strip_prefix("cluster.id="));
                if let Some(id) = found.map(str::trim).filter(|id| !id.is_empty()) {
                    return Ok(id.to_owned());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Another directory may say, if this one's disk has failed.
            Err(error) => unreadable = unreadable.or(Some(error)),
        }
    }
    if let Some(error) = unreadable {
        return Err(error);
    }
    Ok(Uuid::from_random(rand::random()).to_string())
}
