//! `kache tables`: the trust rules that the engine uses: the meaning of each act for each actor, and the lists of
//! ignored or trusted paths, variables and programs, each row with its reason. Only these rules can keep an observed
//! access out of a key.
//!
//! JSON: `{"v":2,"policies":[{"name","acts":[{"act","cells":[{"actors","means"}]}]}],
//! "tables":[{"name","about","rows":[{"what","why"}]}]}`. A policy after the first has the acts in which it differs.

use super::output::{Answer, CliError, Format};
use super::page::Page;
use kache_core::observe::c_library;
use kache_core::policy::{Abilities, Act, Actor, Excuse, TrustPolicy};
use kache_frontends::policies;
use serde::Serialize;

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

/// Every list of the policies. The one for C compilers has all; a list that is added there has to be added here.
fn lists() -> Vec<List> {
    let TrustPolicy {
        table: _,
        trusts_first: _,
        ignored_paths,
        ignored_paths_of_compiler,
        host_state,
        tells_processors,
        host_files,
        loader_env,
        ignored_env,
        compiler_env,
        directories_env,
        ignored_in_whole,
        script_env,
        clock_env,
        c_runtime,
        c_library,
        loader,
        tools,
        tool_marks: _,
        clock_at_start,
        sized_by_memory,
        ignored_calls,
        path_only,
        abilities:
            Abilities {
                place,
                place_by_import,
                metadata,
                identity,
                identity_by_import,
                compares_identity,
                unoptimised,
                reading,
                syscalls,
                shared_library,
            },
    } = &policies::C;
    let excuses: [(_, _, &[Excuse]); 30] = [
        ("ignored-paths", "paths that are never inputs", ignored_paths),
        (
            "ignored-paths-of-c-compiler",
            "paths that are not inputs of a C compiler",
            ignored_paths_of_compiler,
        ),
        (
            "ignored-paths-of-rustc",
            "paths that are not inputs of rustc or a linker",
            policies::RUSTC.ignored_paths_of_compiler,
        ),
        ("host-state", "paths with machine state that cannot be part of a key: not stored", host_state),
        (
            "c-runtime",
            "host libraries that are not inputs when a compiler or a tool loads them (they are when a linker opens them)",
            c_runtime,
        ),
        ("host-files", "paths with machine state that does not change by itself: a dependency", host_files),
        ("loader-env", "variables of the loader: part of the action key", loader_env),
        (
            "c-library",
            "the parts of the C library: they look on behalf of their callers, and the table of symbols accounts for them",
            c_library,
        ),
        ("loader", "host libraries that are not inputs, whoever loads them", loader),
        (
            "ignored-env",
            "variables that are not inputs where the compiler or its tools read them",
            ignored_env,
        ),
        ("directories-env", "variables that list directories which a linker searches", directories_env),
        (
            "ignored-in-whole",
            "variables that are not inputs of a program that may read all variables",
            ignored_in_whole,
        ),
        (
            "script-env",
            "variables that are not inputs of a script in a compiler's place that may read all variables",
            script_env,
        ),
        (
            "compiler-env",
            "variables that the compiler uses only to find files, which are observed",
            compiler_env,
        ),
        ("date-env", "variables that a C compiler reads only to show a time: not stored", clock_env),
        ("tools", "programs that are trusted like the compiler", tools),
        ("sized-by-memory", "programs that ask for the free memory only to size a buffer", sized_by_memory),
        ("ignored-volatile", "functions with changing results that do not prevent storing", ignored_calls),
        (
            "tells-place",
            "functions that tell a proc macro its location: the location becomes a literal dependency",
            place,
        ),
        (
            "tells-processors",
            "paths that describe the processors: their number and model become dependencies",
            tells_processors,
        ),
        (
            "tells-status",
            "functions that tell a proc macro times and permissions: those of its files become dependencies",
            metadata,
        ),
        (
            "tells-place-by-import",
            "variables of libc that tell a proc macro its location: the location becomes a literal dependency",
            place_by_import,
        ),
        (
            "tells-identity",
            "functions that tell a proc macro which file a file is: the whole status becomes a dependency",
            identity,
        ),
        ("tells-identity-by-import", "functions of libc that tell a proc macro the same", identity_by_import),
        (
            "compares-identity",
            "crates in a proc macro that use this only to compare files: their functions do not count",
            compares_identity,
        ),
        (
            "unoptimised",
            "a function that shows that a proc macro is not optimised; without it, the whole status of its files counts",
            unoptimised,
        ),
        ("tells-reading", "functions that tell a proc macro when files were read: not stored", reading),
        (
            "unseen-calls",
            "functions that make system calls without libc: a unit that uses such a proc macro is not stored",
            syscalls,
        ),
        (
            "shared-library",
            "symbols that show that a proc macro uses the compiler's own standard library: not stored",
            shared_library,
        ),
        ("path-only-macros", "proc macros and linker scripts that use paths only to find files", path_only),
    ];
    let clocks = clock_at_start.iter().map(|row| (row.what, row.why)).collect();
    let about = "programs that read the clock when they start: the calls that they make then are not inputs";
    let lists = excuses
        .map(|(name, about, rows)| (name, about, rows.iter().map(|row| (row.what, row.why)).collect()));
    lists.into_iter().chain([("clock-at-start", about, clocks)]).collect()
}

/// The policies, and the acts that each of them has rows for.
fn policies() -> [(&'static str, &'static TrustPolicy, Vec<Act>); 2] {
    let differs = |act: &Act| {
        Actor::ALL
            .iter()
            .any(|actor| policies::RUSTC.table.cell(*act, *actor) != policies::C.table.cell(*act, *actor))
    };
    let some = Act::ALL.iter().copied().filter(differs).collect();
    [("rustc", &policies::RUSTC, Act::ALL.to_vec()), ("C compilers", &policies::C, some)]
}

#[derive(Serialize)]
struct Json {
    v: u32,
    policies: Vec<JsonPolicy>,
    tables: Vec<JsonTable>,
}

#[derive(Serialize)]
struct JsonPolicy {
    name: &'static str,
    acts: Vec<JsonAct>,
}

#[derive(Serialize)]
struct JsonAct {
    act: &'static str,
    cells: Vec<JsonCell>,
}

#[derive(Serialize)]
struct JsonCell {
    actors: String,
    means: String,
}

#[derive(Serialize)]
struct JsonTable {
    name: &'static str,
    about: &'static str,
    rows: Vec<JsonRow>,
}

#[derive(Serialize)]
struct JsonRow {
    what: &'static str,
    why: &'static str,
}

#[derive(Serialize)]
struct JsonSymbols {
    v: u32,
    groups: Vec<JsonGroup>,
}

#[derive(Serialize)]
struct JsonGroup {
    class: &'static str,
    why: &'static str,
    symbols: &'static [&'static str],
}

/// The table of the C library's symbols.
fn symbols(format: Format) -> Result<Answer, CliError> {
    let groups = c_library::groups();
    if format == Format::Json {
        let group = |g: &'static c_library::Group| JsonGroup {
            class: g.class.word(),
            why: g.why,
            symbols: &g.symbols,
        };
        return Answer::json(&JsonSymbols { v: 1, groups: groups.iter().map(group).collect() });
    }
    let mut page = Page::new();
    for group in groups {
        page.gap();
        page.heading(format!("{}: {}", group.class.word(), group.why));
        page.line(format!("  {}", group.symbols.join(" ")));
    }
    Ok(Answer::page(page))
}

/// Prints them.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    if options.list.is_some() {
        return symbols(options.format);
    }
    answer(options.format)
}

/// The tables in a format: `kache flags --tables` asks for them too.
pub fn answer(format: Format) -> Result<Answer, CliError> {
    if format == Format::Json {
        return Answer::json(&json());
    }
    let mut page = Page::new();
    for (name, policy, acts) in policies() {
        page.gap();
        let differs = if acts.len() < Act::ALL.len() { ", where they differ" } else { "" };
        page.heading(format!("{name}: what an act means, by who does it{differs}"));
        for act in acts {
            page.line(format!("  {}", act.words()));
            let cells = policy.table.in_words(act).into_iter();
            page.columns(&cells.map(|(who, what)| vec![format!("    {who}"), what]).collect::<Vec<_>>());
        }
    }
    for (name, about, rows) in lists() {
        page.gap();
        page.heading(format!("{name}: {about}"));
        if rows.is_empty() {
            page.line("  (no rows)");
        }
        let rows: Vec<Vec<String>> =
            rows.iter().map(|(what, why)| vec![format!("  {what}"), why.to_string()]).collect();
        page.columns(&rows);
    }
    Ok(Answer::page(page))
}

fn json() -> Json {
    let row = |(what, why)| JsonRow { what, why };
    let table =
        |(name, about, rows): List| JsonTable { name, about, rows: rows.into_iter().map(row).collect() };
    let cell = |(actors, means)| JsonCell { actors, means };
    let policy = |(name, policy, acts): (&'static str, &TrustPolicy, Vec<Act>)| {
        let cells = |act| policy.table.in_words(act).into_iter().map(cell).collect();
        JsonPolicy {
            name,
            acts: acts.into_iter().map(|act| JsonAct { act: act.words(), cells: cells(act) }).collect(),
        }
    };
    Json {
        v: 2,
        policies: policies().into_iter().map(policy).collect(),
        tables: lists().into_iter().map(table).collect(),
    }
}
