//! Whether a value is one.

use std::collections::BTreeMap;

use super::define::{Check, ConfigDef, Kind};
use super::{TOPIC, topic_config};

/// A configuration that is not acceptable. The text is what the client is told: it says what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("Unknown {what} config name: {name}. {hint}")]
    Unknown { what: &'static str, name: String, hint: String },
    #[error("Invalid value {value} for configuration {name}: {why}")]
    Invalid { name: String, value: String, why: String },
    #[error("{0}")]
    Together(String),
}

/// Checks a value against its definition.
pub fn validate_value(def: &ConfigDef, value: &str) -> Result<(), ConfigError> {
    let problem = check_type(def.kind, value).or_else(|| check_rule(def.check, value));
    let shown = if def.is_sensitive() { "[hidden]" } else { value };
    problem.map_or(Ok(()), |why| {
        Err(ConfigError::Invalid { name: def.name.to_owned(), value: shown.to_owned(), why })
    })
}

/// Checks the values that are set for a topic, each for itself and together.
pub fn validate_topic<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), ConfigError> {
    let values: BTreeMap<&str, &str> = values.into_iter().collect();
    for (name, value) in &values {
        let def = topic_config(name).ok_or_else(|| unknown("topic", TOPIC, name))?;
        validate_value(def, value)?;
    }
    let number = |name: &str| values.get(name).and_then(|value| value.trim().parse::<i64>().ok());
    let at_most = |small: &str, large: &str| match (number(small), number(large)) {
        (Some(a), Some(b)) if a > b => Err(ConfigError::Together(format!(
            "conflict topic config setting {small} ({a}) > {large} ({b}): the first must not be larger"
        ))),
        _ => Ok(()),
    };
    at_most("min.compaction.lag.ms", "max.compaction.lag.ms")
}

/// The error for a name that is in no table, with what may have been meant.
pub(crate) fn unknown(what: &'static str, table: &[ConfigDef], name: &str) -> ConfigError {
    const TYPOS_MAX: usize = 3;
    let near = table.iter().map(|def| (distance(def.name, name), def.name)).min();
    let hint = match near {
        Some((typos, near)) if typos <= TYPOS_MAX => format!("Did you mean {near}?"),
        _ => {
            let names: Vec<_> = table.iter().map(|def| def.name).collect();
            format!("Known are: {}", names.join(", "))
        }
    };
    // The name comes from the client and may be long.
    ConfigError::Unknown { what, name: name.chars().take(256).collect(), hint }
}

/// Edits between two names (Levenshtein); names much longer than any config count as far off.
fn distance(a: &str, b: &str) -> usize {
    const NAME_BYTES_MAX: usize = 64;
    if b.len() > NAME_BYTES_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substitute = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn check_type(kind: Kind, value: &str) -> Option<String> {
    let value = value.trim();
    let fits = match kind {
        Kind::Boolean => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        Kind::Int => value.parse::<i32>().is_ok(),
        Kind::Short => value.parse::<i16>().is_ok(),
        Kind::Long => value.parse::<i64>().is_ok(),
        Kind::Double => value.parse::<f64>().is_ok_and(f64::is_finite),
        Kind::String | Kind::List | Kind::Class | Kind::Password => true,
    };
    match kind {
        _ if fits => None,
        Kind::Boolean => Some("Expected value to be either true or false".to_owned()),
        _ => Some(format!("Not a number of type {}", kind.name())),
    }
}

fn check_rule(check: Check, value: &str) -> Option<String> {
    let number = || value.trim().parse::<i64>().ok();
    match check {
        Check::Anything => None,
        Check::AtLeast(min) => number().filter(|&n| n < min).map(|_| format!("Value must be at least {min}")),
        Check::Between(min, max) => number()
            .filter(|n| !(min..=max).contains(n))
            .map(|_| format!("Value must be between {min} and {max}")),
        Check::Fraction => value
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|n| !(0.0..=1.0).contains(n))
            .map(|_| "Value must be between 0 and 1".to_owned()),
        Check::OneOf(allowed) => (!allowed.contains(&value.trim()))
            .then(|| format!("String must be one of: {}", allowed.join(", "))),
        Check::ListOf(allowed) => check_list(allowed, value),
        Check::ThrottledReplicas => (!is_throttled_replicas(value)).then(|| {
            "Must be the literal '*' or a list of replicas in the form [PartitionId]:[BrokerId],..."
                .to_owned()
        }),
        Check::NotEmpty => value.trim().is_empty().then(|| "String must be non-empty".to_owned()),
    }
}

fn check_list(allowed: &[&str], value: &str) -> Option<String> {
    let items: Vec<&str> = split_list(value).collect();
    if items.is_empty() {
        return Some(format!(
            "Configuration must not be empty. Valid values include: {}",
            allowed.join(", ")
        ));
    }
    let repeated = items.iter().enumerate().any(|(at, item)| items[..at].contains(item));
    if repeated {
        return Some("Configuration must not contain duplicate values".to_owned());
    }
    items
        .iter()
        .any(|item| !allowed.contains(item))
        .then(|| format!("String must be one of: {}", allowed.join(", ")))
}

/// The elements of a list's text.
pub(crate) fn split_list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn is_throttled_replicas(value: &str) -> bool {
    let value = value.trim();
    let pair = |item: &str| {
        item.split_once(':')
            .is_some_and(|(p, b)| p.trim().parse::<u32>().is_ok() && b.trim().parse::<u32>().is_ok())
    };
    value.is_empty() || value == "*" || value == "none" || value.split(',').all(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_with_a_message_that_says_what_is_allowed() {
        for (name, value, part) in [
            ("retention.ms", "soon", "Not a number of type LONG"),
            ("retention.ms", "-2", "at least -1"),
            ("max.message.bytes", "3000000000", "Not a number of type INT"),
            ("cleanup.policy", "shred", "compact, delete"),
            ("cleanup.policy", "delete,delete", "duplicate"),
            ("cleanup.policy", "", "must not be empty"),
            ("compression.type", "brotli", "uncompressed, zstd"),
            ("preallocate", "yes", "true or false"),
            ("min.cleanable.dirty.ratio", "1.5", "between 0 and 1"),
            ("min.cleanable.dirty.ratio", "NaN", "Not a number"),
            ("compression.lz4.level", "18", "between 1 and 17"),
            ("leader.replication.throttled.replicas", "0-1", "[PartitionId]:[BrokerId]"),
            ("retention.mss", "1", "Did you mean retention.ms?"),
            ("utterly.unlike.anything", "1", "Known are: cleanup.policy"),
        ] {
            let error = validate_topic([(name, value)]).unwrap_err().to_string();
            assert!(error.contains(part), "{name}={value}: {error}");
        }
        for (name, value) in [
            ("cleanup.policy", "compact, delete"),
            ("retention.ms", "-1"),
            ("leader.replication.throttled.replicas", "0:1,1:2"),
            ("leader.replication.throttled.replicas", "*"),
        ] {
            validate_topic([(name, value)]).unwrap();
        }
    }

    #[test]
    fn values_are_checked_together() {
        let error =
            validate_topic([("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")]).unwrap_err();
        assert!(error.to_string().contains("min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"));
    }
}
