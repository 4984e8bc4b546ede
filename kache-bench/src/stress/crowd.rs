//! Concurrency: many wrappers on one action and one cache, with evictions and purges in between; lock holders
//! that die or hang; another store format in the same directory; a clock that is set back.

use super::builds::{self, Build};
use super::harness::{
    Engine, Files, Task, contents, difference, must_succeed, start_quietly, succeeded, wrong,
};
use super::session::StressRun;
use super::steps::CacheState;
use crate::error::{Error, Result};
use crate::system::files;
use kache_core::events::{self, Kind, Outcome};
use kache_core::store::Area;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const MANY: usize = 64;

pub fn run(run_state: &mut StressRun) -> Result<()> {
    one_action(run_state)?;
    holders(run_state)?;
    clock(run_state)?;
    two_targets(run_state)?;
    under_collection(run_state)?;
    two_formats(run_state)
}

/// 64 wrappers in 64 checkouts run the same action: one compiles, the others wait and restore its result.
fn one_action(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("crowd");
    let source = [("a.c", "int f(void) { return 3; }\n")];
    let set_up = |n| Task::c_unit(run_state.dir().join(format!("crowd/{n}/w")), &source);
    let tasks = (0..MANY).map(set_up).collect::<Result<Vec<_>>>()?;
    // Without mapped paths each checkout has an action of its own.
    let remapped = |task: &Task| {
        let mut command = task.command(&engine);
        command.env("KACHE_REMAP", "1");
        command
    };
    all_at_once(&tasks, remapped, "64 wrappers on one action")?;
    let events = events::read_all(&engine.cache).map_err(Error::io("read the events of", &engine.cache))?;
    let compiled = events.iter().filter(|e| e.outcome == Outcome::Miss).count();
    let hits = events.iter().filter(|e| e.outcome == Outcome::Hit).count();
    if (compiled, hits) != (1, MANY - 1) {
        return Err(wrong("64 wrappers on one action", &format!("{compiled} compiled and {hits} hit")));
    }
    run_state.stats.passed("64 wrappers on one action, in as many checkouts: one compiles", MANY);
    // All of them write the same output, new or existing.
    let same: Vec<Task> = (0..MANY).map(|_| run_state.tasks[0].clone()).collect();
    for state in [CacheState::Miss, CacheState::Hit] {
        state.bring(&same[0], &engine)?;
        all_at_once(&same, |task| task.command(&engine), "64 wrappers on one output")?;
        run_state.stats.passed(&format!("64 wrappers on one output, {}", state.name()), MANY);
    }
    engine.must_be_whole("after 64 wrappers")
}

/// Starts all, and requires the right result of each when all have ended.
pub fn all_at_once(tasks: &[Task], command: impl Fn(&Task) -> Command, context: &str) -> Result<()> {
    for task in tasks {
        task.clear()?;
    }
    let mut children = Vec::new();
    for task in tasks {
        let mut command = command(task);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        children.push(command.spawn().map_err(Error::io("run kache in", &task.dir))?);
    }
    for (child, task) in children.into_iter().zip(tasks) {
        let output = child.wait_with_output().map_err(Error::io("wait for kache in", &task.dir))?;
        succeeded(&output, context)?;
        if output.stderr != task.wanted.stderr {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(wrong(context, &format!("stderr is {said:?}")).at(task.dir.display()));
        }
    }
    for task in tasks {
        if let Some(what) = difference(&contents(&task.out()), &task.wanted.files) {
            return Err(wrong(context, &what).at(task.dir.display()));
        }
    }
    Ok(())
}

/// A wrapper that is killed or stopped while it compiles what others wait for.
fn holders(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("holders");
    let (task, patience) = (run_state.tasks[0].clone(), 2);
    for (what, signal, most) in [
        ("the holder of a lock dies", libc::SIGKILL, Duration::from_secs(60)),
        ("the holder of a lock hangs", libc::SIGSTOP, Duration::from_secs(60 + patience)),
    ] {
        CacheState::Miss.bring(&task, &engine)?;
        task.clear()?;
        let mut holder = start_quietly(&mut task.command(&engine))?;
        let begun = Instant::now();
        let is_held = || {
            let files = engine.files(Area::Locks);
            files.iter().any(|path| fs::File::open(path).is_ok_and(|file| file.try_lock().is_err()))
        };
        while !is_held() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_micros(200));
        }
        builds::signal(holder.id() as i32, signal);
        let begun = Instant::now();
        let timeout = patience.to_string();
        // The compiler of the stopped wrapper continues; wait for it before the outputs are compared.
        std::thread::sleep(Duration::from_millis(300));
        let outcome = task.must(&engine, &[("KACHE_LOCK_TIMEOUT", &timeout)], what);
        let took = begun.elapsed();
        builds::signal(holder.id() as i32, libc::SIGKILL);
        drop(holder.wait());
        builds::quiet(&task.dir, what)?;
        outcome?;
        if took > most {
            return Err(wrong(what, &format!("another waited {:.1} s", took.as_secs_f64())));
        }
        task.must(&engine, &[], &format!("after {what}"))?;
        engine.must_be_whole(what)?;
        let bound =
            if signal == libc::SIGSTOP { format!(", lock_timeout {patience} s") } else { String::new() };
        let note = format!("another took {:.1} s{bound}", took.as_secs_f64());
        run_state.stats.passed_with(what, 1, note);
    }
    Ok(())
}

/// Sets the engine's clock back and ahead between runs, and back during a compile in which a source changes.
fn clock(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("clock");
    let offset = run_state.dir().join("clock");
    let set = |seconds: i64| files::write(&offset, seconds.to_string());
    let path = offset.display().to_string();
    let clock: &[(&str, &str)] = &[("KACHE_FAULT_CLOCK", &path)];
    for seconds in [0, -3600, 86_400, -86_400 * 400, 0] {
        set(seconds)?;
        for task in &run_state.tasks {
            let context = format!("the clock off by {seconds} s");
            task.must(&engine, clock, &context)?;
            task.must(&engine, clock, &context)?;
            run_state.stats.passed("the clock set back or ahead between two builds", 1);
        }
    }
    engine.must_be_whole("after the clock was set")?;
    let sources = [("a.c", "#include \"slow.h\"\nint x = X;\n"), ("slow.h", "#define X 1\n")];
    let task = Task::c_unit(run_state.dir().join("set-back"), &sources)?;
    set_back_while_compiling(&engine, task, &offset)?;
    run_state.stats.passed("the clock set back while a source changes under the compiler", 1);
    Ok(())
}

fn set_back_while_compiling(engine: &Engine, mut task: Task, offset: &Path) -> Result<()> {
    const WHAT: &str = "a source that changed during its compile, with the clock set back";
    let header = task.dir.join("slow.h");
    // A compiler that waits after it has read its sources.
    let slow = task.dir.join("gcc");
    files::write(&slow, "#!/bin/sh\n/usr/bin/gcc \"$@\"\n/bin/sleep 1\n")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&slow, mode).map_err(Error::io("make executable", &slow))?;
    task.words[0] = slow.display().to_string();
    files::write(offset, "3600")?;
    task.clear()?;
    let mut child = start_quietly(task.command(engine).env("KACHE_FAULT_CLOCK", offset))?;
    let begun = Instant::now();
    let object = task.out().join("a.o");
    while !fs::metadata(&object).is_ok_and(|m| m.len() > 0) && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    files::write(offset, "0")?;
    files::write(&header, "#define X 2\n")?;
    drop(child.wait());
    task.wanted = task.plain()?;
    task.must(engine, &[], WHAT)
}

/// Two concurrent cargo builds of one workspace in two targets: each unit is compiled once, and both builds
/// are right.
fn two_targets(run_state: &mut StressRun) -> Result<()> {
    let dir = run_state.dir().join("workspace");
    lay_workspace(&dir, 6)?;
    let engine = run_state.engine("targets");
    let cargo = |target: &str, more: &[(&str, &str)]| {
        let mut command = Command::new("cargo");
        let kache = engine.command(&dir);
        command.env_clear().envs(kache.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("RUSTC_WRAPPER", &engine.program).env("CARGO_TARGET_DIR", dir.join(target));
        command.env("KACHE_REMAP", "1").env("CARGO_INCREMENTAL", "0").envs(more.iter().copied());
        command.args(["build", "--offline", "--quiet"]).current_dir(&dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let targets = ["one", "other"];
    let children = targets.map(|target| cargo(target, &[]).spawn());
    for child in children {
        let child = child.map_err(Error::io("run cargo in", &dir))?;
        let output = child.wait_with_output().map_err(Error::io("wait for cargo in", &dir))?;
        succeeded(&output, "two cargo builds")?;
    }
    let units = each_compiled_once(&engine)?;
    for target in targets {
        let made = artifacts(&dir.join(target));
        fs::remove_dir_all(dir.join(target)).map_err(Error::io("remove", &dir.join(target)))?;
        // The outputs of a compile with the same flags in the same place.
        let mut build = cargo(target, &[("KACHE_READ", "0"), ("KACHE_WRITE", "0")]);
        must_succeed(&mut build, "a cargo build without hits")?;
        if let Some(what) = difference(&made, &artifacts(&dir.join(target))) {
            return Err(wrong("two cargo builds of one workspace", &what));
        }
    }
    let what = "two cargo builds of one workspace in two targets at once";
    run_state.stats.passed_with(what, 1, format!("{units} units, each compiled once"));
    Ok(())
}

fn each_compiled_once(engine: &Engine) -> Result<usize> {
    let events = events::read_all(&engine.cache).map_err(Error::io("read the events of", &engine.cache))?;
    let mut units: BTreeMap<_, [usize; 2]> = BTreeMap::new();
    for event in events.iter().filter(|e| e.kind == Kind::Unit) {
        let counts = units.entry(&event.unit).or_default();
        match event.outcome {
            Outcome::Miss => counts[0] += 1,
            Outcome::Hit => counts[1] += 1,
            _ => {}
        }
    }
    match units.iter().find(|(_, counts)| **counts != [1, 1]) {
        Some((unit, [misses, hits])) => {
            let what = format!("{} was compiled {misses} times, and hit {hits} times", unit.label());
            Err(wrong("two cargo builds of one workspace", &what))
        }
        None => Ok(units.len()),
    }
}

fn lay_workspace(dir: &Path, members: usize) -> Result<()> {
    let write = |name: String, text: String| files::write(&dir.join(name), text);
    fs::create_dir_all(dir.join(".git")).map_err(Error::io("create", dir))?;
    write("Cargo.toml".into(), "[workspace]\nresolver = \"3\"\nmembers = [\"m*\"]\n".into())?;
    for n in 0..members {
        let before =
            if n == 0 { String::new() } else { format!("m{} = {{ path = \"../m{}\" }}\n", n - 1, n - 1) };
        let head = format!("[package]\nname = \"m{n}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        let last = n + 1 == members;
        write(format!("m{n}/Cargo.toml"), format!("{head}\n[dependencies]\n{before}"))?;
        let call = if n == 0 { "1".to_string() } else { format!("m{}::f() + 1", n - 1) };
        write(format!("m{n}/src/lib.rs"), format!("pub fn f() -> u32 {{ {call} }}\n"))?;
        if last {
            write(format!("m{n}/src/main.rs"), format!("fn main() {{ println!(\"{{}}\", m{n}::f()); }}\n"))?;
            write(
                format!("m{n}/build.rs"),
                "fn main() { println!(\"cargo::rerun-if-changed=build.rs\"); }\n".into(),
            )?;
        }
    }
    Ok(())
}

/// The compilers' outputs in `deps/`, without files that have a random name.
fn artifacts(target: &Path) -> Files {
    contents(&target.join("debug/deps"))
}

/// Evictions down to almost nothing, purges and verifications during builds.
fn under_collection(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("collected");
    let build = Build::set_up(run_state.dir().join("collected"), 20, 3)?;
    let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let left = run_state.deadline.saturating_duration_since(Instant::now());
    let end = Instant::now() + left * 2 / 3;
    let mut builds = 0;
    let outcome = std::thread::scope(|scope| {
        for words in [
            &["gc", "--max-size", "0"][..],
            &["gc", "--max-size", "300k"],
            &["gc", "--max-age", "1s"],
            &["purge"],
            &["verify"],
            &["stats"],
        ] {
            let (engine, stop, rounds) = (&engine, &stop, &rounds);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // The command's result does not matter: a purge may remove the files it reads.
                    drop(engine.command(Path::new("/")).args(words).output());
                    rounds.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(if words[0] == "purge" { 700 } else { 100 }));
                }
            });
        }
        let mut outcome = Ok(());
        while outcome.is_ok() && (builds < 2 || Instant::now() < end) {
            outcome = crate::system::interrupt::check()
                .and_then(|()| build.clear())
                .and_then(|()| build.must(&engine, "under collections and purges"));
            builds += 1;
        }
        stop.store(true, Ordering::Relaxed);
        outcome
    });
    outcome?;
    build.clear()?;
    build.must(&engine, "after collections and purges")?;
    engine.must_be_whole("after collections and purges")?;
    let note = format!("{} units each, {} commands", build.units, rounds.into_inner());
    run_state.stats.passed_with("builds during continuous gc, purge, verify and stats", builds, note);
    Ok(())
}

/// Another store format in the same directory: each has its own files and does not disturb the other.
fn two_formats(run_state: &mut StressRun) -> Result<()> {
    let Some(other) = run_state.other.clone() else {
        run_state.stats.skip("no kache with another format of the store was given (--other)");
        return Ok(());
    };
    let engine = run_state.engine("formats");
    let other = Engine::new(&other, engine.cache.clone());
    let build = Build::set_up(run_state.dir().join("formats"), 12, 2)?;
    for (turn, engine) in [&engine, &other, &engine, &other].into_iter().enumerate() {
        build.clear()?;
        build.must(engine, "two formats in one directory, alternating")?;
        run_state.stats.passed("builds of two formats of the store in one directory", 1);
        let formats: Vec<PathBuf> = fs::read_dir(&engine.cache)
            .map_err(Error::io("list", &engine.cache))?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        if formats.len() != (turn + 1).min(2) {
            return Err(wrong("two formats in one directory", &format!("there is {formats:?}")));
        }
    }
    other.run_kache(&["verify"])?;
    engine.must_be_whole("beside another format")?;
    engine.run_kache(&["purge"])?;
    match fs::read_dir(&engine.cache).map_err(Error::io("list", &engine.cache))?.count() {
        0 => Ok(()),
        left => Err(wrong("a purge of two formats", &format!("{left} are left"))),
    }
}
