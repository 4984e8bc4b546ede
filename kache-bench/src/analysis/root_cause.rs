//! Why one component of a key differs between two clones.
//!
//! The component's name gives its kind (an argument, a variable, a file). The two clones' paths show whether
//! the location explains the difference. For a file, the two files are compared, which are still in both
//! clones. An output of another unit is not a root cause, since the difference arose in that unit.

use crate::analysis::given::GivenVariables;
use crate::analysis::key_diff::{Difference, TextDifference, text_difference};
use crate::analysis::normalize::{self, CloneRoot};
use kache_core::key_trace::Component;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RootCause {
    /// The checkout's absolute path, in a file or a probed path.
    Path,
    Env,
    Flag,
    /// Outside both clones: the machine, the toolchain, system files.
    Host,
    /// Generated in each clone, and different each time for a reason other than the location.
    Nondeterminism,
}

impl RootCause {
    /// The word in output and records.
    pub fn word(self) -> &'static str {
        match self {
            RootCause::Path => "path",
            RootCause::Env => "env",
            RootCause::Flag => "flag",
            RootCause::Host => "host",
            RootCause::Nondeterminism => "nondeterminism",
        }
    }
}

/// The cause of a difference within its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseFinding {
    pub cause: RootCause,
    /// Details beyond the kind.
    pub detail: String,
    pub text_difference: TextDifference,
}

/// Stands for the value in a trace without the component.
const ABSENT: &str = "(absent)";
const VALUE_HAS_PATH: &str = "its value contains the checkout's path";

/// Finds the cause of differences between two clones.
#[derive(Debug)]
pub struct CauseFinder {
    pub a: CloneRoot,
    pub b: CloneRoot,
    /// What the harness gives to the builds.
    pub variables: GivenVariables,
}

impl CauseFinder {
    /// The cause of a difference that no other unit's output explains.
    pub fn cause(&self, difference: &Difference<'_>) -> CauseFinding {
        let (raw_a, raw_b) = (raw(difference.a), raw(difference.b));
        let place_explains = raw_a != raw_b && self.a.normalize(raw_a) == self.b.normalize(raw_b);
        let detail = if place_explains { VALUE_HAS_PATH } else { "" };
        let finding = |cause| CauseFinding {
            cause,
            detail: detail.to_owned(),
            text_difference: text_difference(raw_a, raw_b),
        };
        match difference.name().split_once(' ').map_or("", |(word, _)| word) {
            "env" => CauseFinding {
                detail: from_proc_macro(difference, place_explains).unwrap_or(detail.to_owned()),
                ..finding(RootCause::Env)
            },
            "" if difference.name() == "env-all" && from_linker_script(difference).is_some() => {
                CauseFinding {
                    detail: from_linker_script(difference).unwrap_or_default(),
                    ..finding(RootCause::Env)
                }
            }
            "arg" => finding(RootCause::Flag),
            "file" => self.file(difference),
            _ if place_explains => finding(RootCause::Path),
            _ if self.is_inside(difference) => finding(RootCause::Nondeterminism),
            _ => finding(RootCause::Host),
        }
    }

    /// Path of a component's file in each clone.
    pub fn files(&self, difference: &Difference<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
        let in_a = difference.a.and_then(|component| locate(component, &self.a));
        (in_a, difference.b.and_then(|component| locate(component, &self.b)))
    }

    fn is_inside(&self, difference: &Difference<'_>) -> bool {
        let (a, b) = self.files(difference);
        a.is_some_and(|path| path.starts_with(self.a.root()))
            || b.is_some_and(|path| path.starts_with(self.b.root()))
    }

    fn file(&self, difference: &Difference<'_>) -> CauseFinding {
        let finding = |cause, detail: &str, text_difference| {
            let detail = detail.to_owned();
            CauseFinding { cause, detail, text_difference }
        };
        let names = || text_difference(raw(difference.a), raw(difference.b));
        let is_inside = self.is_inside(difference);
        let by_place = if is_inside { RootCause::Nondeterminism } else { RootCause::Host };
        let (Some(a), Some(b)) = self.files(difference) else {
            return finding(by_place, "read in one clone only", names());
        };
        let (Ok(bytes_a), Ok(bytes_b)) = (fs::read(&a), fs::read(&b)) else {
            return finding(by_place, "the file no longer exists", names());
        };
        if bytes_a == bytes_b {
            return finding(RootCause::Path, "same content, different name", names());
        }
        let shown = first_difference(&bytes_a, &bytes_b).unwrap_or_else(names);
        if self.a.is_in(&bytes_a) && self.b.is_in(&bytes_b) {
            finding(RootCause::Path, "generated absolute path", shown)
        } else {
            let outside = "a file outside both clones";
            finding(by_place, if is_inside { "different content in each clone" } else { outside }, shown)
        }
    }
}

/// A path that a proc macro reads may end up in the program; only a person can rule that out.
fn from_proc_macro(difference: &Difference<'_>, place_explains: bool) -> Option<String> {
    let by = difference.a.or(difference.b)?.by.as_ref().filter(|_| place_explains)?;
    Some(format!(
        "read by the proc macro {by}: if the macro uses it only to find files, name the macro in the setting `path_only_macros`"
    ))
}

/// A script used as linker may read any variable; only a person can say whether it only finds files with it.
fn from_linker_script(difference: &Difference<'_>) -> Option<String> {
    let by = difference.a.or(difference.b)?.by.as_ref()?;
    Some(format!(
        "{by} may have read any variable: if it uses them only to find files, name it in the setting `path_only_macros`"
    ))
}

fn raw(component: Option<&Component>) -> &str {
    component.map_or(ABSENT, |c| if c.raw.is_empty() { &c.value } else { &c.raw })
}

/// The file that a component names: its recorded path, or its portable name below the clone.
fn locate(component: &Component, place: &CloneRoot) -> Option<PathBuf> {
    let raw = Path::new(&component.raw);
    if raw.is_absolute() {
        return Some(raw.to_path_buf());
    }
    let (_, name) = component.name.split_once(' ')?;
    if let Some(rest) = name.strip_prefix("<workspace>/") {
        return Some(place.root().join(rest));
    }
    if let Some(rest) = name.strip_prefix("<target>/") {
        return Some(place.root().join("target").join(rest));
    }
    Path::new(name).is_absolute().then(|| name.into())
}

/// The first line in which two texts differ; `None` for binary data.
fn first_difference(a: &[u8], b: &[u8]) -> Option<TextDifference> {
    let (a, b) = (std::str::from_utf8(a).ok()?, std::str::from_utf8(b).ok()?);
    let (mut a, mut b) = (a.lines(), b.lines());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (x, y) if x == y => {}
            (x, y) => return Some(text_difference(x.unwrap_or(ABSENT), y.unwrap_or(ABSENT))),
        }
    }
}

/// Identifies a difference, so that the same difference in several units is one key mismatch.
pub fn identity(
    finder: &CauseFinder,
    difference: &Difference<'_>,
    finding: &CauseFinding,
) -> (RootCause, String, String, String) {
    let name = normalize::replace_hashes(difference.name());
    let normalize =
        |place: &CloneRoot, component| normalize::replace_hashes(&place.normalize(raw(component)));
    (finding.cause, name, normalize(&finder.a, difference.a), normalize(&finder.b, difference.b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::key_diff::{Differences, diff};
    use crate::testing::trace;

    fn finder(root: &Path) -> CauseFinder {
        CauseFinder {
            a: CloneRoot::of(&root.join("a")),
            b: CloneRoot::of(&root.join("b/deeper")),
            variables: GivenVariables::new(),
        }
    }

    fn cause_of(finder: &CauseFinder, a: (&str, &str, &str), b: (&str, &str, &str)) -> CauseFinding {
        let (a, b) = (trace(&[a]), trace(&[b]));
        let Differences::Components(found) = diff(&a, &b) else { panic!("no difference") };
        finder.cause(&found[0])
    }

    #[test]
    fn the_component_kind_decides() {
        let finder = finder(Path::new("/t"));
        let env = cause_of(&finder, ("env ID", "1", "1"), ("env ID", "2", "2"));
        assert_eq!((env.cause, &*env.detail), (RootCause::Env, ""));
        let env =
            cause_of(&finder, ("env D", "/t/a/x", "/t/a/x"), ("env D", "/t/b/deeper/x", "/t/b/deeper/x"));
        assert_eq!((env.cause, &*env.detail), (RootCause::Env, VALUE_HAS_PATH));
        let flag = cause_of(&finder, ("arg --cfg", "x", "x"), ("arg --cfg", "y", "y"));
        assert_eq!(flag.cause, RootCause::Flag);
        let host = cause_of(&finder, ("program cc", "/usr/bin/cc", "1"), ("program cc", "/usr/bin/cc", "2"));
        assert_eq!(host.cause, RootCause::Host);
        let path = cause_of(
            &finder,
            ("absent x", "/t/a/x", "/t/a/x"),
            ("absent x", "/t/b/deeper/x", "/t/b/deeper/x"),
        );
        assert_eq!(path.cause, RootCause::Path);
    }

    #[test]
    fn a_generated_file_is_looked_into() {
        let dir = tempfile::tempdir().unwrap();
        let finder = finder(dir.path());
        let write = |place: &CloneRoot, content: String| {
            let file = place.root().join("target/out/gen.rs");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
            file.display().to_string()
        };
        let compare = |a: &str, b: &str| {
            let name = "file <target>/out/gen.rs";
            cause_of(&finder, (name, a, "d1"), (name, b, "d2"))
        };
        let with_path = |place: &CloneRoot| format!("// same\nconst P: &str = {:?};\n", place.root());
        let found = compare(&write(&finder.a, with_path(&finder.a)), &write(&finder.b, with_path(&finder.b)));
        assert_eq!((found.cause, &*found.detail), (RootCause::Path, "generated absolute path"));
        assert!(found.text_difference.diff.contains("const"), "{}", found.text_difference.diff);
        let found = compare(&write(&finder.a, "1".into()), &write(&finder.b, "2".into()));
        assert_eq!(found.cause, RootCause::Nondeterminism);
    }
}
