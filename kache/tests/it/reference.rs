//! The generated parts of the manual's reference: made from the program's own tables, and compared with the pages.
//!
//! A page has one generated part, between two comments. `KACHE_REFRESH_DOCS=1` writes it anew.

use crate::KACHE;
use crate::manual;
use kache_core::events::{
    Checked, Confirmation, Event, Kind, LabelBy, Observed, Outcome, Phase, RemoteUse, RemoteWay, Unit,
};
use kache_core::reason::Reason;
use kache_core::settings;
use kache_report::explain::reasons;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::process::Command;

const REFRESH: &str = "KACHE_REFRESH_DOCS=1 cargo test -p kache --test it reference";
const BEGIN: &str = "<!-- Generated from the program's tables; do not edit up to `end`. -->\n\n";
const END: &str = "\n<!-- end -->";
const WIDTH: usize = 100;

#[test]
fn generated_pages_are_fresh() {
    let pages: [(&str, String); 12] = [
        ("cli", cli()),
        ("settings", settings_table()),
        ("reasons", reasons_table()),
        ("flags-rustc", flags("rustc")),
        ("flags-rustdoc", flags("rustdoc")),
        ("flags-gnu", flags("gnu")),
        ("flags-link", flags("link")),
        ("flags-msvc", flags("msvc")),
        ("flags-nvcc", flags("nvcc")),
        ("rules", rules()),
        ("libc", libc()),
        ("events", events()),
    ];
    let refresh = std::env::var_os("KACHE_REFRESH_DOCS").is_some();
    for (name, part) in pages {
        let path = manual::book().join("reference").join(name).with_extension("md");
        let page = fs::read_to_string(&path).unwrap();
        let (head, rest) = page.split_once(BEGIN).unwrap_or_else(|| panic!("{name}.md has no `{BEGIN}`"));
        let (_, tail) = rest.split_once(END).unwrap_or_else(|| panic!("{name}.md has no `{END}`"));
        let fresh = format!("{head}{BEGIN}{}{END}{tail}", part.trim_end_matches('\n').to_string() + "\n");
        if refresh {
            fs::write(&path, fresh).unwrap();
        } else {
            assert!(page == fresh, "kache/docs/src/reference/{name}.md is stale: run {REFRESH}");
        }
    }
}

/// The standard output of a command of kache.
fn output(args: &[&str]) -> String {
    let out = Command::new(KACHE).args(args).env_remove("COLUMNS").output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&output(&[args, &["--format", "json"]].concat())).unwrap()
}

/// A row of a table. `|` and, outside of code, `<`, `*` and `_` mean something else in Markdown.
fn row(cells: &[&str]) -> String {
    let escape = |(at, text): (usize, &str)| match at % 2 {
        0 => text.replace('<', "&lt;").replace('*', "\\*").replace("__", "\\_\\_"),
        _ => format!("`{text}`"),
    };
    let cell = |text: &&str| text.split('`').enumerate().map(escape).collect::<String>().replace('|', "\\|");
    format!("| {} |\n", cells.iter().map(cell).collect::<Vec<_>>().join(" | "))
}

fn head(cells: &[&str]) -> String {
    format!("{}|{}\n", row(cells), " --- |".repeat(cells.len()))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key}: {value}"))
}

fn paragraph(text: &str) -> String {
    format!("{}\n\n", textwrap::fill(text, WIDTH))
}

fn cli() -> String {
    let mut out = String::new();
    let mut describe = |args: &[&str]| {
        let help = output(&[args, &["--help"]].concat());
        write!(out, "## kache {}\n\n```plaintext\n{}\n```\n\n", args.join(" "), help.trim_end()).unwrap();
    };
    // `stats` is another name of `report`, and `help` prints these texts.
    for command in kache::cli::COMMANDS.split(' ').filter(|command| !matches!(*command, "stats" | "help")) {
        describe(&[command]);
        if command == "shims" {
            describe(&[command, "install"]);
            describe(&[command, "remove"]);
        }
    }
    out
}

fn settings_table() -> String {
    let row = |r: &settings::Row| row(&[&code(r.var), &code(r.key), r.default, r.what]);
    head(&["variable", "key", "default", "purpose"]) + &settings::TABLE.iter().map(row).collect::<String>()
}

fn reasons_table() -> String {
    let row = |r: &Reason| row(&[&code(r.word()), reasons::meaning(*r), reasons::help(*r)]);
    head(&["reason", "meaning", "advice"]) + &Reason::ALL.iter().map(row).collect::<String>()
}

fn flags(family: &str) -> String {
    let all = json(&["flags", family]);
    let mut out = String::new();
    for (bucket, title) in
        [("key-relevant", "In the key"), ("key-excluded", "Not in the key"), ("unsupported", "Not cached")]
    {
        let rows: Vec<&Value> = items(&all["flags"]).filter(|flag| flag["bucket"] == bucket).collect();
        if rows.is_empty() {
            continue;
        }
        let mut names = vec!["flags", "value", "in the key", "why", "effect"];
        if bucket != "key-relevant" {
            names.remove(2);
        }
        write!(out, "## {title}\n\n{}", head(&names)).unwrap();
        for alike in rows.chunk_by(|a, b| flag_cells(a) == flag_cells(b)) {
            out += &flag_row(alike, names.len() == 5);
        }
        out += "\n";
    }
    out
}

/// The cells of a flag but its name.
fn flag_cells(flag: &Value) -> [String; 4] {
    let effect = flag["effect"].as_object().unwrap().iter().map(|(name, value)| match value {
        Value::String(value) => code(&format!("{name}={value}")),
        _ => code(name),
    });
    let effect = effect.collect::<Vec<_>>().join(", ");
    [
        text(flag, "takes").into(),
        flag["form"].as_str().unwrap_or("–").into(),
        text(flag, "why").into(),
        effect,
    ]
}

/// One row for flags that differ in their names alone.
fn flag_row(alike: &[&Value], in_key: bool) -> String {
    let names = alike.iter().flat_map(|flag| std::iter::once(&flag["flag"]).chain(items(&flag["aliases"])));
    let names = names.map(|name| code(name.as_str().unwrap())).collect::<Vec<_>>().join(", ");
    let [takes, form, why, effect] = flag_cells(alike[0]);
    let mut cells = vec![names.as_str(), &takes, &form, &why, &effect];
    if !in_key {
        cells.remove(2);
    }
    row(&cells)
}

fn rules() -> String {
    let all = json(&["tables"]);
    let mut out = String::new();
    for (at, policy) in items(&all["policies"]).enumerate() {
        let differs = if at == 0 { "" } else { ", where they differ" };
        write!(out, "## Acts: {}{differs}\n\n", text(policy, "name")).unwrap();
        out += &head(&["act", "by", "meaning"]);
        for act in items(&policy["acts"]) {
            for (at, cell) in items(&act["cells"]).enumerate() {
                let name = if at == 0 { text(act, "act") } else { "" };
                out += &row(&[name, text(cell, "actors"), text(cell, "means")]);
            }
        }
        out += "\n";
    }
    for table in items(&all["tables"]) {
        write!(out, "## {}\n\n{}", text(table, "name"), paragraph(text(table, "about"))).unwrap();
        let rows: String =
            items(&table["rows"]).map(|r| row(&[&code(text(r, "what")), text(r, "why")])).collect();
        out += &if rows.is_empty() { "No rows.\n\n".into() } else { head(&["what", "why"]) + &rows + "\n" };
    }
    out
}

fn libc() -> String {
    let all = json(&["tables", "libc"]);
    let mut out = String::new();
    let mut classes = BTreeSet::new();
    for group in items(&all["groups"]) {
        let class = text(group, "class");
        if classes.insert(class) {
            writeln!(out, "## Class: {class}\n").unwrap();
        }
        let symbols: Vec<&str> = items(&group["symbols"]).map(|symbol| symbol.as_str().unwrap()).collect();
        let why = textwrap::fill(text(group, "why"), WIDTH);
        write!(out, "{why}:\n\n```plaintext\n{}\n```\n\n", textwrap::fill(&symbols.join(" "), WIDTH))
            .unwrap();
    }
    out
}

/// The words of an enumeration in JSON. A variant that is left out does not compile.
macro_rules! words {
    ($type:ident: $($variant:ident),*) => {{
        let _ = |value: $type| match value { $($type::$variant => ()),* };
        let words = [$(serde_json::to_value($type::$variant).unwrap()),*];
        words.map(|word| code(word.as_str().unwrap())).join(", ")
    }};
}

/// An event with every field. A field that is left out does not compile.
fn full_event() -> Event {
    Event {
        v: kache_core::events::VERSION,
        time_us: 1_764_000_000_000_000,
        kache: "0.1.0".into(),
        pid: 4711,
        build: "4700-123456".into(),
        command: "cargo build --release".into(),
        directory: "/home/me/project".into(),
        unit: Unit {
            family: "cc".into(),
            package: String::new(),
            name: "a.o".into(),
            kind: "c".into(),
            emit: "obj".into(),
            extra: "<workspace>/src/a.o".into(),
            source: "<workspace>/src/a".into(),
            label_by: LabelBy::Output,
        },
        kind: Kind::Unit,
        outcome: Outcome::Miss,
        stored: false,
        seeded: true,
        reason: Some(Reason::Clock),
        detail: Some("a.c expands __DATE__".into()),
        trouble: Some("event: write".into()),
        action: Some("3f…".into()),
        result: Some("a1…".into()),
        observed: Some(Observed::Preload),
        confirmation: Some(Confirmation::Portable),
        checked: Some(Checked::Same),
        remote: Some(RemoteUse {
            way: RemoteWay::Nothing,
            us: 900,
            detail: Some("404".into()),
            level: Some("remote".into()),
        }),
        status: 0,
        cwd: "/home/me/project".into(),
        total_us: 42_000,
        compile_us: 30_000,
        phases_us: BTreeMap::from([(Phase::Compile, 30_000)]),
        bytes: 4096,
        known_bytes: 1024,
        restore: BTreeMap::from([("copy".into(), 1)]),
        restore_bytes: BTreeMap::from([("copy".into(), 4096)]),
        outputs: vec!["/home/me/project/src/a.o".into()],
    }
}

/// The meaning of each field.
fn fields() -> Vec<(&'static str, String)> {
    let phases: Vec<String> = Phase::ALL.iter().map(|phase| code(phase.word())).collect();
    vec![
        ("v", "version of the shape; readers skip lines of another version".into()),
        ("time_us", "start of the wrapper, µs since 1970".into()),
        ("kache", "version of kache".into()),
        ("pid", "process id of the wrapper".into()),
        ("build", "the process of the build, by its id and start time: the outermost build tool, or else the parent process".into()),
        ("command", "the command that started the build, if a build tool did; Linux only".into()),
        ("directory", "the working directory of that command".into()),
        ("unit", "what the invocation builds; see below".into()),
        ("kind", format!("{}; only units count in the hit rate", words!(Kind: Unit, Probe))),
        ("outcome", words!(Outcome: Hit, Miss, Passthrough, Error)),
        ("stored", "whether the result was stored".into()),
        ("seeded", "whether a hit was restored before the build tool asked for it".into()),
        ("reason", "why the command was not cacheable, its result was not stored, or kache failed; see [Reasons](reasons.md)".into()),
        ("detail", "the particulars of the reason, for people".into()),
        ("trouble", "the first failed step on the file system, even if it had no consequences".into()),
        ("action", "the action key, in hex, once it is known".into()),
        ("result", "the result key, in hex, once it is known".into()),
        ("observed", format!("how the dependencies were found: {}", words!(Observed: Preload, Unobserved))),
        ("confirmation", format!("where the result of a build script or named outputs holds: {}", words!(Confirmation: Portable, Confirmed, Unconfirmed, Literal))),
        ("checked", format!("the outcome of a check (`KACHE_CHECK`): {}", words!(Checked: Same, Different, Unsettled))),
        ("remote", format!("the part of the remote: `us` is the wait in µs, `detail` for people, and `way` one of {}", words!(RemoteWay: Fetched, Ahead, Nothing, Closed, Failed, Refused))),
        ("status", "exit status of the wrapper".into()),
        ("cwd", "working directory".into()),
        ("total_us", "time from start to just before exit".into()),
        ("compile_us", "run time of the command: now, or on a hit when the result was made (the time saved)".into()),
        ("phases_us", format!("time by phase, in the order {}", phases.join(", "))),
        ("bytes", "bytes written to the output directory on a hit, or into the store on a miss".into()),
        ("known_bytes", "the part of a miss's `bytes` that the store had already".into()),
        ("restore", "number of files restored by each method (`reflink`, `copy`)".into()),
        ("restore_bytes", "bytes restored by each method".into()),
        ("outputs", "absolute paths of the outputs".into()),
    ]
}

fn unit_fields() -> Vec<(&'static str, String)> {
    vec![
        ("family", "the group of commands that reports count together".into()),
        ("package", "name and version of the package, separated by a blank; empty if the build tool does not tell".into()),
        ("name", "short name: of a library or program, or the output's file name".into()),
        ("kind", "what is built (`lib`, `bin,test`), or the language of the source".into()),
        ("emit", "the kinds of output asked for, sorted".into()),
        ("extra", "what else distinguishes the output: a suffix that the build tool chose, or the output's portable path".into()),
        ("source", "the input in portable form".into()),
        ("label_by", format!("how people tell units of one kind apart: {}", words!(LabelBy: Package, Output))),
    ]
}

fn events() -> String {
    let event = serde_json::to_value(full_event()).unwrap();
    let mut out = String::new();
    for (title, value, fields) in
        [("Fields", &event, fields()), ("Fields of `unit`", &event["unit"], unit_fields())]
    {
        let mut known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        let mut there: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        there.sort_unstable();
        assert_eq!(known, there, "describe each field of an event in `fields` or `unit_fields`");
        let rows: String = fields.iter().map(|(name, meaning)| row(&[&code(name), meaning])).collect();
        write!(out, "## {title}\n\n{}{rows}\n", head(&["field", "meaning"])).unwrap();
    }
    let example = serde_json::to_string_pretty(&event).unwrap();
    write!(out, "## Example\n\nOne event with every field, spread over lines:\n\n```json\n{example}\n```\n")
        .unwrap();
    out
}
