//! Collects the dependencies that a trace shows, by the rules of the compiler's family.

use crate::compile_plan::CompilePlan;
use kache_core::action::OutputNames;
use kache_core::collect::{Coverage, Machine, Subject, collect};
use kache_core::collected::Collected;
use kache_core::digest::Table;
use kache_core::observe::trace::Trace;
use kache_core::paths::Roots;
use std::path::{Path, PathBuf};

/// The dependencies of a compile, and the files that it wrote.
pub(crate) fn dependencies(
    plan: &CompilePlan,
    roots: &Roots,
    outputs: &OutputNames,
    linker: Option<PathBuf>,
    trace: &Trace,
    table: &Table,
) -> Collected {
    let (invocation, toolchain) = (&plan.invocation, &plan.toolchain);
    let own = match plan.runs_beside_itself {
        true => invocation.program.parent().map(Path::to_path_buf),
        false => (!toolchain.sysroot.as_os_str().is_empty()).then(|| toolchain.sysroot.join("lib/rustlib")),
    };
    // The starter's digest is in the key.
    let coverage = |path: &Path| match &plan.starter {
        Some(starter) if starter == path => Coverage::Whole,
        _ => toolchain.coverage(path),
    };
    let subject = Subject {
        policy: plan.policy,
        program: &invocation.program,
        is_shim: toolchain.by_shim,
        cwd: &invocation.cwd,
        roots,
        outputs,
        inlined: invocation.response_files.iter().map(|(path, _)| path.as_path()).collect(),
        state: invocation.incremental.as_deref(),
        searched: &invocation.search,
        toolchain: own.as_deref(),
        coverage: &coverage,
        linker,
        path_only: &plan.path_only,
        has_plugins: invocation.plugin,
        is_foreign: false,
        is_script: false,
    };
    collect(&subject, &Machine::new(roots, table), trace)
}
