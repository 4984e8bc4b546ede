//! Whether a command saw a path as its arguments map it.
//!
//! Arguments that map paths are for what a command writes. But a source can name a file by a path that the command tells it
//! (`__FILE__`, `file!()`), and then the mapped path leads to no file, or to another one. The command is then run again with
//! paths as they are, and its result is for this place alone.

use crate::action::Action;
use crate::frontend::Looked;
use crate::observe::trace::{EventKind, TraceEvent};
use crate::paths::Roots;
use crate::platform::{self, normalize as clean};
use foldhash::{HashMap, HashSet};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// A command whose arguments map paths.
pub(super) struct MappedCommand<'a> {
    roots: &'a Roots,
    /// How many maps there are.
    maps: usize,
    args: &'a [OsString],
    cwd: &'a Path,
}

impl MappedCommand<'_> {
    pub(super) fn of(action: &Action) -> MappedCommand<'_> {
        let (args, maps) = (&action.args, count_maps(&action.args));
        MappedCommand { roots: &action.roots, maps, args, cwd: &action.cwd }
    }

    /// Whether the command may search a directory: its working directory, or one that an argument names.
    fn names_dir(&self, dir: &[u8]) -> bool {
        let cwd = self.cwd.as_os_str().as_encoded_bytes();
        let below = dir.strip_prefix(cwd).and_then(|rest| rest.strip_prefix(b"/"));
        let names = |arg: &OsString| {
            let arg = arg.as_encoded_bytes();
            let arg = arg.strip_suffix(b"/").unwrap_or(arg);
            arg.ends_with(dir) || below.is_some_and(|below| arg.ends_with(below))
        };
        dir == cwd || self.args.iter().any(names)
    }
}

/// Searches the events of a run for looks at mapped paths.
///
/// # Errors
/// Says what the run did that only paths as they are allow: it looked at an absolute path that no other file has, or ran a
/// program with maps that the command line does not have. These may be meant to win over kache's.
pub(super) fn looked_at<'l>(
    events: impl Iterator<Item = TraceEvent<'l>>,
    command: &MappedCommand,
) -> Result<Looked, String> {
    let events: Vec<_> = events.collect();
    let MappedCommand { roots, maps, .. } = *command;
    let mapped = roots.iter().filter_map(|root| root.mapped.as_deref());
    let absolute: Vec<&str> = mapped.filter(|to| !to.starts_with('.')).collect();
    for event in &events {
        if event.kind == EventKind::Maps && event.aux > maps as i64 {
            return Err("a program in the compiler's place maps paths itself".to_string());
        }
        for path in [event.path, event.path2] {
            if absolute.iter().any(|to| is_below(path, to.as_bytes())) {
                return Err(format!("{} was looked at", String::from_utf8_lossy(path)));
            }
        }
    }
    let names = RelativeNames::of(&events, roots);
    let looks = events.iter().filter(|e| e.kind != EventKind::GetEnv);
    Ok(looks.map(|e| names.looked_at(e.path, e.errno == 0, command)).max().unwrap_or(Looked::No))
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.first().is_none_or(|b| *b == b'/'))
}

/// The relative names that maps give to the files that were read, and to the directories of these, each with what is meant. A
/// compiler may leave out the `./`.
///
/// A compiler may look for the directory first, and only where there is none leave out the look at the file. So a look at a
/// directory counts only where it found nothing: a build directory often has the names of the source directories, and they
/// are searched.
///
/// A compiler looks for a quoted name beside the file that includes it first, then in the directories that it searches. So a use
/// of a mapped name shows in the directory of a file that was read, in the working directory, or in one that an argument
/// names. Only `#include_next` leaves out the first, and then the directory may be one that no argument names.
#[derive(Default)]
struct RelativeNames {
    meant: HashMap<Vec<u8>, Meant>,
    last: HashSet<Vec<u8>>,
    /// The directories of files that were read.
    dirs: HashSet<Vec<u8>>,
}

struct Meant {
    path: PathBuf,
    is_directory: bool,
}

impl RelativeNames {
    fn of(events: &[TraceEvent], roots: &Roots) -> RelativeNames {
        let mut names = RelativeNames::default();
        let relative = roots.iter().filter_map(|r| Some((&r.path, r.mapped.as_deref()?.strip_prefix('.')?)));
        let relative: Vec<(&PathBuf, &str)> = relative.collect();
        for event in events.iter().filter(|e| e.kind == EventKind::Read && e.errno == 0) {
            let path = clean(event.path);
            let path = Path::new(platform::os_str(&path));
            let dir = path.parent().unwrap_or(path).as_os_str().as_encoded_bytes();
            if !names.dirs.contains(dir) {
                names.dirs.insert(dir.to_vec());
            }
            for (root, to) in &relative {
                let Ok(rest) = path.strip_prefix(root) else { continue };
                let to = to.trim_start_matches('/');
                names.add(&Path::new(to).join(rest), path, false);
                if let (Some(dir), Some(above)) = (rest.parent(), path.parent()) {
                    names.add(&Path::new(to).join(dir), above, true);
                }
            }
        }
        names
    }

    fn add(&mut self, name: &Path, path: &Path, is_directory: bool) {
        let Some(last) = name.file_name() else { return };
        self.last.insert(last.as_encoded_bytes().to_vec());
        let meant = Meant { path: path.to_path_buf(), is_directory };
        self.meant.insert(name.as_os_str().as_encoded_bytes().to_vec(), meant);
    }

    /// Whether a path ends with such a name and is not the path of what is meant. A directory that the command line searches may
    /// have a `./` of its own; that of a map is right before the name. `is_there` says whether something was found.
    fn looked_at(&self, path: &[u8], is_there: bool, command: &MappedCommand) -> Looked {
        let last = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
        if !self.last.contains(last) {
            return Looked::No;
        }
        let whole = clean(path);
        let is_other = |rest: &[u8]| {
            let leads_there = |meant: &Path| {
                let there = Path::new(platform::os_str(path));
                // A link that leads to the file is a name that the source does not have.
                meant.as_os_str().as_encoded_bytes() == &*whole
                    || by_names(there) == by_names(meant) && real_path(there) == real_path(meant)
            };
            let is_dir = || is_there && Path::new(platform::os_str(path)).is_dir();
            let is_meant = |meant: &Meant| leads_there(&meant.path) || meant.is_directory && is_dir();
            self.meant.get(rest).is_some_and(|meant| !is_meant(meant))
        };
        let rest_after = |at: usize, dots: usize| is_other(&clean(&path[at + dots..]));
        let slashes = || path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        let is_searched = |dir: &[u8]| {
            let dir = clean(dir);
            self.dirs.contains(&*dir) || command.names_dir(&dir)
        };
        let similar = || slashes().filter(|at| rest_after(*at, 1));
        match () {
            () if slashes().any(|at| path[at..].starts_with(b"/./") && rest_after(at, 3)) => Looked::AtMapped,
            () if similar().any(|at| is_searched(&path[..at])) => Looked::AtSimilar,
            () if similar().next().is_some() => Looked::AtSimilarElsewhere,
            () => Looked::No,
        }
    }
}

/// A path in which each `..` has removed the name before it. Where no directory on the way is a link, both paths lead to the
/// same file. Search directories may begin with `../`.
fn by_names(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut above, part| {
        match part {
            Component::ParentDir => _ = above.pop(),
            part => above.push(part),
        }
        above
    })
}

/// Where a path leads, or would lead if something were there.
fn real_path(path: &Path) -> Option<PathBuf> {
    let entry = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(entry)
}

/// How many maps of paths are on a command line, as the observer counts them.
pub(super) fn count_maps(args: &[OsString]) -> usize {
    let mut maps = BTreeSet::new();
    for (at, arg) in args.iter().enumerate() {
        let bytes = arg.as_encoded_bytes();
        let after = |name: &str| {
            let found = bytes.windows(name.len()).position(|part| part == name.as_bytes())?;
            Some(&bytes[found + name.len()..])
        };
        let Some(map) = after("prefix-map").or_else(|| after("remap-path-prefix")) else { continue };
        let next = || args.get(at + 1).map_or(map, |next| next.as_encoded_bytes());
        maps.insert(if map.is_empty() { next() } else { map.strip_prefix(b"=").unwrap_or(map) });
    }
    maps.len()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn event(path: &[u8]) -> TraceEvent<'_> {
        TraceEvent {
            kind: EventKind::Read,
            flags: 0,
            errno: 0,
            pid: 1,
            tid: 1,
            module: 0,
            aux: 0,
            path,
            path2: b"",
        }
    }

    fn looked(paths: &[&'static str]) -> Result<Looked, String> {
        let mut roots = Roots::default();
        roots.add("workspace", "/w".into(), Some("."));
        roots.add("build", "/b".into(), Some("/kache/build"));
        let args = ["-I./include", "-I/w/build", "-isystem", "/w/sys/"].map(OsString::from);
        let command = MappedCommand { roots: &roots, maps: 1, args: &args, cwd: Path::new("/w/sub") };
        looked_at(paths.iter().map(|path| event(path.as_bytes())), &command)
    }

    #[test]
    fn an_absolute_mapped_path_is_told_from_all_others() {
        let mapped = "/kache/build/a.c";
        assert_eq!(looked(&["/b/a.c", mapped]), Err(format!("{mapped} was looked at")));
        assert_eq!(looked(&["/b/a.c", "/kache/builds/a.c"]), Ok(Looked::No));
    }

    #[test]
    fn a_relative_mapped_path_may_be_in_any_directory() {
        for other in ["/w/src/./src/a.c", "/usr/include/./src/a.c"] {
            assert_eq!(looked(&["/w/src/a.c", other]), Ok(Looked::AtMapped), "{other}");
        }
        // Beside a file that was read, in the working directory, and in those that arguments name.
        for dir in ["/w/src", "/w/sub", "/w/sub/./include", "/w/build", "/w/sys"] {
            for other in ["src/a.c", "src"] {
                let other: &str = format!("{dir}/{other}").leak();
                assert_eq!(looked(&["/w/src/a.c", other]), Ok(Looked::AtSimilar), "{other}");
            }
        }
        for other in ["/w/out/src/a.c", "/w/builds/src/a.c", "/usr/include/src/a.c"] {
            assert_eq!(looked(&["/w/src/a.c", other]), Ok(Looked::AtSimilarElsewhere), "{other}");
        }
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(at.join("src/sub")).unwrap();
        std::fs::create_dir_all(at.join("build/src")).unwrap();
        std::fs::write(at.join("src/a.c"), "").unwrap();
        std::os::unix::fs::symlink(".", at.join("src/src")).unwrap();
        let mut roots = Roots::default();
        roots.add("workspace", at.clone(), Some("."));
        for (by, expected) in [
            ("src/sub/../.././src/a.c", Looked::No),
            ("src/sub/../../src", Looked::No),
            ("src/sub/.././src/a.c", Looked::AtMapped),
            // By a link, to the same file.
            ("src/./src/a.c", Looked::AtMapped),
            // A directory that is there is searched, and then the file is looked at.
            ("build/src", Looked::No),
            ("build/src/a.c", Looked::AtSimilarElsewhere),
            ("other/src", Looked::AtSimilarElsewhere),
        ] {
            let paths = [at.join("src/a.c"), at.join(by)];
            let events = paths.iter().map(|path| TraceEvent {
                errno: if path.exists() { 0 } else { 2 },
                ..event(path.as_os_str().as_encoded_bytes())
            });
            let command = MappedCommand { roots: &roots, maps: 1, args: &[], cwd: &at };
            assert_eq!(looked_at(events, &command), Ok(expected), "{by}");
        }
        for other in ["/w/./src/a.c", "/w/src//a.c", "/w/src/b.c", "/w/lib/a.c", "/usr/include"] {
            assert_eq!(looked(&["/w/src/a.c", other]), Ok(Looked::No), "{other}");
        }
    }
}
