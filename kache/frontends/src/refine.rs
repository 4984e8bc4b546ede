//! What compilers report is added to the dependencies, and dependencies are replaced by weaker ones where a proof shows
//! that the weaker one is enough.

use crate::compile_plan::CompilePlan;
use crate::define::{self, Search, Use};
use crate::flags::{Flag, Flags};
use crate::invocation::Makes;
use crate::{depinfo, gnu, include, made_text, modules, output_names, rustc, source, times};
use kache_core::action::Action;
use kache_core::collect::Coverage;
use kache_core::collected::{Collected, Step};
use kache_core::dependency::{Dependency, Kind};
use kache_core::digest::Digest;
use kache_core::eval::EvalContext;
use kache_core::events::Observed;
use kache_core::frontend::{Completed, Declared, Known};
use kache_core::named_roots::NamedRoots;
use kache_core::paths::{Roots, absolute};
use kache_core::platform::{self, FileType, Stats};
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::store::Store;
use kache_core::template::Format;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::DLL_EXTENSION;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// See [`kache_core::frontend::Plan::refine`].
pub(crate) fn refine(
    plan: &CompilePlan,
    action: &Action,
    completed: &mut Completed,
    collected: &mut Collected,
    cx: &EvalContext,
    store: &Store,
) -> Result<Known, NotCacheable> {
    let mut reported = validate(plan, completed)?;
    if let Some(refused) = collected.refused.take() {
        return Err(refused);
    }
    let invocation = &plan.invocation;
    if invocation.language.is_rust() && invocation.depinfo.is_none() && !invocation.input.is_empty() {
        reported = unreported(plan, completed.observed, collected, store)?;
    }
    if completed.observed == Observed::Unobserved {
        collected.dependencies.extend(plan.rules(&action.roots).rivals(&reported.files));
    }
    let roots: Vec<_> = cx.roots.iter().map(|root| (&root.path, root.mapped.is_some())).collect();
    let plain_test = format!("plain {roots:?}");
    let refiner = Refiner { plan, cx, reported, plain_test, plain: RefCell::default() };
    refiner.add_reported(&mut collected.dependencies);
    add_settings(plan, completed, collected);
    for name in &collected.candidates {
        refiner.prove(name, &collected.steps, &mut collected.dependencies);
    }
    refiner.add_defines(&mut collected.dependencies);
    let other_forms = refiner.other_forms(&collected.dependencies, &collected.loaded);
    collected.dependencies.extend(other_forms);
    collected.drop_implied_presence();
    output_names::add(plan, action, completed, collected);
    made_text::add_places(plan, action, completed, collected);
    let mut known = Known::new();
    if !plan.invocation.language.is_rust() {
        let files = collected.dependencies.iter().filter(|dependency| dependency.kind == Kind::File);
        let files: Vec<Dependency> = files.cloned().collect();
        collected.dependencies.extend(refiner.twins(&files, &mut known)?);
        let directories = refiner.twin_directories(collected);
        collected.dependencies.extend(directories);
        let is_module = |dependency: &Dependency| {
            let path = cx.roots.local(&dependency.name);
            path.is_some_and(|path| modules::is_named(invocation, &path))
        };
        let plain = |dependency: &Dependency| is_module(dependency) || refiner.is_plain(dependency);
        let times = if writes_times(plan) { times::all(&files) } else { times::compared(&files, cx, plain) };
        collected.dependencies.extend(times);
    }
    let is_file = |dependency: &Dependency| dependency.kind == Kind::File;
    let files: Vec<Dependency> = collected.dependencies.extract_if(.., is_file).collect();
    for file in files {
        refiner.add_as_text(file, &mut collected.dependencies);
    }
    Ok(known)
}

/// Whether the compiler writes the times of what it reads: clang does, in a precompiled header.
fn writes_times(plan: &CompilePlan) -> bool {
    plan.invocation.makes == Makes::Precompiled && gnu::is_header(&plan.invocation.unit.kind)
}

/// Adds how the caller wants diagnostics, where some were printed.
pub(crate) fn add_settings(plan: &CompilePlan, completed: &Completed, collected: &mut Collected) {
    if !completed.ran.stdout.is_empty() || has_diagnostics(&completed.ran.stderr) {
        let settings = plan.invocation.settings.iter();
        collected.dependencies.extend(settings.map(|(name, _)| Dependency::computed("setting", name)));
    }
}

/// Refuses a run that did not do what was asked, and returns what the compiler reports.
pub(crate) fn validate(plan: &CompilePlan, completed: &mut Completed) -> Result<Declared, NotCacheable> {
    let invocation = &plan.invocation;
    for (path, then) in &invocation.response_files {
        if platform::read_regular(path).ok().as_ref() != Some(then) {
            let detail = format!("{} changed", path.display());
            return refuse(Reason::ChangedWhileCompiling, detail);
        }
    }
    let is_rust = invocation.language.is_rust();
    // A C compiler's first output is what the compiler was called for: without it, a script succeeded by mistake.
    let wanted = invocation.outputs.exact.first().filter(|_| !is_rust);
    if let Some(path) = wanted.filter(|p| std::fs::metadata(p).map_or(true, |m| m.len() == 0)) {
        let detail = format!("{} is missing or empty", path.display());
        return refuse(Reason::NoOutput, detail);
    }
    // C compilers write no report of a source that is not preprocessed, and an observed run needs none.
    let optional = !is_rust && completed.observed == Observed::Preload;
    match completed.declared.take() {
        Some(Err(e)) if optional && e.kind() == io::ErrorKind::NotFound => Ok(Declared::default()),
        Some(Err(e)) => refuse(Reason::DepInfo, e.to_string()),
        Some(Ok(declared)) => Ok(declared),
        None => Ok(Declared::default()),
    }
}

/// What a crate read, where dep-info was not requested.
///
/// The trace has every file and every variable. It cannot tell which of the variables that rustc reads for itself, and that
/// are excused, a crate read as well, by `env!`. So rustc is asked for dep-info alone, afterwards: what it emits goes into a
/// crate's hash, and a dep-info beside the requested outputs would make another crate. But macros must not run twice:
/// where the compile loaded any, or the compiler cannot be asked, each variable that rustc read once it had opened the source counts.
fn unreported(
    plan: &CompilePlan,
    observed: Observed,
    collected: &Collected,
    store: &Store,
) -> Result<Declared, NotCacheable> {
    if observed == Observed::Preload && (collected.loads_plugins || !plan.can_report) {
        let invocation = &plan.invocation;
        let source = absolute(&invocation.cwd, Path::new(&invocation.input));
        let env = read_after_opening(&collected.steps, source.as_os_str().as_encoded_bytes());
        return Ok(Declared { files: Vec::new(), env });
    }
    ask_for_report(plan, store).map_err(|e| NotCacheable::new(Reason::DepInfo, e.to_string()))
}

/// The variables that were read once the source had been opened. The first thread only starts the one that compiles; others
/// may have begun later.
fn read_after_opening(threads: &[Vec<Step>], source: &[u8]) -> Vec<Vec<u8>> {
    let source = Roots::default().portable(source);
    let opens = |step: &Step| matches!(step, Step::Opened(path) if *path == source);
    let after = threads.iter().enumerate().flat_map(|(i, thread)| {
        let nothing = if i == 0 { thread.len() } else { 0 };
        &thread[thread.iter().position(opens).unwrap_or(nothing)..]
    });
    let looked = after.filter_map(|step| match step {
        Step::Looked(name) => Some(name.clone()),
        _ => None,
    });
    looked.collect::<BTreeSet<_>>().into_iter().collect()
}

fn ask_for_report(plan: &CompilePlan, store: &Store) -> io::Result<Declared> {
    let path = store.temporary();
    let mut ask = Command::new(&plan.invocation.program);
    ask.args(&plan.invocation.lead).args(rustc::report_only(&plan.invocation, &path));
    platform::rewind_stdin();
    ask.stdin(if plan.invocation.stdin.is_some() { Stdio::inherit() } else { Stdio::null() });
    ask.stdout(Stdio::null()).stderr(Stdio::null());
    let text = ask.status().and_then(|_| std::fs::read(&path));
    let _ = std::fs::remove_file(&path);
    Ok(depinfo::parse(&text?, plan.toolchain.capabilities.report))
}

/// Whether anything was printed besides notes to cargo that an output exists.
fn has_diagnostics(stderr: &[u8]) -> bool {
    stderr.split(|b| *b == b'\n').any(|line| !line.is_empty() && !rustc::is_artifact_notice(line))
}

struct Refiner<'a> {
    plan: &'a CompilePlan,
    cx: &'a EvalContext<'a>,
    reported: Declared,
    /// The name of the test of [`Refiner::is_plain`], whose answer holds for these roots.
    plain_test: String,
    /// What [`Refiner::is_plain`] answered.
    plain: RefCell<BTreeMap<Vec<u8>, bool>>,
}

impl Refiner<'_> {
    /// A crate that is searched by its hash may be there as a static and as a shared library, and both have that hash. Where
    /// rustc may link to shared ones, that the other form is not there is an input.
    fn other_forms(
        &self,
        dependencies: &BTreeSet<Dependency>,
        loaded: &BTreeSet<PathBuf>,
    ) -> Vec<Dependency> {
        let invocation = &self.plan.invocation;
        let is_shared = |path: &PathBuf| path.extension().is_some_and(|e| e == DLL_EXTENSION);
        let files = dependencies.iter().filter(|d| d.kind == Kind::File);
        let crates = files.filter_map(|d| self.cx.roots.local(&d.name)).filter(|path| {
            let is_static = path.extension().is_some_and(|e| e == "rlib" || e == "rmeta");
            let searched = path.parent().is_some_and(|dir| invocation.search.iter().any(|s| s == dir));
            searched && (is_static || is_shared(path) && !loaded.contains(path))
        });
        let crates: Vec<PathBuf> = crates.collect();
        let is_off = |value: &str| ["n", "no", "off", "false"].contains(&value);
        let prefers =
            |flag: &Flag| flag.row.flag == "-C prefer-dynamic" && !flag.value.as_deref().is_some_and(is_off);
        if !invocation.flags.iter().any(prefers) && !crates.iter().any(is_shared) {
            return Vec::new();
        }
        let names = crates.iter().filter_map(|path| path.file_name());
        let places = names.flat_map(|name| invocation.search.iter().map(move |dir| dir.join(name)));
        let others = places.flat_map(|path| ["rlib", DLL_EXTENSION].map(|form| path.with_extension(form)));
        let names = others.map(|path| self.cx.roots.portable(path.as_os_str().as_encoded_bytes()));
        names.map(|name| Dependency::new(Kind::Path, name)).collect()
    }

    /// Whether the text of a C header names no root and compares no times. Most do neither, and many sources include them: the
    /// table of digests has the answer, so that a header is read once.
    fn is_plain(&self, dependency: &Dependency) -> bool {
        if dependency.kind != Kind::File || self.plan.invocation.language.is_rust() {
            return false;
        }
        let Some(path) = self.cx.roots.local(&dependency.name) else { return false };
        let ask = || {
            let says_nothing = |text: &[u8]| {
                let mut named = NamedRoots::of_all(self.cx.roots);
                named.search(text);
                named.found().is_empty()
                    && source::portable(text, self.cx.roots).is_none()
                    && !times::compares_times(text)
            };
            // No other unit would ask the table about the source itself.
            if path.ends_with(&self.plan.invocation.input) {
                return platform::read_regular(&path).is_ok_and(|text| says_nothing(&text));
            }
            self.cx.table.passes(&path, &self.plain_test, says_nothing).unwrap_or(false)
        };
        *self.plain.borrow_mut().entry(dependency.name.clone()).or_insert_with(ask)
    }

    /// Adds a file as an input, and what the paths in its text mean for the result. A C source whose paths only locate
    /// included files counts with the roots by their names. Any other text with the path of a root leads every reader to that
    /// path, but a dependency names the file below the root by the root's name: the place of the root counts too. Compiled
    /// code is not searched: rustc opens the files that a crate names when it compiles the crate.
    fn add_as_text(&self, dependency: Dependency, out: &mut BTreeSet<Dependency>) {
        let is_below_root = dependency.name.starts_with(b"<");
        let is_literal = is_library(&dependency.name) || self.plan.invocation.literal_paths;
        if !is_below_root || is_literal || self.is_plain(&dependency) {
            out.insert(dependency);
            return;
        }
        let text = self.cx.roots.local(&dependency.name).and_then(|path| platform::read_regular(&path).ok());
        let text = text.unwrap_or_default();
        let is_source = !self.plan.invocation.language.is_rust()
            && !self.plan.invocation.plugin
            && !self.stores_source_digests();
        if is_source && source::portable(&text, self.cx.roots).is_some() {
            out.insert(Dependency::computed("source", dependency.name));
            return;
        }
        let mut named = NamedRoots::of(self.cx.roots);
        named.search(&text[..]);
        out.extend(named.found().into_iter().map(|root| Dependency::new(Kind::Place, root)));
        out.insert(dependency);
    }

    /// Whether the compiler may store a digest of each source: clang does in debug information of version 5, its default, and
    /// in that of Windows.
    fn stores_source_digests(&self) -> bool {
        const OLD: &[&str] = &["-gdwarf-2", "-gdwarf-3", "-gdwarf-4"];
        let flags = Flags(&self.plan.invocation.flags);
        let version = flags.0.iter().rev().find(|f| f.row.flag.starts_with("-gdwarf"));
        let is_old = version.is_some_and(|f| OLD.contains(&f.row.flag)) && !flags.given("-gcodeview");
        self.plan.toolchain.capabilities.report == Format::WideDepfile
            && (flags.given("-Xclang") || flags.any(|e| e.debug_info) && !is_old)
    }

    /// A compiler identifies a header that is to be included once by where it is stored (clang), or by its contents and the
    /// second in which it was changed (gcc): where two headers have the same contents, that is an input. The digests
    /// of files that are computed here are noted in `known`.
    fn twins(
        &self,
        dependencies: &[Dependency],
        known: &mut BTreeMap<Dependency, Digest>,
    ) -> Result<Vec<Dependency>, NotCacheable> {
        let (mut alike, mut stats) = (BTreeMap::<Digest, Vec<&[u8]>>::new(), Stats::default());
        for dependency in dependencies.iter().filter(|l| l.kind == Kind::File) {
            let digest =
                self.cx.digest_near(dependency, &mut stats).map_err(|e| unreadable(dependency, &e))?;
            known.insert(dependency.clone(), digest);
            alike.entry(digest).or_default().push(&dependency.name);
        }
        // An empty header cannot ask to be included once, but what includes it can.
        let empty = alike.remove(&Digest::of(b"")).unwrap_or_default();
        if empty.len() > 1 && times::any_imports(dependencies, self.cx) {
            alike.insert(Digest::of(b""), empty);
        }
        let groups = alike.into_values().filter(|names| names.len() > 1);
        Ok(groups.map(|names| Dependency::new(Kind::Twins, names.join(&0))).collect())
    }

    /// A compiler leaves out a directory that it has searched under another name, which it tells by the directory's number. Without
    /// links, a bind mount gives a directory two names.
    fn twin_directories(&self, collected: &Collected) -> Vec<Dependency> {
        let (mut alike, mut stats) = (BTreeMap::<(u64, u64), Vec<&[u8]>>::new(), Stats::default());
        let is_there = |d: &&Dependency| d.kind == Kind::Path && !collected.absent.contains(&d.name);
        for dependency in collected.dependencies.iter().filter(is_there) {
            let path = self.cx.roots.local(&dependency.name);
            if let Some(Ok((FileType::Dir, id))) = path.map(|path| stats.of(&path)) {
                alike.entry((id.dev, id.ino)).or_default().push(&dependency.name);
            }
        }
        let groups = alike.into_values().filter(|names| names.len() > 1);
        groups.map(|names| Dependency::new(Kind::Twins, names.join(&0))).collect()
    }

    fn add_reported(&self, dependencies: &mut BTreeSet<Dependency>) {
        for file in &self.reported.files {
            let path = absolute(self.cx.cwd, Path::new(platform::os_str(file)));
            if self.plan.toolchain.coverage(&path) != Coverage::Whole {
                let name = self.cx.roots.portable(path.as_os_str().as_encoded_bytes());
                dependencies.insert(Dependency::new(Kind::File, name));
            }
        }
        for name in &self.reported.env {
            dependencies.insert(Dependency::new(Kind::Env, name.clone()));
        }
    }

    /// Macros with a path in them count, except for those that no source can have used.
    fn add_defines(&self, dependencies: &mut BTreeSet<Dependency>) {
        let macros = &self.plan.defines;
        if macros.is_empty() {
            return;
        }
        let files =
            dependencies.iter().filter(|l| l.kind == Kind::File).map(|l| self.cx.roots.local(&l.name));
        let texts: Option<Vec<Vec<u8>>> = files.map(|path| define::text(&path?)).collect();
        let texts = texts.filter(|_| define::provable(&self.plan.invocation)).unwrap_or_default();
        let values: Vec<&str> =
            self.plan.invocation.flags.iter().filter_map(|f| f.value.as_deref()).collect();
        let mut searches: Vec<Search> = macros.iter().map(|(name, _)| Search::of(name)).collect();
        texts.iter().for_each(|text| define::read(&mut searches, text));
        let mut reported = None;
        for ((name, _), mut search) in macros.iter().zip(searches) {
            // The definition of a macro does not use the macro.
            for value in values.iter().map(|v| v.strip_prefix(name.as_str()).unwrap_or(v)) {
                define::read(std::slice::from_mut(&mut search), value.as_bytes());
            }
            let unused = match search.found() {
                // Without any text there is no proof.
                _ if texts.is_empty() => false,
                Use::None => true,
                Use::Untold => false,
                Use::Named | Use::Pasted => reported
                    .get_or_insert_with(|| {
                        let args =
                            (self.plan.tells_macros)(&self.plan.invocation, self.plan.toolchain.capabilities);
                        define::used(&self.plan.invocation, args)
                    })
                    .as_ref()
                    .is_some_and(|used| !used.contains(name)),
            };
            if !unused {
                dependencies.insert(Dependency::computed("define", name));
            }
        }
    }

    /// Keys a variable by its portable form, where its value is a path under a root and every use of it is proved to
    /// locate an included file.
    fn prove(&self, name: &[u8], steps: &[Vec<Step>], dependencies: &mut BTreeSet<Dependency>) {
        let literal = Dependency::new(Kind::Env, name);
        let Some(value) = std::env::var_os(platform::os_str(name)) else { return };
        let value = value.as_encoded_bytes();
        if !dependencies.contains(&literal) || self.cx.roots.portable(value) == value {
            return;
        }
        let sources = self.sources(dependencies);
        if sources.is_some_and(|s| include::only_locates(name, value, steps, &s)) {
            dependencies.remove(&literal);
            dependencies.insert(Dependency::new(Kind::EnvPath, name));
        }
    }

    /// The text of every Rust source that was read, and of files that are included as text or bytes: lexing these is
    /// harmless.
    fn sources(&self, dependencies: &BTreeSet<Dependency>) -> Option<Vec<include::Source>> {
        let files = dependencies.iter().filter(|l| l.kind == Kind::File && !is_artifact(&l.name));
        files
            .map(|l| {
                let path = self.cx.roots.local(&l.name)?;
                let text = platform::read_regular(&path).ok()?;
                Some(include::Source { path: path.as_os_str().as_encoded_bytes().to_vec(), text })
            })
            .collect()
    }
}

fn unreadable(dependency: &Dependency, e: &io::Error) -> NotCacheable {
    NotCacheable::new(Reason::UnreadableInput, format!("{}: {e}", dependency.label()))
}

/// Whether a file is compiled code.
fn is_library(name: &[u8]) -> bool {
    [&b".rlib"[..], b".rmeta", b".so", b".a", b".o", b".lib", b".dll"].iter().any(|e| name.ends_with(e))
}

fn is_artifact(name: &[u8]) -> bool {
    is_library(name)
        || [&b".json"[..], b".toml"].iter().any(|e| name.ends_with(e))
        || name.starts_with(b"/usr/")
        || name.starts_with(b"/lib")
}
