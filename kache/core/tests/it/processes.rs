//! Programs that start others, under the observer: each process says what it is, and what began it.

use crate::sandbox::{ENOENT, Sandbox, done};
use kache_core::observe::launch;
use kache_core::observe::log::Log;
use kache_core::observe::trace::{EventKind, TraceEvent, flag};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

#[test]
fn every_way_to_run_a_program_is_followed() {
    let test = Sandbox::new();
    test.c("leaf", "#include <stdlib.h>\nint main(int c, char **v) { getenv(v[1]); return 0; }", &[]);
    let run = test.observe_c(
        "starter",
        r#"
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define CHILD(how, call) do { pid_t p = how(); if (p == 0) { call; _exit(9); } check(p); } while (0)
static void check(pid_t p) { int s; waitpid(p, &s, 0); if (s) abort(); }
int main(void) {
    char *none[] = {NULL}, *own[] = {"LD_PRELOAD=", "A=b", NULL};
    char *a[] = {"leaf", NULL, NULL};
    pid_t p;
    setenv("PATH", "/nonexistent:.", 1);
    #define ARG(x) (a[1] = (x), a)
    CHILD(fork, execve("./leaf", ARG("BY_EXECVE"), none));
    CHILD(fork, execv("leaf", ARG("BY_EXECV")));
    CHILD(fork, execvp("leaf", ARG("BY_EXECVP")));
    CHILD(fork, execvpe("leaf", ARG("BY_EXECVPE"), own));
    CHILD(fork, execl("leaf", "leaf", "BY_EXECL", NULL));
    CHILD(fork, execlp("leaf", "leaf", "BY_EXECLP", NULL));
    CHILD(fork, execle("leaf", "leaf", "BY_EXECLE", NULL, none));
    CHILD(fork, fexecve(open("leaf", O_RDONLY), ARG("BY_FEXECVE"), none));
    CHILD(fork, execveat(AT_FDCWD, "leaf", ARG("BY_EXECVEAT"), none, 0));
    CHILD(fork, syscall(SYS_execve, "leaf", ARG("BY_SYSCALL"), none));
    CHILD(vfork, execve("./leaf", ARG("BY_VFORK"), none));
    CHILD(_Fork, execv("leaf", ARG("BY_FORK_")));
    if (posix_spawn(&p, "./leaf", NULL, NULL, ARG("BY_SPAWN"), none)) return 2;
    check(p);
    if (posix_spawnp(&p, "leaf", NULL, NULL, ARG("BY_SPAWNP"), own)) return 3;
    check(p);
    if (posix_spawn(&p, "./absent", NULL, NULL, a, none) != 2) return 4;
    if (execv("./absent", a) != -1) return 5;
    if (system("./leaf BY_SYSTEM")) return 6;
    if (pclose(popen("./leaf BY_POPEN", "r"))) return 7;
    p = fork();
    if (p == 0) { getenv("IN_FORKED"); exit(0); }
    check(p);
    p = vfork();
    if (p == 0) { getenv("IN_VFORKED"); _exit(0); }
    getenv("IN_PARENT");
    return 0;
}
"#,
    );
    for how in [
        "BY_EXECVE",
        "BY_EXECV",
        "BY_EXECVP",
        "BY_EXECVPE",
        "BY_EXECL",
        "BY_EXECLP",
        "BY_EXECLE",
        "BY_FEXECVE",
        "BY_EXECVEAT",
        "BY_SYSCALL",
        "BY_VFORK",
        "BY_FORK_",
        "BY_SPAWN",
        "BY_SPAWNP",
        "BY_SYSTEM",
        "BY_POPEN",
    ] {
        let read = run.find(EventKind::GetEnv, how);
        assert!(run.module_of(&read).ends_with("leaf"));
        let is_start = |r: &TraceEvent| r.kind == EventKind::Start && r.flags & flag::FORKED == 0;
        let start = run.all().into_iter().find(|r| is_start(r) && r.pid == read.pid);
        assert!(start.is_some_and(|s| s.path.ends_with(b"/leaf")), "{how}");
    }
    let searched = run.find(EventKind::Exec, "leaf");
    assert_eq!((searched.flags, searched.path2), (flag::SEARCH, &b"/nonexistent:."[..]));
    let direct = run.of(EventKind::Exec).into_iter().find(|r| r.path.ends_with(b"/./leaf")).unwrap();
    assert_eq!(direct.flags, flag::EXEC_RELATIVE);
    assert_eq!(run.of(EventKind::Exec).iter().filter(|r| r.errno == ENOENT).count(), 2);
    assert_eq!(run.find(EventKind::Exec, "/bin/sh").flags, flag::BY_LIBC);
    assert_eq!(run.of(EventKind::Spawned).iter().filter(|r| r.flags == flag::POSIX_SPAWN).count(), 2);
    let parent = run.find(EventKind::GetEnv, "IN_PARENT");
    for child in ["IN_FORKED", "IN_VFORKED"] {
        let child = run.find(EventKind::GetEnv, child);
        assert_ne!(child.pid, parent.pid);
        assert!(run.module_of(&child).ends_with("starter"));
        let spawned = |r: &TraceEvent| {
            r.kind == EventKind::Spawned && r.pid == parent.pid && r.aux == i64::from(child.pid)
        };
        assert!(run.all().iter().any(spawned));
    }
    let starts = run.of(EventKind::Start).into_iter().filter(|r| r.pid == parent.pid).count();
    assert_eq!(starts, 1, "a vforked child must not make its parent start again");
}

#[test]
fn the_environment_is_as_if_nobody_looked() {
    let test = Sandbox::new();
    let c = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern char **environ;
int main(int argc, char **argv, char **envp) {
    for (char **e = envp; *e; e++) puts(*e);
    for (char **e = environ; *e; e++) puts(*e);
    char line[4096];
    FILE *f = popen("env", "r");
    while (fgets(line, sizeof line, f)) fputs(line, stdout);
    pclose(f);
    fflush(stdout);
    system("env");
    for (char **e = environ; *e; e++) puts(*e);
    return 0;
}
"#;
    let program = test.c("print", c, &[]);
    let other = test.c("other.so", "int nothing_at_all;", &["-shared", "-fPIC"]);
    let text = other.to_str().unwrap();
    let commands: [(&Path, &[&str]); 4] = [
        (Path::new("env"), &[]),
        (&program, &[]),
        (Path::new("env"), &["-i", "A=1", "env"]),
        (Path::new("bash"), &["-c", "env; env -i B=2 env; LD_PRELOAD= env; exec env"]),
    ];
    for (program, arguments) in commands {
        for preload in [None, Some(""), Some(text), Some("  ")] {
            let build = || {
                let mut command = test.command(program);
                command.args(arguments).env_remove("LD_PRELOAD");
                preload.map(|value| command.env("LD_PRELOAD", value));
                command.env("ZZ", "last");
                command
            };
            let plain = build().output().unwrap();
            let log = Log::create(&Default::default()).unwrap();
            let mut command = build();
            command.envs(launch::environment(&log, &test.object, preload.map(OsStr::new)));
            let observed = command.output().unwrap();
            assert!(
                log.records().any(|r| r.kind == EventKind::Start && r.path.ends_with(b"/env"))
                    || program != "env"
            );
            let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(text(&plain), text(&observed), "{program:?} {preload:?}");
            assert_eq!(observed.stderr, plain.stderr);
        }
    }
}

#[test]
fn a_killed_process_keeps_its_records() {
    let test = Sandbox::new();
    let source = "#include <signal.h>\n#include <stdlib.h>\nint main(void) { getenv(\"LAST_WORDS\"); raise(SIGKILL); }";
    let program = test.c("killed", source, &[]);
    let run = test.observe(&mut test.command(program));
    assert_eq!(run.output.status.signal(), Some(9));
    assert!(run.has(EventKind::GetEnv, "LAST_WORDS"));
}

#[test]
fn a_static_child_shows_as_one_that_never_started() {
    let test = Sandbox::new();
    test.c("still", "int main(void) { return 0; }", &["-static"]);
    let run = test.observe_c(
        "parent",
        r#"
#include <spawn.h>
#include <sys/wait.h>
int main(void) {
    char *a[] = {"still", 0};
    pid_t p;
    posix_spawn(&p, "./still", 0, 0, a, 0);
    waitpid(p, 0, 0);
    return 0;
}
"#,
    );
    let spawned = run.of(EventKind::Spawned)[0];
    assert_eq!(spawned.flags, flag::POSIX_SPAWN);
    assert!(!run.all().iter().any(|r| i64::from(r.pid) == spawned.aux));
}

#[test]
fn scripts_run_as_ever() {
    let test = Sandbox::new();
    test.write("x", "1\n");
    let script =
        "for i in 1 2 3; do ( cat x | sed s/1/2/ ) & done; wait; echo $(cat < x) $PWD; cd / && pwd; exit 7";
    let python = "import subprocess, os, sys\n\
        print(subprocess.run(['cat', 'x'], cwd='.', env={}, capture_output=True).stdout)\n\
        print(subprocess.check_output('cat x', shell=True), os.getenv('LD_PRELOAD'), os.listdir('.').sort())\n\
        sys.exit(7)";
    for command in [["bash", "-c", script], ["python3", "-c", python]] {
        if Command::new(command[0]).arg("--version").output().is_err() {
            continue;
        }
        let build = || {
            let mut built = test.command(command[0]);
            built.args(&command[1..]);
            built
        };
        let plain = build().output().unwrap();
        assert_eq!(plain.status.code(), Some(7), "{}", String::from_utf8_lossy(&plain.stderr));
        let run = test.observe(&mut build());
        assert_eq!(run.output, plain);
        assert!(run.started("/cat"));
        assert!(run.has(EventKind::Read, test.path("x")));
    }
}

/// The kernel's own name for it: a script's where its interpreter runs.
#[test]
fn a_program_says_by_which_name_it_was_asked_for() {
    let test = Sandbox::new();
    let script = test.write("script", "#!/bin/sh\n./inner\n");
    let inner = test.write("inner", "#! /bin/sh\n:\n");
    for path in [&script, &inner] {
        done(Command::new("chmod").arg("+x").arg(path));
    }
    let run = test.observe(&mut test.command(&script));
    run.succeeded();
    let mut named = run.of(EventKind::Named).into_iter();
    for name in [script.as_os_str().as_bytes(), b"./inner"] {
        let event = named.next().unwrap();
        assert_eq!(event.path, name);
        let before = run.log.records().take_while(|e| *e != event).last().unwrap();
        assert_eq!((before.kind, before.pid, before.flags & flag::FORKED), (EventKind::Start, event.pid, 0));
    }
    assert_eq!(named.next(), None);
}
