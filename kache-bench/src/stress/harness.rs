//! Compiles with a known plain result, run through an engine with fault injection.
//!
//! The engine runs with `KACHE_REMAP=0`, so its result must equal the plain compiler's in the same place:
//! exit status, stdout and stderr, every file's bytes and execute permission, and no additional file. All
//! scenarios share this oracle; each only defines the faults.

use crate::error::{Error, Result};
use crate::system::files;
use kache_core::events::{self, Event, Outcome};
use kache_core::store::{Area, FORMAT, Store, verify};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Variables that compilers and rustup need; no others are passed on.
const PASSED: &[&str] = &["PATH", "HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME", "TMPDIR"];

/// The environment of every command.
pub fn clean(command: &mut Command) -> &mut Command {
    command.env_clear().stdin(Stdio::null()).env("LC_ALL", "C");
    command.envs(PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
}

#[derive(Clone, Debug)]
pub struct Engine {
    pub program: PathBuf,
    pub cache: PathBuf,
}

impl Engine {
    pub fn new(program: &Path, cache: PathBuf) -> Engine {
        Engine { program: program.to_path_buf(), cache }
    }

    /// A kache command line in a directory.
    pub fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.program);
        clean(&mut command).current_dir(dir);
        command.env("KACHE_CACHE_DIR", &self.cache).env("KACHE_REMAP", "0").env("KACHE_CONFIG", "/dev/null");
        command
    }

    /// Runs a kache command; its output if it succeeds.
    pub fn run_kache(&self, words: &[&str]) -> Result<String> {
        let output = must_succeed(self.command(Path::new("/")).args(words), &words.join(" "))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub fn store(&self) -> PathBuf {
        self.cache.join(FORMAT)
    }

    /// The last event.
    pub fn last(&self) -> Option<Event> {
        events::read_all(&self.cache).ok()?.pop()
    }

    pub fn wipe(&self) -> Result<()> {
        match fs::remove_dir_all(&self.cache) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove the cache", &self.cache)(e))
            }
            _ => Ok(()),
        }
    }

    /// Removes the entries, but keeps what is known about toolchains and files.
    pub fn forget(&self) -> Result<()> {
        for area in [Area::Manifests, Area::Results, Area::Blobs, Area::Traces] {
            let dir = area.below(&self.store());
            for shard in fs::read_dir(&dir).map_err(Error::io("list", &dir))?.flatten() {
                fs::remove_dir_all(shard.path()).map_err(Error::io("remove", &shard.path()))?;
            }
        }
        Ok(())
    }

    pub fn open(&self) -> Result<Store> {
        Store::open(&self.cache).map_err(Error::io("open", &self.cache))
    }

    /// Verifies everything stored.
    pub fn verify(&self, repair: bool) -> Result<verify::Verified> {
        verify::verify(&self.open()?, repair).map_err(Error::io("verify", &self.cache))
    }

    /// Verifies everything stored: no incomplete file may have a final name.
    pub fn must_be_whole(&self, context: &str) -> Result<()> {
        if !Area::Blobs.below(&self.store()).is_dir() {
            return Ok(());
        }
        match self.verify(false)?.faults.iter().find(|fault| !fault.harmless) {
            Some(fault) => Err(wrong(context, &format!("in the cache, {}: {}", fault.file, fault.what))),
            None => Ok(()),
        }
    }

    /// All files of one area of the store.
    pub fn files(&self, area: Area) -> Vec<PathBuf> {
        let mut files = files::below(&area.below(&self.store()));
        files.sort();
        files
    }
}

/// Requires that a command succeeded.
pub fn succeeded(output: &Output, context: &str) -> Result<()> {
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(wrong(context, &format!("{}: {said}", output.status)))
        }
    }
}

/// Runs a command and requires that it succeeds.
pub fn must_succeed(command: &mut Command, context: &str) -> Result<Output> {
    let output = command.output();
    let output = output.map_err(Error::io("run", Path::new(command.get_program())))?;
    succeeded(&output, context).map(|()| output)
}

/// Starts a command without input and output.
pub fn start_quietly(command: &mut Command) -> Result<Child> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.map_err(Error::io("run", Path::new(command.get_program())))
}

/// An output that exists but is not complete.
pub fn torn(have: &Files, wanted: &Files) -> Option<String> {
    let is_torn = |(name, file): &(&String, _)| have.get(*name).is_some_and(|there| there != *file);
    let (name, _) = wanted.iter().find(is_torn)?;
    Some(format!("{name} is half-written, {} bytes", have[name].0.len()))
}

/// The error for a wrong result, which ends the run.
pub fn wrong(context: &str, what: &str) -> Error {
    Error::run(format!("WRONG: {context}: {what}"))
}

/// Files by name: bytes and execute permission.
pub type Files = BTreeMap<String, (Vec<u8>, bool)>;

/// The result of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOutput {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub files: Files,
}

/// Temporary files that killed wrappers leave next to outputs.
pub const STRAY: &str = ".kache-";

impl CommandOutput {
    fn of(output: Output, dir: &Path) -> CommandOutput {
        CommandOutput {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: output.stderr,
            files: contents(dir),
        }
    }

    /// The difference to the expected result.
    pub fn differs(&self, wanted: &CommandOutput) -> Option<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if self.code != wanted.code {
            let said = text(&self.stderr);
            return Some(format!("status {:?} instead of {:?}: {said}", self.code, wanted.code));
        }
        if self.stdout != wanted.stdout {
            return Some(format!("stdout is {:?} instead of {:?}", text(&self.stdout), text(&wanted.stdout)));
        }
        if self.stderr != wanted.stderr {
            return Some(format!("stderr is {:?} instead of {:?}", text(&self.stderr), text(&wanted.stderr)));
        }
        difference(&self.files, &wanted.files)
    }
}

/// The difference between two sets of files.
pub fn difference(have: &Files, wanted: &Files) -> Option<String> {
    if let Some(name) = wanted.keys().find(|name| !have.contains_key(*name)) {
        return Some(format!("{name} is missing"));
    }
    if let Some(name) = have.keys().find(|name| !wanted.contains_key(*name)) {
        return Some(format!("{name} should not be there"));
    }
    have.iter().find(|(name, file)| *file != &wanted[*name]).map(|(name, file)| {
        let (bytes, executable) = &wanted[name];
        let at = file.0.iter().zip(bytes).position(|(a, b)| a != b);
        let (have, want) = (file.0.len(), bytes.len());
        match at {
            _ if have != want => format!("{name} has {have} bytes instead of {want}"),
            Some(at) => format!("{name} differs at byte {at}"),
            None => format!("{name} is executable: {} instead of {executable}", file.1),
        }
    })
}

/// The files of a directory, without leftover temporary files.
pub fn contents(dir: &Path) -> Files {
    let files = files::below(dir);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(dir).ok()?.to_string_lossy().into_owned();
        let executable = fs::metadata(&path).ok()?.permissions().mode() & 0o100 != 0;
        Some((name, (fs::read(&path).ok()?, executable)))
    };
    let is_stray = |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(STRAY));
    files.into_iter().filter(|p| !is_stray(p)).filter_map(read).collect()
}

/// A compile and its plain result.
#[derive(Clone, Debug)]
pub struct Task {
    pub name: &'static str,
    pub dir: PathBuf,
    pub words: Vec<String>,
    pub wanted: CommandOutput,
}

impl Task {
    /// Creates a project and compiles it without a cache.
    pub fn set_up(dir: PathBuf, name: &'static str, sources: &[(&str, &str)], words: &str) -> Result<Task> {
        fs::create_dir_all(dir.join(".git")).map_err(Error::io("create", &dir))?;
        for (file, text) in sources {
            files::write(&dir.join(file), text)?;
        }
        let words = words.split(' ').map(str::to_string).collect();
        let mut task = Task { name, dir, words, wanted: CommandOutput::default() };
        task.wanted = task.plain()?;
        if task.wanted.code != Some(0) {
            let said = String::from_utf8_lossy(&task.wanted.stderr).into_owned();
            return Err(Error::run(format!("{name} does not compile: {said}")));
        }
        Ok(task)
    }

    /// A project with the C unit `a.c`.
    pub fn c_unit(dir: PathBuf, sources: &[(&str, &str)]) -> Result<Task> {
        Task::set_up(dir, "C unit", sources, "gcc -c a.c -o out/a.o")
    }

    /// A Rust library, with more kinds of output.
    pub fn library(dir: PathBuf, name: &str, emit: &str, sources: &[(&str, &str)]) -> Result<Task> {
        let words = format!(
            "rustc --crate-name {name} --crate-type lib --edition 2021 {name}.rs --emit=dep-info,link{emit} \
             --out-dir out"
        );
        Task::set_up(dir, "library", sources, &words)
    }

    pub fn out(&self) -> PathBuf {
        self.dir.join("out")
    }

    pub fn clear(&self) -> Result<()> {
        drop(fs::remove_dir_all(self.out()));
        fs::create_dir_all(self.out()).map_err(Error::io("create", &self.out()))
    }

    /// The plain compiler's command line.
    pub fn plain_command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        clean(&mut command).args(&self.words[1..]).current_dir(&self.dir);
        command
    }

    /// The plain compiler's current result.
    pub fn plain(&self) -> Result<CommandOutput> {
        self.clear()?;
        let output = self.plain_command().output().map_err(Error::io("run", Path::new(&self.words[0])))?;
        Ok(CommandOutput::of(output, &self.out()))
    }

    /// The kache command line of the compile.
    pub fn command(&self, engine: &Engine) -> Command {
        let mut command = engine.command(&self.dir);
        command.args(&self.words);
        command
    }

    /// Removes the outputs and runs kache.
    pub fn run(&self, engine: &Engine, more: &[(&str, &str)]) -> Result<CommandOutput> {
        self.clear()?;
        let mut command = self.command(engine);
        command.envs(more.iter().copied());
        let output = command.output().map_err(Error::io("run", &engine.program))?;
        Ok(CommandOutput::of(output, &self.out()))
    }

    /// Runs kache and requires the plain compiler's result.
    pub fn must(&self, engine: &Engine, more: &[(&str, &str)], context: &str) -> Result<()> {
        self.judge(&self.run(engine, more)?, context)
    }

    /// The same, and returns kache's log.
    pub fn must_log(&self, engine: &Engine, context: &str) -> Result<String> {
        let log = self.dir.with_extension("log");
        drop(fs::remove_file(&log));
        self.must(engine, &[("KACHE_LOG", &log.display().to_string())], context)?;
        Ok(fs::read_to_string(&log).unwrap_or_default())
    }

    /// Requires the plain compiler's result.
    pub fn judge(&self, answer: &CommandOutput, context: &str) -> Result<()> {
        match answer.differs(&self.wanted) {
            Some(what) => Err(wrong(&format!("{}, {context}", self.name), &what).at(self.dir.display())),
            None => Ok(()),
        }
    }

    /// Runs until it hits.
    pub fn must_hit(&self, engine: &Engine, context: &str) -> Result<()> {
        for _ in 0..2 {
            self.must(engine, &[], context)?;
            if engine.last().is_some_and(|event| event.outcome == Outcome::Hit) {
                return Ok(());
            }
        }
        let last = engine.last().map(|e| format!("{:?} {:?} {:?}", e.outcome, e.reason, e.detail));
        Err(wrong(&format!("{}, {context}", self.name), &format!("does not hit: {last:?}")))
    }
}

/// A C unit with a warning and a depfile, a Rust library with a warning, and a linked program.
pub fn tasks(dir: &Path) -> Result<Vec<Task>> {
    let c = "#include \"a.h\"\n#warning \"hm\"\nint f(void) { return A; }\nint g(void) { return f() + A; }\n";
    let l = "fn unused() {}\npub fn f() -> u32 { 3 }\npub const T: &str = include_str!(\"t.txt\");\n";
    let b = "mod m; fn main() { println!(\"{}\", m::M); }\n";
    let c_words = "gcc -O1 -g -c a.c -o out/a.o -MD -MF out/a.d";
    let b_words =
        "rustc --crate-name b --crate-type bin --edition 2021 b.rs --emit=dep-info,link --out-dir out";
    Ok(vec![
        Task::set_up(dir.join("c"), "C unit", &[("a.c", c), ("a.h", "#define A 3\n")], c_words)?,
        Task::library(dir.join("l"), "l", ",metadata", &[("l.rs", l), ("t.txt", "text\n")])?,
        Task::set_up(dir.join("b"), "program", &[("b.rs", b), ("m.rs", "pub const M: u32 = 3;\n")], b_words)?,
    ])
}
