//! Large numbers: entries, manifests of one action, concurrent wrappers, bytes of an artifact, dependencies,
//! length of a path. All must work in bounded memory; the time is reported.

use super::crowd::all_at_once;
use super::harness::{Engine, Task, contents, difference, wrong};
use super::session::StressRun;
use super::steps::CacheState;
use crate::error::{Error, Result};
use crate::system::files;
use kache_core::dependency::{Dependency, Kind, RecordedDependency};
use kache_core::digest::Digest;
use kache_core::events::{Observed, Outcome};
use kache_core::store::manifest::{Entry, Manifest};
use kache_core::store::result::{ActionResult, Output};
use kache_core::store::{Area, Store};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The limits that the project promises; a run uses a share of them.
const ENTRIES: usize = 1_000_000;
const MANIFESTS: usize = 100_000;
const WRAPPERS: usize = 300;
const ARTIFACT: usize = 5_000_000_000;
const HEADERS: usize = 20_000;
/// The longest path of the system, without NUL.
const PATH: usize = 4095;

/// Memory limit of a process in MB, for any size of the cache.
const BOUND: u64 = 250;

pub fn run(run_state: &mut StressRun) -> Result<()> {
    wrappers(run_state)?;
    long_paths(run_state)?;
    dependencies(run_state)?;
    artifact(run_state)?;
    manifests(run_state)?;
    entries(run_state)
}

impl StressRun {
    fn share(&self, of: usize) -> usize {
        (of / 100 * self.scale as usize).max(1)
    }
}

/// Result of a measured process: seconds, and peak memory in MB.
struct Measurement {
    seconds: f64,
    megabytes: u64,
    stdout: Vec<u8>,
}

/// Runs to the end and requires success. Peak memory is the process's own, without its children.
fn watch(command: &mut Command, context: &str) -> Result<Measurement> {
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("run", Path::new(command.get_program())))?;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| err.as_mut().map(|err| std::io::Read::read_to_end(err, &mut stderr)));
        out.as_mut().map(|out| std::io::Read::read_to_end(out, &mut stdout))
    });
    let (mut status, mut usage) = (0, unsafe_zeroed());
    // SAFETY: both are plain data for the call to fill in; the child is ours and was not waited for.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    if waited < 0 || !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0 {
        return Err(wrong(context, &format!("status {status:#x}: {}", String::from_utf8_lossy(&stderr))));
    }
    let megabytes = usage.ru_maxrss.max(0) as u64 / 1024;
    Ok(Measurement { seconds: begun.elapsed().as_secs_f64(), megabytes, stdout })
}

fn unsafe_zeroed() -> libc::rusage {
    // SAFETY: plain numbers, for which zeros are valid values.
    unsafe { std::mem::zeroed() }
}

fn wrappers(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("wrappers");
    let many = run_state.share(WRAPPERS).max(30);
    let set_up = |n: usize| {
        let text = format!("int f{n}(void) {{ return {n}; }}\n");
        Task::c_unit(run_state.dir().join(format!("wrappers/{n}")), &[("a.c", &text)])
    };
    let tasks = (0..many).map(set_up).collect::<Result<Vec<_>>>()?;
    for what in ["miss", "hit"] {
        let begun = Instant::now();
        all_at_once(&tasks, |task| task.command(&engine), &format!("{many} concurrent wrappers, {what}"))?;
        let row = format!("concurrent wrappers, {what}");
        run_state.stats.passed_with(&row, many, format!("{:.1} s in all", begun.elapsed().as_secs_f64()));
    }
    engine.must_be_whole("after many concurrent wrappers")
}

/// Directories so deep that the source has the longest possible path, the longest possible name, and a path
/// too long for the compiler.
fn long_paths(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("long");
    let root = run_state.dir().to_path_buf();
    let set_up = |name: &str, words: &str, header: &str| -> Result<Task> {
        Task::set_up(
            root.join(name),
            "C unit",
            &[("a.c", &format!("#include \"{header}\"\n")), (header, "int x;\n")],
            words,
        )
    };
    let longest = "n".repeat(255 - 2);
    let task = set_up("long-name", &format!("gcc -c a.c -o out/{longest}.o"), "a.h")?;
    task.must_hit(&engine, "an output with the longest possible name")?;
    run_state.stats.passed("an output's name of 255 bytes", 1);
    let base = run_state.dir().join("deep");
    let task = set_up("deep", "gcc -c a.c -o out/a.o", "a.h")?;
    let (mut path, mut made) = (String::new(), 0);
    // One directory at a time, since no system call takes the whole path.
    let target = PATH - base.as_os_str().len() - "/a.h".len();
    while path.len() + 2 < target {
        let part = "d".repeat((target - path.len() - 1).min(200));
        let _ = write!(path, "{part}/");
        made += 1;
    }
    let path = path.trim_end_matches('/').to_string();
    let deep = base.join(&path);
    let header = deep.join("a.h");
    files::write(&header, "int y;\n")?;
    let mut words = vec!["gcc".to_string(), "-include".into(), header.display().to_string()];
    words.extend(["-c", "a.c", "-o", "out/a.o"].map(str::to_string));
    let mut task = Task { words, ..task };
    task.wanted = task.plain()?;
    if task.wanted.code != Some(0) {
        return Err(wrong("the longest possible path", "the plain compiler rejects it"));
    }
    task.must_hit(&engine, "the longest possible path")?;
    let what = format!("a path of {} bytes", header.as_os_str().len());
    run_state.stats.passed_with(&what, 1, format!("{made} directories deep"));
    Ok(())
}

/// A unit with a large number of headers.
fn dependencies(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("dependencies");
    let many = run_state.share(HEADERS);
    let dir = run_state.dir().join("dependencies");
    for n in 0..many {
        files::write(&dir.join(format!("h/{}/{n}.h", n / 500)), format!("extern int x{n};\n"))?;
    }
    let all: String = (0..many).map(|n| format!("#include \"h/{}/{n}.h\"\n", n / 500)).collect();
    let task = Task::c_unit(dir, &[("a.c", &all)])?;
    let what = format!("a unit with {many} headers");
    measured(run_state, &engine, &task, &what, &mut || {
        let found = difference(&contents(&task.out()), &task.wanted.files);
        found.map_or(Ok(()), |found| Err(wrong(&what, &found)))
    })
}

/// Measures a miss and a hit, each with the right outputs.
fn measured(
    run_state: &mut StressRun,
    engine: &Engine,
    task: &Task,
    what: &str,
    outputs_are_right: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let mut description = Vec::new();
    for wanted in [Outcome::Miss, Outcome::Hit] {
        task.clear()?;
        let took = watch(&mut task.command(engine), what)?;
        outputs_are_right()?;
        let event = engine.last();
        if event.as_ref().map(|e| e.outcome) != Some(wanted) {
            let event = event.map(|e| (e.outcome, e.reason, e.detail));
            return Err(wrong(what, &format!("no {wanted:?}: {event:?}")));
        }
        bounded(&took, what)?;
        description.push(format!("{wanted:?} {:.2} s, {} MB", took.seconds, took.megabytes));
    }
    run_state.stats.passed_with(what, 1, description.join("; "));
    Ok(())
}

fn bounded(took: &Measurement, what: &str) -> Result<()> {
    match took.megabytes {
        ..=BOUND => Ok(()),
        megabytes => Err(wrong(what, &format!("takes {megabytes} MB of memory; {BOUND} are allowed"))),
    }
}

/// One very large object, compared with the output of the compile under kache, since the disk has no room for
/// two more.
fn artifact(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("artifact");
    let bytes = run_state.share(ARTIFACT);
    let dir = run_state.dir().join("artifact");
    let text = format!("\t.data\n\t.fill {bytes}, 1, 0x41\n");
    let task = Task::set_up(dir.clone(), "assembler unit", &[("a.s", "\t.data\n")], "gcc -c a.s -o out/a.o")?;
    files::write(&dir.join("a.s"), text)?;
    let what = format!("an artifact of {} MB", bytes / 1_000_000);
    let (object, mut first) = (task.out().join("a.o"), None);
    measured(run_state, &engine, &task, &what, &mut || {
        let digest = digest_of(&object)?;
        match *first.get_or_insert(digest) == digest {
            true => Ok(()),
            false => Err(wrong(&what, "the restored output differs from the compiled one")),
        }
    })?;
    engine.wipe()?;
    task.clear()
}

fn digest_of(path: &Path) -> Result<Digest> {
    let table = kache_core::digest::Table::at(PathBuf::from("/nowhere/at/all"));
    let (known, id) = table.read(path).map_err(Error::io("read", path))?;
    if id.size < 1_000_000 {
        return Err(wrong("a large artifact", &format!("it has {} bytes", id.size)));
    }
    Ok(known.digest)
}

/// Key with a given prefix.
fn key(first: Option<u8>, n: usize) -> Digest {
    let mut digest = Digest::of(&n.to_le_bytes());
    if let Some(first) = first {
        digest.0[0] = first;
    }
    digest
}

fn an_entry(store: &Store, action: &Digest, n: usize) -> std::io::Result<()> {
    let blob = store.put_bytes(format!("blob {n}").as_bytes())?;
    let result = Digest::of(&action.0);
    let output = Output {
        path: b"<workspace>/a.o".to_vec(),
        digest: blob,
        executable: false,
        is_template: false,
        exact: None,
    };
    ActionResult {
        outputs: vec![output],
        stdout: Vec::new(),
        stderr: Vec::new(),
        label: format!("a{n}.o (c)"),
        compile_us: 1000,
        observed: Observed::Preload,
        fetched: false,
        literal: false,
        confirmation: None,
        place: Vec::new(),
        status: 0,
    }
    .save(store, &result)?;
    let dependencies = vec![RecordedDependency {
        dependency: Dependency::new(Kind::File, format!("<workspace>/a{n}.c")),
        digest: blob,
    }];
    let manifest = Manifest { entries: vec![Entry { result, dependencies }], ..Manifest::default() };
    store.publish(&store.path(Area::Manifests, action), &manifest.encode(action))
}

/// Many manifests in the directory of one action.
fn manifests(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("manifests");
    let many = run_state.share(MANIFESTS);
    let task = run_state.tasks[0].clone();
    task.must_hit(&engine, "before there are many manifests")?;
    let shard = engine
        .files(Area::Manifests)
        .first()
        .and_then(|path| u8::from_str_radix(path.parent()?.file_name()?.to_str()?, 16).ok());
    let store = engine.open()?;
    for n in 0..many {
        let action = key(shard, n);
        let manifest = Manifest::default().encode(&action);
        let put = store.publish(&store.path(Area::Manifests, &action), &manifest);
        put.map_err(Error::io("store in", &engine.cache))?;
    }
    let what = format!("{many} manifests in the directory of one action");
    CacheState::Hit.bring(&task, &engine)?;
    task.clear()?;
    let took = watch(&mut task.command(&engine), &what)?;
    task.must_hit(&engine, &what)?;
    run_state.stats.passed_with(&what, 1, format!("Hit {:.1} ms", took.seconds * 1000.0));
    engine.wipe()
}

/// Many entries: listed and evicted.
fn entries(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("entries");
    let many = run_state.share(ENTRIES);
    let task = run_state.tasks[0].clone();
    task.must_hit(&engine, "before there are many entries")?;
    let store = engine.open()?;
    for n in 0..many {
        an_entry(&store, &key(None, n), n).map_err(Error::io("store in", &engine.cache))?;
        if n % 1000 == 0 {
            crate::system::interrupt::check()?;
        }
    }
    let run_kache = |words: &[&str], what: &str| -> Result<Measurement> {
        let took = watch(engine.command(Path::new("/")).args(words), what)?;
        bounded(&took, what)?;
        Ok(took)
    };
    let row = format!("{many} entries");
    let mut description = Vec::new();
    for words in [&["stats"][..], &["gc", "--dry-run", "--max-size", "1k"], &["verify"]] {
        let took = run_kache(words, &format!("{row}: kache {}", words.join(" ")))?;
        description.push(format!("{} {:.1} s, {} MB", words[0], took.seconds, took.megabytes));
    }
    task.must_hit(&engine, &row)?;
    let took = run_kache(&["gc", "--max-size", "0", "--format", "json"], &row)?;
    let said: serde_json::Value = serde_json::from_slice(&took.stdout).unwrap_or_default();
    let gone = said["results"]["files"].as_u64().unwrap_or(0);
    if gone < many as u64 {
        return Err(wrong(&row, &format!("of {many} results only {gone} were evicted: {said}")));
    }
    description.push(format!("gc of all {:.1} s, {} MB", took.seconds, took.megabytes));
    let left = engine.files(Area::Blobs);
    if !left.is_empty() {
        return Err(wrong(&row, &format!("{} blobs are left", left.len())));
    }
    run_state.stats.passed_with(&row, 1, description.join("; "));
    task.must(&engine, &[], "after all entries were evicted")?;
    engine.wipe()
}
