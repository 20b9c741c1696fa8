//! What a shard needs of its partition's log. A trait, so that the coordinator is tested without a disk.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use headrace_metadata::Blocking;
use headrace_protocol::ErrorCode;

use crate::replica::Partition;

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One partition of `__consumer_offsets` while this broker leads it, in one leader epoch.
pub(super) trait GroupLog: Send + Sync {
    /// Appends a batch; the offset behind it.
    fn append(&self, batch: Bytes) -> Result<i64, ErrorCode>;
    /// What lies before this offset is committed; nothing can be said any more once leadership is lost.
    fn high_watermark(&self) -> i64;
    /// Resolves when the high watermark has reached `end_offset`, or leadership is lost.
    fn committed(&self, end_offset: i64) -> BoxFuture<'_, Result<(), ErrorCode>>;
    fn start_offset(&self) -> i64;
    fn end_offset(&self) -> i64;
    /// Whole batches from the one that holds `offset` on.
    fn read(&self, offset: i64, max_bytes: usize) -> BoxFuture<'_, Result<Vec<Bytes>, ErrorCode>>;
}

pub(super) struct LedPartition {
    pub(super) partition: Arc<Partition>,
    pub(super) leader_epoch: i32,
    pub(super) blocking: Blocking,
}

impl GroupLog for LedPartition {
    fn append(&self, batch: Bytes) -> Result<i64, ErrorCode> {
        self.partition.append_internal(batch, self.leader_epoch).map(|appended| appended.end_offset)
    }

    fn high_watermark(&self) -> i64 {
        self.partition.high_watermark_in(self.leader_epoch).unwrap_or(i64::MIN)
    }

    fn committed(&self, end_offset: i64) -> BoxFuture<'_, Result<(), ErrorCode>> {
        Box::pin(self.partition.committed(end_offset, self.leader_epoch))
    }

    fn start_offset(&self) -> i64 {
        self.partition.log_start_offset()
    }

    fn end_offset(&self) -> i64 {
        self.partition.log_end_offset()
    }

    fn read(&self, offset: i64, max_bytes: usize) -> BoxFuture<'_, Result<Vec<Bytes>, ErrorCode>> {
        Box::pin(self.partition.read_for_load(&self.blocking, offset, max_bytes))
    }
}
