//! `completions`: prints a script with which a shell completes the commands and the names of workloads.

use crate::error::Result;
use crate::system::workspace;
use crate::workload::Workload;
use clap::Args;
use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;
use kache_completion::{Program, offer};
use std::ffi::OsStr;
use std::process::ExitCode;

pub const PROGRAM: Program = Program { name: "kache-bench", variable: "_KACHE_BENCH_COMPLETE" };

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kache-bench completions bash > ~/.local/share/bash-completion/completions/kache-bench
  kache-bench completions zsh > ~/.zfunc/_kache-bench
  kache-bench completions fish > ~/.config/fish/completions/kache-bench.fish")]
pub(super) struct Options {
    /// The shell
    shell: Shell,
}

pub(super) fn run(options: &Options) -> ExitCode {
    print!("{}", PROGRAM.script(options.shell));
    ExitCode::SUCCESS
}

/// The workloads of the repository, with what they are.
pub(super) fn workloads(begun: &OsStr) -> Vec<CompletionCandidate> {
    let all = workspace::find().and_then(|root| Workload::all(&root.join("workloads"))).unwrap_or_default();
    let with_help = |(name, workload): (String, Result<Workload>)| {
        CompletionCandidate::new(name).help(workload.ok().map(|workload| workload.description.into()))
    };
    offer(begun, all.into_iter().map(with_help))
}
