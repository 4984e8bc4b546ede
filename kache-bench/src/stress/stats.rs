//! Counts of passed faults, row by row, for the table at the end.

use crate::text::Table;
use std::time::{Duration, Instant};

/// One kind of fault in one scenario.
#[derive(Clone, Debug)]
struct Row {
    scenario: &'static str,
    what: String,
    passed: u64,
    note: String,
}

#[derive(Debug)]
pub struct Stats {
    rows: Vec<Row>,
    skipped: Vec<(&'static str, String)>,
    took: Vec<(&'static str, Duration)>,
    scenario: &'static str,
    began: Instant,
}

impl Stats {
    pub fn new() -> Stats {
        let (rows, skipped, took) = (Vec::new(), Vec::new(), Vec::new());
        Stats { rows, skipped, took, scenario: "", began: Instant::now() }
    }

    /// Starts a scenario; the following rows belong to it.
    pub fn begin(&mut self, scenario: &'static str) {
        (self.scenario, self.began) = (scenario, Instant::now());
    }

    pub fn end(&mut self) {
        self.took.push((self.scenario, self.began.elapsed()));
    }

    fn row(&mut self, what: &str) -> &mut Row {
        let scenario = self.scenario;
        let found = self.rows.iter().position(|row| row.scenario == scenario && row.what == what);
        let at = found.unwrap_or_else(|| {
            self.rows.push(Row { scenario, what: what.to_string(), passed: 0, note: String::new() });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// Adds to a row's count.
    pub fn passed(&mut self, what: &str, more: usize) {
        self.row(what).passed += more as u64;
    }

    /// Adds to a row's count, with a remark.
    pub fn passed_with(&mut self, what: &str, more: usize, note: impl Into<String>) {
        self.passed(what, more);
        self.note(what, note);
    }

    /// Adds a remark to a row.
    pub fn note(&mut self, what: &str, note: impl Into<String>) {
        self.row(what).note = note.into();
    }

    /// Records a part that could not run, and why.
    pub fn skip(&mut self, why: impl Into<String>) {
        self.skipped.push((self.scenario, why.into()));
    }

    /// Sum of all rows of a scenario that begin with a prefix.
    pub fn count(&self, scenario: &str, what: &str) -> u64 {
        let rows = self.rows.iter().filter(|r| r.scenario == scenario && r.what.starts_with(what));
        rows.map(|r| r.passed).sum()
    }

    /// As Markdown, which is readable in a terminal as well.
    pub fn markdown(&self) -> String {
        let mut table = Table::new(["scenario", "fault", "times passed", ""]);
        for row in &self.rows {
            table.row([row.scenario, &row.what, &row.passed.to_string(), &row.note]);
        }
        for (scenario, why) in &self.skipped {
            table.row([*scenario, &format!("skipped: {why}"), "0", ""]);
        }
        let times: Vec<String> =
            self.took.iter().map(|(name, took)| format!("{name} {:.0} s", took.as_secs_f64())).collect();
        format!("{}\n{}\n", table.markdown(str::to_owned), times.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_add_up_by_ordeal_and_what() {
        let mut stats = Stats::new();
        stats.begin("a");
        stats.passed("eio, miss", 2);
        stats.passed("eio, miss", 3);
        stats.passed("eio, hit", 1);
        stats.begin("b");
        stats.passed("eio, miss", 7);
        stats.skip("no mounts here");
        assert_eq!((stats.count("a", "eio, miss"), stats.count("a", "eio"), stats.count("b", "")), (5, 6, 7));
        let page = stats.markdown();
        assert!(page.contains("| a | eio, miss | 5 |") && page.contains("skipped: no mounts here"), "{page}");
    }
}
