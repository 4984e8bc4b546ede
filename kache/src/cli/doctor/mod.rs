//! `kache doctor`: whether kache works here. Each check says what it found, and each trouble what to do about it.
//!
//! | check | asks |
//! | --- | --- |
//! | `probe` | does a compile through this very binary miss, store, hit, and restore what the compiler made |
//! | `probe-c` | the same, of C |
//! | `observer` | was that compile watched |
//! | `cache` | can the real cache directory be used, by nobody else |
//! | `file-system` | is it on this machine |
//! | `clone` | are restored files shared with the cache, or copied |
//! | `cargo` | will cargo start kache |
//! | `reached` | has anything come by it, lately |
//! | `incremental` | is what cargo compiles fit to be restored |
//! | `clock` | do the times of files and of this machine agree |
//! | `linker` | is the linker that rustc would start one that is there |
//! | `settings` | do all settings make sense |
//!
//! The probe has a cache and a directory of its own, and both are gone afterwards. The real cache is not created and
//! not written to but for empty files, at once removed.
//!
//! JSON: `{"v":1,"ok","checks":[{"name","state","found","remedy"}]}`; `state` is `ok`, `note` (worth knowing) or
//! `trouble`, `remedy` is `null` where there is nothing to do. `ok` says that there is no trouble.

mod cache;
mod cargo;
mod probe;
mod surroundings;

use super::page::{Page, Style};
use super::{Answer, Format, Trouble};
use kache_core::settings::{Observe, Settings};
use serde::Serialize;

/// What was asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache doctor                  exit status 1 where something is wrong
  kache doctor --format json")]
pub struct Options {
    /// How to answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Note,
    Trouble,
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

    fn trouble(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { name, state: State::Trouble, found: found.into(), remedy: Some(remedy.into()) }
    }
}

#[derive(Serialize)]
struct Json {
    v: u32,
    ok: bool,
    checks: Vec<Check>,
}

/// Looks.
pub fn run(options: &Options) -> Result<Answer, Trouble> {
    let settings = super::settings()?;
    let mut checks = probe::checks();
    checks.extend(cache::checks(&settings));
    checks.push(cargo::check()?);
    checks.push(cargo::incremental());
    checks.push(surroundings::linker());
    checks.extend(surroundings::reached(&settings));
    checks.extend(surroundings::clock(&settings));
    checks.extend(of_settings(&settings));
    let json = Json { v: 1, ok: checks.iter().all(|c| c.state != State::Trouble), checks };
    let mut answer = match options.format {
        Format::Json => Answer::json(&json)?,
        Format::Text => Answer::page(page(&json)),
    };
    answer.status = u8::from(!json.ok);
    Ok(answer)
}

fn page(json: &Json) -> Page {
    let mut page = Page::new();
    for check in &json.checks {
        let (style, mark) = match check.state {
            State::Ok => (Style::Green, "ok     "),
            State::Note => (Style::Yellow, "note   "),
            State::Trouble => (Style::Red, "TROUBLE"),
        };
        let name = (Style::Plain, format!("  {:<11}  ", check.name));
        page.folded(&[(style, mark.to_string()), name], &check.found);
        if let Some(remedy) = &check.remedy {
            page.folded(&[(Style::Plain, format!("{:22}→ ", ""))], remedy);
        }
    }
    page.gap();
    page.heading(if json.ok { "all is well" } else { "kache does not work here as it should" });
    page
}

fn of_settings(settings: &Settings) -> Vec<Check> {
    const NAME: &str = "settings";
    const CONFIG: &str = "`kache config` shows where each setting is from";
    let mut out: Vec<Check> = settings.warnings.iter().map(|w| Check::trouble(NAME, w, CONFIG)).collect();
    if settings.disable {
        out.push(Check::trouble(NAME, "`disable` is on: compilers run as if kache were not there", CONFIG));
    }
    for (off, found) in [
        (!settings.read, "`read` is off: nothing is restored"),
        (!settings.write, "`write` is off: nothing is stored"),
        (!settings.remap, "`remap` is off: hits only in the same place"),
        (settings.observe == Observe::Off, "`observe` is off: what is linked is not stored"),
    ] {
        if off {
            out.push(Check::note(NAME, found, CONFIG));
        }
    }
    if out.is_empty() {
        out.push(Check::ok(NAME, "all make sense"));
    }
    out
}
