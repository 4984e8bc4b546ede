//! What runs of build scripts and of other commands that are no compilers have in common: their roots, what their traces mean,
//! and what is refused of what they left.

use crate::cargo_home::CargoHome;
use crate::toolchain::Toolchain;
use crate::{archives, excuses, plan, policies, recognise, tables};
use kache_core::action::{Action, Request};
use kache_core::collect::{Coverage, Machine, Subject, collect};
use kache_core::collected::Collected;
use kache_core::dependency::{ABSENT, Dependency, Kind};
use kache_core::digest::Digest;
use kache_core::eval::{Computed, EvalContext, Evaluate};
use kache_core::frontend::{Completed, Known, Plan};
use kache_core::observe::log::Log;
use kache_core::paths::{self, Roots};
use kache_core::platform::{self, EntryType};
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::settings::{Observe, Settings};
use kache_core::store::Store;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Refuses where nothing observes the run.
pub(crate) fn is_observed(settings: &Settings) -> Result<(), NotCacheable> {
    match settings.observe {
        Observe::Off => refuse(Reason::NotObserved, "the setting `observe` is `off`"),
        _ => Ok(()),
    }
}

/// Refuses a directory for outputs that is not empty: a command that finds what an earlier run left may do anything with it.
pub(crate) fn is_empty(dir: &Path) -> Result<(), NotCacheable> {
    let failed = |e: io::Error| NotCacheable::new(Reason::OutputDirectory, format!("{}: {e}", dir.display()));
    if platform::entry(dir).map_err(failed)?.0 != EntryType::Directory {
        return refuse(Reason::OutputDirectory, format!("{} is a link", dir.display()));
    }
    match std::fs::read_dir(dir).map_err(failed)?.next() {
        Some(_) => refuse(Reason::OutputDirectory, format!("{} is not empty", dir.display())),
        None => Ok(()),
    }
}

/// The roots of a command: the checkout that its working directory lies in, the target directory of cargo, cargo's home, and
/// those that the user declares.
pub(crate) fn roots(request: &Request, target: Option<PathBuf>, settings: &Settings) -> Roots {
    let mut roots = Roots::default();
    for (at, base) in settings.base_dirs.iter().enumerate() {
        roots.add(&format!("base:{at}"), base.clone(), None);
    }
    let cargo = CargoHome::find(&request.cwd);
    let is_of_cargo = cargo.as_ref().is_some_and(|cargo| cargo.contains(&request.cwd));
    let start = match &target {
        Some(target) if is_of_cargo => target.parent(),
        _ => Some(request.cwd.as_path()),
    };
    let workspace = start.map(|start| paths::checkout(start).unwrap_or(start.to_path_buf()));
    let all = [("target", target), ("workspace", workspace), ("cargo", cargo.map(|cargo| cargo.dir))];
    for (name, path) in all {
        if let Some(path) = path {
            roots.add(name, path, None);
        }
    }
    roots
}

/// What is understood of a foreign command: nothing.
pub(crate) struct ForeignPlan {
    /// The command's file.
    pub program: PathBuf,
    /// Where the identities of toolchains are.
    pub cache: Option<PathBuf>,
    /// What was in the outputs that are named in full: nothing, where none was there.
    pub outputs_before: BTreeMap<PathBuf, Option<Digest>>,
    /// Whether the command is a build script.
    pub is_script: bool,
    /// The roots that the command line names. The command may use their paths for anything.
    pub named_roots: Vec<String>,
}

/// | function | name | value |
/// | --- | --- | --- |
/// | `toolchain` | a compiler as it was called, a line break, the portable directory where | the identity of its toolchain |
impl Evaluate for ForeignPlan {
    fn compute(&self, function: &str, name: &[u8], cx: &EvalContext) -> io::Result<Computed> {
        let invalid = || io::Error::other(format!("no front end evaluates `{function}`"));
        let mut parts = name.splitn(2, |b| *b == b'\n').filter(|_| function == "toolchain");
        let (program, cwd) = (parts.next().ok_or_else(invalid)?, parts.next().ok_or_else(invalid)?);
        let local = |name: &[u8]| cx.roots.local(name).ok_or_else(invalid);
        let store = Store::open(self.cache.as_deref().ok_or_else(invalid)?)?;
        let digest = toolchain(&store, &local(program)?, &local(cwd)?)?;
        Ok(Computed::Digest(digest))
    }

    fn contents_of(&self, _: &str, _: &[u8], _: &EvalContext) -> Option<PathBuf> {
        None
    }

    fn ignores_variable(&self, name: &[u8], every: bool) -> bool {
        excuses::ignored_in_whole(name, every).is_some()
    }

    fn shows_variable(&self, name: &[u8]) -> bool {
        tables::is_shown(name)
    }
}

/// The identity of the toolchain of a compiler, as it is called from a directory.
///
/// # Errors
/// When the program is no compiler that is known, or its toolchain cannot be found.
fn toolchain(store: &Store, program: &Path, cwd: &Path) -> io::Result<Digest> {
    let request = Request::new(program, Vec::new(), cwd);
    let unknown = || io::Error::other(format!("{} is no known compiler", program.display()));
    let family = recognise::family(&request, store).ok_or_else(unknown)?;
    let resolved = plan::real_program(family, &request, None).map_err(|why| io::Error::other(why.detail))?;
    Ok(Toolchain::identify(store, family, &resolved.program)?.digest)
}

impl Plan for ForeignPlan {
    fn collect(&self, action: &Action, log: &Log, cx: &EvalContext) -> Collected {
        let subject = Subject {
            policy: &policies::FOREIGN,
            program: &self.program,
            is_shim: false,
            cwd: &action.cwd,
            roots: &action.roots,
            outputs: &action.outputs.names,
            inlined: Vec::new(),
            state: None,
            searched: &[],
            toolchain: None,
            coverage: &|_: &Path| Coverage::None,
            linker: None,
            path_only: &[],
            has_plugins: false,
            is_foreign: true,
            is_script: self.is_script,
        };
        let mut collected = collect(&subject, &Machine::new(&action.roots, cx.table), &log.trace());
        let named = self.named_roots.iter().map(|root| Dependency::new(Kind::Place, root.as_str()));
        collected.dependencies.extend(named);
        collected
    }

    fn collect_unobserved(&self, _: &Action, _: i64) -> Result<Collected, NotCacheable> {
        refuse(Reason::NotObserved, "what the command reads is known only where it is observed")
    }

    fn refine(
        &self,
        action: &Action,
        _: &mut Completed,
        collected: &mut Collected,
        _: &EvalContext,
        _: &Store,
    ) -> Result<Known, NotCacheable> {
        if let Some(why) = collected.refused.take() {
            return Err(why);
        }
        archives::without_times(&action.outputs.names)?;
        // That nothing is below a directory which the command makes is in the key.
        let new: Vec<&Path> =
            action.outputs.names.trees.iter().filter(|tree| !tree.is_there).map(|tree| &*tree.path).collect();
        let is_new = |path: &Path| new.iter().any(|tree| path.starts_with(tree));
        let is_new = |name: &[u8]| action.roots.local(name).is_some_and(|path| is_new(&path));
        let absent = collected.absent.iter().filter(|name| is_new(name));
        let absent: Vec<_> = absent.map(|name| Dependency::new(Kind::Path, name.clone())).collect();
        absent.iter().for_each(|dependency| _ = collected.dependencies.remove(dependency));
        let known = |(path, before): (&PathBuf, &Option<Digest>)| {
            let name = action.roots.portable(path.as_os_str().as_encoded_bytes());
            match before {
                Some(digest) => (Dependency::new(Kind::File, name), *digest),
                None => (Dependency::new(Kind::Path, name), Digest::of(ABSENT)),
            }
        };
        Ok(self.outputs_before.iter().map(known).collect())
    }
}
