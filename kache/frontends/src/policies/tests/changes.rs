//! What a change finds, whether it succeeds or fails, and what it does to what was there before.

use super::stage::Stage;

const RUSTC: &str = "10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n";
/// A macro, and its module's id.
const PLUGIN: &str = "10 cwd\n10 module id=5 /w/plain.so\n";

fn stage() -> Stage {
    Stage::rustc().plain_object("/w/plain.so").file("/w/log").directory("/w/full")
}

/// What an event of a macro adds.
fn of_plugin(stage: &Stage, events: &str) -> Vec<String> {
    let known = stage.lines(&format!("{RUSTC}{PLUGIN}"));
    let events: String = events
        .lines()
        .map(|line| {
            let (process, rest) = line.split_once(' ').unwrap();
            let (kind, rest) = rest.split_once(' ').unwrap();
            format!("{process} {kind} id=5 {rest}\n")
        })
        .collect();
    let all = stage.lines(&format!("{RUSTC}{PLUGIN}{events}"));
    all.into_iter().filter(|line| !known.contains(line)).collect()
}

#[test]
fn a_change_that_fails_has_looked() {
    let stage = stage();
    for (event, found) in [
        ("10 unlink err=ENOENT /w/none", "absent <workspace>/none"),
        ("10 unlink directory err=ENOENT /w/none", "absent <workspace>/none"),
        ("10 unlink directory err=ENOTEMPTY /w/full", "listing <workspace>/full"),
        ("10 mkdir err=EEXIST /w/full", "path <workspace>/full"),
        ("10 mkdir err=ENOENT /w/none/a", "absent <workspace>/none/a"),
        ("10 write aux=1 err=ENOENT /w/none", "absent <workspace>/none"),
        ("10 write aux=1 err=EISDIR /w/full", "path <workspace>/full"),
        ("10 write create exclusive aux=1 err=EEXIST /w/log", "path <workspace>/log"),
        ("10 rename err=ENOENT /w/none => /w/new", "absent <workspace>/none"),
        ("10 rename err=ENOENT /w/log => /w/none/new", "absent <workspace>/none/new"),
        ("10 link err=EEXIST /w/log => /w/full", "path <workspace>/full"),
        ("10 link symbolic err=EEXIST x => /w/log", "path <workspace>/log"),
        ("10 change err=ENOENT /w/none", "absent <workspace>/none"),
    ] {
        assert_eq!(of_plugin(&stage, event), [found], "{event}");
    }
    for event in [
        "10 unlink err=EACCES /w/log",
        "10 write aux=1 err=EACCES /w/log",
        "10 mkdir err=EROFS /w/none",
        "10 rename err=EXDEV /w/log => /w/new",
        "10 change err=EPERM /w/log",
    ] {
        let refused = of_plugin(&stage, event).pop().unwrap_or_default();
        assert!(refused.starts_with("refused unreadable-input:"), "{event}: {refused}");
        assert_eq!(
            stage.lines(&format!("{RUSTC}{event}")),
            [""; 0],
            "the compiler reports what it cannot do"
        );
    }
}

#[test]
fn what_is_made_was_not_there_before() {
    let stage = stage().variable("TMPDIR", "/scratch");
    let gone = "10 unlink /w/new";
    for event in [
        "write create aux=65 /w/new",
        "mkdir /w/new",
        "link symbolic x => /w/new",
        "rename /w/log2 => /w/new",
    ] {
        let made = if event.starts_with("rename") { "10 write create aux=65 /w/log2\n" } else { "" };
        let found = of_plugin(&stage, &format!("{made}10 {event}\n{gone}"));
        assert!(found.contains(&"absent <workspace>/new".to_string()), "{event}: {found:?}");
    }
    let trusted = format!("{RUSTC}10 write create aux=65 /w/new\n{gone}");
    assert_eq!(stage.lines(&trusted), [""; 0], "its name may be another each time");
    for path in ["/tmp/a8f3", "/scratch/a8f3"] {
        let temporary = format!("10 write create exclusive aux=193 {path}\n10 unlink {path}");
        assert_eq!(of_plugin(&stage, &temporary), [""; 0]);
    }
}

#[test]
fn a_file_that_was_there_before_is_not_made_by_opening_it() {
    let stage = stage();
    let append = "10 write create append there aux=1089 /w/log";
    assert_eq!(of_plugin(&stage, append), ["file <workspace>/log"]);
    let removed = format!("{append}\n10 unlink /w/log");
    assert_eq!(
        of_plugin(&stage, &removed).pop().as_deref(),
        Some("refused side-effect: rustc removed /w/log")
    );
    let emptied = "10 write create truncate there aux=577 /w/log\n10 unlink /w/log";
    assert_eq!(of_plugin(&stage, emptied), ["refused side-effect: rustc overwrote /w/log"]);
    let only_read = "10 read create there aux=64 /w/log\n10 write create there aux=64 /w/log";
    assert_eq!(of_plugin(&stage, only_read), ["file <workspace>/log"]);
    let made_before =
        "10 write create aux=65 /w/log2\n10 write truncate there aux=513 /w/log2\n10 unlink /w/log2";
    assert_eq!(of_plugin(&stage, made_before), ["absent <workspace>/log2"]);
}

#[test]
fn outputs_of_earlier_runs_are_overwritten() {
    let stage = stage().file("/w/out/a.o").file("/w/state/lock");
    for event in [
        "10 write create truncate there aux=577 /w/out/a.o",
        "10 write there aux=2 /w/out/a.o",
        "10 write create aux=577 /w/out/t\n10 rename replaces /w/out/t => /w/out/a.o",
        "10 change /w/out/a.o\n10 write truncate there aux=577 /w/out/a.o",
    ] {
        assert_eq!(stage.lines(&format!("{RUSTC}{event}")), ["output /w/out/a.o"], "{event}");
    }
    let lock = format!("{RUSTC}10 write create there aux=66 /w/state/lock");
    assert_eq!(stage.lines(&lock), [""; 0], "the compiler's state");
}

#[test]
fn a_name_that_is_taken_from_another_is_a_side_effect() {
    let stage = stage();
    let refused = |events: &str| of_plugin(&stage, events).pop().unwrap_or_default();
    let made = "10 write create aux=577 /w/t\n";
    assert_eq!(
        refused(&format!("{made}10 rename replaces /w/t => /w/log")),
        "refused side-effect: rustc overwrote /w/log"
    );
    assert_eq!(refused("10 rename /w/log => /w/new"), "refused side-effect: rustc removed /w/log");
}

#[test]
fn what_is_changed_without_being_written_is_a_side_effect() {
    let stage = stage();
    let changed =
        "refused side-effect: rustc changed the mode, the owner, the times or the attributes of /w/log";
    assert_eq!(of_plugin(&stage, "10 change /w/log"), [changed]);
    assert_eq!(stage.lines(&format!("{RUSTC}10 change /w/log")), [changed]);
    let made = "10 write create aux=577 /w/t\n10 change /w/t\n10 unlink /w/t";
    assert_eq!(of_plugin(&stage, made), ["absent <workspace>/t"]);
    for nameless in ["\"/memfd:x (deleted)\"", "\"/w/log (deleted)\"", "pipe:[7]"] {
        assert_eq!(of_plugin(&stage, &format!("10 change {nameless}")), [""; 0]);
    }
}

#[test]
fn what_was_given_open_is_not_written_to() {
    let stage = stage();
    let refused = "refused side-effect: rustc wrote to /dev/fd/3, which it was given open";
    assert_eq!(stage.lines(&format!("{RUSTC}10 write truncate there aux=577 /dev/fd/3")), [refused]);
    assert_eq!(
        stage.lines(&format!("{RUSTC}10 write aux=1 /proc/self/fd/1")),
        [""; 0],
        "what is printed is stored"
    );
    let server = stage.variable("CARGO_MAKEFLAGS", "-j --jobserver-fds=3,4 --jobserver-auth=3,4");
    assert_eq!(server.lines(&format!("{RUSTC}10 write there aux=1 /dev/fd/4")), [""; 0], "it holds nothing");
}

/// A link on the way was turned between the two.
#[test]
fn a_name_that_leads_to_two_files_is_not_believed() {
    let read = |inode: &str| format!("10 read /w/log => 1:{inode}:4:5:6\n");
    let trace = |second: &str| format!("{RUSTC}{}{}", read("2"), read(second));
    assert_eq!(stage().lines(&trace("2")), ["file <workspace>/log"]);
    let refused = "refused changed-while-compiling: /w/log was another file the second time";
    assert_eq!(stage().lines(&trace("3")), ["file <workspace>/log", refused]);
}

#[test]
fn whether_something_may_be_done_counts() {
    let stage = stage().text("/w/tool").script("/w/script", "/w/none");
    let asked = "10 stat may_execute /w/tool";
    let counts = ["permission <workspace>/tool:1"];
    assert_eq!(of_plugin(&stage, asked), counts);
    assert_eq!(of_plugin(&stage, &asked.replace("may_execute", "may_execute err=EACCES")), counts);
    let run = "10 exec /w/tool\n10 exec err=EACCES /w/tool";
    assert_eq!(of_plugin(&stage, run), ["file <workspace>/tool", counts[0]]);
    let script = "10 exec /w/script\n10 exec err=ENOENT /w/script";
    let found = of_plugin(&stage, script);
    assert!(found.contains(&"absent <workspace>/none".to_string()), "its interpreter: {found:?}");
    let busy = of_plugin(&stage, "10 exec /w/tool\n10 exec err=ETXTBSY /w/tool");
    assert_eq!(busy.last().unwrap(), "refused unreadable-input: /w/tool could not be run (error 26)");
}
