//! From what was gathered to the dependencies that are stored: each look is looked at again now that the compiler is
//! done, what rustc reports is added, and whatever may have changed under its eyes makes the result unstorable.

use super::define::{self, Search, Use};
use super::depinfo::DepInfo;
use super::{include, source};
use crate::Invocation;
use crate::collect::Collected;
use crate::eval::{EvalContext, EvaluatedDependency, sort_word, walk_tree};
use crate::toolchain::Toolchain;
use kache_core::dependency::{Dependency, Kind, RecordedDependency};
use kache_core::digest::Digest;
use kache_core::paths::absolute;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// An observation, and how to show it.
pub struct Seen {
    /// What is stored.
    pub observation: RecordedDependency,
    /// What is shown.
    pub sight: EvaluatedDependency,
    /// The proc macros that looked, where that is known.
    pub by: Option<String>,
}

/// What it takes besides the log.
pub struct Evidence<'a> {
    /// Where to look from.
    pub view: &'a EvalContext<'a>,
    /// What was asked.
    pub invocation: &'a Invocation,
    /// Who compiled.
    pub toolchain: &'a Toolchain,
    /// What rustc reported.
    pub reported: DepInfo,
    /// The file stamp when the compiler was started.
    pub started: i64,
    /// Where crates are searched.
    pub search: &'a [PathBuf],
    /// Whether headers that are included once may be known again by what is no part of their contents.
    pub same_once: bool,
    /// Whether there was anything but artifact notifications to print.
    pub diagnostics: bool,
}

impl Evidence<'_> {
    /// The dependencies, in the order of their names.
    pub fn conclude(&self, gathered: Collected) -> Result<Vec<Seen>, NotCacheable> {
        if let Some(refused) = gathered.refused {
            return Err(refused);
        }
        let mut dependencies = gathered.dependencies;
        self.add_reported(&mut dependencies);
        if self.diagnostics {
            for (name, _) in self.view.settings {
                dependencies.insert(Dependency::new(Kind::Setting, *name));
            }
        }
        for name in &gathered.candidates {
            self.prove(name, &gathered.steps, &mut dependencies);
        }
        self.add_defines(&mut dependencies);
        // A file whose contents count need not be counted as being there.
        let contents: BTreeSet<Vec<u8>> =
            dependencies.iter().filter(|l| l.kind == Kind::File).map(|l| l.name.clone()).collect();
        dependencies.retain(|l| l.kind != Kind::Path || !contents.contains(&l.name));
        let dependencies = self.settle_absent(dependencies, &gathered.absent)?;
        let mut all = Vec::with_capacity(dependencies.len());
        let mut dependencies: Vec<Dependency> = dependencies.into_iter().collect();
        let mut known = BTreeMap::new();
        if self.same_once {
            let twins = self.twins(&dependencies, &mut known)?;
            dependencies.extend(twins);
        }
        for look in dependencies.into_iter().map(|look| self.as_source(look)) {
            let sight = match known.get(&look) {
                Some(digest) => self.view.sight_of(&look, *digest),
                None => self.view.sight(&look),
            };
            let sight = sight.map_err(|e| unreadable(&look, &e))?;
            self.unchanged(&look)?;
            let by =
                gathered.readers.get(&look.name).filter(|_| [Kind::Env, Kind::EnvAll].contains(&look.kind));
            let by = by.map(|names| names.iter().cloned().collect::<Vec<_>>().join(", "));
            all.push(Seen { observation: RecordedDependency { look, seen: sight.digest }, sight, by });
        }
        Ok(all)
    }

    /// A file of C's whose paths only locate what it includes counts with roots by their names.
    fn as_source(&self, look: Dependency) -> Dependency {
        let c = !self.invocation.adapter.crates && !self.invocation.plugin && !self.invocation.literal_paths;
        if !c || look.kind != Kind::File || !look.name.starts_with(b"<") {
            return look;
        }
        let text = self.view.roots.local(&look.name).and_then(|path| std::fs::read(path).ok());
        match text.and_then(|text| source::portable(&text, self.view.roots)) {
            Some(_) => Dependency::new(Kind::Source, look.name),
            None => look,
        }
    }

    /// A header that is to be included once is known again by where it is stored (clang), or by its contents and the
    /// second in which it was changed (gcc): where two headers have the same contents, that is an input.
    /// What each file holds is noted in `known` by the way.
    fn twins(
        &self,
        dependencies: &[Dependency],
        known: &mut BTreeMap<Dependency, Digest>,
    ) -> Result<Vec<Dependency>, NotCacheable> {
        let mut alike: BTreeMap<Digest, Vec<&[u8]>> = BTreeMap::new();
        for look in dependencies.iter().filter(|l| l.kind == Kind::File) {
            let digest = self.view.digest(look).map_err(|e| unreadable(look, &e))?;
            known.insert(look.clone(), digest);
            alike.entry(digest).or_default().push(&look.name);
        }
        alike.remove(&Digest::of(b""));
        let groups = alike.into_values().filter(|names| names.len() > 1);
        Ok(groups.map(|names| Dependency::new(Kind::Twins, names.join(&0))).collect())
    }

    fn add_reported(&self, dependencies: &mut BTreeSet<Dependency>) {
        for file in &self.reported.files {
            let path = absolute(self.view.cwd, Path::new(platform::os_str(file)));
            if !self.toolchain.covers(&path) {
                let name = self.view.roots.portable(path.as_os_str().as_encoded_bytes());
                dependencies.insert(Dependency::new(Kind::File, name));
            }
        }
        for name in &self.reported.env {
            dependencies.insert(Dependency::new(Kind::Env, name.clone()));
        }
    }

    /// Macros with a path in them count, but for those that nothing can have used.
    fn add_defines(&self, dependencies: &mut BTreeSet<Dependency>) {
        let macros = self.view.defines;
        if macros.is_empty() {
            return;
        }
        let files =
            dependencies.iter().filter(|l| l.kind == Kind::File).map(|l| self.view.roots.local(&l.name));
        let texts: Option<Vec<Vec<u8>>> = files.map(|path| define::text(&path?)).collect();
        let texts = texts.filter(|_| define::provable(self.invocation)).unwrap_or_default();
        let values: Vec<&str> = self.invocation.flags.iter().filter_map(|f| f.value.as_deref()).collect();
        let mut searches: Vec<Search> = macros.iter().map(|(name, _)| Search::of(name)).collect();
        texts.iter().for_each(|text| define::read(&mut searches, text));
        let mut told = None;
        for ((name, _), mut search) in macros.iter().zip(searches) {
            // Its own definition is no use of it.
            for value in values.iter().map(|v| v.strip_prefix(name.as_str()).unwrap_or(v)) {
                define::read(std::slice::from_mut(&mut search), value.as_bytes());
            }
            let unused = match search.found() {
                // Without any text there is no proof.
                _ if texts.is_empty() => false,
                Use::None => true,
                Use::Untold => false,
                Use::Named | Use::Pasted => told
                    .get_or_insert_with(|| define::used(self.invocation, self.toolchain.capabilities))
                    .as_ref()
                    .is_some_and(|used| !used.contains(name)),
            };
            if !unused {
                dependencies.insert(Dependency::new(Kind::Define, name.as_str()));
            }
        }
    }

    /// Keys a variable by its portable form, where its value is a path under a root and every use of it is proved to
    /// locate an included file.
    fn prove(&self, name: &[u8], steps: &[Vec<include::Step>], dependencies: &mut BTreeSet<Dependency>) {
        let literal = Dependency::new(Kind::Env, name);
        let Some(value) = std::env::var_os(platform::os_str(name)) else { return };
        let value = value.as_encoded_bytes();
        if !dependencies.contains(&literal) || self.view.roots.portable(value) == value {
            return;
        }
        let sources = self.sources(dependencies);
        if sources.is_some_and(|s| include::only_locates(name, value, steps, &s)) {
            dependencies.remove(&literal);
            dependencies.insert(Dependency::new(Kind::EnvPath, name));
        }
    }

    /// The text of every Rust source that was read. What is included as bytes is no source, but to lex it does no
    /// harm unless it is no text: then there is no proof.
    fn sources(&self, dependencies: &BTreeSet<Dependency>) -> Option<Vec<include::Source>> {
        let files = dependencies.iter().filter(|l| l.kind == Kind::File && !is_artifact(&l.name));
        files
            .map(|l| {
                let path = self.view.roots.local(&l.name)?;
                let text = std::fs::read(&path).ok()?;
                Some(include::Source { path: path.as_os_str().as_encoded_bytes().to_vec(), text })
            })
            .collect()
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
        for look in dependencies {
            if look.kind != Kind::Path || !names.contains(&look.name) {
                out.insert(look);
                continue;
            }
            let Some(path) = self.view.roots.local(&look.name) else { continue };
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
    fn unchanged(&self, look: &Dependency) -> Result<(), NotCacheable> {
        if look.kind == Kind::Tree {
            return self.tree_unchanged(look);
        }
        if ![Kind::File, Kind::Source, Kind::Listing].contains(&look.kind) {
            return Ok(());
        }
        let Some(path) = self.view.roots.local(&look.name) else { return Ok(()) };
        let changed = match platform::file_type(&path) {
            Ok(Some((platform::FileType::Dir, id))) => self.is_since(id.mtime),
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
}

impl Evidence<'_> {
    /// The same of everything below a directory, but for what the compiler itself writes there.
    fn tree_unchanged(&self, look: &Dependency) -> Result<(), NotCacheable> {
        let Some(dir) = self.view.roots.local(&look.name) else { return Ok(()) };
        let mut changed = None;
        let walked = walk_tree(&dir, &mut |path, there| {
            let is_since = match there {
                Some((platform::FileType::Dir, id)) => self.is_since(id.mtime),
                Some((_, id)) => self.is_since(id.mtime) || id.ctime >= self.started,
                None => false,
            };
            if is_since && !self.view.outputs.owns(path) {
                changed.get_or_insert_with(|| path.to_path_buf());
            }
            Ok(())
        });
        match (walked, changed) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(path)) => {
                Err(NotCacheable::new(Reason::ChangedWhileCompiling, format!("{} changed", path.display())))
            }
            (Err(e), _) => Err(unreadable(look, &e)),
        }
    }

    /// Whether a modification falls into the compile. One in the future was set by hand (an archive, a clock that
    /// went wrong), and had that been done since the start the time of change would tell.
    fn is_since(&self, mtime: i64) -> bool {
        mtime >= self.started && mtime <= platform::now_ns()
    }

    /// A crate that rustc has finished gets further names: in its incremental state, and where cargo shows it. That
    /// moves the time of change and leaves the time of modification. rustc puts its outputs in place whole, by
    /// renaming, and nobody else writes in the directory that crates are searched in.
    fn was_linked(&self, path: &Path) -> bool {
        path.parent().is_some_and(|dir| self.search.iter().any(|d| d == dir))
            && platform::has_other_names(path)
    }
}

fn unreadable(look: &Dependency, e: &std::io::Error) -> NotCacheable {
    NotCacheable::new(Reason::UnreadableInput, format!("{}: {e}", look.label()))
}

/// The highest missing directory above a missing path; empty where the path's own directory is there.
fn highest_absent(path: &Path) -> Vec<u8> {
    path.ancestors()
        .skip(1)
        .take_while(|a| sort_word(a).ok() == Some("absent"))
        .last()
        .map(|a| a.as_os_str().as_encoded_bytes().to_vec())
        .unwrap_or_default()
}

fn is_artifact(name: &[u8]) -> bool {
    [&b".rlib"[..], b".rmeta", b".so", b".a", b".o", b".lib", b".dll", b".json", b".toml"]
        .iter()
        .any(|e| name.ends_with(e))
        || name.starts_with(b"/usr/")
        || name.starts_with(b"/lib")
}
