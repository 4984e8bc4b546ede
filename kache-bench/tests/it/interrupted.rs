//! Long work that is interrupted: by SIGTERM to the harness alone, and as a terminal does it, by SIGINT to all of its group.
//! Nothing is left running, nothing is left lying about but the logs, and where those are is said.

use crate::support::{kache, require_tool};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The build starts something that would outlive it, in a shell of its own.
const WORKLOAD: &str = r#"
description = "A build that does not end"
[source]
kind = "path"
path = "made"
[pull]
from = "before"
[wiring]
rustc = false
cc = "env"
[build]
commands = ["$CC -c a.c -o a.o; (sleep 1000 & echo $! >{checkout}/../pid; echo compiled; mv {checkout}/../pid MARK; wait)"]
[clean]
commands = ["rm -f a.o"]
"#;

fn set_up(dir: &Path) {
    let mark = dir.join("mark");
    fs::write(dir.join("endless.toml"), WORKLOAD.replace("MARK", &mark.to_string_lossy())).unwrap();
    for (revision, text) in [("before", "int a;\n"), ("made", "int a, b;\n")] {
        fs::create_dir_all(dir.join(revision)).unwrap();
        fs::write(dir.join(revision).join("a.c"), text).unwrap();
    }
}

fn begin(dir: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kache-bench"))
        .args(arguments)
        .args(["--dir", "scratch", "--kache"])
        .arg(kache())
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap()
}

/// Sends a signal to one process, or (`-PID`) to a group.
fn signal(name: &str, whom: &str) {
    assert!(Command::new("kill").args([name, "--", whom]).status().unwrap().success());
}

/// Every process that works in a directory below `dir`, or has it in its command line.
fn at_work_in(dir: &Path) -> Vec<PathBuf> {
    let here = |process: &PathBuf| {
        let cwd = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        cwd || String::from_utf8_lossy(&line).contains(&*dir.to_string_lossy())
    };
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    all.filter(|path| path.join("cmdline").is_file()).filter(here).collect()
}

/// Whether a process is gone, but for a parent that has not asked for its status yet. It was killed, which takes its time.
fn has_ended(pid: &str) -> bool {
    let lives = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
    };
    (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        !lives()
    })
}

/// Interrupts a command once it is at its build; what it told.
fn interrupt(dir: &Path, arguments: &[&str], by_terminal: bool) -> String {
    let mut child = begin(dir, arguments);
    let mark = dir.join("mark");
    while !mark.exists() {
        if child.try_wait().unwrap().is_some() {
            let told = child.wait_with_output().unwrap().stderr;
            panic!("it ended before it was at its build: {}", String::from_utf8_lossy(&told));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let sleeper = fs::read_to_string(&mark).unwrap();
    match by_terminal {
        true => signal("-INT", &format!("-{}", child.id())),
        false => signal("-TERM", &child.id().to_string()),
    }
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("kache-bench: interrupted\n"), "{told}");
    assert!(has_ended(sleeper.trim()), "what the build started still runs");
    assert_eq!(at_work_in(&dir.join("scratch")), Vec::<PathBuf>::new(), "{told}");
    fs::remove_file(mark).unwrap();
    told
}

#[test]
fn nothing_is_left_but_the_logs() {
    let commands: [(&[&str], bool); 5] = [
        (&["check", "endless", "--workloads", ".", "--results", "results"], false),
        (&["check", "endless", "--workloads", ".", "--results", "results"], true),
        (&["pull", "endless", "--workloads", ".", "--results", "results"], false),
        (
            &["compare", "endless", "--workloads", ".", "--results", "results", "--backends", "kache,plain"],
            true,
        ),
        (&["audit", "endless", "--workloads", ".", "--results", "results"], false),
    ];
    for (arguments, by_terminal) in commands {
        let dir = tempfile::tempdir().unwrap();
        set_up(dir.path());
        if arguments[0] == "audit" && !require_tool("strace") {
            continue;
        }
        let told = interrupt(dir.path(), arguments, by_terminal);
        let logs = told
            .lines()
            .find_map(|line| line.strip_prefix("logs are kept in "))
            .unwrap_or_else(|| panic!("{told}"));
        let texts: Vec<_> =
            fs::read_dir(logs).unwrap().map(|log| fs::read_to_string(log.unwrap().path()).unwrap()).collect();
        assert!(texts.iter().any(|text| text.contains("compiled\n")), "{texts:?}");
        let scratch: Vec<_> =
            fs::read_dir(dir.path().join("scratch")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(scratch, [Path::new(logs).parent().unwrap()]);
        let left: Vec<_> = fs::read_dir(&scratch[0]).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["logs"]);
        assert!(!dir.path().join("results").exists(), "what was not finished is no result");
    }
}

#[test]
fn logs_have_a_place_of_their_own_where_one_is_given() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let arguments = ["check", "endless", "--workloads", ".", "--results", "results", "--logs", "kept"];
    let told = interrupt(dir.path(), &arguments, false);
    let logs = told.lines().find_map(|line| line.strip_prefix("logs are kept in ")).unwrap();
    assert!(logs.starts_with("kept/kache-bench-endless-"), "{told}");
    assert!(fs::read_dir(dir.path().join(logs)).unwrap().count() > 0);
    assert_eq!(fs::read_dir(dir.path().join("scratch")).unwrap().count(), 0);
}

#[test]
fn the_traps_end_between_two_builds() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = begin(dir.path(), &["traps", "--backends", "kache", "--jobs", "2"]);
    let scratch = dir.path().join("scratch");
    // Once there is a log, something is being built.
    let is_at_work = || {
        let runs = fs::read_dir(&scratch).into_iter().flatten().flatten();
        runs.flat_map(|run| fs::read_dir(run.path().join("logs"))).flatten().flatten().count() > 0
    };
    while !is_at_work() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was at work");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal("-TERM", &child.id().to_string());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    let logs = told
        .lines()
        .find_map(|line| line.strip_prefix("logs are kept in "))
        .unwrap_or_else(|| panic!("{told}"));
    let scratch: Vec<_> = fs::read_dir(&scratch).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(scratch, [Path::new(logs).parent().unwrap()]);
    assert_eq!(fs::read_dir(&scratch[0]).unwrap().count(), 1);
    assert_eq!(at_work_in(&scratch[0]), Vec::<PathBuf>::new(), "{told}");
}
