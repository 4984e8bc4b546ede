//! `kache flush`: waits until all pending uploads are in the remote, for the end of a CI job whose machine is discarded.
//!
//! JSON: `{"v":2,"uploaded","remaining","errors":[…]}`. The exit status is 1 if an upload remains.

use super::output::{Answer, CliError, Format, failed, settings};
use super::page::count;
use super::transfer;
use kache_core::remote::client::Client;
use kache_core::remote::protocol::{Request, Response};
use kache_core::remote::queue::Queue;
use kache_core::store::Store;
use serde::Serialize;
use std::io::{IsTerminal, Write};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache flush --timeout 300   as the last step of a CI job: waits at most five minutes
  kache flush --dry-run       report how much is pending")]
pub struct Options {
    /// The maximum time to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Report how much is pending, and upload nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Default, Serialize)]
struct Json {
    uploaded: u64,
    remaining: u64,
    errors: Vec<String>,
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let settings = settings()?;
    let config = transfer::agent_config(&settings)?;
    let store = Store::open(&config.cache).map_err(failed(config.cache.display()))?;
    let written = config.levels.written();
    let waiting = written.as_ref().map_or(0, |level| Queue::of(level, store.dir()).all().len()) as u64;
    let mut json = Json { remaining: waiting, ..Json::default() };
    if !options.dry_run && written.is_ok() {
        transfer::agent(None)?;
        let Some(mut client) = Client::open(&config, store.dir()) else {
            return Err(CliError::failed(format!(
                "{} pending, but the agent does not start: see {}",
                count(waiting, "upload is", "uploads are"),
                kache_core::remote::agent_dir(store.dir()).join("log").display()
            )));
        };
        let show = options.format == Format::Text && std::io::stderr().is_terminal();
        let response = client.request_with_progress(
            &Request::Flush { seconds: options.timeout },
            |uploaded, remaining| {
                if show {
                    eprint!("\r{uploaded} uploaded, {remaining} remaining ");
                    let _ = std::io::stderr().flush();
                }
            },
        );
        if show {
            eprintln!();
        }
        let Some(Response::Flushed { uploaded, remaining, errors }) = response else {
            return Err(CliError::failed(
                "the agent stopped: the next build or flush uploads the pending results",
            ));
        };
        json = Json { uploaded, remaining, errors };
    }
    let answer = Answer::new(options.format, 2, &json, |page| {
        page.line(format!("{} uploaded, {} still to be uploaded", json.uploaded, json.remaining));
        json.errors.iter().for_each(|error| page.line(format!("  {error}")));
    })?;
    Ok(answer.with_problem(!options.dry_run && (json.remaining > 0 || !json.errors.is_empty())))
}
