//! A temporary checkout `w`, a cache, and the wrapper.

use kache_core::digest::Digest;
use kache_core::events::{self, Event, Outcome};
use kache_core::store::{Area, FORMAT, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub struct TestEnv {
    pub dir: TempDir,
}

/// A test that fails now and then is explained by what the wrapper said then.
impl Drop for TestEnv {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for event in events::read_all(&self.cache()).unwrap_or_default() {
            if let Some(reason) = event.reason_word() {
                eprintln!("{}: {reason} ({})", event.unit.name, event.detail.unwrap_or_default());
            }
        }
    }
}

impl TestEnv {
    /// The cache has the identity of the Rust toolchain, as the cache of any user has after one compile.
    pub fn new() -> TestEnv {
        let test = TestEnv::with_an_empty_cache();
        let records = Store::open(&test.cache()).unwrap().area(Area::Toolchains);
        for entry in fs::read_dir(identified_toolchains()).unwrap().flatten() {
            fs::copy(entry.path(), records.join(entry.file_name())).unwrap();
        }
        test
    }

    /// The first compile with Rust identifies the toolchain.
    pub fn with_an_empty_cache() -> TestEnv {
        let test = TestEnv { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(test.path("w/.git")).unwrap();
        test
    }

    /// Runs a shell command on a terminal of its own.
    pub fn on_a_terminal(&self, columns: u16, command: &str) -> Output {
        let sized = format!("stty cols {columns} rows 24; {command}");
        let mut c = Command::new("script");
        c.args(["-qec", &sized, "/dev/null"])
            .current_dir(self.path("w"))
            .env("KACHE_CACHE_DIR", self.cache());
        c.env("TERM", "xterm-256color").env("COLORTERM", "truecolor").env("PAGER", "").env_remove("NO_COLOR");
        c.stdin(Stdio::null()).output().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A second checkout with the same files.
    pub fn clone_checkout(&self, from: &str, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        assert_success(Command::new("cp").arg("-a").arg(self.path(from)).arg(to));
    }

    /// The outcomes of one command in `w`, in `w` again, and in `another`, a clone of `w`. It is given the checkout's name.
    pub fn two_clones(&self, command: impl Fn(&str) -> Command) -> (Outcome, Outcome, Outcome) {
        self.clone_checkout("w", "another");
        let at = |checkout: &str| self.outcome(&mut command(checkout));
        (at("w"), at("w"), at("another"))
    }

    /// The wrapper with these arguments, in `w`.
    pub fn kache(&self, args: &[&str]) -> Command {
        self.kache_in("w", args)
    }

    pub fn kache_in(&self, dir: &str, args: &[&str]) -> Command {
        let mut c = Command::new(crate::kache());
        c.current_dir(self.path(dir)).args(args).env("KACHE_CACHE_DIR", self.cache());
        c.env("XDG_CONFIG_HOME", self.path("config")).stdin(Stdio::null());
        for name in ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_MANIFEST_DIR", "OUT_DIR", "KACHE_LOG"]
        {
            c.env_remove(name);
        }
        c
    }

    /// A command of cargo in a checkout, with kache as the wrapper.
    pub fn cargo(&self, checkout: &str, args: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(args).arg("--offline").current_dir(self.path(checkout)).stdin(Stdio::null());
        command.env("RUSTC_WRAPPER", crate::kache()).env("KACHE_CACHE_DIR", self.cache());
        command.env("XDG_CONFIG_HOME", self.path("config")).env("CARGO_INCREMENTAL", "0");
        for name in [
            "CARGO_TARGET_DIR",
            "RUSTC_WORKSPACE_WRAPPER",
            "KACHE_LOG",
            "KACHE_SEED",
            "RUSTFLAGS",
            "CC",
            "CFLAGS",
            "KNOB",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// The library `l.rs` of a checkout, with the macro of [`proc_macro`] and with an `OUT_DIR`.
    pub fn with_macro(&self, checkout: &str) -> Command {
        let mut command = self.kache_in(checkout, LIB);
        command.arg("--extern=m=libm.so").env("OUT_DIR", self.path(checkout).join("out"));
        command
    }

    pub fn events(&self) -> Vec<Event> {
        events::read_all(&self.cache()).unwrap()
    }

    pub fn last(&self) -> Event {
        self.events().pop().expect("an event")
    }

    /// Runs a command that must succeed, and returns how it ended.
    pub fn outcome(&self, command: &mut Command) -> Outcome {
        assert_success(command);
        let event = self.last();
        assert!(
            event.outcome != Outcome::Miss || event.stored,
            "not stored: {:?} {:?}",
            event.reason,
            event.detail
        );
        event.outcome
    }

    /// Runs a command that must succeed, and returns why its result was not stored.
    pub fn refusal(&self, command: &mut Command) -> String {
        assert_success(command);
        let event = self.last();
        assert!(!event.stored, "stored");
        event.reason_word().unwrap_or_default().to_string()
    }

    pub fn trace(&self) -> String {
        let event = self.last();
        let result = event.result.and_then(|hex| Digest::from_hex(&hex)).expect("a result key");
        fs::read_to_string(Area::Traces.file(&self.cache().join(FORMAT), &result)).unwrap()
    }
}

/// A directory with the records of the Rust toolchain, which the tests of this build share: to identify a toolchain is to hash
/// some hundred megabytes, and each test has a cache of its own. Where the record no longer holds, each test makes its own.
fn identified_toolchains() -> PathBuf {
    // Another compiler gives the program of the tests another name.
    let program = std::env::current_exe().unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("toolchains").join(program.file_name().unwrap());
    let records = Area::Toolchains.in_cache(&cache);
    if fs::read_dir(&records).map_or(0, Iterator::count) == 0 {
        let test = TestEnv::with_an_empty_cache();
        test.write("w/l.rs", "");
        assert_success(test.kache(LIB).env("KACHE_CACHE_DIR", &cache));
        test.write("w/target/CACHEDIR.TAG", "");
        assert_success(test.kache(DOC).env("KACHE_CACHE_DIR", &cache));
    }
    records
}

pub fn assert_success(command: &mut Command) -> Output {
    let out = command.output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{command:?}: {text}");
    out
}

/// A function `tick` for a script of bash: it waits until the clock that stamps files has moved on, and leaves two files in a
/// directory.
pub fn tick_in_shell(dir: &Path) -> String {
    let (before, after) = (dir.join(".tick-before"), dir.join(".tick-after"));
    let (before, after) = (before.display(), after.display());
    format!("tick() {{ : >'{before}'; until : >'{after}'; [ '{after}' -nt '{before}' ]; do :; done; }}\n")
}

/// A function-like macro `m!()` whose expansion is a string literal with the value of `body`, an expression.
pub fn proc_macro(test: &TestEnv, body: &str) {
    let source = format!(
        "extern crate proc_macro; use proc_macro::TokenStream;\n\
         #[proc_macro] pub fn m(_: TokenStream) -> TokenStream {{\n\
         let v: String = {{ {body} }};\n format!(\"{{v:?}}\").parse().unwrap() }}"
    );
    test.write("w/m.rs", &source);
    assert_success(Command::new("rustc").current_dir(test.path("w")).args([
        "--crate-type=proc-macro",
        "--edition=2021",
        "m.rs",
    ]));
    test.write("w/user.rs", "fn main() { println!(\"{}\", m::m!()); }");
}

pub const USE: &[&str] = &[
    "rustc",
    "--crate-name=user",
    "--edition=2021",
    "user.rs",
    "--emit=dep-info,link",
    "--extern=m=libm.so",
];

/// The documentation of `l.rs`.
pub const DOC: &[&str] = &[
    "rustdoc",
    "--crate-name=l",
    "--crate-type=lib",
    "--edition=2021",
    "l.rs",
    "-o",
    "target/doc",
    "-L",
    "dependency=target",
];

pub const LIB: &[&str] = &[
    "rustc",
    "--crate-name=l",
    "--crate-type=lib",
    "--edition=2021",
    "l.rs",
    "--emit=dep-info,metadata,link",
];
