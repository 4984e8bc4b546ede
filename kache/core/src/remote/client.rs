//! The wrapper's side of the agent: blocking, with a deadline on everything.
//!
//! An agent that is not there is started. One that does not come, that hangs, or that is another's is trouble, and trouble is
//! answered by doing without: a mark tells the other invocations of the next minute not to try either. So a broken agent costs
//! a build about a second in all, and never its outcome.

use super::protocol::{self, Ask, Tell};
use super::{Remote, agent_dir};
use crate::platform::{self, socket};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long an agent may take until it listens.
const START: Duration = Duration::from_millis(1500);
/// How long a silence means that it hangs: it says `Working` four times as often.
const SILENCE: Duration = Duration::from_millis(1200);
/// For how long nobody tries after trouble.
const OFF: Duration = Duration::from_secs(60);
/// In which variable an agent finds its orders.
pub const ORDERS: &str = "KACHE_AGENT";

/// What an agent is told when it is started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// The remote.
    pub remote: Remote,
    /// The cache.
    pub cache: PathBuf,
    /// How large the cache may grow, in bytes.
    pub max_bytes: u64,
    /// After how long without anything to do it ends.
    pub idle: Duration,
}

/// What is to be transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// All that is here.
    Push,
    /// All that is there.
    Pull,
    /// What the last build of a project used.
    Prefetch,
}

/// A task and how to do it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// What.
    pub task: Task,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Answer as JSON, without progress.
    pub json: bool,
    /// The working directory.
    pub cwd: PathBuf,
}

/// The files of one agent.
pub struct Files {
    dir: PathBuf,
    name: String,
}

impl Files {
    /// Of the agent for a remote, below a store's directory.
    pub fn of(remote: &Remote, store: &Path) -> Files {
        Files { dir: agent_dir(store), name: remote.fingerprint() }
    }

    /// Where all agents' files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.join(format!("{}.sock", self.name))
    }

    /// Held as long as it lives.
    pub fn lock(&self) -> PathBuf {
        self.dir.join(format!("{}.lock", self.name))
    }

    /// Lies there while nobody is to try.
    fn off(&self) -> PathBuf {
        self.dir.join(format!("{}.off", self.name))
    }
}

/// A connection to the agent.
pub struct Client {
    stream: socket::Local,
    files: Files,
}

impl Client {
    /// Connects, starting an agent where none is. `None` where it cannot be had, or could not just now.
    pub fn open(orders: &Orders, store: &Path) -> Option<Client> {
        let files = Files::of(&orders.remote, store);
        let age = std::fs::metadata(files.off()).and_then(|m| m.modified()).ok().map(|t| t.elapsed());
        if age.is_some_and(|age| age.is_ok_and(|age| age < OFF)) {
            return None;
        }
        let opened = Client::connect(&files, &orders.remote).or_else(|_| Client::start(&files, orders));
        match opened {
            Ok(stream) => Some(Client { stream, files }),
            Err(_) => {
                files.mark_off();
                None
            }
        }
    }

    /// Connects only where an agent is there.
    pub fn open_running(remote: &Remote, store: &Path) -> Option<Client> {
        let files = Files::of(remote, store);
        let stream = Client::connect(&files, remote).ok()?;
        Some(Client { stream, files })
    }

    fn connect(files: &Files, remote: &Remote) -> io::Result<socket::Local> {
        let mut stream = socket::connect(&files.socket())?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let hello = Tell::decode(&protocol::receive(&mut stream)?);
        let wanted = Tell::Hello {
            version: protocol::VERSION,
            kache: env!("CARGO_PKG_VERSION").to_string(),
            remote: remote.fingerprint(),
        };
        match hello == Some(wanted) {
            true => Ok(stream),
            false => Err(io::Error::new(io::ErrorKind::InvalidData, "the agent is another's")),
        }
    }

    /// Starts one, and connects. Several may do so at once: all but one of the agents find the lock held, and end.
    fn start(files: &Files, orders: &Orders) -> io::Result<socket::Local> {
        platform::make_private_dir(&files.dir)?;
        let begun = Instant::now();
        let mut started = None;
        loop {
            // Whoever holds the lock is about to listen.
            if started.is_none() && !is_held(&files.lock()) {
                let mut agent = Command::new(program()?);
                let text = serde_json::to_string(orders).map_err(io::Error::other)?;
                agent.arg("serve").env(ORDERS, text).current_dir("/");
                started = Some(platform::detach(&mut agent, true)?);
            }
            // One that ends well found another.
            if let Some(status) = started.as_mut().and_then(|agent| agent.try_wait().ok().flatten())
                && !status.success()
            {
                return Err(io::Error::other("the agent ended at once: see its log"));
            }
            std::thread::sleep(Duration::from_millis(2));
            match Client::connect(files, &orders.remote) {
                Ok(stream) => return Ok(stream),
                Err(e) if begun.elapsed() > START => return Err(e),
                Err(_) => {}
            }
        }
    }

    /// Asks, and waits for the answer. `None` is trouble.
    pub fn ask(&mut self, ask: &Ask) -> Option<Tell> {
        self.ask_with(ask, |_, _| {})
    }

    /// The same, telling how far it is.
    pub fn ask_with(&mut self, ask: &Ask, mut progress: impl FnMut(u64, u64)) -> Option<Tell> {
        let mut answered = || {
            protocol::send(&mut self.stream, &ask.encode())?;
            loop {
                match Tell::decode(&protocol::receive(&mut self.stream)?) {
                    Some(Tell::Working) => {}
                    Some(Tell::Progress { done, left }) => progress(done, left),
                    Some(tell) => return Ok(tell),
                    None => return Err(io::Error::from(io::ErrorKind::InvalidData)),
                }
            }
        };
        match answered() {
            Ok(tell) => Some(tell),
            Err(e) => {
                // One that ended because it was idle is no trouble: the next invocation starts another.
                if e.kind() != io::ErrorKind::UnexpectedEof {
                    self.files.mark_off();
                }
                None
            }
        }
    }

    /// Says something that has no answer.
    pub fn tell(&mut self, ask: &Ask) {
        let _ = protocol::send(&mut self.stream, &ask.encode());
    }
}

impl Files {
    fn mark_off(&self) {
        let _ = std::fs::File::create(self.off()).and_then(|f| f.set_modified(std::time::SystemTime::now()));
    }
}

fn is_held(lock: &Path) -> bool {
    let open = std::fs::OpenOptions::new().write(true).open(lock);
    open.is_ok_and(|file| !platform::try_lock(&file).unwrap_or(false))
}

/// The agent's program: beside this one.
///
/// # Errors
/// Where it is not there.
pub fn program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let agent = platform::as_program(own.with_file_name("kache-agent"));
    match agent.is_file() {
        true => Ok(agent),
        false => Err(io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", agent.display()))),
    }
}
