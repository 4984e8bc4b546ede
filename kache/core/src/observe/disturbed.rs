//! Whether a run may have failed because it was observed.
//!
//! What dies of the observer dies without an end that the observer records: a sanitizer that refuses to start, a loader that
//! finds no room, a stack that is too small. Programs that fail by themselves reach `exit`. Those that crash by themselves
//! cannot be told apart, and are rare.

use super::trace::{EventKind, Trace, TraceEvent, flag};
use crate::platform;
use foldhash::HashMap;
use std::process::ExitStatus;

/// How far a process has come.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It runs a program that is observed.
    Runs,
    /// It is to run a program that has not begun.
    Begins,
    /// It is to run one that is not observed.
    Alone,
    Ended,
}

/// Whether the command should run again unobserved. `is_limited`: the address space is.
pub fn is_suspect(trace: &Trace, status: ExitStatus, is_limited: bool) -> bool {
    let code = platform::exit_code(status);
    if is_limited && code != 0 {
        return true;
    }
    let mut states = HashMap::default();
    let mut failed = Vec::new();
    // What a process was before it tried to run a program.
    let mut before = HashMap::default();
    let mut first = None;
    for e in &trace.events {
        match e.kind {
            EventKind::Start => {
                first.get_or_insert(e.pid);
                states.insert(e.pid, State::Runs);
            }
            EventKind::Exec if e.flags & flag::BY_LIBC != 0 => {}
            EventKind::Exec if e.errno != 0 => restore(&mut states, &before, e.pid),
            EventKind::Exec => {
                let alone = e.flags & flag::ALONE != 0;
                let old = states.insert(e.pid, if alone { State::Alone } else { State::Begins });
                before.insert(e.pid, old.unwrap_or(State::Runs));
            }
            EventKind::Spawned if e.flags & flag::POSIX_SPAWN != 0 => {
                // The Exec of a posix_spawn has the parent's pid.
                let asked = states.get(&e.pid).copied().unwrap_or(State::Begins);
                restore(&mut states, &before, e.pid);
                states.entry(e.aux as u32).or_insert(asked);
            }
            EventKind::Exit if e.flags & flag::EXIT_RAW == 0 => _ = states.insert(e.pid, State::Ended),
            EventKind::Failed if is_unexpected(e) => failed.push(e.aux as u32),
            _ => {}
        }
    }
    if let Some(first) = first.filter(|_| !status.success()) {
        // A signal that was sent to the command is none of its own doing.
        let sent = platform::signal(status).is_some_and(|signal| !platform::is_crash(signal));
        failed.extend((!sent).then_some(first));
    }
    failed.iter().any(|pid| matches!(states.get(pid), Some(State::Runs | State::Begins)))
}

fn restore(states: &mut HashMap<u32, State>, before: &HashMap<u32, State>, pid: u32) {
    states.insert(pid, before.get(&pid).copied().unwrap_or(State::Runs));
}

/// Whether a child failed in a way that is not another's doing.
fn is_unexpected(e: &TraceEvent) -> bool {
    let (code, signal) = platform::parts_of_status(i32::from(e.errno));
    code.is_some_and(|code| code != 0) || signal.is_some_and(platform::is_crash)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::observe::text::TextLog;
    use std::os::unix::process::ExitStatusExt;

    const FIRST: &str = "10 start /bin/first => /w aux=1\n";

    fn suspect(events: &str, status: i32) -> bool {
        let log = TextLog::parse(&format!("{FIRST}{events}")).unwrap();
        is_suspect(&log.trace(), ExitStatus::from_raw(status), false)
    }

    #[test]
    fn a_child_that_failed_without_an_end_is_suspect() {
        let child = "11 start forked /bin/first => /w aux=10\n11 exec /w/tool\n";
        let began = "11 start /w/tool => /w aux=10\n";
        assert!(suspect(&format!("{child}{began}10 failed aux=11 err=256"), 0), "it exited past libc");
        assert!(suspect(&format!("{child}{began}11 exit raw\n10 failed aux=11 err=256"), 0), "the same");
        assert!(suspect(&format!("{child}{began}10 failed aux=11 err=6"), 0), "it aborted");
        assert!(suspect(&format!("{child}10 failed aux=11 err=32512"), 0), "its loader failed");
        assert!(!suspect(&format!("{child}{began}11 exit\n10 failed aux=11 err=256"), 0), "its own error");
        assert!(!suspect(&format!("{child}{began}10 failed aux=11 err=13"), 0), "no process read its output");
        assert!(!suspect(&format!("{child}{began}10 failed aux=11 err=9"), 0), "it was killed");
        assert!(!suspect(&format!("{child}{began}"), 0), "no process saw it fail");
    }

    #[test]
    fn what_runs_alone_fails_by_itself() {
        let alone = "11 start forked /bin/first => /w aux=10\n11 exec alone /w/static\n";
        assert!(!suspect(&format!("{alone}10 failed aux=11 err=256"), 0));
        let spawned = "10 exec alone /w/static\n10 spawned posix_spawn /w/static aux=11\n";
        assert!(!suspect(&format!("{spawned}10 failed aux=11 err=256\n10 exit"), 0));
    }

    #[test]
    fn a_program_that_was_not_there_is_no_death() {
        let tried = "11 start forked /bin/first => /w aux=10\n11 exec /w/none\n11 exec err=ENOENT /w/none\n";
        assert!(!suspect(&format!("{tried}11 exit\n10 failed aux=11 err=32512"), 0));
    }

    #[test]
    fn a_spawned_program_that_never_began_is_suspect() {
        let spawned = "10 exec /w/tool\n10 spawned posix_spawn /w/tool aux=11\n10 failed aux=11 err=32512\n";
        assert!(suspect(&format!("{spawned}10 exit"), 0));
    }

    #[test]
    fn the_command_itself_counts_where_it_failed() {
        assert!(suspect("", 256), "it exited past libc");
        assert!(suspect("", libc::SIGSEGV));
        assert!(!suspect("", libc::SIGTERM), "it was ended");
        assert!(!suspect("", 0));
        assert!(!suspect("10 exit", 256), "its own error");
        let log = TextLog::parse(&format!("{FIRST}10 exit")).unwrap();
        assert!(is_suspect(&log.trace(), ExitStatus::from_raw(256), true), "under a limit");
    }
}
