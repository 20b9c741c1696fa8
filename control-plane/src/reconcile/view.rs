//! What the brokers say of their cluster, boiled down to what plans and the status need. Pure.
//!
//! Made from Kafka's own answers (Metadata, DescribeConfigs, DescribeQuorum), so that any engine can give them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use headrace_protocol::messages::metadata::{MetadataResponse, MetadataResponsePartition};

use crate::domain::health::Partitions;

/// Partitions that are named where some of many are told about.
const NAMED_MAX: usize = 5;

/// `min.insync.replicas` by topic.
pub(crate) type MinIsr = BTreeMap<String, usize>;

/// The metadata quorum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Quorum {
    /// Who decides.
    pub(crate) voters: BTreeSet<i32>,
    /// Whether brokers can be made voters at run time.
    pub(crate) grows: bool,
}

/// A cluster as its brokers see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct View {
    /// Who leads the metadata quorum.
    pub(crate) controller: Option<i32>,
    /// `None` when the brokers do not say.
    pub(crate) quorum: Option<Quorum>,
    /// The brokers that serve.
    pub(crate) live: BTreeSet<i32>,
    /// All partitions, counted.
    pub(crate) partitions: Partitions,
    /// What each broker has of them.
    pub(crate) shares: BTreeMap<i32, Share>,
}

/// What one broker has of a cluster's partitions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Share {
    /// Partitions that it leads.
    pub(crate) leaders: u32,
    /// Partitions of which it has a replica.
    pub(crate) replicas: u32,
    /// Those of which its replica is not in sync.
    pub(crate) behind: Named,
    /// Those that need it: without it they would have too few in-sync replicas.
    pub(crate) needed: Named,
    /// Those of which nobody else that serves has an in-sync replica: what they hold may be nowhere else.
    pub(crate) only: Named,
}

/// A number of partitions, and the first of them by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Named {
    count: usize,
    first: Vec<String>,
}

impl Named {
    fn add(&mut self, topic: &str, partition: i32) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(format!("{topic}-{partition}"));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first.join(", "))?;
        match self.count.saturating_sub(self.first.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The topics of which a replica is not in sync: only of these does it matter what their `min.insync.replicas` is.
pub(crate) fn short_topics(metadata: &MetadataResponse) -> Vec<&str> {
    let is_short =
        |partition: &MetadataResponsePartition| partition.isr_nodes.len() < partition.replica_nodes.len();
    let short = metadata.topics.iter().filter(|topic| topic.partitions.iter().any(is_short));
    short.filter_map(|topic| topic.name.as_deref()).collect()
}

impl View {
    /// From all topics' metadata and the `min.insync.replicas` of the short ones. One that is not known is taken to be as
    /// high as it can be.
    pub(crate) fn new(metadata: &MetadataResponse, min_isr: &MinIsr, quorum: Option<Quorum>) -> Self {
        let mut view = Self {
            controller: (metadata.controller_id >= 0).then_some(metadata.controller_id),
            quorum,
            live: metadata.brokers.iter().map(|broker| broker.node_id).collect(),
            partitions: Partitions { under_min_isr: Some(0), ..Partitions::default() },
            shares: BTreeMap::new(),
        };
        for topic in &metadata.topics {
            let Some(name) = topic.name.as_deref() else { continue };
            for partition in &topic.partitions {
                view.count(name, partition, min_isr.get(name).copied());
            }
        }
        view
    }

    fn count(&mut self, topic: &str, partition: &MetadataResponsePartition, min_isr: Option<usize>) {
        let (replicas, isr) = (&partition.replica_nodes, &partition.isr_nodes);
        let counts = &mut self.partitions;
        counts.total += 1;
        counts.offline += u32::from(partition.leader_id < 0);
        if isr.len() < replicas.len() {
            counts.under_replicated += 1;
            counts.under_min_isr = counts
                .under_min_isr
                .zip(min_isr)
                .map(|(count, min)| count + u32::from(isr.len() < min.min(replicas.len())));
        }
        // Where all replicas are in sync, one may always go: nothing better can be waited for.
        let others_needed = min_isr.unwrap_or(usize::MAX).min(replicas.len().saturating_sub(1));
        for id in replicas {
            let share = self.shares.entry(*id).or_default();
            share.replicas += 1;
            share.leaders += u32::from(partition.leader_id == *id);
            if !isr.iter().any(|other| other != id && self.live.contains(other)) {
                share.only.add(topic, partition.partition_index);
            }
            if !isr.contains(id) {
                share.behind.add(topic, partition.partition_index);
            } else if isr.len() - 1 < others_needed {
                share.needed.add(topic, partition.partition_index);
            }
        }
    }

    /// Whether a broker can be stopped without a partition falling below `min.insync.replicas` and without the metadata
    /// quorum losing its majority; if not, why.
    pub(crate) fn may_stop(&self, id: i32) -> Result<(), String> {
        let needed = self.shares.get(&id).map(|share| &share.needed);
        if let Some(needed) = needed.filter(|needed| !needed.is_empty()) {
            return Err(format!("without broker {id} too few in-sync replicas would be left of {needed}"));
        }
        let Some((others, voters)) = self.voters_without(id) else { return Ok(()) };
        // One voter, or two, cannot spare any: then all the others is as good as it gets.
        if others >= (voters / 2 + 1).min(voters - 1) {
            return Ok(());
        }
        Err(format!("without broker {id} only {others} of {voters} voters of the metadata quorum would run"))
    }

    /// How many voters would run without one of them, and of how many; `None` where it has no vote.
    fn voters_without(&self, id: i32) -> Option<(usize, usize)> {
        let voters = &self.quorum.as_ref().filter(|quorum| quorum.voters.contains(&id))?.voters;
        let others = voters.iter().filter(|voter| **voter != id && self.live.contains(voter)).count();
        Some((others, voters.len()))
    }

    /// Whether a broker's data can be given up without a record being lost, nor the metadata quorum; if not, why.
    pub(crate) fn may_lose(&self, id: i32) -> Result<(), String> {
        if let Some(only) = self.shares.get(&id).map(|share| &share.only).filter(|only| !only.is_empty()) {
            return Err(format!("only broker {id} has all records of {only}"));
        }
        match self.voters_without(id) {
            Some((_, 1)) => Err(format!(
                "broker {id} is the only voter of the metadata quorum: give the cluster at least three brokers"
            )),
            // It is the others who have to agree that it votes no more.
            Some((others, voters)) if others < voters / 2 + 1 => Err(format!(
                "without broker {id} only {others} of {voters} voters of the metadata quorum would be left"
            )),
            _ => Ok(()),
        }
    }

    /// The partitions of which a broker has a replica that is not in sync, if there are any.
    pub(crate) fn behind(&self, id: i32) -> Option<&Named> {
        self.shares.get(&id).map(|share| &share.behind).filter(|behind| !behind.is_empty())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use headrace_protocol::messages::metadata::{MetadataResponseBroker, MetadataResponseTopic};

    use super::{MetadataResponse, MetadataResponsePartition, MinIsr, Quorum, View, short_topics};

    /// A cluster of live brokers with one topic; each partition is its leader, its replicas and its in-sync ones.
    pub(crate) fn metadata(live: &[i32], partitions: &[(i32, &[i32], &[i32])]) -> MetadataResponse {
        let partition =
            |(index, (leader, replicas, isr)): (i32, &(i32, &[i32], &[i32]))| MetadataResponsePartition {
                partition_index: index,
                leader_id: *leader,
                replica_nodes: replicas.to_vec(),
                isr_nodes: isr.to_vec(),
                ..Default::default()
            };
        let topic = MetadataResponseTopic {
            name: Some("t".into()),
            partitions: (0..).zip(partitions).map(partition).collect(),
            ..Default::default()
        };
        let broker = |id: &i32| MetadataResponseBroker { node_id: *id, ..Default::default() };
        MetadataResponse {
            brokers: live.iter().map(broker).collect(),
            controller_id: live.first().copied().unwrap_or(-1),
            topics: vec![topic],
            ..Default::default()
        }
    }

    fn min_isr(min: usize) -> MinIsr {
        [("t".to_owned(), min)].into()
    }

    #[test]
    fn a_broker_may_stop_when_every_partition_keeps_its_in_sync_replicas() {
        let all: &[i32] = &[1, 2, 3];
        for (case, replicas, isr, min, may_stop) in [
            ("all in sync", all, all, 2, [true, true, true]),
            ("all in sync, and all of them are needed", all, all, 3, [true, true, true]),
            ("one is away", all, &[1, 2], 2, [false, false, true]),
            ("one is away, and one is enough", all, &[1, 2], 1, [true, true, true]),
            ("two are away", all, &[1], 1, [false, true, true]),
            ("two of two", &[1, 2], &[1, 2], 2, [true, true, true]),
            ("the only replica", &[1], &[1], 1, [true, true, true]),
        ] {
            let view = View::new(&metadata(all, &[(1, replicas, isr)]), &min_isr(min), None);
            assert_eq!([1, 2, 3].map(|id| view.may_stop(id).is_ok()), may_stop, "{case}");
        }
        let unknown = View::new(&metadata(all, &[(1, all, &[1, 2])]), &MinIsr::new(), None);
        assert!(unknown.may_stop(1).is_err(), "what is not known is not risked");
        assert_eq!(unknown.partitions.under_min_isr, None);
    }

    #[test]
    fn the_metadata_quorum_keeps_its_majority() {
        for (voters, live, may_stop) in [
            (&[1, 2, 3][..], &[1, 2, 3][..], [true, true, true, true]),
            (&[1, 2, 3], &[1, 2, 4], [false, false, true, true]),
            (&[1], &[1, 2, 3], [true, true, true, true]),
            (&[1, 2], &[1, 2], [true, true, true, true]),
            (&[1, 2], &[1], [false, true, true, true]),
            (&[1, 2, 3, 4, 5], &[1, 2, 3, 4], [true, true, true, true]),
        ] {
            let quorum = Quorum { voters: voters.iter().copied().collect(), grows: true };
            let view = View::new(&metadata(live, &[]), &MinIsr::new(), Some(quorum));
            let got = [1, 2, 3, 4].map(|id| view.may_stop(id).is_ok());
            assert_eq!(got, may_stop, "voters {voters:?}, live {live:?}");
        }
    }

    #[test]
    fn partitions_are_counted_and_the_short_ones_named() {
        let partitions: Vec<(i32, &[i32], &[i32])> = vec![
            (1, &[1, 2], &[1, 2]),
            (2, &[2, 3], &[2]),
            (-1, &[3], &[3]),
            (2, &[1, 2], &[2]),
            (2, &[2, 1], &[2]),
            (2, &[2, 1], &[2]),
            (2, &[2, 1], &[2]),
            (2, &[2, 1], &[2]),
            (2, &[2, 1], &[2]),
        ];
        let metadata = metadata(&[2, 1], &partitions);
        assert_eq!(short_topics(&metadata), ["t"]);
        let view = View::new(&metadata, &min_isr(2), None);
        let counts = view.partitions;
        assert_eq!(
            (counts.total, counts.under_replicated, counts.under_min_isr, counts.offline),
            (9, 7, Some(7), 1)
        );
        assert_eq!((view.shares[&2].leaders, view.shares[&2].replicas), (7, 8));
        assert_eq!(view.behind(1).expect("behind").to_string(), "t-3, t-4, t-5, t-6, t-7 and 1 more");
        assert_eq!((view.behind(2), view.controller), (None, Some(2)));
        assert_eq!(view.may_lose(1), Ok(()));
        assert!(view.may_lose(2).is_err_and(|why| why.contains("t-1, t-3, t-4, t-5, t-6 and 2 more")));
        assert!(view.may_lose(3).is_err_and(|why| why.ends_with("of t-2")), "it alone has the partition");
    }

    #[test]
    fn a_disk_is_not_given_up_where_the_metadata_quorum_would_go_with_it() {
        let metadata = |live: &[i32]| metadata(live, &[(2, &[1, 2, 3], &[1, 2, 3])]);
        let view = |live: &[i32], voters: &[i32]| {
            let quorum = Quorum { voters: voters.iter().copied().collect(), grows: true };
            View::new(&metadata(live), &min_isr(2), Some(quorum))
        };
        assert_eq!(view(&[1, 2, 3], &[1, 2, 3]).may_lose(1), Ok(()));
        assert_eq!(view(&[2, 3], &[1, 2, 3]).may_lose(1), Ok(()), "its disk is lost already");
        assert_eq!(view(&[1, 2, 3], &[2]).may_lose(1), Ok(()), "it has no vote");
        let says = |view: &View, why: &str| assert!(view.may_lose(1).is_err_and(|said| said.contains(why)));
        says(&view(&[1, 2, 3], &[1]), "the only voter");
        says(&view(&[1, 2, 3], &[1, 3]), "only 1 of 2 voters");
        says(&view(&[1, 2], &[1, 2, 3]), "only 1 of 3 voters");
    }
}
