//! What the builds of a load came to.

use super::sources::Compiled;
use crate::backend::Counts;
use kache_core::events::RemoteWay;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many wrong results and failed builds are named; all are counted.
const NAMED: usize = 20;

pub enum UnitOutcome {
    LocalHit,
    /// A hit from the remote.
    Fetched,
    /// A miss, and what the remote answered.
    Compiled(Option<RemoteWay>),
    Bypassed,
}

#[derive(Default)]
pub struct LoadCounts {
    pub builds: u64,
    pub units: u64,
    pub local_hits: u64,
    pub fetched: u64,
    pub compiled: u64,
    pub bypassed: u64,
    pub wiped: u64,
    /// Misses by what the remote answered.
    pub answers: BTreeMap<String, u64>,
    pub fetched_ms: Vec<f64>,
    /// Objects or messages that are not the compiler's.
    pub wrong: Differences,
    /// Exit statuses that are not the compiler's.
    pub failed: Differences,
}

/// Counted differences, of which the first are named.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    pub count: u64,
    pub named: Vec<String>,
}

impl Differences {
    fn add(&mut self, what: String) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(what);
        }
    }

    fn merge(&mut self, other: Differences) {
        self.count += other.count;
        self.named.extend(other.named);
        self.named.truncate(NAMED);
    }
}

impl LoadCounts {
    pub fn add(&mut self, outcome: UnitOutcome, took: Duration) {
        match outcome {
            UnitOutcome::LocalHit => self.local_hits += 1,
            UnitOutcome::Fetched => {
                self.fetched += 1;
                self.fetched_ms.push(took.as_secs_f64() * 1e3);
            }
            UnitOutcome::Compiled(way) => {
                self.compiled += 1;
                let way = way.map_or("not asked".into(), |way| format!("{way:?}").to_lowercase());
                *self.answers.entry(way).or_default() += 1;
            }
            UnitOutcome::Bypassed => self.bypassed += 1,
        }
    }

    /// Of a backend that tells counts only, and has no local cache: all its hits are fetched. The times are known
    /// if all units hit.
    pub fn add_by_statistics(&mut self, counts: Counts, times: Vec<Duration>) {
        self.fetched += counts.hits;
        self.compiled += counts.misses;
        self.bypassed += counts.passed;
        if counts.misses + counts.passed == 0 {
            self.fetched_ms.extend(times.iter().map(|took| took.as_secs_f64() * 1e3));
        }
    }

    pub fn compare(&mut self, unit: &str, have: &Compiled, wanted: &Compiled) {
        self.units += 1;
        if have.status != wanted.status {
            let said = String::from_utf8_lossy(&have.stderr);
            let said = said.lines().next().unwrap_or_default();
            let (have, wanted) = (shown(have.status), shown(wanted.status));
            self.failed.add(format!("{unit}: {have}, the compiler {wanted}: {said}"));
        } else if have.object != wanted.object {
            self.wrong.add(format!("{unit}: the object is not the compiler's"));
        } else if have.stderr != wanted.stderr {
            self.wrong.add(format!("{unit}: the messages are not the compiler's"));
        }
    }

    pub fn merge(&mut self, other: LoadCounts) {
        self.builds += other.builds;
        self.units += other.units;
        self.local_hits += other.local_hits;
        self.fetched += other.fetched;
        self.compiled += other.compiled;
        self.bypassed += other.bypassed;
        self.wiped += other.wiped;
        for (answer, count) in other.answers {
            *self.answers.entry(answer).or_default() += count;
        }
        self.fetched_ms.extend(other.fetched_ms);
        self.wrong.merge(other.wrong);
        self.failed.merge(other.failed);
    }
}

fn shown(status: Option<i32>) -> String {
    status.map_or("ended by a signal".into(), |status| format!("exit status {status}"))
}

/// The value below which `part` of the values are; 0 without values.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(status: i32, object: &str, stderr: &str) -> Compiled {
        Compiled { status: Some(status), stderr: stderr.into(), object: Some(object.into()) }
    }

    #[test]
    fn each_difference_is_counted_once() {
        let wanted = compiled(0, "o", "w");
        let mut counts = LoadCounts::default();
        for have in
            [compiled(0, "o", "w"), compiled(0, "x", "w"), compiled(0, "o", ""), compiled(1, "o", "w")]
        {
            counts.compare("u", &have, &wanted);
        }
        let mut all = LoadCounts::default();
        all.merge(counts);
        assert_eq!((all.units, all.wrong.count, all.failed.count), (4, 2, 1));
        assert!(
            all.failed.named[0].contains("exit status 1, the compiler exit status 0"),
            "{:?}",
            all.failed
        );
    }

    #[test]
    fn quantiles_are_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.5, 0.95, 1.0].map(|part| quantile(&values, part)), [3.0, 5.0, 5.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
