//! Incremental state of rustc: what a compile from scratch left is given to a compile in another place.
//!
//! rustc keeps its state in *sessions*, below the directory of `-C incremental`: `CRATE-ID/s-TIME-RANDOM-HASH`, with a file
//! `s-TIME-RANDOM.lock` beside, which a reader locks so that no other compile removes the session. A finished session is never
//! changed: the next one begins with hard links to its files. `ID` and the names of sessions hold no path.
//!
//! rustc decides what of a state still holds, by its own graph of queries. Two things are left to kache:
//!
//! - **Which state.** That of the same action: the same crate, arguments and compiler. Arguments that hold a path which rustc may
//!   take for more than a place to look at crates must be the same to the byte (`notes`).
//! - **The paths that are mapped.** rustc compares a hash of its arguments with the one in the state, and ignores the state where
//!   they differ. kache's `--remap-path-prefix=/one/checkout=.` differs between checkouts, and the names that it leads to do not:
//!   rustc itself takes a state of another checkout where both compiles map both checkouts. So the copy gets the hash of the
//!   arguments here, which rustc computes (`header`).
//!
//! A copy is given where a compile has been before: the dep-info of its crate is there, as after a restore. Without it the
//! result of a compile from scratch is worth more, since it is stored.

mod header;
mod notes;
mod sessions;
pub(crate) mod spelling;

use crate::compile_plan::CompilePlan;
use kache_core::action::Action;
use kache_core::frontend::CopiedState;
use kache_core::observe::log::Log;
use kache_core::platform;
use kache_core::run::Ran;
use kache_core::store::Store;
use kache_core::store::states::{LeftState, State};
use notes::Notes;
use std::fs;
use std::io;
use std::path::Path;

/// What the names of unfinished copies begin with, beside the directories of crates.
const UNFINISHED: &str = ".kache-";
/// The mark of a copy with which no compile has succeeded yet. rustc leaves files with other names than its own alone.
const MARK: &str = "kache-copy";

/// The state that a compile has left which began without any.
pub(crate) fn left(plan: &CompilePlan, action: &Action, log: &Log) -> Option<LeftState> {
    let dir = plan.invocation.incremental.as_ref()?;
    let notes = Notes::of(&plan.invocation, &action.roots)?;
    let session = sessions::begun(dir, log.records())?.finished()?;
    Some(LeftState { hold: session.hold()?, dir: session.dir, notes: notes.encode() })
}

/// Gives a compile a copy of a stored state.
pub(crate) fn copy(plan: &CompilePlan, action: &Action, store: &Store) -> Option<CopiedState> {
    let invocation = &plan.invocation;
    let dir = invocation.incremental.as_ref()?;
    // Without it nothing was restored here, and nothing was built.
    invocation.depinfo.as_ref().filter(|path| path.is_file())?;
    let mut state = store.state(&action.key)?;
    let home = dir.join(&state.head.above);
    let copied = CopiedState { mark: home.join(MARK), dir: home };
    if sessions::has_finished(&copied.dir) {
        return copied.mark.exists().then_some(copied);
    }
    if !sessions::is_of_crate(&state, invocation) {
        return None;
    }
    let here = Notes::of(invocation, &action.roots)?;
    let there = Notes::decode(&state.head.notes)?;
    let as_it_is = here.same_place(&there);
    if !as_it_is && !here.fits(&there) {
        return None;
    }
    remove_unfinished(dir);
    fs::create_dir_all(dir).ok()?;
    let tmp = dir.join(format!("{UNFINISHED}{}", std::process::id()));
    let made = write(plan, action, store, &mut state, &tmp, as_it_is);
    let made = made.and_then(|()| place(&tmp, &state, &copied));
    if let Err(e) = &made {
        let _ = platform::remove_dir_all(&tmp);
        if e.kind() == io::ErrorKind::InvalidData {
            store.drop_state(&action.key);
        }
    }
    made.ok()?;
    store.mark_state_used(&action.key);
    Some(copied)
}

/// Moves a session into the directory of its crate, where a compile that failed may have left an unfinished one.
fn place(session: &Path, state: &State, copied: &CopiedState) -> io::Result<()> {
    let to = copied.dir.join(&state.head.name);
    let lock = sessions::lock_of(&to).ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(&copied.dir)?;
    fs::write(lock, "")?;
    platform::rename(session, &to)?;
    fs::write(&copied.mark, "")
}

/// Writes the files of a session.
fn write(
    plan: &CompilePlan,
    action: &Action,
    store: &Store,
    state: &mut State,
    session: &Path,
    as_it_is: bool,
) -> io::Result<()> {
    if as_it_is {
        return state.unpack(session);
    }
    // rustc takes some time to start: the files are written meanwhile.
    let wanted = std::thread::scope(|scope| {
        let wanted = scope.spawn(|| header::of_arguments(&plan.invocation, action, store));
        state.unpack(session)?;
        wanted.join().unwrap_or_else(|_| Err(io::Error::other("a thread failed")))
    })?;
    header::replace(session, &wanted)
}

/// Removes copies that killed processes have begun.
fn remove_unfinished(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(UNFINISHED)?.parse().ok());
        if process.is_some_and(|process| !platform::is_running(process)) {
            let _ = platform::remove_dir_all(&entry.path());
        }
    }
}

/// Whether a compile that failed may have failed because of its state: not where it was stopped from outside, and not where an
/// error is about a place in the sources.
pub(crate) fn may_fail(ran: &Ran) -> bool {
    match ran.status.code() {
        None => platform::signal(ran.status).is_none_or(platform::is_crash),
        Some(1) => !names_a_place(&ran.stderr),
        Some(_) => true,
    }
}

/// Whether a compiler's messages have an error at a place in a source.
fn names_a_place(messages: &[u8]) -> bool {
    let mut is_error = false;
    for line in messages.split(|b| *b == b'\n') {
        let has = |text: &str| line.windows(text.len()).any(|part| part == text.as_bytes());
        if has("\"$message_type\":\"diagnostic\"") {
            if has("\"level\":\"error\"") && !has("\"spans\":[]") {
                return true;
            }
            continue;
        }
        // As for people: `error[E0308]: …`, then ` --> src/lib.rs:1:1`.
        if line.starts_with(b"error") {
            is_error = true;
        } else if line.starts_with(b"warning") {
            is_error = false;
        } else if is_error && line.trim_ascii_start().starts_with(b"--> ") {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_source_is_no_fault_of_the_state() {
        for (messages, expected) in [
            (
                r#"{"$message_type":"diagnostic","message":"m","level":"error","spans":[{"file_name":"l.rs"}]}"#,
                true,
            ),
            (
                r#"{"$message_type":"diagnostic","message":"failed to build archive","level":"error","spans":[],"children":[]}"#,
                false,
            ),
            (
                r#"{"$message_type":"diagnostic","message":"m","level":"warning","spans":[{"file_name":"l.rs"}]}"#,
                false,
            ),
            ("error[E0308]: mismatched types\n --> l.rs:1:1\n  |\n", true),
            (
                "warning: unused\n --> l.rs:1:1\n\nerror: linking with `cc` failed\n  = note: bad object\n",
                false,
            ),
            ("error: could not write\n\nwarning: unused\n  --> l.rs:1:1\n", false),
            ("", false),
        ] {
            assert_eq!(names_a_place(messages.as_bytes()), expected, "{messages}");
        }
    }

    // Elsewhere kache cannot tell whether a process runs, and keeps no state.
    #[cfg(unix)]
    #[test]
    fn copies_that_killed_processes_have_begun_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        // No process has this number.
        let (dead, own) = (format!("{UNFINISHED}4194999"), format!("{UNFINISHED}{}", std::process::id()));
        for name in [dead.as_str(), &own, "l-1x", ".kache-seed"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        remove_unfinished(dir.path());
        let has = |name: &str| dir.path().join(name).exists();
        assert_eq!([&dead, &own, "l-1x", ".kache-seed"].map(has), [false, true, true, true]);
    }
}
