//! `kache keygen`: creates a signing key and prints its public key.

use super::output::{Answer, CliError, failed};
use super::transfer;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache keygen ~/.config/kache/sign.key   creates the key and prints the public key

Machines that may write have KACHE_REMOTE_SIGN_KEY set to the file's path, or to its text as a secret of the CI system;
all machines have KACHE_REMOTE_VERIFY_KEYS set to the public key.")]
pub struct Options {
    /// File for the secret key; an existing file is never overwritten
    file: PathBuf,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let done = transfer::agent(None)?.arg("keygen").output().map_err(failed(transfer::START))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let mut lines = text.lines();
    let (Some(secret), Some(public)) = (lines.next(), lines.next()) else {
        return Err(CliError::failed(String::from_utf8_lossy(&done.stderr).trim().to_string()));
    };
    let mut open = OpenOptions::new();
    open.write(true).create_new(true);
    kache_core::platform::private(&mut open);
    let written = open.open(&options.file).and_then(|mut file| writeln!(file, "{secret}"));
    written.map_err(|e| CliError::usage(format!("{}: {e}", options.file.display())))?;
    Ok(Answer::page(|page| {
        page.line(format!("the signing key is in {}; the public key is", options.file.display()));
        page.line(public);
    }))
}
