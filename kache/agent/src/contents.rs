//! What a remote holds, for `kache remote stats`: its objects by kind and age.

use crate::error::{AgentError, StorageError};
use crate::level::{self, Level};
use crate::storage::Listed;
use crate::{Agent, runtime};
use indicatif::{ProgressBar, ProgressStyle};
use kache_core::remote::client::AgentConfig;
use kache_core::remote::contents::{
    Age, Collected, Kind, KindStats, LevelStats, PARTIAL_FOLDER, RemoteTask, Stats, Sum, Unlisted,
};
use kache_core::remote::{Levels, format};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The deadline of a response. Nobody waits for a build.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The answer to a [`RemoteTask`].
#[derive(Serialize)]
#[serde(untagged)]
pub enum RemoteAnswer {
    Stats(Stats),
    Collected(Collected),
}

/// Runs a task.
///
/// # Errors
/// If the service cannot list its objects, or does not answer.
pub fn run(config: AgentConfig, task: RemoteTask) -> Result<RemoteAnswer, AgentError> {
    let patient = config.levels.all().iter().cloned().map(|mut remote| {
        remote.timeout = remote.timeout.max(TIMEOUT);
        remote
    });
    let levels = Levels::new(patient.collect()).unwrap_or_else(|| config.levels.clone());
    let agent = Agent::new(AgentConfig { levels, ..config })?;
    runtime()?.block_on(async {
        match task {
            RemoteTask::Stats => agent.stats().await.map(RemoteAnswer::Stats),
            RemoteTask::Collect { older_than, dry_run } => {
                agent.collect(older_than, dry_run).await.map(RemoteAnswer::Collected)
            }
        }
    })
}

impl Agent {
    async fn stats(self: &Arc<Self>) -> Result<Stats, AgentError> {
        let mut stats = Stats::default();
        for level in &self.levels {
            match objects(level).await {
                Ok(objects) => stats.levels.push(stats_of(level, &objects, SystemTime::now())),
                Err(StorageError::Unsupported(why)) => {
                    let (level, address) = (level.name.clone(), level.remote.shown());
                    stats.unlisted.push(Unlisted { level, address, why });
                }
                Err(e) => return Err(self.of_level(level, e).into()),
            }
        }
        match (stats.levels.is_empty(), stats.unlisted.first()) {
            (true, Some(Unlisted { level, address, why })) => {
                Err(AgentError::NoListing(format!("{level} ({address}): {why}")))
            }
            _ => Ok(stats),
        }
    }
}

/// All objects of kache in a level.
pub async fn objects(level: &level::Level) -> Result<Vec<Listed>, StorageError> {
    let mut all = level.storage.list(&format!("{}/", format::VERSION)).await?;
    // Only writes to a shared directory leave parts behind that can be listed.
    if level.remote.url.starts_with("file:") {
        all.extend(level.storage.list(PARTIAL_FOLDER).await?);
    }
    Ok(all)
}

/// A progress bar for a number of steps, on a terminal.
pub fn progress(what: &'static str, length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}");
    ProgressBar::new(length as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

fn stats_of(level: &Level, objects: &[Listed], now: SystemTime) -> LevelStats {
    let mut stats = LevelStats {
        level: level.name.clone(),
        address: level.remote.shown(),
        prefix: level.remote.prefix.clone(),
        kinds: Default::default(),
    };
    for object in objects {
        let sum = Sum { objects: 1, bytes: object.size };
        // A clock that is ahead makes an object young.
        let age = |at: SystemTime| Age::of(now.duration_since(at).unwrap_or_default());
        let time_us = object.modified.and_then(micros);
        stats.kinds.entry(Kind::of(&object.name)).or_default().add(&KindStats {
            total: sum,
            ages: [(object.modified.map_or(Age::Unknown, age), sum)].into(),
            oldest_us: time_us,
            newest_us: time_us,
        });
    }
    stats
}

fn micros(at: SystemTime) -> Option<u64> {
    u64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}
