//! The command line. Each command has a file of its name (`push`, `pull` and `prefetch` share `transfer`) with `Options`
//! and `run`, which fills a [`page::Page`] or makes JSON. Commands use `output` and `page`; this module only parses and
//! dispatches.
//!
//! | exit status | meaning |
//! | --- | --- |
//! | 0 | success |
//! | 1 | the command found a problem (`doctor`, `verify`) or failed |
//! | 2 | invalid request: an unknown command, option, unit or value |
//!
//! `--format json` prints one JSON object whose `v` is the version of its shape. A change that can break a
//! reader raises `v`. Each command documents its shape.

pub mod completions;
pub mod config;
pub mod doctor;
pub mod exec;
pub mod explain;
pub mod flags;
pub mod flush;
pub mod gc;
pub mod init;
pub mod keygen;
pub mod list;
pub mod man;
pub mod monitor;
mod output;
pub mod page;
mod pager;
pub mod purge;
pub mod remote;
pub mod report;
pub mod run;
mod rustdoc;
pub mod shims;
pub mod show;
pub mod tables;
mod transfer;
pub mod verify;
pub mod version;

use clap::{Parser, Subcommand};
use kache_core::remote::client::TaskKind;
use std::ffi::OsStr;
use std::process::ExitCode;

/// The names and aliases of all commands. None of them is ever run as a compiler.
pub const COMMANDS: &str = "report stats explain monitor list show run exec flags tables config doctor init shims gc purge \
                            verify push pull prefetch flush remote keygen completions man help";

/// A build cache for Rust, C and C++ that observes which inputs the compiler reads.
#[derive(Debug, Parser)]
#[command(
    name = "kache",
    version = version::text(),
    arg_required_else_help = true,
    after_help = "Quick start: `kache init`, then `cargo build`; for C, `CC=\"kache gcc\" make`. To check the installation: `kache doctor`."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Summarize hits, misses, bypassed commands and errors, with reasons, times and sizes
    #[command(alias = "stats")]
    Report(report::Options),
    /// Explain why a unit's last build missed: which inputs changed since the most similar earlier build
    Explain(explain::Options),
    /// Watch running builds and browse earlier ones
    Monitor(monitor::Options),
    /// List stored results with keys, sizes and use
    List(list::Options),
    /// Show one stored result: outputs, command line, dependencies
    Show(show::Options),
    /// Run a command with kache in front of every compiler that it starts
    Run(run::Options),
    /// Run a command and cache the outputs that it is said to make
    Exec(exec::Options),
    /// List a compiler's flags and how each affects the key
    Flags(flags::Options),
    /// List the rules that decide what counts as an input
    Tables(tables::Options),
    /// List every setting with its value, origin and purpose
    Config(config::Options),
    /// Check the installation: compile a probe, and inspect the cache, the settings and cargo
    Doctor(doctor::Options),
    /// Configure cargo to use kache, or undo that; optionally install shims and shell completion
    Init(init::Options),
    /// Manage links named like compilers, for builds that accept no wrapper
    Shims(shims::Options),
    /// Evict least recently used entries down to the size limit
    Gc(gc::Options),
    /// Remove everything from the cache
    Purge(purge::Options),
    /// Read every cached file and report damage
    Verify(verify::Options),
    /// Upload every result that the remote does not have
    #[command(after_help = transfer::examples("push", "upload everything that the remote lacks"))]
    Push(transfer::Options),
    /// Download every result that this cache does not have
    #[command(after_help = transfer::examples("pull", "download everything that this cache lacks"))]
    Pull(transfer::Options),
    /// Download the results that the project's last build used
    #[command(after_help = transfer::examples("prefetch", "download what the project's last build used"))]
    Prefetch(transfer::Options),
    /// Wait until all pending uploads are in the remote
    Flush(flush::Options),
    /// Count the objects of the remote, or delete its old ones
    Remote(remote::Options),
    /// Create a key for signing uploads
    Keygen(keygen::Options),
    /// Print a shell completion script
    Completions(completions::Options),
    /// Print or install manual pages
    Man(man::Options),
}

/// Whether a first argument is an option or the name of a command. Anything else was to be a compiler.
pub fn is_for_command_line(first: &OsStr) -> bool {
    first.as_encoded_bytes().starts_with(b"-") || COMMANDS.split_whitespace().any(|command| first == command)
}

/// The error for a first argument that names neither a command nor a program.
pub fn unknown_program(first: &OsStr) -> ExitCode {
    let name = first.to_string_lossy();
    let commands: Vec<&str> = COMMANDS.split_whitespace().collect();
    let hint = output::suggestion(&name, &commands);
    output::finish(Err(output::CliError::usage(format!(
        "`{name}` is neither a program in PATH nor a command of kache{hint}"
    ))))
}

/// The command line's definition.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the command line.
pub fn main() -> ExitCode {
    completions::PROGRAM.answer(command);
    let answer = match Cli::parse().command {
        Command::Report(options) => report::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Monitor(options) => monitor::run(&options),
        Command::List(options) => list::run(&options),
        Command::Show(options) => show::run(&options),
        Command::Run(options) => run::run(&options),
        Command::Exec(options) => exec::run(&options),
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
        Command::Man(options) => man::run(&options, command()),
        Command::Push(options) => transfer::run(&options, TaskKind::Push),
        Command::Pull(options) => transfer::run(&options, TaskKind::Pull),
        Command::Prefetch(options) => transfer::run(&options, TaskKind::Prefetch),
        Command::Flush(options) => flush::run(&options),
        Command::Remote(options) => remote::run(&options),
        Command::Keygen(options) => keygen::run(&options),
    };
    output::finish(answer)
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
        assert_eq!(command.get_subcommands().flat_map(named).collect::<Vec<_>>().join(" "), COMMANDS);
    }
}
