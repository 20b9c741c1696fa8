//! Reads that must go to disk, off the reactor. Behind one trait, so that a simulation can do them inline.

use std::pin::Pin;

use headrace_log::{ColdRead, ReadResult};
use headrace_protocol::ErrorCode;

/// Runs reads that would block.
pub(crate) trait DiskReads: Send + Sync {
    fn read(&self, cold: ColdRead) -> Pin<Box<dyn Future<Output = Result<ReadResult, ErrorCode>> + Send>>;
}

/// Runs them on the io thread's small pool of helper threads, which is empty while nobody reads from disk.
#[derive(Debug)]
pub(crate) struct HelperThreads;

impl DiskReads for HelperThreads {
    fn read(&self, cold: ColdRead) -> Pin<Box<dyn Future<Output = Result<ReadResult, ErrorCode>> + Send>> {
        let running = tokio::task::spawn_blocking(move || cold.run());
        Box::pin(async move {
            match running.await {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(error)) => {
                    tracing::error!(%error, "a read from disk failed");
                    Err(ErrorCode(error.kafka_code()))
                }
                Err(_) => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
            }
        })
    }
}
