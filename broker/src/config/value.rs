//! How one configuration value is read from text, checked, and remembered with where it came from.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::keys::KeyDefinition;

/// Kafka's type names of configuration values, with the numbers they have in DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigKind {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// A 32-bit number.
    Int = 3,
    /// A 64-bit number.
    Long = 5,
    /// A floating point number.
    Double = 6,
    /// Texts with commas between.
    List = 7,
}

/// Where a value in force came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The table of keys.
    Default,
    /// File, environment or command line.
    Static,
}

/// One key's value in force.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) value: Option<String>,
    pub(super) source: Source,
}

/// A type that a configuration key can have.
pub(super) trait ConfigValue: Sized {
    /// Its name in DescribeConfigs.
    const KIND: ConfigKind;
    /// What checks look at: the value itself, or what lies in an option.
    type Checked;
    /// Reads it from text.
    fn parse(text: &str) -> Result<Self, String>;
    /// The value of a key that has no default and was not given.
    fn absent() -> Option<Self> {
        None
    }
    /// What a check is to look at.
    fn checked(&self) -> Option<&Self::Checked>;
}

macro_rules! scalar {
    ($($type:ty, $kind:ident, $what:literal;)+) => {$(
        impl ConfigValue for $type {
            const KIND: ConfigKind = ConfigKind::$kind;
            type Checked = $type;
            fn parse(text: &str) -> Result<Self, String> {
                <$type>::from_str(text).map_err(|_| format!("`{text}` is not {}", $what))
            }
            fn checked(&self) -> Option<&$type> {
                Some(self)
            }
        }
    )+};
}

scalar! {
    i32, Int, "a 32-bit whole number";
    i64, Long, "a 64-bit whole number";
    f64, Double, "a number";
    String, String, "text";
}

impl ConfigValue for bool {
    const KIND: ConfigKind = ConfigKind::Boolean;
    type Checked = bool;
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("`{text}` is neither `true` nor `false`")),
        }
    }
    fn checked(&self) -> Option<&bool> {
        Some(self)
    }
}

impl ConfigValue for Vec<String> {
    const KIND: ConfigKind = ConfigKind::List;
    type Checked = Vec<String>;
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }
    fn checked(&self) -> Option<&Vec<String>> {
        Some(self)
    }
}

impl<T: ConfigValue<Checked = T>> ConfigValue for Option<T> {
    const KIND: ConfigKind = T::KIND;
    type Checked = T;
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn checked(&self) -> Option<&T> {
        self.as_ref()
    }
}

/// No further condition.
#[expect(clippy::unnecessary_wraps, reason = "it has the shape of the other checks")]
pub(super) fn any<T>(_: &T) -> Result<(), String> {
    Ok(())
}

/// The value is `low` or more.
pub(super) fn at_least<T: PartialOrd + Display>(low: T) -> impl Fn(&T) -> Result<(), String> {
    move |value| if *value >= low { Ok(()) } else { Err(format!("{value} is less than {low}")) }
}

/// The value lies between both, themselves included.
pub(super) fn between<T: PartialOrd + Display>(low: T, high: T) -> impl Fn(&T) -> Result<(), String> {
    move |value| {
        if *value >= low && *value <= high {
            Ok(())
        } else {
            Err(format!("{value} is not between {low} and {high}"))
        }
    }
}

/// The value is one of these words.
pub(super) fn one_of(words: &'static [&'static str]) -> impl Fn(&String) -> Result<(), String> {
    move |value| {
        if words.contains(&value.as_str()) {
            Ok(())
        } else {
            Err(format!("`{value}` is not one of {}", words.join(", ")))
        }
    }
}

/// The raw values while they are read, and what was wrong with them.
pub(super) struct Values<'a> {
    raw: &'a BTreeMap<String, String>,
    entries: Vec<Entry>,
    pub(super) problems: Vec<String>,
}

impl<'a> Values<'a> {
    pub(super) fn new(raw: &'a BTreeMap<String, String>) -> Self {
        Self { raw, entries: Vec::new(), problems: Vec::new() }
    }

    /// Reads one key. A bad value is noted and the default returned, so that every problem is found in one go.
    pub(super) fn take<T: ConfigValue>(
        &mut self,
        name: &'static str,
        default: Option<&'static str>,
        check: impl Fn(&T::Checked) -> Result<(), String>,
    ) -> T {
        let fallback = || {
            default
                .and_then(|text| T::parse(text).ok())
                .or_else(T::absent)
                .or_else(|| T::parse("").ok())
                .unwrap_or_else(|| unreachable!("the table gives `{name}` a default that does not parse"))
        };
        let Some(text) = self.raw.get(name) else {
            self.entries.push(Entry { value: default.map(str::to_owned), source: Source::Default });
            return fallback();
        };
        self.entries.push(Entry { value: Some(text.clone()), source: Source::Static });
        let parsed = T::parse(text).and_then(|value| match value.checked() {
            Some(inner) => check(inner).map(|()| value),
            None => Ok(value),
        });
        parsed.unwrap_or_else(|problem| {
            self.problems.push(format!("{name}: {problem}"));
            fallback()
        })
    }

    pub(super) fn finish(&mut self, keys: &[KeyDefinition]) -> Vec<Entry> {
        debug_assert_eq!(keys.len(), self.entries.len());
        std::mem::take(&mut self.entries)
    }
}
