//! Damaged and forged objects in the remote: a build gets the compiler's output, or a result that a trusted key signed.

use crate::fleet::{Machine, objects, text, way};
use kache_core::events::{Event, Outcome, RemoteWay};
use kache_core::remote::format::VERSION;
use kache_core::store::Area;
use std::fs;
use std::path::{Path, PathBuf};

pub type Damage = fn(&Path, &[u8], &[PathBuf]) -> Vec<u8>;

/// Ways to damage an object, given its path, its bytes and the paths of all objects.
pub const DAMAGES: &[(&str, Damage)] = &[
    ("emptied", |_, _, _| Vec::new()),
    ("cut in half", |_, bytes, _| bytes[..bytes.len() / 2].to_vec()),
    ("a byte short", |_, bytes, _| bytes[..bytes.len() - 1].to_vec()),
    ("a bit flipped at its start", |_, bytes, _| flipped(bytes, 9)),
    ("a bit flipped in its middle", |_, bytes, _| flipped(bytes, bytes.len() / 2)),
    ("a bit flipped at its end", |_, bytes, _| flipped(bytes, bytes.len() - 2)),
    ("bytes appended", |_, bytes, _| [bytes, b"more"].concat()),
    ("twice", |_, bytes, _| [bytes, bytes].concat()),
    ("another of its kind", |path, bytes, all| {
        let other = all.iter().find(|p| *p != path && kind(p) == kind(path));
        other.map_or(bytes.to_vec(), |p| fs::read(p).unwrap())
    }),
    ("another kind", |path, _, all| {
        // An index of one list has the bytes of that list.
        let kind = |p: &Path| kind(p).replace("lists", "index");
        fs::read(all.iter().find(|p| kind(p) != kind(path)).unwrap()).unwrap()
    }),
    ("1 GiB of zeros, compressed", |_, bytes, _| {
        let bomb = bomb();
        match bytes.starts_with(b"kachepk1") {
            true => [&b"kachepk1"[..], &(bomb.len() as u32).to_le_bytes(), &bomb, &[0, 0]].concat(),
            false => bomb,
        }
    }),
    ("a header length of 4 GB", |_, _, _| [&b"kachepk1"[..], &u32::MAX.to_le_bytes(), b"x"].concat()),
    ("a page of HTML", |_, _, _| b"<html>please log in</html>".to_vec()),
];

/// `index`, `lists`, `packs` or `builds`.
pub fn kind(path: &Path) -> String {
    let part = path.iter().skip_while(|part| *part != VERSION).nth(1);
    part.unwrap_or_else(|| panic!("{} is not an object", path.display())).to_string_lossy().into_owned()
}

pub fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    bytes
}

fn bomb() -> Vec<u8> {
    use std::sync::OnceLock;
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    let make = || zstd::stream::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1).unwrap();
    BOMB.get_or_init(make).clone()
}

pub struct Keys {
    pub secret: String,
    pub public: String,
}

pub fn keys(dir: &Path, name: &str) -> Keys {
    let file = dir.join(name);
    let machine = Machine::new("none");
    let made = machine.output(&["keygen", file.to_str().unwrap()]);
    assert!(made.status.success(), "{}", text(&made));
    let public = text(&made).lines().last().unwrap().to_string();
    assert!(
        !machine.output(&["keygen", file.to_str().unwrap()]).status.success(),
        "a key is never overwritten"
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    Keys { secret: file.display().to_string(), public }
}

/// Damages the objects of each kind in each way.
fn damage_everything(kind_of_remote: &str, machine: impl Fn(&str) -> Machine) {
    println!(
        "| objects, {kind_of_remote} | damage | artifacts | Rust | C |\n| --- | --- | --- | --- | --- |"
    );
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let a = machine(&url);
    a.test.write("w/Cargo.lock", "# one\n");
    a.rust();
    a.c();
    assert!(a.flush().status.success());
    let all = objects(shared.path());
    for one in ["index", "lists", "packs", "builds"] {
        let events = a.test.events();
        assert!(all.iter().any(|p| kind(p) == one), "the remote has no {one}: {all:?}, {events:?}");
    }
    let (rust, c) = (a.artifact("libl.rlib"), a.artifact("c.o"));
    let whole: Vec<Vec<u8>> = all.iter().map(|p| fs::read(p).unwrap()).collect();
    let mut invalid = 0;
    // A list that is missing from the index is found in its folder, so the index and the lists are damaged together.
    for kinds in [&["index", "lists"][..], &["lists"], &["packs"], &["builds"]] {
        for (name, damage) in DAMAGES {
            let of_kind = all.iter().zip(&whole).filter(|(path, _)| kinds.contains(&kind(path).as_str()));
            // All damaged bytes are computed before any are written, because some are the intact bytes of other objects.
            let damaged: Vec<_> = of_kind.map(|(path, bytes)| (path, damage(path, bytes, &all))).collect();
            damaged.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
            let b = machine(&url).set("KACHE_REMOTE_MODE", "read-only");
            // A build manifest leads to packs without lists, so damaged lists are tested without one.
            if kinds[0] != "index" {
                b.test.write("w/Cargo.lock", "# one\n");
            }
            let events = [b.rust(), b.c()];
            assert!(b.artifact("libl.rlib") == rust && b.artifact("c.o") == c, "{kinds:?}: {name}");
            let needed = kinds[0] == "index" || kinds[0] == "packs";
            let hit = needed && events.iter().any(|e| e.outcome == Outcome::Hit);
            assert!(!hit, "{kinds:?}: {name}: {events:?}");
            println!(
                "| {} | {name} | the compiler's | {} | {} |",
                kinds.join(", "),
                summary(&events[0]),
                summary(&events[1])
            );
            invalid += events.iter().filter(|e| way(e).1 == Some(RemoteWay::Refused)).count();
            all.iter().zip(&whole).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        }
    }
    assert!(invalid > 2 * DAMAGES.len(), "the events name only {invalid} invalid objects");
    // The invalid object is quarantined.
    let b = machine(&url);
    let pack = all.iter().find(|p| kind(p) == "packs").unwrap();
    fs::write(pack, "kachepk1 and nothing").unwrap();
    b.rust();
    b.c();
    let quarantined = Area::Quarantine.in_cache(&b.test.cache());
    assert_eq!(objects(&quarantined).len(), 1);
    // A machine with write access replaces it.
    assert!(b.flush().status.success());
    let c = machine(&url);
    assert_eq!((c.rust().outcome, c.c().outcome), (Outcome::Hit, Outcome::Hit));
}

fn summary(event: &Event) -> String {
    let (outcome, of_remote) = way(event);
    let outcome = if outcome == Outcome::Hit { "restored" } else { "compiled" };
    let invalid = if of_remote == Some(RemoteWay::Refused) { ", invalid" } else { "" };
    format!("{outcome}{invalid}")
}

#[test]
fn damaged_objects_are_not_used() {
    damage_everything("unsigned", Machine::with_sources);
}

#[test]
fn damaged_signed_objects_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path(), "key");
    let signed = |url: &str| {
        Machine::with_sources(url)
            .set("KACHE_REMOTE_SIGN_KEY", keys.secret.clone())
            .set("KACHE_REMOTE_VERIFY_KEYS", keys.public.clone())
    };
    damage_everything("signed", signed);
}

/// A writer who knows the format stores a forged object under a valid name: readers with `verify_keys` ignore it, others use
/// it.
#[test]
fn only_results_signed_by_a_trusted_key_are_used() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (keys(dir.path(), "ours"), keys(dir.path(), "theirs"));
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    for signature in [None, Some(&theirs)] {
        let writer = Machine::with_sources(&url);
        let writer = match signature {
            Some(keys) => writer.set("KACHE_REMOTE_SIGN_KEY", keys.secret.clone()),
            None => writer,
        };
        writer.rust();
        assert!(writer.flush().status.success());
        // Neither machine writes: the objects are removed at the end of the round.
        let reads = || Machine::with_sources(&url).set("KACHE_REMOTE_MODE", "read-only");
        let reader = reads().set("KACHE_REMOTE_VERIFY_KEYS", ours.public.clone());
        let event = reader.rust();
        assert_eq!(way(&event), (Outcome::Miss, Some(RemoteWay::Refused)), "{event:?}");
        // A machine without `verify_keys` uses the object.
        let trusting = reads();
        assert_eq!(trusting.rust().outcome, Outcome::Hit);
        fs::remove_dir_all(shared.path().join("kache")).unwrap();
    }
    let unsigned = Machine::with_sources(&url);
    unsigned.rust();
    assert!(unsigned.flush().status.success());
    // A machine with our key replaces objects that its readers would ignore.
    let ours_writer = Machine::with_sources(&url)
        .set("KACHE_REMOTE_SIGN_KEY", ours.secret.clone())
        .set("KACHE_REMOTE_VERIFY_KEYS", ours.public.clone());
    assert_eq!(ours_writer.rust().outcome, Outcome::Miss);
    assert!(ours_writer.flush().status.success());
    let reader = Machine::with_sources(&url).set("KACHE_REMOTE_VERIFY_KEYS", ours.public.clone());
    assert_eq!(reader.rust().outcome, Outcome::Hit, "{:?}", reader.test.last());
    // An invalid key does not turn verification off: the remote is not used.
    let invalid_key = Machine::with_sources(&url).set("KACHE_REMOTE_VERIFY_KEYS", "not-a-key");
    let event = invalid_key.rust();
    assert_eq!((event.outcome, event.remote), (Outcome::Miss, None));
}

/// All these machines run one action. Each machine includes another header, so each has another list of dependencies.
fn nth_machine(url: &str, n: usize) -> Machine {
    let machine = Machine::with_sources(url);
    let source = format!("#include \"h{n}.h\"\nint answer(void) {{ return ANSWER; }}\n");
    machine.test.write("w/src/c.c", &source);
    machine.test.write(&format!("w/src/h{n}.h"), &format!("#define ANSWER {n}\n"));
    machine
}

fn write_nth(url: &str, n: usize) {
    let machine = nth_machine(url, n);
    machine.c();
    let flushed = machine.flush();
    assert!(flushed.status.success(), "{}", text(&flushed));
}

#[test]
fn simultaneous_writers_lose_nothing() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    std::thread::scope(|scope| {
        let url = &url;
        for n in 0..4 {
            scope.spawn(move || write_nth(url, n));
        }
    });
    write_nth(&url, 4);
    for n in 0..5 {
        let event = nth_machine(&url, n).c();
        assert_eq!(event.outcome, Outcome::Hit, "the result of machine {n} is lost: {event:?}");
    }
}

/// Restores an old index, as a writer does that read the index before another writer changed it: the other's list is missing.
#[test]
fn a_list_missing_from_the_index_is_found() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    write_nth(&url, 0);
    let is_index = |path: &PathBuf| path.to_string_lossy().contains("/index/");
    let index = objects(shared.path()).into_iter().find(is_index).unwrap();
    let before = fs::read(&index).unwrap();
    write_nth(&url, 1);
    assert!(fs::read(&index).unwrap() != before);
    fs::write(&index, &before).unwrap();
    let reads = nth_machine(&url, 1).set("KACHE_REMOTE_MODE", "read-only");
    assert_eq!(reads.c().outcome, Outcome::Hit, "{:?}", reads.test.last());
    assert!(fs::read(&index).unwrap() == before, "a reader wrote");
    // A machine with write access repairs the index.
    let writer = nth_machine(&url, 1);
    assert_eq!(writer.c().outcome, Outcome::Hit, "{:?}", writer.test.last());
    assert!(writer.flush().status.success());
    assert!(fs::read(&index).unwrap() != before, "the index was not repaired");
    let after = nth_machine(&url, 0);
    assert_eq!(after.c().outcome, Outcome::Hit, "{:?}", after.test.last());
}
