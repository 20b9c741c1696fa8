//! The one part of the consumers' embedded protocol that the coordinator reads: which topics a member subscribes to.

use bytes::Bytes;
use headrace_protocol::messages::consumer_protocol::ConsumerProtocolSubscription;
use headrace_protocol::{Message, Reader, Str};

/// Every version begins as this one does, so that newer members are understood too.
const COMMON_VERSION: i16 = 0;

/// The topics of a subscription, or `None` if it is not one (other clients put in what they like).
pub(super) fn topics(metadata: Bytes) -> Option<Vec<Str>> {
    let mut reader = Reader::new(metadata);
    if reader.i16().ok()? < COMMON_VERSION {
        return None;
    }
    let subscription = ConsumerProtocolSubscription::decode(&mut reader, COMMON_VERSION).ok()?;
    Some(subscription.topics.iter().map(Str::detached).collect())
}

#[cfg(test)]
mod tests {
    use super::topics;
    use bytes::Bytes;

    #[test]
    fn reads_topics_of_any_version_and_refuses_what_is_no_subscription() {
        let v0 = b"\0\0\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff";
        assert_eq!(topics(Bytes::from_static(v0)), Some(vec!["a".into(), "bc".into()]));
        let v9_with_more_behind = b"\0\x09\0\0\0\x01\0\x01a\xff\xff\xff\xff\0\0\0\0\0\0\0\x01\xff\xff";
        assert_eq!(topics(Bytes::from_static(v9_with_more_behind)), Some(vec!["a".into()]));
        let table = [
            &b""[..],
            b"\0",
            b"\0\0\x7f\xff\xff\xff",
            b"\0\0\0\0\0\x01\0\x09a",
            b"\xff\xff\0\0\0\0\xff\xff\xff\xff",
        ];
        for bad in table {
            assert_eq!(topics(Bytes::from_static(bad)), None, "{bad:?}");
        }
    }
}
