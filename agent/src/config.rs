//! The agent's configuration: a JSON file that the provisioner writes beside the broker's own.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A configuration file larger than this is refused unread.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// As many control-plane addresses as anyone has replicas of it.
const CONTROL_PLANES_MAX: usize = 32;

/// What is wrong with the configuration, and with which file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("reading the agent's configuration {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the agent's configuration {path} is not valid: {source}")]
    Parse { path: PathBuf, source: serde_json::Error },
    #[error("the agent's configuration {path} is not valid: {field}: {problem}")]
    Field { path: PathBuf, field: &'static str, problem: String },
}

/// Which broker to watch and whom to tell. Unknown fields are refused, so that a typing error does not pass silently.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The control plane's id of the cluster.
    pub cluster_id: String,
    /// The broker's `node.id`.
    pub node_id: i32,
    /// Base URL of the broker's admin port (`/readyz`, `/metrics`). None for an engine that has none.
    #[serde(default)]
    pub broker_admin: Option<String>,
    /// `host:port` of the broker's internal Kafka listener.
    pub bootstrap: String,
    /// Base URLs of the control plane, tried in turn.
    pub control_plane: Vec<String>,
    /// A file of one line with an API key of the role `agent`.
    pub api_key_file: PathBuf,
    /// Where `agent.pid` is kept.
    pub state_dir: PathBuf,
    /// A file whose first line is the broker's process id.
    #[serde(default)]
    pub broker_pid_file: Option<PathBuf>,
    /// Log directories to measure when the broker does not say them itself.
    #[serde(default)]
    pub log_dirs: Vec<PathBuf>,
}

impl Config {
    /// Reads and checks FILE. Relative paths in it are taken from its own folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(read)?.len();
        if size > CONFIG_BYTES_MAX {
            return Err(ConfigError::Field {
                path: path.to_owned(),
                field: "(file)",
                problem: format!(
                    "{size} bytes are more than the {CONFIG_BYTES_MAX} a configuration may have"
                ),
            });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let mut config: Self = serde_json::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        config.resolve(folder);
        config.check().map_err(|(field, problem)| ConfigError::Field {
            path: path.to_owned(),
            field,
            problem,
        })?;
        Ok(config)
    }

    fn resolve(&mut self, folder: &Path) {
        self.api_key_file = folder.join(&self.api_key_file);
        self.state_dir = folder.join(&self.state_dir);
        self.broker_pid_file = self.broker_pid_file.take().map(|file| folder.join(file));
        for dir in &mut self.log_dirs {
            *dir = folder.join(&*dir);
        }
        for url in self.control_plane.iter_mut().chain(self.broker_admin.iter_mut()) {
            url.truncate(url.trim_end_matches('/').len());
        }
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.cluster_id.is_empty() {
            return Err(("cluster_id", "must not be empty".into()));
        }
        if self.node_id < 0 {
            return Err(("node_id", format!("{} is not a broker id: must be 0 or more", self.node_id)));
        }
        if self.control_plane.is_empty() || self.control_plane.len() > CONTROL_PLANES_MAX {
            return Err(("control_plane", format!("needs 1 to {CONTROL_PLANES_MAX} URLs")));
        }
        let port_ok = self
            .bootstrap
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
        if !port_ok {
            return Err(("bootstrap", format!("{:?} is not host:port", self.bootstrap)));
        }
        let urls = self.control_plane.iter().map(|url| ("control_plane", url));
        for (field, url) in urls.chain(self.broker_admin.iter().map(|url| ("broker_admin", url))) {
            let parsed = reqwest::Url::parse(url).map_err(|error| (field, format!("{url:?}: {error}")))?;
            if !matches!(parsed.scheme(), "http" | "https") {
                return Err((field, format!("{url:?} is not an http:// or https:// URL")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().expect("tempdir");
        let file = dir.path().join("agent.json");
        std::fs::write(&file, text).expect("write");
        Config::load(&file)
    }

    const GOOD: &str = r#"{"cluster_id":"c1","node_id":1,"broker_admin":"http://127.0.0.1:9644/",
        "bootstrap":"127.0.0.1:9093","control_plane":["http://127.0.0.1:8080/"],
        "api_key_file":"agent-key","state_dir":".","broker_pid_file":"/run/b.pid"}"#;

    #[test]
    fn relative_paths_start_at_the_file() {
        let config = load(GOOD).expect("good");
        assert!(config.api_key_file.is_absolute() && config.api_key_file.ends_with("agent-key"));
        assert_eq!(config.broker_pid_file.as_deref(), Some(Path::new("/run/b.pid")));
        assert_eq!(config.control_plane, ["http://127.0.0.1:8080"]);
        assert_eq!(config.broker_admin.as_deref(), Some("http://127.0.0.1:9644"));
    }

    #[test]
    fn each_bad_field_is_named() {
        for (from, to, field) in [
            ("\"cluster_id\":\"c1\"", "\"cluster_id\":\"\"", "cluster_id"),
            ("\"node_id\":1", "\"node_id\":-1", "node_id"),
            ("127.0.0.1:9093", "127.0.0.1", "bootstrap"),
            ("http://127.0.0.1:8080/", "ftp://x", "control_plane"),
            ("[\"http://127.0.0.1:8080/\"]", "[]", "control_plane"),
            ("\"node_id\"", "\"nodeid\"", "nodeid"),
        ] {
            let error = load(&GOOD.replace(from, to)).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
