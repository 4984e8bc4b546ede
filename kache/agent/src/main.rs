//! The agent's program. Wrappers and the command line start it; nobody else has to.
//!
//! It is a program of its own because of what is linked into it: the wrapper, started thousands of times in a build, is a
//! tenth of its size.

use kache_agent as agent;
use kache_core::remote::client::{Job, ORDERS, Orders};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    if task == "keygen" {
        return match agent::trust::generate() {
            Ok((secret, public)) => {
                println!("{secret}\n{public}");
                ExitCode::SUCCESS
            }
            Err(why) => fail(&why),
        };
    }
    let orders = std::env::var(ORDERS).ok().and_then(|text| serde_json::from_str::<Orders>(&text).ok());
    let Some(orders) = orders else {
        eprintln!("kache-agent: this is started by kache; see `kache flush`, `push`, `pull` and `prefetch`");
        return ExitCode::from(2);
    };
    match task.as_str() {
        "serve" => match agent::serve(orders) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        },
        "run" => {
            let Some(job) = args.next().and_then(|text| serde_json::from_str::<Job>(&text).ok()) else {
                return fail("the job makes no sense: kache and kache-agent are of different versions");
            };
            match agent::run(orders, &job) {
                Ok(report) => print(&report, job.json),
                Err(why) => fail(&why),
            }
        }
        other => fail(&format!("there is no task `{other}`")),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("kache: error: {why}");
    ExitCode::FAILURE
}

fn print(report: &agent::Report, json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::to_string_pretty(report).unwrap_or_default());
    } else {
        let verb = if report.dry_run { "would be transferred" } else { "transferred" };
        println!("{} {verb}, {} were there, {} failed", report.transferred, report.known, report.failed);
        for why in &report.troubles {
            println!("  {}", kache_core::printable::sanitize(why));
        }
    }
    ExitCode::from(u8::from(report.failed > 0))
}
