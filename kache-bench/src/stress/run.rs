//! Torture: the engine is hurt in every way that a machine or a neighbour can hurt it, and must give what the plain compiler
//! gives, each time.
//!
//! An ordeal is a file here. Each draws from the same seed, counts what was survived in the [`ledger`], and ends the run at the
//! first wrong byte; what it has no time for is left out and said. [`arena`] has the compiles that are asked for and the one oracle.

use super::session::Torture;
use super::stats::Ledger;
use super::{corrupt, crowd, cut, harness, hostile, kill, mounts, scale, steps};
use crate::error::{Result, Trouble};
use crate::system::machine;
use crate::system::scratch::{Place, Scratch};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What was asked.
#[derive(Debug, clap::Args)]
pub struct Options {
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
    #[arg(long = "scenario", alias = "ordeal", value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(ORDEALS.iter().map(|o| o.name)))]
    ordeals: Vec<String>,
    /// How many entries and the like the ordeal `scale` makes, in hundredths of what the project promises
    #[arg(long, value_name = "PERCENT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    scale: u32,
    #[command(flatten)]
    place: Place,
}

fn minutes(text: &str) -> std::result::Result<f64, String> {
    let minutes = text.parse().ok().filter(|m: &f64| *m > 0.0 && *m <= 1440.0);
    minutes.ok_or_else(|| "a number of minutes, at most 1440".to_string())
}

/// One way to hurt.
struct Ordeal {
    name: &'static str,
    about: &'static str,
    /// Of the time there is, in parts.
    parts: u32,
    run: fn(&mut Torture) -> Result<()>,
}

const ORDEALS: &[Ordeal] = &[
    Ordeal { name: "steps", about: "a fault at each step on the file system", parts: 30, run: steps::run },
    Ordeal { name: "kill", about: "processes that end in the middle", parts: 25, run: kill::run },
    Ordeal { name: "corrupt", about: "stored files altered, cut, exchanged", parts: 15, run: corrupt::run },
    Ordeal { name: "crowd", about: "many at once, and collections among them", parts: 15, run: crowd::run },
    Ordeal { name: "mounts", about: "full, read-only and layered file systems", parts: 4, run: mounts::run },
    Ordeal { name: "hostile", about: "input that means ill", parts: 3, run: hostile::run },
    Ordeal { name: "cut", about: "power cuts while something is stored", parts: 10, run: cut::run },
    Ordeal { name: "scale", about: "much of everything", parts: 3, run: scale::run },
];

/// Runs the ordeals.
pub fn run(options: &Options) -> Result<ExitCode> {
    let program = options.kache.canonicalize().map_err(Trouble::io("find kache", &options.kache))?;
    let no_mounts = mounts::of_our_own().err().map(|e| e.to_string());
    let seed = options.seed.unwrap_or_else(machine::microseconds) & u64::from(u32::MAX);
    let scratch = Scratch::create(&options.place, "torture")?;
    let tasks = harness::tasks(&scratch.root().join("tasks"))?;
    let mut torture = Torture {
        scratch,
        program,
        other: options.other.clone(),
        seed,
        minutes: options.minutes,
        scale: options.scale,
        deadline: Instant::now(),
        tasks,
        ledger: Ledger::new(),
        no_mounts,
    };
    let chosen: Vec<&Ordeal> = ORDEALS
        .iter()
        .filter(|o| options.ordeals.is_empty() || options.ordeals.iter().any(|name| name == o.name))
        .collect();
    let begun = Instant::now();
    let outcome = endure(&mut torture, &chosen, begun + Duration::from_secs_f64(options.minutes * 60.0));
    println!("\n{}", torture.ledger.markdown());
    let version = torture.engine("none").ask(&["--version"]).unwrap_or_default();
    let spent = begun.elapsed().as_secs_f64() / 60.0;
    println!("{}, {}, seed {seed}, {spent:.1} minutes", version.trim(), machine::now());
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(trouble) => {
            let again = format!("--seed {seed}; what is on disk is kept with --keep");
            Err(trouble.remedy(again))
        }
    }
}

/// Time that an ordeal leaves goes to those after it.
fn endure(torture: &mut Torture, chosen: &[&Ordeal], end: Instant) -> Result<()> {
    for (at, ordeal) in chosen.iter().enumerate() {
        let left: u32 = chosen[at..].iter().map(|o| o.parts).sum();
        let now = Instant::now();
        torture.deadline = now + end.saturating_duration_since(now) * ordeal.parts / left.max(1);
        eprintln!("{}: {} …", ordeal.name, ordeal.about);
        torture.ledger.begin(ordeal.name);
        let outcome = (ordeal.run)(torture);
        torture.ledger.end();
        outcome?;
    }
    Ok(())
}
