//! Where new replicas go: round-robin over the brokers, no two of one partition in a rack as long as there are racks.

use std::collections::BTreeMap;

use headrace_protocol::Str;

use super::model::BrokerId;

/// A broker that may get replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: BrokerId,
    pub rack: Option<Str>,
}

/// There are fewer brokers than replicas.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Unable to replicate the partition {wanted} time(s): The target replication factor of {wanted} cannot be reached \
     because only {available} broker(s) are registered and not fenced."
)]
pub struct TooFewBrokers {
    pub wanted: usize,
    pub available: usize,
}

/// Replicas, the preferred leader first, for partitions `first..first + count`. The same arguments give the same
/// answer; another `seed` starts at another broker, so that small topics do not all begin at the first one.
pub fn place(
    brokers: &[Candidate],
    first: usize,
    count: usize,
    replication_factor: usize,
    seed: u64,
) -> Result<Vec<Vec<BrokerId>>, TooFewBrokers> {
    let available = brokers.len();
    if replication_factor > available || available == 0 {
        return Err(TooFewBrokers { wanted: replication_factor, available });
    }
    let ring = alternate_racks(brokers);
    let racks = ring.iter().map(|broker| &broker.rack).collect::<std::collections::BTreeSet<_>>().len();
    let start = usize::try_from(seed % available as u64).unwrap_or(0);
    Ok((first..first + count)
        .map(|partition| {
            // Once around the ring, the followers shift by one: a failed leader's load spreads over all others.
            let shift = (partition / available) % available.max(2).saturating_sub(1);
            choose(&ring, (start + partition) % available, shift, replication_factor, racks)
        })
        .collect())
}

/// All brokers, neighbours in different racks where possible.
fn alternate_racks(brokers: &[Candidate]) -> Vec<&Candidate> {
    let mut by_rack: BTreeMap<&Option<Str>, Vec<&Candidate>> = BTreeMap::new();
    for broker in brokers {
        by_rack.entry(&broker.rack).or_default().push(broker);
    }
    for members in by_rack.values_mut() {
        members.sort_by_key(|broker| broker.id);
    }
    let deepest = by_rack.values().map(Vec::len).max().unwrap_or(0);
    (0..deepest)
        .flat_map(|depth| by_rack.values().filter_map(move |members| members.get(depth).copied()))
        .collect()
}

/// One partition's replicas: the leader at `at`, then along the ring, first one per rack, then what is left.
fn choose(ring: &[&Candidate], at: usize, shift: usize, replicas: usize, racks: usize) -> Vec<BrokerId> {
    let others = ring.len() - 1;
    let mut chosen = vec![ring[at]];
    let walk = || (0..others).map(|step| ring[(at + 1 + (shift + step) % others) % ring.len()]);
    for broker in walk() {
        if chosen.len() < replicas.min(racks) && chosen.iter().all(|taken| taken.rack != broker.rack) {
            chosen.push(broker);
        }
    }
    for broker in walk() {
        if chosen.len() < replicas && chosen.iter().all(|taken| taken.id != broker.id) {
            chosen.push(broker);
        }
    }
    chosen.into_iter().map(|broker| broker.id).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn brokers(racks: &[&str]) -> Vec<Candidate> {
        let rack = |name: &str| (!name.is_empty()).then(|| Str::from(name));
        (1..).zip(racks).map(|(id, name)| Candidate { id, rack: rack(name) }).collect()
    }

    #[test]
    fn leaders_and_replicas_are_even_and_distinct() {
        for (racks, rf) in
            [(vec![""; 5], 3), (vec!["a", "b", "c"], 3), (vec!["a", "a", "b", "b", "c", "c"], 2)]
        {
            let n = racks.len();
            let placed = place(&brokers(&racks), 0, n * 12, rf, 7).unwrap();
            let (mut leads, mut holds) = (vec![0; n + 1], vec![0; n + 1]);
            for replicas in &placed {
                assert_eq!(replicas.iter().collect::<BTreeSet<_>>().len(), rf);
                leads[replicas[0] as usize] += 1;
                replicas.iter().for_each(|&id| holds[id as usize] += 1);
            }
            assert!(leads[1..].iter().all(|&count| count == 12), "{racks:?}: {leads:?}");
            let (min, max) = (holds[1..].iter().min().unwrap(), holds[1..].iter().max().unwrap());
            assert!(max - min <= 12, "{racks:?}: {holds:?}");
        }
    }

    #[test]
    fn no_two_replicas_share_a_rack_while_there_are_racks() {
        let all = brokers(&["a", "a", "a", "b", "c"]);
        let rack = |id: BrokerId| all[id as usize - 1].rack.clone();
        for seed in 0..20 {
            for replicas in place(&all, 0, 50, 3, seed).unwrap() {
                assert_eq!(replicas.iter().map(|&id| rack(id)).collect::<BTreeSet<_>>().len(), 3);
            }
        }
        // More replicas than racks: still distinct brokers.
        for replicas in place(&all, 0, 50, 5, 1).unwrap() {
            assert_eq!(replicas.into_iter().collect::<BTreeSet<_>>().len(), 5);
        }
    }

    #[test]
    fn too_few_brokers_and_determinism() {
        assert_eq!(place(&brokers(&["", ""]), 0, 1, 3, 0), Err(TooFewBrokers { wanted: 3, available: 2 }));
        assert!(place(&[], 0, 1, 1, 0).is_err());
        let all = brokers(&["a", "b", "c"]);
        assert_eq!(place(&all, 0, 9, 2, 4), place(&all, 0, 9, 2, 4));
        // Partitions added later go on where the first ones ended.
        assert_eq!(place(&all, 0, 9, 2, 4).unwrap()[4..], place(&all, 4, 5, 2, 4).unwrap());
        assert_eq!(place(&brokers(&[""]), 0, 3, 1, 99).unwrap(), [[1], [1], [1]]);
    }
}
