//! `kache tables`: the rules of observation, as the engine uses them, each with its reason. What is printed here is
//! all that can keep something that was looked at out of a key.
//!
//! JSON: `{"v":1,"tables":[{"name","about","rows":[{"what","why"}]}]}`.

use super::output::{Answer, CliError, Format};
use super::page::Page;
use kache_frontends::tables as rules;
use serde::Serialize;

/// What was asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache tables
  kache tables --format json")]
pub struct Options {
    /// How to answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A table's name, what it is about, and its rows.
type Table = (&'static str, &'static str, &'static [rules::Row]);

/// Every table of `observe::tables`.
fn all() -> [Table; 16] {
    [
        ("ignored-paths", "paths that are never inputs, whoever dependencies at them", rules::IGNORED_PATHS),
        (
            "ignored-paths-of-compiler",
            "paths that are no inputs where the compiler, the linker or the assembler look at them",
            rules::IGNORED_PATHS_OF_COMPILER,
        ),
        (
            "host-state",
            "paths by which other programs learn what no digest can hold: not stored",
            rules::HOST_STATE,
        ),
        (
            "c-runtime",
            "host libraries that are no input when loaded (opened by a linker they are)",
            rules::C_RUNTIME,
        ),
        (
            "ignored-env-for-macros",
            "variables that are no inputs even to a proc macro",
            rules::IGNORED_FOR_MACROS,
        ),
        (
            "ignored-env",
            "variables that are no inputs to the compiler, its tools and spawned programs",
            rules::IGNORED_ENV,
        ),
        (
            "compiler-env",
            "variables by which the compiler's own code finds what is then observed",
            rules::COMPILER_ENV,
        ),
        ("tools", "programs whose own code is trusted like the compiler's", rules::TOOLS),
        ("clock-at-start", "programs that look at the clock as they start", rules::CLOCK_AT_START),
        (
            "ignored-volatile",
            "functions with changing results that are no reason not to store",
            rules::IGNORED_VOLATILE,
        ),
        (
            "tells-place",
            "functions by which a proc macro learns where it is: its place counts literally",
            rules::TELLS_PLACE,
        ),
        (
            "tells-processors",
            "paths by which other programs learn of the processors: their number and sort count",
            rules::TELLS_PROCESSORS,
        ),
        (
            "tells-status",
            "functions by which a proc macro learns times and permissions: those of the files that it dependencies at count",
            rules::TELLS_STATUS,
        ),
        (
            "tells-reading",
            "functions by which a proc macro learns when files were read: what it helps to build is not stored",
            rules::TELLS_READING,
        ),
        (
            "unseen-calls",
            "functions that call the system without libc: what such a proc macro helps to build is not stored",
            rules::UNSEEN_CALLS,
        ),
        (
            "locators",
            "proc macros and linker scripts that use a path-valued variable only to find files",
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

/// Prints them.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    answer(options.format)
}

/// The tables in a format: `kache flags --tables` asks for them too.
pub fn answer(format: Format) -> Result<Answer, CliError> {
    if format == Format::Json {
        let row = |r: &rules::Row| JsonRow { what: r.what, why: r.why };
        let table =
            |(name, about, rows): Table| JsonTable { name, about, rows: rows.iter().map(row).collect() };
        return Answer::json(&Json { v: 1, tables: all().into_iter().map(table).collect() });
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
