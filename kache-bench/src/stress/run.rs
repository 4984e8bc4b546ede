//! Torture: the engine is hurt in every way that a machine or a neighbour can hurt it, and must give what the plain compiler
//! gives, each time.
//!
//! An ordeal is a file here. Each draws from the same seed, counts what was survived in the [`stats`], and ends the run at the
//! first wrong byte; what it has no time for is left out and said. [`arena`] has the compiles that are asked for and the one oracle.

use super::session::StressRun;
use super::stats::Stats;
use super::{corrupt, crowd, cut, harness, hostile, kill, mounts, scale, steps};
use crate::error::{Error, Result};
use crate::system::machine;
use crate::system::scratch::{Scratch, ScratchOptions};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What was asked.
#[derive(Debug, clap::Args)]
pub struct StressOptions {
    /// How long it may take, about; what must be done once is done even so
    #[arg(long, value_name = "MINUTES", default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
    /// Another number draws otherwise; the same draws the same [default: from the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// kache, built with `--features faults`: scripts/torture.sh does that
    #[arg(long, value_name = "PATH")]
    kache: PathBuf,
    /// The same with another format of the store (`KACHE_STORE_FORMAT`), to share a directory with it
    #[arg(long, value_name = "PATH")]
    other: Option<PathBuf>,
    /// Only these ordeals
    #[arg(long = "scenario", alias = "ordeal", value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(SCENARIOS.iter().map(|o| o.name)))]
    scenarios: Vec<String>,
    /// How many entries and the like the ordeal `scale` makes, in hundredths of what the project promises
    #[arg(long, value_name = "PERCENT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    scale: u32,
    #[command(flatten)]
    scratch: ScratchOptions,
}

fn minutes(text: &str) -> std::result::Result<f64, String> {
    let minutes = text.parse().ok().filter(|m: &f64| *m > 0.0 && *m <= 1440.0);
    minutes.ok_or_else(|| "a number of minutes, at most 1440".to_string())
}

/// One way to hurt.
struct Scenario {
    name: &'static str,
    about: &'static str,
    /// Of the time there is, in parts.
    parts: u32,
    run: fn(&mut StressRun) -> Result<()>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "steps", about: "a fault at each step on the file system", parts: 30, run: steps::run },
    Scenario { name: "kill", about: "processes that end in the middle", parts: 25, run: kill::run },
    Scenario { name: "corrupt", about: "stored files altered, cut, exchanged", parts: 15, run: corrupt::run },
    Scenario { name: "crowd", about: "many at once, and collections among them", parts: 15, run: crowd::run },
    Scenario {
        name: "mounts",
        about: "full, read-only and layered file systems",
        parts: 4,
        run: mounts::run,
    },
    Scenario { name: "hostile", about: "input that means ill", parts: 3, run: hostile::run },
    Scenario { name: "cut", about: "power cuts while something is stored", parts: 10, run: cut::run },
    Scenario { name: "scale", about: "much of everything", parts: 3, run: scale::run },
];

/// Runs the ordeals.
pub fn run(options: &StressOptions) -> Result<ExitCode> {
    let program = options.kache.canonicalize().map_err(Error::io("find kache", &options.kache))?;
    let no_mounts = mounts::of_our_own().err().map(|e| e.to_string());
    let seed = options.seed.unwrap_or_else(machine::microseconds) & u64::from(u32::MAX);
    let scratch = Scratch::create(&options.scratch, "torture")?;
    let tasks = harness::tasks(&scratch.root().join("tasks"))?;
    let mut run_state = StressRun {
        scratch,
        program,
        other: options.other.clone(),
        seed,
        minutes: options.minutes,
        scale: options.scale,
        deadline: Instant::now(),
        tasks,
        stats: Stats::new(),
        no_mounts,
    };
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
            let again = format!("--seed {seed}; what is on disk is kept with --keep");
            Err(error.remedy(again))
        }
    }
}

/// Time that an ordeal leaves goes to those after it.
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
