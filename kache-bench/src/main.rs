//! The harness that proves kache: it builds real projects in several places and says whether the cache told
//! the truth.
//!
//! The way through it: `cli` loads a [`workload`] and runs a [`check`] over two [`checkout`]s of it with a
//! [`backend`]; events are [`summary`]-ed, [`pair`]-ed and their keys [`keydiff`]-ed into [`mismatch`]s; artifacts are
//! [`compare`]d; a [`verdict`] is printed and a [`record`] kept. A [`race`] times backends side by side;
//! [`latency`] times single invocations; a [`pull`] moves one tree between revisions; a [`timeline`] shows a run's builds as
//! they were in time. [`traps`] is a suite of its own:
//! small cases, each a way in which a cache is known to have lied, on every backend; and so is [`torture`], which hurts the
//! engine while it works.
//!
//! [`history`] reads the records back: [`gate`] judges a run by those before it, [`report`] makes a page of them all; [`plant`] puts
//! faults there for the gate to find.
//!
//! What differs between systems is [`platform`]'s: all of it runs on Linux, and on Windows what [`check`] takes.
//!
//! [`audit`] and [`mutate`] ask for single units of a workload again, on a [`bed`] of [`invocations`] that were written
//! down.

mod analysis;
mod artifacts;
mod audit;
mod backend;
mod check;
mod cli;
mod compare;
mod error;
mod gate;
mod history;
mod inject;
mod latency;
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
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // What fails once it is interrupted fails for that.
            let error = system::interrupt::check().err().unwrap_or(error);
            eprintln!("kache-bench: {error}");
            ExitCode::from(error.status())
        }
    }
}
