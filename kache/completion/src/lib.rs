//! Completion in a shell, for kache and for its harness. A shell reads a script, and the script asks the program for the words
//! that may follow, so that the program can offer what exists: units, reasons, workloads.

use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use std::ffi::OsStr;

/// A program that answers the scripts of shells.
pub struct Program {
    pub name: &'static str,
    /// The variable by which a script asks the program.
    pub variable: &'static str,
}

impl Program {
    /// The script for a shell.
    pub fn script(&self, shell: Shell) -> String {
        let (known, mut out) = (Shells::builtins(), Vec::new());
        if let Some(completer) = known.completer(&shell.to_string()) {
            let written =
                completer.write_registration(self.variable, self.name, self.name, self.name, &mut out);
            written.expect("memory can be written to");
        }
        let script = String::from_utf8_lossy(&out).into_owned();
        if shell == Shell::Zsh { self.autoloadable(&script) } else { script }
    }

    /// zsh loads a script from `fpath` in the middle of the first completion, as the function `_NAME`: the script must then
    /// answer, and not only register its function for the next completion.
    fn autoloadable(&self, script: &str) -> String {
        let loaded = |line: &str| {
            let function = line.strip_prefix("compdef ")?.strip_suffix(self.name)?.trim_end();
            let name = self.name;
            Some(format!("if [[ $funcstack[1] == _{name} ]]; then {function} \"$@\"; else {line}; fi"))
        };
        script.lines().map(|line| loaded(line).unwrap_or_else(|| line.to_string()) + "\n").collect()
    }

    /// Answers the script of a shell, and ends the process, if it is such a script that asks.
    pub fn answer(&self, command: fn() -> clap::Command) {
        CompleteEnv::with_factory(command).var(self.variable).complete();
    }
}

/// Those of `all` that begin as the word on the command line does.
pub fn offer(begun: &OsStr, all: impl Iterator<Item = CompletionCandidate>) -> Vec<CompletionCandidate> {
    let begun = begun.as_encoded_bytes();
    all.filter(|word| word.get_value().as_encoded_bytes().starts_with(begun)).collect()
}
