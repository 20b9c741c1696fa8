//! What the brokers say, with the simulated time and the node in front.

use std::fmt;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

static NOW_MS: AtomicU64 = AtomicU64::new(0);
static NODE: AtomicI32 = AtomicI32::new(0);

/// From now on, this node speaks, or (0) the clients and the simulation.
pub(crate) fn at(now_ms: u64, node: i32) {
    NOW_MS.store(now_ms, Ordering::Relaxed);
    NODE.store(node, Ordering::Relaxed);
}

struct Simulated;

impl FormatTime for Simulated {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{:>7} n{}", NOW_MS.load(Ordering::Relaxed), NODE.load(Ordering::Relaxed))
    }
}

/// Shows what the filter lets through, on standard error. Without hash maps, each of which would draw from the randomness that the run
/// depends on.
pub(crate) fn show(filter: &str) -> anyhow::Result<()> {
    let targets: Targets = filter.parse()?;
    let lines =
        tracing_subscriber::fmt::layer().with_timer(Simulated).with_ansi(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
    Ok(())
}
