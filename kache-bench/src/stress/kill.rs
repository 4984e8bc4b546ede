//! Processes that end in the middle: SIGKILL at each step, SIGKILL at any time under a parallel build, and the signals that
//! ask.
//!
//! Afterwards nothing torn is in the cache or under an output's name, no lock is held, what is left in `tmp/` is collected, and
//! the next build is right.

use super::builds::{self, Build};
use super::harness::{Engine, STRAY, Task, below, contents, wrong};
use super::rng::Dice;
use super::session::Torture;
use super::steps::{self, Blow, State};
use crate::error::{Result, Trouble};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

/// A run of this many minutes kills at least [`KILLS`] at random.
const LONG: f64 = 10.0;
const KILLS: u64 = 500;
const AT_RANDOM: &str = "SIGKILL at any time under make -j4";

/// The ordeal.
pub fn run(torture: &mut Torture) -> Result<()> {
    let left = torture.deadline.saturating_duration_since(Instant::now());
    let (end, third) = (torture.deadline, left / 3);
    torture.deadline = end - third - third;
    at_each_step(torture)?;
    torture.deadline = end - third;
    by_request(torture)?;
    torture.deadline = end;
    at_random(torture)
}

fn at_each_step(torture: &mut Torture) -> Result<()> {
    let engine = torture.engine("kill");
    let mut dice = torture.dice("kill");
    let blows = steps::blows(torture, &engine, &["kill", "after"], &mut dice)?;
    let (all, mut done) = (blows.len(), 0);
    for blow in blows {
        if torture.is_over()? {
            break;
        }
        let when = if blow.kind == "kill" { "before" } else { "after" };
        strike(torture, &engine, &blow, when)?;
        torture.ledger.survived(&format!("SIGKILL {when} a step, {}", blow.state.name()), 1);
        done += 1;
    }
    torture.ledger.note("all steps", format!("{done} of {all} pairs of step and kill"));
    nothing_is_left(torture, &engine)
}

fn strike(torture: &Torture, engine: &Engine, blow: &Blow, when: &str) -> Result<()> {
    let task = &torture.tasks[blow.task];
    blow.state.bring(task, engine)?;
    let order = format!("{}:{}", blow.step, blow.kind);
    let context = format!("killed {when} step {}, {}", blow.step, blow.state.name());
    let answer = task.run(engine, &[("KACHE_FAULT", &order)])?;
    if answer.code.is_some() {
        // It was over before that step.
        task.judge(&answer, &context)?;
    }
    builds::quiet(&task.dir, &context)?;
    if blow.state == State::Hit {
        whole_or_absent(task, &context)?;
    }
    engine.must_be_whole(&context)?;
    locks_are_free(engine, &context)?;
    task.must(engine, &[], &format!("after being {context}"))
}

/// Nothing under an output's name is anything but the whole output.
fn whole_or_absent(task: &Task, context: &str) -> Result<()> {
    let have = contents(&task.out());
    match task.wanted.files.iter().find(|(name, file)| have.get(*name).is_some_and(|there| there != *file)) {
        Some((name, _)) => {
            let what = format!("{name} is half-written, {} bytes", have[name].0.len());
            Err(wrong(&format!("{}, {context}", task.name), &what).at(task.dir.display()))
        }
        None => Ok(()),
    }
}

/// SIGINT to all of a terminal's job, SIGTERM to the wrapper alone: the compiler ends, too, and leaves what it leaves.
fn by_request(torture: &mut Torture) -> Result<()> {
    let engine = torture.engine("asked");
    let mut dice = torture.dice("asked");
    loop {
        for (name, signal, all) in [
            ("SIGINT to the job", libc::SIGINT, true),
            ("SIGTERM to the wrapper", libc::SIGTERM, false),
            ("SIGHUP to the job", libc::SIGHUP, true),
        ] {
            let task = &torture.tasks[dice.below(torture.tasks.len())];
            let state = *dice.pick(&[State::Miss, State::Hit]);
            let context = format!("{name}, {}", state.name());
            state.bring(task, &engine)?;
            task.clear()?;
            let mut command = task.command(&engine);
            command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().map_err(Trouble::io("run", &engine.program))?;
            let most = if state == State::Hit { 12 } else { 150 };
            std::thread::sleep(dice.time(Duration::from_millis(most)));
            builds::signal(if all { -(child.id() as i32) } else { child.id() as i32 }, signal);
            drop(child.wait());
            builds::quiet(&task.dir, &context)?;
            // rustc writes its dep-info in place, with and without kache: what it was writing may be cut.
            if state == State::Hit {
                whole_or_absent(task, &context)?;
            }
            no_stray(task, &context)?;
            engine.must_be_whole(&context)?;
            locks_are_free(&engine, &context)?;
            task.must(&engine, &[], &format!("after {context}"))?;
            torture.ledger.survived(&context, 1);
        }
        if torture.is_over()? {
            return Ok(());
        }
    }
}

fn no_stray(task: &Task, context: &str) -> Result<()> {
    let mut files = Vec::new();
    below(&task.out(), &mut files);
    match files.iter().find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(STRAY))) {
        Some(stray) => {
            Err(wrong(&format!("{}, {context}", task.name), &format!("{} is left", stray.display())))
        }
        None => Ok(()),
    }
}

fn at_random(torture: &mut Torture) -> Result<()> {
    let engine = torture.engine("random");
    let mut dice = torture.dice("random");
    let build = Build::lay(torture.dir().join("killed"), 20, 4)?;
    build.clear()?;
    build.must(&engine, "before any kill")?;
    let wanted = if torture.minutes >= LONG { KILLS } else { 10 };
    while torture.ledger.count("kill", AT_RANDOM) < wanted || !torture.is_over()? {
        crate::system::interrupt::check()?;
        let kills = round(&engine, &build, &mut dice)?;
        torture.ledger.survived(AT_RANDOM, kills);
        torture.ledger.survived("builds after such kills", 1);
    }
    nothing_is_left(torture, &engine)
}

/// One build with some of its wrappers killed, and one after it. How many were.
fn round(engine: &Engine, build: &Build, dice: &mut Dice) -> Result<usize> {
    build.clear()?;
    let misses = dice.coin();
    if misses {
        engine.forget()?;
    }
    let context = format!("killed at random, {}", if misses { "misses" } else { "hits" });
    let mut make = build.make(Some(engine), 4);
    make.stderr(Stdio::null());
    let mut child = make.spawn().map_err(Trouble::io("run make in", &build.dir))?;
    let (mut kills, most) = (0, 4 + dice.below(12));
    let pause = Duration::from_millis(if misses { 30 } else { 3 });
    while kills < most && child.try_wait().is_ok_and(|status| status.is_none()) {
        std::thread::sleep(dice.time(pause));
        let there = builds::running(&engine.program);
        if !there.is_empty() {
            builds::signal(*dice.pick(&there), libc::SIGKILL);
            kills += 1;
        }
    }
    drop(child.wait());
    builds::quiet(&build.dir, &context)?;
    // What a compiler was writing when it lost its parent may be cut, as it may without kache, and to make it is done; what
    // is restored may not be.
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

/// Whoever wants a lock gets it at once.
pub fn locks_are_free(engine: &Engine, context: &str) -> Result<()> {
    for path in engine.files("locks") {
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_err() {
            return Err(wrong(context, &format!("{} is held, and nobody is there", path.display())));
        }
    }
    Ok(())
}

/// An hour later a collection clears away what killed processes left, and nothing else.
fn nothing_is_left(torture: &mut Torture, engine: &Engine) -> Result<()> {
    let left = [engine.files("tmp"), engine.files("locks")].concat();
    for path in &left {
        let then = SystemTime::now() - Duration::from_secs(2 * 3600);
        // A file of mode 0444 can be opened for reading alone, which is enough to set its times.
        let aged = File::open(path).and_then(|file| file.set_modified(then));
        aged.map_err(Trouble::io("age", path))?;
    }
    engine.ask(&["gc"])?;
    let still = [engine.files("tmp"), engine.files("locks")].concat();
    if let Some(path) = still.iter().find(|p| fs::metadata(p).is_ok()) {
        return Err(wrong("after a collection", &format!("{} is left", path.display())));
    }
    engine.must_be_whole("after a collection")?;
    torture.ledger.survived("leftovers of killed processes collected", left.len());
    Ok(())
}
