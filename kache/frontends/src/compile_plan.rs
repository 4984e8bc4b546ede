//! What the front end of a compiler understood of one command.

use crate::family::Capabilities;
use crate::invocation::Invocation;
use crate::toolchain::Toolchain;
use crate::unobserved::Rules;
use kache_core::action::Action;
use kache_core::collected::Collected;
use kache_core::digest::Table;
use kache_core::eval::names;
use kache_core::paths::Roots;
use kache_core::policy::TrustPolicy;
use kache_core::template::Respelled;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// What was understood of a compile.
pub struct CompilePlan {
    pub(crate) policy: &'static TrustPolicy,
    /// See [`Family::runs_beside_itself`](crate::family::Family::runs_beside_itself).
    pub(crate) runs_beside_itself: bool,
    /// See [`Family::correct`](crate::family::Family::correct).
    pub(crate) correct: Option<fn(&Action, &mut Collected, &Table)>,
    /// See [`Family::tells_macros`](crate::family::Family::tells_macros).
    pub(crate) tells_macros: fn(&Invocation, Capabilities) -> Option<Vec<OsString>>,
    pub(crate) invocation: Invocation,
    pub(crate) toolchain: Toolchain,
    /// The object that hands a build script over to kache, where the command links one.
    pub(crate) starter: Option<PathBuf>,
    /// The directory of outputs, where rustc is told another spelling than the caller's.
    pub(crate) respelled: Option<Respelled>,
    /// Macros of the command line with a root's path in them, with the value of each.
    pub(crate) defines: Vec<(String, String)>,
    /// Macros and scripts that are declared to use paths only to find files.
    pub(crate) path_only: Vec<String>,
    /// Whether the user declares that macros read their package, `OUT_DIR` and the environment, and nothing else.
    pub(crate) assume_tame_macros: bool,
    /// Whether the compiler can be asked what a crate reads, without compiling it.
    pub(crate) can_report: bool,
}

impl CompilePlan {
    pub(crate) fn linker(&self) -> Option<&str> {
        let flags = self.invocation.flags.iter().rev();
        flags.into_iter().find(|f| f.row.flag == "-C linker").and_then(|f| f.value.as_deref())
    }

    pub(crate) fn rules<'a>(&'a self, roots: &'a Roots) -> Rules<'a> {
        let (invocation, toolchain) = (&self.invocation, &self.toolchain);
        Rules { invocation, toolchain, roots, assume_tame_macros: self.assume_tame_macros }
    }

    /// Of the names in a directory, those that rustc would take for crates and that this compile does not write.
    pub(crate) fn crates_in(&self, dir: &Path) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        for name in names(dir)? {
            let text = name.to_string_lossy();
            let like =
                text.starts_with("lib") && [".rlib", ".rmeta", ".so"].iter().any(|e| text.ends_with(e));
            if like && !self.invocation.outputs.owns(&dir.join(&name)) {
                out.extend(name.as_encoded_bytes());
                out.push(0);
            }
        }
        Ok(out)
    }
}
