//! What was read, made, renamed and left behind.

use super::stage::Stage;

const RUSTC: &str = "10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n";
const GCC: &str = "10 start /tc/bin/gcc => /w aux=1\n10 module /tc/bin/gcc\n";
const LD: &str = "10 spawned posix_spawn /usr/bin/ld aux=11\n11 start /usr/bin/ld => /w aux=10\n";
/// A script in the linker's place, which no excuse of the compiler's holds for.
const SCRIPT: &str =
    "10 spawned posix_spawn /w/in-place aux=12\n12 start /usr/bin/sh => /w aux=10\n12 named /w/in-place\n";

fn lines(stage: &Stage, trace: &str) -> Vec<String> {
    let start = if stage.policy.trusts_first { RUSTC } else { GCC };
    stage.lines(&format!("{start}{trace}"))
}

#[test]
fn what_was_made_is_not_an_input() {
    let made = "10 write create /w/tmp/a\n10 read /w/tmp/a\n10 stat /w/tmp/a";
    assert_eq!(lines(&Stage::rustc(), made), [""; 0]);
    let directory = "10 mkdir /w/tmp\n10 read err=ENOENT /w/tmp/a/b";
    assert_eq!(lines(&Stage::rustc(), directory), [""; 0]);
    let read_before = "10 read /w/tmp/a\n10 write create /w/tmp/a";
    assert_eq!(lines(&Stage::rustc().directory("/w/tmp"), read_before), ["file <workspace>/tmp/a"]);
}

#[test]
fn an_output_is_an_input_too_where_it_is_not_made() {
    let stage = Stage::rustc().file("/w/out/libcrate.rmeta");
    assert_eq!(lines(&stage, "10 read /w/out/libcrate.rmeta"), ["file <workspace>/out/libcrate.rmeta"]);
    let made = "10 read /w/out/libcrate.rmeta\n10 write /w/out/libcrate.rmeta";
    assert_eq!(lines(&stage, made), ["output /w/out/libcrate.rmeta"]);
}

#[test]
fn what_a_c_compiler_read_and_then_wrote_cannot_be_looked_at_again() {
    let trace = "10 read /w/out/a.o\n10 write /w/out/a.o";
    let refused = "refused side-effect: /w/out/a.o was read and then written";
    assert_eq!(lines(&Stage::c().file("/w/out/a.o"), trace).pop().as_deref(), Some(refused));
    assert_eq!(lines(&Stage::c(), trace), [""; 0], "it is gone again");
    let written_first = "10 write /w/out/a.o\n10 read /w/out/a.o";
    assert_eq!(lines(&Stage::c().file("/w/out/a.o"), written_first), ["output /w/out/a.o"]);
}

#[test]
fn a_renamed_file_is_made_under_its_new_name() {
    let stage = Stage::rustc().file("/w/out/a.o");
    let trace = "10 write /w/out/tmp\n10 rename /w/out/tmp => /w/out/a.o\n10 read /w/out/a.o";
    assert_eq!(lines(&stage, trace), ["output /w/out/a.o"]);
    let old = "10 write /w/x\n10 rename /w/x => /w/out/a.o\n10 read err=ENOENT /w/x";
    assert_eq!(
        lines(&stage, old),
        ["path <workspace>/x", "output /w/out/a.o"].map(|l| l.replace("path", "absent"))
    );
}

#[test]
fn a_renamed_directory_takes_what_is_in_it_along() {
    let stage = Stage::rustc();
    let trace = "10 mkdir /w/a\n10 rename /w/a => /w/b\n10 read err=ENOENT /w/b/x\n10 read err=ENOENT /w/a/x";
    assert_eq!(lines(&stage, trace), ["absent <workspace>/a/x"]);
    let was_there = Stage::rustc().directory("/w/b");
    let trace = "10 rename /w/a => /w/b\n10 read /w/b/x";
    assert_eq!(lines(&was_there, trace), ["refused side-effect: rustc removed /w/a"]);
}

#[test]
fn what_is_left_behind_is_an_output_or_a_side_effect() {
    let stage =
        Stage::rustc().file("/w/out/a.o").file("/w/notes").file("/w/state/new").directory("/w/out/crate.dir");
    assert_eq!(lines(&stage, "10 write /w/out/a.o\n10 write /w/gone"), ["output /w/out/a.o"]);
    assert_eq!(lines(&stage, "10 write /w/notes"), ["refused side-effect: /w/notes was left behind"]);
    assert_eq!(
        lines(&stage, "10 write /w/state/new\n10 mkdir /w/out"),
        [""; 0],
        "state, and the directory itself"
    );
    let directory = "refused side-effect: /w/out/crate.dir was left behind";
    assert_eq!(lines(&stage, "10 mkdir /w/out/crate.dir"), [directory], "named like an output");
    assert_eq!(lines(&stage, "10 write /dev/null"), [""; 0]);
}

#[test]
fn directories_that_are_written_to_are_known_by_way_of_a_link_too() {
    let stage = Stage::rustc().file("/disk/out/a.o").file("/disk/state/s/lock").file("/disk/out/other");
    let stage = stage.link("/w/out", "/disk/out").link("/w/state", "/disk/state");
    assert_eq!(lines(&stage, "10 write /disk/state/s/lock"), [""; 0]);
    let output = "10 write /disk/out/tmp\n10 rename /disk/out/tmp => /disk/out/a.o";
    assert_eq!(lines(&stage, output), ["output /w/out/a.o"]);
    let other = "refused side-effect: /w/out/other was left behind";
    assert_eq!(lines(&stage, "10 write /disk/out/other"), [other]);
    let script = lines(&stage, &format!("{SCRIPT}12 read /disk/out/other"));
    assert!(script.contains(&"file /disk/out/other".to_string()), "a script names what it wants: {script:?}");
}

#[test]
fn a_link_is_an_input_by_what_it_leads_to() {
    let stage = Stage::rustc().file("/w/src/a.rs").directory("/w/src/dir");
    let link = "10 link symbolic a.rs => /w/src/b.rs\n10 read /w/src/b.rs";
    assert_eq!(lines(&stage, link), ["file <workspace>/src/a.rs"]);
    assert_eq!(lines(&stage, "10 link /proc/self/fd/4 => /w/src/b.rs"), [""; 0], "a file without a name");
    let to_directory = format!("{SCRIPT}12 link symbolic dir => /w/src/b");
    let refused = lines(&stage, &to_directory).pop();
    assert_eq!(refused.as_deref(), Some("refused side-effect: sh linked to /w/src/dir"));
    let made = format!(
        "{SCRIPT}12 mkdir /w/src/dir\n12 link symbolic dir => /w/src/b\n12 unlink directory /w/src/dir"
    );
    assert!(
        lines(&stage, &made).pop().unwrap().ends_with("/w/src/dir was left behind"),
        "the run's own is not refused"
    );
}

#[test]
fn removing_what_was_there_before_is_a_side_effect() {
    let stage = Stage::rustc().directory("/w/real").link("/w/alias", "real");
    assert_eq!(lines(&stage, "10 unlink /w/old"), ["refused side-effect: rustc removed /w/old"]);
    assert_eq!(lines(&stage, "10 write /w/new\n10 unlink /w/new"), [""; 0]);
    assert_eq!(lines(&stage, "10 write /w/alias/new\n10 unlink /w/real/new"), [""; 0], "by another name");
    assert_eq!(lines(&stage, "10 unlink /w/out/a.o"), [""; 0], "an output");
}

#[test]
fn links_on_the_way_count_for_c_compilers() {
    let stage = Stage::c().file("/w/v2/inc/a.h").link("/w/inc", "v2/inc").link("/w/v2/inc/b.h", "a.h");
    let own = ["file <workspace>/inc/b.h", "leads-to <workspace>/inc", "leads-to <workspace>/v2/inc/b.h"];
    assert_eq!(lines(&stage, "10 stat /w/inc/b.h"), own);
    assert_eq!(lines(&stage, "10 stat /w/v2/inc/a.h"), ["file <workspace>/v2/inc/a.h"]);
    // A directory that is known to have no link on the way is not walked again; a link in it is seen.
    let again = "10 stat /w/v2/inc/a.h\n10 stat /w/v2/inc/b.h";
    assert!(lines(&stage, again).contains(&"leads-to <workspace>/v2/inc/b.h".to_string()));
    assert_eq!(lines(&Stage::rustc().file("/w/a"), "10 stat /w/a"), ["path <workspace>/a"]);
}

#[test]
fn links_that_lead_in_a_circle_end() {
    let stage = Stage::rustc().link("/w/a", "b").link("/w/b", "a");
    let trace = format!("{SCRIPT}12 realpath /w/a => /w/x");
    let lines = lines(&stage, &trace);
    assert!(
        lines.contains(&"link <workspace>/a".to_string())
            && lines.contains(&"link <workspace>/b".to_string())
    );
}

#[test]
fn a_response_file_is_in_the_key_for_the_one_it_is_for() {
    let stage = Stage::c().file("/w/args.rsp");
    assert_eq!(lines(&stage, "10 stat /w/args.rsp\n10 read /w/args.rsp"), [""; 0]);
    let twice = "10 read /w/args.rsp\n10 read /w/args.rsp";
    assert_eq!(lines(&stage, twice), ["file <workspace>/args.rsp"], "by a source that includes it, say");
    let other = format!("{LD}11 read /w/args.rsp");
    assert!(lines(&stage, &other).contains(&"file <workspace>/args.rsp".to_string()));
}

#[test]
fn old_state_is_refused_and_new_state_is_not() {
    let stage = Stage::rustc().file("/w/state/a");
    let refused = "refused incremental: began with incremental state from an earlier compile";
    assert_eq!(lines(&stage, "10 read /w/state/a"), [refused]);
    assert_eq!(lines(&stage, "10 write /w/state/a\n10 read /w/state/a\n10 list /w/state"), [""; 0]);
}

#[test]
fn temporary_directories_are_not_inputs_what_is_in_them_is() {
    let stage = Stage::rustc().directory("/tmp").variable("TMPDIR", "/tmp/");
    assert_eq!(lines(&stage, "10 stat /tmp"), [""; 0]);
    assert_eq!(lines(&stage, "10 read err=ENOENT /tmp/x"), ["absent /tmp/x"]);
}

#[test]
fn listings_count_by_who_lists_and_where() {
    let stage = Stage::rustc().directory("/w/crates").directory("/w/src/deep");
    let both =
        |what: &str| [lines(&stage, &format!("10 {what}")), lines(&stage, &format!("{SCRIPT}12 {what}"))];
    let [own, script] = both("list /w/src");
    assert_eq!(
        (own, script.contains(&"listing <workspace>/src".to_string())),
        (vec!["crates <workspace>/src".to_string()], true)
    );
    let [own, script] = both("list /w/crates");
    assert_eq!((own.len(), script.contains(&"listing <workspace>/crates".to_string())), (0, true));
    let [own, _] = both("list pattern /w/src/deep/*/x");
    assert_eq!(own, ["listing <workspace>/src/deep"], "of a pattern the directories that it goes through");
    let [own, _] = both("list /w/out");
    assert_eq!(own, ["crates <workspace>/out"], "the directory of outputs may hold others");
    assert_eq!(lines(&stage, "10 mkdir /w/new\n10 list /w/new"), [""; 0]);
}

#[test]
fn what_proc_shows_of_the_compiler_itself_has_another_name() {
    let stage = Stage::c().file("/w/a.h").file("/usr/b.h");
    assert_eq!(lines(&stage, "10 read /proc/self/cwd/a.h"), ["file <workspace>/a.h"]);
    assert_eq!(lines(&stage, "10 read /proc/thread-self/root/usr/b.h"), ["file /usr/b.h"]);
    let script = lines(&stage, &format!("{SCRIPT}12 read /proc/self/cwd/a.h"));
    assert!(
        script.contains(&"refused host-state: /proc/self/cwd/a.h was looked at".to_string()),
        "{script:?}"
    );
}

#[test]
fn the_state_of_the_machine_is_what_it_shows() {
    let stage = Stage::rustc();
    let script = lines(&stage, SCRIPT);
    let of = |path: &str| -> Vec<String> {
        let all = lines(&stage, &format!("{SCRIPT}12 read {path}"));
        all.into_iter().filter(|line| !script.contains(line)).collect()
    };
    assert_eq!(of("/proc/self/environ"), ["env-all every"]);
    assert_eq!(of("/proc/1/environ"), ["refused host-state: /proc/1/environ was looked at"]);
    assert_eq!(of("/proc/cpuinfo"), ["host processors"]);
    assert_eq!(of("/proc/self/exe"), ["place"]);
    assert_eq!(of("/dev/shm/x"), ["file /dev/shm/x"]);
    assert_eq!(of("/proc/self/maps"), [""; 0], "of a program of the system's");
    assert_eq!(of("/proc/1/maps"), ["refused host-state: /proc/1/maps was looked at"]);
    assert_eq!(of("/sys/class/net"), ["refused host-state: /sys/class/net was looked at"]);
    for below in ["/proc/self/fd/3", "/proc/self/fd/3/f", "/proc/12/fd/3/f", "/dev/fd/3/f"] {
        assert_eq!(of(below), [format!("refused host-state: {below} was looked at")]);
    }
    assert_eq!(of("/proc/filesystems"), ["host contents /proc/filesystems"]);
    assert_eq!(of("/proc/self/mountinfo"), ["host contents /proc/self/mountinfo"]);
    assert_eq!(lines(&stage, "10 read /proc/cpuinfo\n10 read /proc/self/statm\n10 read /dev/tty"), [""; 0]);
    assert_eq!(lines(&stage, "10 read /dev/stdin"), ["refused host-state: /dev/stdin was looked at"]);
}

#[test]
fn whether_the_kernel_shows_something_is_a_fact_like_any_other() {
    let stage = Stage::rustc().directory("/sys/fs/cgroup/cpu");
    let script = lines(&stage, SCRIPT);
    let of = |event: &str| -> Vec<String> {
        let all = lines(&stage, &format!("{SCRIPT}12 {event}"));
        all.into_iter().filter(|line| !script.contains(line)).collect()
    };
    assert_eq!(of("stat /sys/fs/cgroup/cpu"), ["path /sys/fs/cgroup/cpu"]);
    assert_eq!(of("stat err=ENOENT /sys/fs/cgroup/none"), ["absent /sys/fs/cgroup/none"]);
    for path in ["/sys/../proc/self/fd/3", "/proc/self/fd/3"] {
        assert_eq!(of(&format!("stat {path}")), [format!("refused host-state: {path} was looked at")]);
    }
}

/// The excuses of the compiler are for what its own code looks at, each by its name.
#[test]
fn what_a_source_names_below_proc_is_not_excused() {
    for path in
        ["/proc/version", "/proc/7/cwd/a.h", "/proc/self/fd/7/a.h", "/sys/kernel/mm/../../kernel/notes"]
    {
        for stage in [Stage::rustc(), Stage::c()] {
            let lines = lines(&stage, &format!("10 read {path}"));
            assert!(
                lines[0].starts_with("host ") || lines[0].starts_with("refused host-state"),
                "{path}: {lines:?}"
            );
        }
    }
    let refused = "refused host-state: /proc/7/cwd/a.h was looked at";
    assert_eq!(lines(&Stage::c(), "10 read err=ENOENT /proc/7/cwd/a.h"), [refused]);
}

#[test]
fn what_lies_below_the_list_of_threads_is_not_excused() {
    let stage = Stage::rustc().plain_object("/w/plain.so");
    let plugin = "10 cwd\n10 module id=5 /w/plain.so\n";
    for event in [
        "read id=5 /proc/self/task/7/environ",
        "read id=5 /proc/self/task/7/cwd/data",
        "list id=5 /proc/self/task",
        "readlink id=5 /proc/7/cwd => /w",
    ] {
        let lines = lines(&stage, &format!("{plugin}10 {event}"));
        assert!(lines.iter().any(|line| line.starts_with("refused host-state")), "{event}: {lines:?}");
    }
}

/// A toolchain's identity says what its files hold, and no more.
#[test]
fn times_and_links_of_the_toolchain_are_not_in_its_identity() {
    let stage = Stage::rustc().plain_object("/w/plain.so").file("/tc/lib/x");
    let plugin = "10 cwd\n10 module id=5 /w/plain.so\n";
    let with = |event: &str| lines(&stage, &format!("{plugin}{event}"));
    assert_eq!(with("10 read id=5 /tc/lib/x"), with(""));
    assert!(with("10 readlink id=5 /tc/lib/x => y").contains(&"link /tc/lib/x".to_string()));
}

/// A pattern lists each directory that it goes through, whatever the directory is called.
#[test]
fn a_pattern_lists_what_it_goes_through() {
    let stage =
        Stage::rustc().file("/w/data/target/a.txt").file("/w/data/.git/b.txt").file("/w/data/other/deep/c");
    let found = lines(&stage, &format!("{SCRIPT}12 list pattern /w/data/*/*.txt"));
    for listed in ["data", "data/target", "data/.git", "data/other"] {
        assert!(found.contains(&format!("listing <workspace>/{listed}")), "{listed}: {found:?}");
    }
    assert!(!found.iter().any(|line| line.contains("deep")), "{found:?}");
    let walked = lines(&stage, &format!("{SCRIPT}12 list pattern recursive /w/data"));
    for seen in ["listing <workspace>/data/other/deep", "file <workspace>/data/target/a.txt"] {
        assert!(walked.contains(&seen.to_string()), "{seen}: {walked:?}");
    }
}
