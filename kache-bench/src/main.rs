//! The harness of kache: it builds real projects in several places and checks that cached results equal the
//! compiler's.
//!
//! `cli` has a file for each command. `check` builds a [`workload`] in two clones with a [`backend`], matches
//! the units of both builds, compares their key traces ([`analysis`]) and their [`artifacts`]. [`compare`]
//! measures several caches side by side, [`latency`] single invocations, [`pull`] the same tree at two
//! revisions. [`traps`] is a suite of small cases, each a known way for a cache to return a wrong result.
//! [`stress`] injects faults into kache while builds run, [`load`] into the server of many machines. [`audit`] and [`mutate`] run single units of a
//! [`recorded_build`] again.
//!
//! Results are [`record`]ed; [`history`] reads them back. [`gate`] compares a run with the runs before it,
//! [`report`] makes one page of them all, and [`inject`] adds faults that both must detect.
//!
//! [`system`] holds what differs between operating systems. All commands run on Linux; [`check`], [`pull`],
//! [`gate`] and [`report`] also run on Windows.

mod analysis;
mod artifacts;
mod audit;
mod backend;
mod build_site;
mod check;
mod cli;
mod compare;
mod error;
mod gate;
mod history;
mod inject;
mod latency;
mod load;
mod mutate;
mod pull;
mod record;
mod recorded_build;
mod report;
#[cfg(unix)]
mod stress;
mod system;
#[cfg(test)]
mod testing;
mod text;
mod traps;
mod workload;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    backend::invocations::stand_in();
    inject::stand_in();
    system::interrupt::install();
    cli::PROGRAM.answer(<cli::Cli as clap::CommandFactory>::command);
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // An interrupted step fails in its own way; report the interruption instead.
            let error = system::interrupt::check().err().unwrap_or(error);
            eprintln!("kache-bench: {error}");
            ExitCode::from(error.status())
        }
    }
}
