//! Three brokers: how fast a group coordinator that takes over serves what was committed before.
//!
//! All offsets are in one partition of `__consumer_offsets`, which is the worst case: one coordinator has to read them all. What counts
//! is the time from the moment when another broker's metadata names the new leader, for how soon a crash is noticed is measured elsewhere.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::clock::Watch;
use crate::peer::{self, Running};
use crate::wire::{Connection, Metadata};

const BROKERS: usize = 3;
const REPLICAS: i16 = 3;
const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// The default of `offsets.topic.num.partitions`.
const OFFSETS_PARTITIONS: u32 = 50;
const GROUPS: usize = 100;
const PARTITIONS: i32 = 1_000;
const COMMITTED: i64 = 4_711;
const LOOK_EVERY: Duration = Duration::from_millis(2);
const DEADLINE: Duration = Duration::from_secs(120);

/// Seconds from the new leader's election, and from the stop or kill.
#[derive(Serialize, Clone, Copy)]
struct Taken {
    from_election_s: f64,
    in_all_s: f64,
}

#[derive(Serialize)]
struct Figures {
    commit_s: f64,
    stopped: Taken,
    killed: Taken,
}

type Row = (&'static str, fn(&Figures) -> f64, &'static str);

/// Each peer once, and the table.
pub(crate) fn compare(kafka_lib: &Path, headrace: &Path, out: &Path, only: Option<&str>) -> Result<()> {
    let mut results = Vec::new();
    for peer in peer::all(kafka_lib, headrace, only)? {
        eprintln!("{}", peer.name());
        let dir = tempfile::tempdir()?;
        let mut running = Running::start(peer.as_ref(), dir.path(), BROKERS)?;
        results.push((peer.name().to_owned(), peer.description()?, measure(&mut running)?));
    }
    let text = table(&results);
    println!("{text}");
    fs::create_dir_all(out)?;
    fs::write(out.join("coordinator.md"), &text)?;
    fs::write(out.join("coordinator.json"), serde_json::to_string_pretty(&results)?)?;
    Ok(())
}

fn measure(running: &mut Running) -> Result<Figures> {
    let mut admin = Connection::open(&running.address)?;
    admin.create_topic("offsets", PARTITIONS, 1)?;
    let groups = groups();
    // The first question makes the topic of the offsets.
    let watch = Watch::start();
    while let Err(error) = admin.coordinator(&groups[0]) {
        ensure!(watch.elapsed() < DEADLINE, "no coordinator: {error}");
        std::thread::sleep(LOOK_EVERY);
    }
    let metadata = until(&mut admin, |m| {
        let whole = m.partitions.iter().filter(|p| p.leader >= 0 && p.in_sync == p.replicas).count();
        whole == PARTITIONS as usize + OFFSETS_PARTITIONS as usize
    })?;
    let replicas = metadata.partitions.iter().find(|p| p.topic == OFFSETS_TOPIC).map(|p| p.replicas);
    ensure!(replicas == Some(REPLICAS as usize), "the offsets have {replicas:?} replicas");
    let mut coordinator = first_commit(&mut admin, &metadata, &groups[0])?;
    let watch = Watch::start();
    for group in &groups {
        coordinator.commit(group, "offsets", PARTITIONS, COMMITTED)?;
    }
    let commit_s = watch.elapsed().as_secs_f64();
    let stopped = take_over(running, &metadata, &groups, |running, n| {
        running.ask_to_stop(n);
        Ok(())
    })?;
    let killed = take_over(running, &metadata, &groups, Running::kill)?;
    Ok(Figures { commit_s, stopped, killed })
}

/// Commits until that is taken: who leads the groups' partition may not have read it yet, or may not yet know that it leads.
fn first_commit(admin: &mut Connection, metadata: &Metadata, group: &str) -> Result<Connection> {
    let watch = Watch::start();
    loop {
        let mut coordinator = Connection::open(address(metadata, admin.coordinator(group)?)?)?;
        match coordinator.commit(group, "offsets", PARTITIONS, COMMITTED) {
            Ok(()) => return Ok(coordinator),
            Err(error) => ensure!(watch.elapsed() < DEADLINE, "no coordinator takes a commit: {error}"),
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Ends the coordinator, waits until another serves all groups, and brings the first one back.
fn take_over(
    running: &mut Running,
    metadata: &Metadata,
    groups: &[String],
    end: impl FnOnce(&mut Running, usize) -> Result<()>,
) -> Result<Taken> {
    let partition = partition_of(&groups[0]) as i32;
    let leader = |m: &Metadata| {
        m.partitions
            .iter()
            .find(|p| p.topic == OFFSETS_TOPIC && p.index == partition)
            .map_or(-1, |p| p.leader)
    };
    let any = metadata.brokers.values().next().context("no brokers")?;
    let old = leader(&Connection::open(any)?.metadata()?);
    let mut others = Vec::new();
    for (id, address) in metadata.brokers.iter().filter(|(id, _)| **id != old) {
        others.push((*id, Connection::open(address)?));
    }
    let watch = Watch::start();
    end(running, old as usize - 1)?;
    let mut elected_s = None;
    let in_all_s = loop {
        ensure!(watch.elapsed() < DEADLINE, "nobody took the groups over within {DEADLINE:?}");
        if elected_s.is_none() {
            let now = leader(&others[0].1.metadata()?);
            elected_s = (now >= 0 && now != old).then(|| watch.elapsed().as_secs_f64());
        }
        // A refusal says that it is not the coordinator, or not yet.
        let mut serves = None;
        for (_, other) in &mut others {
            if serves.is_none()
                && other.committed(&groups[0], "offsets", PARTITIONS, COMMITTED).is_ok_and(|n| n > 0)
            {
                serves = Some(other);
            }
        }
        if let Some(new) = serves {
            let in_all_s = watch.elapsed().as_secs_f64();
            for group in groups {
                let found = new.committed(group, "offsets", PARTITIONS, COMMITTED)?;
                ensure!(found == PARTITIONS, "only {found} offsets of group {group} are there");
            }
            break in_all_s;
        }
        std::thread::sleep(LOOK_EVERY);
    };
    running.await_end(old as usize - 1)?;
    running.restart(old as usize - 1)?;
    until(&mut others[0].1, |m| {
        m.brokers.len() == BROKERS && m.partitions.iter().all(|p| p.leader >= 0 && p.in_sync == p.replicas)
    })?;
    Ok(Taken { from_election_s: in_all_s - elected_s.unwrap_or(in_all_s), in_all_s })
}

fn until(admin: &mut Connection, looks: impl Fn(&Metadata) -> bool) -> Result<Metadata> {
    let watch = Watch::start();
    loop {
        let metadata = admin.metadata()?;
        if looks(&metadata) {
            return Ok(metadata);
        }
        ensure!(watch.elapsed() < DEADLINE, "the cluster did not come to rest within {DEADLINE:?}");
        std::thread::sleep(LOOK_EVERY);
    }
}

fn address(metadata: &Metadata, id: i32) -> Result<&String> {
    metadata.brokers.get(&id).with_context(|| format!("broker {id} is not known"))
}

/// Groups that all belong to the same partition of the offsets' topic.
fn groups() -> Vec<String> {
    let wanted = partition_of("group-0");
    (0..).map(|n| format!("group-{n}")).filter(|group| partition_of(group) == wanted).take(GROUPS).collect()
}

/// As Kafka decides it: the absolute value of `String.hashCode()`, over the partitions.
fn partition_of(group: &str) -> u32 {
    let hash = group.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    hash.checked_abs().unwrap_or(0).unsigned_abs() % OFFSETS_PARTITIONS
}

fn table(results: &[(String, String, Figures)]) -> String {
    let mut text = String::from("# Coordinators that move\n\n");
    for (name, description, _) in results {
        let _ = writeln!(text, "- {name}: {description}");
    }
    let _ = writeln!(
        text,
        "\nThree brokers; {GROUPS} groups with {PARTITIONS} committed offsets each, all in one partition of `{OFFSETS_TOPIC}`.\n"
    );
    text += "| |";
    results.iter().for_each(|(name, ..)| text += &format!(" {name} |"));
    text += " target |\n|---|";
    results.iter().for_each(|_| text += "---|");
    text += "---|\n";
    let rows: [Row; 5] = [
        ("committing them, s", |f| f.commit_s, ""),
        ("served after the election (coordinator stopped), s", |f| f.stopped.from_election_s, "< 1 s"),
        ("served after SIGTERM, s", |f| f.stopped.in_all_s, ""),
        ("served after the election (coordinator killed), s", |f| f.killed.from_election_s, "< 1 s"),
        ("served after kill -9, s", |f| f.killed.in_all_s, ""),
    ];
    for (name, value, target) in rows {
        let _ = write!(text, "| {name} |");
        results.iter().for_each(|(.., figures)| text += &format!(" {:.3} |", value(figures)));
        let _ = writeln!(text, " {target} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    #[test]
    fn partitions_are_those_that_kafka_gives() {
        // From Kafka's own `Utils.abs(group.hashCode()) % 50`; the hashes of the last three are negative.
        let told = [("group-0", 48), ("g", 3), ("group-156", 0), ("order-processor", 23), ("billing", 9)];
        for (group, partition) in told {
            assert_eq!(partition_of(group), partition, "{group}");
        }
    }
}
