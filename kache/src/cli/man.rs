//! `kache man`: manual pages, generated from the text of `--help`.

use super::output::{Answer, CliError, failed, suggestion};
use clap_mangen::Man;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache man                     prints kache(1)
  kache man report | man -l -
  kache man --dir ~/.local/share/man/man1")]
pub struct Options {
    /// The command [default: kache itself]
    #[arg(conflicts_with = "dir")]
    command: Option<String>,
    /// Write all pages into this directory, creating it if necessary
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(options: &Options, root: clap::Command) -> Result<Answer, CliError> {
    let mut root = root.disable_help_subcommand(true);
    root.build();
    if let Some(dir) = &options.dir {
        let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(root, dir));
        written.map_err(failed(format!("cannot write to {}", dir.display())))?;
        return Ok(Answer::page(|page| page.line(format!("the manual pages are in {}", dir.display()))));
    }
    let command = options.command.as_deref().map_or(Some(&root), |name| root.find_subcommand(name));
    let Some(command) = command else {
        let known: Vec<&str> = root.get_subcommands().map(clap::Command::get_name).collect();
        let asked = options.command.as_deref().unwrap_or_default();
        return Err(CliError::usage(format!("unknown command `{asked}`{}", suggestion(asked, &known))));
    };
    let mut out = Vec::new();
    Man::new(command.clone()).render(&mut out).map_err(failed("cannot make the page"))?;
    Ok(Answer::text(String::from_utf8_lossy(&out).into_owned()))
}
