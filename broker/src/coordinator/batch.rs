//! Records of a shard as a batch for its log.

use bytes::Bytes;
use headrace_protocol::ErrorCode;
use headrace_records::{BatchBuilder, Compression};
use headrace_state::group::Record;

/// One batch with all of `records`, in their order.
pub(super) fn encode(records: &[Record], compression: Compression, now_ms: i64) -> Result<Bytes, ErrorCode> {
    let mut builder = BatchBuilder::new(compression);
    for record in records {
        let (key, value) = record.encode().map_err(|error| {
            tracing::warn!(%error, "a record of a group cannot be encoded");
            ErrorCode::UNKNOWN_SERVER_ERROR
        })?;
        builder.append(now_ms, Some(&key), value.as_deref(), &[]).map_err(too_large)?;
    }
    builder.build().map_err(too_large)
}

fn too_large(error: impl std::fmt::Display) -> ErrorCode {
    tracing::warn!(%error, "records of a group do not fit a batch");
    ErrorCode::MESSAGE_TOO_LARGE
}
