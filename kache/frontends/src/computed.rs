//! The computed dependencies of compilers.

use crate::compile_plan::CompilePlan;
use crate::{excuses, linker, output_names, source, tables};
use kache_core::dependency::{Dependency, Kind};
use kache_core::digest::Digest;
use kache_core::eval::{Computed, EvalContext, Evaluate};
use kache_core::platform;
use std::io;
use std::path::PathBuf;

/// The functions of computed dependencies.
pub const FUNCTIONS: &[&str] = &["crates", "define", "linker", "output-names", "setting", "source"];

/// The computed dependencies of compilers.
///
/// | function | name | value |
/// | --- | --- | --- |
/// | `crates` | portable path | of the names in a directory, those that rustc would take for crates |
/// | `define` | macro | the value that the command line gives for it |
/// | `linker` | nothing | the contents of the linker that the command line names (`cc` where none), its flavor, and whether it may be executed |
/// | `output-names` | nothing | how the command line names the outputs, where the key does not hold it |
/// | `setting` | a flag | how this caller wants diagnostics |
/// | `source` | portable path | the contents, with roots by their names where they only locate what is included |
impl Evaluate for CompilePlan {
    fn compute(&self, function: &str, name: &[u8], cx: &EvalContext) -> io::Result<Computed> {
        Ok(match function {
            "crates" => Computed::Digest(Digest::of(&self.crates_in(&local(name, cx)?)?)),
            "source" => {
                let path = local(name, cx)?;
                Computed::Digest(match source::portable(&platform::read_known_regular(&path)?, cx.roots) {
                    Some(text) => Digest::of(&text),
                    None => cx.table.file(&path)?.0.digest,
                })
            }
            "linker" => Computed::Digest(match linker::path(self.linker(), cx) {
                Some(path) => {
                    let mut seen = cx.table.file(&path)?.0.digest.0.to_vec();
                    seen.extend(linker::flavor(&path).as_bytes());
                    // A name that is searched in `PATH` leads to nothing that may not be executed.
                    let is_path = self.linker().is_some_and(|linker| linker.contains('/'));
                    seen.push(u8::from(!is_path || platform::may_execute(&path)));
                    Digest::of(&seen)
                }
                None => Digest::of(b"not found"),
            }),
            "define" => {
                let given = self.defines.iter().filter(|(n, _)| n.as_bytes() == name);
                Computed::Text(given.map(|(_, v)| v.as_bytes()).collect::<Vec<_>>().join(&0))
            }
            "output-names" => Computed::Text(output_names::given(&self.invocation, cx.roots)),
            "setting" => {
                let setting = self.invocation.settings.iter().find(|(n, _)| n.as_bytes() == name);
                Computed::Text(setting.map(|(_, v)| v.as_bytes().to_vec()).unwrap_or_default())
            }
            _ => return Err(io::Error::other(format!("no front end evaluates `{function}`"))),
        })
    }

    fn place(&self, function: &str, name: &[u8], cx: &EvalContext) -> String {
        let path = match function {
            "linker" => linker::path(self.linker(), cx),
            _ => cx.roots.local(name),
        };
        path.map(|p| p.display().to_string()).unwrap_or_default()
    }

    fn contents_of(&self, function: &str, name: &[u8], cx: &EvalContext) -> Option<PathBuf> {
        cx.roots.local(name).filter(|_| function == "source")
    }

    fn covered_by(&self, function: &str, name: &[u8], cx: &EvalContext) -> Option<Vec<Dependency>> {
        let file = |path: PathBuf| {
            let path = cx.roots.portable(path.as_os_str().as_encoded_bytes());
            Dependency::new(Kind::File, path)
        };
        Some(match function {
            "crates" => vec![Dependency::new(Kind::Listing, name)],
            "source" => vec![Dependency::new(Kind::File, name)],
            "linker" => vec![file(linker::path(self.linker(), cx)?)],
            // The command line is the caller's.
            "define" | "output-names" => Vec::new(),
            "setting" => self.shown_by().map(|name| Dependency::new(Kind::Env, *name)).collect(),
            _ => return None,
        })
    }

    fn ignores_variable(&self, name: &[u8], every: bool) -> bool {
        excuses::ignored_in_whole(name, every).is_some()
    }

    fn shows_variable(&self, name: &[u8]) -> bool {
        tables::is_shown(name)
    }
}

impl CompilePlan {
    /// The variables by which the compiler and this wrapper choose how diagnostics look, and in which language. rustc has one
    /// language.
    fn shown_by(&self) -> impl Iterator<Item = &'static &'static str> {
        let languages = if self.invocation.language.is_rust() { &[][..] } else { BY_LANGUAGE };
        let terminal = if platform::terminal_width().is_some() { OF_TERMINAL } else { &[] };
        BY_COLOUR.iter().chain(languages).chain(terminal)
    }
}

/// They count in a pipe, too: `CLICOLOR_FORCE` asks for colours there.
pub const BY_COLOUR: &[&str] = &["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"];
const BY_LANGUAGE: &[&str] = &["LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LANG", "LANGUAGE"];
pub const OF_TERMINAL: &[&str] = &["TERM", "COLORTERM", "COLUMNS", "LINES", "TERMINFO", "TERMINFO_DIRS"];

fn local(name: &[u8], cx: &EvalContext) -> io::Result<PathBuf> {
    cx.roots.local(name).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such root here"))
}
