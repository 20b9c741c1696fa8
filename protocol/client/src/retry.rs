//! Trying again: exponential pauses with jitter, and an end.

use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep};

use crate::Error;

/// The first pause; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Each pause is between this share of its length and all of it, so that clients do not come back in step.
const JITTER_LEAST: f64 = 0.5;

/// One operation's attempts.
pub(crate) struct Retry {
    started: Instant,
    limit: Duration,
    pause: Duration,
}

impl Retry {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { started: Instant::now(), limit, pause: PAUSE_FIRST }
    }

    /// Waits before the next attempt, or gives up with the last error.
    pub(crate) async fn pause_after(
        &mut self,
        error: Error,
        doing: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        let pause = self.pause.mul_f64(rand::rng().random_range(JITTER_LEAST..=1.0));
        if self.started.elapsed() + pause >= self.limit {
            return Err(Error::GaveUp { doing: doing(), after: self.limit, last: Box::new(error) });
        }
        tracing::debug!(%error, ?pause, "trying again");
        sleep(pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}
