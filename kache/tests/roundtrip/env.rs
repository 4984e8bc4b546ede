//! A temporary checkout, a cache, a toolchain of stubs, and the wrapper.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub struct TestEnv {
    pub dir: TempDir,
}

/// The program under test, by a path that holds wherever one is.
pub fn kache() -> PathBuf {
    std::path::absolute(env!("CARGO_BIN_EXE_kache")).expect("the working directory is there")
}

impl TestEnv {
    /// A checkout `w` with a package in it whose library is `text`.
    pub fn new(text: &str) -> TestEnv {
        let test = TestEnv { dir: tempfile::tempdir().expect("a temporary directory") };
        let own = std::env::current_exe().expect("a program has a path");
        for name in ["rustc", "gcc", "clang-cl", "cl"] {
            let to = test.program(name);
            fs::create_dir_all(to.parent().expect("`bin`")).expect("a directory");
            fs::copy(&own, to).expect("room for a copy");
        }
        test.write("sys/lib/rustlib/stub/lib/libstd.rlib", "std");
        test.checkout("w", text);
        test
    }

    /// Another checkout.
    pub fn checkout(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).join(".git")).expect("a directory");
        self.write(&format!("{name}/Cargo.toml"), "[package]");
        self.write(&format!("{name}/src/lib.rs"), text);
    }

    /// The path of a file, in this system's spelling.
    pub fn path(&self, name: &str) -> PathBuf {
        name.split('/').fold(self.dir.path().to_path_buf(), |path, part| path.join(part))
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.path(&format!("sys/bin/{name}{}", std::env::consts::EXE_SUFFIX))
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has a directory")).expect("a directory");
        fs::write(&path, text).expect("room for a file");
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The wrapper before a program, in a checkout.
    pub fn wrapped(&self, checkout: &str, program: &str, args: &[&str]) -> Command {
        let mut c = Command::new(kache());
        c.arg(self.program(program)).args(args).current_dir(self.path(checkout));
        self.settle(&mut c);
        c
    }

    /// A command of kache's own.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(kache());
        c.args(args).current_dir(self.dir.path());
        self.settle(&mut c);
        c
    }

    fn settle(&self, c: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let ours = ["KACHE_", "CARGO", "RUSTC", "OUT_DIR", "XDG_"];
            if ours.iter().any(|p| name.to_string_lossy().starts_with(p)) {
                c.env_remove(&name);
            }
        }
        c.env("KACHE_CACHE_DIR", self.path("cache")).env("KACHE_OBSERVE", "off").stdin(Stdio::null());
        c.env("KACHE_CONFIG", self.write("kache.toml", "")).env("STUB_LOG", self.path("compiled"));
        c.env("CARGO_HOME", self.path("cargo"));
    }

    /// The library of a checkout as cargo has it compiled.
    pub fn lib(&self, checkout: &str) -> Command {
        self.lib_with(checkout, &[])
    }

    pub fn lib_with(&self, checkout: &str, more: &[&str]) -> Command {
        let source = Path::new("src").join("lib.rs");
        let deps = self.deps(checkout);
        let args =
            [&["--crate-name", "l", "--edition=2021", source.to_str().expect("UTF-8")], LIB, more].concat();
        let mut c = self.wrapped(checkout, "rustc", &args);
        c.arg("--out-dir").arg(deps);
        c
    }

    /// Cargo's directory of artifacts.
    pub fn deps(&self, checkout: &str) -> PathBuf {
        let target = format!("{checkout}/target");
        self.write(&format!("{target}/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55");
        let deps = self.path(&format!("{target}/debug/deps"));
        fs::create_dir_all(&deps).expect("a directory");
        deps
    }

    /// Removes what a build made.
    pub fn clean(&self, checkout: &str) {
        fs::remove_dir_all(self.path(&format!("{checkout}/target"))).expect("nothing holds the artifacts");
    }

    pub fn rlib(&self, checkout: &str) -> Vec<u8> {
        self.read(&format!("{checkout}/target/debug/deps/libl-1.rlib"))
    }

    /// How often a compiler compiled.
    pub fn compiles(&self) -> usize {
        fs::read_to_string(self.path("compiled")).unwrap_or_default().lines().count()
    }

    pub fn last(&self) -> Value {
        let dir = self.path("cache/v1/events");
        let mut days: Vec<PathBuf> =
            fs::read_dir(dir).expect("events").map(|e| e.expect("an entry").path()).collect();
        days.sort();
        let text = fs::read_to_string(days.last().expect("a day")).expect("events");
        serde_json::from_str(text.lines().last().expect("an event")).expect("JSON")
    }

    /// Runs it, wants success, and gives the outcome: `hit`, `miss` where it was stored too, or the reason why not.
    pub fn outcome(&self, command: &mut Command) -> String {
        assert_success(command);
        let event = self.last();
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_string();
        match text("outcome").as_str() {
            "miss" if event["stored"] != true => text("reason"),
            "passthrough" => text("reason"),
            "error" => panic!("{event}"),
            _ => text("outcome"),
        }
    }

    /// Every file below a directory of the cache.
    pub fn stored(&self, part: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut todo = vec![self.path(&format!("cache/v1/{part}"))];
        while let Some(dir) = todo.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { todo.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

const LIB: &[&str] =
    &["--crate-type", "lib", "--emit=dep-info,metadata,link", "-C", "metadata=1", "-C", "extra-filename=-1"];

/// What Wine 8 says, now and then, when it starts nothing: an internal error.
const WINE_STUMBLED: i32 = 1359;

/// Longer than anything takes here: what is not done then is not going to be.
const LONGEST: Duration = Duration::from_secs(120);

/// Runs it. Where nothing was started, nothing was tried yet.
pub fn output(command: &mut Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for _ in 0..3 {
        match command.spawn() {
            Err(e) if e.raw_os_error() == Some(WINE_STUMBLED) => eprintln!("{command:?}: {e}; once more"),
            Err(e) => panic!("{command:?}: {e}"),
            Ok(child) => {
                let (tell, told) = std::sync::mpsc::channel();
                std::thread::spawn(move || tell.send(child.wait_with_output()));
                let Ok(out) = told.recv_timeout(LONGEST) else { panic!("{command:?}: it does not end") };
                return out.unwrap_or_else(|e| panic!("{command:?}: {e}"));
            }
        }
    }
    panic!("{command:?}: it cannot be started")
}

pub fn assert_success(command: &mut Command) -> Output {
    let out = output(command);
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {} {text}", out.status);
    out
}

#[expect(clippy::permissions_set_readonly_false, reason = "a blob is to be spoilt, and nobody else is there")]
pub fn make_writable(path: &Path) {
    let mut permissions = fs::metadata(path).expect("it is there").permissions();
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).expect("it is ours");
}

/// Makes a file as old as one that nobody uses any more.
pub fn set_back(path: &Path) {
    let was = fs::metadata(path).expect("it is there").permissions();
    make_writable(path);
    let file = fs::OpenOptions::new().write(true).open(path).expect("it may be written to");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    file.set_modified(then).expect("times can be set");
    drop(file);
    fs::set_permissions(path, was).expect("it is ours");
}
