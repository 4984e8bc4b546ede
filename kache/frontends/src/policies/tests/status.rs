//! Who learns times and numbers of files: plugins by calls of their own, and programs.

use super::stage::{Object, Stage, UNOPTIMISED};
use kache_core::collected::Collected;
use kache_core::reason::Reason;

const RUSTC: &str =
    "10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n10 cwd\n10 module id=5 /w/p.so\n";

fn stage() -> Stage {
    let functions = vec![UNOPTIMISED, "_ZN3std3sys2fs4unix4stat17h0E", "_ZN1p4mine17h0E"];
    let plugin = Object { functions: Some(functions), calls_kernel: Some(false), ..Object::default() };
    ["make", "bash", "git", "stat", "own"].into_iter().fold(
        Stage::rustc().object("/w/p.so", plugin).file("/w/data").text("/w/other").plain_object("/w/bash"),
        |stage, name| stage.plain_object(&format!("/usr/bin/{name}")),
    )
}

fn labels(found: &Collected) -> Vec<String> {
    let all = found.dependencies.iter().map(kache_core::dependency::Dependency::label);
    all.filter(|label| label.starts_with("status ") || label.starts_with("host stat ")).collect()
}

fn of_plugin(event: &str) -> Vec<String> {
    let found = stage().collect(&format!("{RUSTC}{event}"));
    assert_eq!(found.refused, None);
    labels(&found)
}

/// The address in the object at which the stage has the function of a number.
fn returns_to(function: u64) -> u64 {
    (function + 1) << 32
}

#[test]
fn a_plugin_that_asks_past_the_standard_library_learns_all() {
    let all = ["host stat <workspace>/data", "status <workspace>/data"];
    assert_eq!(of_plugin("10 stat id=5 beyond /w/data"), all, "by a system call");
    assert_eq!(of_plugin("10 stat id=5 beyond by_descriptor /w/data"), all);
    let asked_from = |function| of_plugin(&format!("10 stat id=5 aux={} /w/data", returns_to(function)));
    assert_eq!(asked_from(2), all, "a function of its own");
    assert_eq!(asked_from(3), all, "no function that has a name");
    assert!(asked_from(1).is_empty(), "the standard library");
    let opened =
        |function| of_plugin(&format!("10 stat id=5 by_descriptor aux={} /w/data", returns_to(function)));
    assert_eq!(opened(2), all);
    assert!(opened(1).is_empty());
    assert!(of_plugin("10 stat id=5 beyond may_read /w/data").is_empty(), "no status was asked for");
    assert!(of_plugin("10 stat id=5 beyond by_descriptor pipe:[7]").is_empty(), "no file");
    assert!(of_plugin("10 stat id=5 entered /w").is_empty(), "who enters a directory is told nothing");
}

#[test]
fn the_status_of_what_the_run_made_is_a_clock() {
    let refused =
        |event: &str| stage().collect(&format!("{RUSTC}{event}")).refused.map(|refused| refused.reason);
    let made = "10 write id=5 create /tmp/made\n";
    assert_eq!(
        refused(&format!("{made}10 stat id=5 beyond /tmp/made\n10 unlink id=5 /tmp/made")),
        Some(Reason::Clock)
    );
    assert_eq!(refused("10 stat id=5 beyond by_descriptor \"/tmp/made (deleted)\""), Some(Reason::Clock));
}

/// What becomes of a program that a plugin starts.
fn of_program(program: &str, events: &str) -> Vec<String> {
    called(program, &["-c", "true"], events)
}

fn called(program: &str, words: &[&str], events: &str) -> Vec<String> {
    let start = format!("10 exec id=5 {program}\n10 spawned posix_spawn id=5 {program} aux=11\n");
    let word = |(n, word): (usize, &&str)| format!("11 argument aux={} {word}\n", n + 1);
    let called = format!("11 argument it\n{}", words.iter().enumerate().map(word).collect::<String>());
    let trace = format!(
        "{RUSTC}{start}11 start {program} => /w aux=10\n{called}\n11 module {program}\n{events}\n11 exit unread"
    );
    let found = stage().collect(&trace);
    assert_eq!(found.refused, None, "{program}");
    labels(&found)
}

#[test]
fn programs_learn_what_they_are_known_to_tell() {
    let one = "11 stat /w/data";
    assert_eq!(of_program("/usr/bin/stat", one), ["host stat <workspace>/data"]);
    assert_eq!(of_program("/usr/bin/own", one), ["host stat <workspace>/data"], "not known");
    assert_eq!(of_program("/usr/bin/own", "11 stat by_descriptor /w/data"), ["host stat <workspace>/data"]);
    assert_eq!(of_program("/usr/bin/make", one), ["status <workspace>/data"]);
    assert!(of_program("/usr/bin/make", "11 stat /w/.").is_empty(), "where it is");
    for words in [&["describe", "--dirty"][..], &["-C", "x", "-c", "a.b=1", "status"], &["--no-pager", "log"]]
    {
        assert!(called("/usr/bin/git", words, one).is_empty(), "{words:?}");
    }
    for words in [
        &["diff-index", "--quiet", "HEAD"][..],
        &["diff-files"],
        &["an-alias"],
        &["--git-dir", "x", "status"],
    ] {
        assert_eq!(called("/usr/bin/git", words, one), ["host stat <workspace>/data"], "{words:?}");
    }
    assert!(of_program("/tc/bin/rustc", one).is_empty(), "the toolchain's own");
    assert!(of_program("/usr/bin/own", "11 stat may_read /w/data\n11 stat err=ENOENT /w/none").is_empty());
}

#[test]
fn a_shell_compares_two_files_one_after_the_other() {
    let both = ["status <workspace>/data", "status <workspace>/other"];
    assert_eq!(of_program("/usr/bin/bash", "11 stat /w/data\n11 stat /w/other"), both);
    assert!(of_program("/usr/bin/bash", "11 stat /w/data\n11 stat /w/data").is_empty());
    assert!(of_program("/usr/bin/bash", "11 stat /w/data\n11 read /w/other\n11 stat /w/other").is_empty());
    assert!(of_program("/usr/bin/bash", "11 stat /w/data\n11 stat err=ENOENT /w/none").is_empty());
    assert_eq!(
        of_program("/w/bash", "11 stat /w/data"),
        ["host stat <workspace>/data"],
        "anybody can replace it"
    );
}

/// `test -N` compares the time at which a file was last read.
#[test]
fn a_shell_may_ask_for_the_times_of_reading() {
    let stage = || stage().file("/w/asks").text("/w/plain").plain_object("/usr/bin/test");
    let refused = |program: &str, arguments: &str, read: &str| {
        let start = format!("10 exec id=5 {program}\n10 spawned posix_spawn id=5 {program} aux=11\n");
        let words = arguments.split(' ').enumerate();
        let called: String = words.map(|(at, word)| format!("11 argument aux={at} {word}\n")).collect();
        let read = if read.is_empty() { String::new() } else { format!("11 read {read}\n") };
        let trace = format!(
            "{RUSTC}{start}11 start {program} => /w aux=10\n{called}11 module {program}\n{read}11 stat /w/data\n\
             11 exit unread"
        );
        stage().collect(&trace).refused.map(|refused| refused.reason)
    };
    assert_eq!(refused("/usr/bin/bash", "bash /w/asks", "/w/asks"), Some(Reason::HostState));
    assert_eq!(refused("/usr/bin/bash", "bash /w/plain", "/w/plain"), None);
    assert_eq!(
        refused("/usr/bin/bash", "bash -s", ""),
        Some(Reason::HostState),
        "a script that is not known"
    );
    assert_eq!(refused("/usr/bin/bash", "bash -ec true", ""), None);
    for command in ["-N", "$IFS-N;", "[[-N\"data\"]]"] {
        assert_eq!(
            refused("/usr/bin/bash", &format!("bash -c {command}"), ""),
            Some(Reason::HostState),
            "{command}"
        );
    }
    for command in ["/tmp/build-Next", "x-N/bin", "a-N.c", "--No"] {
        assert_eq!(refused("/usr/bin/bash", &format!("bash -c {command}"), ""), None, "{command}");
    }
    assert_eq!(refused("/usr/bin/test", "test -f /w/data", ""), None);
    assert_eq!(refused("/usr/bin/test", "test -N /w/data", ""), Some(Reason::HostState));
    assert_eq!(refused("/usr/bin/git", "git -N", ""), None, "not a program that compares them");
}

#[test]
fn the_numbers_of_listed_files_are_told_by_whose_code_lists() {
    let entry = ["host stat <workspace>/dir/entry"];
    let stage = || stage().file("/w/dir/entry");
    let of_plugin = |event: &str| labels(&stage().collect(&format!("{RUSTC}{event}")));
    assert_eq!(of_plugin("10 list id=5 beyond /w/dir"), entry, "by a system call");
    assert_eq!(
        of_plugin(&format!("10 list id=5 aux={} /w/dir", returns_to(2))),
        entry,
        "a function of its own"
    );
    assert!(
        of_plugin(&format!("10 list id=5 aux={} /w/dir", returns_to(1))).is_empty(),
        "the standard library"
    );
    let of_program = |program: &str| {
        let start = format!("10 exec id=5 {program}\n10 spawned posix_spawn id=5 {program} aux=11\n");
        let events = format!(
            "11 start {program} => /w aux=10\n11 argument it\n11 argument aux=1 status\n11 module {program}\n11 list /w/dir\n11 exit unread"
        );
        labels(&stage().collect(&format!("{RUSTC}{start}{events}")))
    };
    assert_eq!(of_program("/usr/bin/own"), entry);
    assert!(of_program("/usr/bin/git").is_empty());
}

#[test]
fn who_walks_a_tree_by_the_c_library_learns_the_status_of_each_file() {
    let found =
        stage().file("/w/dir/entry").collect(&format!("{RUSTC}10 list id=5 pattern recursive /w/dir"));
    assert_eq!(labels(&found), ["host stat <workspace>/dir", "host stat <workspace>/dir/entry"]);
}

#[test]
fn xargs_looks_for_open_descriptors_only_to_close_them() {
    let stage = stage().plain_object("/usr/bin/xargs");
    let refused = |program: &str| {
        let start = format!("10 exec id=5 {program}\n10 spawned posix_spawn id=5 {program} aux=11\n");
        let events = "11 list /proc/self/fd\n11 descriptor asked_about aux=7 /w/data";
        let trace = format!(
            "{RUSTC}{start}11 start {program} => /w aux=10\n11 module {program}\n{events}\n11 exit unread"
        );
        stage.collect(&trace).refused.map(|refused| refused.reason)
    };
    assert_eq!(refused("/usr/bin/xargs"), None);
    assert_eq!(refused("/usr/bin/own"), Some(Reason::HostState));
}

/// `find` records its start time, and compares files with it if an option says so.
#[test]
fn the_time_of_a_start_counts_where_the_arguments_say_so() {
    let starts = "1 start /usr/bin/find => /\n1 module /usr/bin/find\n1 volatile aux=64 err=1 gettimeofday";
    let stage = stage().plain_object("/usr/bin/find").starts("/usr/bin/find", starts);
    let refused = |arguments: &str| {
        let start = "10 exec id=5 /usr/bin/find\n10 spawned posix_spawn id=5 /usr/bin/find aux=11\n\
                     11 start /usr/bin/find => /w aux=10\n";
        let events = "11 module /usr/bin/find\n11 volatile aux=64 err=1 gettimeofday\n11 exit unread";
        stage.collect(&format!("{RUSTC}{start}{arguments}{events}")).refused.map(|refused| refused.reason)
    };
    let called = "11 argument find\n11 argument aux=1 src\n";
    assert_eq!(refused(called), None);
    assert_eq!(
        refused(&format!("{called}11 argument aux=2 -mmin\n11 argument aux=3 -5\n")),
        Some(Reason::Clock)
    );
    assert_eq!(refused("11 argument aux=-1 find\n"), Some(Reason::Clock), "not all are known");
    assert_eq!(refused(""), Some(Reason::Clock), "none is known");
}
