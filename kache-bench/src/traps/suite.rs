//! Runs the cases with all caches in parallel.

use super::case::Case;
use super::generated;
use super::judge::TrapVerdict;
use super::record::{Outcome, TrapRow, TrapsReport, passes};
use super::table;
use super::themes::Chosen;
use super::themes::{CUDA, THEMES, Theme};
use super::trial;
use crate::backend::{self, Backend, Kache};
use crate::error::{Error, Result};
use crate::record::{self, Record, RecordHead};
use crate::system::interrupt;
use crate::system::progress;
use crate::system::scratch::{Scratch, ScratchOptions};
use crate::system::workspace;
use crate::text;
use clap::Args;
use kache_core::eval;
use kache_core::paths::Roots;
use rayon::prelude::*;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

#[derive(Debug, Args)]
pub struct TrapsOptions {
    /// Caches to try: plain, kache, sccache, ccache, mbx, kache2 [default: all that are installed]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', alias = "backend")]
    backends: Vec<String>,
    /// Only cases with this in their name; repeat for several
    #[arg(long, value_name = "PATTERN")]
    case: Vec<String>,
    /// Try the cases that are made from kache's tables instead: each function that looks at the machine, called by a macro
    /// and by a program
    #[arg(long)]
    generated: bool,
    /// Try the cases for nvcc instead, which must be on PATH (scripts/nvcc.sh gets it)
    #[arg(long, conflicts_with = "generated")]
    cuda: bool,
    /// Have kache restore nothing before cargo asks for it (KACHE_SEED=off)
    #[arg(long)]
    unseeded: bool,
    /// List the cases with their sources, without running them
    #[arg(long)]
    list: bool,
    /// Write the result to a JSON file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the table as Markdown
    #[arg(long)]
    markdown: bool,
    /// The kache binary to use [default: built from the repository]
    #[arg(long, value_name = "PATH")]
    kache: Option<PathBuf>,
    /// Number of concurrent cases [default: the number of processors]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Directory for the record [default: the repository's results/]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    #[command(flatten)]
    scratch: ScratchOptions,
}

pub fn run(options: &TrapsOptions) -> Result<ExitCode> {
    let chosen = chosen(options)?;
    if options.cuda && !options.list && eval::find_program("nvcc".as_ref(), &Roots::default()).is_none() {
        return Err(Error::input("nvcc is not on PATH").remedy("scripts/nvcc.sh gets it from PyPI"));
    }
    if options.list {
        print!("{}", table::list(&chosen));
        return Ok(ExitCode::SUCCESS);
    }
    let results = match &options.results {
        Some(dir) => dir.clone(),
        None => workspace::find()?.join("results"),
    };
    let backends = backends(options)?;
    let scratch = Scratch::create(&options.scratch, "traps")?;
    if options.generated {
        generated::prepare(scratch.root())?;
    }
    let rows = try_all(&chosen, &backends, &scratch, options.jobs);
    let passes =
        |rows: &[TrapRow]| passes(rows) && !((options.generated || options.cuda) && lacks_tools(rows));
    if rows.as_ref().is_ok_and(|rows| !passes(rows)) {
        scratch.keep_logs();
    }
    let rows = scratch.settle(rows)?;
    let versions = backends.iter().map(|backend| Ok((backend.name().to_owned(), backend.version()?)));
    let whole = options.case.is_empty() && !options.generated && !options.cuda && !options.unseeded;
    let report = TrapsReport { whole, backends: versions.collect::<Result<_>>()?, rows };
    let record = Record { head: RecordHead::of("traps", scratch.root()), findings: report };
    let line = record::line(&record, &scratch)?;
    let history = record::append(&results, &record.head, &line)?;
    if options.markdown {
        print!("{}", table::markdown(&record));
    } else {
        println!("{}recorded in {}", table::text(&record.findings), history.display());
    }
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&record).unwrap_or_default();
        std::fs::write(file, text + "\n").map_err(Error::io("write", file))?;
    }
    Ok(if passes(&record.findings.rows) { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Whether a case was skipped where each tool is required.
fn lacks_tools(rows: &[TrapRow]) -> bool {
    let is_skipped = |row: &TrapRow| row.outcomes.values().any(|one| one.verdict == TrapVerdict::Skipped);
    std::env::var_os("KACHE_REQUIRE_TOOLS").is_some_and(|value| value == "1") && rows.iter().any(is_skipped)
}

fn chosen(options: &TrapsOptions) -> Result<Vec<Chosen>> {
    let patterns = &options.case;
    let of = |theme: &Theme| theme.cases.iter().map(|case| (theme.name, case)).collect::<Vec<Chosen>>();
    let all: Vec<Chosen> = match () {
        () if options.generated => generated::cases().collect(),
        () if options.cuda => of(&CUDA),
        () => THEMES.iter().flat_map(of).collect(),
    };
    let wanted = |case: &Case| patterns.is_empty() || patterns.iter().any(|p| case.name.contains(p.as_str()));
    let chosen: Vec<_> = all.into_iter().filter(|(_, case)| wanted(case)).collect();
    if chosen.is_empty() {
        return Err(Error::input(format!("no case has {} in its name", patterns.join(" or ")))
            .remedy("kache-bench traps --list names them all"));
    }
    Ok(chosen)
}

fn backends(options: &TrapsOptions) -> Result<Vec<Box<dyn Backend>>> {
    if !options.backends.is_empty() {
        return options.backends.iter().map(|name| one(name, options)).collect();
    }
    // A trial has the plain compiler's result in any case.
    if options.generated || options.cuda {
        return Ok(vec![one("kache", options)?]);
    }
    let mut all = vec![one("plain", options)?, one("kache", options)?];
    for (name, found) in backend::installed(&workspace::find()?) {
        match found {
            Ok(backend) => all.push(backend),
            Err(error) => eprintln!("skipped: {name}: {error}"),
        }
    }
    Ok(all)
}

fn one(name: &str, options: &TrapsOptions) -> Result<Box<dyn Backend>> {
    if name != "kache" {
        return backend::find(name, &workspace::find()?);
    }
    let kache = match &options.kache {
        Some(program) => Kache::at(program)?,
        None => Kache::build(&workspace::find()?)?,
    };
    Ok(Box::new(if options.unseeded { kache.unseeded() } else { kache }))
}

fn try_all(
    chosen: &[Chosen],
    backends: &[Box<dyn Backend>],
    scratch: &Scratch,
    jobs: Option<usize>,
) -> Result<Vec<TrapRow>> {
    let (root, logs) = (scratch.root().to_path_buf(), scratch.logs());
    let ground = TrialDirs { root, logs, keep: scratch.keeps_everything() };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs.unwrap_or(0))
        .build()
        .map_err(|e| Error::run(format!("cannot start threads: {e}")))?;
    let shown = progress::Progress::begin("try the cases", Some(chosen.len() * backends.len()));
    let shown = Mutex::new((shown, 0));
    let trials: Vec<_> =
        chosen.iter().flat_map(|chosen| backends.iter().map(move |backend| (chosen, backend))).collect();
    let outcomes: Vec<Outcome> = pool.install(|| {
        trials
            .into_par_iter()
            .map(|((_, case), backend)| {
                let outcome = outcome(case, &**backend, &ground);
                let (shown, tried) = &mut *shown.lock().expect("no thread panics while it holds this");
                *tried += 1;
                shown.show(*tried, "trials");
                outcome
            })
            .collect::<Result<_>>()
    })?;
    // The result of an interrupted case means nothing.
    interrupt::check()?;
    let (shown, tried) = shown.into_inner().expect("no thread panicked");
    shown.end(&text::count(tried, "trial", "trials"));
    let mut outcomes = outcomes.into_iter();
    let row = |&(theme, case): &Chosen| TrapRow {
        theme: theme.into(),
        name: case.name.into(),
        about: case.about.into(),
        source: case.source.into(),
        outcomes: backends.iter().map(|b| b.name().to_owned()).zip(outcomes.by_ref()).collect(),
    };
    Ok(chosen.iter().map(row).collect())
}

/// Directories of trials, shared with their threads.
struct TrialDirs {
    root: PathBuf,
    logs: PathBuf,
    keep: bool,
}

fn outcome(case: &Case, backend: &dyn Backend, ground: &TrialDirs) -> Result<Outcome> {
    let dir = ground.root.join(case.name).join(backend.name());
    std::fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
    let log = ground.logs.join(format!("{}-{}.log", case.name, backend.name()));
    let (verdict, detail) = match trial::run(case, backend, &dir, &log) {
        Ok((verdict, detail)) => (verdict, detail),
        Err(error) if interrupt::pressed() => return Err(error),
        Err(error) => (TrapVerdict::Invalid, error.to_string()),
    };
    if !ground.keep {
        drop(std::fs::remove_dir_all(&dir));
    }
    Ok(Outcome { verdict, detail })
}
