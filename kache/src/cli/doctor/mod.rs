//! `kache doctor`: checks the installation. Each check reports what it found, and each problem has a remedy.
//!
//! | check | question |
//! | --- | --- |
//! | `probe` | does a compile through this binary miss, store, hit, and restore the compiler's own output |
//! | `probe-c` | the same for C |
//! | `observer` | did the observer check that compile |
//! | `cache` | is the real cache directory usable, and private to this user |
//! | `space` | has its disk enough free space |
//! | `stores` | did results fail to be stored in the last day |
//! | `file-system` | is the cache on a local file system |
//! | `clone` | does restoring share blocks with the cache, or copy them |
//! | `cargo` | does cargo start kache |
//! | `wrappers` | does another compiler wrapper stand before or behind kache |
//! | `jobserver` | can the job server of make be reached |
//! | `reached` | has this cache handled a build |
//! | `incremental` | does cargo compile without incremental state |
//! | `states` | is incremental state kept for the first compile after a restore, and how much |
//! | `clock` | does the file system's clock agree with this machine's |
//! | `linker` | does rustc's default linker exist |
//! | `agent` | if a remote is set: is the agent installed |
//! | `remote` | for each level of the remote: may this machine write to it, and if not, why |
//! | `settings` | are all settings valid |
//!
//! The probe uses a temporary cache and directory. The doctor never creates the real cache; it writes small temporary
//! files to it, which it removes at once.
//!
//! JSON: `{"v":2,"ok","checks":[{"name","state","found","remedy"}]}`; `state` is `ok`, `note` (worth knowing) or
//! `problem`, and `remedy` is `null` for `ok`. `ok` is false if any check found a problem.

mod cache;
mod cargo;
mod probe;
mod stores;
mod surroundings;
mod wrappers;

use super::output::{Answer, CliError, Format, settings};
use super::page::{GREEN, PLAIN, Page, RED, YELLOW};
use kache_core::remote::{Levels, Remote, client};
use kache_core::settings::{Observe, Settings, unknown_variables};
use serde::Serialize;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache doctor                  exit status 1 if a check finds a problem
  kache doctor --format json")]
pub struct Options {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Note,
    Problem,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, state: State::Ok, found: found.into(), remedy: None }
    }

    fn note(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { name, state: State::Note, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn problem(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { name, state: State::Problem, found: found.into(), remedy: Some(remedy.into()) }
    }
}

#[derive(Serialize)]
struct Json {
    ok: bool,
    checks: Vec<Check>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let settings = settings()?;
    let mut checks = probe::checks();
    checks.extend(cache::checks(&settings));
    checks.extend(stores::space(&settings));
    checks.extend(stores::failed(&settings));
    if probe::has_rust() {
        checks.push(cargo::check()?);
        checks.push(cargo::incremental());
        checks.extend(stores::states(&settings));
        checks.push(surroundings::linker());
    }
    checks.extend(wrappers::check());
    checks.extend(wrappers::job_server());
    checks.extend(surroundings::reached(&settings));
    checks.extend(surroundings::clock(&settings));
    checks.extend(of_agent(&settings));
    checks.extend(of_remote(&settings));
    checks.extend(of_settings(&settings));
    let json = Json { ok: checks.iter().all(|c| c.state != State::Problem), checks };
    let answer = Answer::new(options.format, 2, &json, |page| text(&json, page))?;
    Ok(answer.with_problem(!json.ok))
}

fn text(json: &Json, page: &mut Page) {
    for check in &json.checks {
        let (style, mark) = match check.state {
            State::Ok => (GREEN, "ok     "),
            State::Note => (YELLOW, "note   "),
            State::Problem => (RED, "PROBLEM"),
        };
        let name = (PLAIN, format!("  {:<11}  ", check.name));
        page.folded(&[(style, mark.to_string()), name], &check.found);
        if let Some(remedy) = &check.remedy {
            page.folded(&[(PLAIN, format!("{:22}→ ", ""))], remedy);
        }
    }
    page.gap();
    page.heading(if json.ok { "no problems found" } else { "kache does not work correctly here" });
}

fn of_agent(settings: &Settings) -> Option<Check> {
    const NAME: &str = "agent";
    const INSTALL: &str = "install it beside kache: `cargo install --locked --path kache/agent`";
    settings.remote.as_ref()?;
    Some(match client::program() {
        Ok(program) => Check::ok(NAME, program.display().to_string()),
        Err(e) => Check::problem(NAME, format!("the remote is not used: {e}"), INSTALL),
    })
}

fn of_remote(settings: &Settings) -> Vec<Check> {
    let levels = settings.remote.iter().flat_map(Levels::all);
    let check = |level: &Remote| {
        let access = match &level.read_only_because {
            Some(why) => format!("read-only: {why}"),
            None => "read-write".to_string(),
        };
        Check::ok("remote", format!("{}: {}, {access}", level.name(), level.shown()))
    };
    levels.map(check).collect()
}

fn of_settings(settings: &Settings) -> Vec<Check> {
    const NAME: &str = "settings";
    const CONFIG: &str = "`kache config` shows the origin of each setting";
    let mut out: Vec<Check> = settings.warnings.iter().map(|w| Check::problem(NAME, w, CONFIG)).collect();
    // A name that is like no setting may belong to another program.
    out.extend(unknown_variables().into_iter().map(|variable| match variable.nearest {
        Some(_) => {
            Check::problem(NAME, variable.to_string(), "correct the name of the variable, or unset it")
        }
        None => Check::note(NAME, variable.to_string(), "unset it if it is meant for kache"),
    }));
    if settings.disable {
        out.push(Check::problem(NAME, "`disable` is on: compilers run without kache", CONFIG));
    }
    for (off, found) in [
        (!settings.read, "`read` is off: nothing is restored"),
        (!settings.write, "`write` is off: nothing is stored"),
        (!settings.remap, "`remap` is off: results hit only in the same directory"),
        (settings.observe == Observe::Off, "`observe` is off: linked outputs are not stored"),
    ] {
        if off {
            out.push(Check::note(NAME, found, CONFIG));
        }
    }
    if out.is_empty() {
        out.push(Check::ok(NAME, "all settings are valid"));
    }
    out
}
