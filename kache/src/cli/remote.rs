//! `kache remote`: counts the objects of the remote, and deletes its old ones.
//!
//! The agent's program does the work. JSON of `stats`: `{"v":1} and everything of [Stats]`; of `gc`: the same with
//! [`Collected`]. The exit status of `gc` is 1 if an object could not be deleted, that of both 2 if the service cannot list
//! its objects.

use super::output::{Answer, CliError, Format, failed, settings};
use super::page::{Page, ago, count, duration, row, size};
use super::transfer::{START, agent, agent_config};
use kache_core::remote::client::AgentConfig;
use kache_core::remote::contents::{
    Age, Collected, GRACE, Kind, KindCollected, KindStats, LevelStats, RemoteTask, Stats, Sum,
};
use serde::de::DeserializeOwned;
use std::process::Stdio;
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kache remote stats                       number, size and age of the objects
  kache remote gc --older-than 30d --dry-run
  kache remote gc --older-than 30d         for a job that runs every night")]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Count the objects of each level, and their bytes, by kind and age
    Stats {
        /// Output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Delete objects that are old and that nothing younger needs, from the level that is written
    Gc {
        /// Delete what was uploaded before this time, at least 6h: 12h, 7d, 8w
        #[arg(long, value_name = "DURATION", value_parser = super::output::duration)]
        older_than: Duration,
        /// Report what would be deleted, and delete nothing
        #[arg(long)]
        dry_run: bool,
        /// Output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

pub fn run(options: &Options) -> Result<Answer, CliError> {
    let config = agent_config(&settings()?)?;
    match options.what {
        What::Stats { format } => match ask(&config, RemoteTask::Stats)? {
            Asked::Refused(answer) => Ok(answer),
            Asked::Done(stats) => Answer::new(format, 1, &stats, |page| stats_page(&stats, page)),
        },
        What::Gc { older_than, dry_run, format } => {
            check(&config, older_than)?;
            match ask::<Collected>(&config, RemoteTask::Collect { older_than, dry_run })? {
                Asked::Refused(answer) => Ok(answer),
                Asked::Done(collected) => {
                    let answer = Answer::new(format, 1, &collected, |page| collected_page(&collected, page))?;
                    Ok(answer.with_problem(collected.failed > 0))
                }
            }
        }
    }
}

/// Refuses what would delete too much, or where nothing may be deleted.
fn check(config: &AgentConfig, older_than: Duration) -> Result<(), CliError> {
    config.levels.written().map_err(|why| CliError::usage(format!("nothing is deleted: {why}")))?;
    if older_than < GRACE {
        let given = humantime::format_duration(older_than);
        let grace = humantime::format_duration(GRACE);
        return Err(CliError::usage(format!(
            "--older-than {given}: an object is kept for {grace}, since builds may be using it; give {grace} or more"
        )));
    }
    Ok(())
}

/// What the agent did.
enum Asked<T> {
    Done(T),
    /// The agent has said why not.
    Refused(Answer),
}

fn ask<T: DeserializeOwned>(config: &AgentConfig, task: RemoteTask) -> Result<Asked<T>, CliError> {
    let text = serde_json::to_string(&task).map_err(failed(START))?;
    let mut agent = agent(Some(config))?;
    let done = agent.args(["remote", &text]).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let done = done.map_err(failed(START))?;
    if !done.status.success() {
        let status = done.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        return Ok(Asked::Refused(Answer { text: String::new(), status }));
    }
    serde_json::from_slice(&done.stdout).map(Asked::Done).map_err(failed("cannot read the agent's answer"))
}

fn stats_page(stats: &Stats, page: &mut Page) {
    for level in &stats.levels {
        page.gap();
        page.heading(format!("{}: {}, prefix {}", level.level, level.address, level.prefix));
        level_page(level, page);
    }
    for level in &stats.unlisted {
        page.gap();
        page.heading(format!("{}: {}", level.level, level.address));
        page.line(format!("  {}", level.why));
    }
}

fn level_page(level: &LevelStats, page: &mut Page) {
    let mut all = KindStats::default();
    level.kinds.values().for_each(|kind| all.add(kind));
    if all.total.objects == 0 {
        return page.line("  no objects");
    }
    let cells = |label: &str, sum: Sum, means: &str| row![label, sum.objects, size(sum.bytes), means];
    let mut rows = vec![row!["", "objects", "bytes", ""], cells("  total", all.total, "")];
    rows.extend(
        level
            .kinds
            .iter()
            .map(|(kind, stats)| cells(&format!("    {}", kind.word()), stats.total, kind.meaning())),
    );
    let results = level.kinds.get(&Kind::Results);
    for age in [Age::Day, Age::Week, Age::Month, Age::Older, Age::Unknown] {
        let of = |stats: &KindStats| stats.ages.get(&age).copied().unwrap_or_default();
        if age != Age::Unknown || of(&all).objects > 0 {
            let results = results.map(of).unwrap_or_default();
            let means = format!("{}, {}", count(results.objects, "result", "results"), size(results.bytes));
            rows.push(cells(&format!("  {}", age.label()), of(&all), &means));
        }
    }
    page.columns(&rows, 2);
    if let (Some(oldest), Some(newest)) = (all.oldest_us, all.newest_us) {
        page.line(format!("  the oldest was uploaded {}, the newest {}", ago(oldest), ago(newest)));
    }
}

fn collected_page(collected: &Collected, page: &mut Page) {
    let Collected { level, address, prefix, dry_run, older_than_s, kinds, failed, errors } = collected;
    let sum = |of: fn(&KindCollected) -> Sum| {
        let mut sum = Sum::default();
        kinds.values().for_each(|kind| sum.add(of(kind)));
        format!("{} ({})", count(sum.objects, "object", "objects"), size(sum.bytes))
    };
    page.heading(format!("{level}: {address}, prefix {prefix}"));
    let verb = if *dry_run { "would be deleted" } else { "deleted" };
    page.line(format!("{} {verb}, {} kept", sum(|kind| kind.deleted), sum(|kind| kind.kept)));
    let age = duration((older_than_s * 1_000_000) as i64);
    page.line(format!("{} of those older than {age} but in use", sum(|kind| kind.in_use)));
    let mut rows = vec![row!["", verb, "bytes", "kept", "bytes", "in use"]];
    for (kind, sums) in kinds.iter().filter(|(_, sums)| **sums != KindCollected::default()) {
        let KindCollected { deleted, kept, in_use } = sums;
        rows.push(row![
            format!("  {}", kind.word()),
            deleted.objects,
            size(deleted.bytes),
            kept.objects,
            size(kept.bytes),
            in_use.objects
        ]);
    }
    page.columns(&rows, 5);
    if *failed > 0 {
        page.line(format!("{} could not be deleted:", count(*failed, "object", "objects")));
    }
    errors.iter().for_each(|error| page.line(format!("  {error}")));
}
