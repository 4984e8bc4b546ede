//! What is shown on stderr while a long build runs.
//!
//! On a terminal one line that renews itself; elsewhere (CI, a log) plain lines, and not too many of them.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Off a terminal a running phase says how far it is so often.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

/// One phase of the run, shown until it is done.
pub struct Phase {
    name: String,
    /// How many units there will be, where an earlier phase has told.
    expected: Option<usize>,
    bar: Option<ProgressBar>,
    started: Instant,
    told: Instant,
}

impl Phase {
    /// Begins to show a phase.
    pub fn begin(name: &str, expected: Option<usize>) -> Phase {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg} [{elapsed}]").expect("a fixed template"),
            );
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_message(name.to_owned());
            bar
        });
        if bar.is_none() {
            eprintln!("{name} …");
        }
        let now = Instant::now();
        Phase { name: name.to_owned(), expected, bar, started: now, told: now }
    }

    /// Shows how many units there were, and how many of them hit.
    pub fn count(&mut self, units: usize, hits: usize) {
        let of = self.expected.map(|n| format!("/{n}")).unwrap_or_default();
        let text = format!("{}: {units}{of} units, {hits} hits", self.name);
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        } else if self.told.elapsed() >= PLAIN_EVERY {
            eprintln!("  {text}, {} s", self.started.elapsed().as_secs());
            self.told = Instant::now();
        }
    }

    /// Ends the phase with one line that stays.
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

impl Drop for Phase {
    /// A phase that failed leaves no half line behind.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
