//! Who of the brokers lives, as the controller sees it. Kept by the node that leads the metadata quorum, in memory only: a new leader
//! gives everybody a whole new session.
//!
//! Time comes in as an argument, in milliseconds of a monotonic clock.

use std::collections::HashMap;

use parking_lot::Mutex;

/// A broker whose port has refused connections for so long, with no sign of life in between, is gone: its process has ended, or the
/// machine has restarted. No need to wait for the end of its session.
const REFUSED_MS_MAX: u64 = 400;

#[derive(Debug, Clone, Copy, Default)]
struct Session {
    contact_ms: u64,
    /// When its port was first found closed.
    refused_since_ms: Option<u64>,
}

/// Why a broker is taken for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It sent no heartbeat for a whole session.
    Silent,
    /// Nothing listens on its port.
    Refuses,
}

/// The sessions of all brokers that were heard of.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: Mutex<HashMap<i32, Session>>,
}

impl Sessions {
    /// A broker was heard of.
    pub(crate) fn touch(&self, id: i32, now_ms: u64) {
        self.by_id.lock().insert(id, Session { contact_ms: now_ms, refused_since_ms: None });
    }

    /// The machine of a broker answered that nothing listens on its port.
    pub(crate) fn refused(&self, id: i32, now_ms: u64) {
        let mut by_id = self.by_id.lock();
        let session = by_id.entry(id).or_insert(Session { contact_ms: now_ms, refused_since_ms: None });
        session.refused_since_ms.get_or_insert(now_ms);
    }

    /// It was reached, or could not be for another reason.
    pub(crate) fn not_refused(&self, id: i32) {
        if let Some(session) = self.by_id.lock().get_mut(&id) {
            session.refused_since_ms = None;
        }
    }

    /// This node begins to lead: all of these have a whole session before them.
    pub(crate) fn restart(&self, ids: impl Iterator<Item = i32>, now_ms: u64) {
        let mut by_id = self.by_id.lock();
        by_id.clear();
        by_id.extend(ids.map(|id| (id, Session { contact_ms: now_ms, refused_since_ms: None })));
    }

    /// Whether a broker was heard of within its session.
    pub(crate) fn is_alive(&self, id: i32, now_ms: u64, session_ms: u64) -> bool {
        self.lost(id, now_ms, session_ms).is_none()
    }

    /// Whether, and why, a broker is to be fenced. One that was never heard of is.
    pub(crate) fn lost(&self, id: i32, now_ms: u64, session_ms: u64) -> Option<Lost> {
        let Some(session) = self.by_id.lock().get(&id).copied() else { return Some(Lost::Silent) };
        if now_ms.saturating_sub(session.contact_ms) >= session_ms {
            return Some(Lost::Silent);
        }
        let since = session.refused_since_ms?;
        (now_ms.saturating_sub(since) >= REFUSED_MS_MAX).then_some(Lost::Refuses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_broker_is_lost_after_its_session() {
        let sessions = Sessions::default();
        assert_eq!(sessions.lost(1, 0, 9_000), Some(Lost::Silent), "never heard of");
        sessions.touch(1, 1_000);
        assert_eq!(sessions.lost(1, 9_999, 9_000), None);
        assert_eq!(sessions.lost(1, 10_000, 9_000), Some(Lost::Silent));
        sessions.restart([1, 2].into_iter(), 10_000);
        assert!(sessions.is_alive(2, 18_999, 9_000));
    }

    #[test]
    fn a_broker_that_refuses_connections_is_lost_at_once_unless_it_shows_life() {
        let sessions = Sessions::default();
        sessions.touch(1, 0);
        sessions.refused(1, 100);
        sessions.refused(1, 300);
        assert_eq!(sessions.lost(1, 100 + REFUSED_MS_MAX - 1, 9_000), None);
        assert_eq!(sessions.lost(1, 100 + REFUSED_MS_MAX, 9_000), Some(Lost::Refuses));
        sessions.touch(1, 200);
        assert_eq!(sessions.lost(1, 100 + REFUSED_MS_MAX, 9_000), None);
        sessions.refused(1, 300);
        sessions.not_refused(1);
        assert_eq!(sessions.lost(1, 5_000, 9_000), None);
    }
}
