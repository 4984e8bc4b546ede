//! `kache tables`: the observation rules that the engine uses, each with its reason. Only these rules can keep an observed
//! access out of a key.
//!
//! JSON: `{"v":2,"tables":[{"name","about","rows":[{"what","why"}]}]}`.

use super::output::{Answer, CliError, Format};
use super::page::Page;
use kache_frontends::tables as rules;
use serde::Serialize;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache tables
  kache tables --format json")]
pub struct Options {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A table's name, what it is about, and its rows.
type Table = (&'static str, &'static str, &'static [rules::Row]);

/// Every table of `observe::tables`.
fn all() -> [Table; 16] {
    [
        ("ignored-paths", "paths that are never inputs", rules::IGNORED_PATHS),
        (
            "ignored-paths-of-compiler",
            "paths that are not inputs when the compiler, the linker or the assembler reads them",
            rules::IGNORED_PATHS_OF_COMPILER,
        ),
        (
            "host-state",
            "paths with machine state that cannot be part of a key: a compile in which another program reads one is not stored",
            rules::HOST_STATE,
        ),
        (
            "c-runtime",
            "host libraries that are not inputs when a process loads them (they are inputs when a linker opens them)",
            rules::C_RUNTIME,
        ),
        (
            "ignored-env-for-macros",
            "variables that are not inputs even of a proc macro",
            rules::IGNORED_FOR_MACROS,
        ),
        (
            "ignored-env",
            "variables that are not inputs of the compiler, its tools and spawned programs",
            rules::IGNORED_ENV,
        ),
        (
            "compiler-env",
            "variables that the compiler uses only to find files, which are observed",
            rules::COMPILER_ENV,
        ),
        ("tools", "programs that are trusted like the compiler", rules::TOOLS),
        ("clock-at-start", "programs that read the clock when they start", rules::CLOCK_AT_START),
        (
            "ignored-volatile",
            "functions with changing results that do not prevent storing",
            rules::IGNORED_VOLATILE,
        ),
        (
            "tells-place",
            "functions that tell a proc macro its location: the location becomes a literal dependency",
            rules::TELLS_PLACE,
        ),
        (
            "tells-processors",
            "paths that describe the processors: their number and model become dependencies",
            rules::TELLS_PROCESSORS,
        ),
        (
            "tells-status",
            "functions that give a proc macro times and permissions: those of the files that it examines become dependencies",
            rules::TELLS_STATUS,
        ),
        (
            "tells-reading",
            "functions that tell a proc macro when files were read: units that use the macro are not stored",
            rules::TELLS_READING,
        ),
        (
            "unseen-calls",
            "functions that make system calls without libc: units that use such a proc macro are not stored",
            rules::UNSEEN_CALLS,
        ),
        (
            "path-only-macros",
            "proc macros and linker scripts that use path variables only to find files",
            rules::LOCATORS,
        ),
    ]
}

#[derive(Serialize)]
struct Json {
    v: u32,
    tables: Vec<JsonTable>,
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

pub fn run(options: &Options) -> Result<Answer, CliError> {
    answer(options.format)
}

/// The tables in a format: `kache flags --tables` asks for them too.
pub fn answer(format: Format) -> Result<Answer, CliError> {
    if format == Format::Json {
        let row = |r: &rules::Row| JsonRow { what: r.what, why: r.why };
        let table =
            |(name, about, rows): Table| JsonTable { name, about, rows: rows.iter().map(row).collect() };
        return Answer::json(&Json { v: 2, tables: all().into_iter().map(table).collect() });
    }
    let mut page = Page::new();
    for (name, about, rows) in all() {
        page.gap();
        page.heading(format!("{name}: {about}"));
        if rows.is_empty() {
            page.line("  (no rows)");
        }
        let rows: Vec<Vec<String>> =
            rows.iter().map(|r| vec![format!("  {}", r.what), r.why.to_string()]).collect();
        page.columns(&rows);
    }
    Ok(Answer::page(page))
}
