//! `kache completions`: prints a script with which a shell completes kache's commands, the names of units and of reasons.

use super::output::{Answer, CliError, cache_dir, settings};
use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;
use kache_completion::{Program, offer};
use kache_core::events;
use kache_core::reason::Reason;
use kache_report::explain::{is_explained, reasons};
use std::collections::BTreeSet;
use std::ffi::OsStr;

pub const PROGRAM: Program = Program { name: "kache", variable: "_KACHE_COMPLETE" };

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache completions bash > ~/.local/share/bash-completion/completions/kache
  kache completions zsh > ~/.zfunc/_kache
  kache completions fish > ~/.config/fish/completions/kache.fish

zsh reads a directory that its variable fpath names before compinit runs: in ~/.zshrc,
  fpath=(~/.zfunc $fpath); autoload -U compinit; compinit")]
pub struct Options {
    /// The shell
    shell: Shell,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    Ok(Answer::text(PROGRAM.script(options.shell)))
}

/// The names of the units that events know.
pub fn units(begun: &OsStr) -> Vec<CompletionCandidate> {
    let cache = settings().and_then(|settings| cache_dir(&settings));
    let events = cache.ok().and_then(|cache| events::read_all(&cache).ok()).unwrap_or_default();
    let names: BTreeSet<String> =
        events.into_iter().filter(is_explained).map(|event| event.unit.name).collect();
    offer(begun, names.into_iter().map(CompletionCandidate::new))
}

/// The words of reasons, with what they mean.
pub fn reasons(begun: &OsStr) -> Vec<CompletionCandidate> {
    let of = |reason: &Reason| {
        CompletionCandidate::new(reason.word()).help(Some(reasons::meaning(*reason).into()))
    };
    offer(begun, Reason::ALL.iter().map(of))
}
