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

impl Engine {
    /// The engine's versions and, for the default engine, those that the provider has besides; the default first.
    pub(crate) fn versions_with(&self, others: &[String]) -> Vec<String> {
        let mut versions: Vec<String> = self.versions.iter().map(|version| (*version).to_owned()).collect();
        if self.kind == ALL[0].kind {
            let others: Vec<&String> = others.iter().filter(|other| !versions.contains(other)).collect();
            versions.extend(others.into_iter().rev().cloned().collect::<Vec<_>>());
        }
        versions
    }
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
