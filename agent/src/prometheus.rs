//! Reads the Prometheus text format, as much of it as a broker's `/metrics` page needs. Pure; lines that are not
//! understood are skipped, because a newer broker may say more than this agent knows.

use std::collections::BTreeMap;

/// Partitions kept of one page: more than one broker is meant to carry.
const PARTITIONS_MAX: usize = 200_000;

/// One sample: `name{label="value",…} number`.
#[derive(Debug, PartialEq)]
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    labels: &'a str,
    pub(crate) value: f64,
}

/// Bytes and messages through one partition of this broker since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counters {
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) messages_in: u64,
}

/// What one page says of the broker.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Page {
    pub(crate) partitions: BTreeMap<(String, i32), Counters>,
    pub(crate) version: Option<String>,
    pub(crate) process_cpu_seconds: Option<f64>,
    pub(crate) process_rss_bytes: Option<u64>,
    pub(crate) process_started_unix_ms: Option<i64>,
}

/// Reads one line; `None` for comments, blank lines and what is not a sample.
pub(crate) fn parse_line(line: &str) -> Option<Line<'_>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let name_end = line.find(|c: char| c == '{' || c.is_ascii_whitespace())?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => {
            let end = closing_brace(inner)?;
            (&inner[..end], &inner[end + 1..])
        }
        None => ("", rest),
    };
    // After the value there may be a timestamp, which no broker writes and nobody here needs.
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Line { name, labels, value })
}

/// The index of the brace that ends the labels: one inside a quoted value does not.
fn closing_brace(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

impl Line<'_> {
    /// The value of a label, with escapes undone.
    pub(crate) fn label(&self, wanted: &str) -> Option<String> {
        let mut rest = self.labels;
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            let (key, after) = rest.split_once("=\"")?;
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next()? {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match chars.next()?.1 {
                        'n' => '\n',
                        other => other,
                    }),
                    (_, other) => value.push(other),
                }
            };
            if key.trim() == wanted {
                return Some(value);
            }
            rest = &after[end + 1..];
        }
    }
}

/// Picks what the agent reports out of a whole page.
pub(crate) fn parse(text: &str) -> Page {
    let mut page = Page::default();
    for line in text.lines().filter_map(parse_line) {
        match line.name {
            "headrace_partition_bytes_in_total" => page.count(&line, |c| &mut c.bytes_in),
            "headrace_partition_bytes_out_total" => page.count(&line, |c| &mut c.bytes_out),
            "headrace_partition_messages_in_total" => page.count(&line, |c| &mut c.messages_in),
            "headrace_build_info" => page.version = line.label("version"),
            "process_cpu_seconds_total" => page.process_cpu_seconds = Some(line.value),
            "process_resident_memory_bytes" => page.process_rss_bytes = Some(to_count(line.value)),
            "process_start_time_seconds" => {
                page.process_started_unix_ms = i64::try_from(to_count(line.value * 1_000.0)).ok();
            }
            _ => {}
        }
    }
    page
}

impl Page {
    fn count(&mut self, line: &Line<'_>, field: impl Fn(&mut Counters) -> &mut u64) {
        // The partition is named in every one of these series; one without is not ours.
        let Some(partition) = line.label("partition").and_then(|text| text.parse().ok()) else { return };
        let Some(topic) = line.label("topic") else { return };
        if self.partitions.len() < PARTITIONS_MAX || self.partitions.contains_key(&(topic.clone(), partition))
        {
            *field(self.partitions.entry((topic, partition)).or_default()) = to_count(line.value);
        }
    }
}

/// A counter's value; NaN and negative numbers are 0 (`as` saturates).
fn to_count(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_labels_escapes_and_timestamps() {
        let line =
            parse_line(r#"m_total{topic="a}\"b\\",partition="3"} 1.5e3 1700000000000"#).expect("sample");
        assert_eq!((line.name, line.value), ("m_total", 1500.0));
        assert_eq!(line.label("topic").as_deref(), Some("a}\"b\\"));
        assert_eq!(line.label("partition").as_deref(), Some("3"));
        assert_eq!(line.label("none"), None);
    }

    #[test]
    fn what_is_no_sample_is_skipped() {
        for text in ["", "# HELP x y", "x", "x{", "x{a=\"b} 1", "x nonsense", "{} ", "x{a=\"b\\"] {
            assert_eq!(parse_line(text), None, "{text:?}");
        }
        assert_eq!(parse_line("x{a=b} 1").expect("sample").label("a"), None);
    }

    #[test]
    fn a_page_gives_counters_per_partition() {
        let page = parse(
            "# TYPE headrace_partition_bytes_in_total counter\n\
             headrace_partition_bytes_in_total 900\n\
             headrace_partition_bytes_in_total{topic=\"t\"} 900\n\
             headrace_partition_bytes_in_total{topic=\"t\",partition=\"0\"} 700\n\
             headrace_partition_bytes_in_total{topic=\"t\",partition=\"1\"} 200\n\
             headrace_partition_messages_in_total{topic=\"t\",partition=\"0\"} 7\n\
             headrace_partition_bytes_out_total{topic=\"t\",partition=\"0\"} NaN\n\
             headrace_build_info{version=\"0.1.0\",commit=\"x\"} 1\n\
             process_resident_memory_bytes 4096\n\
             process_start_time_seconds 1700000000.5\n",
        );
        assert_eq!(page.partitions.len(), 2);
        let zero = page.partitions[&("t".to_owned(), 0)];
        assert_eq!(zero, Counters { bytes_in: 700, bytes_out: 0, messages_in: 7 });
        assert_eq!(page.version.as_deref(), Some("0.1.0"));
        assert_eq!(page.process_rss_bytes, Some(4096));
        assert_eq!(page.process_started_unix_ms, Some(1_700_000_000_500));
    }
}
