//! The engines that a cluster can have, and what each can do.

/// An engine.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Its name.
    pub kind: &'static str,
    /// Newest first; a new cluster gets the first unless it names another.
    pub versions: &'static [&'static str],
    /// More brokers than this in one cluster are refused; a provider may have room for fewer.
    pub brokers_max: u32,
    /// What can be done with its clusters.
    pub features: &'static [&'static str],
}

/// Every engine; the first is the default.
pub(crate) const ALL: &[Engine] = &[Engine {
    kind: "headrace",
    versions: &[env!("CARGO_PKG_VERSION")],
    brokers_max: 1_000,
    features: &["config", "events", "metrics", "replication", "scale_out", "topics"],
}];

/// The engine of that name.
pub(crate) fn find(kind: &str) -> Option<&'static Engine> {
    ALL.iter().find(|engine| engine.kind == kind)
}
