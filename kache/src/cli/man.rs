//! `kache man`: manual pages, generated from the text of `--help`.

use super::output::{Answer, CliError, failed, suggestion};
use clap_mangen::Man;
use std::path::{Path, PathBuf};

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
        std::fs::create_dir_all(dir).map_err(failed(format!("cannot write to {}", dir.display())))?;
        write(&root, dir)?;
        return Ok(Answer::page(|page| page.line(format!("the manual pages are in {}", dir.display()))));
    }
    let command = options.command.as_deref().map_or(Some(&root), |name| root.find_subcommand(name));
    let Some(command) = command else {
        let known: Vec<&str> = root.get_subcommands().map(clap::Command::get_name).collect();
        let asked = options.command.as_deref().unwrap_or_default();
        return Err(CliError::usage(format!("unknown command `{asked}`{}", suggestion(asked, &known))));
    };
    page(command).map(Answer::text)
}

/// A page. The examples, which `--help` has at its end, get a section of their own.
fn page(command: &clap::Command) -> Result<String, CliError> {
    let mut out = Vec::new();
    Man::new(command.clone()).render(&mut out).map_err(failed("cannot make the page"))?;
    let text = String::from_utf8_lossy(&out).into_owned();
    Ok(text.replacen(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n", 1).replacen(
        "\nExamples:\n",
        "\n.SH EXAMPLES\n",
        1,
    ))
}

/// Writes the page of a command, and those of the commands below it, as `kache-report.1`.
fn write(command: &clap::Command, dir: &Path) -> Result<(), CliError> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let file = dir.join(format!("{name}.1"));
    std::fs::write(&file, page(command)?).map_err(failed(format!("cannot write {}", file.display())))?;
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| write(below, dir))
}
