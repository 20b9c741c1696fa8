//! What the machine asks of its owner: records to append, answers to give.
//!
//! A handler changes nothing durable. It says which records are to be written and what then follows; the owner appends them,
//! hands the [`Write`] back through [`Shard::appended`](super::Shard::appended), and when the high watermark has passed it through
//! [`Shard::committed`](super::Shard::committed), which yields the answers. If the append was refused,
//! [`Shard::failed`](super::Shard::failed) yields them instead.

use super::record::Record;
use bytes::Bytes;
use headrace_protocol::messages::delete_groups::DeleteGroupsResponse;
use headrace_protocol::messages::join_group::JoinGroupResponse;
use headrace_protocol::messages::leave_group::LeaveGroupResponse;
use headrace_protocol::messages::offset_commit::OffsetCommitResponse;
use headrace_protocol::messages::offset_delete::OffsetDeleteResponse;
use headrace_protocol::messages::sync_group::SyncGroupResponse;
use headrace_protocol::{ErrorCode, Str};
use std::collections::BTreeMap;

/// A tombstone is a key of at most some hundred bytes, so that a batch of these stays far below `message.max.bytes`.
const TOMBSTONES_PER_BATCH_MAX: usize = 500;

/// Names one request whose answer may come later. Chosen by the owner, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// The answer to the request that `token` names.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub token: Token,
    pub response: Response,
}

macro_rules! responses {
    ($($variant:ident($message:ident),)*) => {
        /// An answer that may have had to wait.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Response {
            $($variant($message),)*
        }

        $(impl TryFrom<Response> for $message {
            type Error = Response;

            /// The message itself; the answer to another kind of request is given back.
            fn try_from(response: Response) -> Result<Self, Response> {
                match response {
                    Response::$variant(message) => Ok(message),
                    other => Err(other),
                }
            }
        })*
    };
}

responses! {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
    Leave(LeaveGroupResponse),
    OffsetCommit(OffsetCommitResponse),
    OffsetDelete(OffsetDeleteResponse),
    DeleteGroups(DeleteGroupsResponse),
}

/// Records to append as one batch, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    pub records: Vec<Record>,
    pub(super) then: Then,
}

/// What follows when a write has been committed, or refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Then {
    Nothing,
    /// The request succeeded; if the write fails, the same answer with the error in place of every success.
    Reply(Reply),
    /// The leader's assignment is durable: give it to the members, if the group is still in that generation.
    Assign {
        group: Str,
        generation: i32,
        assignments: BTreeMap<Str, Bytes>,
    },
    /// A static member came back under a new id without a rebalance.
    ReplaceStaticMember(Box<StaticReplacement>),
}

/// What is needed to answer, or to take back, the replacement of a static member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StaticReplacement {
    pub(super) group: Str,
    pub(super) new_id: Str,
    /// The member as it was, to put back if the write fails.
    pub(super) old: super::member::Member,
    pub(super) old_leader: Option<Str>,
    pub(super) api_version: i16,
}

/// What one event led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Answers that can be given now.
    pub replies: Vec<Reply>,
    /// Batches to append, in order.
    pub writes: Vec<Write>,
}

impl Effects {
    pub(super) fn reply(&mut self, token: Token, response: Response) {
        self.replies.push(Reply { token, response });
    }

    pub(super) fn write(&mut self, records: Vec<Record>, then: Then) {
        self.writes.push(Write { records, then });
    }

    /// Records that no one waits for, in batches of a bounded size.
    pub(super) fn write_in_batches(&mut self, mut records: Vec<Record>) {
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(TOMBSTONES_PER_BATCH_MAX));
            self.write(std::mem::replace(&mut records, rest), Then::Nothing);
        }
    }

    /// Answers once `records` are committed; at once if there are none.
    pub(super) fn reply_after(&mut self, records: Vec<Record>, token: Token, response: Response) {
        if records.is_empty() {
            self.reply(token, response);
        } else {
            self.write(records, Then::Reply(Reply { token, response }));
        }
    }
}

impl Response {
    /// The same answer with `error` wherever it said that something succeeded.
    pub(super) fn failed(mut self, error: ErrorCode) -> Self {
        let fail = |code: &mut ErrorCode| {
            if *code == ErrorCode::NONE {
                *code = error;
            }
        };
        match &mut self {
            Self::Join(response) => fail(&mut response.error_code),
            Self::Sync(response) => fail(&mut response.error_code),
            Self::Leave(response) => fail(&mut response.error_code),
            Self::OffsetCommit(response) => {
                response
                    .topics
                    .iter_mut()
                    .flat_map(|t| &mut t.partitions)
                    .for_each(|p| fail(&mut p.error_code));
            }
            Self::OffsetDelete(response) => fail(&mut response.error_code),
            Self::DeleteGroups(response) => response.results.iter_mut().for_each(|r| fail(&mut r.error_code)),
        }
        self
    }
}

/// The error a client sees when the coordinator could not write its records: as Kafka's coordinator maps them, so that clients
/// look for the coordinator again, or retry, rather than give up.
pub(super) fn write_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::REQUEST_TIMED_OUT => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::KAFKA_STORAGE_ERROR => ErrorCode::NOT_COORDINATOR,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE | ErrorCode::INVALID_FETCH_SIZE => {
            ErrorCode::UNKNOWN_SERVER_ERROR
        }
        other => other,
    }
}
