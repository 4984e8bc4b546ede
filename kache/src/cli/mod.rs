//! The command line: a file a command, each with a `run` that fills a [`Page`] or makes JSON.
//!
//! | exit status | means |
//! | --- | --- |
//! | 0 | done, and what was asked for is well |
//! | 1 | done, and something is not well (`doctor`), or kache could not do it |
//! | 2 | what was asked makes no sense: an unknown command, option, unit or value |
//!
//! `--format json` prints one JSON object whose `v` is the version of its shape: a change that a reader could trip
//! over raises it. The shapes are documented where they are defined, next to each command.

pub mod completions;
pub mod config;
pub mod doctor;
pub mod explain;
pub mod flags;
pub mod flush;
pub mod gc;
pub mod init;
pub mod keygen;
pub mod list;
pub mod man;
pub mod monitor;
pub mod page;
mod pager;
pub mod purge;
pub mod report;
pub mod shims;
pub mod show;
pub mod tables;
pub mod time;
pub mod transfer;
pub mod verify;
pub mod version;

use clap::{Parser, Subcommand, ValueEnum};
use kache_core::remote::client::TaskKind;
use kache_core::settings::Settings;
use page::Page;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// The commands' names, and other names for them: these are never taken for a program to run.
pub const COMMANDS: &[&str] = &[
    "report",
    "stats",
    "explain",
    "monitor",
    "list",
    "show",
    "flags",
    "tables",
    "config",
    "doctor",
    "init",
    "shims",
    "gc",
    "purge",
    "verify",
    "push",
    "pull",
    "prefetch",
    "flush",
    "keygen",
    "completions",
    "man",
    "help",
];

/// A build cache for Rust, C and C++ whose keys are the inputs that the compiler was seen to read.
#[derive(Debug, Parser)]
#[command(
    name = "kache",
    version = version::text(),
    arg_required_else_help = true,
    after_help = "To use it: kache init, then cargo build; CC=\"kache gcc\" make. To see whether it works here: kache doctor."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What the cache did: hits, misses, passthroughs and errors with their reasons, times, sizes
    #[command(alias = "stats")]
    Report(report::Options),
    /// Why a unit's last build missed: which of its inputs differs from the nearest earlier build
    Explain(explain::Options),
    /// Watch builds as they go, and look back at those that were
    Monitor(monitor::Options),
    /// What is stored: units with their keys, sizes and uses
    List(list::Options),
    /// All that is known of a stored result: outputs, what was asked, what was looked at
    Show(show::Options),
    /// The flags of a compiler, and what each means for the key
    Flags(flags::Options),
    /// What is no input, whose code is trusted, and why: the rules of observation
    Tables(tables::Options),
    /// Every setting: its value, where that is from, what it is for
    Config(config::Options),
    /// Whether kache works here: compiles a probe through it, and dependencies at cache, settings and cargo
    Doctor(doctor::Options),
    /// Set kache up for cargo, and undo that; shims and completion on request
    Init(init::Options),
    /// Links named like compilers, to put first on PATH where a build takes no wrapper
    Shims(shims::Options),
    /// Collect: keep the cache below its bound by giving up what was used longest ago
    Gc(gc::Options),
    /// Remove all that is cached
    Purge(purge::Options),
    /// Read all that is cached, and say what is damaged
    Verify(verify::Options),
    /// Upload every result of this cache that the remote does not have
    #[command(
        after_help = "Examples:\n  kache push                 all that is here and not there\n  kache push --dry-run       how much that would be\n  kache push --format json   the same for a script; status 1 if a part could not be transferred"
    )]
    Push(transfer::Options),
    /// Fetch every result of the remote that this cache does not have
    #[command(
        after_help = "Examples:\n  kache pull                 all that is there and not here\n  kache pull --dry-run       how much that would be\n  kache pull --format json   the same for a script; status 1 if a part could not be transferred"
    )]
    Pull(transfer::Options),
    /// Fetch what the last build of the project in the working directory used
    #[command(
        after_help = "Examples:\n  kache prefetch                 what the project's last build used\n  kache prefetch --dry-run       how much that would be\n  kache prefetch --format json   the same for a script; status 1 if a part could not be transferred"
    )]
    Prefetch(transfer::Options),
    /// Wait until all that was compiled is in the remote
    Flush(flush::Options),
    /// Make a key to sign uploads with
    Keygen(keygen::Options),
    /// A script that completes kache's commands in a shell
    Completions(completions::Options),
    /// Manual pages, as `man` reads them
    Man(man::Options),
}

/// How a command answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Why a command could not do its work: what, where, and what to do about it.
#[derive(Debug)]
pub struct Trouble {
    /// For people.
    pub message: String,
    /// 2 where the request is at fault, else 1.
    pub status: u8,
}

impl Trouble {
    /// The request makes no sense.
    pub fn request(message: impl Into<String>) -> Trouble {
        Trouble { message: message.into(), status: 2 }
    }

    /// The request is fine, and it cannot be done.
    pub fn here(message: impl Into<String>) -> Trouble {
        Trouble { message: message.into(), status: 1 }
    }
}

/// What a command has to say.
pub struct Answer {
    /// What is printed.
    pub text: String,
    /// The exit status.
    pub status: u8,
}

impl Answer {
    /// A page for people.
    pub fn page(page: Page) -> Answer {
        Answer { text: page.finish(), status: 0 }
    }

    /// Text that is for a file as much as for people.
    pub fn text(text: String) -> Answer {
        Answer { text, status: 0 }
    }

    /// One JSON object.
    pub fn json(value: &impl serde::Serialize) -> Result<Answer, Trouble> {
        match serde_json::to_string_pretty(value) {
            Ok(text) => Ok(Answer { text: text + "\n", status: 0 }),
            Err(e) => Err(Trouble::here(format!("the answer cannot be written as JSON: {e}"))),
        }
    }
}

/// The command line, as clap knows it.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let answer = match Cli::parse().command {
        Command::Report(options) => report::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Monitor(options) => monitor::run(&options),
        Command::List(options) => list::run(&options),
        Command::Show(options) => show::run(&options),
        Command::Flags(options) => flags::run(&options),
        Command::Tables(options) => tables::run(&options),
        Command::Config(options) => config::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Init(options) => init::run(&options),
        Command::Shims(options) => shims::run(&options),
        Command::Gc(options) => gc::run(&options),
        Command::Purge(options) => purge::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => man::run(&options),
        Command::Push(options) => transfer::run(&options, TaskKind::Push),
        Command::Pull(options) => transfer::run(&options, TaskKind::Pull),
        Command::Prefetch(options) => transfer::run(&options, TaskKind::Prefetch),
        Command::Flush(options) => flush::run(&options),
        Command::Keygen(options) => keygen::run(&options),
    };
    match answer {
        Ok(answer) => print(&answer),
        Err(trouble) => {
            eprintln!("kache: error: {}", page::sanitize(&trouble.message));
            ExitCode::from(trouble.status)
        }
    }
}

fn print(answer: &Answer) -> ExitCode {
    if pager::show(&answer.text) {
        return ExitCode::from(answer.status);
    }
    let mut out = io::stdout().lock();
    match out.write_all(answer.text.as_bytes()).and_then(|()| out.flush()) {
        // `kache report | head`: the reader has what it wanted.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(answer.status),
        Err(e) => {
            eprintln!("kache: error: standard output cannot be written to: {e}");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::from(answer.status),
    }
}

/// The settings that hold in the working directory.
fn settings() -> Result<Settings, Trouble> {
    let cwd = std::env::current_dir()
        .map_err(|e| Trouble::here(format!("the working directory cannot be found: {e}")))?;
    Ok(Settings::load(&cwd))
}

/// The cache that the settings name.
fn cache_dir(settings: &Settings) -> Result<PathBuf, Trouble> {
    settings.cache_dir.clone().ok_or_else(|| {
        Trouble::here("there is no cache directory: set KACHE_CACHE_DIR to an absolute path, or HOME")
    })
}

/// A word among those it could have been meant to be.
fn suggestion(word: &str, known: &[&str]) -> String {
    match similar::get_close_matches(word, known, 3, 0.5).as_slice() {
        [] => String::new(),
        close => {
            let quoted: Vec<String> = close.iter().map(|c| format!("`{c}`")).collect();
            format!("; did you mean {}?", quoted.join(" or "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_known_by_name_before_clap_is_asked() {
        let mut command = command();
        command.build();
        let named = |c: &'static clap::Command| std::iter::once(c.get_name()).chain(c.get_all_aliases());
        let command: &'static clap::Command = Box::leak(Box::new(command));
        assert_eq!(command.get_subcommands().flat_map(named).collect::<Vec<_>>(), COMMANDS);
    }
}
