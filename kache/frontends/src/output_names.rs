//! Whether a C compile's result depends on how its outputs are called.
//!
//! Build systems compile one source under several names: for two programs, for a test and a library, for `cargo build` and
//! `cargo clippy`. Where each flag of the command line says that its output has any name
//! ([`Effect::for_any_name`](crate::flags::Effect::for_any_name)), the key holds only the extensions of the names, the outputs
//! are stored by what they are, and a depfile without its target ([`leave_open`]).
//!
//! That is what the flags say. What the run shows decides: if the names may have counted after all, they are a dependency
//! (`output-names`), and the result is for commands with these names. They may have counted if
//!
//! - a name, its stem or its directory is in an output or in what was printed ([`are_named`]),
//! - a dependency has the name in it, as that of a profile beside the output ([`OutputNames::may_be_in`]; a lookup asks the
//!   same, since a source may ask whether the output of another compile is there),
//! - the compiler looked at what is called like the output ([`looked_for`]),
//! - a program ran that is not the compiler's own, or no observer saw what was looked at.
//!
//! Whether or not the key holds the names, nothing is stored if the source asked whether the output itself is there: the next
//! compile finds the output of this one.

use crate::compile_plan::CompilePlan;
use crate::flags::{Bucket, Flag, Flags, Form};
use crate::invocation::Invocation;
use kache_core::action::{Action, OutputNames};
use kache_core::collected::Collected;
use kache_core::dependency::Dependency;
use kache_core::events::Observed;
use kache_core::frontend::Completed;
use kache_core::observe::trace::{EventKind, Trace, TraceEvent, flag};
use kache_core::paths::{Roots, absolute};
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason};
use kache_core::template::{self, has_word};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Variables that name directories to search. One of them may be that of the output.
const SEARCHED: &[&str] = &["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH"];

/// Names the outputs by what they are, if the key need not hold their paths.
pub(crate) fn leave_open(all: &Flags, names: &mut OutputNames, depfile: Option<&Path>, cwd: &Path) {
    let given: Vec<&str> = all.values("-o").collect();
    let [output] = given[..] else { return };
    let object = absolute(cwd, Path::new(output));
    let is_open =
        all.0.iter().all(|flag| flag.row.effect.for_any_name || flag.row.bucket == Bucket::Excluded)
            && !all.compresses()
            && !all.loads_code()
            && Path::new(output).file_name().is_some()
            && names.exact.iter().eq([object.as_path()].into_iter().chain(depfile))
            && depfile != Some(object.as_path())
            && !searches(all, &names.dir, cwd);
    let target = depfile.map(|_| target(all, output));
    if !is_open || target == Some(None) {
        return;
    }
    names.roles = vec![("object", object)];
    names.roles.extend(depfile.map(|path| ("depfile", path.to_path_buf())));
    names.target = target.flatten();
}

/// The one target of the depfile, as compilers write it. The answer is the same in each checkout: a root whose path has other
/// characters is not mapped.
fn target(all: &Flags, output: &str) -> Option<String> {
    let (given, quoted): (Vec<&str>, Vec<&str>) = (all.values("-MT").collect(), all.values("-MQ").collect());
    match (&given[..], &quoted[..]) {
        ([], []) => template::as_target(output),
        ([], [target]) => template::as_target(target),
        ([target], []) if !target.contains(' ') => template::as_target(target).map(|_| target.to_string()),
        _ => None,
    }
}

/// Whether the compiler may search the directory of the output. That it is there, and no link, is a dependency only of compiles
/// with other outputs.
fn searches(all: &Flags, dir: &Path, cwd: &Path) -> bool {
    let is_dir = |flag: &Flag| {
        let value = flag.value.as_deref().filter(|_| flag.row.bucket == Bucket::Relevant(Form::Path));
        value.is_some_and(|value| by_names(&absolute(cwd, Path::new(value))) == by_names(dir))
    };
    by_names(dir) != by_names(cwd)
        && (all.0.iter().any(is_dir) || SEARCHED.iter().any(|name| std::env::var_os(name).is_some()))
}

fn by_names(path: &Path) -> Cow<'_, [u8]> {
    platform::normalize(path.as_os_str().as_encoded_bytes())
}

/// What is left of the name of an output in the key. gcc leaves out a `./` at the beginning as it writes the name into a depfile, and
/// compilers take all of `.name` for an extension.
pub(crate) fn in_key(name: &str) -> Vec<u8> {
    let last = name.rsplit('/').next().unwrap_or_default();
    if name.starts_with("./") || last.starts_with('.') {
        return name.as_bytes().to_vec();
    }
    let extension = Path::new(name).extension().unwrap_or_default();
    [b"<output>.", extension.as_encoded_bytes()].concat()
}

/// The names as given, with roots by their names.
pub(crate) fn given(invocation: &Invocation, roots: &Roots) -> Vec<u8> {
    let names = invocation.flags.iter().filter(|flag| flag.row.bucket == Bucket::Relevant(Form::Output));
    let each = names.filter_map(|flag| {
        let value = roots.portable_prefix(flag.value.as_deref()?.as_bytes());
        Some([flag.row.flag.as_bytes(), b" ", &value].concat())
    });
    each.collect::<Vec<_>>().join(&b"\n"[..])
}

/// Adds the names as a dependency where they may have counted.
pub(crate) fn add(plan: &CompilePlan, action: &Action, completed: &Completed, collected: &mut Collected) {
    let names = &action.outputs.names;
    let counts = || {
        completed.observed == Observed::Unobserved
            || plan.toolchain.by_shim
            || collected.runs_others
            || collected.loads_plugins
            || names.may_be_in(collected.dependencies.iter())
            || are_named(plan, action, completed, collected)
    };
    if !names.roles.is_empty() && counts() {
        collected.dependencies.insert(Dependency::output_names());
    }
}

/// Notes what the compiler learned of its outputs before it made them.
pub(crate) fn note_looks(invocation: &Invocation, trace: &Trace, collected: &mut Collected) {
    match looked_for(invocation, trace) {
        Some(Look::AtOutput(output)) if collected.refused.is_none() => {
            let detail = format!("the source asked for {}, which the compile makes", output.display());
            collected.refused = Some(NotCacheable::new(Reason::OutputDirectory, detail));
        }
        Some(Look::Alike) if !invocation.outputs.roles.is_empty() => {
            collected.dependencies.insert(Dependency::output_names());
        }
        _ => {}
    }
}

/// A look at what has the name of an output, for another reason than to replace the output.
enum Look {
    /// At a file that is only called like one.
    Alike,
    /// At the output of an earlier compile: the source may be another with the output and without.
    AtOutput(PathBuf),
}

/// The look that counts most, if there was one. Who reads the source asks once what is there, to write aside if that is a file; an
/// assembler and a driver read no condition.
fn looked_for(invocation: &Invocation, trace: &Trace) -> Option<Look> {
    let whole = |name| by_names(&absolute(&invocation.cwd, Path::new(name))).into_owned();
    let sources: Vec<Vec<u8>> = invocation.sources().map(whole).collect();
    let outputs: Vec<&Path> = invocation.outputs.exact.iter().map(PathBuf::as_path).collect();
    let mut reads: BTreeSet<u32> = trace
        .events
        .iter()
        .filter(|e| {
            e.kind == EventKind::Read && sources.iter().any(|source| e.path.ends_with(last_of(source)))
        })
        .filter(|e| sources.iter().any(|source| by_names(Path::new(platform::os_str(e.path))) == *source))
        .map(|e| e.pid)
        .collect();
    // An assembler reads its source itself, and its own output as well.
    let assembles = |e: &TraceEvent| {
        let program = last(Path::new(platform::os_str(e.path)));
        e.kind == EventKind::Start && (program == b"as" || program.ends_with(b"-as"))
    };
    trace.events.iter().filter(|e| assembles(e)).for_each(|e| _ = reads.remove(&e.pid));
    let (mut asked, mut found) = (vec![0; outputs.len()], None);
    for e in &trace.events {
        let path = Path::new(platform::os_str(e.path));
        let is_called = |output: &&Path| e.path.ends_with(last(output)) && last(path) == last(output);
        let Some(at) = outputs.iter().position(is_called) else { continue };
        let permission = flag::MAY_EXECUTE | flag::MAY_WRITE | flag::MAY_READ;
        let is_condition = reads.contains(&e.pid);
        let is_look = match e.kind {
            EventKind::Read => true,
            EventKind::Stat if is_condition && e.flags & permission == 0 => {
                asked[at] += 1;
                asked[at] > 1
            }
            _ => false,
        };
        if is_look && is_condition && is_same(path, outputs[at]) {
            return Some(Look::AtOutput(outputs[at].to_path_buf()));
        }
        found = found.or(is_look.then_some(Look::Alike));
    }
    found
}

/// Whether two paths with the same last part lead to the same place.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.parent().and_then(|dir| dir.canonicalize().ok());
    by_names(one) == by_names(other) || real(one).is_some_and(|dir| Some(dir) == real(other))
}

fn last_of(path: &[u8]) -> &[u8] {
    last(Path::new(platform::os_str(path)))
}

fn last(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

/// Whether the name of an output, its stem or its directory is in what the compile left or printed.
fn are_named(plan: &CompilePlan, action: &Action, completed: &Completed, collected: &Collected) -> bool {
    let words = words(&plan.invocation, &action.roots);
    let has_any = |text: &[u8]| words.iter().any(|word| has_word(text, word));
    let ran = &completed.ran;
    has_any(&ran.stdout)
        || has_any(&ran.stderr)
        || collected.outputs.iter().any(|path| {
            let Ok(text) = platform::read_regular(path) else { return true };
            let Some(format) = action.outputs.template(path) else { return has_any(&text) };
            let marked = action.outputs.marked(&text, &action.roots, format);
            marked.is_none_or(|marked| !template::leaves_target_open(&marked) || has_any(&marked))
        })
}

/// What shows that the names of the outputs are in a text: the name of the object, its stem before another extension, and its
/// directory. The names that the key holds show nothing.
fn words(invocation: &Invocation, roots: &Roots) -> Vec<Vec<u8>> {
    let output = Flags(&invocation.flags).last("-o").unwrap_or_default();
    let bytes = |path: &OsStr| path.as_encoded_bytes().to_vec();
    let name = Path::new(output).file_name().unwrap_or_default();
    let stem = [bytes(Path::new(output).file_stem().unwrap_or_default()), b".".to_vec()].concat();
    let cwd = by_names(&invocation.cwd);
    let known = [&*cwd, invocation.input.as_bytes()];
    let mut dirs = vec![bytes(Path::new(output).parent().unwrap_or(Path::new("")).as_os_str())];
    let dir = roots.portable(invocation.outputs.dir.as_os_str().as_encoded_bytes());
    dirs.push(match dir.iter().position(|b| *b == b'>').filter(|_| dir.starts_with(b"<")) {
        Some(at) => dir[at + 1..].strip_prefix(b"/").unwrap_or_default().to_vec(),
        None => dir,
    });
    dirs.retain(|dir| {
        !dir.is_empty() && dir != b"." && !known.iter().any(|known| template::contains(known, dir))
    });
    let mut words = vec![bytes(name)];
    words.extend(Some(stem).filter(|stem| !invocation.input_name().starts_with(stem)));
    words.extend(dirs);
    words
}
