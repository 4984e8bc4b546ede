//! `kache completions`: prints a script with which a shell completes kache's commands.
//!
//! The script asks kache for the words that may follow, so that it can offer the names of units and of reasons.

use super::output::{Answer, CliError, cache_dir, settings};
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{EnvCompleter, Shells};
use clap_complete::{CompleteEnv, Shell};
use kache_core::events;
use kache_core::reason::Reason;
use kache_report::explain::{is_explained, reasons};
use std::collections::BTreeSet;
use std::ffi::OsStr;

/// The variable by which a script asks.
const VARIABLE: &str = "_KACHE_COMPLETE";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache completions bash > ~/.local/share/bash-completion/completions/kache
  kache completions zsh > ~/.zfunc/_kache
  kache completions fish > ~/.config/fish/completions/kache.fish")]
pub struct Options {
    /// The shell
    shell: Shell,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    Ok(Answer::text(script(options.shell)))
}

pub fn script(shell: Shell) -> String {
    let mut out = Vec::new();
    let known = Shells::builtins();
    let write = |to: &dyn EnvCompleter, out: &mut Vec<u8>| {
        to.write_registration(VARIABLE, "kache", "kache", "kache", out).expect("memory can be written to");
    };
    known.completer(&shell.to_string()).into_iter().for_each(|to| write(to, &mut out));
    String::from_utf8_lossy(&out).into_owned()
}

/// Answers the script of a shell, and ends the process, if it is such a script that asks.
pub fn answer(command: fn() -> clap::Command) {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
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

fn offer(begun: &OsStr, all: impl Iterator<Item = CompletionCandidate>) -> Vec<CompletionCandidate> {
    let begun = begun.as_encoded_bytes();
    all.filter(|word| word.get_value().as_encoded_bytes().starts_with(begun)).collect()
}
