//! `kache remote gc`: deletes the old objects of a remote that nothing younger needs.
//!
//! | object | deleted if it is old, and |
//! | --- | --- |
//! | record of builds | always |
//! | index, list | no result of the action is kept |
//! | result | no kept record of builds names it |
//! | unfinished upload | always |
//!
//! What leads to a result goes before the result. A collection that is killed, or one that runs beside uploads, can only leave
//! two things behind: a result to which nothing leads, which the next collection or upload finds, and a list whose results are
//! gone. Both are a miss to a reader, as any object that is not there.
//!
//! Old is what was written before the given time, by the clock of the service, and never what is younger than [`GRACE`]. An
//! object that was written again after it was listed is kept.

use crate::error::{AgentError, StorageError};
use crate::level::Level;
use crate::storage::Listed;
use crate::trust::Trust;
use crate::{Agent, contents};
use futures_util::stream::{self, StreamExt};
use indicatif::ProgressBar;
use kache_core::digest::Digest;
use kache_core::remote::contents::{Collected, GRACE, Kind, KindCollected, Sum};
use kache_core::remote::format;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The maximum number of simultaneous requests.
const CONCURRENCY: usize = 8;
/// After this many errors nothing more is deleted.
const MAX_ERRORS: usize = 10;
/// The order of deletion.
const ORDER: [Kind; 5] = [Kind::Unfinished, Kind::Builds, Kind::Indexes, Kind::Lists, Kind::Results];

/// What is decided about the objects of a level.
struct Plan {
    level: Arc<Level>,
    /// What was written before is old.
    cutoff: SystemTime,
    objects: Vec<Listed>,
    /// The actions by the keys of the results that kept records of builds name.
    recorded: HashMap<Digest, Digest>,
    /// The actions of kept results. An index or a list of another action is of no use.
    actions: HashSet<Digest>,
}

impl Agent {
    /// Deletes old objects of the level that is written.
    ///
    /// # Errors
    /// If the objects cannot be listed, or what is in use cannot be read. Then nothing was deleted.
    pub async fn collect(
        self: &Arc<Self>,
        older_than: Duration,
        dry_run: bool,
    ) -> Result<Collected, AgentError> {
        let level = self.writer()?.clone();
        let objects = match contents::objects(&level).await {
            Err(StorageError::Unsupported(why)) => {
                let address = level.remote.shown();
                return Err(AgentError::NoListing(format!("{} ({address}): {why}", level.name)));
            }
            listed => listed?,
        };
        let now = match dry_run {
            true => SystemTime::now(),
            false => level.storage.clock().await?,
        };
        let cutoff = now - older_than.max(GRACE);
        let mut plan = Plan { level, cutoff, objects, recorded: HashMap::new(), actions: HashSet::new() };
        plan.read_records(self).await?;
        plan.read_actions(self).await?;
        let mut collected = plan.report(older_than, dry_run);
        let bar = contents::progress("delete", plan.objects.len());
        for kind in ORDER {
            if kind == Kind::Indexes && !dry_run {
                plan.read_new_results(self).await?;
            }
            plan.delete(kind, &mut collected, &bar).await;
        }
        bar.finish_and_clear();
        Ok(collected)
    }
}

impl Plan {
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Listed> {
        self.objects.iter().filter(move |object| Kind::of(&object.name) == kind)
    }

    /// Whether an object is old. What has no date is young.
    fn is_old(&self, object: &Listed) -> bool {
        object.modified.is_some_and(|at| at < self.cutoff)
    }

    /// Whether a kept object needs an old object.
    fn is_in_use(&self, kind: Kind, name: &str) -> bool {
        match kind {
            // The name of a foreign object has no key.
            Kind::Results => key(name).is_none_or(|key| self.recorded.contains_key(&key)),
            Kind::Indexes | Kind::Lists => action(name).is_none_or(|action| self.actions.contains(&action)),
            Kind::Builds | Kind::Unfinished => false,
            Kind::Other => true,
        }
    }

    fn is_kept(&self, object: &Listed) -> bool {
        !self.is_old(object) || self.is_in_use(Kind::of(&object.name), &object.name)
    }

    /// Reads the records of builds that are kept.
    async fn read_records(&mut self, agent: &Arc<Agent>) -> Result<(), AgentError> {
        let projects: Vec<Digest> =
            self.of_kind(Kind::Builds).filter(|o| !self.is_old(o)).filter_map(|o| key(&o.name)).collect();
        let read = projects.iter().map(|project| agent.read_build_manifest(&self.level, project));
        let mut read = stream::iter(read).buffer_unordered(CONCURRENCY);
        let mut recorded = HashMap::new();
        while let Some(manifest) = read.next().await {
            let units = manifest?.into_iter().flat_map(|manifest| manifest.builds).flatten();
            recorded.extend(units.map(|unit| (unit.input_key, unit.action)));
        }
        drop(read);
        self.recorded = recorded;
        Ok(())
    }

    /// Finds the actions of the results that are kept, if anything depends on them.
    async fn read_actions(&mut self, agent: &Arc<Agent>) -> Result<(), AgentError> {
        let mut pointers = self.of_kind(Kind::Indexes).chain(self.of_kind(Kind::Lists));
        if !pointers.any(|object| self.is_old(object)) {
            return Ok(());
        }
        drop(pointers);
        let kept = self.of_kind(Kind::Results).filter(|object| self.is_kept(object));
        let keys: Vec<Digest> = kept.filter_map(|object| key(&object.name)).collect();
        let actions = self.actions_of(agent, keys).await?;
        self.actions.extend(actions);
        Ok(())
    }

    /// Finds the actions of results that were uploaded since the objects were listed.
    async fn read_new_results(&mut self, agent: &Arc<Agent>) -> Result<(), AgentError> {
        if !self.of_kind(Kind::Indexes).chain(self.of_kind(Kind::Lists)).any(|object| !self.is_kept(object)) {
            return Ok(());
        }
        let known: HashSet<&str> = self.of_kind(Kind::Results).map(|object| object.name.as_str()).collect();
        let listed = self.level.storage.list(&format::packs_folder()).await?;
        let new = listed.iter().filter(|object| !known.contains(object.name.as_str()));
        let keys = new.filter_map(|object| key(&object.name)).collect();
        let actions = self.actions_of(agent, keys).await?;
        self.actions.extend(actions);
        Ok(())
    }

    /// The actions of results: of recorded ones by the record, of others by their headers. An invalid result has none.
    async fn actions_of(&self, agent: &Arc<Agent>, keys: Vec<Digest>) -> Result<Vec<Digest>, AgentError> {
        let mut actions = Vec::new();
        let mut unrecorded = Vec::new();
        for key in keys {
            match self.recorded.get(&key) {
                Some(action) => actions.push(*action),
                None => unrecorded.push(key),
            }
        }
        // Whoever signed a result, its action is in use.
        let anyone = Trust::default();
        let bar = contents::progress("read headers", unrecorded.len());
        let read = unrecorded.iter().map(|key| agent.pack_header(&self.level, key, &anyone));
        let mut read = stream::iter(read).buffer_unordered(CONCURRENCY);
        while let Some(header) = read.next().await {
            bar.inc(1);
            match header {
                Ok(header) => actions.extend(header.ok().flatten().map(|header| header.action)),
                Err(StorageError::NotFound) => {}
                Err(e) => return Err(e.into()),
            }
        }
        bar.finish_and_clear();
        Ok(actions)
    }

    /// The report of a collection that has deleted nothing so far.
    fn report(&self, older_than: Duration, dry_run: bool) -> Collected {
        Collected {
            level: self.level.name.clone(),
            address: self.level.remote.shown(),
            prefix: self.level.remote.prefix.clone(),
            dry_run,
            older_than_s: older_than.as_secs(),
            kinds: Kind::ALL.iter().map(|kind| (*kind, KindCollected::default())).collect(),
            failed: 0,
            errors: Vec::new(),
        }
    }

    /// Deletes the objects of a kind that are not kept.
    async fn delete(&self, kind: Kind, collected: &mut Collected, bar: &ProgressBar) {
        let dry_run = collected.dry_run;
        let sums = collected.kinds.entry(kind).or_default();
        let (mut failed, mut errors) = (0, std::mem::take(&mut collected.errors));
        let work = self.of_kind(kind).map(|object| async move {
            let deleted = match self.is_kept(object) {
                true => Ok(false),
                false if dry_run => Ok(true),
                false => self.delete_if_still_old(object).await,
            };
            (object, deleted)
        });
        let mut work = stream::iter(work).buffer_unordered(CONCURRENCY);
        while errors.len() < MAX_ERRORS
            && let Some((object, deleted)) = work.next().await
        {
            bar.inc(1);
            let sum = Sum { objects: 1, bytes: object.size };
            match deleted {
                Ok(true) => sums.deleted.add(sum),
                Ok(false) => sums.kept.add(sum),
                Err(e) => {
                    failed += 1;
                    errors.push(format!("{}: {e}", object.name));
                    sums.kept.add(sum);
                }
            }
            if self.is_old(object) && self.is_kept(object) {
                sums.in_use.add(sum);
            }
        }
        collected.failed += failed;
        collected.errors = errors;
    }

    /// Deletes an object, unless it was written again since it was listed. Returns whether it is gone.
    async fn delete_if_still_old(&self, object: &Listed) -> Result<bool, StorageError> {
        match self.level.storage.modified(&object.name).await {
            Err(StorageError::NotFound) => return Ok(true),
            Ok(Some(at)) if at < self.cutoff => {}
            Ok(_) => return Ok(false),
            Err(e) => return Err(e),
        }
        self.level.storage.delete(&object.name).await?;
        Ok(true)
    }
}

/// The key that the name of an object ends with.
fn key(name: &str) -> Option<Digest> {
    Digest::from_hex(name.rsplit('/').next()?)
}

/// The action of an index (`v2/index/ab/<action>`) or a list (`v2/lists/ab/<action>/<list>`).
fn action(name: &str) -> Option<Digest> {
    Digest::from_hex(name.split('/').nth(3)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fetch, pack, runtime, service};
    use kache_core::remote::client::AgentConfig;
    use kache_core::remote::format::{Header, PACK_MAGIC, SignedList};
    use kache_core::remote::{Levels, Remote};
    use std::path::Path;

    const DAY: Duration = Duration::from_secs(86_400);

    fn agent(dir: &Path) -> Arc<Agent> {
        let url = format!("file://{}/remote", dir.display());
        let remote = Remote { timeout: DAY, ..service::tests::remote(&url) };
        let levels = Levels::new(vec![remote]).unwrap();
        let cache = dir.join("cache");
        Agent::new(AgentConfig { levels, cache, max_bytes: u64::MAX, idle: Duration::ZERO }).unwrap()
    }

    fn action() -> Digest {
        Digest::of(b"action")
    }

    /// A pack of the action, without outputs, under its name.
    fn pack() -> (String, Vec<u8>) {
        let header = Header { action: action(), key: action(), blobs: Vec::new(), ..fetch::tests::header(0) };
        let name = format::pack_name(&format::recorded_input_key(&header.action, &header.set));
        let header = pack::compress(&header.encode()).unwrap();
        let length = (header.len() as u32).to_le_bytes();
        (name, [PACK_MAGIC, &length[..], &header, &[0, 0], &pack::compress(b"").unwrap()].concat())
    }

    /// A plan for a remote that had an index and a list of the action, both old, when it was listed.
    async fn plan(agent: &Arc<Agent>, dir: &Path) -> Plan {
        let level = agent.writer().unwrap().clone();
        let list = SignedList { list: vec![1], signature: Vec::new() };
        for name in [format::index_name(&action()), format::list_name(&action(), &list)] {
            level.storage.write(&name, vec![1]).await.unwrap();
            let file = std::fs::File::options().write(true).open(dir.join("remote/p").join(name)).unwrap();
            file.set_modified(SystemTime::now() - DAY * 40).unwrap();
        }
        let objects = contents::objects(&level).await.unwrap();
        let cutoff = SystemTime::now() - DAY * 30;
        Plan { level, cutoff, objects, recorded: HashMap::new(), actions: HashSet::new() }
    }

    async fn deleted(plan: &Plan, kind: Kind) -> (u64, u64) {
        let mut collected = plan.report(DAY, false);
        plan.delete(kind, &mut collected, &ProgressBar::hidden()).await;
        assert_eq!(collected.errors, Vec::<String>::new());
        (collected.kinds[&kind].deleted.objects, collected.kinds[&kind].kept.objects)
    }

    #[test]
    fn an_object_that_was_written_again_after_the_listing_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let agent = agent(dir.path());
        runtime().unwrap().block_on(async {
            let plan = plan(&agent, dir.path()).await;
            plan.level.storage.write(&format::index_name(&action()), vec![2]).await.unwrap();
            assert_eq!(deleted(&plan, Kind::Indexes).await, (0, 1));
            assert_eq!(deleted(&plan, Kind::Lists).await, (1, 0));
        });
    }

    #[test]
    fn a_result_that_was_uploaded_after_the_listing_keeps_what_leads_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let agent = agent(dir.path());
        runtime().unwrap().block_on(async {
            let mut plan = plan(&agent, dir.path()).await;
            plan.read_actions(&agent).await.unwrap();
            assert!(plan.objects.iter().all(|object| !plan.is_kept(object)));
            let (name, bytes) = pack();
            plan.level.storage.write(&name, bytes).await.unwrap();
            plan.read_new_results(&agent).await.unwrap();
            assert_eq!(deleted(&plan, Kind::Indexes).await, (0, 1));
            assert_eq!(deleted(&plan, Kind::Lists).await, (0, 1));
        });
    }
}
