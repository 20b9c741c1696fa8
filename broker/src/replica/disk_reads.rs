//! Reads that must go to disk, off the reactor. Behind one trait, so that a simulation can do them inline.

use std::pin::Pin;

use headrace_log::{ColdRead, ReadError, ReadResult};
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
pub(crate) struct HelperThreads;

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

fn failed(error: &ReadError) -> ErrorCode {
    tracing::error!(%error, "a read from disk failed");
    ErrorCode(error.kafka_code())
}
