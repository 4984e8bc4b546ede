//! Fetching: the lists of an action, and packs into the local store; each once, however many ask.

use super::Agent;
use super::pack::{self, Install};
use super::storage::Fault;
use super::trust::Statement;
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::remote::format::{self, LISTS, Refused, SMALL, Signed, Used};
use kache_core::store::Area;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What came of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is in the local store.
    Here(Used),
    /// It is not.
    Not(Fault),
    /// It is not to be believed.
    Refused(String),
}

/// How far a fetch is.
#[derive(Clone, Debug)]
pub enum Stage {
    /// It was asked for.
    Asked,
    /// It comes, and compiling it took so long.
    Comes(Duration),
    /// It comes, and compiling it takes less: nobody who could compile waits for it.
    Slowly,
    /// It is over.
    Over(Fetched),
}

/// How long lists that were read are as good as read now. Only what others add meanwhile is missed.
const FRESH: Duration = Duration::from_secs(20);
/// Objects kept because they are not what they should be.
const QUARANTINE: usize = 16;

/// What a pack that comes races with.
struct Pace {
    /// Bytes that it holds, unpacked.
    size: u64,
    compile: Duration,
}

impl Pace {
    /// Whether, as fast as it came so far, it cannot be here before a compiler would be done. What zstd leaves of it is not known:
    /// an eighth is less than it leaves of any compiler's output that was seen.
    fn is_hopeless(&self, length: u64, took: Duration) -> bool {
        let in_time = length as f64 * self.compile.as_secs_f64() / took.as_secs_f64();
        in_time < self.size as f64 / 8.0
    }
}

impl Agent {
    /// The lists of an action, those that are to be believed, newest first; with what was wrong with others.
    pub async fn lists(
        self: &Arc<Self>,
        action: &Digest,
        fresh: bool,
    ) -> Result<(Vec<Signed>, Option<String>), Fault> {
        if let Some((at, lists)) = self.known_lists().get(action)
            && !fresh
            && at.elapsed() < FRESH
        {
            return Ok((lists.clone(), None));
        }
        let name = format::looks_name(action);
        let bytes = match self.storage.read(&name, SMALL).await {
            Ok(bytes) => bytes,
            Err(Fault::Absent) => Vec::new(),
            Err(fault) => return Err(fault),
        };
        let (lists, wrong) =
            if bytes.is_empty() { (Vec::new(), None) } else { self.believed(action, &bytes) };
        if let Some(why) = &wrong {
            self.quarantine_bytes(&name, &bytes, why);
        }
        self.known_lists().insert(*action, (Instant::now(), lists.clone()));
        Ok((lists, wrong))
    }

    /// The lists of an action that its index does not have, since another writer overwrote them there. Nothing where
    /// the service cannot say what is in it.
    pub async fn strays(self: &Arc<Self>, action: &Digest) -> Result<Vec<Signed>, Fault> {
        if !self.storage.lists() {
            return Ok(Vec::new());
        }
        let (known, _) = self.lists(action, false).await?;
        let known: Vec<String> = known.iter().map(|one| format::list_name(action, one)).collect();
        let names = self.storage.names(&format::lists_folder(action)).await?;
        let strays = names.into_iter().filter(|name| !known.contains(name)).take(LISTS);
        let read = strays.map(|name| async move { self.stray(action, &name).await });
        let read = futures_util::future::join_all(read).await;
        Ok(read.into_iter().flatten().collect())
    }

    /// One list, if it is what its name says and is to be believed.
    async fn stray(self: &Arc<Self>, action: &Digest, name: &str) -> Option<Signed> {
        let bytes = self.storage.read(name, SMALL).await.ok()?;
        let (lists, wrong) = self.believed(action, &bytes);
        let wrong = match &lists[..] {
            [one] if format::list_name(action, one) == name => return lists.into_iter().next(),
            [] => wrong,
            _ => Some("it belongs to another name".to_string()),
        };
        self.quarantine_bytes(name, &bytes, &wrong.unwrap_or_default());
        None
    }

    fn believed(&self, action: &Digest, bytes: &[u8]) -> (Vec<Signed>, Option<String>) {
        let all = pack::decompress(bytes, SMALL).and_then(|plain| format::decode_lists(&plain, action));
        let all = match all {
            Ok(all) => all,
            Err(why) => return (Vec::new(), Some(why.0)),
        };
        let mut wrong = None;
        let mut lists = Vec::new();
        for one in all.into_iter().take(LISTS) {
            let whole = format::decode_looks(&one.list).ok_or(Refused("a list is torn".into()));
            let signed = || self.trust.check(Statement::List(action, &one.list), &one.signature);
            match whole.and_then(|_| signed()) {
                Ok(()) => lists.push(one),
                Err(why) => wrong = Some(why.0),
            }
        }
        (lists, wrong)
    }

    /// Puts the pack of a state into the local store. Whoever asks for it meanwhile is told by the same channel.
    pub fn fetch(self: &Arc<Self>, state: Digest) -> watch::Receiver<Stage> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&state) {
            // What was here may have been collected since.
            let gone = matches!(&*flight.borrow(), Stage::Over(Fetched::Here(used)) if !self.has(used));
            if !gone {
                return flight.clone();
            }
        }
        let (tell, told) = watch::channel(Stage::Asked);
        flights.insert(state, told.clone());
        drop(flights);
        let agent = self.clone();
        tokio::spawn(async move {
            let known = agent.refused().get(&state).cloned();
            let fetched = match known {
                Some(why) => Fetched::Refused(why),
                None => agent.bring(&state, &tell).await,
            };
            // What is here need not be asked for again; what is not may come.
            if !matches!(fetched, Fetched::Here(_)) {
                agent.flights().remove(&state);
            }
            let _ = tell.send(Stage::Over(fetched));
        });
        told
    }

    /// Fetches, and waits for no longer than compiling would have taken.
    pub async fn fetch_for_now(self: &Arc<Self>, state: Digest) -> Fetched {
        let begun = Instant::now();
        let mut flight = self.fetch(state);
        // Each step has its own deadline; this one is for what was begun by somebody else, and for what comes slowly.
        let mut patience = self.storage.timeout() * 2;
        let slow = || Fetched::Not(Fault::Failed("it comes more slowly than it compiles".into()));
        loop {
            match &*flight.borrow_and_update() {
                Stage::Over(fetched) => return fetched.clone(),
                Stage::Comes(compile) => patience = (self.storage.timeout()).max(*compile),
                Stage::Slowly => return slow(),
                Stage::Asked => {}
            }
            let left = patience.saturating_sub(begun.elapsed());
            match tokio::time::timeout(left, flight.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Fetched::Not(Fault::Failed("the fetch ended without an answer".into())),
                Err(_) => return slow(),
            }
        }
    }

    async fn bring(self: &Arc<Self>, state: &Digest, tell: &watch::Sender<Stage>) -> Fetched {
        let name = format::pack_name(state);
        let path = self.store.temporary();
        let fetched = match self.download(state, &name, &path, tell).await {
            Err(fault) => Fetched::Not(fault),
            Ok(Some(why)) => self.refuse(state, &name, &path, why),
            Ok(None) => self.settle(state, &name, &path).await,
        };
        let _ = std::fs::remove_file(&path);
        fetched
    }

    /// Reads an object into a file. What is wrong with it already at its head ends it.
    async fn download(
        self: &Arc<Self>,
        state: &Digest,
        name: &str,
        path: &Path,
        tell: &watch::Sender<Stage>,
    ) -> Result<Option<String>, Fault> {
        let mut body = self.storage.open_object(name).await?;
        let here = |e: std::io::Error| Fault::Failed(format!("{}: {e}", path.display()));
        let mut file = std::fs::File::create_new(path).map_err(here)?;
        let (mut first, mut most) = (Vec::new(), None);
        let (mut length, begun) = (0u64, Instant::now());
        let mut pace = None;
        while let Some(piece) = body.next().await? {
            for bytes in piece {
                file.write_all(&bytes).map_err(here)?;
                length += bytes.len() as u64;
                if most.is_none() {
                    first.extend(&bytes);
                }
            }
            if most.is_none() {
                match pack::head(&first, state, &self.trust) {
                    Err(why) => return Ok(Some(why.0)),
                    Ok(None) if first.len() > SMALL + 4096 => {
                        return Ok(Some("its header is too long".into()));
                    }
                    Ok(None) => {}
                    Ok(Some((header, at))) => {
                        // What zstd cannot make smaller, it makes larger by a few bytes for each block.
                        most = Some(at as u64 + header.size() + header.size() / 128 + 4096);
                        first = Vec::new();
                        let compile = Duration::from_micros(header.result.compile_us);
                        pace = Some(Pace { size: header.size(), compile });
                        let _ = tell.send(Stage::Comes(compile));
                    }
                }
            }
            if most.is_some_and(|most| length > most) {
                return Ok(Some("it is longer than it says".into()));
            }
            let took = begun.elapsed();
            let hopeless = |pace: &mut Pace| took > self.storage.timeout() && pace.is_hopeless(length, took);
            if pace.take_if(hopeless).is_some() {
                let _ = tell.send(Stage::Slowly);
            }
        }
        Ok(None)
    }

    async fn settle(self: &Arc<Self>, state: &Digest, name: &str, path: &Path) -> Fetched {
        let (agent, key, file) = (self.clone(), *state, path.to_path_buf());
        let install = move || pack::install(&agent.store, &agent.trust, &key, &file);
        let installed = tokio::task::spawn_blocking(install).await;
        match installed {
            Ok(Ok(Install::Done(header, bytes))) => {
                self.grew(bytes);
                Fetched::Here(Used { action: header.action, state: *state, result: header.key })
            }
            Ok(Ok(Install::Refused(why))) => self.refuse(state, name, path, why.0),
            Ok(Err(e)) => Fetched::Not(Fault::Failed(format!("it cannot be stored here: {e}"))),
            Err(e) => Fetched::Not(Fault::Failed(format!("storing it ended badly: {e}"))),
        }
    }

    fn refuse(&self, state: &Digest, name: &str, path: &Path, why: String) -> Fetched {
        let why = format!("{name}: {why}");
        if let Some(place) = self.quarantine_place(name) {
            let _ = std::fs::rename(path, place);
        }
        self.log(&format!("refused {why}"));
        self.refused().insert(*state, why.clone());
        Fetched::Refused(why)
    }

    fn quarantine_bytes(&self, name: &str, bytes: &[u8], why: &str) {
        if let Some(place) = self.quarantine_place(name) {
            let _ = std::fs::write(place, bytes);
        }
        self.log(&format!("refused {name}: {why}"));
    }

    /// Where to keep something wrong for people to look at; the oldest goes for the newest.
    fn quarantine_place(&self, name: &str) -> Option<PathBuf> {
        let dir = self.store.area(Area::Quarantine);
        platform::make_private_dir(&dir).ok()?;
        let mut old: Vec<_> = std::fs::read_dir(&dir)
            .ok()?
            .flatten()
            .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
            .collect();
        old.sort();
        for (_, path) in old.iter().rev().skip(QUARANTINE - 1) {
            let _ = std::fs::remove_file(path);
        }
        Some(dir.join(name.replace('/', "-")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_slowly_is_known_before_it_is_late() {
        let pace = Pace { size: 8_000_000, compile: Duration::from_secs(20) };
        // In 20 s at this pace 40 kB, and it is a megabyte at the least.
        assert!(pace.is_hopeless(2_000, Duration::from_secs(1)));
        assert!(!pace.is_hopeless(60_000, Duration::from_secs(1)));
    }
}
