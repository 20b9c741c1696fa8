//! Offset expiry (KIP-211): what was committed is kept for `offsets.retention.minutes` after the group became empty, or, where no
//! group is or its members do not read the topic, after the commit. A group left without members and offsets goes too.

use super::effects::Effects;
use super::membership::{Group, State};
use super::offset_delete::tombstone;
use super::record::{CommittedOffset, Record};
use super::shard::{Now, Shard};

/// From when on the retention runs.
enum Since {
    /// When the group became empty.
    Time(i64),
    /// When the offset was committed.
    Commit,
    /// It does not: members may still need the offsets.
    Never,
}

/// Writes tombstones for what is too old.
pub(super) fn expire(shard: &Shard, now: Now, effects: &mut Effects) {
    for group in shard.groups.values() {
        let mut records = Vec::new();
        let emptied = expire_offsets(shard, group, now, &mut records);
        if emptied && group.state == State::Empty && group.pending_join.is_empty() {
            records.push(Record::GroupMetadata { group: group.id.clone(), value: None });
        }
        effects.write_in_batches(records);
    }
}

/// Whether no offset of the group is left.
fn expire_offsets(shard: &Shard, group: &Group, now: Now, records: &mut Vec<Record>) -> bool {
    let Some(by_topic) = shard.offsets.of_group(&group.id) else { return true };
    let since = since(group);
    let mut emptied = true;
    for (topic, partitions) in by_topic {
        let in_use = group.is_subscribed_to(topic);
        for (index, offset) in partitions {
            if !in_use && is_expired(offset, &since, now.wall_ms, shard.config.offsets_retention_ms) {
                records.push(tombstone(&group.id, topic, *index));
            } else {
                emptied = false;
            }
        }
    }
    emptied
}

fn since(group: &Group) -> Since {
    match (&group.protocol_type, group.state) {
        (None, _) => Since::Commit,
        // Written by a Kafka that did not say when it became empty.
        (Some(_), State::Empty) => group.state_since_ms.map_or(Since::Commit, Since::Time),
        (Some(_), State::Stable) if group.subscribed.is_some() => Since::Commit,
        (Some(_), _) => Since::Never,
    }
}

fn is_expired(offset: &CommittedOffset, since: &Since, wall_ms: i64, retention_ms: i64) -> bool {
    let base_ms = match since {
        Since::Never => return false,
        Since::Time(ms) => *ms,
        Since::Commit => offset.commit_timestamp_ms,
    };
    match offset.expire_timestamp_ms {
        // The client asked for a retention of its own, by the rules of its time.
        Some(expire_ms) => wall_ms >= expire_ms,
        None => wall_ms.saturating_sub(base_ms) >= retention_ms,
    }
}
