//! Which names are allowed.

/// Longest name of a cluster or project, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 40;
/// Kafka's limit for a topic's name, in characters.
pub(crate) const TOPIC_CHARS_MAX: usize = 249;

/// Whether this can be the name of a cluster or project: a DNS label that starts with a letter, so that it is never
/// taken for an id (whose first character is a digit until the year 4147) and fits in host names.
pub(crate) fn is_resource_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= NAME_CHARS_MAX
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(|last| *last != b'-')
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        && name.parse::<uuid::Uuid>().is_err()
}

/// What to tell about a name that is not allowed.
pub(crate) const RESOURCE_NAME_RULE: &str =
    "use 1 to 40 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen";

/// Whether Kafka allows this as a topic's name.
pub(crate) fn is_topic_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= TOPIC_CHARS_MAX
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// What to tell about a topic's name that is not allowed.
pub(crate) const TOPIC_NAME_RULE: &str = "use 1 to 249 letters, digits, '.', '_' and '-'; not '.' or '..'";

#[cfg(test)]
mod tests {
    use super::{is_resource_name, is_topic_name};

    #[test]
    fn names_follow_the_rules() {
        for good in ["a", "orders", "a1-b2", &"a".repeat(40)] {
            assert!(is_resource_name(good), "{good}");
        }
        for bad in ["", "1a", "-a", "a-", "A", "a_b", "a.b", "ä", &"a".repeat(41), "a b", "../a"] {
            assert!(!is_resource_name(bad), "{bad}");
        }
        for good in ["a", "A.b_c-9", "__consumer_offsets"] {
            assert!(is_topic_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", &"a".repeat(250)] {
            assert!(!is_topic_name(bad), "{bad}");
        }
    }
}
