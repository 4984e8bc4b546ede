//! A proxy on loopback, and every way in which a server behind a network can fail.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
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

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    ended: Arc<AtomicBool>,
    connections: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
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
            fault: Arc::new(Mutex::new(fault)),
            ended: Arc::default(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (fault, ended) = (proxy.fault.clone(), proxy.ended.clone());
        let (connections, requests) = (proxy.connections.clone(), proxy.requests.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                connections.fetch_add(1, Ordering::Relaxed);
                let fault = fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let requests = requests.clone();
                std::thread::spawn(move || {
                    let _ = attend(client, target, fault, requests);
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
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many times a client began to speak: requests, where it waits for each answer.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // So that the thread that accepts looks.
        let _ = TcpStream::connect(self.address);
    }
}

fn attend(client: TcpStream, target: SocketAddr, fault: Fault, requests: Arc<AtomicU64>) -> io::Result<()> {
    client.set_nodelay(true)?;
    match fault {
        Fault::Hang => return hang(client),
        Fault::Reset => {
            let mut first = [0; 1];
            let _ = (&client).read(&mut first);
            return reset(&client);
        }
        Fault::Answer(status, headers) => return answer(client, status, headers, &requests),
        _ => {}
    }
    let server = TcpStream::connect(target)?;
    server.set_nodelay(true)?;
    let half = match fault {
        Fault::Latency(round_trip) => round_trip / 2,
        _ => Duration::ZERO,
    };
    let up = (client.try_clone()?, server.try_clone()?);
    // The first of a connection waits for the handshake, too.
    std::thread::spawn(move || relay(up.0, up.1, half, half * 2, Fault::None, Some(requests)));
    relay(server, client, half, Duration::ZERO, fault, None);
    Ok(())
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

fn answer(mut client: TcpStream, status: &str, headers: &str, requests: &AtomicU64) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut text = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        let n = client.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        text.extend(&buffer[..n]);
        let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
        if text.len() < end + 4 + length {
            continue;
        }
        requests.fetch_add(1, Ordering::Relaxed);
        write!(client, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n{headers}\r\n")?;
        text.clear();
    }
}

/// Passes on what comes, each piece after its delay, however many are on their way.
fn relay(
    from: TcpStream,
    to: TcpStream,
    delay: Duration,
    first: Duration,
    fault: Fault,
    requests: Option<Arc<AtomicU64>>,
) {
    let (tell, told) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = {
        let Ok(to) = to.try_clone() else { return };
        std::thread::spawn(move || pass(told, to, &fault, requests.as_deref()))
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

/// Counts the pieces as requests, or does to them what the fault says.
fn pass(
    told: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut to: TcpStream,
    fault: &Fault,
    requests: Option<&AtomicU64>,
) {
    let mut passed = 0usize;
    for (due, mut piece) in told {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if let Some(requests) = requests {
            requests.fetch_add(1, Ordering::Relaxed);
        }
        let sent = match fault {
            Fault::Cut(at) | Fault::Break(at) if passed + piece.len() > *at => {
                let _ = to.write_all(&piece[..at.saturating_sub(passed)]);
                if matches!(fault, Fault::Break(_)) {
                    let _ = reset(&to);
                }
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
            Fault::Flip(every) => {
                let flipped = (0..piece.len()).filter(|i| (passed + i + 1).is_multiple_of(*every));
                flipped.for_each(|i| piece[i] ^= 1);
                to.write_all(&piece)
            }
            Fault::Slow(rate) => piece.chunks((rate / 20).max(1) as usize).try_for_each(|part| {
                std::thread::sleep(Duration::from_millis(50));
                to.write_all(part)
            }),
            _ => to.write_all(&piece),
        };
        passed += piece.len();
        if sent.is_err() {
            return;
        }
    }
}
