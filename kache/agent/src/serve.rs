//! Serving: connections, questions, and when to end.

use super::Agent;
use super::ahead::Tour;
use super::fetch::Fetched;
use super::storage::Fault;
use kache_core::digest::Digest;
use kache_core::platform::{self, socket};
use kache_core::remote::client::{Files, Orders};
use kache_core::remote::format::Used;
use kache_core::remote::protocol::{self, Ask, Tell, Why};
use kache_core::store::Area;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener as AgentListener, UnixStream as AgentStream};

/// How often whoever waits is told that it goes on.
const PULSE: Duration = Duration::from_millis(300);

/// Who is connected, and since when nobody has asked anything.
struct Presence {
    connections: AtomicUsize,
    last: std::sync::Mutex<Instant>,
}

/// Serves until there is nothing to do any more.
///
/// # Errors
/// Where it cannot listen, or a setting makes no sense. Another agent that serves already is none.
pub fn serve(orders: Orders) -> Result<(), String> {
    let trouble = |what: &str, e: io::Error| format!("{what}: {e}");
    let store = orders.cache.join(kache_core::store::FORMAT);
    let files = Files::of(&orders.remote, &store);
    platform::make_private_dir(files.dir()).map_err(|e| trouble("the agent's directory", e))?;
    let Some(_lock) = alone(&files.lock()).map_err(|e| trouble("the agent's lock", e))? else {
        return Ok(());
    };
    let agent = Agent::new(orders).inspect_err(|why| {
        // Nobody is there to read what is printed.
        let _ = std::fs::write(files.dir().join("log"), format!("the agent could not start: {why}\n"));
    })?;
    let listener = socket::listen(&files.socket()).map_err(|e| trouble("the agent's socket", e))?;
    listener.set_nonblocking(true).map_err(|e| trouble("the agent's socket", e))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .map_err(|e| trouble("the agent's threads", e))?;
    let socket = files.socket();
    runtime.block_on(async {
        let listener = AgentListener::from_std(listener).map_err(|e| trouble("the agent's socket", e))?;
        agent.serve(listener, &socket).await;
        Ok(())
    })
}

/// The lock that an agent holds; nothing where another does. A wrapper holds it for a moment to see whether one is there.
fn alone(path: &Path) -> io::Result<Option<File>> {
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
    async fn serve(self: Arc<Self>, listener: AgentListener, socket: &Path) {
        let presence = Arc::new(Presence {
            connections: AtomicUsize::new(0),
            last: std::sync::Mutex::new(Instant::now()),
        });
        let uploads = tokio::spawn(self.clone().upload_in_background());
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let ours = stream.peer_cred().is_ok_and(|peer| peer.uid() == socket::own_user());
                    if ours {
                        tokio::spawn(self.clone().attend(stream, presence.clone()));
                    }
                }
                _ = tick.tick() => {}
            }
            // A cache that was removed takes its agent along.
            if self.is_ending() || !self.store.area(Area::Blobs).exists() || self.is_idle(&presence) {
                break;
            }
        }
        self.ending.store(true, Ordering::Relaxed);
        let _ = std::fs::remove_file(socket);
        uploads.abort();
    }

    fn is_idle(&self, presence: &Presence) -> bool {
        let quiet = presence.last.lock().map_or(Duration::ZERO, |last| last.elapsed());
        let busy = presence.connections.load(Ordering::Relaxed) > 0 || !self.checks().is_empty();
        // What cannot go up now waits for the next agent.
        let waits = self.storage.writes() && !self.queue.all().is_empty() && quiet < self.orders.idle * 5;
        !busy && !waits && quiet > self.orders.idle
    }

    async fn attend(self: Arc<Self>, mut stream: AgentStream, presence: Arc<Presence>) {
        presence.connections.fetch_add(1, Ordering::Relaxed);
        let _ = self.converse(&mut stream, &presence).await;
        presence.connections.fetch_sub(1, Ordering::Relaxed);
        if let Ok(mut last) = presence.last.lock() {
            *last = Instant::now();
        }
    }

    async fn converse(self: &Arc<Self>, stream: &mut AgentStream, presence: &Presence) -> io::Result<()> {
        let hello = Tell::Hello {
            version: protocol::VERSION,
            kache: env!("CARGO_PKG_VERSION").to_string(),
            remote: self.orders.remote.fingerprint(),
        };
        say(stream, &hello).await?;
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length).await?;
            let length = u32::from_le_bytes(length) as usize;
            if length > protocol::LONGEST {
                return Ok(());
            }
            let mut message = vec![0; length];
            stream.read_exact(&mut message).await?;
            if let Ok(mut last) = presence.last.lock() {
                *last = Instant::now();
            }
            let Some(ask) = Ask::decode(&message) else { return Ok(()) };
            self.answer(stream, ask).await?;
        }
    }

    async fn answer(self: &Arc<Self>, stream: &mut AgentStream, ask: Ask) -> io::Result<()> {
        let begun = Instant::now();
        let tell = match ask {
            Ask::Wake => {
                self.wake.notify_one();
                return Ok(());
            }
            Ask::Stop => {
                self.ending.store(true, Ordering::Relaxed);
                return say(stream, &Tell::Working).await;
            }
            Ask::Flush { seconds } => return self.flush(stream, Duration::from_secs(seconds)).await,
            Ask::Find { action, place, again } => pulsed(stream, self.find(&action, &place, again)).await?,
            Ask::More { action } => pulsed(stream, self.more(&action)).await?,
            Ask::Fetch { action, states, place } => {
                pulsed(stream, self.first_of(&action, &states, &place)).await?
            }
        };
        match &tell {
            Tell::Here { .. } => self.waited(begun.elapsed(), false),
            Tell::Nothing(Why::Closed, _) | Tell::Lists(_) => {}
            _ => self.waited(begun.elapsed(), true),
        }
        say(stream, &tell).await
    }

    /// What is under an action: a result that is expected to fit, else the lists.
    async fn find(self: &Arc<Self>, action: &Digest, place: &[u8], again: bool) -> Tell {
        let tour = self.tour(place);
        // The first question of a build waits for the order and for the lists at once.
        let mut lists = Box::pin(self.lists(action, false));
        let mut early = None;
        if !again {
            let expected = tokio::time::timeout(self.storage.timeout(), self.expected(place, &tour, action));
            tokio::pin!(expected);
            let expected = loop {
                tokio::select! {
                    biased;
                    expected = &mut expected => break expected.unwrap_or_default(),
                    lists = &mut lists, if early.is_none() => early = Some(lists),
                }
            };
            for used in expected {
                if let Some(tell) = self.expect(&tour, used).await {
                    return tell;
                }
            }
        }
        let lists = match early {
            Some(lists) => lists,
            None => lists.await,
        };
        match lists {
            Ok((lists, Some(why))) if lists.is_empty() => Tell::Nothing(Why::Refused, why),
            Ok((lists, _)) if lists.is_empty() => Tell::Nothing(Why::Absent, String::new()),
            Ok((lists, _)) => Tell::Lists(lists.into_iter().map(|l| l.list).collect()),
            Err(fault) => nothing(fault),
        }
    }

    /// The lists of an action that its index does not have.
    async fn more(self: &Arc<Self>, action: &Digest) -> Tell {
        match self.strays(action).await {
            Ok(strays) if strays.is_empty() => Tell::Nothing(Why::Absent, String::new()),
            Ok(strays) => {
                let lists = strays.iter().map(|stray| stray.list.clone()).collect();
                self.take_back(*action, strays);
                Tell::Lists(lists)
            }
            Err(fault) => nothing(fault),
        }
    }

    /// A unit as the last build used it, if it may fit here.
    async fn expect(self: &Arc<Self>, tour: &Tour, used: Used) -> Option<Tell> {
        let ahead = self.has(&used);
        // It was here when the local store was asked, and does not hold.
        if ahead && !self.flights().contains_key(&used.state) {
            return None;
        }
        match self.fetch_for_now(used.state).await {
            Fetched::Here(found) if found.action == used.action => {
                tour.note(found);
                Some(Tell::Here { result: found.result, ahead })
            }
            _ => None,
        }
    }

    /// The first of some states that there is.
    async fn first_of(self: &Arc<Self>, action: &Digest, states: &[Digest], place: &[u8]) -> Tell {
        // All are asked for at once; what is found first by their order counts.
        for state in states {
            self.fetch(*state);
        }
        let mut why = Tell::Nothing(Why::Absent, String::new());
        for state in states {
            match self.fetch_for_now(*state).await {
                Fetched::Here(used) if used.action == *action => {
                    self.tour(place).note(used);
                    return Tell::Here { result: used.result, ahead: false };
                }
                Fetched::Here(_) | Fetched::Not(Fault::Absent) => {}
                Fetched::Not(fault) => why = nothing(fault),
                Fetched::Refused(what) => why = Tell::Nothing(Why::Refused, what),
            }
        }
        why
    }

    async fn flush(self: &Arc<Self>, stream: &mut AgentStream, patience: Duration) -> io::Result<()> {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let work = async {
            let done =
                tokio::time::timeout(patience, self.flush_all(|done, left| _ = tell.send((done, left))))
                    .await;
            done.unwrap_or_else(|_| super::publish::Round {
                done: 0,
                left: self.queue.all().len() as u64,
                troubles: vec![format!("not done within {} s", patience.as_secs())],
            })
        };
        tokio::pin!(work);
        let mut pulse = tokio::time::interval(PULSE);
        let round = loop {
            tokio::select! {
                round = &mut work => break round,
                Some((done, left)) = told.recv() => say(stream, &Tell::Progress { done, left }).await?,
                _ = pulse.tick() => say(stream, &Tell::Working).await?,
            }
        };
        say(stream, &Tell::Flushed { done: round.done, left: round.left, troubles: round.troubles }).await
    }

    /// Rounds until nothing waits, or three in a row get nowhere.
    pub(super) async fn flush_all(self: &Arc<Self>, tell: impl Fn(u64, u64)) -> super::publish::Round {
        let mut all = super::publish::Round::default();
        let mut in_vain = 0;
        loop {
            let before = all.done;
            let round = self.round(|done, left| tell(before + done, left)).await;
            in_vain = if round.done == 0 { in_vain + 1 } else { 0 };
            all = super::publish::Round { done: before + round.done, ..round };
            if all.left == 0 || in_vain == 3 {
                break;
            }
            let asked = self.storage.throttled().map(|until| until.saturating_duration_since(Instant::now()));
            tokio::time::sleep(asked.unwrap_or(Duration::from_millis(500))).await;
        }
        if let Err(fault) = self.write_orders().await {
            all.troubles.push(format!("the order of the build: {fault}"));
        }
        self.settle_lists().await;
        all
    }

    /// Uploads what waits, as it comes; after trouble with longer and longer pauses.
    async fn upload_in_background(self: Arc<Self>) {
        /// How long to pause after trouble, at most.
        const PAUSE: Duration = Duration::from_secs(60);
        let mut pause = Duration::ZERO;
        while self.storage.writes() {
            let round = self.round(|_, _| {}).await;
            let quiet = round.left == 0 && self.queue.all().is_empty();
            let wrote = if quiet { self.write_orders().await } else { Ok(()) };
            self.check_lists().await;
            pause = match round.troubles.first() {
                Some(why) => {
                    self.log(&format!("{} results are still to be uploaded: {why}", round.left));
                    (pause * 2).clamp(Duration::from_secs(1), PAUSE)
                }
                None if wrote.is_err() => Duration::from_secs(1),
                None => Duration::ZERO,
            };
            let asked = self.storage.throttled().map(|until| until.saturating_duration_since(Instant::now()));
            match pause.max(asked.unwrap_or_default()) {
                Duration::ZERO => {
                    // A list that was written is looked at again without being told to.
                    let _ = tokio::time::timeout(Duration::from_secs(1), self.wake.notified()).await;
                }
                pause => tokio::time::sleep(pause).await,
            }
        }
    }
}

fn nothing(fault: Fault) -> Tell {
    match fault {
        Fault::Absent => Tell::Nothing(Why::Absent, String::new()),
        Fault::Closed(why) => Tell::Nothing(Why::Closed, why),
        other => Tell::Nothing(Why::Failed, other.to_string()),
    }
}

async fn say(stream: &mut AgentStream, tell: &Tell) -> io::Result<()> {
    let message = tell.encode();
    let mut all = Vec::with_capacity(message.len() + 4);
    all.extend((message.len() as u32).to_le_bytes());
    all.extend(message);
    stream.write_all(&all).await
}

/// Does something, and tells whoever waits that it goes on.
async fn pulsed(stream: &mut AgentStream, work: impl Future<Output = Tell>) -> io::Result<Tell> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            tell = &mut work => return Ok(tell),
            () = tokio::time::sleep(PULSE) => say(stream, &Tell::Working).await?,
        }
    }
}
