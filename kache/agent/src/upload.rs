//! Uploading: the agent uploads queued results in the background, first the pack, then the list that leads to it.

use crate::error::StorageError;
use crate::level::Level;
use crate::trust::{Statement, Trust};
use crate::{Agent, locked, pack};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kache_core::digest::Digest;
use kache_core::remote::format::{
    self, BuildUnit, Header, InvalidObject, MAX_LISTS, SignedList, encode_list,
};
use kache_core::remote::queue::{Queue, QueuedUpload};
use kache_core::store::manifest::{Entry, Manifest};
use kache_core::store::result::ActionResult;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The maximum number of simultaneous uploads.
const CONCURRENCY: usize = 4;
/// When a new list is checked again: longer than a writer takes from reading an index to writing it.
const SETTLE_TIME: Duration = Duration::from_secs(1);
/// How often a list is written again that other writers overwrote.
const MAX_ATTEMPTS: u32 = 8;

/// The outcome of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    Uploaded,
    /// The remote had the result.
    AlreadyPresent,
    /// The local store no longer has the result.
    Evicted,
    /// Another machine made the result, and this one signs only its own.
    NotOwn,
}

/// A list that was added to an index, to be checked again.
pub struct ListCheck {
    action: Digest,
    list: SignedList,
    due: Instant,
    attempts: u32,
}

/// The outcome of uploading the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadRound {
    pub uploaded: u64,
    pub remaining: u64,
    pub errors: Vec<String>,
}

fn compressed_index(action: &Digest, lists: &[SignedList]) -> Result<Vec<u8>, StorageError> {
    pack::compress(&format::encode_index(action, lists)).map_err(|e| StorageError::Failed(e.to_string()))
}

/// An index with a new list at its beginning. If it is full, the oldest list leaves it, but an unsigned list replaces no signed
/// one: then it is `None`.
fn with_first(own: &SignedList, mut lists: Vec<SignedList>) -> Option<Vec<SignedList>> {
    if lists.len() >= MAX_LISTS {
        let is_unsigned = |list: &SignedList| list.signature.is_empty();
        let oldest = match is_unsigned(own) {
            true => lists.iter().rposition(is_unsigned)?,
            false => lists.iter().rposition(is_unsigned).unwrap_or(lists.len() - 1),
        };
        lists.remove(oldest);
    }
    lists.insert(0, own.clone());
    lists.truncate(MAX_LISTS);
    Some(lists)
}

/// An index with missing lists appended, so that they replace none of its lists. `None` if that changes nothing.
fn with_orphaned(mut lists: Vec<SignedList>, orphaned: Vec<SignedList>) -> Option<Vec<SignedList>> {
    let before = lists.len();
    for list in orphaned {
        if lists.len() < MAX_LISTS && !lists.contains(&list) {
            lists.push(list);
        }
    }
    (lists.len() > before).then_some(lists)
}

impl Agent {
    /// Uploads a stored result.
    pub async fn publish(
        self: &Arc<Self>,
        action: &Digest,
        result: &Digest,
    ) -> Result<(UploadOutcome, Option<BuildUnit>), StorageError> {
        let to = self.writer()?;
        let entry = Manifest::load(&self.store, action)
            .and_then(|m| m.entries.into_iter().find(|e| e.result == *result));
        let Some(entry) = entry else { return Ok((UploadOutcome::Evicted, None)) };
        if to.trust.signs() && self.is_fetched(result) {
            return Ok((UploadOutcome::NotOwn, None));
        }
        let input_key = format::recorded_input_key(action, &entry.dependencies);
        let is_present = !to.is_known_empty(action) && self.has_valid_pack(to, &input_key).await?;
        let outcome = match is_present {
            true => UploadOutcome::AlreadyPresent,
            false => match self.upload_pack(to, action, &entry, &input_key).await {
                Err(e) => self.unless_present(to, &input_key, e).await?,
                uploaded => uploaded?,
            },
        };
        if outcome == UploadOutcome::Evicted {
            return Ok((outcome, None));
        }
        let list = encode_list(entry.dependencies.iter().map(|recorded| &recorded.dependency));
        let signature = to.trust.sign(Statement::List(action, &list));
        self.add_list(to, action, SignedList { list, signature }, false).await?;
        Ok((outcome, Some(BuildUnit { action: *action, input_key, result: *result })))
    }

    /// What a failed upload means: a service that never replaces an object refuses one that it has.
    async fn unless_present(
        &self,
        level: &Level,
        input_key: &Digest,
        error: StorageError,
    ) -> Result<UploadOutcome, StorageError> {
        match !level.storage.can_overwrite() && self.has_valid_pack(level, input_key).await? {
            true => Ok(UploadOutcome::AlreadyPresent),
            false => Err(error),
        }
    }

    /// Whether the remote has a pack with a valid header. Reads only the header.
    pub async fn has_valid_pack(&self, level: &Level, input_key: &Digest) -> Result<bool, StorageError> {
        if self.quarantined(level, input_key).is_some() {
            return Ok(false);
        }
        match self.pack_header(level, input_key, &level.trust).await {
            Ok(header) => Ok(matches!(header, Ok(Some(_)))),
            Err(StorageError::NotFound) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The header of a pack in the remote, if it is trusted; `None` if the pack is truncated.
    pub async fn pack_header(
        &self,
        level: &Level,
        input_key: &Digest,
        trust: &Trust,
    ) -> Result<Result<Option<Header>, InvalidObject>, StorageError> {
        let mut body = level.storage.open_object(&format::pack_name(input_key)).await?;
        let mut start = Vec::new();
        while let Some(piece) = body.next().await? {
            start.extend(piece.to_vec());
            match pack::read_header(&start, input_key, trust) {
                Ok(None) => {}
                read => return Ok(read.map(|found| found.map(|(header, _)| header))),
            }
        }
        Ok(Ok(None))
    }

    async fn upload_pack(
        self: &Arc<Self>,
        to: &Arc<Level>,
        action: &Digest,
        entry: &Entry,
        input_key: &Digest,
    ) -> Result<UploadOutcome, StorageError> {
        let local = |e: std::io::Error| StorageError::Failed(format!("cannot pack the result: {e}"));
        let (agent, level, key, stored) = (self.clone(), to.clone(), *action, entry.clone());
        let pack = move || pack::pack(&agent.store, &level.trust, &key, &stored);
        let packed = pack::run_in_background(pack).await.and_then(|packed| packed).map_err(local)?;
        let Some(packed) = packed else { return Ok(UploadOutcome::Evicted) };
        to.storage.write_file(&format::pack_name(input_key), &packed).await?;
        // The upload replaced an invalid pack.
        locked(&to.quarantined).remove(input_key);
        Ok(UploadOutcome::Uploaded)
    }

    /// Adds a list to the index of an action.
    pub async fn add_list(
        &self,
        level: &Level,
        action: &Digest,
        list: SignedList,
        fresh: bool,
    ) -> Result<(), StorageError> {
        let was_written = self.write_list(level, action, &list, fresh).await?;
        // If the service cannot list objects, only a second look shows that another writer overwrote the index.
        if was_written && !level.storage.can_list() && level.storage.can_overwrite() {
            let check = ListCheck { action: *action, list, due: Instant::now() + SETTLE_TIME, attempts: 0 };
            locked(&self.list_checks).push(check);
        }
        Ok(())
    }

    /// Adds a list to the index of an action. Returns whether the index had to be written.
    async fn write_list(
        &self,
        level: &Level,
        action: &Digest,
        own: &SignedList,
        fresh: bool,
    ) -> Result<bool, StorageError> {
        let is_known = |lists: &[SignedList]| lists.iter().any(|known| known.list == own.list);
        let (mut lists, _) = self.lists(level, action, fresh).await?;
        if !fresh && !is_known(&lists) && level.storage.can_overwrite() {
            // The new index must contain the lists of the current one, not of a cached one.
            (lists, _) = self.lists(level, action, true).await?;
        }
        if is_known(&lists) || !lists.is_empty() && !level.storage.can_overwrite() {
            return Ok(false);
        }
        if level.storage.can_list() {
            let bytes = compressed_index(action, std::slice::from_ref(own))?;
            level.storage.write(&format::list_name(action, own), bytes).await?;
        }
        let Some(lists) = with_first(own, lists) else { return Ok(false) };
        match self.write_index(level, action, lists).await {
            Ok(()) => Ok(true),
            // Another writer was first, if the service never replaces an object.
            Err(e) if level.storage.can_overwrite() => Err(e),
            Err(e) => match self.lists(level, action, true).await?.0.is_empty() {
                true => Err(e),
                false => Ok(false),
            },
        }
    }

    async fn write_index(
        &self,
        level: &Level,
        action: &Digest,
        lists: Vec<SignedList>,
    ) -> Result<(), StorageError> {
        level.storage.write(&format::index_name(action), compressed_index(action, &lists)?).await?;
        locked(&level.lists).insert(*action, (Instant::now(), lists));
        Ok(())
    }

    /// Adds lists to the index that other writers overwrote there.
    pub fn restore_to_index(self: &Arc<Self>, level: &Arc<Level>, action: Digest, orphaned: Vec<SignedList>) {
        if orphaned.is_empty() || !level.storage.can_write() {
            return;
        }
        let (agent, level) = (self.clone(), level.clone());
        tokio::spawn(async move {
            let Ok((lists, _)) = agent.lists(&level, &action, true).await else { return };
            if let Some(lists) = with_orphaned(lists, orphaned) {
                // After an error the next reader finds the orphaned lists again.
                let _ = agent.write_index(&level, &action, lists).await;
            }
        });
    }

    /// Checks the lists that are due. Returns how many checks are still to be made.
    pub async fn check_lists(&self) -> usize {
        let Ok(level) = self.writer() else { return 0 };
        let now = Instant::now();
        let due: Vec<ListCheck> =
            locked(&self.list_checks).extract_if(.., |check| check.due <= now).collect();
        for mut check in due {
            match self.write_list(level, &check.action, &check.list, true).await {
                Ok(false) => {}
                // Another writer wrote at the same time. The writers try again after different times.
                Ok(true) | Err(StorageError::Failed(_)) if check.attempts < MAX_ATTEMPTS => {
                    check.attempts += 1;
                    let jitter = u64::from(std::process::id() ^ check.attempts) % 1000;
                    check.due = Instant::now() + SETTLE_TIME + Duration::from_millis(jitter);
                    locked(&self.list_checks).push(check);
                }
                _ => {}
            }
        }
        locked(&self.list_checks).len()
    }

    /// Waits until every new list was checked, and is in its index.
    pub async fn settle_lists(&self) {
        while self.check_lists().await > 0 {
            tokio::time::sleep(SETTLE_TIME / 10).await;
        }
    }

    /// Whether another machine made a result.
    pub fn is_fetched(&self, result: &Digest) -> bool {
        ActionResult::load(&self.store, result).is_some_and(|result| result.fetched)
    }

    /// The pending uploads.
    pub fn queued(&self) -> Vec<(PathBuf, QueuedUpload)> {
        self.queue.as_ref().map_or_else(Vec::new, Queue::all)
    }

    /// Uploads the queue. One round runs at a time.
    pub async fn upload_queue(self: &Arc<Self>, progress: impl Fn(u64, u64)) -> UploadRound {
        let _one = self.upload_round.lock().await;
        let mut queue = self.queued().into_iter();
        let mut round = UploadRound { remaining: queue.len() as u64, ..UploadRound::default() };
        let mut running = FuturesUnordered::new();
        loop {
            // After an error the other uploads would fail, too.
            while round.errors.is_empty() && running.len() < CONCURRENCY {
                let Some((path, upload)) = queue.next() else { break };
                running.push(self.upload(path, upload));
            }
            let Some(outcome) = running.next().await else { break };
            match outcome {
                Ok(outcome) => {
                    let gone = matches!(outcome, UploadOutcome::Evicted | UploadOutcome::NotOwn);
                    round.uploaded += u64::from(!gone);
                    round.remaining -= 1;
                }
                Err(e) => round.errors.push(e.to_string()),
            }
            progress(round.uploaded, round.remaining);
        }
        if let Some(metrics) = self.metrics.get() {
            metrics.uploaded(round.uploaded, round.errors.len() as u64);
        }
        round.errors.dedup();
        round
    }

    async fn upload(
        self: &Arc<Self>,
        path: PathBuf,
        upload: QueuedUpload,
    ) -> Result<UploadOutcome, StorageError> {
        let (outcome, unit) = self.publish(&upload.action, &upload.result).await?;
        if let Some(unit) = unit {
            self.session(&upload.workspace).add(unit);
            locked(&self.changed).insert(upload.workspace);
        }
        let _ = std::fs::remove_file(&path);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(n: usize) -> SignedList {
        SignedList { list: vec![n as u8], signature: Vec::new() }
    }

    #[test]
    fn an_unsigned_list_replaces_no_signed_one() {
        let signed = |n: usize| SignedList { signature: vec![1], ..list(n) };
        let full: Vec<_> = (0..MAX_LISTS).map(signed).collect();
        assert_eq!(with_first(&list(99), full.clone()), None);
        let newer = with_first(&signed(99), full.clone()).unwrap();
        assert_eq!(
            (newer.len(), &newer[0], newer.last()),
            (MAX_LISTS, &signed(99), Some(&signed(MAX_LISTS - 2)))
        );
        let mut mixed = full;
        mixed[3] = list(3);
        for own in [list(99), signed(99)] {
            let lists = with_first(&own, mixed.clone()).unwrap();
            assert!(lists.len() == MAX_LISTS && !lists.contains(&list(3)) && lists[0] == own);
        }
        assert_eq!(with_first(&list(9), vec![signed(0)]), Some(vec![list(9), signed(0)]));
    }

    #[test]
    fn orphaned_lists_are_appended_up_to_the_maximum() {
        let lists = |n| (0..n).map(list).collect::<Vec<_>>();
        assert_eq!(with_orphaned(lists(2), vec![list(9)]), Some(vec![list(0), list(1), list(9)]));
        assert_eq!(with_orphaned(lists(2), vec![list(1), list(0)]), None);
        assert_eq!(with_orphaned(lists(MAX_LISTS), vec![list(99)]), None);
        let full = with_orphaned(lists(MAX_LISTS - 1), vec![list(98), list(99)]).unwrap();
        assert_eq!((full.len(), full.last()), (MAX_LISTS, Some(&list(98))));
    }
}
