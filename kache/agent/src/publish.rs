//! Uploading: results that wait in the queue go up in the background, the pack first, then the list that leads to it.

use super::Agent;
use super::pack;
use super::storage::Fault;
use super::trust::Statement;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kache_core::digest::Digest;
use kache_core::remote::format::{self, LISTS, Signed, Used, encode_looks};
use kache_core::store::manifest::{Entry, Manifest};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many go up at once.
const AT_ONCE: usize = 4;
/// After how long it is looked whether a list is still there: longer than a writer takes from reading to writing.
const SETTLED: Duration = Duration::from_secs(1);
/// How often a list is added again that others overwrote.
const TRIES: u32 = 8;

/// What came of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the remote now.
    Uploaded,
    /// It was there.
    Known,
    /// It is not in the local store any more.
    Gone,
}

/// A list that was written, to be looked at again.
pub struct Check {
    action: Digest,
    list: Vec<u8>,
    due: Instant,
    tries: u32,
}

/// How a round went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Uploaded.
    pub done: u64,
    /// Still waiting.
    pub left: u64,
    /// Why.
    pub troubles: Vec<String>,
}

fn packed(action: &Digest, lists: &[Signed]) -> Result<Vec<u8>, Fault> {
    pack::compress(&format::encode_lists(action, lists)).map_err(|e| Fault::Failed(e.to_string()))
}

impl Agent {
    /// Uploads a stored result.
    pub async fn publish(
        self: &Arc<Self>,
        action: &Digest,
        result: &Digest,
    ) -> Result<(Sent, Option<Used>), Fault> {
        if !self.storage.writes() {
            return Err(Fault::ReadOnly);
        }
        let entry = Manifest::load(&self.store, action)
            .and_then(|m| m.entries.into_iter().find(|e| e.result == *result));
        let Some(entry) = entry else { return Ok((Sent::Gone, None)) };
        let state = format::state_of(action, &entry.dependencies);
        let used = Used { action: *action, state, result: *result };
        let sent = match self.is_there(&state).await? {
            true => Sent::Known,
            false => self.send_pack(action, &entry, &state).await?,
        };
        if sent != Sent::Gone {
            let list = encode_looks(entry.dependencies.iter().map(|o| &o.dependency));
            // Where nothing can be listed, one that is overwritten is found by looking again.
            if self.add_list(action, &list, false).await? && !self.storage.lists() {
                self.check_later(Check { action: *action, list, due: Instant::now() + SETTLED, tries: 0 });
            }
        }
        Ok((sent, (sent != Sent::Gone).then_some(used)))
    }

    /// Whether a pack is in the remote that readers will believe: its head is read, and no more.
    pub async fn is_there(self: &Arc<Self>, state: &Digest) -> Result<bool, Fault> {
        if self.refused().contains_key(state) {
            return Ok(false);
        }
        let mut body = match self.storage.open_object(&format::pack_name(state)).await {
            Ok(body) => body,
            Err(Fault::Absent) => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let mut first = Vec::new();
        while let Some(piece) = body.next().await? {
            first.extend(piece.to_vec());
            match pack::head(&first, state, &self.trust) {
                Err(_) => return Ok(false),
                Ok(Some(_)) => return Ok(true),
                Ok(None) => {}
            }
        }
        Ok(false)
    }

    async fn send_pack(
        self: &Arc<Self>,
        action: &Digest,
        entry: &Entry,
        state: &Digest,
    ) -> Result<Sent, Fault> {
        let here = |e: std::io::Error| Fault::Failed(format!("it cannot be packed: {e}"));
        let (agent, of, what) = (self.clone(), *action, entry.clone());
        let packed = pack::behind(move || pack::pack(&agent.store, &agent.trust, &of, &what)).await;
        let Some(packed) = packed.and_then(|packed| packed).map_err(here)? else { return Ok(Sent::Gone) };
        self.storage.write_file(&format::pack_name(state), &packed.path).await?;
        // One that was wrong is right now.
        self.refused().remove(state);
        Ok(Sent::Uploaded)
    }

    /// Adds a list to those of an action; whether anything had to be written.
    async fn add_list(self: &Arc<Self>, action: &Digest, list: &[u8], fresh: bool) -> Result<bool, Fault> {
        let (lists, _) = self.lists(action, fresh).await?;
        if lists.iter().any(|known| known.list == list) {
            return Ok(false);
        }
        // What is written is what is there now, not what was a while ago.
        let (mut lists, _) = if fresh { (lists, None) } else { self.lists(action, true).await? };
        if lists.iter().any(|known| known.list == list) {
            return Ok(false);
        }
        if !lists.is_empty() && !self.storage.replaces() {
            return Ok(false);
        }
        let signature = self.trust.sign(Statement::List(action, list));
        let own = Signed { list: list.to_vec(), signature };
        if self.storage.lists() {
            let bytes = packed(action, std::slice::from_ref(&own))?;
            self.storage.write(&format::list_name(action, &own), bytes).await?;
        }
        lists.insert(0, own);
        self.write_index(action, lists).await?;
        Ok(true)
    }

    async fn write_index(self: &Arc<Self>, action: &Digest, mut lists: Vec<Signed>) -> Result<(), Fault> {
        lists.truncate(LISTS);
        self.storage.write(&format::looks_name(action), packed(action, &lists)?).await?;
        self.known_lists().insert(*action, (Instant::now(), lists));
        Ok(())
    }

    /// Puts lists back into the index that others overwrote there. They come last, so that none that is there has to go for them.
    pub fn take_back(self: &Arc<Self>, action: Digest, strays: Vec<Signed>) {
        if !self.storage.writes() {
            return;
        }
        let agent = self.clone();
        tokio::spawn(async move {
            let Ok((mut lists, _)) = agent.lists(&action, true).await else { return };
            let before = lists.len();
            lists.extend(strays.into_iter().filter(|stray| !lists.contains(stray)).collect::<Vec<_>>());
            if before < LISTS.min(lists.len()) {
                // Whoever comes next finds them as this one did.
                let _ = agent.write_index(&action, lists).await;
            }
        });
    }

    fn check_later(&self, check: Check) {
        self.checks().push(check);
    }

    /// Looks again at lists that were written a while ago; how many are still to be looked at.
    pub async fn check_lists(self: &Arc<Self>) -> usize {
        let now = Instant::now();
        let due: Vec<Check> = self.checks().extract_if(.., |check| check.due <= now).collect();
        for mut check in due {
            match self.add_list(&check.action, &check.list, true).await {
                Ok(false) => {}
                // Somebody wrote at the same time. Those who add again do so at different times.
                Ok(true) | Err(Fault::Failed(_)) if check.tries < TRIES => {
                    check.tries += 1;
                    let apart = u64::from(std::process::id() ^ check.tries) % 1000;
                    check.due = Instant::now() + SETTLED + Duration::from_millis(apart);
                    self.check_later(check);
                }
                _ => {}
            }
        }
        self.checks().len()
    }

    /// Waits until every list that was written was looked at again, and is there.
    pub async fn settle_lists(self: &Arc<Self>) {
        while self.check_lists().await > 0 {
            tokio::time::sleep(SETTLED / 10).await;
        }
    }

    /// Uploads what waits. One round at a time.
    pub async fn round(self: &Arc<Self>, tell: impl Fn(u64, u64)) -> Round {
        let _one = self.rounds.lock().await;
        let mut waiting = self.queue.all().into_iter();
        let mut left = waiting.len() as u64;
        let mut round = Round::default();
        let mut going = FuturesUnordered::new();
        let mut troubled = false;
        loop {
            // The rest has the same trouble: it is not asked for each.
            while !troubled && going.len() < AT_ONCE {
                let Some((path, waiting)) = waiting.next() else { break };
                going.push(self.upload(path, waiting));
            }
            let Some(sent) = going.next().await else { break };
            match sent {
                Ok(sent) => {
                    round.done += u64::from(sent != Sent::Gone);
                    left -= 1;
                    self.uploaded();
                }
                Err(why) => {
                    troubled = true;
                    round.troubles.push(why);
                }
            }
            tell(round.done, left);
        }
        round.left = left;
        round.troubles.dedup();
        round
    }

    async fn upload(
        self: &Arc<Self>,
        path: PathBuf,
        waiting: kache_core::remote::queue::Waiting,
    ) -> Result<Sent, String> {
        match self.publish(&waiting.action, &waiting.result).await {
            Ok((sent, used)) => {
                if let Some(used) = used {
                    self.tour(&waiting.place).note(used);
                    self.changed().insert(waiting.place);
                }
                let _ = std::fs::remove_file(&path);
                Ok(sent)
            }
            Err(fault) => Err(fault.to_string()),
        }
    }
}
