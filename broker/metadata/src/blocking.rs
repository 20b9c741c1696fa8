//! Where work that blocks is done: on threads, or, where a simulation owns the time, in the calling task.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

/// Cheap to clone.
#[derive(Clone, Default)]
pub enum Blocking {
    /// On the runtime's helper threads, or on a thread of its own.
    #[default]
    Threads,
    /// In the calling task. Each piece of work takes as long as the function says, in the runtime's time.
    Inline(Arc<dyn Fn() -> Duration + Send + Sync>),
}

impl Blocking {
    /// Runs `work`. An error means that it panicked, or that the runtime ends.
    pub fn run<T, F>(&self, work: F) -> impl Future<Output = Result<T, JoinError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let this = self.clone();
        async move {
            match this {
                Self::Threads => tokio::task::spawn_blocking(work).await,
                Self::Inline(takes) => {
                    tokio::time::sleep(takes()).await;
                    Ok(work())
                }
            }
        }
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Threads => "Threads",
            Self::Inline(_) => "Inline",
        })
    }
}
