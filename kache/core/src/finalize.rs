//! From what was collected to the dependencies that are stored: each is evaluated now that the command has ended, and
//! whatever may have changed while the command ran makes the result unstorable.

use crate::action::Action;
use crate::collected::Collected;
use crate::dependency::{Dependency, Kind, RecordedDependency};
use crate::eval::{EvalContext, EvaluatedDependency, sort_word, walk_tree};
use crate::frontend::Known;
use crate::platform;
use crate::reason::{NotCacheable, Reason};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A dependency with its digest, and how to show it.
pub struct FinalDependency {
    pub recorded: RecordedDependency,
    pub evaluated: EvaluatedDependency,
    /// The plugins that read it, where that is known.
    pub by: Option<String>,
}

/// What to finalize against.
pub struct Finalizer<'a> {
    pub view: &'a EvalContext<'a>,
    pub action: &'a Action,
    /// The file stamp when the command was started.
    pub started: i64,
}

impl Finalizer<'_> {
    /// The dependencies, in the order of their names.
    ///
    /// # Errors
    /// When the result cannot be stored.
    pub fn finalize(
        &self,
        collected: Collected,
        known: &Known,
    ) -> Result<Vec<FinalDependency>, NotCacheable> {
        let dependencies = self.settle_absent(collected.dependencies, &collected.absent)?;
        let mut all = Vec::with_capacity(dependencies.len());
        for dependency in dependencies {
            let evaluated = match known.get(&dependency) {
                Some(digest) => self.view.evaluate_known(&dependency, *digest),
                None => self.view.evaluate(&dependency),
            };
            let evaluated = evaluated.map_err(|e| unreadable(&dependency, &e))?;
            self.unchanged(&dependency)?;
            let read_by = collected.readers.get(&dependency.name);
            let by = read_by.filter(|_| [Kind::Env, Kind::EnvAll].contains(&dependency.kind));
            let by = by.map(|names| names.iter().cloned().collect::<Vec<_>>().join(", "));
            let recorded = RecordedDependency { dependency, digest: evaluated.digest };
            all.push(FinalDependency { recorded, evaluated, by });
        }
        Ok(all)
    }

    /// Where a whole branch of the tree is missing, its highest missing directory is looked at instead of every
    /// name below. What was absent and is there now has come while the compiler ran.
    fn settle_absent(
        &self,
        dependencies: BTreeSet<Dependency>,
        absent: &BTreeSet<Vec<u8>>,
    ) -> Result<BTreeSet<Dependency>, NotCacheable> {
        let mut out = BTreeSet::new();
        let mut top: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let names: BTreeSet<Vec<u8>> = absent.iter().map(|p| self.view.roots.portable(p)).collect();
        for dependency in dependencies {
            if dependency.kind != Kind::Path || !names.contains(&dependency.name) {
                out.insert(dependency);
                continue;
            }
            let Some(path) = self.view.roots.local(&dependency.name) else { continue };
            if sort_word(&path).ok() != Some("absent") {
                return Err(NotCacheable::new(
                    Reason::ChangedWhileCompiling,
                    format!("{} appeared", path.display()),
                ));
            }
            let parent = path.parent().unwrap_or(&path).as_os_str().as_encoded_bytes().to_vec();
            let highest = top.entry(parent).or_insert_with(|| highest_absent(&path));
            let missing = if highest.is_empty() { path.as_os_str().as_encoded_bytes() } else { highest };
            out.insert(Dependency::new(Kind::Path, self.view.roots.portable(missing)));
        }
        Ok(out)
    }

    /// A file changed at or after the start may have been another while it was read.
    fn unchanged(&self, dependency: &Dependency) -> Result<(), NotCacheable> {
        if dependency.kind == Kind::Tree {
            return self.tree_unchanged(dependency);
        }
        let path = match dependency.kind {
            Kind::File | Kind::Listing => self.view.roots.local(&dependency.name),
            Kind::Computed => {
                let (function, name) = dependency.computed_parts();
                self.view.plan.contents_of(function, name, self.view)
            }
            _ => None,
        };
        let Some(path) = path else { return Ok(()) };
        let changed = match platform::sort_of(&path) {
            Ok(Some((platform::Sort::Dir, id))) => self.is_since(id.mtime),
            Ok(Some((_, id))) => {
                self.is_since(id.mtime) || id.ctime >= self.started && !self.was_linked(&path)
            }
            _ => true,
        };
        if changed {
            return Err(NotCacheable::new(
                Reason::ChangedWhileCompiling,
                format!("{} changed", path.display()),
            ));
        }
        Ok(())
    }

    /// Checks everything below a directory, except for the outputs of the command.
    fn tree_unchanged(&self, dependency: &Dependency) -> Result<(), NotCacheable> {
        let Some(dir) = self.view.roots.local(&dependency.name) else { return Ok(()) };
        let mut changed = None;
        let walked = walk_tree(&dir, &mut |path, there| {
            let is_since = match there {
                Some((platform::Sort::Dir, id)) => self.is_since(id.mtime),
                Some((_, id)) => self.is_since(id.mtime) || id.ctime >= self.started,
                None => false,
            };
            if is_since && !self.action.outputs.names.owns(path) {
                changed.get_or_insert_with(|| path.to_path_buf());
            }
            Ok(())
        });
        match (walked, changed) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(path)) => {
                Err(NotCacheable::new(Reason::ChangedWhileCompiling, format!("{} changed", path.display())))
            }
            (Err(e), _) => Err(unreadable(dependency, &e)),
        }
    }

    /// Whether a modification falls into the run. A time in the future was set explicitly (an archive, a wrong clock); had
    /// that happened since the start, the time of change would show it.
    fn is_since(&self, mtime: i64) -> bool {
        mtime >= self.started && mtime <= platform::now_ns()
    }

    /// Whether only a further name moved the time of change. Commands put outputs into these directories whole, by renaming,
    /// and nothing else writes there.
    fn was_linked(&self, path: &Path) -> bool {
        path.parent().is_some_and(|dir| self.action.relinked_dirs.iter().any(|d| d == dir))
            && platform::has_other_names(path)
    }
}

fn unreadable(dependency: &Dependency, e: &std::io::Error) -> NotCacheable {
    NotCacheable::new(Reason::UnreadableInput, format!("{}: {e}", dependency.label()))
}

/// The highest missing directory above a missing path; empty where the parent directory exists.
fn highest_absent(path: &Path) -> Vec<u8> {
    path.ancestors()
        .skip(1)
        .take_while(|a| sort_word(a).ok() == Some("absent"))
        .last()
        .map(|a| a.as_os_str().as_encoded_bytes().to_vec())
        .unwrap_or_default()
}
