//! GitHub's cache, as a server on loopback that enforces its limits: a number of requests, and no object is replaced.

use crate::fleet::{Machine, text};
use kache_core::events::Outcome;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the server has, and what it was asked.
#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    /// Uploads that were not finished.
    pending: BTreeMap<String, Vec<u8>>,
    /// The requests to the service itself, not to its storage: when, and of which kind.
    requests: Vec<(Instant, String)>,
    /// Requests after a 429 and before the end of its pause.
    ignored_pauses: usize,
    refused: usize,
    pause: Option<Instant>,
    /// The requests that are answered before each 429.
    allowance: Option<usize>,
}

#[derive(Clone)]
struct Github {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// The length of a pause that a 429 asks for.
const PAUSE: Duration = Duration::from_secs(2);

impl Github {
    fn start() -> Github {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let github = Github { address: listener.local_addr().unwrap(), state: Arc::default() };
        let server = github.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || while server.answer(&stream).is_some() {});
            }
        });
        github
    }

    fn machine(&self) -> Machine {
        Machine::with_sources("ghac://")
            .set("ACTIONS_CACHE_SERVICE_V2", "on")
            .set("ACTIONS_RESULTS_URL", format!("http://{}/", self.address))
            .set("ACTIONS_RUNTIME_TOKEN", "token")
            .set("GITHUB_SERVER_URL", "https://github.com")
            .set("KACHE_REMOTE_TIMEOUT", "60")
    }

    /// The requests of one kind.
    fn count(&self, kind: &str) -> usize {
        self.state.lock().unwrap().requests.iter().filter(|(_, name)| name.contains(kind)).count()
    }

    /// Reads a request and answers it. `None` at the end of the connection.
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_string()),
            }
        }
        let length = lines.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().ok())?
        });
        let mut body = Vec::new();
        reader.take(length.unwrap_or(0)).read_to_end(&mut body).ok()?;
        let path = lines[0].split(' ').nth(1)?;
        let (status, headers, answer) = match path.rsplit_once("CacheService/") {
            Some((_, method)) => self.service(method, &body),
            None => self.storage(lines[0].starts_with("PUT"), path, body),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", answer.len());
        let mut stream = stream;
        stream.write_all(&[head.as_bytes(), &answer].concat()).ok()
    }

    fn service(&self, method: &str, body: &[u8]) -> (&'static str, &'static str, Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        state.requests.push((now, method.to_string()));
        if state.pause.is_some_and(|end| now < end) {
            state.ignored_pauses += 1;
            return ("429 Too Many Requests", "retry-after: 2\r\n", Vec::new());
        }
        if let Some(left) = &mut state.allowance {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => {
                    state.allowance = Some(14);
                    state.pause = Some(now + PAUSE);
                    state.refused += 1;
                    return ("429 Too Many Requests", "retry-after: 2\r\n", Vec::new());
                }
            }
        }
        let key = field(body, 2);
        let url =
            |key: &str| format!("http://{}/container/{}?sig=secret", self.address, key.replace('/', "-"));
        let found = match method {
            "GetCacheEntryDownloadURL" => state.objects.contains_key(&key.replace('/', "-")),
            // An object is never replaced.
            "CreateCacheEntry" => {
                state.pending.remove(&key.replace('/', "-"));
                !state.objects.contains_key(&key.replace('/', "-"))
            }
            _ => {
                let key = key.replace('/', "-");
                let bytes = state.pending.remove(&key).unwrap_or_default();
                state.objects.insert(key, bytes);
                return ("200 OK", "", vec![8, 1]);
            }
        };
        let answer = if found { [vec![8, 1], text_field(2, &url(&key))].concat() } else { Vec::new() };
        ("200 OK", "", answer)
    }

    fn storage(&self, is_write: bool, path: &str, body: Vec<u8>) -> (&'static str, &'static str, Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        let key = path.split('?').next().unwrap().trim_start_matches("/container/").to_string();
        match is_write {
            // The list of blocks has the order in which they came.
            true if path.contains("comp=blocklist") => {}
            true => state.pending.entry(key).or_default().extend(body),
            false => match state.objects.get(&key) {
                Some(bytes) => return ("200 OK", "", bytes.clone()),
                None => return ("404 Not Found", "", Vec::new()),
            },
        }
        ("201 Created", "", Vec::new())
    }
}

/// A number of a protocol buffer, and the bytes after it.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let value = bytes[..length].iter().rev().fold(0, |all, byte| all << 7 | usize::from(byte & 0x7f));
    (value, &bytes[length..])
}

/// The text of a field of a protocol buffer.
fn field(mut bytes: &[u8], wanted: usize) -> String {
    while !bytes.is_empty() {
        let (tag, rest) = number(bytes);
        let (value, rest) = number(rest);
        bytes = rest;
        if tag & 7 == 2 {
            if tag >> 3 == wanted {
                return String::from_utf8(bytes[..value].to_vec()).unwrap();
            }
            bytes = &bytes[value..];
        }
    }
    String::new()
}

fn text_field(at: u8, text: &str) -> Vec<u8> {
    let length = [(text.len() & 0x7f) as u8 | 0x80, (text.len() >> 7) as u8];
    [&[at << 3 | 2], &length[..], text.as_bytes()].concat()
}

/// Builds different versions of the C file.
fn build(machine: &Machine, units: usize) -> Vec<Outcome> {
    let unit = |n| {
        machine.test.write("w/src/c.c", &format!("int answer{n}(void) {{ return {n}; }}\n"));
        // Each unit is an action of its own, as it is in a project.
        let object = format!("c{n}.o");
        let args = ["cc", "-c", "src/c.c", &format!("-DUNIT={n}"), "-o", &object];
        assert!(machine.output(&args).status.success());
        machine.test.last().outcome
    };
    (0..units).map(unit).collect()
}

/// Waits until a machine has uploaded all that it stored.
fn flush_all(machine: &Machine) {
    let flushed = machine.flush();
    assert!(
        flushed.status.success() && text(&flushed).contains(" 0 still to be uploaded"),
        "{}",
        text(&flushed)
    );
}

#[test]
fn github_is_shared_with_few_requests() {
    let github = Github::start();
    let a = github.machine();
    assert_eq!(build(&a, 6), [Outcome::Miss; 6]);
    flush_all(&a);
    // A result is two objects: a pack, and the index that leads to it.
    assert_eq!((github.count("Create"), github.count("Finalize")), (12, 12));
    // The wrapper asks for the index once, and nothing is asked again before the upload.
    assert_eq!(github.count("Get"), 6, "{:?}", github.state.lock().unwrap().requests);
    let b = github.machine();
    assert_eq!(build(&b, 6), [Outcome::Hit; 6]);
    assert_eq!(github.count("Get"), 6 + 12, "a hit is an index and a pack");
    // Another machine that compiled the same replaces nothing, and has nothing left to upload.
    let c = github.machine().set("KACHE_READ", "false");
    build(&c, 6);
    flush_all(&c);
    assert_eq!(github.count("Finalize"), 12);
}

/// The server refuses the 11th request, later each 15th one, and each one in the pauses that it asks for. A flush waits for
/// each pause.
#[test]
fn a_pause_that_github_asks_for_is_kept() {
    let github = Github::start();
    github.state.lock().unwrap().allowance = Some(10);
    let a = github.machine();
    assert_eq!(build(&a, 6), [Outcome::Miss; 6]);
    flush_all(&a);
    let state = github.state.lock().unwrap();
    assert!(state.refused >= 2, "the limit was reached {} times", state.refused);
    // Requests that were sent before the answer came are refused, too.
    let ignored = state.ignored_pauses;
    assert!(ignored <= 4 * state.refused, "{ignored} requests in {} pauses", state.refused);
    assert_eq!(state.objects.len(), 12);
}

/// However much there is to upload, no time has more requests than the limit allows.
#[test]
fn the_limit_of_requests_is_kept() {
    let github = Github::start();
    // The bucket has 10 tokens, and gets one each three seconds.
    let a = github.machine().set("KACHE_REMOTE_OPTIONS", "requests_per_minute=30");
    build(&a, 3);
    let flushed = a.output(&["flush", "--timeout", "300"]);
    assert!(flushed.status.success(), "{}", text(&flushed));
    let times: Vec<Instant> = github.state.lock().unwrap().requests.iter().map(|(at, _)| *at).collect();
    assert!(times.len() >= 3 + 3 * 4);
    let window = |from: Instant| {
        times.iter().filter(|at| **at >= from && **at < from + Duration::from_secs(6)).count()
    };
    assert!(times.iter().all(|from| window(*from) <= 10 + 2), "{times:?}");
}
