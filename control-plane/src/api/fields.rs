//! Reads the fields of a request one by one and collects what is wrong with each, so that an answer names every bad
//! field and not only the first.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::domain::problem::{FieldError, Problem};

/// Entries that a map of a request may have.
const MAP_ENTRIES_MAX: usize = 200;
/// Characters that a key or a value of such a map may have.
const MAP_TEXT_CHARS_MAX: usize = 4_096;

/// The fields of a JSON object or of a query string that were not read yet, and what was wrong so far.
#[derive(Debug)]
pub(crate) struct Fields {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
    prefix: String,
    /// Query strings have no types: numbers and booleans are read out of text.
    from_text: bool,
}

impl Fields {
    /// Of a JSON object.
    pub(super) fn of_object(values: Map<String, Value>) -> Self {
        Self { values, errors: Vec::new(), prefix: String::new(), from_text: false }
    }

    /// Of a query string. A parameter that is given twice is an error.
    pub(super) fn of_query(pairs: Vec<(String, String)>) -> Self {
        let mut fields = Self { from_text: true, ..Self::of_object(Map::new()) };
        for (name, value) in pairs {
            if fields.values.insert(name.clone(), Value::String(value)).is_some() {
                fields.error(&name, "duplicate", "is given more than once");
            }
        }
        fields
    }

    /// Notes that a field is wrong.
    pub(crate) fn error(&mut self, name: &str, code: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(format!("{}{name}", self.prefix), code, message));
    }

    /// The errors so far, and one for each field that nobody asked for.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        self.close();
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }

    fn close(&mut self) {
        for (name, _) in std::mem::take(&mut self.values) {
            self.error(&name, "unknown_field", "is not known here");
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name).filter(|value| !value.is_null())
    }

    /// Notes an error when the field is not there.
    pub(crate) fn require(&mut self, name: &str) {
        if self.values.get(name).is_none_or(Value::is_null) {
            self.error(name, "required", "is required");
        }
    }

    /// A text that `allowed` accepts.
    pub(crate) fn text(&mut self, name: &str, allowed: impl Fn(&str) -> bool, rule: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if allowed(&text) => Some(text),
            Value::String(_) => {
                self.error(name, "invalid_value", rule);
                None
            }
            other => self.wrong_type(name, "a string", &other),
        }
    }

    /// A whole number within a range.
    pub(crate) fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(name)?;
        let number = match &value {
            Value::String(text) if self.from_text => text.parse().ok(),
            // A number beyond i64 is out of every range, not of a wrong type.
            Value::Number(number) if number.is_f64() || number.is_u64() || number.is_i64() => {
                number.as_i64().or_else(|| (number.as_f64()?.fract() == 0.0).then_some(i64::MAX))
            }
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            Some(_) => {
                let message = format!("must be between {} and {}", range.start(), range.end());
                self.error(name, "out_of_range", message);
                None
            }
            None => self.wrong_type(name, "a whole number", &value),
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            Value::String(text) if self.from_text && text == "true" => Some(true),
            Value::String(text) if self.from_text && text == "false" => Some(false),
            other => self.wrong_type(name, "true or false", &other),
        }
    }

    /// A map of texts. Numbers and booleans are taken as their text, for that is how Kafka's configuration is written.
    pub(crate) fn text_map(
        &mut self,
        name: &str,
        key_allowed: impl Fn(&str) -> Result<(), String>,
    ) -> Option<BTreeMap<String, String>> {
        let object = match self.take(name)? {
            Value::Object(object) => object,
            other => return self.wrong_type(name, "an object", &other),
        };
        if object.len() > MAP_ENTRIES_MAX {
            self.error(name, "too_many", format!("must have at most {MAP_ENTRIES_MAX} entries"));
            return None;
        }
        let mut map = BTreeMap::new();
        for (key, value) in object {
            let path = format!("{name}.{key}");
            if let Err(message) = key_allowed(&key) {
                self.error(&path, "invalid_key", message);
                continue;
            }
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(value) => value.to_string(),
                other => {
                    self.wrong_type::<()>(&path, "a string", &other);
                    continue;
                }
            };
            if text.chars().count() > MAP_TEXT_CHARS_MAX || text.chars().any(char::is_control) {
                let rule =
                    format!("must be at most {MAP_TEXT_CHARS_MAX} characters without control characters");
                self.error(&path, "invalid_value", rule);
                continue;
            }
            map.insert(key, text);
        }
        Some(map)
    }

    /// An object within; give it back to [`Fields::close_object`].
    pub(crate) fn object(&mut self, name: &str) -> Option<Self> {
        match self.take(name)? {
            Value::Object(values) => {
                Some(Self { prefix: format!("{}{name}.", self.prefix), ..Self::of_object(values) })
            }
            other => self.wrong_type(name, "an object", &other),
        }
    }

    /// Whatever a type of its own reads, which refuses what it does not know.
    pub(crate) fn typed<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match serde_json::from_value(self.take(name)?) {
            Ok(read) => Some(read),
            Err(error) => {
                self.error(name, "invalid_value", error.to_string());
                None
            }
        }
    }

    /// Takes over the errors of an object within.
    pub(crate) fn close_object(&mut self, mut inner: Self) {
        inner.close();
        self.errors.append(&mut inner.errors);
    }

    fn wrong_type<T>(&mut self, name: &str, expected: &str, found: &Value) -> Option<T> {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.error(name, "wrong_type", format!("must be {expected}, not {found}"));
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Fields;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(object) => Fields::of_object(object),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_bad_field_is_named() {
        let mut fields = fields(json!({
            "name": "UPPER", "brokers": 1e30, "flag": "yes", "config": {"a": [], "b": 1}, "engine": {"kind": 3, "x": 1}, "extra": 1
        }));
        fields.require("missing");
        assert_eq!(fields.text("name", |_| false, "no"), None);
        assert_eq!(fields.integer("brokers", 1..=5), None);
        assert_eq!(fields.boolean("flag"), None);
        assert_eq!(fields.text_map("config", |_| Ok(())).map(|map| map["b"].clone()), Some("1".to_owned()));
        let mut engine = fields.object("engine").expect("an object");
        assert_eq!(engine.text("kind", |_| true, ""), None);
        fields.close_object(engine);
        let problem = fields.finish().expect_err("wrong");
        let named: Vec<_> = problem.errors.iter().map(|e| (e.field.as_str(), e.code.as_str())).collect();
        assert_eq!(
            named,
            [
                ("missing", "required"),
                ("name", "invalid_value"),
                ("brokers", "out_of_range"),
                ("flag", "wrong_type"),
                ("config.a", "wrong_type"),
                ("engine.kind", "wrong_type"),
                ("engine.x", "unknown_field"),
                ("extra", "unknown_field"),
            ]
        );
    }

    #[test]
    fn a_query_string_has_numbers_as_text() {
        let pairs = [("size", "7"), ("on", "true"), ("on", "false")];
        let mut fields =
            Fields::of_query(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
        assert_eq!(fields.integer("size", 1..=9), Some(7));
        assert_eq!(fields.boolean("on"), Some(false));
        assert_eq!(fields.finish().expect_err("twice").errors[0].code, "duplicate");
    }
}
