//! `kache flush`: waits until all that was compiled is in the remote. For the end of a CI job, whose machine goes away.
//!
//! JSON: `{"v":1,"uploaded","left","troubles":[…]}`. The exit status is 1 where something did not get up.

use super::output::{Answer, CliError, Format, settings};
use super::page::Page;
use super::transfer;
use kache_core::remote::client::Client;
use kache_core::remote::protocol::{Ask, Tell};
use kache_core::remote::queue::Queue;
use kache_core::store::Store;
use serde::Serialize;
use std::io::{IsTerminal, Write};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kache flush --timeout 300   as the last step of a CI job: waits five minutes at most\n  kache flush --dry-run       how much waits"
)]
pub struct Options {
    /// Maximum time to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Report how many uploads are pending, and upload nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Default, Serialize)]
struct Json {
    v: u32,
    uploaded: u64,
    left: u64,
    troubles: Vec<String>,
}

/// Flushes.
pub fn run(options: &Options) -> Result<Answer, CliError> {
    let settings = settings()?;
    let orders = transfer::orders(&settings)?;
    let store = Store::open(&orders.cache)
        .map_err(|e| CliError::failed(format!("{}: {e}", orders.cache.display())))?;
    let waiting = Queue::of(&orders.remote, store.dir()).all().len() as u64;
    let mut json = Json { v: 1, left: waiting, ..Json::default() };
    if !options.dry_run && orders.remote.write {
        let Some(mut client) = Client::open(&orders, store.dir()) else {
            return Err(CliError::failed(format!(
                "{waiting} uploads are pending, but the agent does not start: see {}",
                kache_core::remote::agent_dir(store.dir()).join("log").display()
            )));
        };
        let show = options.format == Format::Text && std::io::stderr().is_terminal();
        let told = client.ask_with(&Ask::Flush { seconds: options.timeout }, |done, left| {
            if show {
                eprint!("\r{done} uploaded, {left} to go ");
                let _ = std::io::stderr().flush();
            }
        });
        if show {
            eprintln!();
        }
        let Some(Tell::Flushed { done, left, troubles }) = told else {
            return Err(CliError::failed(
                "the agent stopped: the next build or flush uploads the pending results",
            ));
        };
        json = Json { v: 1, uploaded: done, left, troubles };
    }
    let status = u8::from(!options.dry_run && (json.left > 0 || !json.troubles.is_empty()));
    let mut answer = match options.format {
        Format::Json => Answer::json(&json)?,
        Format::Text => Answer::page(text(&json)),
    };
    answer.status = status;
    Ok(answer)
}

fn text(json: &Json) -> Page {
    let mut page = Page::new();
    page.line(format!("{} uploaded, {} still to be uploaded", json.uploaded, json.left));
    for trouble in &json.troubles {
        page.line(format!("  {trouble}"));
    }
    page
}
