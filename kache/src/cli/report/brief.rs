//! The last build of this workspace, in six lines. A seventh names what costs each build, if anything does.

use super::table::rate;
use crate::cli::page::{BOLD, Page, ago, count, duration};
use kache_core::events::builds::{self, Build};
use kache_core::events::{Event, Kind};
use kache_core::paths;
use kache_report::explain::history::History;
use kache_report::explain::{self, Cause};
use kache_report::report::roots::{self, Root};
use kache_report::report::tally::Tally;
use std::collections::HashSet;
use std::path::Path;

/// Prints the last build of the workspace around a directory.
pub fn page(history: &History, cwd: &Path, cache: &Path, page: &mut Page) {
    let workspace = paths::checkout(cwd).unwrap_or_else(|| cwd.to_path_buf());
    match last(history, &workspace) {
        Some(build) => lines(history, &build, &workspace, page),
        None => nothing(history, &workspace, page),
    }
    if let Some(trouble) = super::unusable(cache) {
        line(page, "cache", &trouble);
    }
    line(page, "kache", super::super::version::text());
}

/// The last build with units that was started in the workspace, or that compiled something there.
fn last(history: &History, workspace: &Path) -> Option<Build> {
    let is_within = |directory: &str| Path::new(directory).starts_with(workspace);
    let here = |e: &&Event| e.kind == Kind::Unit && (is_within(&e.cwd) || is_within(&e.directory));
    let names: HashSet<&str> = history.events.iter().filter(here).map(|e| e.build.as_str()).collect();
    builds::last(history.events.iter().filter(|e| names.contains(e.build.as_str())))
}

fn line(page: &mut Page, name: &str, text: &str) {
    page.folded(&[(BOLD, format!("{name:<10}"))], text);
}

fn lines(history: &History, build: &Build, workspace: &Path, page: &mut Page) {
    let tally = Tally::of(history.events.iter().filter(|e| build.has(e)));
    line(page, "project", &workspace.display().to_string());
    let command = if build.command.is_empty() { "the last build" } else { &build.command };
    let took = duration(build.end_us.saturating_sub(build.first_us) as i64);
    line(page, "command", &format!("{command}, {}, took {took}", ago(build.end_us)));
    let rated = tally.families.values().map(|f| f.units).sum::<u64>();
    let units = count(rated as usize, "unit", "units");
    line(page, "hits", &format!("{} of {units}, {}", tally.units.hits, rate(tally.hit_rate)));
    line(page, "saved", &format!("{} of compile time", duration(tally.time.saved_us)));
    let causes = explain::causes_of(history, |e| build.has(e));
    line(page, "misses", &misses(&causes, &tally));
    let roots = roots::of(history, causes.iter().map(|(at, causes)| (*at, causes.as_slice())));
    if let Some(root) = roots.first() {
        line(page, "each time", &lasting(root));
    }
}

/// A root that costs each build, with its remedy.
pub fn lasting(root: &Root) -> String {
    let follows = match root.affected.len() {
        0 => String::new(),
        n => format!(", and {} with it", count(n, "more unit", "more units")),
    };
    let builds = count(root.builds, "build", "builds");
    let Root { unit, what, remedy, .. } = root;
    format!("{unit} {what}{follows}: {} in {builds}; {remedy}", duration(root.cost_us as i64))
}

fn misses(causes: &[(usize, Vec<Cause>)], tally: &Tally) -> String {
    match (tally.units.misses, explain::top_cause(causes)) {
        (0, _) => "none".to_string(),
        (n, None) => n.to_string(),
        (n, Some((cause, units))) if n == units as u64 => format!("{n}: {cause}"),
        (n, Some((cause, units))) => format!("{n}, of which {units}: {cause}"),
    }
}

fn nothing(history: &History, workspace: &Path, page: &mut Page) {
    line(page, "project", &workspace.display().to_string());
    match builds::last(&history.events) {
        None => line(
            page,
            "builds",
            "no build is recorded yet: `kache init` makes cargo use kache, `kache doctor` checks the installation",
        ),
        Some(last) => {
            let directory = if last.directory.is_empty() { "another project" } else { &last.directory };
            let other =
                format!("none is recorded here; the last build was in {directory}, {}", ago(last.end_us));
            line(page, "builds", &other);
        }
    }
}
