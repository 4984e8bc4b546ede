//! Serving: connections, requests, and when the agent exits.

use crate::error::{AgentError, StorageError};
use crate::fetch::{FetchOutcome, add_lists};
use crate::level::Level;
use crate::prefetch::Session;
use crate::upload::UploadRound;
use crate::{Agent, locked, runtime};
use kache_core::digest::Digest;
use kache_core::platform::{self, StatId, socket};
use kache_core::printable::count;
use kache_core::remote::client::{AgentConfig, AgentFiles};
use kache_core::remote::format::BuildUnit;
use kache_core::remote::protocol::{self, Request, Response, Unavailable};
use kache_core::store::Area;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// The interval of keep-alive messages to a waiting client.
const KEEP_ALIVE: Duration = Duration::from_millis(300);

/// The files by which clients reach this agent.
struct Place {
    files: AgentFiles,
    /// The identity of the file that this agent holds locked.
    lock: Option<StatId>,
}

impl Place {
    /// Whether clients reach this agent here. They do not once the cache was removed: a new cache at its place has a new lock, and
    /// an agent of its own. The number of the file is not used again, since the agent holds the file open.
    fn is_kept(&self) -> bool {
        let now = platform::identity(&self.files.lock()).ok();
        self.lock.zip(now).is_some_and(|(own, (_, now))| own.is_same_file(&now))
    }
}

/// The number of connections, and when the last request came.
struct Activity {
    connections: usize,
    last_request: Instant,
}

/// Serves until the agent is idle.
///
/// # Errors
/// If the agent cannot listen, or a setting is invalid. Another running agent is not an error.
pub fn serve(config: AgentConfig) -> Result<(), AgentError> {
    let io = |what: &'static str| move |e: io::Error| AgentError::Io(what, e);
    let store = config.cache.join(kache_core::store::FORMAT);
    let files = AgentFiles::of(&config.levels, &store);
    platform::make_private_dir(files.dir()).map_err(io("create the agent's directory"))?;
    let Some(lock) = lock(&files.lock()).map_err(io("lock the agent's lock file"))? else {
        return Ok(());
    };
    let agent = Agent::new(config).inspect_err(|e| {
        // A wrapper started this process, so stderr goes nowhere.
        let _ = std::fs::write(files.dir().join("log"), format!("the agent cannot start: {e}\n"));
    })?;
    let listener = socket::listen(&files.socket()).map_err(io("listen on the agent's socket"))?;
    listener.set_nonblocking(true).map_err(io("listen on the agent's socket"))?;
    let place = Place { lock: platform::identity_of(&lock).ok().map(|(_, id)| id), files };
    runtime()?.block_on(async {
        let listener = UnixListener::from_std(listener).map_err(io("listen on the agent's socket"))?;
        agent.serve(listener, &place).await;
        Ok(())
    })
}

/// The agent's lock, or `None` if another agent holds it. A client holds it for a moment to test whether an agent runs, so this
/// tries more than once.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = File::options().write(true).create(true).truncate(false).open(path)?;
    for _ in 0..20 {
        if platform::try_lock(&file)? {
            return Ok(Some(file));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}

impl Agent {
    async fn serve(self: Arc<Self>, listener: UnixListener, place: &Place) {
        let activity = Arc::new(Mutex::new(Activity { connections: 0, last_request: Instant::now() }));
        let uploads = tokio::spawn(self.clone().upload_in_background());
        self.start_metrics();
        let metrics = tokio::spawn(self.clone().export_in_background());
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let same_user = stream.peer_cred().is_ok_and(|peer| peer.uid() == socket::own_user());
                    if same_user {
                        tokio::spawn(self.clone().serve_connection(stream, activity.clone()));
                    }
                }
                _ = tick.tick() => {}
            }
            // The agent also exits when its cache was removed.
            let has_cache = self.store.area(Area::Blobs).exists() && place.is_kept();
            if self.is_ending() || !has_cache || self.is_idle(&activity) {
                break;
            }
        }
        self.ending.store(true, Ordering::Relaxed);
        if place.is_kept() {
            let _ = std::fs::remove_file(place.files.socket());
        }
        uploads.abort();
        metrics.abort();
        self.export_metrics().await;
    }

    fn is_idle(&self, activity: &Mutex<Activity>) -> bool {
        let (connections, idle) = {
            let activity = locked(activity);
            (activity.connections, activity.last_request.elapsed())
        };
        let busy = connections > 0 || !locked(&self.list_checks).is_empty() || !self.has_copied();
        // If the remote does not accept the queue in this time, the next agent uploads it.
        let uploading = !self.queued().is_empty() && idle < self.config.idle * 5;
        !busy && !uploading && idle > self.config.idle
    }

    async fn serve_connection(self: Arc<Self>, mut stream: UnixStream, activity: Arc<Mutex<Activity>>) {
        locked(&activity).connections += 1;
        let _ = self.handle_requests(&mut stream, &activity).await;
        let mut activity = locked(&activity);
        activity.connections -= 1;
        activity.last_request = Instant::now();
    }

    async fn handle_requests(
        self: &Arc<Self>,
        stream: &mut UnixStream,
        activity: &Mutex<Activity>,
    ) -> io::Result<()> {
        let hello = Response::Hello {
            version: protocol::VERSION,
            kache: env!("CARGO_PKG_VERSION").to_string(),
            remote: self.config.levels.fingerprint(),
        };
        send(stream, &hello).await?;
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length).await?;
            let length = u32::from_le_bytes(length) as usize;
            if length > protocol::MAX_MESSAGE {
                return Ok(());
            }
            let mut message = vec![0; length];
            stream.read_exact(&mut message).await?;
            locked(activity).last_request = Instant::now();
            let Some(request) = Request::decode(&message) else { return Ok(()) };
            self.handle(stream, request).await?;
        }
    }

    async fn handle(self: &Arc<Self>, stream: &mut UnixStream, request: Request) -> io::Result<()> {
        let start = Instant::now();
        let response = match request {
            Request::Wake => {
                self.wake.notify_one();
                return Ok(());
            }
            Request::Stop => {
                self.ending.store(true, Ordering::Relaxed);
                return send(stream, &Response::KeepAlive).await;
            }
            Request::Flush { seconds } => return self.flush(stream, Duration::from_secs(seconds)).await,
            Request::Find { action, workspace, skip_prefetched } => {
                with_keep_alive(stream, self.find(&action, &workspace, skip_prefetched)).await?
            }
            Request::MoreLists { action } => with_keep_alive(stream, self.more_lists(&action)).await?,
            Request::Fetch { action, input_keys, workspace } => {
                with_keep_alive(stream, self.fetch_first(&action, &input_keys, &workspace)).await?
            }
        };
        match &response {
            Response::Stored { .. } => self.record_wait(start.elapsed(), true),
            Response::Unavailable(Unavailable::CircuitOpen, _) | Response::Lists(_) => {}
            _ => self.record_wait(start.elapsed(), false),
        }
        send(stream, &response).await
    }

    /// Finds the result of an action that the last build used, or else the lists of the action.
    async fn find(self: &Arc<Self>, action: &Digest, workspace: &[u8], skip_prefetched: bool) -> Response {
        let session = self.session(workspace);
        // The first request of a session waits for the build manifest and for the lists at the same time.
        let mut lists = Box::pin(self.all_lists(action));
        let mut early = None;
        if !skip_prefetched {
            let expected = tokio::time::timeout(self.timeout(), self.expected(workspace, &session, action));
            tokio::pin!(expected);
            let expected = loop {
                tokio::select! {
                    biased;
                    expected = &mut expected => break expected.unwrap_or_default(),
                    lists = &mut lists, if early.is_none() => early = Some(lists),
                }
            };
            for unit in expected {
                if let Some(response) = self.fetch_expected(&session, unit).await {
                    return response;
                }
            }
        }
        let lists = match early {
            Some(lists) => lists,
            None => lists.await,
        };
        match lists {
            Ok((lists, Some(why))) if lists.is_empty() => Response::Unavailable(Unavailable::Invalid, why),
            Ok((lists, _)) if lists.is_empty() => not_found(),
            Ok((lists, _)) => Response::Lists(lists),
            Err(e) => unavailable(e),
        }
    }

    /// The lists of an action that are missing from its index.
    async fn more_lists(self: &Arc<Self>, action: &Digest) -> Response {
        let orphaned = |level: Arc<Level>| async move {
            let orphaned = self.orphaned_lists(&level, action).await?;
            self.restore_to_index(&level, *action, orphaned.clone());
            Ok(Some(orphaned))
        };
        let answers = self.ask_all(orphaned).await;
        let mut lists = Vec::new();
        answers.found.into_iter().for_each(|found| add_lists(&mut lists, found));
        match answers.error {
            Some(e) if lists.is_empty() => unavailable(e),
            _ if lists.is_empty() => not_found(),
            _ => Response::Lists(lists),
        }
    }

    /// Fetches a unit that the last build used. `None` if its result is not the answer.
    async fn fetch_expected(self: &Arc<Self>, session: &Session, unit: BuildUnit) -> Option<Response> {
        let prefetched = self.has(&unit);
        // A result that this agent did not fetch was in the local store before, and the wrapper's lookup did not accept it.
        if prefetched && !locked(&self.in_flight).contains_key(&unit.input_key) {
            return None;
        }
        match self.fetch_in_time(unit.input_key).await {
            FetchOutcome::Stored(found, level) if found.action == unit.action => {
                session.add(found);
                Some(Response::Stored { result: found.result, prefetched, level })
            }
            _ => None,
        }
    }

    /// Fetches the first pack that exists under one of some input keys.
    async fn fetch_first(
        self: &Arc<Self>,
        action: &Digest,
        input_keys: &[Digest],
        workspace: &[u8],
    ) -> Response {
        // All fetches start at once. The order of the keys decides, not the order of completion.
        for key in input_keys {
            self.fetch(*key);
        }
        let mut response = not_found();
        for key in input_keys {
            match self.fetch_in_time(*key).await {
                FetchOutcome::Stored(unit, level) if unit.action == *action => {
                    self.session(workspace).add(unit);
                    return Response::Stored { result: unit.result, prefetched: false, level };
                }
                FetchOutcome::Stored(..) | FetchOutcome::Failed(StorageError::NotFound) => {}
                FetchOutcome::Failed(e) => response = unavailable(e),
                FetchOutcome::Invalid(why) => {
                    response = Response::Unavailable(Unavailable::Invalid, why);
                }
            }
        }
        response
    }

    async fn flush(self: &Arc<Self>, stream: &mut UnixStream, timeout: Duration) -> io::Result<()> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let work = async {
            let progress = |uploaded, remaining| _ = sender.send((uploaded, remaining));
            let done = tokio::time::timeout(timeout, self.flush_queue(progress)).await;
            done.unwrap_or_else(|_| UploadRound {
                uploaded: 0,
                remaining: self.queued().len() as u64,
                errors: vec![format!("not finished within {} s", timeout.as_secs())],
            })
        };
        tokio::pin!(work);
        let mut keep_alive = tokio::time::interval(KEEP_ALIVE);
        let UploadRound { uploaded, remaining, errors } = loop {
            tokio::select! {
                round = &mut work => break round,
                Some((uploaded, remaining)) = receiver.recv() => {
                    send(stream, &Response::Progress { uploaded, remaining }).await?;
                }
                _ = keep_alive.tick() => send(stream, &Response::KeepAlive).await?,
            }
        };
        send(stream, &Response::Flushed { uploaded, remaining, errors }).await
    }

    /// Uploads until the queue is empty, or three rounds in a row upload nothing. A background round counts, too.
    async fn flush_queue(self: &Arc<Self>, progress: impl Fn(u64, u64)) -> UploadRound {
        let mut all = UploadRound::default();
        let mut rounds_without_progress = 0;
        let mut least_remaining = self.queued().len() as u64;
        loop {
            let before = all.uploaded;
            let round = self.upload_queue(|uploaded, remaining| progress(before + uploaded, remaining)).await;
            let progressed = round.uploaded > 0 || round.remaining < least_remaining;
            least_remaining = least_remaining.min(round.remaining);
            rounds_without_progress = if progressed { 0 } else { rounds_without_progress + 1 };
            all = UploadRound { uploaded: before + round.uploaded, ..round };
            if all.remaining == 0 || rounds_without_progress == 3 {
                break;
            }
            tokio::time::sleep(self.throttle_pause().unwrap_or(Duration::from_millis(500))).await;
        }
        if let Err(e) = self.write_build_manifests().await {
            all.errors.push(format!("the build manifest: {e}"));
        }
        self.finish_copies().await;
        self.settle_lists().await;
        self.export_metrics().await;
        all
    }

    /// How long the service asked for no requests.
    fn throttle_pause(&self) -> Option<Duration> {
        self.writer().ok()?.storage.throttled().map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// Uploads the queue as it grows; after errors with increasing pauses.
    async fn upload_in_background(self: Arc<Self>) {
        let mut pause = Duration::ZERO;
        while self.writer().is_ok() {
            let round = self.upload_queue(|_, _| {}).await;
            let finished = round.remaining == 0 && self.queued().is_empty();
            let written = if finished { self.write_build_manifests().await } else { Ok(()) };
            self.check_lists().await;
            if let Some(why) = round.errors.first() {
                let results = count(round.remaining, "result is", "results are");
                self.log(&format!("{results} still to be uploaded: {why}"));
            }
            pause = next_pause(pause, !round.errors.is_empty(), written.is_err());
            match pause.max(self.throttle_pause().unwrap_or_default()) {
                Duration::ZERO => {
                    // The timeout is for list checks, which become due without a request.
                    let _ = tokio::time::timeout(Duration::from_secs(1), self.wake.notified()).await;
                }
                pause => tokio::time::sleep(pause).await,
            }
        }
    }
}

/// The pause between two rounds of background uploads.
fn next_pause(last: Duration, upload_failed: bool, manifest_failed: bool) -> Duration {
    const MIN: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(60);
    match (upload_failed, manifest_failed) {
        (true, _) => (last * 2).clamp(MIN, MAX),
        (false, true) => MIN,
        (false, false) => Duration::ZERO,
    }
}

fn not_found() -> Response {
    Response::Unavailable(Unavailable::NotFound, String::new())
}

fn unavailable(error: StorageError) -> Response {
    match error {
        StorageError::NotFound => not_found(),
        StorageError::CircuitOpen(why) => Response::Unavailable(Unavailable::CircuitOpen, why),
        other => Response::Unavailable(Unavailable::Failed, other.to_string()),
    }
}

async fn send(stream: &mut UnixStream, response: &Response) -> io::Result<()> {
    stream.write_all(&protocol::frame(&response.encode())).await
}

/// Awaits a response, and sends keep-alive messages until then.
async fn with_keep_alive(
    stream: &mut UnixStream,
    work: impl Future<Output = Response>,
) -> io::Result<Response> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            response = &mut work => return Ok(response),
            () = tokio::time::sleep(KEEP_ALIVE) => send(stream, &Response::KeepAlive).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_uploads_pause_longer_and_longer() {
        let seconds = Duration::from_secs;
        let pauses: Vec<_> = (0..8)
            .scan(Duration::ZERO, |pause, _| {
                *pause = next_pause(*pause, true, false);
                Some(*pause)
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60].map(seconds));
        assert_eq!(next_pause(seconds(60), false, true), seconds(1));
        assert_eq!(next_pause(seconds(60), false, false), Duration::ZERO);
    }

    #[test]
    fn a_client_learns_why_nothing_is_available() {
        assert_eq!(unavailable(StorageError::NotFound), not_found());
        let open = unavailable(StorageError::CircuitOpen("why".into()));
        assert_eq!(open, Response::Unavailable(Unavailable::CircuitOpen, "why".into()));
        let failed = unavailable(StorageError::Failed("403".into()));
        assert_eq!(failed, Response::Unavailable(Unavailable::Failed, "403".into()));
    }

    #[test]
    fn only_one_agent_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = lock(&path).unwrap();
        assert!(held.is_some() && lock(&path).unwrap().is_none());
        drop(held);
        assert!(lock(&path).unwrap().is_some());
    }
}
