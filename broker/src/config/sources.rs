//! Where configuration comes from: a properties file, the environment and `--set key=value`; later ones win. Knows no key by name.

use std::collections::BTreeMap;

/// Environment variables with this prefix are configuration: `HEADRACE_BROKER_NUM_PARTITIONS` is `num.partitions`.
const ENV_PREFIX: &str = "HEADRACE_BROKER_";

/// Keys and values as they were written, the strongest source last.
#[derive(Debug, Default, Clone)]
pub(super) struct RawConfig {
    pub(super) values: BTreeMap<String, String>,
    /// Lines and arguments that are not of the form `key=value`.
    pub(super) malformed: Vec<String>,
}

impl RawConfig {
    /// Adds a file in Java's properties format, as `server.properties` is written.
    pub(super) fn add_properties(&mut self, text: &str) {
        let mut logical = String::new();
        for (number, line) in text.lines().enumerate() {
            let trimmed = line.trim_start();
            if logical.is_empty() && (trimmed.is_empty() || trimmed.starts_with(['#', '!'])) {
                continue;
            }
            // An odd number of backslashes at the end joins the next line on.
            let backslashes = trimmed.chars().rev().take_while(|c| *c == '\\').count();
            if backslashes % 2 == 1 {
                logical.push_str(&trimmed[..trimmed.len() - 1]);
                continue;
            }
            logical.push_str(trimmed);
            match split_property(&logical) {
                Some((key, value)) => drop(self.values.insert(key, value)),
                None => self.malformed.push(format!("line {}: `{line}` is not `key=value`", number + 1)),
            }
            logical.clear();
        }
    }

    /// Puts variables of the environment where values name them, as in `${env:NAME}` (KIP-887). A value that is nothing but one which
    /// is not set, or is empty, counts as not given; elsewhere one that is not set is an error.
    pub(super) fn resolve(&mut self, variable: impl Fn(&str) -> Option<String>) {
        for (key, value) in std::mem::take(&mut self.values) {
            match expand(&value, &variable) {
                Ok(expanded) if expanded.is_empty() && !value.is_empty() => {}
                Ok(expanded) => drop(self.values.insert(key, expanded)),
                Err(name) => self.malformed.push(format!("{key}: the environment has no {name}")),
            }
        }
    }

    /// Adds the variables of the environment that carry [`ENV_PREFIX`].
    pub(super) fn add_env(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in env {
            if let Some(key) = name.strip_prefix(ENV_PREFIX) {
                self.values.insert(key.to_ascii_lowercase().replace('_', "."), value);
            }
        }
    }

    /// Adds the arguments of `--set`.
    pub(super) fn add_overrides(&mut self, overrides: &[String]) {
        for argument in overrides {
            match argument.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => {
                    self.values.insert(key.trim().to_owned(), value.trim().to_owned());
                }
                _ => self.malformed.push(format!("--set `{argument}` is not `key=value`")),
            }
        }
    }
}

/// What begins the name of a variable within a value.
const VARIABLE: &str = "${env:";

/// A value with its variables in place, or the name of one that is missing.
fn expand(value: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, named)) = rest.split_once(VARIABLE) {
        let Some((name, after)) = named.split_once('}') else { break };
        out.push_str(before);
        match variable(name) {
            Some(text) => out.push_str(&text),
            None if value.len() == VARIABLE.len() + name.len() + 1 => {}
            None => return Err(name.to_owned()),
        }
        rest = after;
    }
    Ok(out + rest)
}

/// Splits at the first unescaped `=`, `:` or white space and takes escapes out of both halves.
fn split_property(line: &str) -> Option<(String, String)> {
    let mut key = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?.1),
            '=' | ':' => return Some((key, unescape(line[at + 1..].trim()))),
            c if c.is_whitespace() => {
                let rest = line[at..].trim();
                let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
                return (!key.is_empty()).then(|| (key, unescape(value.trim())));
            }
            c => key.push(c),
        }
    }
    None
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            (other, false) => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_where_they_are_named() {
        let mut raw = RawConfig::default();
        raw.add_properties("a=x${env:IP}:1\nrack=${env:ZONE}\nempty=${env:NONE}\nbad=x${env:NONE}\nplain=$5 {a}\nopen=${env:IP");
        raw.resolve(|name| match name {
            "IP" => Some("10.0.0.1".to_owned()),
            "ZONE" => Some(String::new()),
            _ => None,
        });
        let get = |key: &str| raw.values.get(key).map(String::as_str);
        assert_eq!(get("a"), Some("x10.0.0.1:1"));
        assert_eq!((get("rack"), get("empty"), get("bad")), (None, None, None));
        assert_eq!((get("plain"), get("open")), (Some("$5 {a}"), Some("${env:IP")));
        assert_eq!(raw.malformed, ["bad: the environment has no NONE"]);
    }

    #[test]
    fn reads_what_java_writes() {
        let mut raw = RawConfig::default();
        raw.add_properties(
            "# a comment\n! another\n\nnode.id=1\nlog.dirs = /a,\\\n   /b\nlisteners: PLAINTEXT://:9092\nk\\=ey=v=w\nspaced   value\nlonely\n",
        );
        let get = |k: &str| raw.values.get(k).map(String::as_str);
        assert_eq!(get("node.id"), Some("1"));
        assert_eq!(get("log.dirs"), Some("/a,/b"));
        assert_eq!(get("listeners"), Some("PLAINTEXT://:9092"));
        assert_eq!(get("k=ey"), Some("v=w"));
        assert_eq!(get("spaced"), Some("value"));
        assert_eq!(raw.malformed, ["line 10: `lonely` is not `key=value`"]);
    }

    #[test]
    fn later_sources_win() {
        let mut raw = RawConfig::default();
        raw.add_properties("num.partitions=1\nnode.id=1");
        raw.add_env([("HEADRACE_BROKER_NUM_PARTITIONS".into(), "2".into()), ("PATH".into(), "/bin".into())]);
        raw.add_overrides(&["num.partitions=3".into(), "nonsense".into()]);
        assert_eq!(raw.values["num.partitions"], "3");
        assert_eq!(raw.values["node.id"], "1");
        assert_eq!(raw.values.len(), 2);
        assert_eq!(raw.malformed.len(), 1);
    }
}
