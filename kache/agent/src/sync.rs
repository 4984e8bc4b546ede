//! Explicit transfers: `kache push`, `pull` and `prefetch`, each in a process of its own, with progress.
//!
//! | task | what goes where |
//! | --- | --- |
//! | push | every result of the local store that the remote does not have |
//! | pull | every result of the remote that the local store does not have |
//! | prefetch | what the last build of the project in the working directory used |

use super::Agent;
use super::ahead;
use super::fetch::{Fetched, Stage};
use super::pack;
use super::publish::Sent;
use super::storage::Fault;
use futures_util::StreamExt;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use kache_core::digest::Digest;
use kache_core::paths;
use kache_core::remote::client::{Job, Orders, Task};
use kache_core::remote::format;
use kache_core::store::manifest::Manifest;
use kache_core::store::{Area, gc};
use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;

/// How it went. A transfer is partial where `failed` is not 0.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The version of this shape.
    pub v: u32,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// Transferred, or to be.
    pub transferred: u64,
    /// Were at the other end already.
    pub known: u64,
    /// Could not be transferred.
    pub failed: u64,
    /// Why, each reason once.
    pub troubles: Vec<String>,
}

/// Transfers at once.
const AT_ONCE: usize = 8;
/// Reasons that are kept.
const REASONS: usize = 10;

/// What came of one.
enum One {
    Moved,
    Known,
    Failed(String),
}

/// Does a job.
///
/// # Errors
/// Where nothing can be done at all: what, and what to do.
pub fn run(orders: Orders, job: &Job) -> Result<Report, String> {
    let agent = Agent::new(orders)?;
    if job.task == Task::Push && !agent.storage.writes() {
        return Err(Fault::ReadOnly.to_string());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .map_err(|e| format!("no threads are to be had: {e}"))?;
    runtime.block_on(async {
        match job.task {
            Task::Push => agent.push(job).await,
            Task::Pull => agent.pull(job).await,
            Task::Prefetch => agent.prefetch(job).await,
        }
    })
}

impl Agent {
    async fn push(self: &Arc<Self>, job: &Job) -> Result<Report, String> {
        let mut all = Vec::new();
        let listed = gc::each_file(&self.store.area(Area::Manifests), |path, _| {
            let action = gc::key_of(&path);
            if let Some((action, manifest)) = action.and_then(|a| Some((a, Manifest::load(&self.store, &a)?)))
            {
                all.extend(manifest.entries.into_iter().map(|entry| (action, entry)));
            }
            Ok(())
        });
        listed.map_err(|e| format!("the store cannot be listed: {e}"))?;
        let bar = progress(job, all.len());
        let work = stream::iter(all).map(|(action, entry)| {
            let agent = self.clone();
            async move {
                let state = format::state_of(&action, &entry.dependencies);
                if job.dry_run {
                    return match agent.is_there(&state).await {
                        Ok(true) => One::Known,
                        Ok(false) if agent.store.path(Area::Results, &entry.result).exists() => One::Moved,
                        Ok(false) => One::Known,
                        Err(fault) => One::Failed(fault.to_string()),
                    };
                }
                match agent.publish(&action, &entry.result).await {
                    Ok((Sent::Uploaded, _)) => One::Moved,
                    Ok((Sent::Known | Sent::Gone, _)) => One::Known,
                    Err(fault) => One::Failed(fault.to_string()),
                }
            }
        });
        let mut report = tally(work.buffer_unordered(AT_ONCE), job, &bar).await;
        if !job.dry_run && report.failed == 0 {
            // Whoever pushed at the same time may have overwritten a list.
            self.settle_lists().await;
        }
        report.v = 1;
        Ok(report)
    }

    async fn pull(self: &Arc<Self>, job: &Job) -> Result<Report, String> {
        let folder = format!("{}/packs/", format::VERSION);
        let listed = self.storage.list(&folder).await.map_err(|fault| match fault {
            Fault::Unsupported(what) => {
                format!("{what}; `kache prefetch` fetches what a project's last build used")
            }
            other => other.to_string(),
        })?;
        let states =
            listed.into_iter().filter_map(|(name, _)| Digest::from_hex(name.rsplit('/').next()?)).collect();
        Ok(self.bring_all(states, job).await)
    }

    async fn prefetch(self: &Arc<Self>, job: &Job) -> Result<Report, String> {
        let place = paths::checkout(&job.cwd).unwrap_or_else(|| job.cwd.clone());
        let names = ahead::names(&place);
        for name in &names {
            let order = self.read_order(name).await.map_err(|fault| fault.to_string())?;
            if let Some(order) = order {
                let mut seen = HashSet::new();
                let used = order.chapters.into_iter().flatten();
                let states = used.filter(|u| seen.insert(u.state) && !self.has(u)).map(|u| u.state).collect();
                return Ok(self.bring_all(states, job).await);
            }
        }
        Err(format!(
            "the remote knows of no build of the project in {}: builds that upload leave an order there",
            place.display()
        ))
    }

    async fn bring_all(self: &Arc<Self>, states: Vec<Digest>, job: &Job) -> Report {
        let bar = progress(job, states.len());
        let work = stream::iter(states).map(|state| {
            let agent = self.clone();
            async move {
                match agent.is_here(&state).await {
                    Ok(true) => return One::Known,
                    Ok(false) if job.dry_run => return One::Moved,
                    Ok(false) => {}
                    Err(fault) => return One::Failed(fault.to_string()),
                }
                let mut flight = agent.fetch(state);
                let over = flight.wait_for(|stage| matches!(stage, Stage::Over(_))).await;
                match over.as_deref() {
                    Ok(Stage::Over(Fetched::Here(_))) => One::Moved,
                    Ok(Stage::Over(Fetched::Not(fault))) => One::Failed(fault.to_string()),
                    Ok(Stage::Over(Fetched::Refused(why))) => One::Failed(format!("refused {why}")),
                    _ => One::Failed("the fetch ended without an answer".to_string()),
                }
            }
        });
        let mut report = tally(work.buffer_unordered(AT_ONCE), job, &bar).await;
        report.v = 1;
        report
    }

    /// Whether the result of a state is in the local store: its head says which that is.
    async fn is_here(self: &Arc<Self>, state: &Digest) -> Result<bool, Fault> {
        let mut body = self.storage.open_object(&format::pack_name(state)).await?;
        let mut first = Vec::new();
        while let Some(piece) = body.next().await? {
            first.extend(piece.to_vec());
            match pack::head(&first, state, &self.trust) {
                Err(why) => {
                    return Err(Fault::Failed(format!("refused {}: {why}", format::pack_name(state))));
                }
                Ok(Some((header, _))) => {
                    let manifest = Manifest::load(&self.store, &header.action);
                    let known = manifest.is_some_and(|m| m.entries.iter().any(|e| e.result == header.key));
                    return Ok(known && self.store.path(Area::Results, &header.key).exists());
                }
                Ok(None) => {}
            }
        }
        Ok(false)
    }
}

fn progress(job: &Job, length: usize) -> ProgressBar {
    if job.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn tally(work: impl futures_util::Stream<Item = One>, job: &Job, bar: &ProgressBar) -> Report {
    let mut report = Report { dry_run: job.dry_run, ..Report::default() };
    let mut work = std::pin::pin!(work);
    while let Some(one) = work.next().await {
        match one {
            One::Moved => report.transferred += 1,
            One::Known => report.known += 1,
            One::Failed(why) => {
                report.failed += 1;
                if report.troubles.len() < REASONS && !report.troubles.contains(&why) {
                    report.troubles.push(why);
                }
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    report
}
