//! What was done and survived, row by row, for the table at the end.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// One kind of injury in one ordeal.
#[derive(Clone, Debug)]
struct Row {
    ordeal: &'static str,
    what: String,
    survived: u64,
    note: String,
}

/// All rows.
#[derive(Debug)]
pub struct Ledger {
    rows: Vec<Row>,
    skipped: Vec<(&'static str, String)>,
    took: Vec<(&'static str, Duration)>,
    ordeal: &'static str,
    began: Instant,
}

impl Ledger {
    /// An empty one.
    pub fn new() -> Ledger {
        let (rows, skipped, took) = (Vec::new(), Vec::new(), Vec::new());
        Ledger { rows, skipped, took, ordeal: "", began: Instant::now() }
    }

    /// What follows belongs to this ordeal.
    pub fn begin(&mut self, ordeal: &'static str) {
        (self.ordeal, self.began) = (ordeal, Instant::now());
    }

    /// The ordeal is over.
    pub fn end(&mut self) {
        self.took.push((self.ordeal, self.began.elapsed()));
    }

    fn row(&mut self, what: &str) -> &mut Row {
        let ordeal = self.ordeal;
        let found = self.rows.iter().position(|row| row.ordeal == ordeal && row.what == what);
        let at = found.unwrap_or_else(|| {
            self.rows.push(Row { ordeal, what: what.to_string(), survived: 0, note: String::new() });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// So many more were survived.
    pub fn survived(&mut self, what: &str, more: usize) {
        self.row(what).survived += more as u64;
    }

    /// A figure that belongs to a row.
    pub fn note(&mut self, what: &str, note: impl Into<String>) {
        self.row(what).note = note.into();
    }

    /// What could not be tried, and why.
    pub fn skip(&mut self, why: impl Into<String>) {
        self.skipped.push((self.ordeal, why.into()));
    }

    /// How many were survived in all of an ordeal whose words begin so.
    pub fn count(&self, ordeal: &str, what: &str) -> u64 {
        let rows = self.rows.iter().filter(|r| r.ordeal == ordeal && r.what.starts_with(what));
        rows.map(|r| r.survived).sum()
    }

    /// For a page, which reads on a terminal too.
    pub fn markdown(&self) -> String {
        let mut out =
            String::from("| ordeal | what was done | times survived | |\n| --- | --- | ---: | --- |\n");
        for row in &self.rows {
            let cells = [row.ordeal, &row.what, &row.survived.to_string(), &row.note];
            let line: String = cells
                .iter()
                .map(|cell| format!("| {cell}{}", if cell.is_empty() { "" } else { " " }))
                .collect();
            let _ = writeln!(out, "{line}|");
        }
        for (ordeal, why) in &self.skipped {
            let _ = writeln!(out, "| {ordeal} | skipped: {why} | 0 | |");
        }
        let times: Vec<String> =
            self.took.iter().map(|(name, took)| format!("{name} {:.0} s", took.as_secs_f64())).collect();
        let _ = writeln!(out, "\n{}", times.join(", "));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_add_up_by_ordeal_and_what() {
        let mut ledger = Ledger::new();
        ledger.begin("a");
        ledger.survived("eio, miss", 2);
        ledger.survived("eio, miss", 3);
        ledger.survived("eio, hit", 1);
        ledger.begin("b");
        ledger.survived("eio, miss", 7);
        ledger.skip("no mounts here");
        assert_eq!(
            (ledger.count("a", "eio, miss"), ledger.count("a", "eio"), ledger.count("b", "")),
            (5, 6, 7)
        );
        let page = ledger.markdown();
        assert!(
            page.contains("| a | eio, miss | 5 | |") && page.contains("skipped: no mounts here"),
            "{page}"
        );
    }
}
