//! A temporary checkout `w`, a cache, and the wrapper: what the tests through the real rustc share.
#![allow(dead_code, missing_docs, reason = "each test program uses some of it")]

pub mod c;

use kache_core::digest::Digest;
use kache_core::events::{self, Event, Outcome};
use kache_core::store::{Area, FORMAT};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The wrapper: cargo names it to the tests of its package; beside those of others it lies in the same target directory.
pub fn kache_program() -> PathBuf {
    option_env!("CARGO_BIN_EXE_kache").map_or_else(
        || {
            let test = std::env::current_exe().unwrap();
            let program = test.parent().unwrap().with_file_name("kache");
            assert!(program.exists(), "{} is missing: run `cargo build -p kache` first", program.display());
            program
        },
        PathBuf::from,
    )
}

pub struct Stage {
    pub dir: TempDir,
}

impl Stage {
    pub fn new() -> Stage {
        let stage = Stage { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(stage.path("w/.git")).unwrap();
        stage
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

    /// The wrapper with these arguments, in `w`.
    pub fn kache(&self, args: &[&str]) -> Command {
        self.kache_in("w", args)
    }

    pub fn kache_in(&self, dir: &str, args: &[&str]) -> Command {
        let mut c = Command::new(kache_program());
        c.current_dir(self.path(dir)).args(args).env("KACHE_CACHE_DIR", self.cache());
        c.env("XDG_CONFIG_HOME", self.path("config")).stdin(Stdio::null());
        for name in ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_MANIFEST_DIR", "OUT_DIR", "KACHE_LOG"]
        {
            c.env_remove(name);
        }
        c
    }

    pub fn events(&self) -> Vec<Event> {
        events::read_all(&self.cache()).unwrap()
    }

    pub fn last(&self) -> Event {
        self.events().pop().expect("an event")
    }

    /// Runs it, wants success, and says how it ended.
    pub fn outcome(&self, command: &mut Command) -> Outcome {
        good(command);
        let event = self.last();
        assert!(
            event.outcome != Outcome::Miss || event.stored,
            "not stored: {:?} {:?}",
            event.reason,
            event.detail
        );
        event.outcome
    }

    /// Runs it, wants success, and says why the result was not kept.
    pub fn refusal(&self, command: &mut Command) -> String {
        good(command);
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

pub fn good(command: &mut Command) -> Output {
    let out = command.output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{command:?}: {text}");
    out
}

/// A function-like macro `m!()` whose expansion is a string literal with what `body`, an expression, gives.
pub fn proc_macro(stage: &Stage, body: &str) {
    let source = format!(
        "extern crate proc_macro; use proc_macro::TokenStream;\n\
         #[proc_macro] pub fn m(_: TokenStream) -> TokenStream {{\n\
         let v: String = {{ {body} }};\n format!(\"{{v:?}}\").parse().unwrap() }}"
    );
    stage.write("w/m.rs", &source);
    good(Command::new("rustc").current_dir(stage.path("w")).args([
        "--crate-type=proc-macro",
        "--edition=2021",
        "m.rs",
    ]));
    stage.write("w/user.rs", "fn main() { println!(\"{}\", m::m!()); }");
}

pub const USE: &[&str] = &[
    "rustc",
    "--crate-name=user",
    "--edition=2021",
    "user.rs",
    "--emit=dep-info,link",
    "--extern=m=libm.so",
];

pub const LIB: &[&str] = &[
    "rustc",
    "--crate-name=l",
    "--crate-type=lib",
    "--edition=2021",
    "l.rs",
    "--emit=dep-info,metadata,link",
];
