//! `kache flags`: the flag tables of the compilers, as the parsers use them.
//!
//! JSON: `{"v":2,"flags":[{"family","flag","aliases":[…],"takes","bucket","form","effect","why"}]}`. `takes` is `nothing`,
//! `value`, `maybe`, `joined`, `separate` or `either`. `bucket` is `key-relevant`, `key-excluded` or `unsupported`. `form`
//! says how the value of a key-relevant flag goes into the key (else `null`). `effect` has the columns of
//! [`Effect`](kache_frontends::flags::Effect): `writes` (an extension or `null`), `embeds_path` (`no`, `perhaps`,
//! `bitcode` or `always`), `order_group` (a name or `null`), and `true` or `false` for each of the others.

use super::page::{Page, count};
use super::{Answer, Format, Trouble, suggestion, tables};
use kache_frontends::flags::{EmbedsPath, Form, Row, Takes};
use kache_frontends::{ADAPTERS, Adapter};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache flags rustc             each flag, its bucket, its effect and the reason
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
    effect: Effect,
    why: &'static str,
}

#[derive(Serialize)]
struct Effect {
    writes: Option<&'static str>,
    embeds_path: &'static str,
    order_group: Option<&'static str>,
    #[serde(flatten)]
    switches: BTreeMap<&'static str, bool>,
}

#[derive(Serialize)]
struct Json {
    v: u32,
    flags: Vec<Listed>,
}

pub fn run(options: &Options) -> Result<Answer, Trouble> {
    if options.tables {
        return tables::answer(options.format);
    }
    let families = families(options.family.as_deref())?;
    match options.format {
        Format::Json => {
            let all = families.iter().flat_map(|a| a.table.iter().map(|r| listed(a, r)));
            Answer::json(&Json { v: 2, flags: all.collect() })
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
        "{}: {}; a command line with a flag that is not in this table is not cached",
        adapter.name,
        count(adapter.table.len(), "flag", "flags")
    ));
    let mut rows =
        vec![["flag", "value", "bucket", "in the key", "effect", "why"].map(str::to_string).to_vec()];
    for row in adapter.table {
        let names: Vec<&str> = std::iter::once(row.flag).chain(row.aliases.iter().copied()).collect();
        let form = form(row).unwrap_or("–");
        let (names, effect) = (names.join(", "), effect_words(row));
        let cells = [&names, takes(row), row.bucket_word(), form, &effect, row.effect.why];
        rows.push(cells.map(str::to_string).to_vec());
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
        effect: Effect {
            writes: row.effect.writes,
            embeds_path: embeds_path(row),
            order_group: row.effect.order_group,
            switches: switches(row).into(),
        },
        why: row.effect.why,
    }
}

/// The columns of an effect that say yes or no.
fn switches(row: &Row) -> [(&'static str, bool); 8] {
    let effect = row.effect;
    [
        ("compresses", effect.compresses),
        ("skip_when_reporting", effect.skip_when_reporting),
        ("unprovable_macros", effect.unprovable_macros),
        ("debug_info", effect.debug_info),
        ("native_cpu", effect.native_cpu),
        ("loads_code", effect.loads_code),
        ("needs_observer", effect.needs_observer),
        ("value_rule", effect.value_rule.is_some()),
    ]
}

fn embeds_path(row: &Row) -> &'static str {
    match row.effect.embeds_path {
        EmbedsPath::No => "no",
        EmbedsPath::Perhaps => "perhaps",
        EmbedsPath::Bitcode => "bitcode",
        EmbedsPath::Always => "always",
    }
}

/// The columns that are not at their default.
fn effect_words(row: &Row) -> String {
    let mut words: Vec<String> = Vec::new();
    words.extend(row.effect.writes.map(|extension| format!("writes .{extension}")));
    if row.effect.embeds_path != EmbedsPath::No {
        words.push(format!("embeds path: {}", embeds_path(row)));
    }
    words.extend(row.effect.order_group.map(|group| format!("order group: {group}")));
    let on = switches(row).into_iter().filter(|(_, on)| *on);
    words.extend(on.map(|(name, _)| name.replace('_', " ")));
    if words.is_empty() { "–".to_string() } else { words.join(", ") }
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
    Some(match row.form()? {
        Form::Literal => "byte for byte",
        Form::Path => "portable path",
        Form::Search | Form::Emit => "kind=portable path",
        Form::Extern => "name=portable path",
        Form::PathMap => "portable path=text",
        Form::LinkArg => "portable path, or byte for byte",
        Form::LinkArgs => "words, each a portable path or byte for byte",
        Form::PathOrName => "portable path, or name byte for byte",
        Form::Macro => "byte for byte; a path in it only if used",
        Form::List => "words with commas, portable paths",
        Form::Presence => "only that it is given",
        Form::Diagnostics => "only with diagnostics",
        Form::Json => "byte for byte; words about diagnostics only with diagnostics",
    })
}
