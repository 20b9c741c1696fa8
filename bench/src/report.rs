//! The table, and the figures behind it as JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::plan::{Figures, Plan};

type Row = (&'static str, fn(&Figures) -> f64, fn(f64) -> String, &'static str);

const ROWS: [Row; 12] = [
    ("produce, MB/s", |f| f.produce.mb_per_second, whole, ""),
    ("produce, broker CPU-s/GB", |f| f.produce.broker_cpu_seconds_per_gb, two, "≤ 0.33"),
    (
        "(a plain write to a file then, CPU-s/GB)",
        |f| f.plain_write_cpu_seconds_per_gb.unwrap_or(f64::NAN),
        two,
        "",
    ),
    ("fetch, MB/s", |f| f.fetch.mb_per_second, whole, ""),
    ("fetch, broker CPU-s/GB", |f| f.fetch.broker_cpu_seconds_per_gb, two, "≤ 0.5"),
    ("fixed rate, broker cores", |f| f.rate.broker_cores, three, "≤ 0.33"),
    ("fixed rate, p50 ms", |f| f.rate.p50_us as f64 / 1000.0, three, ""),
    ("fixed rate, p99 ms", |f| f.rate.p99_us as f64 / 1000.0, three, ""),
    ("fixed rate, p99.9 ms", |f| f.rate.p999_us as f64 / 1000.0, three, ""),
    ("memory idle, MiB", |f| f.rss_idle_bytes as f64 / (1 << 20) as f64, one, "≤ 0.1"),
    ("memory loaded, MiB", |f| f.rss_loaded_bytes as f64 / (1 << 20) as f64, one, ""),
    ("cold start, ms", |f| f.cold_start_ms.unwrap_or(f64::NAN), whole, "≤ 0.05"),
];

/// The largest share of other work in any run before its figures should be distrusted.
const OTHER_SHARE_MAX: f64 = 0.1;

fn whole(v: f64) -> String {
    format!("{v:.0}")
}
fn one(v: f64) -> String {
    format!("{v:.1}")
}
fn two(v: f64) -> String {
    format!("{v:.2}")
}
fn three(v: f64) -> String {
    format!("{v:.3}")
}

/// The middle value; of an even count the lower middle, so that it is a value that was measured.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Writes `latest.md` and `latest.json` into `out` and prints the table.
pub(crate) fn write(out: &Path, plan: &Plan, results: &[(String, String, Vec<Figures>)]) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    let text = table(plan, results);
    println!("{text}");
    fs::write(out.join("latest.md"), &text)?;
    let json = serde_json::json!({
        "machine": machine(),
        "plan": plan,
        "peers": results.iter().map(|(name, what, rounds)| serde_json::json!({"name": name, "what": what, "rounds": rounds})).collect::<Vec<_>>(),
    });
    fs::write(out.join("latest.json"), serde_json::to_string_pretty(&json)? + "\n")?;
    Ok(())
}

fn table(plan: &Plan, results: &[(String, String, Vec<Figures>)]) -> String {
    let mut t = String::from("<!-- Written by `make bench`. -->\n# Latest run\n\n");
    let _ = writeln!(t, "Machine: {}.\n", machine());
    for (name, what, rounds) in results {
        let _ = writeln!(t, "- {name}: {what}; {} rounds, medians below", rounds.len());
    }
    let _ = writeln!(
        t,
        "- Load: {} connections, a partition each, {}-byte records in 64 KiB batches, acks=all, {} MiB of warm-up, {} MiB measured; \
         fixed rate: {} records/s, one a request, for {} s\n",
        plan.connections,
        plan.record_bytes,
        plan.warm_up_mib,
        plan.measured_mib,
        plan.rate,
        plan.rate_seconds
    );
    let names: Vec<&str> = results.iter().map(|r| r.0.as_str()).collect();
    let _ = writeln!(
        t,
        "| | {} | ratio | target |\n|---|{}---:|---:|",
        names.join(" | "),
        "---:|".repeat(names.len())
    );
    for (label, get, show, target) in ROWS {
        let values: Vec<f64> = results.iter().map(|r| median(r.2.iter().map(get).collect())).collect();
        let cells: Vec<String> = values.iter().map(|v| show(*v)).collect();
        let ratio = if let [first, second] = values[..] { two(second / first) } else { String::new() };
        let _ = writeln!(t, "| {label} | {} | {ratio} | {target} |", cells.join(" | "));
    }
    t.push_str("\nShare of the machine that neither the broker, the load nor idleness explains (a run over 0.10 is to be distrusted), and idle share:\n\n");
    let _ = writeln!(t, "| | produce | fetch | fixed rate |\n|---|---|---|---|");
    for (name, _, rounds) in results {
        for (n, f) in rounds.iter().enumerate() {
            let cell = |other: f64, idle: f64| {
                format!("{other:.2}{} (idle {idle:.2})", if other > OTHER_SHARE_MAX { " !" } else { "" })
            };
            let _ = writeln!(
                t,
                "| {name}, round {} | {} | {} | {} |",
                n + 1,
                cell(f.produce.other_share, f.produce.idle_share),
                cell(f.fetch.other_share, f.fetch.idle_share),
                cell(f.rate.other_share, f.rate.idle_share)
            );
        }
    }
    t
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown CPU", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = cpu.lines().filter(|l| l.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let gib = memory.split_whitespace().nth(1).and_then(|k| k.parse::<f64>().ok()).unwrap_or(0.0)
        / (1 << 20) as f64;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {model}, {gib:.0} GiB, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_was_measured() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0]) - 1.0).abs() < f64::EPSILON);
    }
}
