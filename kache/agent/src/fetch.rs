//! Fetching: the lists of an action, and packs into the local store. All requests for an object share one fetch.

use crate::error::{InstallError, StorageError};
use crate::level::Level;
use crate::trust::Statement;
use crate::{Agent, locked, pack};
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::remote::format::{
    self, BuildUnit, Header, InvalidObject, MAX_LISTS, MAX_METADATA, SignedList,
};
use kache_core::store::Area;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempPath;
use tokio::sync::watch;

/// The outcome of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchOutcome {
    /// The result is in the local store. A level of this name had it.
    Stored(BuildUnit, String),
    Failed(StorageError),
    /// The pack is invalid and was quarantined.
    Invalid(String),
}

#[derive(Clone, Debug)]
pub enum FetchState {
    Requested,
    /// The pack is being downloaded. Compiling its result took this long.
    Downloading(Duration),
    /// The download takes longer than compiling: wrappers do not wait for it.
    TooSlow,
    Done(FetchOutcome),
}

/// How long lists stay valid in memory. Only lists that other machines add in the meantime are missed.
const LISTS_TTL: Duration = Duration::from_secs(20);
/// The maximum number of quarantined objects.
const MAX_QUARANTINED: usize = 16;

/// The progress of a download, compared with compiling.
struct Pace {
    /// The size of the blobs, decompressed.
    size: u64,
    compile_time: Duration,
}

impl Pace {
    /// Whether a compiler would finish before the download. The compressed size is unknown: this assumes an eighth,
    /// which is less than any compiler output measured.
    fn is_too_slow(&self, downloaded: u64, elapsed: Duration) -> bool {
        let by_then = downloaded as f64 * self.compile_time.as_secs_f64() / elapsed.as_secs_f64();
        by_then < self.size as f64 / 8.0
    }
}

/// A download in progress: decides on the first pieces whether the pack is valid, and bounds its length.
#[derive(Default)]
struct Download {
    /// The bytes so far, until they contain the whole header.
    start: Vec<u8>,
    downloaded: u64,
    /// The maximum length of the pack, by its header.
    max_length: Option<u64>,
}

impl Download {
    /// Adds a piece. Returns the header when it becomes complete.
    fn add(
        &mut self,
        piece: &[u8],
        read_header: impl Fn(&[u8]) -> Result<Option<(Header, usize)>, InvalidObject>,
    ) -> Result<Option<Header>, InvalidObject> {
        self.downloaded += piece.len() as u64;
        let mut found = None;
        if self.max_length.is_none() {
            self.start.extend(piece);
            match read_header(&self.start)? {
                Some((header, length)) => {
                    // zstd adds a few bytes for each block of incompressible data.
                    self.max_length = Some(length as u64 + header.size() + header.size() / 128 + 4096);
                    self.start = Vec::new();
                    found = Some(header);
                }
                None if self.start.len() > MAX_METADATA + 4096 => {
                    return format::invalid("its header is too long");
                }
                None => {}
            }
        }
        match self.max_length {
            Some(max) if self.downloaded > max => format::invalid("it is longer than its header says"),
            _ => Ok(found),
        }
    }
}

/// The outcome of a fetch from one level.
enum Fetched {
    /// The result is in the local store, and its pack still in this file.
    Stored(Header, TempPath),
    Failed(FetchOutcome),
}

/// Adds the lists that are not there yet.
pub fn add_lists(lists: &mut Vec<Vec<u8>>, more: Vec<SignedList>) {
    for SignedList { list, .. } in more {
        if !lists.contains(&list) {
            lists.push(list);
        }
    }
}

impl Agent {
    /// The valid lists of an action in a level, newest first, and the error of an invalid list or index.
    pub async fn lists(
        &self,
        level: &Level,
        action: &Digest,
        fresh: bool,
    ) -> Result<(Vec<SignedList>, Option<String>), StorageError> {
        if let Some((read, lists)) = locked(&level.lists).get(action)
            && !fresh
            && read.elapsed() < LISTS_TTL
        {
            return Ok((lists.clone(), None));
        }
        let name = format::index_name(action);
        let (lists, error) = match level.storage.read(&name, MAX_METADATA).await {
            Ok(bytes) if bytes.is_empty() => (Vec::new(), None),
            Ok(bytes) => {
                let (lists, error) = self.verified_lists(level, action, &bytes);
                if let Some(why) = &error {
                    self.quarantine_bytes(level, &name, &bytes, why);
                }
                (lists, error)
            }
            Err(StorageError::NotFound) => (Vec::new(), None),
            Err(e) => return Err(e),
        };
        locked(&level.lists).insert(*action, (Instant::now(), lists.clone()));
        Ok((lists, error))
    }

    /// The valid lists of an action in all levels, and the error of an invalid list or index. An error only if no level has a
    /// list, and one did not answer.
    pub async fn all_lists(&self, action: &Digest) -> Result<(Vec<Vec<u8>>, Option<String>), StorageError> {
        let ask = |level: Arc<Level>| async move { self.lists(&level, action, false).await.map(Some) };
        let answers = self.ask_all(ask).await;
        let mut lists = Vec::new();
        let mut invalid = None;
        for (found, error) in answers.found {
            invalid = invalid.or(error);
            add_lists(&mut lists, found);
        }
        match answers.error {
            Some(e) if lists.is_empty() => Err(e),
            _ => Ok((lists, invalid)),
        }
    }

    /// The lists of an action that are missing from its index in a level, because another writer overwrote the index. Empty if
    /// the service cannot list objects.
    pub async fn orphaned_lists(
        &self,
        level: &Level,
        action: &Digest,
    ) -> Result<Vec<SignedList>, StorageError> {
        if !level.storage.can_list() {
            return Ok(Vec::new());
        }
        let (known, _) = self.lists(level, action, false).await?;
        let known: Vec<String> = known.iter().map(|list| format::list_name(action, list)).collect();
        let names = level.storage.names(&format::lists_folder(action)).await?;
        let orphaned = names.into_iter().filter(|name| !known.contains(name)).take(MAX_LISTS);
        let read = orphaned.map(|name| async move { self.read_list(level, action, &name).await });
        Ok(futures_util::future::join_all(read).await.into_iter().flatten().collect())
    }

    /// Reads one list, if it is valid.
    async fn read_list(&self, level: &Level, action: &Digest, name: &str) -> Option<SignedList> {
        let bytes = level.storage.read(name, MAX_METADATA).await.ok()?;
        let (lists, error) = self.verified_lists(level, action, &bytes);
        let error = match &lists[..] {
            [list] if format::list_name(action, list) == name => return lists.into_iter().next(),
            [] => error,
            _ => Some("it belongs to another name".to_string()),
        };
        self.quarantine_bytes(level, name, &bytes, &error.unwrap_or_default());
        None
    }

    fn verified_lists(
        &self,
        level: &Level,
        action: &Digest,
        bytes: &[u8],
    ) -> (Vec<SignedList>, Option<String>) {
        let all =
            pack::decompress(bytes, MAX_METADATA).and_then(|bytes| format::decode_index(&bytes, action));
        let all = match all {
            Ok(all) => all,
            Err(e) => return (Vec::new(), Some(e.0)),
        };
        let mut error = None;
        let mut lists = Vec::new();
        for one in all.into_iter().take(MAX_LISTS) {
            let decoded = format::decode_list(&one.list).ok_or(InvalidObject("a list is truncated".into()));
            let check = || level.trust.check(Statement::List(action, &one.list), &one.signature);
            match decoded.and_then(|_| check()) {
                Ok(()) => lists.push(one),
                Err(e) => error = Some(e.0),
            }
        }
        (lists, error)
    }

    /// Starts to fetch the pack of an input key into the local store, or joins the running fetch.
    pub fn fetch(self: &Arc<Self>, input_key: Digest) -> watch::Receiver<FetchState> {
        let mut in_flight = locked(&self.in_flight);
        if let Some(fetch) = in_flight.get(&input_key) {
            // The result may have been evicted since.
            let evicted = matches!(&*fetch.borrow(), FetchState::Done(FetchOutcome::Stored(unit, _)) if !self.has(unit));
            if !evicted {
                return fetch.clone();
            }
        }
        let (sender, receiver) = watch::channel(FetchState::Requested);
        in_flight.insert(input_key, receiver.clone());
        drop(in_flight);
        let agent = self.clone();
        tokio::spawn(async move {
            let outcome = agent.fetch_pack(&input_key, &sender).await;
            // A success is final; after a failure the next request tries again.
            if !matches!(outcome, FetchOutcome::Stored(..)) {
                locked(&agent.in_flight).remove(&input_key);
            }
            let _ = sender.send(FetchState::Done(outcome));
        });
        receiver
    }

    /// Fetches a pack, but waits no longer than compiling would take.
    pub async fn fetch_in_time(self: &Arc<Self>, input_key: Digest) -> FetchOutcome {
        let start = Instant::now();
        let mut fetch = self.fetch(input_key);
        // Each step of a fetch has a deadline. This one is for fetches that started earlier, and for slow downloads.
        let mut deadline = self.timeouts() * 2;
        let failed = |why: &str| FetchOutcome::Failed(StorageError::Failed(why.to_string()));
        let slow = || failed("the download is slower than compiling");
        loop {
            match &*fetch.borrow_and_update() {
                FetchState::Done(outcome) => return outcome.clone(),
                FetchState::Downloading(compile_time) => {
                    deadline = self.timeouts().max(*compile_time);
                }
                FetchState::TooSlow => return slow(),
                FetchState::Requested => {}
            }
            let left = deadline.saturating_sub(start.elapsed());
            match tokio::time::timeout(left, fetch.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return failed("the fetch was aborted"),
                Err(_) => return slow(),
            }
        }
    }

    /// Fetches a pack from the first level that has a valid one.
    async fn fetch_pack(
        self: &Arc<Self>,
        input_key: &Digest,
        sender: &watch::Sender<FetchState>,
    ) -> FetchOutcome {
        let mut outcome = FetchOutcome::Failed(StorageError::NotFound);
        // Whether the level that is written comes before, and lacks a valid pack.
        let mut is_missing_above = false;
        for level in &self.levels {
            let fetched = match self.quarantined(level, input_key) {
                Some(why) => Fetched::Failed(FetchOutcome::Invalid(why)),
                None => self.fetch_pack_from(level, input_key, sender).await,
            };
            let failed = match fetched {
                Fetched::Stored(header, pack) => {
                    let unit = BuildUnit { action: header.action, input_key: *input_key, result: header.key };
                    if is_missing_above {
                        self.copy_up(level, *input_key, header, pack).await;
                    }
                    return FetchOutcome::Stored(unit, level.name.clone());
                }
                Fetched::Failed(failed) => failed,
            };
            is_missing_above |= level.remote.write
                && matches!(failed, FetchOutcome::Invalid(_) | FetchOutcome::Failed(StorageError::NotFound));
            // The first trouble is reported, rather than that a later level has nothing.
            if outcome == FetchOutcome::Failed(StorageError::NotFound) {
                outcome = match failed {
                    FetchOutcome::Failed(e) => FetchOutcome::Failed(self.of_level(level, e)),
                    other => other,
                };
            }
        }
        outcome
    }

    async fn fetch_pack_from(
        self: &Arc<Self>,
        level: &Arc<Level>,
        input_key: &Digest,
        sender: &watch::Sender<FetchState>,
    ) -> Fetched {
        let name = format::pack_name(input_key);
        let path = match TempPath::try_from_path(self.store.temporary()) {
            Ok(path) => path,
            Err(e) => return Fetched::Failed(FetchOutcome::Failed(StorageError::Failed(e.to_string()))),
        };
        match self.download(level, input_key, &name, &path, sender).await {
            Err(e) => Fetched::Failed(FetchOutcome::Failed(e)),
            Ok(Err(e)) => Fetched::Failed(self.quarantine(level, input_key, &name, &path, &e)),
            Ok(Ok(())) => match self.install(level, input_key, &name, &path).await {
                Ok(header) => Fetched::Stored(header, path),
                Err(failed) => Fetched::Failed(failed),
            },
        }
    }

    /// Downloads a pack into a file. Stops early if the start of the pack is invalid.
    async fn download(
        self: &Arc<Self>,
        level: &Level,
        input_key: &Digest,
        name: &str,
        path: &Path,
        sender: &watch::Sender<FetchState>,
    ) -> Result<Result<(), InvalidObject>, StorageError> {
        let mut body = level.storage.open_object(name).await?;
        let local = |e: std::io::Error| StorageError::Failed(format!("{}: {e}", path.display()));
        let mut file = std::fs::File::create_new(path).map_err(local)?;
        let mut download = Download::default();
        let start = Instant::now();
        let mut pace = None;
        while let Some(piece) = body.next().await? {
            for bytes in piece {
                file.write_all(&bytes).map_err(local)?;
                match download.add(&bytes, |start| pack::read_header(start, input_key, &level.trust)) {
                    Err(e) => return Ok(Err(e)),
                    Ok(None) => {}
                    Ok(Some(header)) => {
                        let compile_time = Duration::from_micros(header.result.compile_us);
                        pace = Some(Pace { size: header.size(), compile_time });
                        let _ = sender.send(FetchState::Downloading(compile_time));
                    }
                }
            }
            let elapsed = start.elapsed();
            let too_slow = |pace: &mut Pace| {
                elapsed > level.storage.timeout() && pace.is_too_slow(download.downloaded, elapsed)
            };
            if pace.take_if(too_slow).is_some() {
                let _ = sender.send(FetchState::TooSlow);
            }
        }
        Ok(Ok(()))
    }

    async fn install(
        self: &Arc<Self>,
        level: &Arc<Level>,
        input_key: &Digest,
        name: &str,
        path: &Path,
    ) -> Result<Header, FetchOutcome> {
        let (agent, key, file) = (self.clone(), *input_key, path.to_path_buf());
        let from = level.clone();
        let install = move || pack::install(&agent.store, &from.trust, &key, &file);
        let failed = |why: String| Err(FetchOutcome::Failed(StorageError::Failed(why)));
        match tokio::task::spawn_blocking(install).await {
            Ok(Ok((header, bytes))) => {
                self.store_grew(bytes);
                Ok(header)
            }
            Ok(Err(InstallError::Invalid(e))) => Err(self.quarantine(level, input_key, name, path, &e)),
            Ok(Err(InstallError::Io(e))) => failed(format!("cannot store the result: {e}")),
            Err(e) => failed(format!("storing the result panicked: {e}")),
        }
    }

    fn quarantine(
        &self,
        level: &Level,
        input_key: &Digest,
        name: &str,
        path: &Path,
        error: &InvalidObject,
    ) -> FetchOutcome {
        let why = format!("{}{name}: {error}", self.prefix_of(level));
        if let Some(place) = self.quarantine_path(name) {
            let _ = std::fs::rename(path, place);
        }
        self.log(&format!("quarantined {why}"));
        locked(&level.quarantined).insert(*input_key, why.clone());
        FetchOutcome::Invalid(why)
    }

    fn quarantine_bytes(&self, level: &Level, name: &str, bytes: &[u8], why: &str) {
        if let Some(path) = self.quarantine_path(name) {
            let _ = std::fs::write(path, bytes);
        }
        self.log(&format!("quarantined {}{name}: {why}", self.prefix_of(level)));
    }

    /// The name of a level before the name of an object, if there is more than one level.
    fn prefix_of(&self, level: &Level) -> String {
        if self.levels.len() == 1 { String::new() } else { format!("{}: ", level.name) }
    }

    /// The path for a new quarantined object. Removes the oldest objects there.
    fn quarantine_path(&self, name: &str) -> Option<PathBuf> {
        let dir = self.store.area(Area::Quarantine);
        platform::make_private_dir(&dir).ok()?;
        let mut old: Vec<_> = std::fs::read_dir(&dir)
            .ok()?
            .flatten()
            .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
            .collect();
        old.sort();
        for (_, path) in old.iter().rev().skip(MAX_QUARANTINED - 1) {
            let _ = std::fs::remove_file(path);
        }
        Some(dir.join(name.replace('/', "-")))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kache_core::events::Observed;
    use kache_core::store::result::ActionResult;

    #[test]
    fn a_download_slower_than_compiling_is_detected_early() {
        let pace = Pace { size: 8_000_000, compile_time: Duration::from_secs(20) };
        // At this pace 40 kB in 20 s, and the pack has at least a megabyte.
        assert!(pace.is_too_slow(2_000, Duration::from_secs(1)));
        assert!(!pace.is_too_slow(60_000, Duration::from_secs(1)));
    }

    /// The header of a pack with one blob.
    pub(crate) fn header(size: u64) -> Header {
        let result = ActionResult {
            outputs: Vec::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            label: String::new(),
            compile_us: 1,
            observed: Observed::Preload,
            fetched: false,
            literal: false,
            confirmation: None,
            place: Vec::new(),
            status: 0,
        };
        let blobs = vec![(Digest::of(b"blob"), size)];
        Header { action: Digest::of(b"a"), set: Vec::new(), key: Digest::of(b"k"), result, blobs }
    }

    #[test]
    fn a_download_finds_the_header_and_stops_at_the_announced_length() {
        let read = |start: &[u8]| Ok((start.len() >= 10).then(|| (header(1000), 10)));
        let mut download = Download::default();
        assert_eq!(download.add(&[0; 9], read), Ok(None));
        assert_eq!(download.add(&[0; 3], read), Ok(Some(header(1000))));
        // 10 for the header, 1000 for the blob, 7 + 4096 for zstd.
        assert_eq!(download.add(&[0; 5101], read), Ok(None));
        assert!(download.add(&[0; 1], read).unwrap_err().0.contains("longer than its header says"));
    }

    #[test]
    fn a_download_stops_at_an_invalid_or_endless_header() {
        let mut download = Download::default();
        assert!(download.add(&[0; 9], |_| format::invalid("no")).is_err());
        let mut download = Download::default();
        assert_eq!(download.add(&vec![0; MAX_METADATA + 4096], |_| Ok(None)), Ok(None));
        assert!(download.add(&[0; 1], |_| Ok(None)).unwrap_err().0.contains("too long"));
    }
}
