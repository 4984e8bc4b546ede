//! One case with one backend: six builds from clean.

use super::account::Account;
use super::case::Case;
use super::judge::{Evidence, Seen, Verdict, judge};
use super::probe::digest;
use super::project::{Family, Site, Unit};
use crate::backend::{Backend, Plain, Reads, Running};
use crate::error::{Result, Trouble};
use crate::system::child;
use crate::system::environment::Environment;
use crate::system::interrupt;
use crate::workload::{CcWiring, Wiring};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, SystemTime};

/// How long one command of a trial may take: some caches wait for what never comes, where they are given what others were given open.
const LIMIT: Duration = Duration::from_secs(180);

const WIRING: Wiring = Wiring { rustc: true, cc: Some(CcWiring::Launcher) };
const C_ALONE: Wiring = Wiring { rustc: false, cc: WIRING.cc };
const RUST_WRAPPER: &str = "RUSTC_WRAPPER";
const C_LAUNCHER: &str = "CMAKE_C_COMPILER_LAUNCHER";

/// Lays the case out below `dir`, tries it, and says what came of it. What the builds print goes to `log`.
pub fn run(case: &Case, backend: &dyn Backend, dir: &Path, log: &Path) -> Result<(Verdict, String)> {
    let base = Environment::of_caller().with_all([("TZ".into(), "UTC0".into())]);
    let mut site = Site::new(&dir.join("site"), base)?;
    (case.lay)(&mut site);
    if let Some(why) = &site.skipped {
        return Ok((Verdict::Skipped, why.clone()));
    }
    site.settled()?;
    let behind = Behind::new(backend, &site, &dir.join("cache"), log)?;
    if !site.units.iter().all(|unit| behind.does(unit.family)) {
        return Ok((Verdict::NotApplicable, String::new()));
    }
    site.age()?;
    let outcome = try_it(case, &mut site, backend, &behind, dir);
    match outcome {
        Ok(evidence) => Ok(judge(case.expect, &evidence)),
        Err(trouble) if site.skipped.is_some() => {
            Ok((Verdict::Skipped, site.skipped.clone().unwrap_or_else(|| trouble.to_string())))
        }
        Err(trouble) => Err(trouble),
    }
}

fn try_it(
    case: &Case,
    site: &mut Site,
    backend: &dyn Backend,
    behind: &Behind<'_>,
    dir: &Path,
) -> Result<Evidence> {
    let plain = Behind::new(&Plain, site, &dir.join("none"), &behind.log)?;
    let truth_before = aside(site, |site| plain.build(site))?.0;
    let moving = site.meanwhile.is_some();
    let served = behind.serve(site)?;
    let mut account = Account::open(backend, &behind.cache)?;
    let mut step = |site: &Site| -> Result<(Seen, Artifacts)> {
        let (mut seen, artifacts) = behind.build(site)?;
        seen.counts = account.since()?;
        Ok((seen, artifacts))
    };
    let (cold, first) = meanwhile(site, &mut step)?;
    let (again, second) = step(site)?;
    let mut differs = difference(&again, &first, &second).filter(|_| !moving);
    (case.change)(site);
    if site.skipped.is_some() {
        return Err(Trouble::run("skipped"));
    }
    site.settled()?;
    let (changed, given) = step(site)?;
    drop(served);
    let truth = aside(site, |site| plain.build(site))?.0;
    if differs.is_none() && changed.counts.is_some_and(|c| c.hits > 0) {
        let fresh = Behind::new(backend, site, &dir.join("fresh"), &behind.log)?;
        let _served = fresh.serve(site)?;
        let made = aside(site, |site| fresh.build(site))?.1;
        differs = difference(&changed, &made, &given);
    }
    let by_cargo = site.units.iter().any(|unit| unit.family == Family::Cargo);
    Ok(Evidence { truth_before, cold, again, changed, truth, differs, by_cargo, moving })
}

/// What a build left in `out/`, by name.
type Artifacts = BTreeMap<PathBuf, u64>;

/// The first output of a build with hits that another build made otherwise.
fn difference(seen: &Seen, made: &Artifacts, given: &Artifacts) -> Option<String> {
    if seen.counts.is_none_or(|c| c.hits == 0) {
        return None;
    }
    let differs = |name: &&PathBuf| made.get(*name) != given.get(*name);
    made.keys().chain(given.keys()).find(differs).map(|name| name.display().to_string())
}

/// The first build, with what happens while it runs.
fn meanwhile<T>(site: &Site, build: impl FnOnce(&Site) -> Result<T>) -> Result<T> {
    let Some(what) = site.meanwhile else { return build(site) };
    let here = site.here().to_path_buf();
    std::thread::scope(|scope| {
        scope.spawn(move || what(&here));
        build(site)
    })
}

/// A build that must neither see nor touch the state that the backend's builds leave for one another.
fn aside<T>(site: &Site, build: impl FnOnce(&Site) -> Result<T>) -> Result<T> {
    let Some(state) = &site.state else { return build(site) };
    let away = state.with_extension("aside");
    let had = state.exists();
    if had {
        fs::rename(state, &away).map_err(Trouble::io("move aside", state))?;
    }
    let built = build(site);
    if state.exists() {
        fs::remove_dir_all(state).map_err(Trouble::io("remove", state))?;
    }
    if had {
        fs::rename(&away, state).map_err(Trouble::io("move back", &away))?;
    }
    built
}

/// A backend with its cache, in front of the compilers.
struct Behind<'b> {
    backend: &'b dyn Backend,
    cache: PathBuf,
    log: PathBuf,
    rust: Vec<OsString>,
    c: Vec<OsString>,
    plain: bool,
}

impl Behind<'_> {
    fn new<'b>(backend: &'b dyn Backend, site: &Site, cache: &Path, log: &Path) -> Result<Behind<'b>> {
        let wired = backend.wire(site.base(), WIRING, cache, Reads::Allowed)?;
        let words = |name: &str| -> Vec<OsString> {
            let value = wired.get(name).unwrap_or_default();
            // CMake's lists have semicolons.
            let text = value.to_string_lossy().into_owned();
            text.split(';').filter(|word| !word.is_empty()).map(OsString::from).collect()
        };
        let plain = backend.name() == Plain.name();
        Ok(Behind {
            backend,
            cache: cache.to_path_buf(),
            log: log.to_path_buf(),
            rust: words(RUST_WRAPPER),
            c: words(C_LAUNCHER),
            plain,
        })
    }

    fn does(&self, family: Family) -> bool {
        self.plain
            || match family {
                Family::Rust | Family::Cargo => !self.rust.is_empty(),
                Family::C => !self.c.is_empty() || self.wraps_lines(),
            }
    }

    /// Whether it runs a build's command rather than stand before each compiler.
    fn wraps_lines(&self) -> bool {
        self.backend.line(":", C_ALONE) != ":"
    }

    /// What stands before the compilers, started if it is a thing that runs, and stopped at the end.
    fn serve(&self, site: &Site) -> Result<Running<'_>> {
        let running = Running::begin(self.backend, &self.cache)?;
        self.backend.start(&self.wired(site)?, &self.cache)?;
        Ok(running)
    }

    /// The environment with the backend in front, told that the checkout may be any.
    fn wired(&self, site: &Site) -> Result<Environment> {
        let wired = self.backend.wire(site.base(), WIRING, &self.cache, Reads::Allowed)?;
        Ok(self.backend.based(wired, site.here()))
    }

    /// Builds from clean, looks, and cleans up again.
    fn build(&self, site: &Site) -> Result<(Seen, Artifacts)> {
        interrupt::check()?;
        site.clean()?;
        site.began.set(SystemTime::now());
        let mut messages = String::new();
        let mut built = true;
        for unit in &site.units {
            built = self.run(site, unit, &mut messages)?;
            if !built {
                break;
            }
        }
        let witness = if built {
            let seen: Vec<_> = site.looks.iter().map(|look| look.see(site, &messages)).collect();
            seen.join("\n")
        } else {
            "the build fails".into()
        };
        let mut artifacts = Artifacts::new();
        collect(&site.path("out"), &site.path("out"), &mut artifacts)
            .map_err(Trouble::io("read", &site.path("out")))?;
        site.clean()?;
        Ok((Seen { built, witness, messages, counts: None }, artifacts))
    }

    fn run(&self, site: &Site, unit: &Unit, messages: &mut String) -> Result<bool> {
        let mut environment = site.environment(&self.wired(site)?);
        let mut words = match unit.family {
            Family::Rust => self.rust.clone(),
            Family::C => self.c.clone(),
            Family::Cargo => Vec::new(),
        };
        if unit.family != Family::Cargo {
            // As cargo and CMake have used them up by then.
            environment
                .retain(|name, _| name != RUST_WRAPPER && !name.to_string_lossy().starts_with("CMAKE_"));
        }
        words.extend(unit.words.iter().map(|word| OsString::from(site.fill(word))));
        if unit.family == Family::C && self.wraps_lines() {
            let quoted = |word: &OsString| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
            let line = words.iter().map(quoted).collect::<Vec<_>>().join(" ");
            words = vec!["sh".into(), "-c".into(), self.backend.line(&line, C_ALONE).into()];
        }
        let output = child::output_within(site.command(&words).envs(&environment), LIMIT);
        interrupt::check()?;
        if output.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::TimedOut) {
            messages.push_str(&format!("it had no end within {} s\n", LIMIT.as_secs()));
            return Ok(false);
        }
        let output =
            output.map_err(|e| Trouble::run(format!("cannot run it: {e}")).at(words[0].display()))?;
        let printed = [&*output.stdout, &*output.stderr]
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .concat();
        self.note(&words, &printed, output.status)?;
        messages.push_str(&printed);
        Ok(output.status.success())
    }

    /// Writes down what was run and what it printed.
    fn note(&self, words: &[OsString], printed: &str, status: ExitStatus) -> Result<()> {
        let words = words.join(OsStr::new(" "));
        let text = format!("$ {} [{}]\n{printed}{status}\n", words.display(), self.backend.name());
        let file = OpenOptions::new().create(true).append(true).open(&self.log);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Trouble::io("write", &self.log))
    }
}

fn collect(base: &Path, dir: &Path, into: &mut Artifacts) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(base, &path, into)?;
        } else {
            into.insert(path.strip_prefix(base).unwrap_or(&path).to_path_buf(), digest(&fs::read(&path)?));
        }
    }
    Ok(())
}
