//! How many replicas there are of what: as asked for, or by the number of brokers. Pure.

use std::collections::BTreeMap;

use super::cluster::Spec;

/// How many replicas a topic has that does not say.
pub(crate) const FACTOR_KEY: &str = "default.replication.factor";
/// How many of them must have a record before a producer with `acks=all` is told so.
pub(crate) const MIN_ISR_KEY: &str = "min.insync.replicas";
/// How many replicas the committed offsets of consumer groups have.
const OFFSETS_KEY: &str = "offsets.topic.replication.factor";
/// Replicas, and voters of the metadata quorum, where there are as many brokers: any one of them may fail.
const REPLICAS: u32 = 3;
/// With three replicas: one may fail without a write being refused, and another without one being lost.
const MIN_ISR: u32 = 2;

/// Replicas of a topic that does not say how many.
pub(crate) fn factor(spec: &Spec) -> u32 {
    let by_size = REPLICAS.min(spec.brokers.max(1));
    spec.replication_factor.or_else(|| configured(spec, FACTOR_KEY)).unwrap_or(by_size)
}

/// In-sync replicas that a write needs.
pub(crate) fn min_isr(spec: &Spec) -> u32 {
    let by_size = if factor(spec) >= REPLICAS { MIN_ISR } else { 1 };
    spec.min_insync_replicas.or_else(|| configured(spec, MIN_ISR_KEY)).unwrap_or(by_size)
}

/// What follows from the spec for every broker's configuration; what its `config` names goes over it.
pub(crate) fn properties(spec: &Spec) -> BTreeMap<&'static str, String> {
    let offsets = REPLICAS.min(spec.brokers.max(1));
    BTreeMap::from([
        (FACTOR_KEY, factor(spec).to_string()),
        (MIN_ISR_KEY, min_isr(spec).to_string()),
        (OFFSETS_KEY, offsets.to_string()),
    ])
}

/// How many brokers vote on the cluster's metadata. Two would be worse than one: either could stop both.
pub(crate) const fn voters(brokers: u32) -> u32 {
    if brokers < REPLICAS { 1 } else { REPLICAS }
}

fn configured(spec: &Spec, key: &str) -> Option<u32> {
    spec.config.get(key)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{factor, min_isr, properties};
    use crate::domain::cluster::Spec;

    fn spec(brokers: u32) -> Spec {
        Spec::of(brokers)
    }

    #[test]
    fn replicas_follow_the_number_of_brokers_unless_they_are_asked_for() {
        for (brokers, expected) in [(1, (1, 1)), (2, (2, 1)), (3, (3, 2)), (100, (3, 2))] {
            assert_eq!((factor(&spec(brokers)), min_isr(&spec(brokers))), expected, "{brokers} brokers");
        }
        let asked = Spec { replication_factor: Some(5), min_insync_replicas: Some(3), ..spec(5) };
        assert_eq!((factor(&asked), min_isr(&asked)), (5, 3));
        let two = Spec { replication_factor: Some(2), ..spec(3) };
        assert_eq!(min_isr(&two), 1, "two of two would let no broker be restarted");
        let configured =
            Spec { config: [("default.replication.factor".to_owned(), "2".to_owned())].into(), ..spec(3) };
        assert_eq!((factor(&configured), min_isr(&configured)), (2, 1));
        assert_eq!(properties(&spec(2))["offsets.topic.replication.factor"], "2");
    }
}
