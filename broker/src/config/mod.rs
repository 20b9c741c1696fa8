//! The broker's configuration: read once at start, checked whole, answered with one error that names every bad key.

mod keys;
mod listener;
mod quorum;
mod sources;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use keys::{Config, KEYS, KeyDefinition};
pub use listener::{ListenerAddress, ListenerConfig};
pub use quorum::{Joining, QuorumVoter};
pub use value::{ConfigKind, Source};

use headrace_state::metadata::configs::{broker_config, validate_value};
use sources::RawConfig;
use value::Values;

/// Keys that Kafka does not have begin with this.
const OURS: &str = "headrace.";

/// Why the broker cannot start with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}; check the path given with --config")]
    Unreadable {
        /// As it was given.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// One line for every key that is wrong.
    #[error("the configuration has {} problem(s):\n  - {}", .0.len(), .0.join("\n  - "))]
    Invalid(Vec<String>),
}

/// What [`crate::run`] needs: the configuration, checked.
#[derive(Debug, Clone)]
pub struct Options {
    /// Every key with its value.
    pub config: Config,
    /// Where to listen, and what to advertise.
    pub listeners: Vec<ListenerConfig>,
    /// Which metadata quorum it begins or joins.
    pub joining: Joining,
    /// Where the admin HTTP listens, if anywhere.
    pub admin: Option<ListenerAddress>,
    /// Kafka's keys that were given, are checked and shown, and change nothing in this broker.
    pub unused: Vec<(String, String)>,
    /// Keys that were given and mean nothing to this broker; Kafka ignores them with a warning, and so does this.
    pub unknown_keys: Vec<String>,
}

impl Options {
    /// Reads the file (if one is given), then the process's environment, then `overrides` (`key=value` each).
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Self, ConfigError> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?,
            None => String::new(),
        };
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::from_parts(&text, env, overrides)
    }

    /// The same from what was already read.
    pub fn from_parts(
        properties: &str,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: &[String],
    ) -> Result<Self, ConfigError> {
        let env: BTreeMap<String, String> = env.into_iter().collect();
        let mut raw = RawConfig::default();
        raw.add_properties(properties);
        raw.resolve(|name| env.get(name).cloned());
        raw.add_env(env);
        raw.add_overrides(overrides);
        let (options, problems) = Self::read(raw);
        if problems.is_empty() { Ok(options) } else { Err(ConfigError::Invalid(problems)) }
    }

    /// What was written, with defaults in place of what is wrong, and all that is wrong.
    fn read(mut raw: RawConfig) -> (Self, Vec<String>) {
        if let Some(dir) = raw.values.remove("log.dir") {
            raw.values.entry("log.dirs".to_owned()).or_insert(dir);
        }
        let mut values = Values::new(&raw.values);
        let config = Config::from_values(&mut values);
        let mut problems = raw.malformed;
        problems.append(&mut values.problems);
        let (listeners, admin) = listener::parse(&config, &mut problems);
        let joining = quorum::parse(&config, &mut problems);
        if config.log_dirs.is_empty() {
            problems.push("log.dirs: at least one directory is needed".to_owned());
        }
        let (mut unused, mut unknown_keys) = (Vec::new(), Vec::new());
        for (key, value) in raw.values {
            if KEYS.iter().any(|known| known.name == key) {
                continue;
            }
            if let Some(definition) = broker_config(&key) {
                match validate_value(definition, &value) {
                    Ok(()) => unused.push((key, value)),
                    Err(error) => problems.push(format!("{key}: {error}")),
                }
            } else if key.starts_with(OURS) {
                problems.push(no_such_key(&key));
            } else {
                unknown_keys.push(key);
            }
        }
        (Self { config, listeners, joining, admin, unused, unknown_keys }, problems)
    }
}

/// What is wrong with these properties, one line for each bad key: `key: what is wrong`. Unlike at a start, where Kafka's habit of a
/// mere warning is kept, a key that means nothing here is wrong too.
pub fn check(properties: &str) -> Vec<String> {
    let mut raw = RawConfig::default();
    raw.add_properties(properties);
    let (options, mut problems) = Options::read(raw);
    problems.extend(options.unknown_keys.iter().map(|key| no_such_key(key)));
    problems
}

fn no_such_key(key: &str) -> String {
    format!("{key}: there is no such key; see the configuration reference")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Options, ConfigError> {
        Options::from_parts(text, [], &[])
    }

    #[test]
    fn an_empty_file_gives_kafkas_defaults() {
        let options = load("").unwrap();
        assert_eq!(options.config.num_partitions, 1);
        assert_eq!(options.config.message_max_bytes, 1_048_588);
        assert_eq!(options.config.log_retention_ms, None);
        assert_eq!(options.listeners.len(), 2);
        assert_eq!(options.listeners[0].name, "PLAINTEXT");
        assert_eq!(options.listeners[1].bind.port, 9093);
        assert_eq!(options.admin.as_ref().map(|a| a.port), Some(9644));
    }

    #[test]
    fn every_bad_key_is_named_at_once() {
        let error = load(
            "num.partitions=none\nreplica.selector.class=mine\nlog.segment.bytes=5\ncompression.type=brotli\nheadrace.typo=1\nlisteners=PLAINTEXT://h:99999\nnot.ours=1",
        )
        .unwrap_err()
        .to_string();
        for part in [
            "num.partitions: `none` is not a 32-bit whole number",
            "replica.selector.class: `mine` is not one of org.apache.kafka.common.replica.RackAwareReplicaSelector",
            "log.segment.bytes: 5 is less than 1048576",
            "compression.type: `brotli` is not one of",
            "headrace.typo: there is no such key",
            "listeners: ",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("not.ours"));
    }

    #[test]
    fn a_check_names_unknown_keys_too() {
        assert_eq!(check("num.partitions=3\nlog.dir=/tmp/x"), Vec::<String>::new());
        let unknown = "not.ours: there is no such key; see the configuration reference";
        assert_eq!(check("not.ours=1\nnum.partitions=3"), [unknown]);
        let both = check("not.ours=1\nnum.partitions=none");
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(both[0].starts_with("num.partitions: ") && both[1] == unknown, "{both:?}");
    }

    #[test]
    fn kafkas_keys_that_change_nothing_are_kept_and_checked() {
        let options = load("compression.gzip.level=5\nnum.io.threads=16").unwrap();
        assert_eq!(options.unknown_keys, Vec::<String>::new());
        assert!(options.unused.contains(&("compression.gzip.level".to_owned(), "5".to_owned())));
        assert!(
            load("compression.gzip.level=50").unwrap_err().to_string().contains("compression.gzip.level: ")
        );
    }

    #[test]
    fn every_default_passes_its_own_check() {
        let text: String = KEYS
            .iter()
            .filter_map(|key| key.default.map(|value| format!("{}={value}\n", key.name)))
            .collect();
        assert!(load(&text).is_ok());
    }

    #[test]
    fn advertised_listeners_follow_by_name() {
        let options = load(
            "listeners=PLAINTEXT://0.0.0.0:0,INTERNAL://127.0.0.1:2\nadvertised.listeners=PLAINTEXT://kafka.example:9000",
        )
        .unwrap();
        assert_eq!(options.listeners[0].advertised.as_ref().map(|a| a.host.as_str()), Some("kafka.example"));
        assert_eq!(options.listeners[1].advertised.as_ref().map(|a| a.port), None);
    }

    #[test]
    fn one_listener_is_enough_and_a_named_one_must_be_there() {
        assert!(load("listeners=PLAINTEXT://127.0.0.1:0").is_ok());
        let error =
            load("listeners=PLAINTEXT://127.0.0.1:0\ninter.broker.listener.name=INTERNAL").unwrap_err();
        assert!(error.to_string().contains("`INTERNAL` is not among the listeners"), "{error}");
    }
}
