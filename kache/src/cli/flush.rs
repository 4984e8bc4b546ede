//! `kache flush`: waits until all that was compiled is in the remote. For the end of a CI job, whose machine goes away.
//!
//! JSON: `{"v":2,"uploaded","remaining","errors":[…]}`. The exit status is 1 where something did not get up.

use super::output::{Answer, CliError, Format, settings};
use super::page::Page;
use super::transfer;
use kache_core::remote::client::Client;
use kache_core::remote::protocol::{Request, Response};
use kache_core::remote::queue::Queue;
use kache_core::store::Store;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// What was asked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kache flush --timeout 300   as the last step of a CI job: waits five minutes at most\n  kache flush --dry-run       how much waits"
)]
pub struct Options {
    /// How long to wait at most, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Say how much waits, and upload nothing
    #[arg(long)]
    dry_run: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Default, Serialize)]
struct Json {
    v: u32,
    uploaded: u64,
    remaining: u64,
    errors: Vec<String>,
}

/// Flushes.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    let settings = settings()?;
    let config = transfer::agent_config(&settings)?;
    let store = Store::open(&config.cache)
        .map_err(|e| CliError::failed(format!("{}: {e}", config.cache.display())))?;
    let waiting = Queue::of(&config.remote, store.dir()).all().len() as u64;
    let mut json = Json { v: 2, remaining: waiting, ..Json::default() };
    if !options.dry_run && config.remote.write {
        transfer::agent(None)?;
        let Some(mut client) = Client::open(&config, store.dir()) else {
            return Err(CliError::failed(format!(
                "{waiting} uploads are pending, but the agent does not start: see {}",
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
        json = Json { v: 2, uploaded, remaining, errors };
    }
    let status = u8::from(!options.dry_run && (json.remaining > 0 || !json.errors.is_empty()));
    let mut answer = match options.format {
        Format::Json => Answer::json(&json)?,
        Format::Text => Answer::page(text(&json)),
    };
    answer.status = status;
    Ok(answer)
}

fn text(json: &Json) -> Page {
    let mut page = Page::new();
    page.line(format!("{} uploaded, {} still to be uploaded", json.uploaded, json.remaining));
    for error in &json.errors {
        page.line(format!("  {error}"));
    }
    page
}
