//! Runs of build scripts and links: what one machine has stored, another restores, in the places where it holds.

use crate::env::assert_success;
use crate::fleet::{Machine, objects, text, way};
use crate::trust::{Keys, flipped, keys, kind};
use kache_core::events::{Event, Outcome, RemoteWay};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What became of a run: units that the last build used may be fetched before they are asked for.
#[derive(Debug, PartialEq)]
enum Run {
    Restored,
    Made,
    Refused,
}

fn run(event: &Event) -> Run {
    match way(event) {
        (Outcome::Hit, Some(RemoteWay::Fetched | RemoteWay::Ahead)) => Run::Restored,
        (Outcome::Miss, Some(RemoteWay::Nothing)) => Run::Made,
        (Outcome::Miss, Some(RemoteWay::Refused)) => Run::Refused,
        other => panic!("{other:?}: {event:?}"),
    }
}

/// A remote, cargo's home directory, which all machines have at the same path, and checkouts of one package.
struct Fleet {
    dir: TempDir,
}

impl Fleet {
    /// The script prints a path, and leaves one in a text, a link, and a file that is executable.
    fn new() -> Fleet {
        let fleet = Fleet { dir: tempfile::tempdir().unwrap() };
        let write = |name: &str, text: &str| {
            let path = fleet.path("one").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        fs::create_dir_all(fleet.path("one/.git")).unwrap();
        write(
            "Cargo.toml",
            "[package]\nname = \"p\"\nversion = \"1.2.3\"\nedition = \"2021\"\n[workspace]\n",
        );
        write("data", "what the script reads");
        write(
            "build.rs",
            "use std::{env, fs, os::unix::fs::{symlink, PermissionsExt}};\n\
             fn main() {\n\
                let out = std::path::PathBuf::from(env::var_os(\"OUT_DIR\").unwrap());\n\
                println!(\"cargo::rustc-env=PLACE={}\", out.display());\n\
                fs::write(out.join(\"said\"), format!(\"{} {}\", fs::read_to_string(\"data\").unwrap(), out.display())).unwrap();\n\
                fs::set_permissions(out.join(\"said\"), fs::Permissions::from_mode(0o751)).unwrap();\n\
                symlink(out.join(\"said\"), out.join(\"link\")).unwrap();\n\
             }\n",
        );
        write(
            "src/main.rs",
            "const SAID: &str = include_str!(concat!(env!(\"OUT_DIR\"), \"/link\"));\n\
             fn main() { print!(\"{SAID} {}\", env!(\"PLACE\") == env!(\"OUT_DIR\")) }\n",
        );
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn url(&self) -> String {
        format!("file://{}", self.path("remote").display())
    }

    fn machine(&self) -> Machine {
        Machine::new(&self.url())
    }

    fn reader(&self) -> Machine {
        self.machine().set("KACHE_REMOTE_MODE", "read-only")
    }

    fn copy(&self, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        assert_success(Command::new("cp").arg("-a").arg(self.path("one")).arg(to));
    }

    /// Builds a checkout from an empty target directory, and returns the event of the script's run.
    fn build(&self, machine: &Machine, checkout: &str) -> Event {
        let dir = self.path(checkout);
        let _ = fs::remove_dir_all(dir.join("target"));
        let mut command = machine.with_environment(Command::new("cargo"));
        command.args(["build", "--offline", "-q"]).current_dir(&dir).stdin(Stdio::null());
        command.env("RUSTC_WRAPPER", crate::kache()).env("KACHE_CACHE_DIR", machine.test.cache());
        command.env("XDG_CONFIG_HOME", machine.test.path("config")).env("CARGO_INCREMENTAL", "0");
        command.env("CARGO_HOME", self.path("cargo"));
        for name in ["CARGO_TARGET_DIR", "RUSTC_WORKSPACE_WRAPPER", "KACHE_LOG", "RUSTFLAGS", "CC", "CFLAGS"]
        {
            command.env_remove(name);
        }
        assert_success(&mut command);
        self.is_right(&dir);
        let mut events = machine.test.events().into_iter();
        events.rfind(|event| event.unit.kind == "script").expect("the script handed over to kache")
    }

    /// Whether a checkout has what its script makes there.
    fn is_right(&self, dir: &Path) {
        let said = assert_success(&mut Command::new(dir.join("target/debug/p"))).stdout;
        let said = String::from_utf8(said).unwrap();
        let data = fs::read_to_string(dir.join("data")).unwrap();
        let build = dir.join("target/debug/build");
        assert!(said.starts_with(&format!("{data} {}/", build.display())), "{said}");
        assert!(said.ends_with("/out true"), "{said}");
        let mut outs = fs::read_dir(&build).unwrap().map(|entry| entry.unwrap().path().join("out"));
        let out = outs.find(|out| out.exists()).unwrap();
        assert_eq!(fs::read_link(out.join("link")).unwrap(), out.join("said"));
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&out.join("said").metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o751);
    }
}

fn flush(machine: &Machine) {
    let flushed = machine.flush();
    assert!(flushed.status.success(), "{}", text(&flushed));
}

#[test]
fn a_run_of_one_place_is_restored_in_that_place_alone() {
    let fleet = Fleet::new();
    fleet.copy("another");
    let a = fleet.machine();
    assert_eq!(run(&fleet.build(&a, "one")), Run::Made);
    flush(&a);
    assert_eq!(run(&fleet.build(&fleet.reader(), "one")), Run::Restored);
    assert_eq!(run(&fleet.build(&fleet.reader(), "another")), Run::Made);
    fs::write(fleet.path("one/data"), "something else").unwrap();
    assert_eq!(run(&fleet.build(&fleet.reader(), "one")), Run::Made, "a false hit");
}

#[test]
fn a_confirmed_run_is_restored_in_every_place() {
    let fleet = Fleet::new();
    // Neither as deep as the first, nor of the same characters: a third place may differ in both.
    fleet.copy("beside/the-second");
    fleet.copy("deep/er/the-third");
    let a = fleet.machine();
    assert_eq!(run(&fleet.build(&a, "one")), Run::Made);
    assert_eq!(run(&fleet.build(&a, "beside/the-second")), Run::Made);
    flush(&a);
    assert_eq!(run(&fleet.build(&fleet.reader(), "deep/er/the-third")), Run::Restored);
    fs::write(fleet.path("deep/er/the-third/data"), "something else").unwrap();
    assert_eq!(run(&fleet.build(&fleet.reader(), "deep/er/the-third")), Run::Made, "a false hit");
}

/// Readers with `verify_keys` take what a trusted key signed, and nothing else.
#[test]
fn a_run_that_no_trusted_key_signed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (keys(dir.path(), "ours"), keys(dir.path(), "theirs"));
    let signed =
        |fleet: &Fleet, keys: &Keys| fleet.machine().set("KACHE_REMOTE_SIGN_KEY", keys.secret.clone());
    let fleet = Fleet::new();
    let reader = || fleet.reader().set("KACHE_REMOTE_VERIFY_KEYS", ours.public.clone());
    for writer in [fleet.machine(), signed(&fleet, &theirs)] {
        fleet.build(&writer, "one");
        flush(&writer);
        assert_eq!(run(&fleet.build(&reader(), "one")), Run::Refused);
        fs::remove_dir_all(fleet.path("remote/kache")).unwrap();
    }
    let writer = signed(&fleet, &ours);
    fleet.build(&writer, "one");
    flush(&writer);
    assert_eq!(run(&fleet.build(&reader(), "one")), Run::Restored);
}

#[test]
fn a_damaged_run_is_made_again() {
    let fleet = Fleet::new();
    let a = fleet.machine();
    fleet.build(&a, "one");
    flush(&a);
    let packs: Vec<PathBuf> =
        objects(&fleet.path("remote")).into_iter().filter(|path| kind(path) == "packs").collect();
    assert!(packs.len() >= 3, "the script, its run, and the program: {packs:?}");
    let whole: Vec<Vec<u8>> = packs.iter().map(|path| fs::read(path).unwrap()).collect();
    for at in [1, 2] {
        let damaged = |bytes: &[u8]| flipped(bytes, bytes.len() * at / 2 - at);
        packs.iter().zip(&whole).for_each(|(path, bytes)| fs::write(path, damaged(bytes)).unwrap());
        let event = fleet.build(&fleet.reader(), "one");
        assert_eq!(run(&event), Run::Refused, "{event:?}");
    }
    packs.iter().zip(&whole).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    assert_eq!(run(&fleet.build(&fleet.reader(), "one")), Run::Restored);
}

/// A machine with two objects, which are the same on every machine, and the event of their link.
fn link(machine: &Machine) -> (Event, Vec<u8>) {
    let test = &machine.test;
    test.write("w/main.c", "int f(void);\nint main(void) { return f(); }\n");
    test.write("w/f.c", "int f(void) { return 3; }\n");
    assert_success(Command::new("gcc").args(["-c", "main.c", "f.c"]).current_dir(test.path("w")));
    let program = test.path("w/prog");
    let _ = fs::remove_file(&program);
    let words = ["gcc", &test.path("w/main.o").display().to_string(), "f.o", "-o", "prog"].map(String::from);
    assert_success(&mut machine.kache(&words.each_ref().map(String::as_str)));
    assert_eq!(Command::new(&program).status().unwrap().code(), Some(3));
    (test.last(), fs::read(program).unwrap())
}

#[test]
fn a_link_is_restored_on_another_machine() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (keys(dir.path(), "ours"), keys(dir.path(), "theirs"));
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let reader = || Machine::new(&url).set("KACHE_REMOTE_MODE", "read-only");
    let a = Machine::new(&url).set("KACHE_REMOTE_SIGN_KEY", ours.secret.clone());
    let (event, made) = link(&a);
    assert_eq!((run(&event), &event.unit.kind[..]), (Run::Made, "link"));
    flush(&a);
    for (key, expected) in
        [(None, Run::Restored), (Some(&ours), Run::Restored), (Some(&theirs), Run::Refused)]
    {
        let b = match key {
            Some(keys) => reader().set("KACHE_REMOTE_VERIFY_KEYS", keys.public.clone()),
            None => reader(),
        };
        let (event, program) = link(&b);
        assert_eq!(run(&event), expected, "{event:?}");
        assert!(program == made);
    }
    for pack in objects(shared.path()).into_iter().filter(|path| kind(path) == "packs") {
        // In the header, which has a checksum: damage of the frame around the blobs can leave all blobs as they were.
        let bytes = fs::read(&pack).unwrap();
        fs::write(&pack, flipped(&bytes, bytes.len() / 3)).unwrap();
    }
    let (event, program) = link(&reader());
    assert_eq!(run(&event), Run::Refused, "{event:?}");
    assert!(program == made);
}
