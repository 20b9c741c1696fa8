//! Reads that must go to disk, off the reactor. Behind one trait, so that a simulation can do them inline.

use std::pin::Pin;

use headrace_log::{ColdRead, ReadError, ReadResult};
use headrace_metadata::Blocking;
use headrace_protocol::ErrorCode;

/// Runs reads that would block.
pub(crate) trait DiskReads: Send + Sync {
    fn read(&self, cold: ColdRead) -> Pin<Box<dyn Future<Output = Result<ReadResult, ErrorCode>> + Send>>;
}

/// A read that may be longer goes to a helper thread even if all of it is in memory, in bytes.
const INLINE_READ_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Copies at once what the page cache holds. Runs the others on the io thread's small pool of helper threads, which is empty
/// while nobody reads from disk.
#[derive(Debug)]
struct HelperThreads;

impl DiskReads for HelperThreads {
    fn read(
        &self,
        mut cold: ColdRead,
    ) -> Pin<Box<dyn Future<Output = Result<ReadResult, ErrorCode>> + Send>> {
        if cold.max_bytes() <= INLINE_READ_BYTES_MAX
            && let Some(result) = cold.run_resident()
        {
            return Box::pin(async move {
                // Others on this thread have waited for the copying.
                tokio::task::yield_now().await;
                result.map_err(|error| failed(&error))
            });
        }
        let running = tokio::task::spawn_blocking(move || cold.run());
        Box::pin(async move {
            match running.await {
                Ok(result) => result.map_err(|error| failed(&error)),
                Err(_) => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
            }
        })
    }
}

/// In the calling task, for a simulation.
#[derive(Debug)]
struct Inline(Blocking);

impl DiskReads for Inline {
    fn read(&self, cold: ColdRead) -> Pin<Box<dyn Future<Output = Result<ReadResult, ErrorCode>> + Send>> {
        let blocking = self.0.clone();
        Box::pin(async move {
            let result = blocking.run(move || cold.run()).await;
            result.map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?.map_err(|error| failed(&error))
        })
    }
}

/// The reads that go with where blocking work is done.
pub(crate) fn disk_reads(blocking: &Blocking) -> Box<dyn DiskReads> {
    match blocking {
        Blocking::Threads => Box::new(HelperThreads),
        Blocking::Inline(_) => Box::new(Inline(blocking.clone())),
    }
}

fn failed(error: &ReadError) -> ErrorCode {
    tracing::error!(%error, "a read from disk failed");
    ErrorCode(error.kafka_code())
}
