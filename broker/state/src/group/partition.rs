//! Which partition of `__consumer_offsets` a group belongs to: `abs(String.hashCode()) % partitions`, as every Kafka broker and
//! many tools compute it.

/// The partition of `group` among `partitions` (at least one).
pub fn partition_for(group: &str, partitions: i32) -> i32 {
    // Java's hashCode runs over UTF-16 units, and Kafka's Utils.abs answers 0 for the one number that has no absolute value.
    let hash =
        group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::partition_for;

    #[test]
    fn is_javas_hash() {
        let absolute_hashes = [
            ("", 0),
            ("a", 97),
            ("hello", 99_162_322),
            ("orders-group", 403_968_617),
            ("é", 233),
            // Two UTF-16 units.
            ("😀", 1_772_899),
            // hashCode() is i32::MIN, which has no absolute value.
            ("polygenelubricants", 0),
        ];
        for (group, hash) in absolute_hashes {
            assert_eq!(partition_for(group, i32::MAX), hash, "{group}");
        }
        assert_eq!(partition_for("hello", 50), 22);
        assert_eq!(partition_for("orders-group", 50), 17);
        assert_eq!(partition_for("hello", 0), 0);
    }
}
