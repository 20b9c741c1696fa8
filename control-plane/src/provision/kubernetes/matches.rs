//! Whether an object is as it was asked for. Pure.
//!
//! The API server adds defaults, and others may add what is theirs; that is no difference. An amount may be written in another
//! way, and what is empty may be left out.

use serde_json::Value;

use crate::domain::quantity;

/// Whether all that `desired` says is so in `live`.
pub(super) fn matches(desired: &Value, live: &Value) -> bool {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => {
            desired.iter().all(|(key, value)| matches(value, live.get(key).unwrap_or(&Value::Null)))
        }
        (Value::Array(desired), Value::Array(live)) => {
            desired.len() == live.len() && desired.iter().zip(live).all(|(one, other)| matches(one, other))
        }
        (Value::String(desired), Value::String(live)) => quantity::same(desired, live),
        (desired, Value::Null) => is_empty(desired),
        (desired, live) => desired == live,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(object) => object.values().all(is_empty),
        Value::Array(array) => array.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(value) => !value,
        Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::matches;

    #[test]
    fn defaults_and_others_additions_are_no_difference() {
        for (desired, live, expected) in [
            (json!({"a": 1}), json!({"a": 1, "b": 2}), true),
            (json!({"a": 1}), json!({"a": 2}), false),
            (json!({"a": 1}), json!({}), false),
            (json!({"a": {}, "b": [], "c": null, "d": false}), json!({}), true),
            (json!({"cpu": "1000m"}), json!({"cpu": "1"}), true),
            (json!([{"name": "x"}]), json!([{"name": "x", "protocol": "TCP"}]), true),
            (json!([{"name": "x"}]), json!([{"name": "x"}, {"name": "y"}]), false),
            (json!({"a": "x"}), json!({"a": "y"}), false),
        ] {
            assert_eq!(matches(&desired, &live), expected, "{desired} {live}");
        }
    }
}
