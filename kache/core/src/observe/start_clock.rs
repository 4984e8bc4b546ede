//! Which calls of the clock a program makes as it starts, and whether it opens the terminal.
//!
//! A shell seeds its random numbers, git begins to measure its steps: each asks for the time of day before it does
//! anything, and puts the answer into nothing that it prints. The same programs print the time where they are asked
//! to (`printf '%()T'`, `git log --date=relative`). Neither the program's name nor the order of events tells the two
//! apart: a shell that is given its script as an argument reads nothing in between. The call itself does: the program
//! is started once more, with arguments by which it starts and ends, and the calls that it makes then, each as often
//! as then, are those of a start.
//!
//! The same start tells how often the program opens the terminal by its name. bash does so whenever it starts, and
//! reads nothing from it. Its scripts begin later, so that what they open comes after that.
//!
//! Only a program that root alone can replace is started: the build ran it, but perhaps not with these arguments.

use super::launch;
use super::log::{Log, Purpose};
use super::trace::{EventKind, Trace};
use crate::platform;
use foldhash::HashMap;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// The path by which every process finds its own terminal.
pub const TERMINAL: &[u8] = b"/dev/tty";

/// What a program asks for as it starts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StartCalls {
    /// Calls of the clock, by module and by where in it they return to, and how often each is made.
    clock: BTreeMap<(Vec<u8>, i64), u16>,
    /// Events of opening the terminal.
    pub terminal: u16,
}

impl StartCalls {
    /// The calls in the trace of a program that started and ended.
    pub fn of(trace: &Trace) -> StartCalls {
        let mut modules: HashMap<(u32, u32), &[u8]> = HashMap::default();
        let mut calls = StartCalls::default();
        for e in &trace.events {
            match e.kind {
                EventKind::Module => _ = modules.insert((e.pid, e.module), e.path),
                EventKind::Volatile if e.errno != 0 => {
                    let Some(module) = modules.get(&(e.pid, e.module)) else { continue };
                    let count = calls.clock.entry((module.to_vec(), e.aux)).or_insert(0);
                    *count = e.errno.max(*count);
                }
                EventKind::Read | EventKind::Write if e.path == TERMINAL => calls.terminal += 1,
                _ => {}
            }
        }
        calls
    }

    /// Whether a start makes a call, for the `count`th time or, if `again`, any number of times.
    pub fn has(&self, module: &[u8], returns_to: i64, count: u16, again: bool) -> bool {
        let most = self.clock.get(&(module.to_vec(), returns_to));
        count > 0 && most.is_some_and(|most| count <= *most || again)
    }
}

/// Starts a program to learn its calls. `None` where the program may not be started, or was not observed to its end.
pub fn ask(program: &Path, arguments: &[&str]) -> Option<StartCalls> {
    if !platform::only_root_replaces(program) {
        return None;
    }
    let (log, object) = (Log::create(&Purpose::default()).ok()?, launch::in_memory().ok()?);
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(launch::environment(&log, &object, None)).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok()?;
    let trace = log.trace();
    let ended = trace.events.iter().any(|e| e.kind == EventKind::Exit);
    (ended && !trace.overflowed && trace.torn == 0).then(|| StartCalls::of(&trace))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::observe::text::TextLog;

    #[test]
    fn a_call_is_known_by_its_place_and_its_number() {
        let log = TextLog::parse(
            "10 start /bin/sh => /\n10 module id=0 /bin/sh\n10 module id=1 /lib/a.so\n\
             10 volatile aux=64 err=1 time\n10 volatile aux=64 err=2 time\n10 volatile id=1 aux=8 err=1 time\n\
             10 volatile aux=9 time\n10 exit",
        )
        .unwrap();
        let calls = StartCalls::of(&log.trace());
        assert!(calls.has(b"/bin/sh", 64, 1, false) && calls.has(b"/bin/sh", 64, 2, false));
        assert!(!calls.has(b"/bin/sh", 64, 3, false) && calls.has(b"/bin/sh", 64, 3, true));
        assert!(calls.has(b"/lib/a.so", 8, 1, false) && !calls.has(b"/lib/a.so", 64, 1, true));
        assert!(!calls.has(b"/bin/sh", 9, 0, true), "a call whose place was not recorded");
    }

    #[test]
    fn a_program_that_anybody_can_replace_is_not_started() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("sh");
        std::fs::copy("/bin/sh", &program).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        assert_eq!(ask(&program, &["-c", ":"]), None);
    }
}
