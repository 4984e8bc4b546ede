//! Compiles a small crate and a small C file twice through this binary, as a build does: the first compile must miss and be
//! stored, the second must hit and restore the same bytes.

use super::Check;
use crate::cli::page::{count, duration};
use kache_core::eval::find_program;
use kache_core::events::{self, Event, Observed, Outcome};
use kache_core::observe::launch;
use kache_core::paths::Roots;
use kache_report::explain::reasons;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A source to compile.
struct Subject {
    /// The name of the check.
    name: &'static str,
    /// For "cannot compile …".
    what: &'static str,
    /// The variable that names the compiler, and the default.
    compiler: (&'static str, &'static str),
    /// The path below the probe's directory, and the text.
    source: (&'static str, &'static str),
    args: &'static str,
}

const CRATE: Subject = Subject {
    name: "probe",
    what: "a small crate",
    compiler: ("RUSTC", "rustc"),
    source: ("src/lib.rs", "//! A probe.\n\npub fn answer() -> u32 { 42 }\n"),
    args: "--crate-name kache_probe --edition=2021 src/lib.rs --crate-type lib --emit=dep-info,metadata,link \
           --out-dir out -C extra-filename=-0 --color=never",
};

const OBJECT: Subject = Subject {
    name: "probe-c",
    what: "a small file in C",
    compiler: ("CC", "cc"),
    source: ("src/probe.c", "#include <stddef.h>\n\nsize_t answer(void) { return 42; }\n"),
    args: "-g -MD -c src/probe.c -o out/probe.o",
};

impl Subject {
    fn compiler(&self) -> OsString {
        let (variable, name) = self.compiler;
        std::env::var_os(variable).filter(|given| !given.is_empty()).unwrap_or_else(|| name.into())
    }
}

/// A problem, and its remedy.
struct Wrong(String, String);

impl Wrong {
    fn new(found: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong(found.into(), remedy.into())
    }

    /// A directory that cannot be used.
    fn unusable(what: &str, path: &Path, e: &io::Error) -> Wrong {
        let found = format!("{what} cannot be used: {}: {e}", path.display());
        Wrong::new(
            found,
            "check that it exists, is writable, and has free space; TMPDIR names another directory",
        )
    }

    fn unexpected(what: &str, event: &Event) -> Wrong {
        let (word, meaning) =
            event.reason.map_or(("no reason given", ""), |r| (r.word(), reasons::meaning(r)));
        let detail = event.detail.as_deref().unwrap_or_default();
        let remedy = event.reason.map_or("report this defect of kache, with this output", reasons::help);
        Wrong::new(format!("{what}: {word}: {meaning} ({detail})"), remedy)
    }
}

/// Whether this machine has Rust, or a variable says so. Other machines may build C alone.
pub fn has_rust() -> bool {
    let is_found = |name: &&str| find_program(name.as_ref(), &Roots::default()).is_some();
    std::env::var_os(CRATE.compiler.0).is_some_and(|given| !given.is_empty())
        || ["cargo", "rustc"].iter().any(is_found)
}

pub fn checks() -> Vec<Check> {
    let mut checks = match has_rust().then(|| run(&CRATE)) {
        Some(Ok((found, compiled))) => vec![Check::ok(CRATE.name, found), observer(compiled.observed)],
        Some(Err(Wrong(found, remedy))) => vec![Check::problem(CRATE.name, found, remedy)],
        None => vec![Check::ok(CRATE.name, "PATH has neither rustc nor cargo: this machine builds C alone")],
    };
    let compiler = OBJECT.compiler();
    // `CC="kache gcc"` makes a build use kache, and is not the name of a program.
    let wired = compiler.as_encoded_bytes().contains(&b' ');
    if wired || find_program(&compiler, &Roots::default()).is_none() {
        // A machine for Rust alone may have no C compiler.
        let found = format!("{} is not the name of an existing program", Path::new(&compiler).display());
        checks.push(Check::note(OBJECT.name, found, "set CC to a C compiler to check C as well"));
        return checks;
    }
    match run(&OBJECT) {
        Ok((found, compiled)) => {
            checks.push(Check::ok(OBJECT.name, found));
            checks.extend((!has_rust()).then(|| observer(compiled.observed)));
        }
        Err(Wrong(found, remedy)) => checks.push(Check::problem(OBJECT.name, found, remedy)),
    }
    checks
}

fn run(subject: &'static Subject) -> Result<(String, Event), Wrong> {
    let temporary = std::env::temp_dir();
    let unusable = |e: io::Error| Wrong::unusable("the temporary directory", &temporary, &e);
    let scratch = tempfile::Builder::new().prefix("kache-doctor-").tempdir().map_err(unusable)?;
    // Compilers resolve links in paths, and events contain the resolved paths.
    let dir = scratch.path().canonicalize().map_err(unusable)?;
    Probe::at(subject, dir)?.run()
}

fn observer(observed: Option<Observed>) -> Check {
    const NAME: &str = "observer";
    match observed {
        Some(Observed::Preload) => Check::ok(NAME, "it recorded the inputs of the compiler"),
        _ if launch::OBJECT.is_empty() => Check::note(
            NAME,
            "there is no observer for this system",
            "none: linked outputs are not cached here",
        ),
        _ => Check::problem(
            NAME,
            "it did not run: kache relies on the compiler's reports, and linked outputs are not stored",
            "check that rustc is dynamically linked, and that nothing forbids LD_PRELOAD (a setuid wrapper, a sandbox)",
        ),
    }
}

struct Probe {
    subject: &'static Subject,
    kache: PathBuf,
    compiler: OsString,
    dir: PathBuf,
}

type Files = BTreeMap<OsString, Vec<u8>>;

impl Probe {
    fn at(subject: &'static Subject, dir: PathBuf) -> Result<Probe, Wrong> {
        let kache = std::env::current_exe()
            .map_err(|e| Wrong::new(format!("cannot find this program: {e}"), "start it by its full path"))?;
        let (source, text) = subject.source;
        std::fs::create_dir_all(dir.join("src"))
            .and_then(|()| std::fs::create_dir(dir.join("out")))
            .and_then(|()| std::fs::write(dir.join(source), text))
            .and_then(|()| std::fs::write(dir.join("kache.toml"), ""))
            .map_err(|e| Wrong::unusable("the temporary directory", &dir, &e))?;
        Ok(Probe { subject, kache, compiler: subject.compiler(), dir })
    }

    /// Compiles twice. Returns a description, and the event of the first compile.
    fn run(&self) -> Result<(String, Event), Wrong> {
        let (first, made) = self.compile()?;
        let compiled = self.event(0)?;
        if compiled.outcome != Outcome::Miss || !compiled.stored {
            return Err(Wrong::unexpected("the first compile was not stored", &compiled));
        }
        let out = self.dir.join("out");
        std::fs::remove_dir_all(&out)
            .and_then(|()| std::fs::create_dir(&out))
            .map_err(|e| Wrong::unusable("the probe's directory", &out, &e))?;
        let (second, restored) = self.compile()?;
        let hit = self.event(1)?;
        if hit.outcome != Outcome::Hit {
            return Err(Wrong::unexpected("the second compile of the same source did not hit", &hit));
        }
        if (&made, first.stdout, first.stderr) != (&restored, second.stdout, second.stderr) {
            let differs = made.iter().filter(|(n, b)| restored.get(*n) != Some(*b));
            let names: Vec<_> = differs.map(|(n, _)| n.display().to_string()).collect();
            let found = format!("the restored files differ from the compiler's: {}", names.join(", "));
            return Err(Wrong::new(found, "do not use this cache, and report this defect of kache"));
        }
        let (compile, restore) = (duration(compiled.compile_us as i64), duration(hit.total_us as i64));
        let (compiler, files) = (self.compiler_name(), count(made.len(), "equal file", "equal files"));
        let text = format!("{compiler} compiled in {compile}, stored; then restored {files} in {restore}");
        Ok((text, compiled))
    }

    fn compiler_name(&self) -> impl Display {
        Path::new(&self.compiler).display()
    }

    fn compile(&self) -> Result<(Output, Files), Wrong> {
        let mut command = Command::new(&self.kache);
        command.arg(&self.compiler).args(self.subject.args.split(' ')).current_dir(&self.dir);
        // The user's settings have their own check, and must not change this one.
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.as_encoded_bytes().starts_with(b"KACHE_")) {
            command.env_remove(name);
        }
        command
            .env("KACHE_CONFIG", self.dir.join("kache.toml"))
            .env("KACHE_CACHE_DIR", self.dir.join("cache"));
        let output = command.output().map_err(|e| {
            let found = format!("{} cannot be started: {e}", self.kache.display());
            Wrong::new(found, "check that it is executable")
        })?;
        if !output.status.success() {
            let (name, what) = (self.compiler_name(), self.subject.what);
            let (variable, default) = self.subject.compiler;
            return Err(Wrong::new(
                format!("{name} cannot compile {what}: {}", String::from_utf8_lossy(&output.stderr).trim()),
                format!(
                    "check that `{default}` is installed and in PATH, or that {variable} names one that works"
                ),
            ));
        }
        let out = self.dir.join("out");
        let files = read(&out).map_err(|e| Wrong::unusable("the probe's directory", &out, &e))?;
        Ok((output, files))
    }

    fn event(&self, n: usize) -> Result<Event, Wrong> {
        let events = events::read_all(&self.dir.join("cache")).unwrap_or_default();
        events.into_iter().nth(n).ok_or_else(|| {
            Wrong::new(
                "the wrapper wrote no event: it could not use a cache in the temporary directory",
                "check that the directory is writable and has free space; KACHE_LOG=stderr prints the reason",
            )
        })
    }
}

fn read(dir: &Path) -> io::Result<Files> {
    let files = std::fs::read_dir(dir)?.map(|entry| {
        let entry = entry?;
        Ok((entry.file_name(), std::fs::read(entry.path())?))
    });
    files.collect()
}
