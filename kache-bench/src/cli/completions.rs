//! `completions`: prints a script with which a shell completes the commands. The script asks this program for the words that may
//! follow, so that it can offer the workloads that there are.

use crate::system::workspace;
use crate::workload::Workload;
use clap::Args;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use std::ffi::OsStr;
use std::process::ExitCode;

/// The variable by which a script asks.
const VARIABLE: &str = "_KACHE_BENCH_COMPLETE";
const NAME: &str = "kache-bench";

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
    let (known, mut out) = (Shells::builtins(), Vec::new());
    if let Some(shell) = known.completer(&options.shell.to_string()) {
        shell.write_registration(VARIABLE, NAME, NAME, NAME, &mut out).expect("memory can be written to");
    }
    print!("{}", String::from_utf8_lossy(&out));
    ExitCode::SUCCESS
}

/// Answers the script of a shell, and ends the process, if it is such a script that asks.
pub fn answer(command: fn() -> clap::Command) {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

/// The workloads of the repository, with what they are.
pub(super) fn workloads(begun: &OsStr) -> Vec<CompletionCandidate> {
    let all = workspace::find().and_then(|root| Workload::all(&root.join("workloads"))).unwrap_or_default();
    let begun = begun.as_encoded_bytes();
    let offered = all.into_iter().filter(|(name, _)| name.as_bytes().starts_with(begun));
    let with_help = |(name, workload): (String, crate::error::Result<Workload>)| {
        CompletionCandidate::new(name).help(workload.ok().map(|workload| workload.description.into()))
    };
    offered.map(with_help).collect()
}
