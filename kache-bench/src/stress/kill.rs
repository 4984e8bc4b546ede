//! Processes that end early: SIGKILL at each step, SIGKILL at random times during a parallel build, and
//! signals that request termination.
//!
//! Afterwards no torn file is in the cache or among the outputs, no lock is held, gc removes leftovers in
//! `tmp/`, and the next build is right.

use super::builds::{self, Build};
use super::harness::{Engine, STRAY, Task, contents, start_quietly, torn, wrong};
use super::rng;
use super::session::StressRun;
use super::steps::{self, CacheState, FaultPoint};
use crate::error::{Error, Result};
use crate::system::files;
use fastrand::Rng;
use kache_core::store::Area;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant, SystemTime};

/// Duration from which a run performs at least [`KILLS`] random kills.
const LONG: f64 = 10.0;
const KILLS: u64 = 500;
const AT_RANDOM: &str = "SIGKILL at any time under make -j4";

pub fn run(run_state: &mut StressRun) -> Result<()> {
    let left = run_state.deadline.saturating_duration_since(Instant::now());
    let (end, third) = (run_state.deadline, left / 3);
    run_state.deadline = end - third - third;
    at_each_step(run_state)?;
    run_state.deadline = end - third;
    by_request(run_state)?;
    run_state.deadline = end;
    at_random(run_state)
}

fn at_each_step(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("kill");
    let mut rng = run_state.rng("kill");
    let fault_points = steps::fault_points(run_state, &engine, &["kill", "after"], &mut rng)?;
    steps::each(run_state, fault_points, |run_state, fault| {
        let when = if fault.kind == "kill" { "before" } else { "after" };
        inject(run_state, &engine, fault, when)?;
        Ok(format!("SIGKILL {when} a step, {}", fault.state.name()))
    })?;
    nothing_is_left(run_state, &engine)
}

fn inject(run_state: &StressRun, engine: &Engine, fault: &FaultPoint, when: &str) -> Result<()> {
    let task = &run_state.tasks[fault.task];
    fault.state.bring(task, engine)?;
    let order = format!("{}:{}", fault.step, fault.kind);
    let context = format!("killed {when} step {}, {}", fault.step, fault.state.name());
    let answer = task.run(engine, &[("KACHE_FAULT", &order)])?;
    if answer.code.is_some() {
        // The command ended before that step.
        task.judge(&answer, &context)?;
    }
    builds::quiet(&task.dir, &context)?;
    if fault.state == CacheState::Hit {
        whole_or_absent(task, &context)?;
    }
    engine.must_be_whole(&context)?;
    locks_are_free(engine, &context)?;
    task.must(engine, &[], &format!("after being {context}"))
}

/// Every output that exists is complete.
fn whole_or_absent(task: &Task, context: &str) -> Result<()> {
    match torn(&contents(&task.out()), &task.wanted.files) {
        Some(what) => Err(wrong(&format!("{}, {context}", task.name), &what).at(task.dir.display())),
        None => Ok(()),
    }
}

/// SIGINT to the terminal's job, SIGTERM to the wrapper alone: the compiler ends as well.
fn by_request(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("asked");
    let mut rng = run_state.rng("asked");
    loop {
        for (name, signal, all) in [
            ("SIGINT to the job", libc::SIGINT, true),
            ("SIGTERM to the wrapper", libc::SIGTERM, false),
            ("SIGHUP to the job", libc::SIGHUP, true),
        ] {
            let task = &run_state.tasks[rng::below(&mut rng, run_state.tasks.len())];
            let state = *rng::pick(&mut rng, &[CacheState::Miss, CacheState::Hit]);
            let context = format!("{name}, {}", state.name());
            state.bring(task, &engine)?;
            task.clear()?;
            let mut command = task.command(&engine);
            let mut child = start_quietly(command.process_group(0))?;
            let most = if state == CacheState::Hit { 12 } else { 150 };
            std::thread::sleep(rng::duration(&mut rng, Duration::from_millis(most)));
            builds::signal(if all { -(child.id() as i32) } else { child.id() as i32 }, signal);
            drop(child.wait());
            builds::quiet(&task.dir, &context)?;
            // rustc writes its dep-info in place, with and without kache, so it may be truncated.
            if state == CacheState::Hit {
                whole_or_absent(task, &context)?;
            }
            no_stray(task, &context)?;
            engine.must_be_whole(&context)?;
            locks_are_free(&engine, &context)?;
            task.must(&engine, &[], &format!("after {context}"))?;
            run_state.stats.passed(&context, 1);
        }
        if run_state.is_over()? {
            return Ok(());
        }
    }
}

fn no_stray(task: &Task, context: &str) -> Result<()> {
    match files::below(&task.out())
        .iter()
        .find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(STRAY)))
    {
        Some(stray) => {
            Err(wrong(&format!("{}, {context}", task.name), &format!("{} is left", stray.display())))
        }
        None => Ok(()),
    }
}

fn at_random(run_state: &mut StressRun) -> Result<()> {
    let engine = run_state.engine("random");
    let mut rng = run_state.rng("random");
    let build = Build::set_up(run_state.dir().join("killed"), 20, 4)?;
    build.clear()?;
    build.must(&engine, "before any kill")?;
    let wanted = if run_state.minutes >= LONG { KILLS } else { 10 };
    while run_state.stats.count("kill", AT_RANDOM) < wanted || !run_state.is_over()? {
        crate::system::interrupt::check()?;
        let kills = round(&engine, &build, &mut rng)?;
        run_state.stats.passed(AT_RANDOM, kills);
        run_state.stats.passed("builds after such kills", 1);
    }
    nothing_is_left(run_state, &engine)
}

/// One build with random kills, and one after it. Returns the number of kills.
fn round(engine: &Engine, build: &Build, rng: &mut Rng) -> Result<usize> {
    build.clear()?;
    let misses = rng.bool();
    if misses {
        engine.forget()?;
    }
    let context = format!("killed at random, {}", if misses { "misses" } else { "hits" });
    let mut child = start_quietly(&mut build.make(Some(engine), 4))?;
    let (mut kills, most) = (0, 4 + rng::below(rng, 12));
    let pause = Duration::from_millis(if misses { 30 } else { 3 });
    while kills < most && child.try_wait().is_ok_and(|status| status.is_none()) {
        std::thread::sleep(rng::duration(rng, pause));
        let there = builds::running(&engine.program);
        if !there.is_empty() {
            builds::signal(*rng::pick(rng, &there), libc::SIGKILL);
            kills += 1;
        }
    }
    drop(child.wait());
    builds::quiet(&build.dir, &context)?;
    // A compiler's output may be truncated when its parent is killed, as without kache, and make rebuilds it.
    // A restored output may not.
    if misses {
        build.clear()?;
    } else {
        build.must_not_be_torn(&context)?;
    }
    engine.must_be_whole(&context)?;
    locks_are_free(engine, &context)?;
    build.must(engine, &format!("after being {context}"))?;
    Ok(kills)
}

/// Every lock can be taken at once.
pub fn locks_are_free(engine: &Engine, context: &str) -> Result<()> {
    for path in engine.files(Area::Locks) {
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_err() {
            return Err(wrong(context, &format!("{} is held, but no process runs", path.display())));
        }
    }
    Ok(())
}

/// One hour later, gc removes the leftovers of killed processes and nothing else.
fn nothing_is_left(run_state: &mut StressRun, engine: &Engine) -> Result<()> {
    let left = [engine.files(Area::Temporary), engine.files(Area::Locks)].concat();
    for path in &left {
        let then = SystemTime::now() - Duration::from_secs(2 * 3600);
        // A file of mode 0444 can be opened for reading, which is enough to set its times.
        let aged = File::open(path).and_then(|file| file.set_modified(then));
        aged.map_err(Error::io("age", path))?;
    }
    engine.run_kache(&["gc"])?;
    let still = [engine.files(Area::Temporary), engine.files(Area::Locks)].concat();
    if let Some(path) = still.iter().find(|p| fs::metadata(p).is_ok()) {
        return Err(wrong("after a collection", &format!("{} is left", path.display())));
    }
    engine.must_be_whole("after a collection")?;
    run_state.stats.passed("leftovers of killed processes collected", left.len());
    Ok(())
}
