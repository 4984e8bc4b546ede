//! `kache report --events DIR…`: the figures of many machines, from copies of their event files.
//!
//! JSON: `{"v":2,"kache","scopes":[…],"machines":[{"machine","path","torn_lines","unknown_lines"} and everything of a `Tally`]}`.
//! `scopes` are those of a report, summed over the machines; `unit` of a slow miss names the machine. A machine's `Tally` is that
//! of the widest scope, which is the last one.

use super::table::{self, Line, Section};
use super::{Format, Options, SLOWEST, Scope, Slow, Tables, missed, periods};
use crate::cli::output::{Answer, CliError};
use crate::cli::page::{Page, ago, count, duration, size};
use kache_report::explain;
use kache_report::report::fleet::{self, MachineLog};
use kache_report::report::tally::Tally;
use serde::Serialize;

#[derive(Serialize)]
struct Json {
    kache: &'static str,
    scopes: Vec<Scope>,
    machines: Vec<Machine>,
}

#[derive(Serialize)]
struct Machine {
    machine: String,
    path: String,
    /// Lines that are not whole.
    torn_lines: u64,
    /// Whole lines that this version of kache does not understand.
    unknown_lines: u64,
    #[serde(flatten)]
    tally: Tally,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let mut scopes: Vec<Scope> = periods(options).into_iter().map(Scope::empty).collect();
    let mut machines = Vec::new();
    for log in fleet::logs(&options.events) {
        let log = log.map_err(|e| CliError::usage(e.to_string()))?;
        machines.push(Machine::of(log, &mut scopes));
    }
    let json = Json { kache: env!("CARGO_PKG_VERSION"), scopes, machines };
    match options.format {
        Format::Json => Answer::json(2, &json),
        Format::Text => Ok(Answer::page(|to| page(&json, to))),
        Format::Markdown => Ok(Answer::text(super::markdown::page(&tables(&json)))),
        Format::Github => Ok(Answer::text(super::markdown::summary(&tables(&json)))),
    }
}

impl Machine {
    /// Adds a log to the scopes.
    fn of(log: MachineLog, scopes: &mut [Scope]) -> Machine {
        let mut widest = Tally::default();
        for scope in scopes {
            let within = || log.events.iter().filter(|e| e.time_us >= scope.from_us);
            widest = Tally::of(within());
            scope.tally.merge(&widest);
            scope.slowest.extend(within().filter(|e| missed(e)).map(|e| Slow {
                unit: format!("{} on {}", explain::title(&e.unit), log.machine),
                compile_us: e.compile_us,
                why: e.reason_word().unwrap_or_default().to_string(),
            }));
            scope.slowest.sort_by_key(|slow| std::cmp::Reverse(slow.compile_us));
            scope.slowest.truncate(SLOWEST);
        }
        let path = log.path.display().to_string();
        let MachineLog { machine, torn: torn_lines, unknown: unknown_lines, .. } = log;
        Machine { machine, path, torn_lines, unknown_lines, tally: widest }
    }

    fn line(&self) -> Line {
        let Tally { builds, hit_rate, units, time, restored, .. } = &self.tally;
        let errors: u64 = units.errors.values().sum();
        let rated = units.hits + units.misses + errors;
        let mut means = Vec::new();
        if self.torn_lines > 0 {
            means.push(count(self.torn_lines, "torn line", "torn lines"));
        }
        if self.unknown_lines > 0 {
            means.push(count(self.unknown_lines, "line of another version", "lines of other versions"));
        }
        let cells = vec![
            builds.to_string(),
            rated.to_string(),
            table::rate(*hit_rate),
            units.remote_hits.to_string(),
            errors.to_string(),
            duration(time.saved_us),
            duration(time.compile_us as i64),
            size(restored.bytes),
        ];
        Line::new(0, &self.machine, cells, &means.join(", "))
    }
}

fn machines(json: &Json) -> Section {
    const COLUMNS: [&str; 8] =
        ["builds", "units", "hit rate", "remote hits", "errors", "saved", "compiling", "restored"];
    Section {
        title: "machines",
        from: match json.scopes.len() {
            1 => "counted from each machine's events",
            _ => "counted from all of each machine's events",
        },
        columns: COLUMNS.map(str::to_string).to_vec(),
        lines: json.machines.iter().map(Machine::line).collect(),
    }
}

fn tables(json: &Json) -> Tables<'_> {
    let slow = "from the events; `kache explain UNIT` on that machine tells more";
    let mut sections = vec![machines(json)];
    sections.extend(table::figures(&json.scopes, slow));
    Tables {
        title: title(json),
        scopes: &json.scopes,
        sections,
        differences: &[],
        footer: super::footer(format!("kache {}", json.kache), json.kache, &json.scopes),
    }
}

fn title(json: &Json) -> String {
    let machines = count(json.machines.len(), "machine", "machines");
    format!("{} of {machines}", super::titles(&json.scopes))
}

fn page(json: &Json, page: &mut Page) {
    let tables = tables(json);
    page.heading(&tables.title);
    let tally = &json.scopes[json.scopes.len() - 1].tally;
    match (tally.first_us, tally.last_us) {
        (Some(first), Some(last)) => page.line(format!(
            "{}; the first invocation {}, the last {}",
            count(tally.builds as usize, "build", "builds"),
            ago(first),
            ago(last)
        )),
        _ => page.line("no build is recorded for that time"),
    }
    tables.sections.iter().for_each(|section| super::text(section, page));
    page.gap();
    tables.footer.iter().for_each(|line| page.line(line));
}
