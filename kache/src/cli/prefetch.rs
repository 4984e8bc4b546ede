//! `kache prefetch`: downloads the results that the project's last build used, for CI set-ups with explicit steps.

use super::output::{Answer, CliError};
use super::transfer;
use kache_core::remote::client::TaskKind;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache prefetch                 download what the project's last build used
  kache prefetch --dry-run       report how much that is
  kache prefetch --format json   for scripts; exit status 1 if any part failed")]
pub struct Options {
    #[command(flatten)]
    transfer: transfer::Options,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    transfer::run(&options.transfer, TaskKind::Prefetch)
}
