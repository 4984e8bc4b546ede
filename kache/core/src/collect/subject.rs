//! What `collect` needs to know of an action.

use super::World;
use crate::action::OutputNames;
use crate::paths::Roots;
use crate::platform;
use crate::policy::TrustPolicy;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The action whose trace is walked.
pub struct Subject<'a> {
    /// Whose rules hold.
    pub policy: &'static TrustPolicy,
    /// The program that was started.
    pub program: &'a Path,
    /// The program is not the compiler, but becomes it: until then it is trusted with nothing.
    pub is_shim: bool,
    pub cwd: &'a Path,
    pub roots: &'a Roots,
    pub outputs: &'a OutputNames,
    /// Response files whose words are in the action key.
    pub inlined: Vec<&'a Path>,
    /// The directory of the compiler's own state from earlier runs.
    pub state: Option<&'a Path>,
    /// Directories in which files are searched by a hash in their names, and verified by it.
    pub searched: &'a [PathBuf],
    /// The compiler puts directories below this one at the front of `PATH`.
    pub toolchain: Option<&'a Path>,
    /// How far the toolchain's identity stands for a path.
    pub coverage: &'a dyn Fn(&Path) -> Coverage,
    /// The linker's file, if the action names one.
    pub linker: Option<PathBuf>,
    /// Plugins and scripts that the user declares to use paths only to find files.
    pub path_only: &'a [String],
    /// The compiler loads code that is not its own from the start, and none of it is told apart.
    pub has_plugins: bool,
    /// The program is no compiler: see [`Action::is_foreign`](crate::action::Action::is_foreign).
    pub is_foreign: bool,
    /// The program is of Rust, and was compiled for this run: its own code counts as a plugin's, which the names of its functions
    /// tell more of. Else it counts as any program that a plugin starts.
    pub is_script: bool,
}

/// How far the toolchain's identity stands for a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Not at all.
    None,
    /// For what sort of thing is there.
    Existence,
    /// For a file's contents, for all that is in a directory, and for what is not there.
    Whole,
}

impl Subject<'_> {
    /// Whether the toolchain's identity stands for all that can be learned at a path.
    pub fn covers(&self, path: &Path) -> bool {
        (self.coverage)(path) == Coverage::Whole
    }

    /// The directories to which the compiler writes, as they really are and as the command line names them, where the two
    /// differ: a target directory may be a symbolic link.
    pub(super) fn renamed(&self, world: &dyn World) -> Vec<(PathBuf, PathBuf)> {
        let exact = self.outputs.exact.iter().filter_map(|path| path.parent());
        let trees = self.outputs.trees.iter();
        // A directory that is not there yet has its real name by the one above it.
        let trees =
            trees.filter_map(|tree| if tree.is_there { Some(&*tree.path) } else { tree.path.parent() });
        let named: BTreeSet<&Path> =
            exact.chain([self.outputs.dir.as_path()]).chain(self.state).chain(trees).collect();
        let real = |dir: &Path| Some((world.canonicalize(dir)?, dir.to_path_buf()));
        named.into_iter().filter_map(real).filter(|(real, named)| real != named).collect()
    }

    /// Whether a path lies in the compiler's own state.
    pub fn is_state(&self, path: &[u8]) -> bool {
        self.state.is_some_and(|dir| Path::new(platform::os_str(path)).starts_with(dir))
    }

    pub fn is_inlined(&self, path: &Path) -> bool {
        self.inlined.contains(&path)
    }

    pub fn is_searched(&self, directory: &Path) -> bool {
        self.searched.iter().any(|searched| searched == directory)
    }

    /// Whether a file is the linker of the action, by its path.
    pub fn is_linker(&self, path: &Path) -> bool {
        self.linker.as_deref() == Some(path)
    }

    /// Whether the action's linker has this file name.
    pub fn is_linker_name(&self, name: &[u8]) -> bool {
        let linker = self.linker.as_ref().and_then(|linker| linker.file_name());
        linker.is_some_and(|linker| linker.as_encoded_bytes() == name)
    }

    /// The directories of a `PATH`, but for those that the compiler puts in front.
    pub fn directories(&self, path: &std::ffi::OsStr) -> Vec<PathBuf> {
        std::env::split_paths(path).filter(|dir| !self.is_own(dir)).collect()
    }

    /// Whether the compiler puts a directory in front of `PATH`.
    pub fn is_own(&self, dir: &Path) -> bool {
        self.toolchain.is_some_and(|own| dir.starts_with(own))
    }
}
