//! Explicit transfers: `kache push`, `pull` and `prefetch`, each in a separate process, with progress.
//!
//! | task | transfers |
//! | --- | --- |
//! | push | every result of the local store that the remote does not have |
//! | pull | every result of the remote that the local store does not have |
//! | prefetch | the results that the last build of the project in the working directory used |

use crate::error::{AgentError, StorageError};
use crate::fetch::{FetchOutcome, FetchState};
use crate::level::Level;
use crate::storage::Listed;
use crate::upload::UploadOutcome;
use crate::{Agent, prefetch, runtime};
use futures_util::StreamExt;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use kache_core::digest::Digest;
use kache_core::paths;
use kache_core::remote::client::{AgentConfig, Task, TaskKind};
use kache_core::remote::format;
use kache_core::store::manifest::Manifest;
use kache_core::store::{Area, files};
use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;

/// The outcome of a transfer, which is incomplete if `failed` is not 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The version of this shape.
    pub v: u32,
    pub dry_run: bool,
    /// Transferred, or to be transferred.
    pub transferred: u64,
    /// Present at the destination before, or made by another machine, whose results this one does not sign.
    pub known: u64,
    pub failed: u64,
    /// Distinct errors, up to a maximum.
    pub errors: Vec<String>,
}

/// The maximum number of simultaneous transfers.
const CONCURRENCY: usize = 8;
/// The maximum number of errors in a report.
const MAX_ERRORS: usize = 10;

/// The outcome for one result.
enum Transferred {
    Moved,
    Known,
    Failed(String),
}

/// Runs a task.
///
/// # Errors
/// If nothing can be transferred at all.
pub fn run(config: AgentConfig, task: &Task) -> Result<Report, AgentError> {
    let agent = Agent::new(config)?;
    if task.kind == TaskKind::Push {
        agent.writer()?;
    }
    runtime()?.block_on(async {
        match task.kind {
            TaskKind::Push => agent.push(task).await,
            TaskKind::Pull => agent.pull(task).await,
            TaskKind::Prefetch => agent.prefetch(task).await,
        }
    })
}

impl Agent {
    async fn push(self: &Arc<Self>, task: &Task) -> Result<Report, AgentError> {
        let mut all = Vec::new();
        let listed = files::each_file(&self.store.area(Area::Manifests), |path, _| {
            let action = files::key_of(&path);
            if let Some((action, manifest)) = action.and_then(|a| Some((a, Manifest::load(&self.store, &a)?)))
            {
                let action = manifest.overflow_of.unwrap_or(action);
                all.extend(manifest.entries.into_iter().map(|entry| (action, entry)));
            }
            Ok(())
        });
        listed.map_err(|e| AgentError::Io("list the store", e))?;
        let bar = progress(task, all.len());
        let to = self.writer()?;
        let work = stream::iter(all).map(|(action, entry)| {
            let agent = self.clone();
            async move {
                let input_key = format::recorded_input_key(&action, &entry.dependencies);
                if task.dry_run {
                    if to.trust.signs() && agent.is_fetched(&entry.result) {
                        return Transferred::Known;
                    }
                    return match agent.has_valid_pack(to, &input_key).await {
                        Ok(true) => Transferred::Known,
                        Ok(false) if agent.store.path(Area::Results, &entry.result).exists() => {
                            Transferred::Moved
                        }
                        Ok(false) => Transferred::Known,
                        Err(e) => Transferred::Failed(e.to_string()),
                    };
                }
                match agent.publish(&action, &entry.result).await {
                    Ok((UploadOutcome::Uploaded, _)) => Transferred::Moved,
                    Ok((_, _)) => Transferred::Known,
                    Err(e) => Transferred::Failed(e.to_string()),
                }
            }
        });
        let report = tally(work.buffer_unordered(CONCURRENCY), task, &bar).await;
        if !task.dry_run && report.failed == 0 {
            // A simultaneous push may have overwritten an index.
            self.settle_lists().await;
        }
        Ok(report)
    }

    async fn pull(self: &Arc<Self>, task: &Task) -> Result<Report, AgentError> {
        let list =
            |level: Arc<Level>| async move { level.storage.list(&format::packs_folder()).await.map(Some) };
        let answers = self.ask_all(list).await;
        match answers.error {
            // A level that cannot list is skipped if another one can.
            Some(StorageError::Unsupported(what)) if answers.found.is_empty() => {
                return Err(AgentError::CannotList(what));
            }
            None | Some(StorageError::Unsupported(_)) => {}
            Some(other) => return Err(other.into()),
        }
        let key = |object: Listed| Digest::from_hex(object.name.rsplit('/').next()?);
        let mut seen = HashSet::new();
        let input_keys = answers.found.into_iter().flatten().filter_map(key).filter(|key| seen.insert(*key));
        let input_keys = input_keys.collect();
        Ok(self.fetch_reported(input_keys, task).await)
    }

    async fn prefetch(self: &Arc<Self>, task: &Task) -> Result<Report, AgentError> {
        let workspace = paths::checkout(&task.cwd).unwrap_or_else(|| task.cwd.clone());
        for key in prefetch::project_keys(&workspace) {
            let Some(manifest) = self.build_manifests(&key, |_| true).await? else { continue };
            let mut seen = HashSet::new();
            let units = manifest.builds.into_iter().flatten();
            let missing = units.filter(|unit| seen.insert(unit.input_key) && !self.has(unit));
            let input_keys = missing.map(|unit| unit.input_key).collect();
            return Ok(self.fetch_reported(input_keys, task).await);
        }
        Err(AgentError::UnknownProject(workspace))
    }

    async fn fetch_reported(self: &Arc<Self>, input_keys: Vec<Digest>, task: &Task) -> Report {
        let bar = progress(task, input_keys.len());
        let work = stream::iter(input_keys).map(|input_key| {
            let agent = self.clone();
            async move {
                match agent.has_result_of(&input_key).await {
                    Ok(true) => return Transferred::Known,
                    Ok(false) if task.dry_run => return Transferred::Moved,
                    Ok(false) => {}
                    Err(e) => return Transferred::Failed(e.to_string()),
                }
                let mut fetch = agent.fetch(input_key);
                let done = fetch.wait_for(|state| matches!(state, FetchState::Done(_))).await;
                match done.as_deref() {
                    Ok(FetchState::Done(FetchOutcome::Stored(..))) => Transferred::Moved,
                    Ok(FetchState::Done(FetchOutcome::Failed(e))) => Transferred::Failed(e.to_string()),
                    Ok(FetchState::Done(FetchOutcome::Invalid(why))) => {
                        Transferred::Failed(format!("quarantined {why}"))
                    }
                    _ => Transferred::Failed("the fetch was aborted".to_string()),
                }
            }
        });
        tally(work.buffer_unordered(CONCURRENCY), task, &bar).await
    }

    /// Whether the local store has the result of a pack. Reads the pack's header, which names the result, from the first level
    /// that has it.
    async fn has_result_of(&self, input_key: &Digest) -> Result<bool, StorageError> {
        let mut error = StorageError::NotFound;
        for level in &self.levels {
            let header = match self.pack_header(level, input_key, &level.trust).await {
                Ok(Ok(Some(header))) => header,
                Ok(Ok(None)) => return Ok(false),
                Ok(Err(e)) => {
                    let why = format!("invalid {}: {e}", format::pack_name(input_key));
                    error = self.of_level(level, StorageError::Failed(why));
                    continue;
                }
                Err(StorageError::NotFound) => continue,
                Err(e) => {
                    error = self.of_level(level, e);
                    continue;
                }
            };
            let manifest = Manifest::load(&self.store, &header.action);
            let known = manifest.is_some_and(|m| m.entries.iter().any(|e| e.result == header.key));
            return Ok(known && self.store.path(Area::Results, &header.key).exists());
        }
        Err(error)
    }
}

fn progress(task: &Task, length: usize) -> ProgressBar {
    if task.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn tally(
    work: impl futures_util::Stream<Item = Transferred>,
    task: &Task,
    bar: &ProgressBar,
) -> Report {
    let mut report = Report { v: 2, dry_run: task.dry_run, ..Report::default() };
    let mut work = std::pin::pin!(work);
    while let Some(one) = work.next().await {
        match one {
            Transferred::Moved => report.transferred += 1,
            Transferred::Known => report.known += 1,
            Transferred::Failed(why) => {
                report.failed += 1;
                if report.errors.len() < MAX_ERRORS && !report.errors.contains(&why) {
                    report.errors.push(why);
                }
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_results_and_lists_distinct_errors() {
        let task = Task { kind: TaskKind::Pull, dry_run: true, json: true, cwd: "/w".into() };
        let failed = (0..12).map(|n| Transferred::Failed(format!("error {}", n.max(1))));
        let work = [Transferred::Moved, Transferred::Known, Transferred::Moved].into_iter().chain(failed);
        let bar = ProgressBar::hidden();
        let report = runtime().unwrap().block_on(tally(stream::iter(work), &task, &bar));
        let errors = (1..11).map(|n| format!("error {n}")).collect();
        assert_eq!(report, Report { v: 2, dry_run: true, transferred: 2, known: 1, failed: 12, errors });
    }
}
