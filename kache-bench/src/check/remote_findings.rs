//! What `check --remote` found: the second machines, the verdict on them, and its text.

use super::nondeterminism;
use crate::analysis::embedded_paths::Proof;
use crate::analysis::summary::Rate;
use crate::artifacts::compare::ArtifactComparison;
use crate::backend::Protocol;
use crate::text::count;
use serde::Serialize;
use std::collections::BTreeMap;

/// The maximum number of names in a problem.
const NAMED: usize = 5;

/// Result of one second machine.
#[derive(Clone, Debug, Serialize)]
pub struct SecondMachine {
    pub backend: String,
    /// What its remote speaks.
    pub protocol: Protocol,
    /// Added round-trip time in ms.
    pub latency_ms: u64,
    /// Whether it had the first machine's paths.
    pub same_place: bool,
    /// Time of its build.
    pub seconds: f64,
    /// By the cache's own statistics, without runs of build scripts.
    pub hits: u64,
    pub misses: u64,
    /// Runs of build scripts and their hits, from kache's events.
    pub scripts: Option<Rate>,
    /// Missed units with the remote's answer, from kache's events.
    pub missed: Vec<String>,
    /// Missed units that are claimed to contain a path of the machine, with the proof.
    pub embedded_paths: Vec<Proof>,
    /// How results were obtained, from kache's events.
    pub ways: BTreeMap<String, u64>,
    pub connections: u64,
    pub requests: u64,
    /// Compared with a compile in the same place.
    pub artifacts: Option<ArtifactComparison>,
    /// Units that are claimed as nondeterministic and differ, with the proof.
    pub nondeterministic: Vec<nondeterminism::Proof>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct RemoteFindings {
    /// Build time of the first machine, with uploads in the background.
    pub first_seconds: BTreeMap<String, f64>,
    /// Time of the uploads that remained after the build.
    pub flush_seconds: BTreeMap<String, f64>,
    /// Size of the remote store.
    pub remote_bytes: BTreeMap<String, u64>,
    pub seconds: Vec<SecondMachine>,
}

impl SecondMachine {
    fn proved(&self) -> impl Iterator<Item = &Proof> {
        self.embedded_paths.iter().filter(|proof| proof.evidence.is_some())
    }

    /// The missed units that no proved claim excuses.
    fn unexcused(&self) -> Vec<&str> {
        let is_excused =
            |missed: &&String| self.proved().any(|proof| missed.starts_with(&format!("{}: ", proof.unit)));
        self.missed.iter().filter(|missed| !is_excused(missed)).map(String::as_str).collect()
    }

    /// The problems of kache's second machine.
    fn problems(&self, hit_rate: f64) -> Vec<String> {
        let mut problems = Vec::new();
        let lost = self.misses.saturating_sub(self.proved().count() as u64);
        let all = self.hits + lost;
        if self.hits == 0 || (self.hits as f64) < hit_rate * all as f64 {
            let (all, were) = (count(all, "unit", "units"), if lost == 1 { "was" } else { "were" });
            let missed = self.unexcused();
            let named = missed[..missed.len().min(NAMED)].join("; ");
            problems.push(format!("{lost} of {all} {were} not restored: {named}"));
        }
        match self.artifacts.as_ref().map(|a| (a.artifacts, a.mismatches.len())) {
            Some((0, _)) => problems.push("there are no artifacts to compare".to_owned()),
            Some((_, differ)) if differ > 0 => {
                let differ = count(differ, "artifact is", "artifacts are");
                problems.push(format!("{differ} not what the compiler makes in that place"));
            }
            _ => {}
        }
        for proof in &self.nondeterministic {
            if let Some(problem) = &proof.problem {
                problems.push(format!("`{}` is claimed as nondeterministic, but {problem}", proof.unit));
            }
        }
        problems
    }

    fn text(&self) -> String {
        let place = if self.same_place { "same place" } else { "other place" };
        let artifacts = match &self.artifacts {
            None => "artifacts not compared".to_owned(),
            Some(found) if found.mismatches.is_empty() && found.artifacts > 0 => {
                format!("all {} equal", count(found.artifacts, "artifact", "artifacts"))
            }
            Some(found) => found.summary(),
        };
        let scripts = self.scripts.filter(|runs| runs.units > 0).map(|Rate { units, hits }| {
            format!(", {} of {}", units - hits, count(units, "script run again", "scripts run again"))
        });
        let mut out = format!(
            "  {:<7} over {:<24} {:>3} ms {place} {:8.2} s  {}, {}{}; {artifacts}; {}, {}; {:?}\n",
            self.backend,
            self.protocol.title(),
            self.latency_ms,
            self.seconds,
            count(self.hits, "hit", "hits"),
            count(self.misses, "miss", "misses"),
            scripts.unwrap_or_default(),
            count(self.connections, "connection", "connections"),
            count(self.requests, "request", "requests"),
            self.ways
        );
        for missed in self.unexcused() {
            out += &format!("    not restored: {}\n", missed.trim_end());
        }
        for proof in &self.embedded_paths {
            let found = proof.evidence.as_deref().unwrap_or("NOT PROVED");
            out += &format!("    {}: {}: {found}\n", proof.unit, proof.reason);
        }
        for proof in &self.nondeterministic {
            let found = proof.evidence.as_deref().unwrap_or("NOT PROVED");
            out += &format!("    nondeterministic: {}: {} ({found})\n", proof.unit, proof.reason);
        }
        out
    }
}

impl RemoteFindings {
    /// The problems of the run, if at least this share of the units must hit.
    pub fn problems(&self, hit_rate: f64) -> Vec<String> {
        let mut problems = Vec::new();
        for second in self.seconds.iter().filter(|s| s.requests == 0) {
            let (name, latency) = (&second.backend, second.latency_ms);
            problems.push(format!("at {latency} ms, {name} is INVALID: it sent no request to the remote"));
        }
        for second in self.seconds.iter().filter(|s| s.backend == "kache") {
            let at = format!("at {} ms", second.latency_ms);
            problems.extend(second.problems(hit_rate).into_iter().map(|problem| format!("{at}, {problem}")));
            let peers =
                self.seconds.iter().filter(|s| s.backend != "kache" && s.latency_ms == second.latency_ms);
            for peer in peers.filter(|peer| peer.seconds < second.seconds) {
                problems.push(format!(
                    "{at}, {} is faster: {:.2} s, kache {:.2} s",
                    peer.backend, peer.seconds, second.seconds
                ));
            }
        }
        problems
    }

    pub fn text(&self) -> String {
        let mut out = String::from("first machine\n");
        for (name, seconds) in &self.first_seconds {
            let (flush, bytes) = (self.flush_seconds[name], self.remote_bytes[name]);
            out += &format!(
                "  {name:<7} {seconds:8.2} s, then {flush:.2} s of uploads; {:.1} MB in the remote\n",
                bytes as f64 / 1e6
            );
        }
        out += "second machine\n";
        self.seconds.iter().for_each(|second| out += &second.text());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::compare::Mismatch;

    fn second(backend: &str) -> SecondMachine {
        let reapi = backend == "kache";
        SecondMachine {
            backend: backend.to_owned(),
            protocol: if reapi { Protocol::Reapi } else { Protocol::S3 },
            latency_ms: 0,
            same_place: false,
            seconds: if reapi { 1.0 } else { 2.0 },
            hits: 3,
            misses: 0,
            scripts: None,
            missed: Vec::new(),
            embedded_paths: Vec::new(),
            ways: BTreeMap::new(),
            connections: 1,
            requests: 1,
            artifacts: None,
            nondeterministic: Vec::new(),
        }
    }

    fn findings(seconds: Vec<SecondMachine>) -> RemoteFindings {
        RemoteFindings { seconds, ..RemoteFindings::default() }
    }

    #[test]
    fn who_asked_the_remote_for_nothing_was_not_measured() {
        let with = |requests| {
            findings(vec![second("kache"), SecondMachine { requests, ..second("sccache") }]).problems(1.0)
        };
        assert_eq!(with(9), Vec::<String>::new());
        assert!(with(0)[0].contains("sccache is INVALID"));
    }

    #[test]
    fn a_miss_is_excused_by_the_path_that_was_found_and_by_no_claim_alone() {
        let with = |evidence: Option<&str>| {
            let proof =
                Proof { unit: "a 1.0".into(), reason: "env!".into(), evidence: evidence.map(Into::into) };
            let missed = vec!["a 1.0: nothing ".into()];
            let second = SecondMachine { misses: 1, missed, embedded_paths: vec![proof], ..second("kache") };
            findings(vec![second]).problems(1.0)
        };
        assert_eq!(with(Some("a path is in liba.rlib")), Vec::<String>::new());
        assert!(with(None)[0].contains("1 of 4 units was not restored: a 1.0"));
    }

    #[test]
    fn a_miss_that_the_workload_expects_is_shown_and_no_problem() {
        let missed = vec!["a 1.0: nothing ".into()];
        let found = findings(vec![SecondMachine { misses: 1, missed, ..second("kache") }]);
        assert_eq!(found.problems(0.75), Vec::<String>::new());
        assert_eq!(found.problems(0.76).len(), 1);
        assert!(found.text().contains("not restored: a 1.0: nothing\n"), "{}", found.text());
    }

    #[test]
    fn script_runs_that_are_not_restored_are_told_apart_from_misses() {
        let scripts = Some(Rate { units: 8, hits: 1 });
        let text = findings(vec![SecondMachine { scripts, ..second("kache") }]).text();
        assert!(text.contains("0 misses, 7 of 8 scripts run again"), "{text}");
        assert!(text.contains("kache   over the Remote Execution API"), "{text}");
    }

    #[test]
    fn artifacts_that_differ_or_are_missing_are_problems() {
        let with = |artifacts, mismatches| {
            let found = ArtifactComparison { artifacts, mismatches, ..ArtifactComparison::default() };
            findings(vec![SecondMachine { artifacts: Some(found), ..second("kache") }]).problems(1.0)
        };
        let mismatch = Mismatch { file: "a".into(), why: "b".into() };
        assert_eq!(with(2, Vec::new()), Vec::<String>::new());
        assert!(with(2, vec![mismatch])[0].contains("1 artifact is not what the compiler makes"));
        assert!(with(0, Vec::new())[0].contains("no artifacts"));
    }
}
