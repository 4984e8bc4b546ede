//! Programs that leave an observer little: the smallest stacks, filters of system calls, limits. Each is run plain and
//! observed, and must do the same.

use crate::sandbox::{Run, Sandbox, done};
use kache_core::observe::launch;
use kache_core::observe::log::Log;
use kache_core::observe::trace::EventKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn plain(test: &Sandbox, program: &Path) -> Output {
    test.command(program).output().unwrap()
}

/// Runs a C program plain and observed, and compares what it did.
fn twice(test: &Sandbox, source: &str, flags: &[&str]) -> Run {
    let program = test.c("p", source, flags);
    let expected = plain(test, &program);
    let run = test.observe(&mut test.command(&program));
    assert_eq!(run.output, expected, "{:#?}", run.all());
    run
}

#[test]
fn no_function_has_a_large_frame() {
    let test = Sandbox::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("preload");
    let mut compiled = 0;
    for source in std::fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path()) {
        if source.extension().is_some_and(|end| end == "c") {
            let mut cc = Command::new("cc");
            cc.args([
                "-c",
                "-O2",
                "-fPIC",
                "-std=gnu11",
                "-fvisibility=hidden",
                "-Werror=frame-larger-than=512",
            ]);
            done(
                cc.args(["-fno-stack-protector", "-U_FORTIFY_SOURCE", "-o"])
                    .arg(test.path("o.o"))
                    .arg(source),
            );
            compiled += 1;
        }
    }
    assert!(compiled > 3);
}

#[test]
fn the_smallest_stacks_are_large_enough() {
    let test = Sandbox::new();
    test.write("data", "x");
    let deep = format!("{}/end", "d".repeat(200));
    test.write(&deep, "");
    let source = r#"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
static void look(void) {
    struct stat st;
    char link[64];
    int fd = open("data", O_RDONLY);
    int dir = open(".", O_RDONLY | O_DIRECTORY);
    if (fd < 0 || dir < 0) abort();
    if (fstatat(dir, "data", &st, 0) || access("data", R_OK) || readlink("data", link, sizeof link) != -1) abort();
    if (rename("data", "data2") || rename("data2", "data") || chdir("..") || fchdir(dir)) abort();
    close(fd);
    close(dir);
}
static void program(void) {
    char *arguments[] = {"true", NULL}, *none[] = {NULL};
    execve("/bin/true", arguments, none);
    abort();
}
static void child(pid_t pid) {
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status) abort();
}
static void *in_thread(void *unused) {
    look();
    pid_t pid = fork();
    if (!pid) {
        look();
        program();
    }
    child(pid);
    if (!(pid = vfork())) program();
    child(pid);
    puts("thread");
    return NULL;
}
static void in_handler(int signal) { look(); }
static void in_coroutine(void) { look(); }
static int in_clone(void *unused) { look(); return 0; }
/* The least memory below a hook, with a page that must not be touched under it. */
static char *stack(size_t size) {
    char *memory = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory, 4096, PROT_NONE);
    return memory + 4096;
}
int main(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    if (pthread_create(&thread, &attributes, in_thread, NULL)) return 1;
    pthread_join(thread, NULL);

    size_t least = sysconf(_SC_MINSIGSTKSZ);
    if (least < MINSIGSTKSZ) least = MINSIGSTKSZ;
    stack_t alternative = {.ss_size = least + 2048};
    alternative.ss_sp = stack((alternative.ss_size + 4095) & ~4095ul);
    sigaltstack(&alternative, NULL);
    struct sigaction action = {.sa_handler = in_handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);

    ucontext_t back, coroutine;
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack(4096);
    coroutine.uc_stack.ss_size = 4096;
    coroutine.uc_link = &back;
    makecontext(&coroutine, in_coroutine, 0);
    swapcontext(&back, &coroutine);

    child(clone(in_clone, stack(4096) + 4096, SIGCHLD, NULL));
    puts("done");
    return 0;
}
"#;
    let run = twice(&test, source, &["-pthread"]);
    assert_eq!(run.output.stdout, b"thread\ndone\n");
    let reads = run.of(EventKind::Read).iter().filter(|r| r.path.ends_with(b"/data")).count();
    assert_eq!(reads, 5, "{:#?}", run.all());
    assert_eq!(
        run.log.records().filter(|r| r.kind == EventKind::Start && r.path.ends_with(b"true")).count(),
        2
    );
}

#[test]
fn a_failed_look_where_no_place_is_known_is_told() {
    let test = Sandbox::new();
    let source = r#"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    if (mkdir("gone", 0700) || chdir("gone") || rmdir("../gone")) return 1;
    return open("file", O_RDONLY) != -1 || openat(77, "file", O_RDONLY) != -1;
}
"#;
    let run = twice(&test, source, &[]);
    let unlocated = run.of(EventKind::Unlocated);
    assert_eq!(unlocated.len(), 2, "{:#?}", run.all());
    // What removed the directory was in it, and the second open had no directory at all.
    assert_eq!(unlocated[0].aux, EventKind::Unlink as i64);
    assert_eq!(unlocated[1].aux, EventKind::Read as i64);
}

#[test]
fn a_relative_chdir_means_the_directory_that_was_left() {
    let test = Sandbox::new();
    std::fs::create_dir_all(test.path("a/b")).unwrap();
    let run = twice(
        &test,
        r#"
#include <errno.h>
#include <unistd.h>
int main(void) {
    if (chdir("a") || chdir("none") != -1 || chdir("") != -1 || chdir((char *)1) != -1 || errno != EFAULT) return 1;
    return chdir("b") || chdir("/");
}
"#,
        &[],
    );
    let there = test.path(".").canonicalize().unwrap();
    let stats = run.of(EventKind::Stat);
    let seen: Vec<_> =
        stats.iter().map(|r| (String::from_utf8_lossy(r.path).into_owned(), r.errno)).collect();
    let path = |name: &str| there.join(name).display().to_string();
    assert_eq!(seen, [(path("a"), 0), (path("a/none"), 2), (path("a/b"), 0), ("/".to_string(), 0)]);
}

const FILTERS: [(&str, &str); 3] = [
    ("strict", "prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)"),
    (
        "prctl",
        "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)",
    ),
    ("syscall", "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, 1, 0, &program)"),
];

#[test]
fn under_a_filter_the_observer_makes_no_system_call() {
    for (name, set) in FILTERS {
        let test = Sandbox::new();
        let source = format!(
            r#"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
static struct sock_filter rules[] = {{
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(SYS_write), ALLOW(SYS_exit), ALLOW(SYS_openat), ALLOW(SYS_execve),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
}};
int main(void) {{
    struct sock_fprog program = {{sizeof rules / sizeof *rules, rules}};
    (void)program;
    if ({set}) return 1;
    const char *value = getenv("HOME");
    if ("{name}"[1] != 't' && (open("absent", O_RDONLY) != -1 || errno != ENOENT)) syscall(SYS_exit, 2);
    write(1, value ? "home\n" : "none\n", 5);
    syscall(SYS_exit, 0);
}}
"#
        );
        let run = twice(&test, &source, &[]);
        assert_eq!(run.output.stdout, b"home\n", "{name}");
        assert_eq!(run.of(EventKind::Filtered).len(), 1, "{name}: {:#?}", run.all());
    }
}

#[test]
fn what_only_asks_about_filters_goes_on_observed() {
    let test = Sandbox::new();
    let run = twice(
        &test,
        r#"
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0);
    syscall(SYS_seccomp, 1, 0, NULL);
    prctl(PR_GET_SECCOMP);
    getenv("AFTER");
    return 0;
}
"#,
        &[],
    );
    assert!(run.has(EventKind::GetEnv, "AFTER"), "{:#?}", run.all());
    assert!(run.of(EventKind::Filtered).is_empty());
}

#[test]
fn a_log_of_many_megabytes_takes_little_address_space() {
    let test = Sandbox::new();
    let source = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
int main(int argc, char **argv) {
    /* Room for the program and for a few windows. */
    struct rlimit limit = {12 << 20, 12 << 20};
    if (setrlimit(RLIMIT_AS, &limit)) return 1;
    static char name[1000];
    memset(name, 'n', sizeof name - 1);
    for (int i = 0; i < 5000; i++) {
        name[sprintf(name, "%d", i)] = 'n';
        if (access(name, F_OK) == 0) return 2;
    }
    puts("done");
    return 0;
}
"#;
    let run = twice(&test, source, &[]);
    assert!(run.log.records().filter(|r| r.kind == EventKind::Stat && r.errno != 0).count() == 5000);
    assert!(!run.log.trace().overflowed && run.log.trace().torn == 0);
}

#[test]
fn a_log_under_a_limit_of_file_sizes_is_smaller_and_kills_no_process() {
    let test = Sandbox::new();
    // Above what any other test of this process writes.
    let limit = libc::rlimit { rlim_cur: 100 << 20, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: reads the structure and nothing else.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    let run = twice(&test, "#include <unistd.h>\nint main(void) { return access(\"x\", 0) == 0; }", &[]);
    assert_eq!(run.of(EventKind::Stat).len(), 1);
}

/// A program that runs its arguments as a program, after what `before` does.
fn launcher(test: &Sandbox, before: &str) -> PathBuf {
    let source = format!(
        r#"
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {{
    {before};
    pid_t pid = vfork();
    if (!pid) {{
        execvp(argv[1], argv + 1);
        _exit(9);
    }}
    int status;
    return waitpid(pid, &status, 0) != pid || status;
}}
"#
    );
    test.c("launcher", &source, &[])
}

/// Runs a program from another that is observed, and says whether it was observed too.
fn followed(test: &Sandbox, launcher: &Path, program: &str, arguments: &[&str]) -> bool {
    let command = || {
        let mut command = test.command(launcher);
        command
            .arg(program)
            .args(arguments)
            .env("PATH", format!("{}:/usr/bin:/bin", test.path(".").display()));
        command
    };
    let expected = command().output().unwrap();
    let run = test.observe(&mut command());
    assert_eq!(run.output, expected, "{program}: {:#?}", run.all());
    assert!(run.of(EventKind::Exec).iter().any(|r| r.path.ends_with(program.as_bytes()) && r.errno == 0));
    let name = Path::new(program).file_name().unwrap().to_str().unwrap();
    run.started(name)
}

const LISTS_VARIABLES: &str = "#include <stdio.h>\nextern char **environ;\nint main(void) { for (char **e = environ; *e; e++) puts(*e); return 0; }";

#[test]
fn a_program_that_cannot_be_observed_is_left_alone() {
    let test = Sandbox::new();
    let launcher = launcher(&test, "");
    test.c("dynamic", LISTS_VARIABLES, &[]);
    assert!(followed(&test, &launcher, "dynamic", &[]));
    test.c("static", LISTS_VARIABLES, &["-static"]);
    assert!(!followed(&test, &launcher, "static", &[]));
    test.c("static-pie", LISTS_VARIABLES, &["-static-pie"]);
    assert!(!followed(&test, &launcher, "./static-pie", &[]));
    let script = |name: &str, interpreter: &str| {
        let path = test.write(name, &format!("#! {interpreter} \n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("script", &test.path("static").display().to_string());
    script("script-of-script", &test.path("script").display().to_string());
    assert!(!followed(&test, &launcher, "script-of-script", &[]));
}

#[test]
fn a_sanitizer_is_left_alone() {
    let test = Sandbox::new();
    let launcher = launcher(&test, "");
    let fine = "#include <stdio.h>\nint main(void) { puts(\"fine\"); return 0; }";
    for (name, flags, observed) in [
        ("address", &["-fsanitize=address"][..], false),
        ("thread", &["-fsanitize=thread"], false),
        ("leak", &["-fsanitize=leak"], false),
        ("undefined", &["-fsanitize=undefined"], true),
        ("inside", &["-fsanitize=address", "-static-libasan"], true),
    ] {
        test.c(name, fine, flags);
        assert_eq!(followed(&test, &launcher, name, &[]), observed, "{name}");
    }
    let found = Command::new("cc").arg("-print-file-name=libasan.so").output().unwrap();
    let library = String::from_utf8(found.stdout).unwrap();
    let preload = format!("setenv(\"LD_PRELOAD\", \"{}\", 1)", library.trim());
    test.c("plain", fine, &[]);
    assert!(!followed(&test, &self::launcher(&test, &preload), "plain", &[]));
}

#[test]
fn where_the_object_is_not_visible_the_loader_is_not_asked_for_it() {
    let test = Sandbox::new();
    let hide = format!("rename(\"{0}\", \"{0}.hidden\")", test.object.display());
    let launcher = launcher(&test, &format!("int rename(const char *, const char *); {hide}"));
    test.c("dynamic", LISTS_VARIABLES, &[]);
    let arguments = ["dynamic"];
    let expected = test.command(&launcher).args(arguments).env("PATH", test.path(".")).output().unwrap();
    let hidden = format!("{}.hidden", test.object.display());
    std::fs::rename(&hidden, &test.object).unwrap();
    let run = test.observe(test.command(&launcher).args(arguments).env("PATH", test.path(".")));
    assert_eq!(run.output, expected);
    assert!(!run.started("dynamic") && run.started("launcher"));
}

#[test]
fn only_what_asks_by_its_name_is_told_of_the_log() {
    let test = Sandbox::new();
    let source = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern char **environ;
int main(void) {
    for (char **entry = environ; *entry; entry++)
        if (strstr(*entry, "KACHE_OBSERVE")) return 2;
    const char *log = getenv("KACHE_OBSERVE_LOG");
    return !log || strncmp(log, "/proc/", 6) || getenv("KACHE_OBSERVE_LO") || getenv("KACHE_OBSERVE_LOG2");
}
"#;
    let program = test.c("p", source, &[]);
    // Whoever runs the tests may have settings of kache's own in the environment.
    let run = test.observe(test.command(program).env_clear());
    run.succeeded();
    assert!(!run.has(EventKind::GetEnv, "KACHE_OBSERVE_LOG"));
}

#[test]
fn a_library_that_stands_in_for_libc_is_not_taken_for_the_observer() {
    let test = Sandbox::new();
    // It ends in a jump, so that the observer's own call of it is what `access` returns to.
    let source = "#include <unistd.h>\nint rmdir(const char *path) { return access(path, F_OK); }";
    let library = test.c("lib.so", source, &["-O2", "-shared", "-fPIC"]);
    let program = test.c("p", "#include <unistd.h>\nint main(void) { return rmdir(\".\"); }", &[]);
    let log = Log::create(&Default::default()).unwrap();
    let mut command = test.command(program);
    command.envs(launch::environment(&log, &test.object, Some(library.as_os_str())));
    done(&mut command);
    let paths = |kind| log.records().filter(|r| r.kind == kind).map(|r| r.path.to_vec()).collect::<Vec<_>>();
    let loaded = paths(EventKind::Module);
    assert!(loaded.iter().any(|path| path.ends_with(b"/lib.so")));
    assert!(!loaded.iter().any(|path| path == test.object.as_os_str().as_bytes()), "{loaded:?}");
    assert_eq!((paths(EventKind::Stat).len(), paths(EventKind::Unlink).len()), (1, 1));
}
