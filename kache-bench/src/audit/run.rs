//! An independent oracle: the accesses of a compiler as the kernel reports them.
//!
//! kache observes a compile through libc; `strace` observes its system calls. Each unit of a built workload
//! runs again under `strace`, without lookups. Every file that its processes read, probed, did not find or
//! listed must be in the record of that run, or be excused by a rule. Everything else is printed, and is a
//! defect until it is explained.

use super::candidates;
use super::excuse::{self, Excuses};
use super::recorded_paths::RecordedPaths;
use super::tree::{Access, Tree};
use crate::analysis::normalize;
use crate::analysis::summary::{DRIVERS, SCRIPT};
use crate::backend::invocations::Invocation;
use crate::error::{Error, Result};
use crate::recorded_build::{RecordedBuild, RecordedUnit, Rerun};
use crate::system::progress;
use crate::system::scratch::Scratch;
use crate::system::strace;
use crate::text::count;
use kache_core::events::Outcome;
use kache_core::key_trace::KeyTrace;
use kache_report::explain::diff;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Maximum number of list entries in the text.
const SHOWN: usize = 60;

#[derive(Debug, Default, Serialize)]
pub struct AuditFindings {
    pub units: usize,
    pub audited: usize,
    /// Units whose key differs from the build without an explanation, with the difference.
    pub other_key: Vec<String>,
    /// Units whose key differs by files that rustc tried as crates and rejected, with these files.
    pub other_candidates: Vec<String>,
    /// Units whose results are not stored, by reason.
    pub unstored: BTreeMap<String, usize>,
    /// Units that could not run again, with the reason.
    pub failed: Vec<String>,
    /// Recorded accesses, by kind of dependency.
    pub recorded: BTreeMap<&'static str, usize>,
    /// Excused accesses, by known path or rule.
    pub excused: BTreeMap<String, usize>,
    pub unaccounted: Vec<Unaccounted>,
}

/// Accesses that are neither recorded nor excused.
#[derive(Debug, Serialize)]
pub struct Unaccounted {
    /// The path, with placeholders for what differs between units.
    pub pattern: String,
    pub kind: &'static str,
    pub program: String,
    pub units: usize,
    pub example: String,
    pub path: String,
}

/// Audits every `every`th unit of a recorded build.
pub fn run(
    recorded: &mut RecordedBuild,
    scratch: &Scratch,
    every: usize,
    forget: Option<&str>,
) -> Result<AuditFindings> {
    let units: Vec<RecordedUnit> = recorded.units.iter().step_by(every).cloned().collect();
    let mut audit = Audit {
        findings: AuditFindings { units: recorded.units.len(), ..Default::default() },
        forget,
        ..Audit::default()
    };
    let mut shown = progress::Progress::begin("audit", Some(units.len()));
    for (i, unit) in units.iter().enumerate() {
        audit.unit(recorded, scratch, unit)?;
        shown.show(i + 1, "units");
    }
    if let Some(name) = forget.filter(|_| audit.forgotten == 0) {
        return Err(Error::input(format!("no record has a component `{name}`"))
            .remedy("`kache explain --format json` shows the names of components; use one of these names"));
    }
    let mut findings = audit.findings;
    findings.unaccounted = audit.unaccounted.into_values().collect();
    findings.unaccounted.sort_by(|a, b| b.units.cmp(&a.units).then_with(|| a.pattern.cmp(&b.pattern)));
    let units = count(findings.audited, "unit", "units");
    let patterns = count(findings.unaccounted.len(), "unaccounted pattern", "unaccounted patterns");
    shown.end(&format!("{units}, {patterns}"));
    Ok(findings)
}

#[derive(Default)]
struct Audit<'a> {
    findings: AuditFindings,
    unaccounted: BTreeMap<(String, &'static str, String), Unaccounted>,
    sysroots: HashMap<PathBuf, Option<PathBuf>>,
    /// A component that is removed from each record, to test the audit.
    forget: Option<&'a str>,
    /// Number of records with the component.
    forgotten: usize,
}

impl Audit<'_> {
    fn unit(&mut self, recorded: &mut RecordedBuild, scratch: &Scratch, unit: &RecordedUnit) -> Result<()> {
        let label = unit.label();
        if unit.event.outcome != Outcome::Miss || !unit.event.stored {
            let reason = unit.event.reason_word().unwrap_or("not compiled").to_string();
            *self.findings.unstored.entry(reason).or_default() += 1;
            return Ok(());
        }
        let log = scratch.root().join("strace.log");
        let moved = recorded.stash(&unit.event.outputs)?;
        let (Rerun { event, success, errors }, ProcessAccesses(tree)) =
            watch(recorded, &unit.invocation, &log)?;
        let trace = event.as_ref().and_then(|e| recorded.trace(e));
        let why = event.as_ref().and_then(|event| {
            Some(format!("{} ({}) ", event.reason_word()?, event.detail.as_deref().unwrap_or_default()))
        });
        let why = why.unwrap_or_default();
        let (Some(event), Some(mut trace)) = (event.filter(|e| success && e.stored), trace) else {
            let tail = String::from_utf8_lossy(&errors).lines().last().unwrap_or_default().to_owned();
            self.findings.failed.push(format!("{label}: {why}{tail}"));
            return Ok(());
        };
        if let Some(name) = self.forget {
            let before = trace.components.len();
            trace.components.retain(|c| c.name != name);
            self.forgotten += before - trace.components.len();
        }
        self.findings.audited += 1;
        if event.result != unit.event.result {
            let old = recorded.trace(&unit.event);
            let differences = old.as_ref().map(|old| diff::differences(old, &trace)).unwrap_or_default();
            let what: Vec<_> = differences.iter().map(|d| format!("{} {}", d.name, d.verb())).collect();
            let what = format!("{label}: {}", what.join(", "));
            match old.is_some_and(|old| candidates::explain(&differences, &old, &trace, &unit.invocation)) {
                true => self.findings.other_candidates.push(what),
                false => self.findings.other_key.push(what),
            }
        }
        self.judge(recorded, unit, &event.outputs, &trace, &tree);
        drop(moved);
        Ok(())
    }

    fn judge(
        &mut self,
        recorded: &RecordedBuild,
        unit: &RecordedUnit,
        outputs: &[String],
        trace: &KeyTrace,
        tree: &Tree,
    ) {
        let compiler = trace
            .components
            .iter()
            .find(|c| c.name == "compiler")
            .map(|c| PathBuf::from(&c.raw))
            .unwrap_or_default();
        let sysroot = self.sysroot(unit, &compiler, trace, tree);
        let mut recorded_paths = RecordedPaths::of(trace);
        let mut left = Vec::new();
        for (access, made) in &tree.looks {
            match recorded_paths.covers(access) {
                Some(kind) => *self.findings.recorded.entry(kind).or_default() += 1,
                None => left.push((access, *made)),
            }
        }
        let excuses = Excuses {
            invocation: &unit.invocation,
            sysroot: sysroot.as_deref(),
            compiler: &compiler,
            cache: &recorded.cache,
            outputs,
            tree,
            recorded_paths: &recorded_paths,
        };
        let mut unaccounted = Vec::new();
        for (access, made) in left {
            match excuses.excuse(access, made) {
                Some(name) => *self.findings.excused.entry(name).or_default() += 1,
                None => unaccounted.push(access),
            }
        }
        let mut counted = Vec::new();
        for access in unaccounted {
            let key = (self.pattern(recorded, access), access.kind.word(), access.program.clone());
            let first = !counted.contains(&key);
            let entry = self.unaccounted.entry(key.clone()).or_insert_with(|| Unaccounted {
                pattern: key.0.clone(),
                kind: key.1,
                program: key.2.clone(),
                units: 0,
                example: unit.label(),
                path: access.path.display().to_string(),
            });
            entry.units += usize::from(first);
            counted.push(key);
        }
    }

    /// The installation of the Rust compiler that a unit is compiled by, or that a script ran. The record of a script says
    /// that it ran one.
    fn sysroot(
        &mut self,
        unit: &RecordedUnit,
        compiler: &Path,
        trace: &KeyTrace,
        tree: &Tree,
    ) -> Option<PathBuf> {
        let family = &*unit.event.unit.family;
        let ran_compiler = || trace.components.iter().any(|c| c.name.starts_with("toolchain "));
        let compiler = match family {
            SCRIPT if ran_compiler() => {
                tree.programs.iter().find(|program| program.ends_with("bin/rustc"))?.clone()
            }
            SCRIPT => return None,
            _ if DRIVERS.contains(&family) => return None,
            _ => compiler.to_path_buf(),
        };
        self.sysroots.entry(compiler.clone()).or_insert_with(|| sysroot(&compiler)).clone()
    }

    /// Replaces what differs between units: the clone's path, cargo's hashes, process ids and descriptors.
    fn pattern(&self, recorded: &RecordedBuild, access: &Access) -> String {
        let text = access.path.display().to_string();
        let text = text.replace(&*recorded.checkout.root().to_string_lossy(), "<checkout>");
        let text = text.replace(&*recorded.cache.to_string_lossy(), "<cache>");
        let mut out = String::new();
        for part in normalize::replace_hashes(&text).split_inclusive('/') {
            let plain = part.trim_end_matches('/');
            let number = !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit());
            out.push_str(if number { "<n>" } else { plain });
            out.push_str(if part.ends_with('/') { "/" } else { "" });
        }
        out
    }
}

/// The `strace` command line with its output file.
fn strace_line(log: &Path) -> Vec<&OsStr> {
    let options = "-f --seccomp-bpf -qq -y -s 65536 -e signal=none".split(' ');
    let options = options.chain(["-e", strace::TRACED, "-e", strace::RAW, "-o"]);
    let mut line = vec![OsStr::new("strace")];
    line.extend(options.map(OsStr::new));
    line.extend([log.as_os_str(), OsStr::new("--")]);
    line
}

/// Runs a unit again without lookups and reads its compiler's accesses.
pub fn watch(
    recorded: &mut RecordedBuild,
    invocation: &Invocation,
    log: &Path,
) -> Result<(Rerun, ProcessAccesses)> {
    let answer = recorded.rerun(invocation, &strace_line(log), &[("KACHE_READ", OsStr::new("0"))])?;
    let bytes = fs::read(log).map_err(Error::io("read", log))?;
    let watched = ProcessAccesses::read(&bytes, &invocation.cwd).map_err(|unknown| unknown.in_log(log))?;
    fs::remove_file(log).map_err(Error::io("remove", log))?;
    Ok((answer, watched))
}

/// The accesses of a compile.
pub struct ProcessAccesses(Tree);

impl ProcessAccesses {
    /// Reads the output of `strace` for a run that began in `cwd`. An error names the unknown line.
    pub fn read(account: &[u8], cwd: &Path) -> std::result::Result<ProcessAccesses, strace::UnknownLine> {
        let mut reader = strace::Reader::default();
        let mut calls = Vec::new();
        for line in account.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            calls.extend(reader.line(line)?);
        }
        Ok(ProcessAccesses(Tree::of(&calls, cwd)))
    }

    /// The accesses to what the compile did not make itself.
    pub fn outer(&self) -> impl Iterator<Item = &Access> {
        self.0.looks.iter().filter(|(_, made)| !**made).map(|(access, _)| access)
    }

    /// Whether a tool opened a library itself, as a linker does.
    pub fn is_tools_own(&self, access: &Access) -> bool {
        self.0.is_tools_own(access)
    }
}

/// The installation directory that a Rust compiler reports.
fn sysroot(compiler: &Path) -> Option<PathBuf> {
    let mut rerun = Command::new(compiler);
    if compiler.file_stem().is_some_and(|n| n == "clippy-driver") {
        rerun.arg("--rustc");
    }
    let done = rerun.args(["--print", "sysroot"]).output().ok()?;
    let text = String::from_utf8(done.stdout).ok()?;
    PathBuf::from(text.trim()).canonicalize().ok()
}

impl AuditFindings {
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.audited == 0 {
            problems.push("no unit was audited".into());
        }
        if !self.unaccounted.is_empty() {
            let units: usize = self.unaccounted.iter().map(|n| n.units).max().unwrap_or_default();
            problems.push(format!(
                "neither recorded nor excused: {}, in up to {}",
                count(self.unaccounted.len(), "kind of access", "kinds of accesses"),
                count(units, "unit", "units")
            ));
        }
        if !self.other_key.is_empty() {
            problems.push(format!(
                "{} a different key than in the build, for an unknown reason: {}",
                count(self.other_key.len(), "unit has", "units have"),
                self.other_key[0]
            ));
        }
        if !self.failed.is_empty() {
            let units = count(self.failed.len(), "unit", "units");
            problems.push(format!("{units} could not run again: {}", self.failed[0]));
        }
        problems
    }

    pub fn text(&self) -> String {
        let mut out = format!("{} of {} audited\n", self.audited, count(self.units, "unit", "units"));
        for (reason, n) in &self.unstored {
            out += &format!("  {n} skipped, since they are not stored: {reason}\n");
        }
        for other in &self.other_key {
            out += &format!("  different key than in the build: {other}\n");
        }
        if !self.other_candidates.is_empty() {
            out += &format!("  different key than in the build, explained: {}\n", candidates::WHY);
        }
        for other in &self.other_candidates {
            out += &format!("    {other}\n");
        }
        for failed in &self.failed {
            out += &format!("  not run again: {failed}\n");
        }
        out += "recorded:\n";
        for (kind, n) in &self.recorded {
            out += &format!("  {n:>8}  {kind}\n");
        }
        out += "excused:\n";
        for (name, n) in &self.excused {
            out += &format!("  {n:>8}  {name}: {}\n", excuse::reason(name));
        }
        if self.unaccounted.is_empty() {
            out += "nothing unaccounted\n";
        } else {
            out += "unaccounted:\n";
        }
        for n in self.unaccounted.iter().take(SHOWN) {
            out += &format!(
                "  {} {} by {}: {}, e.g. {} ({})\n",
                n.pattern,
                n.kind,
                n.program,
                count(n.units, "unit", "units"),
                n.example,
                n.path
            );
        }
        if self.unaccounted.len() > SHOWN {
            out += &format!("  and {} more, in the record\n", self.unaccounted.len() - SHOWN);
        }
        out
    }
}
