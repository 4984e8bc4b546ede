//! `kache flags`: the flag tables of the compilers, as the parsers use them.
//!
//! JSON: `{"v":2,"flags":[{"family","flag","aliases":[…],"takes","bucket","form","effect","why"}]}`. `takes` is `nothing`,
//! `value`, `maybe`, `joined`, `separate` or `either`. `bucket` is `key-relevant`, `key-excluded` or `unsupported`. `form`
//! says how the value of a key-relevant flag goes into the key (else `null`). `effect` has the columns of
//! [`Effect`](kache_frontends::flags::Effect) that are not at their default: the extension of `writes`, the sort of `names_output`, `perhaps`,
//! `bitcode` or `always` for `embeds_path`, the name of `order_group`, and `true` for each of the others.

use super::output::{Answer, CliError, Format, suggestion};
use super::page::{Page, count, row};
use super::tables;
use kache_frontends::TABLES;
use kache_frontends::flags::{EmbedsPath, Form, Row};
use serde_json::{Map, Value, json};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache flags rustc             each flag, its bucket, its effect and the reason
  kache flags gnu --format json")]
pub struct Options {
    /// The table: `rustc`, `gnu`, `link` or `msvc` [default: all]
    family: Option<String>,
    /// Print the rules of observation instead (as `kache tables`)
    #[arg(long, conflicts_with = "family")]
    tables: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    if options.tables {
        return tables::answer(options.format);
    }
    let tables = tables_of(options.family.as_deref())?;
    let all = tables.iter().flat_map(|(name, table)| table.iter().map(|row| listed(name, row)));
    Answer::new(options.format, 2, &json!({ "flags": all.collect::<Vec<_>>() }), |page| {
        tables.iter().for_each(|table| print_table(table, page));
    })
}

/// A flag table and its name.
type Table = (&'static str, &'static [Row]);

fn tables_of(asked: Option<&str>) -> Result<Vec<Table>, CliError> {
    let Some(name) = asked else { return Ok(TABLES.to_vec()) };
    match TABLES.iter().find(|table| table.0 == name) {
        Some(table) => Ok(vec![*table]),
        None => {
            let known: Vec<&str> = TABLES.iter().map(|table| table.0).collect();
            let close = suggestion(name, &known);
            Err(CliError::usage(format!(
                "unknown compiler family `{name}`{close} (known: {})",
                known.join(", ")
            )))
        }
    }
}

fn print_table((name, table): &Table, page: &mut Page) {
    page.gap();
    page.heading(format!(
        "{name}: {}; a command with a flag outside this table is not cached",
        count(table.len(), "flag", "flags")
    ));
    let mut rows = vec![row!["flag", "value", "bucket", "in the key", "why", "effect"]];
    for row in *table {
        let names: Vec<&str> = std::iter::once(row.flag).chain(row.aliases.iter().copied()).collect();
        let columns = effect(row).into_iter().map(|(name, value)| match value {
            Value::String(value) => format!("{name}={value}"),
            _ => name.to_string(),
        });
        let effect = columns.collect::<Vec<_>>().join(", ");
        let form = form(row).unwrap_or("–");
        rows.push(row![names.join(", "), word(row.takes), row.bucket_word(), form, row.effect.why, effect]);
    }
    page.columns(&rows, 0);
}

fn listed(family: &str, row: &Row) -> Value {
    let effect: Map<String, Value> =
        effect(row).into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    json!({
        "family": family, "flag": row.flag, "aliases": row.aliases, "takes": word(row.takes),
        "bucket": row.bucket_word(), "form": form(row), "effect": effect, "why": row.effect.why,
    })
}

/// The columns that are not at their default.
fn effect(row: &Row) -> Vec<(&'static str, Value)> {
    let e = row.effect;
    let embeds_path = (e.embeds_path != EmbedsPath::No).then(|| word(e.embeds_path));
    let columns = [
        ("writes", e.writes.map(Value::from)),
        ("for_any_name", e.for_any_name.then_some(true.into())),
        ("names_output", e.names_output.map(Value::from)),
        ("embeds_path", embeds_path.map(Value::from)),
        ("order_group", e.order_group.map(Value::from)),
        ("compresses", e.compresses.then_some(true.into())),
        ("skip_when_reporting", e.skip_when_reporting.then_some(true.into())),
        ("unprovable_macros", e.unprovable_macros.then_some(true.into())),
        ("debug_info", e.debug_info.then_some(true.into())),
        ("native_cpu", e.native_cpu.then_some(true.into())),
        ("loads_code", e.loads_code.then_some(true.into())),
        ("needs_observer", e.needs_observer.then_some(true.into())),
        ("value_rule", e.value_rule.map(|_| true.into())),
    ];
    columns.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// A variant's name in lower case.
fn word(variant: impl std::fmt::Debug) -> String {
    format!("{variant:?}").to_lowercase()
}

/// How the value goes into the key, in words.
fn form(row: &Row) -> Option<&'static str> {
    Some(match row.form()? {
        Form::Literal => "byte for byte",
        Form::Path => "portable path",
        Form::Output => "portable path, or only its extension",
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
        Form::Json => "words, some byte for byte",
    })
}
