//! From what was collected to the dependencies that are stored: each is evaluated now that the command has ended, and
//! whatever may have changed while the command ran makes the result unstorable.

use crate::action::Action;
use crate::collected::Collected;
use crate::dependency::{ABSENT, Dependency, Kind, RecordedDependency};
use crate::eval::{EvalContext, EvaluatedDependency, sort_word, walk_tree, word};
use crate::frontend::Known;
use crate::platform::{self, StatId, Stats};
use crate::reason::{NotCacheable, Reason};
use foldhash::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
        let dependencies = self.settle_absent(collected.dependencies, &collected.absent, known)?;
        let (mut all, mut stats) = (Vec::with_capacity(dependencies.len()), Stats::default());
        for (dependency, looked) in dependencies {
            let evaluated = match (known.get(&dependency), looked) {
                (Some(digest), _) => self.view.evaluate_known(&dependency, *digest),
                (None, Some(word)) => self.view.evaluate_path(&dependency, word),
                (None, None) => self.view.evaluate(&dependency),
            };
            let evaluated = evaluated.map_err(|e| unreadable(&dependency, &e))?;
            if !known.contains_key(&dependency) || !self.is_named_output(&dependency) {
                self.unchanged(&dependency, &collected.opened, &mut stats)?;
            }
            if collected.answers.get(&dependency).is_some_and(|then| !then.holds(&evaluated.digest)) {
                let detail = format!("{} changed", evaluated.place);
                return Err(NotCacheable::new(Reason::ChangedWhileCompiling, detail));
            }
            let read_by = collected.readers.get(&dependency.name);
            let by = read_by.filter(|_| [Kind::Env, Kind::EnvAll].contains(&dependency.kind));
            let by = by.map(|names| names.iter().cloned().collect::<Vec<_>>().join(", "));
            let recorded = RecordedDependency { dependency, digest: evaluated.digest };
            all.push(FinalDependency { recorded, evaluated, by });
        }
        Ok(all)
    }

    /// Where a whole branch of the tree is missing, its highest missing directory is looked at instead of every
    /// name below. What was absent and is there now has come while the compiler ran. With each dependency comes the word for
    /// what is there, where that was looked at: most dependencies of a C source are on what is absent.
    fn settle_absent(
        &self,
        dependencies: BTreeSet<Dependency>,
        absent: &HashSet<Vec<u8>>,
        known: &Known,
    ) -> Result<BTreeMap<Dependency, Option<&'static str>>, NotCacheable> {
        let (mut out, mut stats) = (BTreeMap::new(), Stats::default());
        // By its bytes: a path is hashed part by part.
        let mut top: HashMap<OsString, Option<PathBuf>> = HashMap::default();
        for dependency in dependencies {
            let is_other = dependency.kind != Kind::Path || !absent.contains(&dependency.name);
            if is_other || known.contains_key(&dependency) {
                out.entry(dependency).or_insert(None);
                continue;
            }
            let Some(path) = self.view.roots.local(&dependency.name) else { continue };
            let parent = path.parent().unwrap_or(&path);
            if !top.contains_key(parent.as_os_str()) {
                top.insert(parent.into(), highest_absent(parent));
            }
            if let Some(highest) = &top[parent.as_os_str()] {
                let name = self.view.roots.portable(highest.as_os_str().as_encoded_bytes());
                out.insert(Dependency::new(Kind::Path, name), Some(platform::ABSENCES[0]));
                continue;
            }
            let word = word(stats.of(&path)).unwrap_or_default();
            if !word.as_bytes().starts_with(ABSENT) {
                return Err(NotCacheable::new(
                    Reason::ChangedWhileCompiling,
                    format!("{} appeared", path.display()),
                ));
            }
            out.insert(dependency, Some(word));
        }
        Ok(out)
    }

    /// Whether a dependency is on what an output held, of which the command was told the name, before the command started.
    fn is_named_output(&self, dependency: &Dependency) -> bool {
        let path = || self.view.roots.local(&dependency.name);
        self.action.is_foreign
            && dependency.kind == Kind::File
            && path().is_some_and(|path| self.action.outputs.names.exact.contains(&path))
    }

    /// A file changed at or after the start may have been another while it was read.
    fn unchanged(
        &self,
        dependency: &Dependency,
        opened: &HashMap<PathBuf, StatId>,
        stats: &mut Stats,
    ) -> Result<(), NotCacheable> {
        if dependency.kind == Kind::Tree {
            return self.tree_unchanged(dependency);
        }
        if let Some(path) = self.status_of(dependency) {
            return self.status_unchanged(&path);
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
        let changed = match stats.of(&path) {
            // Another directory that took this one's name has a new time of change.
            Ok((platform::FileType::Dir, id)) => self.is_since(id.mtime) || self.is_since(id.ctime),
            Ok((_, id)) => {
                // By way of a link or a directory that has been turned, an old file has its name.
                opened.get(&path).is_some_and(|then| !then.is_same_file(&id))
                    || self.view.table.was_being_written(&id)
                    || self.is_since(id.mtime)
                    || id.ctime >= self.started && !self.was_linked(&path)
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

    /// The path whose status a dependency is on.
    fn status_of(&self, dependency: &Dependency) -> Option<PathBuf> {
        let (fact, about) = match dependency.kind {
            Kind::Status => (&b"stat"[..], &dependency.name[..]),
            Kind::Host => dependency.host_parts(),
            _ => return None,
        };
        [&b"stat"[..], b"access", b"size"].contains(&fact).then(|| self.view.roots.local(about))?
    }

    /// A status that changed while the command ran may have been another when it was asked for. New entries of a directory change
    /// it as well, and a command may make some: what they are, other dependencies tell.
    fn status_unchanged(&self, path: &Path) -> Result<(), NotCacheable> {
        match platform::identity(path) {
            Ok((platform::FileType::Dir, id)) if id.mtime >= self.started => Ok(()),
            Ok((_, id)) if self.is_since(id.ctime) && !self.was_linked(path) => {
                Err(NotCacheable::new(Reason::ChangedWhileCompiling, format!("{} changed", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// Checks everything below a directory, except for the outputs of the command.
    fn tree_unchanged(&self, dependency: &Dependency) -> Result<(), NotCacheable> {
        let Some(dir) = self.view.roots.local(&dependency.name) else { return Ok(()) };
        let mut changed = None;
        let walked = walk_tree(&dir, &mut |path, there| {
            let is_since = match there {
                Some((platform::FileType::Dir, id)) => self.is_since(id.mtime),
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

/// The highest missing directory, from one upward; none where that one exists.
fn highest_absent(directory: &Path) -> Option<PathBuf> {
    directory
        .ancestors()
        .take_while(|a| sort_word(a).ok() == Some(platform::ABSENCES[0]))
        .last()
        .map(Path::to_path_buf)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::action::{Action, KeyInputs, Outputs};
    use crate::collected::Answer;
    use crate::digest::Digest;
    use crate::eval::Evaluate;
    use crate::events::{Kind as UnitKind, Unit};
    use crate::paths::Roots;
    use crate::store::Store;

    struct NothingComputed;

    impl Evaluate for NothingComputed {
        fn contents_of(&self, _: &str, _: &[u8], _: &EvalContext) -> Option<PathBuf> {
            None
        }

        fn ignores_variable(&self, _: &[u8], _: bool) -> bool {
            false
        }
    }

    struct Place {
        dir: tempfile::TempDir,
        store: Store,
        action: Action,
    }

    impl Place {
        fn new() -> Place {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(&dir.path().join("cache")).unwrap();
            let work = dir.path().join("w");
            std::fs::create_dir_all(work.join("deps")).unwrap();
            let mut roots = Roots::default();
            roots.add("workspace", work.clone(), None);
            let action = Action {
                unit: Unit::default(),
                kind: UnitKind::Unit,
                program: "compiler".into(),
                args: Vec::new(),
                cwd: work.clone(),
                env: Vec::new(),
                roots,
                inputs: KeyInputs::default(),
                key: Digest::of(b"action"),
                outputs: Outputs::default(),
                source: None,
                unmap_printed: false,
                respelled: None,
                shows_terminal: false,
                relinked_dirs: vec![work.join("deps")],
                is_foreign: false,
                keeps_off: None,
            };
            Place { dir, store, action }
        }

        fn write(&self, name: &str) -> PathBuf {
            let path = self.dir.path().join("w").join(name);
            std::fs::write(&path, name).unwrap();
            path
        }

        /// The labels of what is stored, or the reason why nothing is.
        fn finalize(&self, collected: Collected, started: i64) -> Result<Vec<String>, Reason> {
            let view = EvalContext {
                table: &self.store.table,
                roots: &self.action.roots,
                cwd: &self.action.cwd,
                plan: &NothingComputed,
            };
            let finalizer = Finalizer { view: &view, action: &self.action, started };
            let done = finalizer.finalize(collected, &Known::new());
            done.map(|all| all.iter().map(|d| d.recorded.dependency.label()).collect()).map_err(|e| e.reason)
        }

        fn absent(&self, name: &str) -> Collected {
            let mut collected = depends(Kind::Path, name);
            collected.absent.insert(format!("<workspace>/{name}").into_bytes());
            collected
        }
    }

    fn depends(kind: Kind, name: &str) -> Collected {
        let mut collected = Collected::default();
        collected.dependencies.insert(Dependency::new(kind, format!("<workspace>/{name}")));
        collected
    }

    /// A start of the command after everything that was written before.
    fn start() -> i64 {
        let now = platform::now_ns();
        platform::wait_past(now);
        platform::stamp_ns()
    }

    #[test]
    fn the_highest_missing_directory_stands_for_a_missing_path() {
        let place = Place::new();
        let deep = place.finalize(place.absent("no/such/file"), start());
        assert_eq!(deep, Ok(vec!["path <workspace>/no".to_string()]));
        let shallow = place.finalize(place.absent("none"), start());
        assert_eq!(shallow, Ok(vec!["path <workspace>/none".to_string()]));
    }

    #[test]
    fn nothing_below_a_file_is_another_answer_than_nothing() {
        let place = Place::new();
        place.write("f");
        let below = || place.absent("f/x");
        assert_eq!(place.finalize(below(), start()), Ok(vec!["path <workspace>/f/x".to_string()]));
        let with = |word: &str| {
            let mut collected = below();
            let answer = Answer::Is(Digest::of(word.as_bytes()));
            collected.answers.insert(Dependency::new(Kind::Path, "<workspace>/f/x"), answer);
            place.finalize(collected, start()).map(|_| ())
        };
        assert_eq!(with(platform::ABSENCES[1]), Ok(()));
        assert_eq!(with(platform::ABSENCES[2]), Err(Reason::ChangedWhileCompiling));
    }

    #[test]
    fn a_path_that_appeared_while_the_command_ran_is_not_stored() {
        let place = Place::new();
        let collected = place.absent("late");
        place.write("late");
        assert_eq!(place.finalize(collected, start()), Err(Reason::ChangedWhileCompiling));
    }

    #[test]
    fn an_answer_that_is_no_longer_true_is_not_stored() {
        let place = Place::new();
        place.write("f");
        let answered = |kind: Kind, answer: Answer| {
            let mut collected = depends(kind, "f");
            collected.answers.insert(Dependency::new(kind, "<workspace>/f"), answer);
            place.finalize(collected, start()).map(|_| ())
        };
        let is = |word: &str| Answer::Is(Digest::of(word.as_bytes()));
        let changed = Err(Reason::ChangedWhileCompiling);
        assert_eq!([Answer::There, is("file")].map(|a| answered(Kind::Path, a)), [Ok(()), Ok(())]);
        assert_eq!(answered(Kind::Path, is("dir")), changed);
        assert_eq!(answered(Kind::Path, is("file").and(is("dir"))), changed, "it was both");
        assert_eq!(answered(Kind::Path, is("file").and(Answer::There)), Ok(()));
        assert_eq!(answered(Kind::Link, is("elsewhere")), changed);
        std::fs::remove_file(place.dir.path().join("w/f")).unwrap();
        assert_eq!([Answer::There, is("file")].map(|a| answered(Kind::Path, a)), [changed, changed]);
    }

    #[test]
    fn a_file_that_changed_while_the_command_ran_is_not_stored() {
        let place = Place::new();
        place.write("f");
        let started = start();
        assert!(place.finalize(depends(Kind::File, "f"), started).is_ok());
        place.write("f");
        assert_eq!(place.finalize(depends(Kind::File, "f"), started), Err(Reason::ChangedWhileCompiling));
        assert_eq!(place.finalize(depends(Kind::Listing, "deps"), 0), Err(Reason::ChangedWhileCompiling));
    }

    /// A link that led to it has been turned, or its directory has another's name.
    #[test]
    fn an_old_file_under_the_name_of_the_one_that_was_opened_is_not_stored() {
        let place = Place::new();
        let (path, other) = (place.write("f"), place.write("other"));
        let of = |path: &Path| platform::identity(path).unwrap().1;
        let opened = |id: StatId| {
            let mut collected = depends(Kind::File, "f");
            collected.opened.insert(path.clone(), id);
            collected
        };
        let started = start();
        assert!(place.finalize(opened(of(&path)), started).is_ok());
        let changed = Err(Reason::ChangedWhileCompiling);
        assert_eq!(place.finalize(opened(of(&other)), started), changed);
        assert_eq!(place.finalize(opened(StatId { size: 77, ..of(&path) }), started), changed);
        let writer = std::fs::File::options().write(true).open(&path).unwrap();
        let writes = cfg!(target_os = "linux") && place.store.table.read(&path).is_ok();
        assert_eq!(place.finalize(opened(of(&path)), started).is_err(), writes, "times tell nothing of it");
        drop(writer);
    }

    #[test]
    fn a_further_name_changes_a_file_except_where_further_names_are_expected() {
        let place = Place::new();
        let (inside, outside) = (place.write("deps/a"), place.write("a"));
        let started = start();
        std::fs::hard_link(&inside, inside.with_extension("link")).unwrap();
        std::fs::hard_link(&outside, outside.with_extension("link")).unwrap();
        assert!(place.finalize(depends(Kind::File, "deps/a"), started).is_ok());
        assert_eq!(place.finalize(depends(Kind::File, "a"), started), Err(Reason::ChangedWhileCompiling));
    }

    #[test]
    fn a_dependency_that_cannot_be_read_is_not_stored() {
        let place = Place::new();
        assert_eq!(place.finalize(depends(Kind::File, "gone"), start()), Err(Reason::UnreadableInput));
    }

    #[test]
    fn a_variable_is_stored_with_the_plugins_that_read_it() {
        let place = Place::new();
        let mut collected = Collected::default();
        collected.dependencies.insert(Dependency::new(Kind::Env, "X"));
        collected.readers.entry(b"X".to_vec()).or_default().extend(["one".to_string(), "two".to_string()]);
        let view = EvalContext {
            table: &place.store.table,
            roots: &place.action.roots,
            cwd: &place.action.cwd,
            plan: &NothingComputed,
        };
        let finalizer = Finalizer { view: &view, action: &place.action, started: start() };
        let all = finalizer.finalize(collected, &Known::new()).ok().unwrap();
        assert_eq!(all[0].by.as_deref(), Some("one, two"));
    }
}
