//! Every parser of bytes that come from a disk, another process or the network, each as a function of any bytes: it must
//! not panic, and what it understands must be as it was when it is written out again. The fuzz targets give it random
//! bytes; `tests/corpus.rs` gives it those that are kept in `corpus/`.

use kache_core::digest::{self, Digest, Known};
use kache_core::events::Event;
use kache_core::key_trace::KeyTrace;
use kache_core::observe::log::{HEADER, trace_of};
use kache_core::observe::object as reader;
use kache_core::observe::text::TextLog;
use kache_core::paths::Roots;
use kache_core::platform::{self, StatId};
use kache_core::remote::format::{self, BuildManifest, Header};
use kache_core::remote::protocol::{self, Request, Response};
use kache_core::settings::Settings;
use kache_core::store::manifest::Manifest;
use kache_core::store::result::ActionResult;
use kache_core::store::states::Head;
use kache_core::template::{self, Format};
use kache_frontends::depinfo;
use kache_frontends::response;
use kache_frontends::toolchain::Toolchain;
use std::io::Write;
use std::path::Path;

/// Takes any bytes; panics where they are not dealt with as they should.
pub type Parser = fn(&[u8]);

/// Each parser with its name, which is also that of its fuzz target and of its folder in `corpus/`.
pub static ALL: &[(&str, Parser)] = &[
    ("manifest", manifest),
    ("result", result),
    ("toolchain", toolchain),
    ("digests", digests),
    ("depinfo", dep_info),
    ("depfile", depfile),
    ("marks", marks),
    ("config", config),
    ("event", event),
    ("trace", trace),
    ("response", response_file),
    ("log", log),
    ("object", object),
    ("lists", lists),
    ("header", header),
    ("order", order),
    ("talk", talk),
    ("state", state),
];

/// Gives bytes to the parser of that name.
pub fn run(name: &str, data: &[u8]) {
    let (_, parser) = ALL.iter().find(|(n, _)| *n == name).expect("a parser of that name");
    parser(data);
}

/// Chance never finds a seal: it is put on here. The key is the one that the bytes name.
fn sealed(body: &[u8]) -> (Vec<u8>, Digest) {
    let key = body.get(8..40).and_then(|b| b.try_into().ok()).map_or(Digest([0; 32]), Digest);
    ([body, &Digest::of(body).0].concat(), key)
}

fn manifest(data: &[u8]) {
    let (bytes, key) = sealed(data);
    if let Some(manifest) = Manifest::decode(&bytes, &key) {
        assert_eq!(Manifest::decode(&manifest.encode(&key), &key), Some(manifest));
    }
}

fn result(data: &[u8]) {
    let (bytes, key) = sealed(data);
    if let Some(result) = ActionResult::decode(&bytes, &key) {
        assert_eq!(ActionResult::decode(&result.encode(&key), &key), Some(result));
    }
}

fn state(data: &[u8]) {
    let (bytes, key) = sealed(data);
    if let Some(head) = Head::decode(&bytes, &key) {
        assert_eq!(Head::decode(&head.encode(&key), &key), Some(head));
    }
}

fn lists(data: &[u8]) {
    let (bytes, action) = sealed(data);
    if let Ok(lists) = format::decode_index(&bytes, &action) {
        assert_eq!(format::decode_index(&format::encode_index(&action, &lists), &action), Ok(lists));
    }
    if let Some(dependencies) = format::decode_list(&bytes) {
        assert_eq!(format::decode_list(&format::encode_list(dependencies.iter())), Some(dependencies));
    }
}

fn header(data: &[u8]) {
    let bytes = sealed(data).0;
    let Some(header) = Header::read(&bytes) else { return };
    assert_eq!(Header::read(&header.encode()).as_ref(), Some(&header));
    let key = format::recorded_input_key(&header.action, &header.set);
    if let Ok(valid) = Header::decode(&bytes, &key) {
        assert!(valid.size() <= format::MAX_BLOBS);
    }
}

fn order(data: &[u8]) {
    if let Some(mut manifest) = BuildManifest::decode(&sealed(data).0) {
        assert_eq!(BuildManifest::decode(&manifest.encode()).as_ref(), Some(&manifest));
        if let Some(first) = manifest.builds.first().cloned() {
            manifest.merge_build(&first);
        }
    }
}

fn talk(data: &[u8]) {
    let bytes = sealed(data).0;
    if let Some(request) = Request::decode(&bytes) {
        assert_eq!(Request::decode(&request.encode()), Some(request));
    }
    if let Some(response) = Response::decode(&bytes) {
        assert_eq!(Response::decode(&response.encode()), Some(response));
    }
    if let Ok(message) = protocol::receive(&mut &*data) {
        assert_eq!(message, data[4..4 + message.len()]);
    }
}

fn toolchain(data: &[u8]) {
    let (bytes, key) = sealed(data);
    if let Some(toolchain) = Toolchain::decode(&bytes, &key) {
        let again =
            Toolchain::decode(&toolchain.encode(&key), &key).expect("what was understood can be written");
        assert_eq!(format!("{toolchain:?}"), format!("{again:?}"));
    }
}

fn digests(data: &[u8]) {
    let mut slot = [0; digest::SLOT];
    let n = data.len().min(slot.len());
    slot[..n].copy_from_slice(&data[..n]);
    if let Some((id, known)) = digest::decode(&slot) {
        assert_eq!(digest::encode(&id, known), slot);
    }
    let word = |i: usize| u64::from_le_bytes(slot[i * 8..i * 8 + 8].try_into().expect("eight bytes"));
    let (mtime, ctime) = (word(3) as i64, word(4) as i64);
    let id = StatId { dev: word(0), ino: word(1), size: word(2), mtime, ctime };
    let known = Known { digest: Digest::of(data) };
    assert_eq!(digest::decode(&digest::encode(&id, known)), Some((id, known)));
}

/// Two checkouts, one of which has what is hard to quote in its path.
fn roots(workspace: &str) -> Roots {
    let mut roots = Roots::default();
    roots.add("workspace", workspace.into(), Some("."));
    roots.add("target", format!("{workspace}/target").into(), Some("./target"));
    roots.add("cargo", "/c".into(), Some("/kache/cargo"));
    roots
}

/// What is marked and rendered in the same place is what it was: all but what stands for cargo's home in artifacts, which
/// comes back as the real one.
fn moved(text: &[u8], format: Format) {
    for here in ["/w", "/a b/$#\"x"] {
        let Some(template) = template::templatize(text, &roots(here), format) else { return };
        let _ = template::render(&template, &roots("/elsewhere"));
        let back = template::render(&template, &roots(here)).expect("the same roots");
        if template::contains(text, b"/kache/cargo") {
            continue;
        }
        assert_eq!(back.escape_ascii().to_string(), text.escape_ascii().to_string(), "{format:?} {here}");
    }
}

fn dep_info(data: &[u8]) {
    depinfo::parse(data, Format::DepInfo);
    moved(data, Format::DepInfo);
}

fn depfile(data: &[u8]) {
    for format in [Format::NarrowDepfile, Format::WideDepfile] {
        depinfo::parse(data, format);
        moved(data, format);
    }
}

fn marks(data: &[u8]) {
    let _ = template::render(data, &roots("/w"));
    template::unmap(data, &roots("/w"));
    moved(data, Format::Printed);
}

fn config(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let settings = Settings::with_file(Path::new("kache.toml"), text);
        assert!((0.0..=1.0).contains(&settings.check));
    }
}

fn event(data: &[u8]) {
    if let Ok(event) = serde_json::from_slice::<Event>(data) {
        event.unit.label();
        let text = serde_json::to_vec(&event).expect("what was read can be written");
        let again: Event = serde_json::from_slice(&text).expect("what was written can be read");
        assert_eq!(format!("{event:?}"), format!("{again:?}"));
    }
}

fn trace(data: &[u8]) {
    if let Ok(trace) = serde_json::from_slice::<KeyTrace>(data) {
        let text = serde_json::to_vec(&trace).expect("what was read can be written");
        assert_eq!(serde_json::from_slice::<KeyTrace>(&text).expect("as written"), trace);
    }
}

fn response_file(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        for word in response::split(text) {
            // Quoted anew, letter by letter, it is one word, and the same.
            let quoted: String = word.chars().flat_map(|c| ['\\', c]).collect();
            let wanted = if word.is_empty() { vec![] } else { vec![word] };
            assert_eq!(response::split(&quoted), wanted);
        }
    }
}

/// Behind a header of its own, so that chance is spent on records.
fn log(data: &[u8]) {
    // Records are read at their own alignment.
    let mut words = vec![0u64; HEADER / 8 + data.len().div_ceil(8)];
    let len = words.len() * 8;
    for (word, chunk) in words[HEADER / 8..].iter_mut().zip(data.chunks(8)) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_ne_bytes(bytes);
    }
    words[kache_core::observe::log::TAIL_AT / 8] = len as u64;
    // SAFETY: as many bytes as the words have, which outlive the slice.
    let bytes = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), len) };
    let trace = trace_of(bytes);
    for event in &trace.events {
        assert!(event.path.len() + event.path2.len() < data.len());
    }
    let text = TextLog::parse(&trace.to_string()).expect("what was printed can be read");
    assert!(text.trace().events == trace.events && text.trace().torn == trace.torn);
}

fn object(data: &[u8]) {
    let mut file = platform::memory_file().expect("memory");
    file.write_all(data).expect("memory");
    let path = platform::path_of_open(&file);
    reader::imports(&path);
    reader::functions(&path, &["rustix"]);
    reader::calls_kernel(&path);
}
