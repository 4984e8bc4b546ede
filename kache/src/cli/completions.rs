//! `kache completions`: prints a script that completes kache's commands in a shell.

use super::output::{Answer, CliError};
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache completions bash > ~/.local/share/bash-completion/completions/kache
  kache completions zsh > ~/.zfunc/_kache
  kache completions fish > ~/.config/fish/completions/kache.fish")]
pub struct Options {
    /// The shell
    shell: Shell,
}

pub fn run(options: &Options, command: &mut clap::Command) -> Result<Answer, CliError> {
    Ok(Answer::text(script(options.shell, command)))
}

pub fn script(shell: Shell, command: &mut clap::Command) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, command, "kache", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
