//! `kache pull`: downloads results from the remote, for CI set-ups with explicit steps.

use super::output::{Answer, CliError};
use super::transfer;
use kache_core::remote::client::TaskKind;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache pull                 download everything that this cache lacks
  kache pull --dry-run       report how much that is
  kache pull --format json   for scripts; exit status 1 if any part failed")]
pub struct Options {
    #[command(flatten)]
    transfer: transfer::Options,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    transfer::run(&options.transfer, TaskKind::Pull)
}
