//! Access to the remote through opendal: small objects and streams, with a deadline for each step and a circuit breaker.
//!
//! All writes to a remote go through this module, so it enforces read-only mode.

use crate::circuit_breaker::CircuitBreaker;
use crate::error::{ConfigError, StorageError};
use crate::rate::Rate;
use crate::reapi::Reapi;
use crate::{locked, service};
use futures_util::StreamExt;
use kache_core::remote::Remote;
use kache_core::remote::contents::CLOCK_FOLDER;
use kache_core::remote::format::PROBE;
use opendal::{Buffer, ErrorKind, Metadata, Operator};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// The size of the parts of large uploads. The minimum of S3 is 5 MiB.
const PART_SIZE: usize = 8 << 20;
/// The deadline for uploading a part.
const SEND_TIMEOUT: Duration = Duration::from_secs(120);

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub size: u64,
    /// When it was last written, if the service tells.
    pub modified: Option<SystemTime>,
}

/// The storage of one remote.
pub struct Storage {
    operator: Operator,
    /// The operator's service, if it is the Remote Execution API: large files are not written through opendal.
    reapi: Option<Reapi>,
    /// Why nothing may be written; `None` if writes are allowed.
    read_only: Option<StorageError>,
    timeout: Duration,
    circuit_breaker: CircuitBreaker,
    throttle: service::Throttle,
    /// The limit of requests, if the service has one.
    rate: Option<Rate>,
    /// How long responses have taken since the last useful one.
    spent: Mutex<Duration>,
}

impl Storage {
    /// Configures the storage, without connecting.
    ///
    /// # Errors
    /// If a setting is invalid.
    pub fn open(remote: &Remote) -> Result<Arc<Storage>, ConfigError> {
        let throttle = service::Throttle::default();
        let reapi = Reapi::open(remote, &throttle)?;
        let operator = match &reapi {
            Some(reapi) => reapi.operator(),
            None => service::operator(remote, &throttle)?,
        };
        let circuit_breaker = CircuitBreaker::default();
        Ok(Arc::new(Storage {
            operator,
            reapi,
            read_only: (!remote.write)
                .then(|| StorageError::ReadOnly(remote.read_only_because.clone().unwrap_or_default())),
            timeout: remote.timeout,
            circuit_breaker,
            throttle,
            rate: service::rate(remote)?,
            spent: Mutex::default(),
        }))
    }

    pub fn can_write(&self) -> bool {
        self.read_only.is_none()
    }

    /// An error that says why, if nothing may be written.
    pub fn check_writable(&self) -> Result<(), StorageError> {
        self.read_only.clone().map_or(Ok(()), Err)
    }

    pub fn can_list(&self) -> bool {
        self.operator.info().capability().list
    }

    /// Whether objects can be overwritten: GitHub's cache keeps the first version.
    pub fn can_overwrite(&self) -> bool {
        self.operator.info().scheme() != "ghac"
    }

    /// The names of the objects in a folder, while a wrapper waits.
    pub async fn names(self: &Arc<Self>, folder: &str) -> Result<Vec<String>, StorageError> {
        self.admit_read()?;
        let begun = Instant::now();
        let listed = tokio::time::timeout(self.timeout, self.operator.list(folder)).await;
        match self.record(listed, begun) {
            Ok(entries) => {
                let files = entries.into_iter().filter(|entry| entry.metadata().is_file());
                Ok(files.map(|entry| entry.path().to_string()).collect())
            }
            Err(StorageError::NotFound) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// The deadline for the first byte of a response.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Starts to read an object, and waits for the first bytes.
    pub async fn open_object(self: &Arc<Self>, name: &str) -> Result<Body, StorageError> {
        self.admit_read()?;
        let begun = Instant::now();
        let first = async {
            let mut stream = self.operator.reader(name).await?.into_stream(..).await?;
            let first = stream.next().await.transpose()?;
            Ok::<_, opendal::Error>((stream, first))
        };
        let opened = tokio::time::timeout(self.timeout, first).await;
        match self.record(opened, begun) {
            Ok((stream, first)) => Ok(Body { storage: self.clone(), stream, first }),
            Err(e) => Err(e),
        }
    }

    /// Reads a whole small object within the deadline for a first byte: a response that trickles is as useless as
    /// none. More than `max` bytes are an error.
    pub async fn read(self: &Arc<Self>, name: &str, max: usize) -> Result<Vec<u8>, StorageError> {
        let begun = Instant::now();
        let mut body = self.open_object(name).await?;
        let whole = async {
            let mut all = Vec::new();
            while let Some(piece) = body.next().await? {
                if all.len() + piece.len() > max {
                    return Err(StorageError::Failed(format!("{name} is larger than {max} bytes")));
                }
                all.extend(piece.to_vec());
            }
            Ok(all)
        };
        match tokio::time::timeout(self.timeout.saturating_sub(begun.elapsed()), whole).await {
            Ok(read) => read,
            Err(slow) => self.record(Err(slow), begun),
        }
    }

    /// An error if nothing may be read now.
    fn admit_read(&self) -> Result<(), StorageError> {
        let why = if self.throttled().is_some() {
            "the service asked for a pause".to_string()
        } else if let Some(why) = self.circuit_breaker.why_open() {
            why
        } else if self.rate.as_ref().is_none_or(Rate::take_for_read) {
            return Ok(());
        } else {
            "the limit of requests a minute is reached".to_string()
        };
        Err(StorageError::CircuitOpen(why))
    }

    /// An error if nothing may be written now. Waits for the limit of requests.
    async fn admit_write(&self) -> Result<(), StorageError> {
        /// To begin an object and to finish it; its bytes go elsewhere.
        const REQUESTS: f64 = 2.0;
        self.check_writable()?;
        if let Some(rate) = &self.rate {
            rate.take_for_write(REQUESTS).await;
        }
        match self.throttled() {
            Some(_) => Err(StorageError::Failed("the service asked for a pause".to_string())),
            None => Ok(()),
        }
    }

    /// Writes a small object.
    pub async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.admit_write().await?;
        sent(self.operator.write(name, bytes)).await.map(|_| ())
    }

    /// Writes an object from a file, in parts if the service supports it.
    pub async fn write_file(&self, name: &str, path: &Path) -> Result<(), StorageError> {
        self.check_writable()?;
        let local = |e: std::io::Error| StorageError::Failed(format!("{}: {e}", path.display()));
        let length = std::fs::metadata(path).map_err(local)?.len();
        if let Some(reapi) = self.reapi.as_ref().filter(|_| length > PART_SIZE as u64) {
            let written = reapi.write_file(name, path, SEND_TIMEOUT).await;
            return completed(Ok(written), SEND_TIMEOUT);
        }
        if length <= PART_SIZE as u64 || !self.operator.info().capability().write_can_multi {
            return self.write(name, std::fs::read(path).map_err(local)?).await;
        }
        self.admit_write().await?;
        let mut file = std::fs::File::open(path).map_err(local)?;
        let mut writer = sent(self.operator.writer(name)).await?;
        let mut left = length;
        while left > 0 {
            let mut part = vec![0; left.min(PART_SIZE as u64) as usize];
            std::io::Read::read_exact(&mut file, &mut part).map_err(local)?;
            left -= part.len() as u64;
            let written = sent(writer.write(part)).await;
            if let Err(e) = written {
                let _ = tokio::time::timeout(self.timeout, writer.abort()).await;
                return Err(e);
            }
        }
        sent(writer.close()).await.map(|_| ())
    }

    /// All objects below a folder.
    pub async fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError> {
        self.check_lists()?;
        let mut all = Vec::new();
        let mut folders = vec![folder.to_string()];
        let recursive = self.operator.info().capability().list_with_recursive;
        while let Some(folder) = folders.pop() {
            let begun = sent(async { self.operator.lister_with(&folder).recursive(recursive).await }).await;
            let mut lister = match begun {
                Err(StorageError::NotFound) => continue,
                begun => begun?,
            };
            loop {
                // Each step has a deadline: a step may be a request for a thousand names.
                let entry = match sent(async { lister.next().await.transpose() }).await {
                    Ok(Some(entry)) => entry,
                    Ok(None) | Err(StorageError::NotFound) => break,
                    Err(e) => return Err(e),
                };
                let metadata = entry.metadata();
                if metadata.is_file() {
                    let (name, size) = (entry.path().to_string(), metadata.content_length());
                    all.push(Listed { name, size, modified: modified(metadata) });
                } else if !recursive && entry.path() != folder {
                    folders.push(entry.path().to_string());
                }
            }
        }
        Ok(all)
    }

    /// An error that says who removes objects instead, if the service cannot list them.
    fn check_lists(&self) -> Result<(), StorageError> {
        if self.can_list() {
            return Ok(());
        }
        let instead = match self.operator.info().scheme() {
            "ghac" => "; GitHub removes what no job read for seven days",
            "redis" => "; Redis evicts by its setting `maxmemory-policy`",
            _ if self.reapi.is_some() => "; the server decides when objects expire",
            _ => "",
        };
        Err(StorageError::Unsupported(format!("the service cannot list objects{instead}")))
    }

    /// When an object was last written, if the service tells.
    pub async fn modified(&self, name: &str) -> Result<Option<SystemTime>, StorageError> {
        Ok(modified(&sent(self.operator.stat(name)).await?))
    }

    /// The time by the service's clock, which dates the objects.
    pub async fn clock(&self) -> Result<SystemTime, StorageError> {
        let ns = kache_core::platform::now_ns();
        let name = format!("{CLOCK_FOLDER}{}-{ns}", std::process::id());
        self.write(&name, b"kache".to_vec()).await?;
        let now = self.modified(&name).await?;
        self.delete(&name).await?;
        now.ok_or_else(|| StorageError::Unsupported("the service does not tell the age of objects".into()))
    }

    /// Deletes an object. That there is none is not an error.
    pub async fn delete(&self, name: &str) -> Result<(), StorageError> {
        self.admit_write().await?;
        sent(self.operator.delete(name)).await
    }

    /// Until when the service asked for no requests.
    pub fn throttled(&self) -> Option<Instant> {
        self.throttle.until()
    }

    /// How long responses have taken since [`Storage::forget_spent`].
    pub fn spent(&self) -> Duration {
        *locked(&self.spent)
    }

    pub fn forget_spent(&self) {
        *locked(&self.spent) = Duration::ZERO;
    }

    /// Converts the result of a read, and records it for the circuit breaker.
    fn record<T>(self: &Arc<Self>, result: Timed<T>, begun: Instant) -> Result<T, StorageError> {
        let result = completed(result, self.timeout);
        *locked(&self.spent) += begun.elapsed();
        match &result {
            Err(StorageError::Failed(why)) => {
                let waited = begun.elapsed();
                // A service that asks for a pause answers after it, and nothing is sent before. The breaker's own pause
                // would be longer each time.
                let asked = self.throttled().is_some();
                if !asked && self.circuit_breaker.record_failure(waited, self.timeout) {
                    self.trip(why.clone());
                }
            }
            _ => self.circuit_breaker.record_success(),
        }
        result
    }

    /// Opens the circuit breaker, and probes the service in the background until it responds.
    pub fn trip(self: &Arc<Self>, why: String) {
        let Some(mut pause) = self.circuit_breaker.open(why) else { return };
        let storage = self.clone();
        tokio::spawn(async move {
            loop {
                let wait = storage.throttled().map(|until| until.saturating_duration_since(Instant::now()));
                tokio::time::sleep(pause.max(wait.unwrap_or_default())).await;
                let probe = storage.operator.stat(PROBE);
                match tokio::time::timeout(storage.timeout, probe).await {
                    Ok(Ok(_)) => break,
                    Ok(Err(e)) if e.kind() == ErrorKind::NotFound => break,
                    _ => pause = (pause * 2).min(Duration::from_secs(120)),
                }
            }
            storage.circuit_breaker.close();
        });
    }
}

fn modified(metadata: &Metadata) -> Option<SystemTime> {
    metadata.last_modified().map(SystemTime::from)
}

/// The result of an operation with a deadline.
type Timed<T> = Result<opendal::Result<T>, tokio::time::error::Elapsed>;

fn completed<T>(result: Timed<T>, timeout: Duration) -> Result<T, StorageError> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) if e.kind() == ErrorKind::NotFound => Err(StorageError::NotFound),
        Ok(Err(e)) => Err(StorageError::Failed(message(&e))),
        Err(_) => {
            Err(StorageError::Failed(format!("no complete response within {:.1} s", timeout.as_secs_f64())))
        }
    }
}

/// Waits for a write or a list, at most as long as for a part of an upload.
async fn sent<T>(operation: impl Future<Output = opendal::Result<T>>) -> Result<T, StorageError> {
    completed(tokio::time::timeout(SEND_TIMEOUT, operation).await, SEND_TIMEOUT)
}

/// The contents of an object, as a stream.
pub struct Body {
    storage: Arc<Storage>,
    stream: opendal::BufferStream,
    first: Option<Buffer>,
}

impl Body {
    /// The next bytes, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Buffer>, StorageError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let begun = Instant::now();
        let next = async { self.stream.next().await.transpose() };
        let next = tokio::time::timeout(self.storage.timeout, next).await;
        self.storage.record(next, begun)
    }
}

/// An error's message in one line, without the secrets that addresses may contain.
fn message(error: &impl ToString) -> String {
    const MAX_LENGTH: usize = 300;
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let redact = |word: &str| match word.contains("://") {
        true => kache_core::remote::redact(word),
        false => word.to_string(),
    };
    let mut out = line.split(' ').map(redact).collect::<Vec<_>>().join(" ");
    if out.len() > MAX_LENGTH {
        out.truncate(out.floor_char_boundary(MAX_LENGTH));
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime;

    fn storage(dir: &Path, write: bool) -> Arc<Storage> {
        let remote = Remote {
            level: 1,
            pull_request: None,
            url: format!("file://{}", dir.display()),
            prefix: "p".to_string(),
            write,
            read_only_because: (!write).then(|| "a reason".to_string()),
            timeout: Duration::from_secs(60),
            options: Default::default(),
            sign_key: None,
            verify_keys: Vec::new(),
            prefetch: true,
            copy_up: false,
            otlp: None,
        };
        Storage::open(&remote).unwrap()
    }

    #[test]
    fn messages_have_one_short_line_without_secrets() {
        let text = "sending to https://u:hush@h/x?sig=hush failed\nmore";
        assert_eq!(message(&text), "sending to https://…@h/x failed");
        let long = message(&"é".repeat(400));
        assert!(long.ends_with("é…") && long.len() <= 303, "{}", long.len());
    }

    #[test]
    fn a_read_only_remote_is_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "bytes").unwrap();
        std::fs::create_dir(dir.path().join("p")).unwrap();
        runtime().unwrap().block_on(async {
            let storage = storage(dir.path(), false);
            let read_only = Err(StorageError::ReadOnly("a reason".to_string()));
            assert_eq!(storage.write("x", vec![1]).await, read_only);
            assert_eq!(storage.write_file("x", &file).await, read_only);
            assert_eq!(storage.delete("x").await, read_only);
        });
        assert_eq!(std::fs::read_dir(dir.path().join("p")).unwrap().count(), 0);
    }

    #[test]
    fn objects_are_written_read_and_listed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, vec![7; PART_SIZE + 1]).unwrap();
        runtime().unwrap().block_on(async {
            let storage = storage(dir.path(), true);
            assert_eq!(storage.read("v/small", 9).await, Err(StorageError::NotFound));
            assert_eq!(storage.list("v/").await, Ok(Vec::new()));
            storage.write("v/small", b"123456789".to_vec()).await.unwrap();
            storage.write_file("v/a/large", &file).await.unwrap();
            assert_eq!(storage.read("v/small", 9).await.as_deref(), Ok(&b"123456789"[..]));
            let too_long = storage.read("v/small", 8).await.unwrap_err();
            assert!(too_long.to_string().contains("larger than 8 bytes"), "{too_long}");
            assert_eq!(storage.names("v/").await, Ok(vec!["v/small".to_string()]));
            let mut listed = storage.list("v/").await.unwrap();
            listed.sort_by(|a, b| a.name.cmp(&b.name));
            let sizes: Vec<_> = listed.iter().map(|object| (object.name.as_str(), object.size)).collect();
            assert_eq!(sizes, [("v/a/large", PART_SIZE as u64 + 1), ("v/small", 9)]);
            let now = storage.clock().await.unwrap();
            assert!(listed.iter().all(|object| object.modified.is_some_and(|at| at <= now)), "{listed:?}");
            assert_eq!(storage.modified("v/small").await, Ok(listed[1].modified));
            storage.delete("v/small").await.unwrap();
            storage.delete("v/small").await.unwrap();
            assert_eq!(storage.names("v/").await, Ok(Vec::new()));
            assert_eq!(storage.names(CLOCK_FOLDER).await, Ok(Vec::new()), "the clock leaves nothing behind");
        });
    }

    #[test]
    fn an_open_circuit_breaker_stops_reads() {
        let dir = tempfile::tempdir().unwrap();
        runtime().unwrap().block_on(async {
            let storage = storage(dir.path(), true);
            storage.trip("why".to_string());
            let error = Err(StorageError::CircuitOpen("why".to_string()));
            assert_eq!(storage.read("x", 9).await, error);
            assert_eq!(storage.names("x/").await.map(|_| Vec::new()), error);
        });
    }
}
