//! `kache man`: manual pages, generated from the text of `--help`.

use super::output::{Answer, CliError, failed, suggestion};
use super::page::count;
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
    if let Some(dir) = &options.dir {
        return write(dir, root);
    }
    let all = pages(root);
    let wanted = options.command.as_ref().map_or("kache".to_string(), |c| format!("kache-{c}"));
    match all.iter().find(|(name, _)| *name == wanted) {
        Some((_, command)) => Ok(Answer::text(render(command)?)),
        None => {
            let known: Vec<&str> = all.iter().filter_map(|(n, _)| n.strip_prefix("kache-")).collect();
            let asked = options.command.as_deref().unwrap_or_default();
            Err(CliError::usage(format!("unknown command `{asked}`{}", suggestion(asked, &known))))
        }
    }
}

fn write(dir: &Path, root: clap::Command) -> Result<Answer, CliError> {
    let unwritable = failed(format!("cannot write to {}", dir.display()));
    std::fs::create_dir_all(dir).map_err(&unwritable)?;
    let all = pages(root);
    for (name, command) in &all {
        std::fs::write(dir.join(format!("{name}.1")), render(command)?).map_err(&unwritable)?;
    }
    let pages = count(all.len(), "page", "pages");
    Ok(Answer::page(|page| page.line(format!("{pages} in {}", dir.display()))))
}

/// One page for each command, by the name of its file.
fn pages(mut root: clap::Command) -> Vec<(String, clap::Command)> {
    root.build();
    let sub = |c: &clap::Command| {
        let name = format!("kache-{}", c.get_name());
        // clap takes only static names; the process is short.
        let leaked: &'static str = Box::leak(name.clone().into_boxed_str());
        (name, c.clone().name(leaked))
    };
    let subs: Vec<_> = root.get_subcommands().filter(|c| c.get_name() != "help").map(sub).collect();
    std::iter::once(("kache".to_string(), root)).chain(subs).collect()
}

fn render(command: &clap::Command) -> Result<String, CliError> {
    let mut out = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut out).map_err(failed("cannot make the page"))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
