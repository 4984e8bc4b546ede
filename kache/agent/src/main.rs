//! The agent's program, started by wrappers and by the command line.
//!
//! It is a separate program because of its dependencies: the wrapper, started thousands of times in a build, is a tenth of
//! its size.

use kache_agent::{AgentError, Report, run, run_remote, serve, trust};
use kache_core::remote::client::{AgentConfig, CONFIG_VARIABLE, Task};
use std::fmt::Display;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    if matches!(command.as_str(), "-h" | "--help" | "help") {
        println!(
            "kache-agent transfers results between the cache and the remote. kache starts it: see `kache flush --help`,\n\
                  `kache push --help`, `kache pull --help` and `kache prefetch --help`."
        );
        return ExitCode::SUCCESS;
    }
    if command == "keygen" {
        return exit(trust::generate().map(|(secret, public)| println!("{secret}\n{public}")));
    }
    let config = std::env::var(CONFIG_VARIABLE).ok();
    let Some(config) = config.and_then(|text| serde_json::from_str::<AgentConfig>(&text).ok()) else {
        eprintln!("kache-agent: this is started by kache; see `kache flush`, `push`, `pull` and `prefetch`");
        return ExitCode::from(2);
    };
    match command.as_str() {
        "serve" => exit(serve(config)),
        "run" => {
            let Some(task) = args.next().and_then(|text| serde_json::from_str::<Task>(&text).ok()) else {
                return fail("cannot read the task: kache and kache-agent have different versions");
            };
            match run(config, &task) {
                Ok(report) => print(&report, task.json),
                Err(e) => fail(e),
            }
        }
        "remote" => {
            let Some(task) = args.next().and_then(|text| serde_json::from_str(&text).ok()) else {
                return fail("cannot read the task: kache and kache-agent have different versions");
            };
            match run_remote(config, task) {
                Ok(answer) => {
                    println!("{}", serde_json::to_string(&answer).unwrap_or_default());
                    ExitCode::SUCCESS
                }
                Err(e) if e.is_usage() => {
                    fail(e);
                    ExitCode::from(2)
                }
                Err(e) => fail(e),
            }
        }
        other => fail(format!("unknown command `{other}`")),
    }
}

fn exit(done: Result<(), AgentError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(e),
    }
}

fn fail(why: impl Display) -> ExitCode {
    eprintln!("kache: error: {why}");
    ExitCode::FAILURE
}

fn print(report: &Report, json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::to_string_pretty(report).unwrap_or_default());
    } else {
        let verb = if report.dry_run { "would be transferred" } else { "transferred" };
        println!("{} {verb}, {} already present, {} failed", report.transferred, report.known, report.failed);
        for error in &report.errors {
            println!("  {}", kache_core::printable::sanitize(error));
        }
    }
    ExitCode::from(u8::from(report.failed > 0))
}
