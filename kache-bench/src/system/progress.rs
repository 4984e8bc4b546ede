//! Progress on stderr: the phase and the number of phases, the units so far, and the elapsed time.
//!
//! On a terminal one updated line; otherwise (CI, a log) plain lines at intervals.

use crate::text::count;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Interval of progress lines without a terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

/// Planned number of phases; 0 if unknown.
static PLANNED: AtomicUsize = AtomicUsize::new(0);
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Plans the number of phases from here on.
pub fn plan(phases: usize) {
    PLANNED.store(BEGUN.load(Ordering::Relaxed) + phases, Ordering::Relaxed);
}

/// One phase, shown until it ends.
pub struct Progress {
    name: String,
    /// Number of units, if known.
    expected: Option<usize>,
    bar: Option<ProgressBar>,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// Begins a phase.
    pub fn begin(name: &str, expected: Option<usize>) -> Progress {
        let begun = BEGUN.fetch_add(1, Ordering::Relaxed) + 1;
        let name = numbered(name, begun, PLANNED.load(Ordering::Relaxed));
        let bar = std::io::stderr().is_terminal().then(|| bar(&name, expected));
        if bar.is_none() {
            eprintln!("{name} …");
        }
        let now = Instant::now();
        Progress { name, expected, bar, started: now, told: now }
    }

    /// Shows the number of units and hits.
    pub fn count(&mut self, units: usize, hits: usize) {
        self.show(units, &format!("units, {}", count(hits, "hit", "hits")));
    }

    /// Shows a number of items, which is never far from growing: `cases`, `runs`.
    pub fn show(&mut self, done: usize, what: &str) {
        match &self.bar {
            // A build can have more units than expected.
            Some(bar) if self.expected.is_some_and(|n| n > 0) => {
                bar.set_length(self.expected.unwrap_or(0).max(done) as u64);
                bar.set_position(done as u64);
                bar.set_message(format!("{} {what}", self.name));
            }
            Some(bar) => bar.set_message(format!("{}: {done} {what}", self.name)),
            None => {
                let of = self.expected.map(|n| format!("/{n}")).unwrap_or_default();
                self.report(&format!(": {done}{of} {what}"));
            }
        }
    }

    /// Shows that the phase is still running, without a count.
    pub fn wait(&mut self) {
        if self.bar.is_none() {
            self.report("");
        }
    }

    fn report(&mut self, how_far: &str) {
        if self.told.elapsed() >= PLAIN_EVERY {
            eprintln!("  {}{how_far}, {} s", self.name, self.started.elapsed().as_secs());
            self.told = Instant::now();
        }
    }

    /// Ends the phase with a final line.
    pub fn end(self, summary: &str) {
        let line = format!("{}: {summary}", self.name);
        match &self.bar {
            Some(bar) => {
                bar.finish_and_clear();
                eprintln!("{line}");
            }
            None => eprintln!("  {line}"),
        }
    }
}

impl Drop for Progress {
    /// A failed phase leaves no partial line.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(name: &str, expected: Option<usize>) -> ProgressBar {
    let (bar, template) = match expected {
        Some(n) if n > 0 => {
            (ProgressBar::new(n as u64), "{spinner} {bar:24} {pos}/{len} {msg} [{elapsed}, {eta} to go]")
        }
        _ => (ProgressBar::new_spinner(), "{spinner} {msg} [{elapsed}]"),
    };
    bar.set_style(ProgressStyle::with_template(template).expect("a fixed template"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar.set_message(name.to_owned());
    bar
}

/// A run can need more phases than planned.
fn numbered(name: &str, begun: usize, planned: usize) -> String {
    if planned == 0 { name.to_owned() } else { format!("[{begun}/{}] {name}", planned.max(begun)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_numbered_where_their_number_is_known() {
        assert_eq!(numbered("build", 3, 0), "build");
        assert_eq!(numbered("build", 3, 7), "[3/7] build");
        assert_eq!(numbered("build", 8, 7), "[8/8] build");
    }
}
