//! The wrapper's connection to the agent: blocking, with a deadline on every step.
//!
//! The client starts an agent if none is running. If the agent does not start, hangs, or serves another configuration,
//! the build continues without it: a marker file stops further attempts for a minute. So a broken agent costs a build
//! about a second in total, and never changes its outcome.

use super::protocol::{self, Request, Response};
use super::{Levels, agent_dir};
use crate::platform::{self, socket};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long an agent may take to start listening.
const START: Duration = Duration::from_millis(1500);
/// After this long without a message the agent is assumed to hang. It sends keep-alives four times as often.
const SILENCE: Duration = Duration::from_millis(1200);
/// How long no client tries again after a failure.
const BACKOFF: Duration = Duration::from_secs(60);
/// The environment variable that holds the agent's configuration.
pub const CONFIG_VARIABLE: &str = "KACHE_AGENT";

/// The configuration that an agent is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentConfig {
    pub levels: Levels,
    /// The cache directory.
    pub cache: PathBuf,
    /// The maximum size of the cache, in bytes.
    pub max_bytes: u64,
    /// The idle time after which the agent exits.
    pub idle: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Upload every result of the local store.
    Push,
    /// Download every result of the remote.
    Pull,
    /// Download the results of the project's last build.
    Prefetch,
}

/// An explicit transfer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub kind: TaskKind,
    /// Report what would be transferred, and transfer nothing.
    pub dry_run: bool,
    /// Print JSON, without a progress bar.
    pub json: bool,
    /// The working directory.
    pub cwd: PathBuf,
}

/// The files of one agent.
pub struct AgentFiles {
    dir: PathBuf,
    name: String,
}

impl AgentFiles {
    /// The files of the agent for some levels, below a store's directory.
    pub fn of(levels: &Levels, store: &Path) -> AgentFiles {
        AgentFiles { dir: agent_dir(store), name: levels.fingerprint() }
    }

    /// The directory of all agents' files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.join(format!("{}.sock", self.name))
    }

    /// The file that the agent holds locked while it runs.
    pub fn lock(&self) -> PathBuf {
        self.dir.join(format!("{}.lock", self.name))
    }

    /// The marker file that stops further attempts.
    fn backoff(&self) -> PathBuf {
        self.dir.join(format!("{}.backoff", self.name))
    }
}

/// A connection to the agent.
pub struct Client {
    stream: socket::Local,
    files: AgentFiles,
}

impl Client {
    /// Connects, and starts an agent if none is running. `None` after a failure, now or within the backoff time.
    pub fn open(config: &AgentConfig, store: &Path) -> Option<Client> {
        let files = AgentFiles::of(&config.levels, store);
        let age = std::fs::metadata(files.backoff()).and_then(|m| m.modified()).ok().map(|t| t.elapsed());
        if age.is_some_and(|age| age.is_ok_and(|age| age < BACKOFF)) {
            return None;
        }
        let opened = Client::connect(&files, &config.levels).or_else(|_| Client::start(&files, config));
        match opened {
            Ok(stream) => Some(Client { stream, files }),
            Err(_) => {
                files.start_backoff();
                None
            }
        }
    }

    /// Connects only if an agent is running.
    pub fn open_running(levels: &Levels, store: &Path) -> Option<Client> {
        let files = AgentFiles::of(levels, store);
        let stream = Client::connect(&files, levels).ok()?;
        Some(Client { stream, files })
    }

    fn connect(files: &AgentFiles, levels: &Levels) -> io::Result<socket::Local> {
        let mut stream = socket::connect(&files.socket())?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let hello = Response::decode(&protocol::receive(&mut stream)?);
        let wanted = Response::Hello {
            version: protocol::VERSION,
            kache: env!("CARGO_PKG_VERSION").to_string(),
            remote: levels.fingerprint(),
        };
        match hello == Some(wanted) {
            true => Ok(stream),
            false => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the agent serves another configuration"))
            }
        }
    }

    /// Starts an agent and connects. Several clients may do this at once: all but one of the agents find the lock held, and exit.
    fn start(files: &AgentFiles, config: &AgentConfig) -> io::Result<socket::Local> {
        platform::make_private_dir(&files.dir)?;
        let begun = Instant::now();
        let mut started = None;
        loop {
            // The process that holds the lock will listen soon.
            if started.is_none() && !is_held(&files.lock()) {
                let mut agent = Command::new(program()?);
                let text = serde_json::to_string(config).map_err(io::Error::other)?;
                agent.arg("serve").env(CONFIG_VARIABLE, text).current_dir("/");
                started = Some(platform::detach(&mut agent, true)?);
            }
            // An agent that finds another one running exits successfully.
            if let Some(status) = started.as_mut().and_then(|agent| agent.try_wait().ok().flatten())
                && !status.success()
            {
                return Err(io::Error::other("the agent exited during start: see its log"));
            }
            std::thread::sleep(Duration::from_millis(2));
            match Client::connect(files, &config.levels) {
                Ok(stream) => return Ok(stream),
                Err(e) if begun.elapsed() > START => return Err(e),
                Err(_) => {}
            }
        }
    }

    /// Sends a request and waits for the response. `None` after an error.
    pub fn request(&mut self, request: &Request) -> Option<Response> {
        self.request_with_progress(request, |_, _| {})
    }

    /// Like [`Client::request`], and reports progress: uploaded, remaining.
    pub fn request_with_progress(
        &mut self,
        request: &Request,
        mut progress: impl FnMut(u64, u64),
    ) -> Option<Response> {
        let mut response = || {
            protocol::send(&mut self.stream, &request.encode())?;
            loop {
                match Response::decode(&protocol::receive(&mut self.stream)?) {
                    Some(Response::KeepAlive) => {}
                    Some(Response::Progress { uploaded, remaining }) => progress(uploaded, remaining),
                    Some(response) => return Ok(response),
                    None => return Err(io::Error::from(io::ErrorKind::InvalidData)),
                }
            }
        };
        match response() {
            Ok(response) => Some(response),
            Err(e) => {
                // The agent may have exited because it was idle. That is not a failure: the next client starts another.
                if e.kind() != io::ErrorKind::UnexpectedEof {
                    self.files.start_backoff();
                }
                None
            }
        }
    }

    /// Sends a request that has no response.
    pub fn send(&mut self, request: &Request) {
        let _ = protocol::send(&mut self.stream, &request.encode());
    }
}

impl AgentFiles {
    fn start_backoff(&self) {
        let _ =
            std::fs::File::create(self.backoff()).and_then(|f| f.set_modified(std::time::SystemTime::now()));
    }
}

fn is_held(lock: &Path) -> bool {
    let open = std::fs::OpenOptions::new().write(true).open(lock);
    open.is_ok_and(|file| !platform::try_lock(&file).unwrap_or(false))
}

/// The agent's program, in the directory of the running program.
///
/// # Errors
/// If the file does not exist.
pub fn program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let agent = platform::as_program(own.with_file_name("kache-agent"));
    match agent.is_file() {
        true => Ok(agent),
        false => Err(io::Error::new(io::ErrorKind::NotFound, format!("{} does not exist", agent.display()))),
    }
}
