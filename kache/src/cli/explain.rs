//! `kache explain`: explains why a unit's last build missed, down to the root cause, or groups all misses of the last build
//! by root cause.
//!
//! JSON: `{"v":2,"cache","build","command","units":[Explanation…],"causes":[{"summary","changed_units":[unit…],
//! "affected_units":[unit…]}],"roots"}`; see [`Explanation`] for its fields. `changed_units` differ by themselves, `affected_units`
//! missed because of them. `build` is `null` if the command names a unit. With `--reason`: `{"v":2}` and everything of a [`Because`].

use super::completions;
use super::output::{Answer, CliError, Format, cache_dir, failed, settings, suggestion};
use super::page::{BOLD, DIM, GREEN, PLAIN, Page, RED, Span, YELLOW, ago, count, cut, duration, short};
use super::report::lasting;
use clap_complete::ArgValueCompleter;
use kache_core::dependency;
use kache_core::events::builds::Build;
use kache_core::events::{Confirmation, Event, Outcome};
use kache_core::reason::Reason;
use kache_report::explain::diff::{Difference, Side};
use kache_report::explain::history::History;
use kache_report::explain::{Because, Cause, Explanation, Why, explain, is_explained, telling, title, verbs};
use kache_report::report::roots::{self, Root};
use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;
use std::path::Path;

/// The number of differences, causes and units of a list without `--all`.
const SHOWN: usize = 8;
/// The number of unchanged characters to show on each side of a change.
const CONTEXT: usize = 24;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache explain                 the misses of the last build, by root cause
  kache explain serde           one unit: each changed input, old and new
  kache explain demo bin --all
  kache explain --reason not-observed
  kache explain --last-build --format json")]
pub struct Options {
    /// A crate's name, `name kind` (as `demo bin`), or a label (as `demo 0.1.0 (bin)`) [default: the last build]
    #[arg(conflicts_with = "last_build", num_args = 0.., add = ArgValueCompleter::new(completions::units))]
    unit: Vec<String>,
    /// All misses of the last build, by root cause
    #[arg(long)]
    last_build: bool,
    /// What a reason for not caching means, and what to do about it: `not-observed`
    #[arg(long, value_name = "REASON", conflicts_with_all = ["unit", "last_build", "all"],
        add = ArgValueCompleter::new(completions::reasons))]
    reason: Option<String>,
    /// Show all differences, and all units of that name from any build
    #[arg(long)]
    all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Json {
    cache: String,
    build: Option<String>,
    /// The command that started the build.
    #[serde(skip_serializing_if = "String::is_empty")]
    command: String,
    units: Vec<Explanation>,
    causes: Vec<Group>,
    /// The units that cost each build.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roots: Vec<Root>,
}

/// A root cause: the units whose own inputs changed, and the units that missed because of them.
#[derive(Serialize)]
struct Group {
    summary: String,
    changed_units: Vec<String>,
    affected_units: Vec<String>,
    #[serde(skip)]
    cause: Cause,
    /// The events of the units whose inputs changed, and of all units that missed for this cause.
    #[serde(skip)]
    changed: BTreeSet<usize>,
    #[serde(skip)]
    missed: BTreeSet<usize>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    if let Some(word) = &options.reason {
        return of_reason(word, options.format);
    }
    let cache = cache_dir(&settings()?)?;
    let history = History::load(&cache).map_err(failed(cache.display()))?;
    let asked = options.unit.join(" ");
    let build = if asked.is_empty() { history.last_build() } else { None };
    let chosen = match &build {
        Some(build) => of_build(&history, build),
        None if asked.is_empty() => Vec::new(),
        None => of_unit(&history, &asked, options.all, &cache)?,
    };
    let units: Vec<Explanation> = chosen.iter().map(|at| explain(&history, *at)).collect();
    let causes = groups(&units);
    let command = build.as_ref().map_or(String::new(), |b| b.command.clone());
    let build = asked.is_empty().then(|| build.map_or(String::new(), |b| b.name));
    let missed = units.iter().map(|unit| (unit.at, unit.causes.as_slice()));
    let roots = if build.is_some() { roots::of(&history, missed) } else { Vec::new() };
    let json = Json { cache: cache.display().to_string(), build, command, units, causes, roots };
    Answer::new(options.format, 2, &json, |page| match json.build {
        Some(_) => whole_build(&json, options.all, page),
        None => json.units.iter().for_each(|unit| one_unit(unit, options.all, page)),
    })
}

fn of_reason(word: &str, format: Format) -> Result<Answer, CliError> {
    let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
    let unknown = || CliError::usage(format!("unknown reason `{word}`{}", suggestion(word, &known)));
    let explained = Because::of_reason(Reason::of_word(word).ok_or_else(unknown)?, "");
    Answer::new(format, 2, &explained, |page| because(&explained, page))
}

/// The units of a build, in order.
fn of_build(history: &History, build: &Build) -> Vec<usize> {
    let mut all: Vec<usize> = (0..history.events.len()).filter(|i| build.has(&history.events[*i])).collect();
    all.retain(|i| is_explained(&history.events[*i]));
    all
}

fn of_unit(history: &History, asked: &str, all: bool, cache: &Path) -> Result<Vec<usize>, CliError> {
    let latest = history.latest();
    let named: Vec<usize> =
        latest.iter().copied().filter(|i| is_called(&history.events[*i], asked)).collect();
    let Some(newest) = named.first().map(|i| history.events[*i].build.clone()) else {
        // A command that kache could not parse has its program's name, which is not the name of a unit.
        let units = latest.iter().map(|i| &history.events[*i].unit).filter(|u| !u.family.is_empty());
        let known: BTreeSet<&str> = units.map(|u| u.name.as_str()).collect();
        let hint = match known.is_empty() {
            true => "; none is recorded there: `kache init` makes cargo use kache, then build".to_string(),
            false => suggestion(asked, &Vec::from_iter(known)),
        };
        return Err(CliError::usage(format!("no unit `{asked}` in the events of {}{hint}", cache.display())));
    };
    Ok(named.into_iter().filter(|i| all || history.events[*i].build == newest).collect())
}

/// Whether a name means the unit: `_` equals `-`, and a package's name may differ from its crate's.
fn is_called(event: &Event, asked: &str) -> bool {
    let plain = |s: &str| s.replace('-', "_");
    let unit = &event.unit;
    let package = unit.package.split(' ').next().unwrap_or_default();
    let asked = plain(asked);
    let names = [unit.name.clone(), package.to_string(), unit.label(), title(unit)];
    let with_kind = [format!("{} {}", unit.name, unit.kind), format!("{} ({})", unit.name, unit.kind)];
    names.iter().chain(&with_kind).any(|n| plain(n) == asked)
}

fn groups(units: &[Explanation]) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    for (unit, cause) in units.iter().flat_map(|u| u.causes.iter().map(move |c| (u, c))) {
        let at = out.iter().position(|g| g.cause.key == cause.key).unwrap_or_else(|| {
            out.push(Group {
                summary: cause.summary.clone(),
                changed_units: Vec::new(),
                affected_units: Vec::new(),
                cause: cause.clone(),
                changed: BTreeSet::new(),
                missed: BTreeSet::new(),
            });
            out.len() - 1
        });
        out[at].changed.insert(cause.at);
        out[at].missed.insert(unit.at);
    }
    for group in &mut out {
        let (changed, affected): (Vec<_>, Vec<_>) = units
            .iter()
            .filter(|u| group.missed.contains(&u.at))
            .partition(|u| group.changed.contains(&u.at));
        let names = |of: Vec<&Explanation>| of.iter().map(|u| u.unit.clone()).collect();
        (group.changed_units, group.affected_units) = (names(changed), names(affected));
    }
    out.sort_by_key(|g| std::cmp::Reverse(g.missed.len()));
    out
}

fn whole_build(json: &Json, all: bool, page: &mut Page) {
    let Some(last) = json.units.last() else {
        return page
            .line("no build is recorded yet: `kache init` makes cargo use kache, `kache doctor` checks the installation");
    };
    let missed = json.units.iter().filter(|u| u.outcome == Outcome::Miss).count();
    let hit = json.units.iter().filter(|u| u.outcome == Outcome::Hit).count();
    let other = json.units.len() - missed - hit;
    let command = if json.command.is_empty() { String::new() } else { format!(", `{}`", json.command) };
    let other = if other > 0 { format!(", {other} not cached or failed") } else { String::new() };
    page.heading(format!(
        "the last build{command}, {}: {}, {}{other}",
        ago(last.time_us),
        count(missed, "miss", "misses"),
        count(hit, "hit", "hits"),
    ));
    let shown = if all { json.causes.len() } else { SHOWN };
    for group in json.causes.iter().take(shown) {
        page.gap();
        one_cause(group, all, page);
    }
    if json.causes.len() > shown {
        let more = count(json.causes.len() - shown, "more cause", "more causes");
        page.line(format!("… and {more}: --all lists all"));
    }
    if !json.roots.is_empty() {
        page.gap();
        page.heading("units that cost each build");
    }
    for root in &json.roots {
        page.folded(&[(PLAIN, "  ".to_string())], &lasting(root));
    }
    passed_through(json, page);
}

fn one_cause(group: &Group, all: bool, page: &mut Page) {
    page.heading(&group.summary);
    let changed = count(group.changed_units.len(), "unit", "units");
    page.folded(&[(PLAIN, format!("  in {changed}: "))], &list(&group.changed_units, all));
    if !group.affected_units.is_empty() {
        let affected = count(group.affected_units.len(), "more unit", "more units");
        page.folded(&[(PLAIN, format!("  and so {affected}: "))], &list(&group.affected_units, all));
    }
    if group.changed_units.len() > 1 && matches!(group.cause.why, Why::Differs { .. }) {
        page.line(format!("  in {}:", group.cause.unit));
    }
    details(&group.cause, all, page);
}

/// Each reason for not caching, once: build scripts run dozens of test compiles.
fn passed_through(json: &Json, page: &mut Page) {
    let mut reasons: Vec<(&Because, usize)> = Vec::new();
    for unit in &json.units {
        let (Outcome::Passthrough | Outcome::Error, Some(b)) = (unit.outcome, &unit.reason) else { continue };
        match reasons.iter_mut().find(|(known, _)| known.word == b.word && known.detail == b.detail) {
            Some((_, invocations)) => *invocations += 1,
            None => reasons.push((b, 1)),
        }
    }
    for (b, invocations) in reasons {
        page.gap();
        page.heading(format!("not cached: {}", count(invocations, "invocation", "invocations")));
        because(b, page);
    }
}

fn list(labels: &[String], all: bool) -> String {
    let shown = if all { labels.len() } else { labels.len().min(SHOWN) };
    let text = labels[..shown].join(", ");
    if labels.len() > shown { format!("{text}, … (--all)") } else { text }
}

fn ended(unit: &Explanation) -> String {
    let (_, done) = verbs(&unit.family);
    match unit.outcome {
        Outcome::Hit if unit.checked.is_some() => format!("hit, {done} to check it"),
        Outcome::Hit if unit.seeded => "hit, restored before cargo asked".to_string(),
        Outcome::Hit => "hit".to_string(),
        Outcome::Miss if unit.checked.is_some() => format!("would have been a hit, {done} to check it"),
        Outcome::Miss if unit.stored => format!("missed, {done} and stored"),
        Outcome::Miss => format!("missed, {done} and not stored"),
        Outcome::Passthrough => "not cached".to_string(),
        Outcome::Error => "kache failed, the command ran without it".to_string(),
    }
}

/// The cause of a run in one sentence: a script is run again by any build, so that its inputs are what people ask for.
fn ran_because(unit: &Explanation) -> Option<String> {
    let what = match unit.family.as_str() {
        "script" => "the script ran",
        "command" => "the command ran",
        "link" => "it was linked",
        _ => return None,
    };
    let difference = telling(unit.why.as_ref()?)?;
    Some(format!("  {what} because {} {}", difference.name, difference.verb()))
}

fn one_unit(unit: &Explanation, all: bool, page: &mut Page) {
    page.gap();
    page.heading(format!("{}: {}, {}", unit.unit, ended(unit), ago(unit.time_us)));
    if unit.outcome == Outcome::Hit {
        let took = duration(unit.compile_us as i64);
        page.line(format!("  all inputs are unchanged since its result was made (in {took})"));
        if unit.checked.is_some() {
            page.line("  the command ran as well, and its outputs are equal");
        }
    }
    ran_because(unit).iter().for_each(|because| page.line(because));
    if let Some(confirmation) = unit.confirmation {
        page.line(format!("  its result is {}: it holds {}", confirmation.word(), confirmation.meaning()));
    }
    if let Some(b) = unit.reason.as_ref().filter(|_| !unit.stored) {
        because(b, page);
    }
    if let Some(w) = &unit.why {
        why(w, all, page);
    }
    upstream(unit, all, page);
}

/// The differences of the units that this one follows from, each change once.
fn upstream(unit: &Explanation, all: bool, page: &mut Page) {
    let mut seen = BTreeSet::new();
    for cause in &unit.causes {
        let first = seen.insert(&cause.key);
        let from = cause.chain.get(1..).unwrap_or_default().join(", from ");
        match (from.is_empty(), first) {
            (true, _) => {}
            (_, false) => page.line(format!("  and follows from {from}, for the same cause")),
            (_, true) => {
                page.line(format!("  follows from {from}: {}", cause.summary));
                details(cause, all, page);
            }
        }
    }
}

fn because(b: &Because, page: &mut Page) {
    page.folded(&[(YELLOW, format!("  {}", b.word)), (PLAIN, ": ".to_string())], b.meaning);
    if !b.detail.is_empty() && b.detail != b.meaning {
        page.folded(&[(PLAIN, "    detail: ".to_string())], &b.detail);
    }
    page.folded(&[(PLAIN, "    help: ".to_string())], b.help);
}

/// A root cause without its heading: only the unit's own differences.
fn details(cause: &Cause, all: bool, page: &mut Page) {
    if let Some(b) = &cause.reason {
        because(b, page);
    }
    match &cause.why {
        Why::FirstSeen | Why::FirstLike { .. } => {}
        Why::Differs { differences, .. } => {
            let own: Vec<&Difference> = differences.iter().filter(|d| d.made_by.is_none()).collect();
            let own = if own.is_empty() { differences.iter().collect() } else { own };
            list_differences(&own, all, page);
        }
        other => why(other, all, page),
    }
}

fn why(why: &Why, all: bool, page: &mut Page) {
    match why {
        Why::FirstSeen => page.line("  first build: no earlier run of this unit's command is recorded"),
        Why::FirstLike { first } => page.line(format!("  first {first}: no earlier one is recorded")),
        Why::NoTrace => page.line("  its inputs are not recorded, so they cannot be compared"),
        Why::SameInputs { at_once: true, .. } => {
            page.line("  another build compiled the same inputs at the same time");
        }
        Why::SameInputs { earlier_us, was_stored: true, report, .. } => {
            let found = "the lookup did not find the stored result";
            let report = report.as_ref().map_or("; no reason was recorded".to_string(), |r| format!(": {r}"));
            page.line(format!("  the same inputs were compiled {}, but {found}{report}", ago(*earlier_us)));
        }
        Why::SameInputs { earlier_us, reason, .. } => {
            let ago = ago(*earlier_us);
            page.line(format!("  the same inputs were compiled {ago}, and the result was not stored"));
            reason.iter().for_each(|b| because(b, page));
        }
        Why::Place { confirmation: Confirmation::Literal } => {
            page.line("  another place made something else from the same inputs, so no place is given another's result");
        }
        Why::Place { .. } => page.line("  no input changed: this run confirmed the result of another place"),
        Why::Checked => page.line("  all known inputs are unchanged since its result was made"),
        Why::NotReproducible { earlier_us } => {
            let ago = ago(*earlier_us);
            page.line(format!("  the same inputs were compiled {ago}, with different outputs"));
        }
        Why::Differs { earlier_us, inputs, differences } => {
            let (n, ago) = (differences.len(), ago(*earlier_us));
            let differ = if n == 1 { "differs" } else { "differ" };
            let inputs = count(inputs, "input", "inputs");
            page.line(format!("  {n} of {inputs} {differ} from the nearest earlier compile, {ago}"));
            let (made, own): (Vec<&Difference>, Vec<&Difference>) =
                differences.iter().partition(|d| d.made_by.is_some());
            if all || own.iter().all(|d| d.is_derived()) {
                return list_differences(&differences.iter().collect::<Vec<_>>(), all, page);
            }
            list_differences(&own, all, page);
            if !made.is_empty() {
                let outputs = count(made.len(), "output of another unit", "outputs of other units");
                page.styled(DIM, format!("  and {outputs} (--all)"));
            }
        }
    }
}

/// Consequences of a change in cargo's hashes are only named if there are other differences to show.
fn list_differences(differences: &[&Difference], all: bool, page: &mut Page) {
    let (derived, telling): (Vec<&Difference>, Vec<&Difference>) =
        differences.iter().copied().partition(|d| d.is_derived());
    let name_only = !all && !telling.is_empty() && !derived.is_empty();
    let listed: Vec<&Difference> = if name_only { telling } else { differences.to_vec() };
    let shown = if all { listed.len() } else { listed.len().min(SHOWN) };
    listed[..shown].iter().for_each(|d| difference(d, page));
    if listed.len() > shown {
        page.line(format!("  … and {} more: --all shows them", listed.len() - shown));
    }
    if name_only {
        let mut names: Vec<&str> = derived.iter().map(|d| d.name.as_str()).collect();
        names.dedup();
        let shown = names.len().min(4);
        let more = if names.len() > shown { ", … (--all)" } else { "" };
        page.styled(DIM, format!("  and cargo's hashes in: {}{more}", names[..shown].join(", ")));
    }
}

fn difference(d: &Difference, page: &mut Page) {
    let about = match &d.made_by {
        Some(unit) => format!(" (the output of {unit})"),
        None if d.name.contains("/build/") && d.name.contains("/out/") => {
            " (written by a build script that cargo ran)".to_string()
        }
        None => format!(" ({})", d.about),
    };
    page.spans(&[(BOLD, format!("  {} ", d.name)), (PLAIN, d.verb().to_string()), (DIM, about)]);
    let (old, new) = (d.old.as_ref(), d.new.as_ref());
    let (a, b) = contrast(&text(old, d), &text(new, d));
    for (side, sign, style, pieces) in [(old, "- ", RED, a), (new, "+ ", GREEN, b)] {
        if side.is_some() {
            let pieces = pieces.into_iter().map(|(changed, t)| (if changed { style } else { PLAIN }, t));
            page.hanging(&[(style, format!("    {sign}"))], &Vec::<Span>::from_iter(pieces));
        }
    }
    match (old, new) {
        (Some(a), Some(b)) if is_environment(d) && counted(&a.raw, d) == counted(&b.raw, d) => {
            let what = "the value of one of them changed (values are not recorded)";
            page.line(format!("    the names are the same: {what}"));
        }
        _ if is_environment(d) => {}
        _ => raws(old, new, page),
    }
}

/// The text for one side: the names of variables, or the first digits of a digest.
fn text(side: Option<&Side>, d: &Difference) -> String {
    match side {
        None => String::new(),
        Some(side) if is_environment(d) => {
            format!("{}: {}", short(&side.value), counted(&side.raw, d).join(" "))
        }
        Some(side) if side.value.as_bytes() == dependency::UNSET => "(unset)".to_string(),
        Some(side) => short(&side.value).to_string(),
    }
}

fn is_environment(d: &Difference) -> bool {
    d.name.starts_with("env-all")
}

/// The variables that are part of a dependency on the whole environment.
fn counted<'a>(names: &'a str, d: &Difference) -> Vec<&'a str> {
    let every = d.name.contains(' ');
    let counts = |n: &&str| kache_frontends::excuses::ignored_in_whole(n.as_bytes(), every).is_none();
    let mut names: Vec<&str> = names.split(' ').filter(counts).collect();
    names.sort_unstable();
    names
}

/// The unnormalized values, where they differ from the normalized ones.
fn raws(old: Option<&Side>, new: Option<&Side>, page: &mut Page) {
    let raw =
        |side: Option<&Side>| side.filter(|s| s.raw != s.value && !s.raw.is_empty()).map(|s| cut(&s.raw));
    let sides = match (raw(old), raw(new)) {
        (Some(a), Some(b)) if a == b => vec![(" ", b)],
        (a, b) => a.map(|a| ("-", a)).into_iter().chain(b.map(|b| ("+", b))).collect(),
    };
    for (sign, raw) in sides {
        page.hanging(&[(DIM, format!("    {sign} raw: "))], &[(DIM, raw)]);
    }
}

/// A text in pieces, each with whether it differs.
type Pieces = Vec<(bool, String)>;

/// Both texts in pieces; long equal stretches are cut.
fn contrast(old: &str, new: &str) -> (Pieces, Pieces) {
    let (mut a, mut b) = (Pieces::new(), Pieces::new());
    for change in TextDiff::from_words(old, new).iter_all_changes() {
        let piece = change.value();
        match change.tag() {
            ChangeTag::Delete => put(&mut a, true, piece),
            ChangeTag::Insert => put(&mut b, true, piece),
            ChangeTag::Equal => {
                put(&mut a, false, piece);
                put(&mut b, false, piece);
            }
        }
    }
    (abridged(a), abridged(b))
}

fn put(pieces: &mut Pieces, changed: bool, text: &str) {
    match pieces.last_mut() {
        Some((c, t)) if *c == changed => t.push_str(text),
        _ => pieces.push((changed, text.to_string())),
    }
}

fn abridged(pieces: Pieces) -> Pieces {
    let one = |(changed, text): (bool, String)| {
        let n = text.chars().count();
        if changed || n <= 4 * CONTEXT {
            return (changed, text);
        }
        let start: String = text.chars().take(CONTEXT).collect();
        let end: String = text.chars().skip(n - CONTEXT).collect();
        (changed, format!("{start}…{end}"))
    };
    pieces.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_and_long_is_cut_and_what_differs_is_not() {
        let same = "x ".repeat(200);
        let (a, b) = contrast(&format!("{same}old"), &format!("{same}new"));
        assert_eq!((a[1].clone(), b[1].clone()), ((true, "old".into()), (true, "new".into())));
        assert!(a[0].1.chars().count() == 2 * CONTEXT + 1 && a[0].1.contains('…'));
    }

    #[test]
    fn of_all_variables_those_that_count_are_shown_by_name() {
        let side = |raw: &str, value: &str| Some(Side { raw: raw.into(), value: value.into() });
        let d = Difference {
            part: kache_core::key_trace::Part::Dependency,
            name: "env-all".into(),
            about: "",
            old: side("TERM B A", "1"),
            new: side("A PATH B C", "2"),
            made_by: None,
        };
        assert_eq!(
            (text(d.old.as_ref(), &d), text(d.new.as_ref(), &d)),
            ("1: A B".into(), "2: A B C PATH".into())
        );
    }
}
