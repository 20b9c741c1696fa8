//! The one place of this crate that reads the clock. Everything else takes the time as an argument.

use chrono::{DateTime, SubsecRound, Utc};

/// Now, cut to the microseconds that Postgres keeps, so that what is written equals what is read back.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the rest of the crate is given")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
