//! Collects the dependencies that a trace shows, by the rules of the compiler's family.

use crate::Invocation;
use crate::eval::find_program;
use crate::toolchain::Toolchain;
use kache_core::collect::{Machine, Subject, collect};
use kache_core::collected::Collected;
use kache_core::observe::trace::Trace;
use kache_core::paths::Roots;
use std::path::{Path, PathBuf};

/// What an invocation depended on and left behind. `path_only` are the plugins and scripts that the user declares to use
/// paths only to find files.
pub fn dependencies(
    invocation: &Invocation,
    toolchain: &Toolchain,
    roots: &Roots,
    linker: Option<PathBuf>,
    path_only: &[String],
    trace: &Trace,
) -> Collected {
    let sysroot = &toolchain.sysroot;
    let subject = Subject {
        policy: invocation.adapter.policy,
        program: &invocation.program,
        cwd: &invocation.cwd,
        roots,
        output_dir: &invocation.outputs.dir,
        owns: &|path| invocation.outputs.owns(path),
        inlined: invocation.response_files.iter().map(|(path, _)| path.as_path()).collect(),
        state: invocation.incremental.as_deref(),
        searched: &invocation.search,
        identified: (!sysroot.as_os_str().is_empty()).then(|| sysroot.join("lib")),
        toolchain: sysroot,
        covers: &|path: &Path| toolchain.covers(path),
        linker,
        path_only,
        has_plugins: invocation.plugin,
    };
    let machine = Machine { program: &|name| find_program(name, roots) };
    collect(&subject, &machine, trace)
}
