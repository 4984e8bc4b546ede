//! `kache exec --output PATH… -- COMMAND`: runs a command and stores what it makes, or restores what it made before.

use super::output::{Answer, CliError};
use crate::wrapper;
use clap::Args;
use kache_core::events::{Event, Outcome};
use kache_core::paths::absolute;
use kache_core::printable;
use kache_core::reason::Reason;
use kache_frontends::exec::Exec;
use kache_report::explain::reasons;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kache exec --output api.pb.cc --output api.pb.h -- protoc --cpp_out=. api.proto
  kache exec --output gen/ -- ./generate --into gen
  kache exec --output parser.c -- bison -o parser.c parser.y
  kache exec --status 1 -- clang-tidy --quiet src/main.c -- -Iinclude

What the command prints is an output too: a checker needs no other. The outputs are
restored as long as everything that the command looked at is unchanged: files, absent
files, directories, variables, programs. If the command received a path of the
checkout, the outputs hold in that checkout, and everywhere once a second checkout has
made the same outputs. A command that asks for the time, uses the network or writes
anything but its outputs runs each time, and kache says why. An output directory must
be empty or absent when the command starts. For make, ninja and cargo: `kache run`.")]
pub struct Options {
    /// A file that the command makes; with `/` at the end, a directory with all that the command puts into it
    #[arg(long = "output", short = 'o', value_name = "PATH")]
    outputs: Vec<PathBuf>,
    /// An exit status besides 0 with which the command has done its work, such as that of a checker that found something; a
    /// hit ends with it too
    #[arg(long = "status", short = 's', value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..))]
    statuses: Vec<u8>,
    /// Do not say why the outputs are not stored
    #[arg(long, short)]
    quiet: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let cwd = std::env::current_dir().unwrap_or_default();
    let mut outputs: Vec<PathBuf> = options.outputs.iter().map(|path| absolute(&cwd, path)).collect();
    outputs.sort();
    outputs.dedup();
    apart(&outputs)?;
    let mut command = options.command.iter().cloned();
    let program = command.next().expect("clap asks for a command");
    let quiet = options.quiet;
    let report = |event: &Event| {
        if !quiet {
            tell(event);
        }
    };
    let mut statuses: Vec<i32> = options.statuses.iter().copied().map(i32::from).collect();
    statuses.sort_unstable();
    statuses.dedup();
    wrapper::run(program, command.collect(), &[&Exec { outputs, statuses }], report)
}

/// Refuses outputs of which one lies in another.
fn apart(outputs: &[PathBuf]) -> Result<(), CliError> {
    let plain = |path: &Path| path.components().collect::<PathBuf>();
    for (at, outer) in outputs.iter().enumerate() {
        let within = outputs.iter().enumerate().find(|(other, path)| *other != at && path.starts_with(outer));
        if let Some((_, inner)) = within {
            let (inner, outer) = (plain(inner), plain(outer));
            return Err(CliError::usage(format!(
                "the output {} lies in the output {}: name only the directory",
                inner.display(),
                outer.display()
            )));
        }
    }
    Ok(())
}

/// Says why the outputs are not stored. A command that failed has spoken for itself.
fn tell(event: &Event) {
    let Some(reason) = event.reason.filter(|reason| *reason != Reason::Failed) else { return };
    if event.outcome == Outcome::Hit {
        return;
    }
    let detail = event.detail.as_deref().unwrap_or_default();
    eprintln!("kache: not stored: {}", printable::sanitize(&format!("{reason}: {detail}")));
    eprintln!("kache: {}", reasons::help(reason));
}
