//! The storage itself, through opendal: small objects and streams, each step with a deadline, and a circuit in front.
//!
//! Nothing else in kache writes to a remote, so read-only is enforced here, whatever asks.

use super::circuit::Circuit;
use super::service;
use futures_util::StreamExt;
use kache_core::remote::Remote;
use opendal::{Buffer, ErrorKind, Operator};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why the storage did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such object.
    Absent,
    /// It has not answered lately, and was not asked.
    Closed(String),
    /// Nothing may be written.
    ReadOnly,
    /// The service cannot do that at all.
    Unsupported(String),
    /// What went wrong, in the service's words, without secrets.
    Failed(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Fault::Absent => f.write_str("not there"),
            Fault::Closed(why) => write!(f, "not asked, since it did not answer before: {why}"),
            Fault::ReadOnly => f.write_str("the remote is read-only (`remote.mode`)"),
            Fault::Unsupported(what) | Fault::Failed(what) => f.write_str(what),
        }
    }
}

/// Pieces that large objects are sent in: more than the least that S3 takes.
const PIECE: usize = 8 << 20;
/// How long a piece, or an object of one piece, may take to be sent.
const SEND: Duration = Duration::from_secs(120);

/// What is asked for to see whether there is an answer. It need not be there.
const PROBE: &str = "v1/probe";

/// The storage of one remote.
pub struct Storage {
    operator: Operator,
    write: bool,
    timeout: Duration,
    circuit: Circuit,
    throttle: service::Throttle,
}

impl Storage {
    /// Opens it. No connection is made yet.
    ///
    /// # Errors
    /// Where the setting makes no sense: what, and what to do.
    pub fn open(remote: &Remote) -> Result<Arc<Storage>, String> {
        let throttle = service::Throttle::default();
        let operator = service::operator(remote, &throttle)?;
        let circuit = Circuit::default();
        Ok(Arc::new(Storage { operator, write: remote.write, timeout: remote.timeout, circuit, throttle }))
    }

    /// Whether anything may be written.
    pub fn writes(&self) -> bool {
        self.write
    }

    /// Whether the service can say what is in it.
    pub fn lists(&self) -> bool {
        self.operator.info().capability().list
    }

    /// Whether an object can be written again: GitHub's cache keeps the first.
    pub fn replaces(&self) -> bool {
        self.operator.info().scheme() != "ghac"
    }

    /// The names of the objects in a folder, for somebody who waits.
    pub async fn names(self: &Arc<Self>, folder: &str) -> Result<Vec<String>, Fault> {
        if let Some(why) = self.circuit.why_open() {
            return Err(Fault::Closed(why));
        }
        let begun = Instant::now();
        let listed = tokio::time::timeout(self.timeout, self.operator.list(folder)).await;
        match self.judge(listed, begun) {
            Ok(entries) => {
                let files = entries.into_iter().filter(|entry| entry.metadata().is_file());
                Ok(files.map(|entry| entry.path().to_string()).collect())
            }
            Err(Fault::Absent) => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    /// How long an answer may take to begin.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Begins to read an object; the first bytes have come.
    pub async fn open_object(self: &Arc<Self>, name: &str) -> Result<Body, Fault> {
        if let Some(why) = self.circuit.why_open() {
            return Err(Fault::Closed(why));
        }
        let begun = Instant::now();
        let first = async {
            let mut stream = self.operator.reader(name).await?.into_stream(..).await?;
            let first = stream.next().await.transpose()?;
            Ok::<_, opendal::Error>((stream, first))
        };
        let answered = tokio::time::timeout(self.timeout, first).await;
        match self.judge(answered, begun) {
            Ok((stream, first)) => Ok(Body { storage: self.clone(), stream, first }),
            Err(fault) => Err(fault),
        }
    }

    /// Reads a small object whole, which may take as long as an answer may take to begin: one that trickles is as dead as one
    /// that is silent. One that is larger than `most` bytes is a fault.
    pub async fn read(self: &Arc<Self>, name: &str, most: usize) -> Result<Vec<u8>, Fault> {
        let begun = Instant::now();
        let mut body = self.open_object(name).await?;
        let whole = async {
            let mut all = Vec::new();
            while let Some(piece) = body.next().await? {
                if all.len() + piece.len() > most {
                    return Err(Fault::Failed(format!("{name} is larger than {most} bytes")));
                }
                all.extend(piece.to_vec());
            }
            Ok(all)
        };
        match tokio::time::timeout(self.timeout.saturating_sub(begun.elapsed()), whole).await {
            Ok(read) => read,
            Err(slow) => self.judge(Err(slow), begun),
        }
    }

    /// Writes a small object.
    pub async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        if !self.write {
            return Err(Fault::ReadOnly);
        }
        self.sent(tokio::time::timeout(SEND, self.operator.write(name, bytes)).await).map(|_| ())
    }

    /// Writes an object from a file, a piece at a time where the service can.
    pub async fn write_file(&self, name: &str, path: &Path) -> Result<(), Fault> {
        if !self.write {
            return Err(Fault::ReadOnly);
        }
        let gone = |e: std::io::Error| Fault::Failed(format!("{}: {e}", path.display()));
        let length = std::fs::metadata(path).map_err(gone)?.len();
        if length <= PIECE as u64 || !self.operator.info().capability().write_can_multi {
            return self.write(name, std::fs::read(path).map_err(gone)?).await;
        }
        let mut file = std::fs::File::open(path).map_err(gone)?;
        let mut writer = self.sent(tokio::time::timeout(SEND, self.operator.writer(name)).await)?;
        let mut left = length;
        while left > 0 {
            let mut piece = vec![0; left.min(PIECE as u64) as usize];
            std::io::Read::read_exact(&mut file, &mut piece).map_err(gone)?;
            left -= piece.len() as u64;
            let written = self.sent(tokio::time::timeout(SEND, writer.write(piece)).await);
            if let Err(fault) = written {
                let _ = tokio::time::timeout(self.timeout, writer.abort()).await;
                return Err(fault);
            }
        }
        self.sent(tokio::time::timeout(SEND, writer.close()).await).map(|_| ())
    }

    /// The names of all objects below a folder.
    pub async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, Fault> {
        if !self.lists() {
            return Err(Fault::Unsupported("this service cannot list what is in it".to_string()));
        }
        let mut all = Vec::new();
        let mut folders = vec![folder.to_string()];
        let recursive = self.operator.info().capability().list_with_recursive;
        while let Some(folder) = folders.pop() {
            let listed = tokio::time::timeout(SEND, async {
                self.operator.list_with(&folder).recursive(recursive).await
            });
            let listed = match self.sent(listed.await) {
                Err(Fault::Absent) => continue,
                other => other?,
            };
            for entry in listed {
                if entry.metadata().is_file() {
                    all.push((entry.path().to_string(), entry.metadata().content_length()));
                } else if !recursive && entry.path() != folder {
                    folders.push(entry.path().to_string());
                }
            }
        }
        Ok(all)
    }

    /// Until when the service asked not to be asked.
    pub fn throttled(&self) -> Option<Instant> {
        self.throttle.until()
    }

    /// Takes note that wrappers waited long and in vain.
    pub fn too_slow(self: &Arc<Self>, why: &str) {
        self.trip(why.to_string());
    }

    fn sent<T>(&self, done: Result<opendal::Result<T>, tokio::time::error::Elapsed>) -> Result<T, Fault> {
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(e)) if e.kind() == ErrorKind::NotFound => Err(Fault::Absent),
            Ok(Err(e)) => Err(Fault::Failed(words(&e))),
            Err(_) => Err(Fault::Failed(format!("no answer within {} s", SEND.as_secs()))),
        }
    }

    /// What an answer to a reader says of the service.
    fn judge<T>(
        self: &Arc<Self>,
        answered: Result<opendal::Result<T>, tokio::time::error::Elapsed>,
        begun: Instant,
    ) -> Result<T, Fault> {
        let fault = match answered {
            Ok(Ok(value)) => {
                self.circuit.answered();
                return Ok(value);
            }
            Ok(Err(e)) if e.kind() == ErrorKind::NotFound => {
                self.circuit.answered();
                return Err(Fault::Absent);
            }
            Ok(Err(e)) => words(&e),
            Err(_) => format!("no whole answer within {:.1} s", self.timeout.as_secs_f64()),
        };
        let waited = begun.elapsed();
        if self.throttled().is_some() || self.circuit.failed(waited, self.timeout) {
            self.trip(fault.clone());
        }
        Err(Fault::Failed(fault))
    }

    /// Opens the circuit, and asks in the background until the service answers again.
    fn trip(self: &Arc<Self>, why: String) {
        let Some(mut pause) = self.circuit.open(why) else { return };
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
            storage.circuit.close();
        });
    }
}

/// An object that is being read.
pub struct Body {
    storage: Arc<Storage>,
    stream: opendal::BufferStream,
    first: Option<Buffer>,
}

impl Body {
    /// The next bytes; nothing at its end.
    pub async fn next(&mut self) -> Result<Option<Buffer>, Fault> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let begun = Instant::now();
        let next = async { self.stream.next().await.transpose() };
        let next = tokio::time::timeout(self.storage.timeout, next).await;
        self.storage.judge(next, begun)
    }
}

/// An error in one line, without the addresses that may have signatures in them.
fn words(e: &opendal::Error) -> String {
    let text = e.to_string();
    let line = text.lines().next().unwrap_or_default();
    let mut out = String::new();
    for word in line.split(' ') {
        let word = if word.contains("://") { &kache_core::remote::redact(word) } else { word };
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out.len() > 300 {
        let cut = (0..=300).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
        out.truncate(cut);
        out.push('…');
    }
    out
}
