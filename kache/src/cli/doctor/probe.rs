//! A small crate, and a small file in C, each compiled twice through this very binary as a build would: the first time
//! must miss and store, the second must hit and restore the same bytes.

use super::Check;
use kache_core::eval::find_program;
use kache_core::events::{self, Event, Observed, Outcome};
use kache_core::observe::launch;
use kache_core::paths::Roots;
use kache_core::reason::Reason;
use kache_report::explain::reasons;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What is compiled.
struct Subject {
    /// The check's name.
    name: &'static str,
    /// For "cannot compile …".
    what: &'static str,
    /// The variable that names the compiler, and its name without.
    compiler: (&'static str, &'static str),
    /// Below the probe's directory, with its text.
    source: (&'static str, &'static str),
    words: &'static [&'static str],
}

const CRATE: Subject = Subject {
    name: "probe",
    what: "a small crate",
    compiler: ("RUSTC", "rustc"),
    source: ("src/lib.rs", "//! A probe.\n\npub fn answer() -> u32 { 42 }\n"),
    words: &[
        "--crate-name",
        "kache_probe",
        "--edition=2021",
        "src/lib.rs",
        "--crate-type",
        "lib",
        "--emit=dep-info,metadata,link",
        "--out-dir",
        "out",
        "-C",
        "extra-filename=-0",
        "--color=never",
    ],
};

const OBJECT: Subject = Subject {
    name: "probe-c",
    what: "a small file in C",
    compiler: ("CC", "cc"),
    source: ("src/probe.c", "#include <stddef.h>\n\nsize_t answer(void) { return 42; }\n"),
    words: &["-g", "-MD", "-c", "src/probe.c", "-o", "out/probe.o"],
};

/// Removes the probe's directory, whatever happens.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the probes answer.
pub fn checks() -> Vec<Check> {
    let mut checks = match run(&CRATE) {
        Ok((found, compiled)) => vec![Check::ok(CRATE.name, found), observer(compiled.observed)],
        Err((found, remedy)) => vec![Check::problem(CRATE.name, found, remedy)],
    };
    // Those who write Rust alone may have no C compiler that works; what kache does with one that does is our affair.
    let compiler = OBJECT.compiler();
    // `CC="kache gcc"` is the wiring itself, and no name of a program.
    let wired = compiler.as_encoded_bytes().contains(&b' ');
    if wired || find_program(&compiler, &Roots::default()).is_none() {
        let found = format!("{} is not the name of a program that is there", Path::new(&compiler).display());
        checks.push(Check::note(OBJECT.name, found, "set CC to a C compiler to have C looked at, too"));
    } else {
        checks.push(match run(&OBJECT) {
            Ok((found, _)) => Check::ok(OBJECT.name, found),
            Err((found, remedy)) => Check::problem(OBJECT.name, found, remedy),
        });
    }
    checks
}

fn run(subject: &'static Subject) -> Result<(String, Event), Wrong> {
    let dir = std::env::temp_dir().join(format!(
        "kache-doctor-{}-{}",
        std::process::id(),
        kache_core::platform::now_ns()
    ));
    // What the compiler makes of a path is resolved, and the events name what it made.
    let scratch = std::fs::create_dir(&dir).and_then(|()| dir.canonicalize()).map(Scratch);
    let scratch = scratch.map_err(|e| io_trouble("the temporary directory", &dir, &e))?;
    Probe::at(subject, &scratch.0)?.run()
}

fn observer(observed: Option<Observed>) -> Check {
    const NAME: &str = "observer";
    match observed {
        Some(Observed::Preload) => Check::ok(NAME, "it saw what the compiler looked at"),
        _ if launch::OBJECT.is_empty() => Check::note(
            NAME,
            "there is none for this system",
            "nothing: what is linked is compiled every time",
        ),
        _ => Check::problem(
            NAME,
            "it did not run: inputs are guessed from what the compiler reports, and what is linked is not stored",
            "check that rustc is dynamically linked, and that nothing forbids LD_PRELOAD (a setuid wrapper, a sandbox)",
        ),
    }
}

/// What is wrong, and what to do.
type Wrong = (String, String);

fn io_trouble(what: &str, path: &Path, e: &io::Error) -> Wrong {
    (
        format!("{what} cannot be used: {}: {e}", path.display()),
        "check that it exists, is writable, and has room; TMPDIR names another".to_string(),
    )
}

struct Probe {
    subject: &'static Subject,
    kache: PathBuf,
    compiler: OsString,
    dir: PathBuf,
}

impl Subject {
    fn compiler(&self) -> OsString {
        let (variable, name) = self.compiler;
        std::env::var_os(variable).filter(|given| !given.is_empty()).unwrap_or_else(|| name.into())
    }
}

type Files = BTreeMap<OsString, Vec<u8>>;

impl Probe {
    fn at(subject: &'static Subject, dir: &Path) -> Result<Probe, Wrong> {
        let kache = std::env::current_exe().map_err(|e| {
            (format!("this program cannot be found: {e}"), "start it by its full path".to_string())
        })?;
        let made = std::fs::create_dir_all(dir.join("src"))
            .and_then(|()| std::fs::create_dir(dir.join("out")))
            .and_then(|()| std::fs::write(dir.join(subject.source.0), subject.source.1))
            .and_then(|()| std::fs::write(dir.join("kache.toml"), ""));
        made.map_err(|e| io_trouble("the temporary directory", dir, &e))?;
        Ok(Probe { subject, kache, compiler: subject.compiler(), dir: dir.to_path_buf() })
    }

    /// What to say, and the event of the compile.
    fn run(&self) -> Result<(String, Event), Wrong> {
        let (first, made) = self.compile()?;
        let compiled = self.event(0)?;
        if compiled.outcome != Outcome::Miss || !compiled.stored {
            return Err(unexpected("the first compile was not stored", &compiled));
        }
        let out = self.dir.join("out");
        let emptied = std::fs::remove_dir_all(&out).and_then(|()| std::fs::create_dir(&out));
        emptied.map_err(|e| io_trouble("the probe's directory", &out, &e))?;
        let (second, restored) = self.compile()?;
        let hit = self.event(1)?;
        if hit.outcome != Outcome::Hit {
            return Err(unexpected("the second compile of the same source did not hit", &hit));
        }
        if (made != restored) || (first.stdout, first.stderr) != (second.stdout, second.stderr) {
            let differing: Vec<_> = made
                .iter()
                .filter(|(n, b)| restored.get(*n) != Some(*b))
                .map(|(n, _)| n.display().to_string())
                .collect();
            return Err((
                format!("the restored files differ from the compiler's: {}", differing.join(", ")),
                "do not use this cache, and please report it: this must never happen".to_string(),
            ));
        }
        let times = format!(
            "{} compiled in {}, stored; then restored in {}, {} files byte for byte equal",
            Path::new(&self.compiler).display(),
            super::super::page::duration(compiled.compile_us as i64),
            super::super::page::duration(hit.total_us as i64),
            made.len()
        );
        Ok((times, compiled))
    }

    fn compile(&self) -> Result<(Output, Files), Wrong> {
        let mut command = Command::new(&self.kache);
        command.arg(&self.compiler).args(self.subject.words);
        // The user's settings are checked elsewhere; here they must not get in the way.
        let ours =
            std::env::vars_os().map(|(n, _)| n).filter(|n| n.as_encoded_bytes().starts_with(b"KACHE_"));
        ours.for_each(|n| _ = command.env_remove(n));
        command
            .env("KACHE_CONFIG", self.dir.join("kache.toml"))
            .env("KACHE_CACHE_DIR", self.dir.join("cache"));
        let ran = command.current_dir(&self.dir).output();
        let output = ran.map_err(|e| {
            (
                format!("{} cannot be started: {e}", self.kache.display()),
                "check that it may be executed".to_string(),
            )
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err((
                format!(
                    "{} cannot compile {}: {}",
                    Path::new(&self.compiler).display(),
                    self.subject.what,
                    said.trim()
                ),
                format!(
                    "check that `{}` is installed and in PATH, or that {} names one that works",
                    self.subject.compiler.1, self.subject.compiler.0
                ),
            ));
        }
        let out = self.dir.join("out");
        let files = read(&out).map_err(|e| io_trouble("the probe's directory", &out, &e))?;
        Ok((output, files))
    }

    fn event(&self, n: usize) -> Result<Event, Wrong> {
        let events = events::read_all(&self.dir.join("cache")).unwrap_or_default();
        events.into_iter().nth(n).ok_or_else(|| {
            (
                "the wrapper wrote no event: it could not use a cache in the temporary directory".to_string(),
                "check that it is writable and has room; KACHE_LOG=stderr says more".to_string(),
            )
        })
    }
}

fn unexpected(what: &str, event: &Event) -> Wrong {
    let reason = event.reason.map_or("no reason given", Reason::word);
    let detail = event.detail.as_deref().unwrap_or_default();
    (
        format!("{what}: {reason}: {} ({detail})", event.reason.map_or("", reasons::meaning)),
        event.reason.map_or("please report it, with this output", reasons::help).to_string(),
    )
}

fn read(dir: &Path) -> io::Result<Files> {
    let files = std::fs::read_dir(dir)?.map(|entry| {
        let entry = entry?;
        Ok((entry.file_name(), std::fs::read(entry.path())?))
    });
    files.collect()
}
