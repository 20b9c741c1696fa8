//! Data on stdout, everything else on stderr. Text that came from elsewhere is made harmless before a terminal sees it.

use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people.
    #[default]
    Table,
    /// What the server answered, for programs.
    Json,
    /// The same as YAML.
    Yaml,
}

/// A line on stderr. When stderr is gone there is nobody to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Data on stdout. A reader that went away ends the command quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::broken_pipe(),
        _ => Failure::doing("writing to stdout", error),
    })
}

/// One answer of the server in the wanted format; `table` makes the rows for people.
pub(crate) fn show(
    format: Format,
    value: &Value,
    table: impl FnOnce(&Value) -> Table,
) -> Result<(), Failure> {
    match format {
        Format::Table => print(&table(value).render()),
        Format::Json => print(&format!("{value:#}\n")),
        Format::Yaml => {
            let text =
                serde_norway::to_string(value).map_err(|error| Failure::doing("writing YAML", error))?;
            print(&text)
        }
    }
}

/// Rows under headings, as wide as they need to be. No colours and no lines, so that it can be cut and pasted.
#[derive(Debug, Default)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Said instead of a heading with nothing below it.
    empty: &'static str,
}

impl Table {
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new(), empty: "" }
    }

    /// What stderr says when there are no rows.
    pub(crate) fn when_empty(mut self, text: &'static str) -> Self {
        self.empty = text;
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| safe(&cell)).collect());
    }

    pub(crate) fn render(&self) -> String {
        if self.rows.is_empty() && !self.empty.is_empty() {
            say(self.empty);
            return String::new();
        }
        let heads =
            (!self.heads.is_empty()).then(|| self.heads.iter().map(|head| (*head).to_owned()).collect());
        let lines: Vec<&Vec<String>> = heads.iter().chain(&self.rows).collect();
        let columns = lines.iter().map(|line| line.len()).max().unwrap_or(0);
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for line in lines {
            let mut out = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                out.push_str(&format!("{cell:<width$}   "));
            }
            text.push_str(out.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Text from elsewhere, with everything that a terminal would act on (control characters, escapes, characters that turn
/// the writing direction around) written out instead.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let acts = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if acts { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// The same for text of several lines.
pub(crate) fn safe_lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}

/// The text at a JSON pointer; numbers and booleans as they are written, `-` for what is absent.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The items of a list answer.
pub(crate) fn items(value: &Value) -> &[Value] {
    value["items"].as_array().map_or(&[], Vec::as_slice)
}

/// `{"k":"v",…}` as `k=v,…`.
pub(crate) fn pairs(value: &Value) -> String {
    let Some(map) = value.as_object().filter(|map| !map.is_empty()) else { return "-".into() };
    let pair = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    };
    map.iter().map(pair).collect::<Vec<_>>().join(",")
}

/// A list of numbers as `1,2,3`.
pub(crate) fn numbers(value: &Value) -> String {
    let list = value.as_array().map_or(&[][..], Vec::as_slice);
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        assert_eq!(safe("a\x1b[2J\nb\u{202e}c é"), "a\\u{1b}[2J\\u{a}b\\u{202e}c é");
    }

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut table = Table::new(&["NAME", "N"]);
        table.row(["a".into(), "1".into()]);
        table.row(["longer".into(), String::new()]);
        assert_eq!(table.render(), "NAME     N\na        1\nlonger\n");
        assert_eq!(Table::new(&["NAME"]).when_empty("none").render(), "");
    }

    #[test]
    fn absent_fields_are_a_dash() {
        let value = json!({"a": {"b": 1}, "c": "x", "d": null, "l": {"k": "v", "n": 2}, "r": [1, 2]});
        assert_eq!(text(&value, "/a/b"), "1");
        assert_eq!((text(&value, "/d"), text(&value, "/e/f")), ("-".into(), "-".into()));
        assert_eq!((pairs(&value["l"]), pairs(&value["zz"])), ("k=v,n=2".into(), "-".into()));
        assert_eq!(numbers(&value["r"]), "1,2");
    }
}
