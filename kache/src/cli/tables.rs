//! `kache tables`: the trust rules that the engine uses: the meaning of each act for each actor, and the lists of
//! ignored or trusted paths, variables and programs, each row with its reason. Only these rules can keep an observed
//! access out of a key.
//!
//! JSON: `{"v":2,"policies":[{"name","acts":[{"act","cells":[{"actors","means"}]}]}],
//! "tables":[{"name","about","rows":[{"what","why"}]}]}`. A policy after the first has the acts in which it differs.

use super::output::{Answer, CliError, Format};
use super::page::{Page, row};
use kache_core::observe::c_library;
use kache_core::policy::{Act, Actor, TrustPolicy};
use kache_frontends::{policies, tables};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache tables
  kache tables libc
  kache tables --format json")]
pub struct Options {
    /// Print only the C library's symbols, by what they mean for a program that imports them
    #[arg(value_parser = ["libc"])]
    list: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A list's name, its purpose, and its rows.
type List = (&'static str, &'static str, Vec<(&'static str, &'static str)>);

fn lists() -> Vec<List> {
    let excuses = tables::lists()
        .map(|list| (list.name, list.about, list.rows.iter().map(|row| (row.what, row.why)).collect()));
    let clocks = tables::CLOCK_AT_START.iter().map(|row| (row.what, row.why)).collect();
    let about = "programs that read the clock when they start: the calls that they make then are not inputs";
    let times = tables::FILE_TIMES.iter().map(|row| (row.what, row.why)).collect();
    let about_times =
        "programs with a known use of the times of files; for any other program, the whole status counts";
    let scripts = tables::RUNS_SCRIPTS.iter().map(|row| (row.what, row.why)).collect();
    let about_scripts = "programs that tell times only to scripts that have a word for them: as long as no such script was read, \
                         times do not count";
    let sizes = tables::SIZED_BY.iter().map(|row| (row.what, row.why)).collect();
    let about_sizes = "tools that ask for the memory or a limit only to size what they work with, where a script starts them";
    let more = [
        ("clock-at-start", about, clocks),
        ("file-times", about_times, times),
        ("runs-scripts", about_scripts, scripts),
        ("sized-by", about_sizes, sizes),
    ];
    excuses.chain(more).collect()
}

/// The policies, each with the acts to show.
fn policies() -> [(&'static str, &'static TrustPolicy, Vec<Act>); 2] {
    let (rustc, c) = (&policies::RUSTC.table, &policies::C.table);
    let differs = |act: &Act| Actor::ALL.iter().any(|actor| rustc.cell(*act, *actor) != c.cell(*act, *actor));
    let differing = Act::ALL.iter().copied().filter(differs).collect();
    [("rustc", &policies::RUSTC, Act::ALL.to_vec()), ("C compilers", &policies::C, differing)]
}

/// The table of the C library's symbols.
fn symbols(format: Format) -> Result<Answer, CliError> {
    let groups = c_library::groups();
    let group = |g: &c_library::Group| json!({ "class": g.class.word(), "why": g.why, "symbols": g.symbols().collect::<Vec<_>>() });
    let fields = json!({ "groups": groups.iter().map(group).collect::<Vec<_>>() });
    Answer::new(format, 1, &fields, |page| {
        for group in groups {
            page.gap();
            page.heading(format!("{}: {}", group.class.word(), group.why));
            page.line(format!("  {}", group.symbols().collect::<Vec<_>>().join(" ")));
        }
    })
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    match options.list {
        Some(_) => symbols(options.format),
        None => answer(options.format),
    }
}

/// The rules, also for `kache flags --tables`.
pub fn answer(format: Format) -> Result<Answer, CliError> {
    Answer::new(format, 2, &fields(), text)
}

fn text(page: &mut Page) {
    for (name, policy, acts) in policies() {
        page.gap();
        let differs = if acts.len() < Act::ALL.len() { ", where they differ" } else { "" };
        page.heading(format!("{name}: what an act means, by who does it{differs}"));
        for act in acts {
            page.line(format!("  {}", act.words()));
            let cells = policy.table.in_words(act).into_iter();
            page.columns(&cells.map(|(who, what)| row![format!("    {who}"), what]).collect::<Vec<_>>(), 0);
        }
    }
    for (name, about, rows) in lists() {
        page.gap();
        page.heading(format!("{name}: {about}"));
        if rows.is_empty() {
            page.line("  (no rows)");
        }
        page.columns(&rows.iter().map(|(what, why)| row![format!("  {what}"), why]).collect::<Vec<_>>(), 0);
    }
}

fn fields() -> Value {
    let table = |(name, about, rows): List| {
        let rows = rows.iter().map(|(what, why)| json!({ "what": what, "why": why }));
        json!({ "name": name, "about": about, "rows": rows.collect::<Vec<_>>() })
    };
    let policy = |(name, policy, acts): (&str, &TrustPolicy, Vec<Act>)| {
        let cell = |(actors, means)| json!({ "actors": actors, "means": means });
        let cells = |act| policy.table.in_words(act).into_iter().map(cell).collect::<Vec<_>>();
        let acts = acts.into_iter().map(|act| json!({ "act": act.words(), "cells": cells(act) }));
        json!({ "name": name, "acts": acts.collect::<Vec<_>>() })
    };
    json!({
        "policies": policies().into_iter().map(policy).collect::<Vec<_>>(),
        "tables": lists().into_iter().map(table).collect::<Vec<_>>(),
    })
}
