//! One case with one cache: six builds from clean.

use super::account::CountReader;
use super::case::Case;
use super::judge::{BuildOutcome, TrapVerdict, TrialEvidence, judge};
use super::probe::digest;
use super::project::{BuildCommand, TestProject, ToolFamily};
use crate::backend::{Backend, Plain, RunningBackend};
use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use crate::system::files;
use crate::system::interrupt;
use crate::workload::{CcWiring, Wiring};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, SystemTime};

/// Time limit of a command: some caches wait forever if they inherit an open descriptor.
const LIMIT: Duration = Duration::from_secs(180);

const WIRING: Wiring = Wiring { rustc: true, cc: Some(CcWiring::Launcher) };
const C_ALONE: Wiring = Wiring { rustc: false, cc: WIRING.cc };
const RUST_WRAPPER: &str = "RUSTC_WRAPPER";
const C_LAUNCHER: &str = "CMAKE_C_COMPILER_LAUNCHER";

/// Sets the case up below `dir` and runs it. The builds' output goes to `log`.
pub fn run(case: &Case, backend: &dyn Backend, dir: &Path, log: &Path) -> Result<(TrapVerdict, String)> {
    let base = Environment::of_caller().with_all([("TZ".into(), "UTC0".into())]);
    let mut project = TestProject::new(&dir.join("site"), base)?;
    project.case = case.name;
    (case.set_up)(&mut project);
    if let Some(why) = &project.skipped {
        return Ok((TrapVerdict::Skipped, why.clone()));
    }
    project.result()?;
    let wired = WiredBackend::new(backend, &project, &dir.join("cache"), log)?;
    if !project.units.iter().all(|unit| wired.does(unit.family)) {
        return Ok((TrapVerdict::NotApplicable, String::new()));
    }
    project.age()?;
    let evidence = run_trial(case, &mut project, backend, &wired, dir);
    match project.skipped {
        Some(why) => Ok((TrapVerdict::Skipped, why)),
        None => Ok(judge(case.expect, &evidence?)),
    }
}

fn run_trial(
    case: &Case,
    project: &mut TestProject,
    backend: &dyn Backend,
    wired: &WiredBackend<'_>,
    dir: &Path,
) -> Result<TrialEvidence> {
    let plain = WiredBackend::new(&Plain, project, &dir.join("none"), &wired.log)?;
    let truth_before = aside(project, |project| plain.build(project))?.0;
    let moving = project.meanwhile.is_some();
    let served = wired.serve(project)?;
    let mut account = CountReader::open(backend, &wired.cache)?;
    let mut step = |project: &TestProject| -> Result<(BuildOutcome, Artifacts)> {
        let (mut seen, artifacts) = wired.build(project)?;
        (seen.counts, seen.reasons) = account.since()?;
        Ok((seen, artifacts))
    };
    let (cold, first) = meanwhile(project, &mut step)?;
    let (again, second) = step(project)?;
    let mut differs = difference(&again, &first, &second).filter(|_| !moving);
    (case.change)(project);
    if project.skipped.is_some() {
        return Err(Error::run("skipped"));
    }
    project.result()?;
    let (changed, given) = step(project)?;
    drop(served);
    let truth = aside(project, |project| plain.build(project))?.0;
    if differs.is_none() && changed.counts.is_some_and(|c| c.hits > 0) {
        let fresh = WiredBackend::new(backend, project, &dir.join("fresh"), &wired.log)?;
        let _served = fresh.serve(project)?;
        let made = aside(project, |project| fresh.build(project))?.1;
        differs = difference(&changed, &made, &given);
    }
    let by_cargo = project.units.iter().any(|unit| unit.family == ToolFamily::Cargo);
    Ok(TrialEvidence { truth_before, cold, again, changed, truth, differs, by_cargo, moving })
}

/// Digests of the outputs in `out/`, by name.
type Artifacts = BTreeMap<PathBuf, u64>;

/// The first output that differs between a build with hits and another build.
fn difference(seen: &BuildOutcome, made: &Artifacts, given: &Artifacts) -> Option<String> {
    if seen.counts.is_none_or(|c| c.hits == 0) {
        return None;
    }
    let differs = |name: &&PathBuf| made.get(*name) != given.get(*name);
    made.keys().chain(given.keys()).find(differs).map(|name| name.display().to_string())
}

/// The first build, with the function that runs during it.
fn meanwhile<T>(project: &TestProject, build: impl FnOnce(&TestProject) -> Result<T>) -> Result<T> {
    let Some(what) = project.meanwhile else { return build(project) };
    let here = project.here().to_path_buf();
    std::thread::scope(|scope| {
        scope.spawn(move || what(&here));
        build(project)
    })
}

/// Runs a build that must not see or change the state that the cache's builds keep.
fn aside<T>(project: &TestProject, build: impl FnOnce(&TestProject) -> Result<T>) -> Result<T> {
    let Some(state) = &project.state else { return build(project) };
    let away = state.with_extension("aside");
    let had = state.exists();
    if had {
        fs::rename(state, &away).map_err(Error::io("move aside", state))?;
    }
    let built = build(project);
    if state.exists() {
        fs::remove_dir_all(state).map_err(Error::io("remove", state))?;
    }
    if had {
        fs::rename(&away, state).map_err(Error::io("move back", &away))?;
    }
    built
}

/// A cache and its directory, wired to the compilers.
struct WiredBackend<'b> {
    backend: &'b dyn Backend,
    cache: PathBuf,
    log: PathBuf,
    rust: Vec<OsString>,
    c: Vec<OsString>,
    plain: bool,
}

impl WiredBackend<'_> {
    fn new<'b>(
        backend: &'b dyn Backend,
        project: &TestProject,
        cache: &Path,
        log: &Path,
    ) -> Result<WiredBackend<'b>> {
        let wired = backend.wire(project.base(), WIRING, cache)?;
        let words = |name: &str| -> Vec<OsString> {
            let value = wired.get(name).unwrap_or_default();
            // CMake separates list elements by semicolons.
            let text = value.to_string_lossy().into_owned();
            text.split(';').filter(|word| !word.is_empty()).map(OsString::from).collect()
        };
        let plain = backend.name() == Plain.name();
        Ok(WiredBackend {
            backend,
            cache: cache.to_path_buf(),
            log: log.to_path_buf(),
            rust: words(RUST_WRAPPER),
            c: words(C_LAUNCHER),
            plain,
        })
    }

    fn does(&self, family: ToolFamily) -> bool {
        self.plain
            || match family {
                ToolFamily::Rust | ToolFamily::Cargo => !self.rust.is_empty(),
                ToolFamily::C => !self.c.is_empty() || self.wraps_lines(),
                ToolFamily::Link => !self.c.is_empty() && self.backend.caches_links(),
                ToolFamily::Shell => true,
            }
    }

    /// Whether the backend wraps commands rather than compilers.
    fn wraps_lines(&self) -> bool {
        self.backend.line(":", C_ALONE) != ":"
    }

    /// The program in front of the compilers; its server runs until the value is dropped.
    fn serve(&self, project: &TestProject) -> Result<RunningBackend<'_>> {
        let running = RunningBackend::begin(self.backend, &self.cache)?;
        self.backend.start(&self.wired(project)?, &self.cache)?;
        Ok(running)
    }

    /// The environment with the cache, for any checkout.
    fn wired(&self, project: &TestProject) -> Result<Environment> {
        let wired = self.backend.wire(project.base(), WIRING, &self.cache)?;
        Ok(self.backend.based(wired, project.here()))
    }

    /// Builds from clean, evaluates the probes, and cleans.
    fn build(&self, project: &TestProject) -> Result<(BuildOutcome, Artifacts)> {
        interrupt::check()?;
        project.clean()?;
        project.began.set(SystemTime::now());
        let (mut messages, mut built) = (String::new(), true);
        for unit in &project.units {
            built = built && self.run(project, unit, &mut messages)?;
        }
        let evaluate = || project.probes.iter().map(|probe| probe.evaluate(project, &messages));
        let witness =
            if built { evaluate().collect::<Vec<_>>().join("\n") } else { "the build fails".into() };
        let out = project.path("out");
        let artifacts = files::below(&out).into_iter().map(|file| {
            let bytes = fs::read(&file).map_err(Error::io("read", &file))?;
            Ok((file.strip_prefix(&out).unwrap_or(&file).to_path_buf(), digest(&bytes)))
        });
        let artifacts = artifacts.collect::<Result<Artifacts>>()?;
        project.clean()?;
        Ok((BuildOutcome { built, witness, messages, counts: None, reasons: Vec::new() }, artifacts))
    }

    fn run(&self, project: &TestProject, unit: &BuildCommand, messages: &mut String) -> Result<bool> {
        let mut environment = project.environment(&self.wired(project)?);
        let mut words = match unit.family {
            ToolFamily::Rust => self.rust.clone(),
            ToolFamily::C | ToolFamily::Link => self.c.clone(),
            ToolFamily::Cargo | ToolFamily::Shell => Vec::new(),
        };
        if unit.family != ToolFamily::Cargo {
            // cargo and CMake remove these variables before the compiler runs.
            environment
                .retain(|name, _| name != RUST_WRAPPER && !name.to_string_lossy().starts_with("CMAKE_"));
        }
        words.extend(unit.words.iter().map(|word| OsString::from(project.fill(word))));
        if unit.family == ToolFamily::C && self.wraps_lines() {
            let quoted = |word: &OsString| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
            let line = words.iter().map(quoted).collect::<Vec<_>>().join(" ");
            words = vec!["sh".into(), "-c".into(), self.backend.line(&line, C_ALONE).into()];
        }
        let output = child::output_within(project.command(&words).envs(&environment), LIMIT);
        interrupt::check()?;
        if output.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::TimedOut) {
            messages.push_str(&format!("it had no end within {} s\n", LIMIT.as_secs()));
            return Ok(false);
        }
        let output = output.map_err(|e| Error::run(format!("cannot run it: {e}")).at(words[0].display()))?;
        let printed = [&*output.stdout, &*output.stderr]
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .concat();
        self.note(&words, &printed, output.status)?;
        messages.push_str(&printed);
        Ok(output.status.success())
    }

    /// Appends a command and its output to the log.
    fn note(&self, words: &[OsString], printed: &str, status: ExitStatus) -> Result<()> {
        let words = words.join(OsStr::new(" "));
        let text = format!("$ {} [{}]\n{printed}{status}\n", words.display(), self.backend.name());
        let file = OpenOptions::new().create(true).append(true).open(&self.log);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::io("write", &self.log))
    }
}
