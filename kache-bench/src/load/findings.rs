//! The findings of `load`, and their text.

use crate::backend::Protocol;
use crate::text::{self, Table};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// An agent may need no more than this.
const MOST_KIB: u64 = 256 << 10;

#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadFindings {
    pub runs: Vec<LoadRun>,
    pub history: Vec<HistoryCost>,
}

/// One backend under load.
#[derive(Clone, Debug, Serialize)]
pub struct LoadRun {
    pub backend: String,
    pub protocol: Protocol,
    pub machines: usize,
    pub builds_at_once: usize,
    pub seed: u64,
    pub seconds: f64,
    /// Connections by fault; empty without faults.
    pub faults: BTreeMap<String, u64>,
    pub builds: u64,
    pub units: u64,
    pub local_hits: u64,
    pub fetched: u64,
    pub compiled: u64,
    pub bypassed: u64,
    pub wiped: u64,
    /// Misses by what the remote answered.
    pub answers: BTreeMap<String, u64>,
    pub fetched_p50_ms: f64,
    pub fetched_p95_ms: f64,
    pub connections: u64,
    pub requests: BTreeMap<String, u64>,
    /// Bytes to and from the server.
    pub bytes_up: u64,
    pub bytes_down: u64,
    /// Agents, or servers of the backend: processes that were seen, and the most at once.
    pub agents: usize,
    pub agents_at_once: usize,
    /// Resident memory: of the largest agent, of all at once, and of the largest early and late in the run.
    pub largest_agent_kib: u64,
    pub all_agents_kib: u64,
    pub first_third_kib: u64,
    pub last_third_kib: u64,
    pub wrong: u64,
    pub failed: u64,
    /// The first of each.
    pub differences: Vec<String>,
}

/// The cost of a lookup after a number of sets of one action were recorded.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryCost {
    pub backend: String,
    pub protocol: Protocol,
    pub sets: usize,
    pub lookups: usize,
    pub restored: u64,
    pub p50_ms: f64,
    pub largest_ms: f64,
    /// Requests and bytes of all lookups.
    pub requests: BTreeMap<String, u64>,
    pub bytes_up: u64,
    pub bytes_down: u64,
    /// Requests and bytes of the misses that recorded the sets since the row before.
    pub recorded: usize,
    pub recording_requests: BTreeMap<String, u64>,
    pub recording_bytes_up: u64,
    pub wrong: u64,
    pub failed: u64,
}

impl LoadFindings {
    /// What is wrong with kache; other caches are measured only.
    pub fn problems(&self) -> Vec<String> {
        let runs = self.runs.iter().filter(|run| run.backend == "kache");
        let history = self.history.iter().filter(|cost| cost.backend == "kache");
        runs.flat_map(LoadRun::problems).chain(history.flat_map(HistoryCost::problems)).collect()
    }

    pub fn text(&self) -> String {
        text::written(|out| {
            self.runs.iter().try_for_each(|run| run.write(out))?;
            write_history(out, &self.history)
        })
    }
}

impl LoadRun {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (count, what) in [(self.wrong, "wrong results"), (self.failed, "builds failed")] {
            if count > 0 {
                problems.push(format!("{}: {count} {what}", self.protocol.title()));
            }
        }
        problems.extend(self.differences.iter().cloned());
        if self.fetched == 0 {
            problems.push(format!("{}: nothing was fetched", self.protocol.title()));
        }
        if self.largest_agent_kib > MOST_KIB {
            problems.push(format!("an agent needed {}", text::size(self.largest_agent_kib << 10)));
        }
        problems
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let per_second = |count: f64| count / self.seconds.max(0.001);
        let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
        writeln!(
            out,
            "{} over {}: {} machines, {} builds at once, {:.0} s, seed {}",
            self.backend,
            self.protocol.title(),
            self.machines,
            self.builds_at_once,
            self.seconds,
            self.seed
        )?;
        let mut table = Table::new(["  figure", "value"]);
        let mut row = |name: &str, value: String| table.row([format!("  {name}"), value]);
        row("builds; units", format!("{}; {}", self.builds, self.units));
        row("hits: local; fetched", format!("{}; {}", self.local_hits, self.fetched));
        row("compiled; bypassed", format!("{}; {}", self.compiled, self.bypassed));
        row("compiled, by the remote's answer", counted(&self.answers));
        row("caches wiped", self.wiped.to_string());
        row("fetched hits per second", format!("{:.1}", per_second(self.fetched as f64)));
        row(
            "a fetched hit, p50; p95",
            format!("{:.1} ms; {:.1} ms", self.fetched_p50_ms, self.fetched_p95_ms),
        );
        let [down, up] = [self.bytes_down, self.bytes_up].map(|bytes| per_second(bytes as f64 / 1e6));
        row("from; to the server", format!("{down:.2} MB/s; {up:.2} MB/s"));
        row("connections", self.connections.to_string());
        row("requests", counted(&self.requests));
        row("connections, by fault", counted(&self.faults));
        row("agents; at once", format!("{}; {}", self.agents, self.agents_at_once));
        row("memory of the largest agent", mib(self.largest_agent_kib));
        row(
            "the same, first; last third",
            format!("{}; {}", mib(self.first_third_kib), mib(self.last_third_kib)),
        );
        row("memory of all agents", mib(self.all_agents_kib));
        row("wrong results; failed builds", format!("{}; {}", self.wrong, self.failed));
        writeln!(out, "{}", table.text())
    }
}

impl HistoryCost {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.wrong + self.failed > 0 {
            problems.push(format!(
                "{} sets: {} wrong results, {} builds failed",
                self.sets, self.wrong, self.failed
            ));
        }
        if self.restored == 0 {
            problems.push(format!("{} sets: no lookup was restored", self.sets));
        }
        problems
    }
}

fn write_history(out: &mut String, history: &[HistoryCost]) -> std::fmt::Result {
    if history.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([
        "backend",
        "protocol",
        "sets",
        "restored",
        "requests",
        "received",
        "sent",
        "p50",
        "longest",
        "requests of a miss",
        "sent by a miss",
    ]);
    for cost in history {
        let lookups = cost.lookups.max(1) as f64;
        let recorded = cost.recorded.max(1) as f64;
        let sum = |requests: &BTreeMap<String, u64>| requests.values().sum::<u64>() as f64;
        table.row([
            cost.backend.clone(),
            format!("{:?}", cost.protocol),
            cost.sets.to_string(),
            format!("{} of {}", cost.restored, cost.lookups),
            format!("{:.1}", sum(&cost.requests) / lookups),
            text::size((cost.bytes_down as f64 / lookups) as u64),
            text::size((cost.bytes_up as f64 / lookups) as u64),
            format!("{:.1} ms", cost.p50_ms),
            format!("{:.1} ms", cost.largest_ms),
            format!("{:.1}", sum(&cost.recording_requests) / recorded),
            text::size((cost.recording_bytes_up as f64 / recorded) as u64),
        ]);
    }
    writeln!(out, "the cost of a lookup, by the sets of its action\n{}", table.text())
}

fn counted(counts: &BTreeMap<String, u64>) -> String {
    let all: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if all.is_empty() { "–".into() } else { all.join(", ") }
}
