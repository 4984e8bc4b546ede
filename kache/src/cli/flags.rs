//! `kache flags`: a compiler's flag table as the parser uses it, so that what is printed is what is done.
//!
//! JSON: `{"v":1,"flags":[{"family","flag","aliases":[…],"takes","bucket","form","why"}]}`; `takes` is `nothing`,
//! `value`, `maybe`, `joined`, `separate` or `either`, `bucket` is `key-relevant`, `key-excluded` or `deferred`, and
//! `form` says how the value of a key-relevant flag goes into the key (else `null`).

use super::page::{Page, count};
use super::{Answer, Format, Trouble, suggestion, tables};
use kache_frontends::flags::{Bucket, Form, Row, Takes};
use kache_frontends::{ADAPTERS, Adapter};
use serde::Serialize;

/// What was asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache flags rustc             each flag, its bucket and the reason
  kache flags gnu --format json")]
pub struct Options {
    /// The compiler family [default: all]
    family: Option<String>,
    /// Print the rules of observation instead (as `kache tables`)
    #[arg(long, conflicts_with = "family")]
    tables: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Listed {
    family: &'static str,
    flag: &'static str,
    aliases: &'static [&'static str],
    takes: &'static str,
    bucket: &'static str,
    form: Option<&'static str>,
    why: &'static str,
}

#[derive(Serialize)]
struct Json {
    v: u32,
    flags: Vec<Listed>,
}

/// Prints it.
pub fn run(options: &Options) -> Result<Answer, Trouble> {
    if options.tables {
        return tables::answer(options.format);
    }
    let families = families(options.family.as_deref())?;
    match options.format {
        Format::Json => {
            let all = families.iter().flat_map(|a| a.table.iter().map(|r| listed(a, r)));
            Answer::json(&Json { v: 1, flags: all.collect() })
        }
        Format::Text => {
            let mut page = Page::new();
            for adapter in families {
                family(adapter, &mut page);
            }
            Ok(Answer::page(page))
        }
    }
}

fn families(asked: Option<&str>) -> Result<Vec<&'static Adapter>, Trouble> {
    let Some(name) = asked else { return Ok(ADAPTERS.to_vec()) };
    match ADAPTERS.iter().find(|a| a.name == name) {
        Some(adapter) => Ok(vec![adapter]),
        None => {
            let known: Vec<&str> = ADAPTERS.iter().map(|a| a.name).collect();
            let close = suggestion(name, &known);
            Err(Trouble::request(format!(
                "there is no compiler family `{name}`{close} (known: {})",
                known.join(", ")
            )))
        }
    }
}

fn family(adapter: &Adapter, page: &mut Page) {
    page.gap();
    page.heading(format!(
        "{}: {}; a flag that no row knows is passed to the compiler untouched",
        adapter.name,
        count(adapter.table.len(), "flag", "flags")
    ));
    let mut rows =
        vec![["flag", "value", "bucket", "in the key", "why"].iter().map(|s| s.to_string()).collect()];
    for row in adapter.table {
        let names: Vec<&str> = std::iter::once(row.flag).chain(row.aliases.iter().copied()).collect();
        let form = form(row).unwrap_or("–");
        rows.push(
            [&names.join(", "), takes(row), row.bucket_word(), form, row.why].map(str::to_string).to_vec(),
        );
    }
    page.columns(&rows);
}

fn listed(adapter: &Adapter, row: &Row) -> Listed {
    Listed {
        family: adapter.name,
        flag: row.flag,
        aliases: row.aliases,
        takes: takes(row),
        bucket: row.bucket_word(),
        form: form(row),
        why: row.why,
    }
}

fn takes(row: &Row) -> &'static str {
    match row.takes {
        Takes::Nothing => "nothing",
        Takes::Value => "value",
        Takes::Maybe => "maybe",
        Takes::Joined => "joined",
        Takes::Separate => "separate",
        Takes::Either => "either",
    }
}

/// How the value goes into the key, in words.
fn form(row: &Row) -> Option<&'static str> {
    let Bucket::Relevant(form) = row.bucket else { return None };
    Some(match form {
        Form::Literal => "to the byte",
        Form::Path => "portable path",
        Form::Search => "kind=portable path",
        Form::Extern => "name=portable path",
        Form::PathMap => "portable path=text",
        Form::LinkArg => "path portable, else to the byte",
        Form::PathOrName => "path portable, name to the byte",
        Form::Macro => "to the byte, a path in it if used",
        Form::Emit => "kind=portable path",
        Form::List => "words with commas, paths portable",
        Form::Presence => "that it is given",
        Form::Diagnostics => "where there are diagnostics",
    })
}
