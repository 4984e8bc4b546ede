//! The harness that proves kache: it builds real projects in several places and says whether the cache told
//! the truth.
//!
//! The way through it: `cli` loads a [`workload`] and runs a [`check`] over two [`checkout`]s of it with a
//! [`backend`]; events are [`tally`]-ed, [`pair`]-ed and their keys [`keydiff`]-ed into [`leak`]s; artifacts are
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

mod afar;
mod archive;
mod artifacts;
mod audit;
mod backend;
mod baked;
mod bed;
mod cause;
mod check;
mod checkout;
mod child;
mod cli;
mod compare;
mod environment;
mod eventlog;
mod fold;
mod gate;
mod history;
mod interrupt;
mod invocations;
mod keydiff;
mod latency;
mod leak;
mod machine;
mod mutate;
mod pair;
mod plant;
mod platform;
mod print;
mod progress;
mod pull;
mod race;
mod random;
mod record;
mod report;
mod run;
#[cfg(test)]
mod sample;
mod scratch;
mod tally;
mod timeline;
#[cfg(unix)]
mod torture;
mod traps;
mod trouble;
mod verdict;
mod workload;
mod workspace;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    invocations::stand_in();
    plant::stand_in();
    interrupt::install();
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(trouble) => {
            // What fails once it is interrupted fails for that.
            let trouble = interrupt::check().err().unwrap_or(trouble);
            eprintln!("kache-bench: {trouble}");
            ExitCode::from(trouble.status())
        }
    }
}
