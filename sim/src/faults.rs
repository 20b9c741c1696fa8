//! What goes wrong, and when: a stream of faults that follows from the seed. Each ends after a while; which may overlap is decided here, by
//! what the product promises (`docs/explanation/durability.md`): processes die as they like, but the power goes, or a disk is lost, at
//! one broker at a time, and only when everything is replicated.

use std::collections::BTreeMap;
use std::path::Path;

use headrace_metadata::sabotage::{self, Sabotage};
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::machine::{DATA, META, Machine};
use crate::net::{Net, Place, Weather};

/// The kinds, as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// kill -9 of one, or of some at once.
    Kill,
    KillAll,
    /// kill -9 in the middle of a write.
    TornWrite,
    CleanRestart,
    /// The machine loses what was not synced.
    PowerCut,
    /// ... of the quorum's journal only, at as many as one likes.
    JournalPowerCut,
    /// The log directories are replaced by empty ones.
    LostDisk,
    /// The whole volume is, with the quorum's journal on it.
    LostVolume,
    /// A bit of an index or of the end of a log flips while the broker is down.
    BitRot,
    Pause,
    /// Nobody reaches it, and it reaches nobody.
    Isolate,
    /// One direction between two.
    OneWay,
    /// Brokers are split in two.
    Split,
    BadWeather,
    SlowDisk,
    FullDisk,
    ClockJump,
}

const KINDS: [(Fault, u32); 17] = [
    (Fault::Kill, 20),
    (Fault::KillAll, 2),
    (Fault::TornWrite, 10),
    (Fault::CleanRestart, 8),
    (Fault::PowerCut, 8),
    (Fault::JournalPowerCut, 8),
    (Fault::LostDisk, 3),
    (Fault::LostVolume, 3),
    (Fault::BitRot, 4),
    (Fault::Pause, 10),
    (Fault::Isolate, 10),
    (Fault::OneWay, 10),
    (Fault::Split, 5),
    (Fault::BadWeather, 8),
    (Fault::SlowDisk, 5),
    (Fault::FullDisk, 4),
    (Fault::ClockJump, 4),
];

/// Beside what shows that votes are not synced, where they are not on purpose.
const AROUND_VOTES: [(Fault, u32); 2] = [(Fault::JournalPowerCut, 10), (Fault::Kill, 10)];

const PAUSE_MS_MAX: u64 = 1_500;

/// What ends a fault.
#[derive(Debug, Clone, Copy)]
enum End {
    Start(Place),
    Resume(Place),
    Mend(Place, Place),
    FairWeather,
    NormalDisk(Place),
    RoomOnDisk(Place),
}

/// A leader that is cut off, until somebody else is elected.
#[derive(Debug, Clone, Copy)]
struct Trap {
    leader: Place,
    until_ms: u64,
}

/// The faults of one run.
pub(crate) struct Faults {
    rng: StdRng,
    next_ms: u64,
    /// The longest time between the beginnings of two.
    pause_ms_max: u64,
    ends: BTreeMap<(u64, u64), End>,
    numbered: u64,
    /// Lost something, and has not yet been seen to have everything again.
    tainted: Option<Place>,
    weights: Vec<(Fault, u32)>,
    trap: Option<Trap>,
    pub(crate) counts: BTreeMap<Fault, u64>,
}

impl Faults {
    /// Each run leaves some kinds out, so that the others have more room.
    pub(crate) fn new(mut rng: StdRng, first_ms: u64) -> Self {
        let weights = KINDS.into_iter().filter(|_| rng.random_bool(0.6)).collect();
        let (weights, pause_ms_max) = if sabotage::is_on(Sabotage::SkipVoteFsync) {
            (AROUND_VOTES.to_vec(), 3 * PAUSE_MS_MAX)
        } else {
            (weights, PAUSE_MS_MAX)
        };
        let (ends, counts) = (BTreeMap::new(), BTreeMap::new());
        Self {
            rng,
            next_ms: first_ms,
            pause_ms_max,
            ends,
            numbered: 0,
            tainted: None,
            weights,
            trap: None,
            counts,
        }
    }

    fn end(&mut self, at_ms: u64, end: End) {
        self.numbered += 1;
        self.ends.insert((at_ms, self.numbered), end);
    }

    /// Lets things happen that are due. With `quiet` nothing new goes wrong.
    pub(crate) fn step(
        &mut self,
        now_ms: u64,
        machines: &mut [Machine],
        net: &Net,
        quiet: bool,
    ) -> anyhow::Result<()> {
        while let Some(entry) = self.ends.first_entry() {
            if entry.key().0 > now_ms {
                break;
            }
            let end = entry.remove();
            finish(end, now_ms, machines, net)?;
        }
        if let Some(place) = self.tainted
            && machines
                .iter()
                .any(|m| m.id == place && m.serves_clients() && m.node().is_some_and(|n| n.is_whole()))
        {
            self.tainted = None;
        }
        // Whoever ended for another reason is started again, as a supervisor would.
        for machine in machines.iter().filter(|machine| !machine.is_running()) {
            let waits =
                self.ends.values().any(|end| matches!(end, End::Start(place) if *place == machine.id));
            if !waits {
                let at = now_ms + self.rng.random_range(1..800);
                self.numbered += 1;
                self.ends.insert((at, self.numbered), End::Start(machine.id));
            }
        }
        if !quiet && sabotage::is_on(Sabotage::SkipVoteFsync) {
            self.cut_power_of_a_vote(now_ms, machines, net);
        }
        if !quiet && now_ms >= self.next_ms {
            self.next_ms = now_ms + self.rng.random_range(50..self.pause_ms_max);
            self.begin(now_ms, machines, net);
        }
        Ok(())
    }

    /// The leader of the quorum is cut off. As soon as one of the others has been elected by the third, that one loses what it has not
    /// synced, is back at once, hears the former leader again, and the new one no more: if it has forgotten its vote, two lead.
    fn cut_power_of_a_vote(&mut self, now_ms: u64, machines: &mut [Machine], net: &Net) {
        let leads = |m: &Machine| m.node().is_some_and(|node| node.controller() == Some(m.id));
        let Some(trap) = self.trap.filter(|trap| now_ms < trap.until_ms) else {
            self.trap = None;
            let leader = machines.iter().find(|m| leads(m)).map(|m| m.id);
            if let Some(leader) = leader.filter(|_| self.rng.random_bool(0.002)) {
                let until_ms = now_ms + 5_000;
                for other in machines.iter().map(|m| m.id).filter(|other| *other != leader) {
                    self.cut(net, leader, other, until_ms);
                    self.cut(net, other, leader, until_ms);
                }
                self.trap = Some(Trap { leader, until_ms });
            }
            return;
        };
        let Some(elected) = machines.iter().find(|m| m.id != trap.leader && leads(m)).map(|m| m.id) else {
            return;
        };
        self.trap = None;
        let may_forget = |m: &Machine| m.is_running() && m.disk.is_unsynced(Path::new(META));
        let voter = machines.iter_mut().find(|m| m.id != trap.leader && m.id != elected && may_forget(m));
        let Some(voter) = voter else { return };
        let id = voter.id;
        voter.crash();
        voter.disk.power_cut(Path::new(META));
        let back = now_ms + self.rng.random_range(1..20);
        self.end(back, End::Start(id));
        net.mend(trap.leader, id);
        net.mend(id, trap.leader);
        let until = now_ms + self.rng.random_range(2_000..4_000);
        for other in [trap.leader, id] {
            self.cut(net, elected, other, until);
            self.cut(net, other, elected, until);
        }
    }

    /// Ends everything at once.
    pub(crate) fn end_all(&mut self, now_ms: u64, machines: &mut [Machine], net: &Net) -> anyhow::Result<()> {
        for (_, end) in std::mem::take(&mut self.ends) {
            finish(end, now_ms, machines, net)?;
        }
        for machine in machines.iter_mut() {
            machine.resume();
            machine.set_slow(0);
            machine.disk.set_full(None);
            machine.disk.put_out_fuse();
            machine.start(now_ms)?;
        }
        net.mend_all();
        net.set_weather(Weather::FAIR);
        Ok(())
    }

    fn begin(&mut self, now_ms: u64, machines: &mut [Machine], net: &Net) {
        let total: u32 = self.weights.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return;
        }
        let mut at = self.rng.random_range(0..total);
        let chosen = self.weights.iter().find(|(_, weight)| {
            let found = at < *weight;
            at = at.saturating_sub(*weight);
            found
        });
        let Some((fault, _)) = chosen.copied() else { return };
        if self.strike(fault, now_ms, machines, net) {
            tracing::info!(?fault, "a fault");
            *self.counts.entry(fault).or_default() += 1;
        }
    }

    /// False if it cannot be now.
    fn strike(&mut self, fault: Fault, now_ms: u64, machines: &mut [Machine], net: &Net) -> bool {
        let count = machines.len();
        let at = self.rng.random_range(0..count);
        let id = machines[at].id;
        let until = now_ms + self.rng.random_range(20..6_000);
        let is_up = machines[at].is_running();
        match fault {
            Fault::Kill => {
                let more = self.rng.random_bool(0.2);
                for machine in machines.iter_mut().skip(at).take(1 + usize::from(more)) {
                    machine.crash();
                    self.end(until, End::Start(machine.id));
                }
                is_up
            }
            Fault::KillAll => {
                for machine in machines.iter_mut() {
                    machine.crash();
                    let until = now_ms + self.rng.random_range(1..2_000);
                    self.end(until, End::Start(machine.id));
                }
                true
            }
            Fault::TornWrite => {
                machines[at].disk.light_fuse(self.rng.random_range(0..30));
                is_up
            }
            Fault::CleanRestart => {
                machines[at].ask_to_stop();
                is_up
            }
            Fault::PowerCut => {
                if !self.may_lose(machines) || !is_up {
                    return false;
                }
                self.tainted = Some(id);
                machines[at].power_cut(Path::new("/"));
                self.end(until, End::Start(id));
                true
            }
            Fault::LostDisk | Fault::LostVolume => {
                let costs_vote = fault == Fault::LostVolume;
                // An empty log on an empty disk looks like one that lost everything: then somebody is asked.
                let is_told_apart = machines[at].node().is_some_and(|node| !node.has_empty_replica());
                if !self.may_lose(machines) || !is_up || !is_told_apart {
                    return false;
                }
                if costs_vote && !may_go_without_vote(&machines[at]) {
                    return false;
                }
                self.tainted = Some(id);
                machines[at].crash();
                machines[at].disk.wipe(Path::new(if costs_vote { "/" } else { DATA }));
                self.end(until, End::Start(id));
                true
            }
            Fault::JournalPowerCut => {
                machines[at].crash();
                machines[at].disk.power_cut(Path::new(META));
                // Soon back: it should still be asked for what it promised.
                let until = now_ms + self.rng.random_range(1..400);
                self.end(until, End::Start(id));
                is_up
            }
            Fault::BitRot => {
                if !self.may_lose(machines) || !is_up {
                    return false;
                }
                machines[at].crash();
                self.tainted = Some(id);
                self.end(until, End::Start(id));
                machines[at].disk.rot(Path::new(DATA))
            }
            Fault::Pause => {
                machines[at].pause();
                self.end(until, End::Resume(id));
                is_up
            }
            Fault::Isolate => {
                for other in (0..count).filter(|other| *other != at) {
                    self.cut(net, id, machines[other].id, until);
                    self.cut(net, machines[other].id, id, until);
                }
                // Its clients may be cut off with it, or not.
                if self.rng.random_bool(0.5) {
                    self.cut(net, id, crate::net::CLIENTS, until);
                    self.cut(net, crate::net::CLIENTS, id, until);
                }
                true
            }
            Fault::OneWay => {
                let other = machines[(at + self.rng.random_range(1..count)) % count].id;
                self.cut(net, id, other, until);
                true
            }
            Fault::Split => {
                let side: Vec<bool> = machines.iter().map(|_| self.rng.random_bool(0.5)).collect();
                for (a, from) in machines.iter().enumerate() {
                    for (b, to) in machines.iter().enumerate() {
                        if side[a] != side[b] {
                            self.cut(net, from.id, to.id, until);
                        }
                    }
                }
                true
            }
            Fault::BadWeather => {
                net.set_weather(Weather {
                    lost: self.rng.random_range(0.0..0.1),
                    doubled: self.rng.random_range(0.0..0.1),
                    late: self.rng.random_range(0.0..0.2),
                    late_ms_max: self.rng.random_range(10..1_500),
                    latency_ms_max: self.rng.random_range(2..40),
                });
                self.end(until, End::FairWeather);
                true
            }
            Fault::SlowDisk => {
                machines[at].set_slow(self.rng.random_range(5..300));
                self.end(until, End::NormalDisk(id));
                true
            }
            Fault::FullDisk => {
                machines[at].disk.set_full(Some(Path::new(DATA)));
                self.end(until, End::RoomOnDisk(id));
                true
            }
            Fault::ClockJump => {
                machines[at].set_clock(self.rng.random_range(-1_800_000..1_800_000));
                true
            }
        }
    }

    fn cut(&mut self, net: &Net, from: Place, to: Place, until: u64) {
        net.cut(from, to);
        self.end(until, End::Mend(from, to));
    }

    /// Whether one broker may lose what it has: everything is replicated, by the word of all, and nobody has lost anything before.
    fn may_lose(&self, machines: &[Machine]) -> bool {
        self.tainted.is_none()
            && machines
                .iter()
                .all(|m| !m.is_paused() && m.serves_clients() && m.node().is_some_and(|n| n.is_whole()))
    }
}

/// Whether the quorum keeps its majority without this broker's vote, which an empty journal costs it.
fn may_go_without_vote(machine: &Machine) -> bool {
    let voters = machine.node().map(|node| node.voters()).unwrap_or_default();
    !voters.contains(&machine.id) || voters.len() > voters.len() / 2 + 1
}

fn finish(end: End, now_ms: u64, machines: &mut [Machine], net: &Net) -> anyhow::Result<()> {
    let place = match end {
        End::Start(place) | End::Resume(place) | End::NormalDisk(place) | End::RoomOnDisk(place) => place,
        End::Mend(from, to) => {
            net.mend(from, to);
            return Ok(());
        }
        End::FairWeather => {
            net.set_weather(Weather::FAIR);
            return Ok(());
        }
    };
    let Some(machine) = machines.iter_mut().find(|machine| machine.id == place) else { return Ok(()) };
    match end {
        End::Start(_) => machine.start(now_ms)?,
        End::Resume(_) => machine.resume(),
        End::NormalDisk(_) => machine.set_slow(0),
        End::RoomOnDisk(_) => machine.disk.set_full(None),
        End::Mend(..) | End::FairWeather => {}
    }
    Ok(())
}
