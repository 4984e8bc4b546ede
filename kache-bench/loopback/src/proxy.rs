//! A proxy on loopback, and every way in which a server behind a network can fail.

use crate::requests::RequestScanner;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// What becomes of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A round trip takes so much longer, and so does a connection's first.
    Latency(Duration),
    /// They are taken, and never answered.
    Hang,
    /// They are reset at the first bytes.
    Reset,
    /// Answers come at so many bytes a second.
    Slow(u64),
    /// An answer is cut after so many bytes, as if it ended.
    Cut(usize),
    /// An answer is cut after so many bytes, by a reset.
    Break(usize),
    /// A request is answered with this, whatever it asks: a status line's rest, and header lines.
    Answer(&'static str, &'static str),
    /// Bit 0 of the byte at this place of each answer is flipped, and at each so many further.
    Flip(usize),
}

/// What becomes of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    pub fault: Fault,
    /// After this time the proxy closes it, whatever is on its way.
    pub lasts: Option<Duration>,
}

/// Gives each connection its fate.
pub type Draw = Box<dyn FnMut() -> Fate + Send>;

/// What a proxy has passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes from clients, and to them.
    pub up: u64,
    pub down: u64,
    /// The requests by kind, as [`RequestScanner`] names them.
    pub requests: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    requests: AtomicU64,
    traffic: Mutex<Traffic>,
}

impl Counters {
    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_up(&self, scanner: &mut RequestScanner, piece: &[u8]) {
        let kinds = scanner.feed(piece);
        let mut traffic = self.traffic();
        traffic.up += piece.len() as u64;
        kinds.into_iter().for_each(|kind| *traffic.requests.entry(kind).or_default() += 1);
    }
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    draw: Arc<Mutex<Draw>>,
    ended: Arc<AtomicBool>,
    counters: Arc<Counters>,
}

impl Proxy {
    /// Stands in front of a server.
    ///
    /// # Errors
    /// Where nothing can be listened on.
    pub fn start(target: SocketAddr, fault: Fault) -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Proxy {
            address: listener.local_addr()?,
            draw: Arc::new(Mutex::new(always(fault))),
            ended: Arc::default(),
            counters: Arc::default(),
        };
        let (draw, ended, counters) = (proxy.draw.clone(), proxy.ended.clone(), proxy.counters.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                counters.connections.fetch_add(1, Ordering::Relaxed);
                let fate = draw.lock().unwrap_or_else(PoisonError::into_inner)();
                let counters = counters.clone();
                std::thread::spawn(move || {
                    let _ = attend(client, target, fate, counters);
                });
            }
        });
        Ok(proxy)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of connections from now on. Those that are open go on as they were.
    pub fn set(&self, fault: Fault) {
        self.set_draw(always(fault));
    }

    /// The same, with a fate for each connection.
    pub fn set_draw(&self, draw: Draw) {
        *self.draw.lock().unwrap_or_else(PoisonError::into_inner) = draw;
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.counters.connections.load(Ordering::Relaxed)
    }

    /// How many times a client began to speak: requests, where it waits for each answer.
    pub fn requests(&self) -> u64 {
        self.counters.requests.load(Ordering::Relaxed)
    }

    /// What was passed on so far.
    pub fn traffic(&self) -> Traffic {
        self.counters.traffic().clone()
    }
}

fn always(fault: Fault) -> Draw {
    Box::new(move || Fate { fault: fault.clone(), lasts: None })
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // So that the thread that accepts looks.
        let _ = TcpStream::connect(self.address);
    }
}

fn attend(client: TcpStream, target: SocketAddr, fate: Fate, counters: Arc<Counters>) -> io::Result<()> {
    client.set_nodelay(true)?;
    if let Some(lasts) = fate.lasts {
        close_after(client.try_clone()?, lasts);
    }
    match fate.fault {
        Fault::Hang => return hang(client),
        Fault::Reset => {
            let mut first = [0; 1];
            let _ = (&client).read(&mut first);
            return reset(&client);
        }
        Fault::Answer(status, headers) => return answer(client, status, headers, &counters),
        _ => {}
    }
    let server = TcpStream::connect(target)?;
    server.set_nodelay(true)?;
    let half = match fate.fault {
        Fault::Latency(round_trip) => round_trip / 2,
        _ => Duration::ZERO,
    };
    let up = (client.try_clone()?, server.try_clone()?);
    let passage = Passage::Up(RequestScanner::default());
    let counted = counters.clone();
    // The first of a connection waits for the handshake, too.
    std::thread::spawn(move || relay(up.0, up.1, half, half * 2, passage, counted));
    relay(server, client, half, Duration::ZERO, Passage::Down(fate.fault), counters);
    Ok(())
}

fn close_after(client: TcpStream, lasts: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(lasts);
        let _ = client.shutdown(Shutdown::Both);
    });
}

fn hang(client: TcpStream) -> io::Result<()> {
    // Until the client gives up.
    client.set_read_timeout(Some(Duration::from_secs(120)))?;
    let mut buffer = [0; 4096];
    while (&client).read(&mut buffer)? > 0 {}
    Ok(())
}

fn reset(stream: &TcpStream) -> io::Result<()> {
    // Closed with nothing to linger for, a socket is reset.
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

fn answer(mut client: TcpStream, status: &str, headers: &str, counters: &Counters) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut text = Vec::new();
    let mut buffer = [0; 65536];
    let mut scanner = RequestScanner::default();
    loop {
        let n = client.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        text.extend(&buffer[..n]);
        counters.count_up(&mut scanner, &buffer[..n]);
        let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
        if text.len() < end + 4 + length {
            continue;
        }
        counters.requests.fetch_add(1, Ordering::Relaxed);
        write!(client, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n{headers}\r\n")?;
        text.clear();
    }
}

/// The direction of bytes, and what becomes of them.
enum Passage {
    /// To the server: the requests are counted.
    Up(RequestScanner),
    /// To the client, with a fault.
    Down(Fault),
}

/// Passes on what comes, each piece after its delay, however many are on their way.
fn relay(
    from: TcpStream,
    to: TcpStream,
    delay: Duration,
    first: Duration,
    passage: Passage,
    counters: Arc<Counters>,
) {
    let (tell, told) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = {
        let Ok(to) = to.try_clone() else { return };
        std::thread::spawn(move || pass(told, to, passage, &counters))
    };
    let mut buffer = vec![0; 65536];
    let mut extra = first;
    while let Ok(n) = (&from).read(&mut buffer) {
        if n == 0 || tell.send((Instant::now() + delay + extra, buffer[..n].to_vec())).is_err() {
            break;
        }
        extra = Duration::ZERO;
    }
    drop(tell);
    let _ = writer.join();
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

fn pass(
    told: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut to: TcpStream,
    mut passage: Passage,
    counters: &Counters,
) {
    let mut passed = 0usize;
    for (due, piece) in told {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let length = piece.len();
        let sent = match &mut passage {
            Passage::Up(scanner) => {
                counters.requests.fetch_add(1, Ordering::Relaxed);
                counters.count_up(scanner, &piece);
                to.write_all(&piece)
            }
            Passage::Down(fault) => {
                counters.traffic().down += length as u64;
                answer_with(&mut to, piece, passed, fault)
            }
        };
        passed += length;
        if sent.is_err() {
            return;
        }
    }
}

/// Passes on a piece of an answer, after `passed` bytes, as the fault says. An error ends the connection.
fn answer_with(to: &mut TcpStream, mut piece: Vec<u8>, passed: usize, fault: &Fault) -> io::Result<()> {
    match fault {
        Fault::Cut(at) | Fault::Break(at) if passed + piece.len() > *at => {
            let _ = to.write_all(&piece[..at.saturating_sub(passed)]);
            if matches!(fault, Fault::Break(_)) {
                let _ = reset(to);
            }
            let _ = to.shutdown(Shutdown::Both);
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Fault::Flip(every) => {
            let flipped = (0..piece.len()).filter(|i| (passed + i + 1).is_multiple_of(*every));
            flipped.for_each(|i| piece[i] ^= 1);
            to.write_all(&piece)
        }
        Fault::Slow(rate) => piece.chunks((*rate / 20).max(1) as usize).try_for_each(|part| {
            std::thread::sleep(Duration::from_millis(50));
            to.write_all(part)
        }),
        _ => to.write_all(&piece),
    }
}
