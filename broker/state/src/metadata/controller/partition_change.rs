//! The one place that decides a partition's next state: who leads it, who is in sync, and who may lead although it is not (KIP-966).
//!
//! Whoever changes replicas, in-sync replicas or brokers says what is to be; [`Change::record`] finds the leader that follows
//! from it and the eligible leader replicas, and gives one record, or none if nothing changes.

use headrace_protocol::Uuid;

use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerId, NO_LEADER, Partition, Topic};
use crate::metadata::record::{LEADER_UNCHANGED, PartitionChangeRecord};

/// How a leader is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// The leader stays if it may; otherwise the first in-sync replica that may lead.
    Online,
    /// The first replica, if it is in sync and may lead.
    Preferred,
    /// As `Online`, and if nobody in sync is left, any replica that may lead: what the others had is lost.
    Unclean,
}

/// A partition on its way to its next state. Lists are the target, and begin as they are.
pub(super) struct Change<'a> {
    /// With the brokers as they are after the change.
    image: &'a Image,
    topic_id: Uuid,
    partition: &'a Partition,
    min_isr: usize,
    pub(super) replicas: Vec<BrokerId>,
    pub(super) isr: Vec<BrokerId>,
    pub(super) adding: Vec<BrokerId>,
    pub(super) removing: Vec<BrokerId>,
    pub(super) directories: Vec<Uuid>,
    /// A broker whose logs may have lost their ends.
    pub(super) unclean: Option<BrokerId>,
    pub(super) election: Election,
    /// The leader gets a new epoch even if it stays: its process is another (KIP-320).
    pub(super) new_epoch_for: Option<BrokerId>,
    /// The leader says that it recovered from an unclean election.
    pub(super) recovered: bool,
    /// A broker that has this replica anew, without anything in it.
    pub(super) emptied: Option<BrokerId>,
    /// An operator asked for a leader: even one with an empty disk will do.
    pub(super) accepts_empty: bool,
    /// All replicas have said where their logs end, and this one's has most.
    pub(super) recovers_with: Option<BrokerId>,
}

/// Who leads, and what that means for who is in sync.
struct Elected {
    leader: BrokerId,
    recovering: bool,
}

impl<'a> Change<'a> {
    pub(super) fn of(
        image: &'a Image,
        defaults: &BrokerDefaults,
        topic: &'a Topic,
        partition: &'a Partition,
    ) -> Self {
        let config = image.topic_config(&topic.name, defaults);
        Self {
            image,
            topic_id: topic.id,
            partition,
            min_isr: usize::try_from(config.i32("min.insync.replicas")).unwrap_or(1),
            replicas: partition.replicas.clone(),
            isr: partition.isr.clone(),
            adding: partition.adding.clone(),
            removing: partition.removing.clone(),
            directories: partition.directories.clone(),
            unclean: None,
            election: if config.bool("unclean.leader.election.enable") {
                Election::Unclean
            } else {
                Election::Online
            },
            new_epoch_for: None,
            recovered: false,
            emptied: None,
            accepts_empty: false,
            recovers_with: None,
        }
    }

    /// Takes a broker out of the in-sync replicas.
    pub(super) fn without(mut self, id: BrokerId) -> Self {
        self.isr.retain(|member| *member != id);
        self
    }

    /// Whether a broker lives and still has the directory in which it has this partition.
    pub(super) fn may_lead(&self, id: BrokerId) -> bool {
        self.image.is_live(id) && self.has_directory(id)
    }

    /// Whether a leader may go on: one that is shutting down does, until others have taken over.
    fn may_stay(&self, id: BrokerId) -> bool {
        self.image.broker(id).is_some_and(|broker| !broker.fenced) && self.has_directory(id)
    }

    /// By the directories as they are to be.
    pub(super) fn has_directory(&self, id: BrokerId) -> bool {
        is_present(self.image, &self.replicas, &self.directories, id)
    }

    fn first(&self, among: &[BrokerId]) -> Option<BrokerId> {
        self.replicas.iter().copied().find(|id| among.contains(id) && self.may_lead(*id))
    }

    /// Replicas that had everything acknowledged when they left the in-sync replicas, and have lost nothing since.
    fn eligible(&self) -> Vec<BrokerId> {
        let had = |id: &BrokerId| self.partition.isr.contains(id) || self.partition.elr.contains(id);
        let is_out =
            |id: &BrokerId| !self.isr.contains(id) && self.unclean != Some(*id) && self.emptied != Some(*id);
        self.replicas.iter().copied().filter(|id| had(id) && is_out(id)).collect()
    }

    fn elect(&mut self) -> Elected {
        let sound = |leader| Elected { leader, recovering: false };
        let preferred =
            self.replicas.first().copied().filter(|id| self.isr.contains(id) && self.may_lead(*id));
        if let (Election::Preferred, Some(preferred)) = (self.election, preferred) {
            return sound(preferred);
        }
        let leader = self.partition.leader;
        if self.isr.contains(&leader) && self.may_stay(leader) {
            return sound(leader);
        }
        if let Some(leader) = self.first(&self.isr) {
            return sound(leader);
        }
        let eligible = self.eligible();
        if let Some(leader) = self.first(&eligible) {
            self.isr = vec![leader];
            return sound(leader);
        }
        // Nobody is known to have everything. An only replica need not be compared with others, if it was the leader and has its log.
        let only = match *self.replicas {
            [id] if leader == id || self.partition.last_known_elr.contains(&id) => Some(id),
            _ => None,
        };
        let only = self.recovers_with.or(only);
        let only = only.filter(|id| self.may_lead(*id) && self.emptied != Some(*id));
        let only = only.filter(|_| self.isr.is_empty() && eligible.is_empty());
        let any = || self.least_bad().filter(|_| self.election == Election::Unclean);
        match only.or_else(any) {
            Some(leader) => {
                self.isr = vec![leader];
                self.move_to_present_directory(leader);
                Elected { leader, recovering: true }
            }
            None => sound(NO_LEADER),
        }
    }

    /// Whom to elect although it lacks records: one that has its log. One with an empty disk makes an end of all records, so it has to be
    /// asked for, or nobody registered has a log that may yet come back.
    fn least_bad(&self) -> Option<BrokerId> {
        let has_log = |id: &BrokerId| self.has_directory(*id) && self.emptied != Some(*id);
        let lives = |id: &BrokerId| self.image.is_live(*id);
        let living = || self.replicas.iter().copied().filter(lives);
        let may_return = |id: &BrokerId| self.image.broker(*id).is_some() && has_log(id);
        let empty_will_do = self.accepts_empty || !self.replicas.iter().any(may_return);
        living().find(has_log).or_else(|| living().next().filter(|_| empty_will_do))
    }

    /// A replica that lost its disk, and counts again, has its records in another directory now.
    pub(super) fn move_to_present_directory(&mut self, id: BrokerId) {
        if !self.has_directory(id) {
            self.set_directory(id, only_directory(self.image, id));
        }
    }

    /// The replica of this broker is in this directory from now on.
    pub(super) fn set_directory(&mut self, id: BrokerId, directory: Uuid) {
        self.directories.resize(self.replicas.len(), Uuid::ZERO);
        if let Some(at) = self.replicas.iter().position(|replica| *replica == id) {
            self.directories[at] = directory;
        }
    }

    /// Whom to fall back on while nobody leads, should all that have everything be lost: who led last, or another that had everything
    /// if that is no replica any more.
    fn last_resort(&self) -> Vec<BrokerId> {
        let before = self.partition;
        let last = if before.leader == NO_LEADER { &before.last_known_elr } else { &vec![before.leader] };
        let stays = |id: &&BrokerId| self.replicas.contains(id) && self.emptied != Some(**id);
        last.iter().chain(&before.isr).chain(&before.elr).find(stays).copied().into_iter().collect()
    }

    /// The record that makes it so; `None` if nothing changes.
    pub(super) fn record(mut self) -> Option<PartitionChangeRecord> {
        let Elected { leader, recovering } = self.elect();
        let before = self.partition;
        let min_isr = self.min_isr.min(self.replicas.len());
        let elr = if self.isr.len() >= min_isr { Vec::new() } else { self.eligible() };
        let last_known_elr = if leader == NO_LEADER { self.last_resort() } else { Vec::new() };
        let differs = |now: &Vec<BrokerId>, then: &[BrokerId]| (now != then).then(|| now.clone());
        let is_led_anew =
            leader != before.leader || self.new_epoch_for == Some(leader) && leader != NO_LEADER;
        let recovering = match (recovering, before.recovering) {
            (true, _) => 1,
            (false, true) if self.recovered => 0,
            _ => -1,
        };
        let record = PartitionChangeRecord {
            isr: differs(&self.isr, &before.isr),
            leader: if is_led_anew { leader } else { LEADER_UNCHANGED },
            replicas: differs(&self.replicas, &before.replicas),
            adding: differs(&self.adding, &before.adding),
            removing: differs(&self.removing, &before.removing),
            elr: differs(&elr, &before.elr),
            last_known_elr: differs(&last_known_elr, &before.last_known_elr),
            recovering,
            directories: (self.directories != before.directories).then_some(self.directories),
            ..PartitionChangeRecord::of(self.topic_id, before.index)
        };
        (record != PartitionChangeRecord::of(self.topic_id, before.index)).then_some(record)
    }
}

/// Whether the log directory that a replica is assigned to is still its broker's, as far as both are known.
pub(super) fn has_directory(image: &Image, partition: &Partition, id: BrokerId) -> bool {
    is_present(image, &partition.replicas, &partition.directories, id)
}

fn is_present(image: &Image, replicas: &[BrokerId], directories: &[Uuid], id: BrokerId) -> bool {
    image.has_directory(id, directory_of(replicas, directories, id))
}

/// The log directory that a replica is assigned to, if it is known.
pub(super) fn directory_of(replicas: &[BrokerId], directories: &[Uuid], id: BrokerId) -> Option<Uuid> {
    let at = replicas.iter().position(|replica| *replica == id)?;
    directories.get(at).copied().filter(|dir| !dir.is_zero())
}

/// The directory that a new replica on this broker is sure to be in: its only one. Zero stands for unknown.
pub(super) fn only_directory(image: &Image, id: BrokerId) -> Uuid {
    match image.broker(id).map(|broker| broker.log_dirs.as_slice()) {
        Some([only]) => *only,
        _ => Uuid::ZERO,
    }
}

#[cfg(test)]
#[path = "partition_change_tests.rs"]
mod tests;
