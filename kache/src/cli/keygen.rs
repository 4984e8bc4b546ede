//! `kache keygen`: a key to sign with, and the public key to verify with.

use super::output::{Answer, CliError};
use super::page::Page;
use super::transfer;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kache keygen ~/.config/kache/sign.key   makes the key, prints the public one\n\nThe file's path, or its text as a secret of the CI system, is KACHE_REMOTE_SIGN_KEY for those who may write;\nthe public key is KACHE_REMOTE_VERIFY_KEYS for everybody."
)]
pub struct Options {
    /// File for the secret key; an existing file is never overwritten
    file: PathBuf,
}

/// Makes a key.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    let done = transfer::agent(None)?.arg("keygen").output();
    let done = done.map_err(|e| CliError::failed(format!("cannot start the agent: {e}")))?;
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
    let mut page = Page::new();
    page.line(format!("the signing key is in {}; the public key is", options.file.display()));
    page.line(public);
    Ok(Answer::page(page))
}
