//! `stress`: runs the scenarios.
//!
//! A scenario is a file in this directory. Each draws random numbers from the same seed, counts what passed
//! in the [`stats`](super::stats), and ends the run at the first wrong result; parts that do not fit the time
//! are skipped and reported. [`harness`] has the compiles and the one oracle.

use super::session::StressRun;
use super::stats::Stats;
use super::{corrupt, crowd, cut, harness, hostile, kill, mounts, scale, steps};
use crate::error::{Error, Result};
use crate::system::machine;
use crate::system::scratch::{Scratch, ScratchOptions};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub struct StressOptions {
    /// Approximate duration; parts that must run once do so in any case
    #[arg(long, value_name = "MINUTES", default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
    /// Seed of all random choices [default: from the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// kache, built with `--features faults` by scripts/stress.sh
    #[arg(long, value_name = "PATH")]
    kache: PathBuf,
    /// The same with another store format (`KACHE_STORE_FORMAT`), to share a directory with it
    #[arg(long, value_name = "PATH")]
    other: Option<PathBuf>,
    /// Only these scenarios
    #[arg(long = "scenario", alias = "ordeal", value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(SCENARIOS.iter().map(|o| o.name)))]
    scenarios: Vec<String>,
    /// Size of the scenario `scale`, in percent of what the project promises
    #[arg(long, value_name = "PERCENT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    scale: u32,
    #[command(flatten)]
    scratch: ScratchOptions,
}

fn minutes(text: &str) -> std::result::Result<f64, String> {
    let minutes = text.parse().ok().filter(|m: &f64| *m > 0.0 && *m <= 1440.0);
    minutes.ok_or_else(|| "expected a number of minutes, at most 1440".to_string())
}

struct Scenario {
    name: &'static str,
    about: &'static str,
    /// Share of the available time.
    parts: u32,
    run: RunScenario,
}

type RunScenario = fn(&mut StressRun) -> Result<()>;

const fn scenario(name: &'static str, about: &'static str, parts: u32, run: RunScenario) -> Scenario {
    Scenario { name, about, parts, run }
}

const SCENARIOS: &[Scenario] = &[
    scenario("steps", "a fault at each file system step", 30, steps::run),
    scenario("kill", "processes that end early", 25, kill::run),
    scenario("corrupt", "stored files changed, truncated, exchanged", 15, corrupt::run),
    scenario("crowd", "many concurrent wrappers, with evictions", 15, crowd::run),
    scenario("mounts", "full, read-only and layered file systems", 4, mounts::run),
    scenario("hostile", "hostile input", 3, hostile::run),
    scenario("cut", "power cuts during a store", 10, cut::run),
    scenario("scale", "large numbers of everything", 3, scale::run),
];

pub fn run(options: &StressOptions) -> Result<ExitCode> {
    let program = options.kache.canonicalize().map_err(Error::io("find kache", &options.kache))?;
    let no_mounts = mounts::of_our_own().err().map(|e| e.to_string());
    let seed = options.seed.unwrap_or_else(machine::microseconds) & u64::from(u32::MAX);
    let scratch = Scratch::create(&options.scratch, "stress")?;
    let tasks = harness::tasks(&scratch.root().join("tasks"))?;
    let (other, minutes, scale) = (options.other.clone(), options.minutes, options.scale);
    let (deadline, stats) = (Instant::now(), Stats::new());
    let mut run_state =
        StressRun { scratch, program, other, seed, minutes, scale, deadline, tasks, stats, no_mounts };
    let chosen: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|o| options.scenarios.is_empty() || options.scenarios.iter().any(|name| name == o.name))
        .collect();
    let begun = Instant::now();
    let outcome =
        run_scenarios(&mut run_state, &chosen, begun + Duration::from_secs_f64(options.minutes * 60.0));
    println!("\n{}", run_state.stats.markdown());
    let version = run_state.engine("none").run_kache(&["--version"]).unwrap_or_default();
    let spent = begun.elapsed().as_secs_f64() / 60.0;
    println!("{}, {}, seed {seed}, {spent:.1} minutes", version.trim(), machine::now());
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let again = format!("run again with --seed {seed}; --keep keeps the files");
            Err(error.remedy(again))
        }
    }
}

/// Unused time of a scenario goes to those after it.
fn run_scenarios(run_state: &mut StressRun, chosen: &[&Scenario], end: Instant) -> Result<()> {
    for (at, scenario) in chosen.iter().enumerate() {
        let left: u32 = chosen[at..].iter().map(|o| o.parts).sum();
        let now = Instant::now();
        run_state.deadline = now + end.saturating_duration_since(now) * scenario.parts / left.max(1);
        eprintln!("{}: {} …", scenario.name, scenario.about);
        run_state.stats.begin(scenario.name);
        let outcome = (scenario.run)(run_state);
        run_state.stats.end();
        outcome?;
    }
    Ok(())
}
