//! The observer, through the real thing: small programs, compilers and proc macros are built and run under it, and the
//! log is read as a user of `observe` would read it.

use crate::sandbox::{ENOENT, Sandbox, done};
use kache_core::observe::launch;
use kache_core::observe::trace::{EventKind, TraceEvent, UNKNOWN_MODULE, flag};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[test]
fn each_hook_for_files_records_its_kind() {
    let test = Sandbox::new();
    test.write("in", "text");
    fs::create_dir(test.path("d")).unwrap();
    std::os::unix::fs::symlink("in", test.path("to-in")).unwrap();
    let run = test.observe_c(
        "files",
        r#"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
static int visit(const char *p, const struct stat *s, int f, struct FTW *w) { return 0; }
int main(void) {
    char buffer[PATH_MAX];
    struct stat st;
    struct statx sx;
    int d = open("d", O_RDONLY | O_DIRECTORY);
    close(open("in", O_RDONLY));
    errno = 77;
    close(open("in", O_RDWR));
    if (errno != 77) return 2;
    errno = 0;
    if (open("absent", O_RDONLY) != -1 || errno != ENOENT) return 3;
    close(openat(d, "made", O_WRONLY | O_CREAT | O_EXCL, 0640));
    if (fstatat(d, "made", &st, 0) || (st.st_mode & 0777) != (0640 & ~umask(022))) return 4;
    fclose(fopen("in", "r"));
    fclose(fopen("out", "w+"));
    fclose(fopen("log", "a"));
    fclose(freopen("in", "r", stdin));
    strcpy(buffer, "tmpXXXXXX");
    close(mkstemp(buffer));
    unlink(buffer);
    truncate("out", 0);
    mkfifo("fifo", 0600);
    stat("in", &st);
    lstat("to-in", &st);
    stat("absent", &st);
    fstat(d, &st);
    fstatat(d, "", &st, AT_EMPTY_PATH);
    statx(AT_FDCWD, "d", 0, STATX_MODE, &sx);
    access("in", R_OK);
    faccessat(d, "no", F_OK, 0);
    readlink("to-in", buffer, sizeof buffer);
    realpath("to-in", buffer);
    free(canonicalize_file_name("d/../to-in"));
    closedir(opendir("d"));
    closedir(fdopendir(dup(d)));
    struct dirent **names;
    scandir("d", &names, NULL, NULL);
    glob_t found;
    glob("*.none", 0, NULL, &found);
    nftw("d", visit, 4, 0);
    char *roots[] = {"d", NULL};
    fts_close(fts_open(roots, FTS_PHYSICAL, NULL));
    mkdir("e", 0700);
    strcpy(buffer, "eXXXXXX");
    mkdtemp(buffer);
    rename("out", "out2");
    renameat(d, "made", d, "made2");
    link("in", "hard");
    symlink("some/where", "soft");
    unlink("hard");
    unlinkat(d, "made2", 0);
    rmdir("e");
    getcwd(buffer, sizeof buffer);
    chdir("d");
    access("after-chdir", F_OK);
    syscall(SYS_openat, AT_FDCWD, "raw-absent", O_RDONLY);
    if (errno != ENOENT) return 5;
    syscall(SYS_faccessat, AT_FDCWD, "raw-access", F_OK);
    syscall(SYS_statx, AT_FDCWD, "raw-statx", 0, STATX_MODE, &sx);
    syscall(SYS_getdents64, d, buffer, sizeof buffer);
    if (syscall(SYS_open_by_handle_at, -1, 0, 0) != -1) return 6;
    return 0;
}
"#,
    );
    let at = |name: &str| test.path(name);
    assert_eq!(run.find(EventKind::Read, at("in")).errno, 0);
    assert_eq!(
        run.of(EventKind::Read).iter().filter(|r| r.path == at("in").as_os_str().as_bytes()).count(),
        4
    );
    assert_eq!(run.find(EventKind::Read, at("d")).flags, flag::DIRECTORY | flag::READ_RELATIVE);
    assert_eq!(run.find(EventKind::Write, at("in")).flags, flag::THERE);
    assert_eq!(run.find(EventKind::Read, at("absent")).errno, ENOENT);
    assert_eq!(run.find(EventKind::Write, at("d/made")).flags, flag::CREATE | flag::EXCLUSIVE);
    assert!(!run.has(EventKind::Read, at("d/made")));
    assert_eq!(run.find(EventKind::Write, at("out")).flags, flag::CREATE | flag::TRUNCATE);
    assert!(!run.has(EventKind::Read, at("out")));
    assert_eq!(run.find(EventKind::Write, at("log")).flags, flag::CREATE | flag::APPEND);
    assert!(run.of(EventKind::Write).iter().any(|r| {
        let name = Path::new(OsStr::from_bytes(r.path)).file_name().unwrap().as_bytes();
        name.len() == 9 && name.starts_with(b"tmp") && name != b"tmpXXXXXX"
    }));
    assert!(run.has(EventKind::Write, at("fifo")));
    assert_eq!(run.find(EventKind::Stat, at("in")).aux & 0o170_000, 0o100_000);
    assert_eq!(run.find(EventKind::Stat, at("to-in")).flags, flag::NO_FOLLOW);
    assert_eq!(run.find(EventKind::Stat, at("absent")).errno, ENOENT);
    assert_eq!(run.find(EventKind::Stat, at("d")).aux & 0o170_000, 0o040_000);
    assert_eq!(run.find(EventKind::Stat, at("d/no")).errno, ENOENT);
    assert_eq!(run.find(EventKind::Readlink, at("to-in")).path2, b"in");
    let real = fs::canonicalize(at("in")).unwrap();
    let resolved = run.find(EventKind::Realpath, at("to-in"));
    assert_eq!((resolved.path2, resolved.flags), (real.as_os_str().as_bytes(), flag::RELATIVE));
    assert!(run.has(EventKind::Realpath, at("d/../to-in")));
    let lists = |flags| {
        run.of(EventKind::List)
            .iter()
            .filter(|r| r.path == at("d").as_os_str().as_bytes() && r.flags == flags)
            .count()
    };
    assert_eq!((lists(0), lists(flag::BEYOND_LIBC)), (3, 1));
    assert_eq!(lists(flag::PATTERN | flag::RECURSIVE), 2);
    assert_eq!(run.find(EventKind::List, at("*.none")).flags, flag::PATTERN);
    assert!(run.has(EventKind::Mkdir, at("e")));
    assert_eq!(run.of(EventKind::Mkdir).len(), 2);
    assert_eq!(run.find(EventKind::Rename, at("out")).path2, at("out2").as_os_str().as_bytes());
    assert_eq!(run.find(EventKind::Rename, at("d/made")).path2, at("d/made2").as_os_str().as_bytes());
    assert_eq!(run.find(EventKind::Link, at("in")).path2, at("hard").as_os_str().as_bytes());
    assert_eq!(run.find(EventKind::Link, "some/where").flags, flag::SYMBOLIC);
    assert!(run.has(EventKind::Unlink, at("hard")) && run.has(EventKind::Unlink, at("d/made2")));
    assert_eq!(run.find(EventKind::Unlink, at("e")).flags, flag::DIRECTORY_REMOVED);
    assert_eq!(run.find(EventKind::Cwd, test.dir.path()).module, 0);
    assert!(run.has(EventKind::Stat, at("d/after-chdir")));
    assert_eq!(run.find(EventKind::Read, at("d/raw-absent")).errno, ENOENT);
    assert!(run.has(EventKind::Stat, at("d/raw-access")) && run.has(EventKind::Stat, at("d/raw-statx")));
    assert_eq!(run.of(EventKind::RawSyscall)[0].aux, libc::SYS_open_by_handle_at);
    assert!(run.all().iter().all(|r| matches!(
        r.kind,
        EventKind::Start | EventKind::Module | EventKind::Named | EventKind::Exit
    ) || run.module_of(r).is_absolute()));
}

#[test]
fn what_is_no_file_is_recorded_too() {
    let test = Sandbox::new();
    let program = test.c(
        "host",
        r#"
#include <arpa/inet.h>
#include <locale.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    char *v = getenv("PRESENT");
    if (!v || strcmp(v, "a value") || getenv("ABSENT_ONE")) return 2;
    secure_getenv("ABSENT_TWO");
    struct timespec t;
    struct timeval tv;
    struct utsname u;
    for (int i = 0; i < 1000; i++) clock_gettime(CLOCK_REALTIME, &t);
    clock_gettime(CLOCK_MONOTONIC, &t);
    gettimeofday(&tv, NULL);
    time(NULL);
    uname(&u);
    char host[100];
    gethostname(host, sizeof host);
    getpwuid(0);
    setlocale(LC_ALL, "");
    localtime(&t.tv_sec);
    struct sockaddr_un path = {AF_UNIX, "/nowhere/socket"};
    if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&path, sizeof path) != -1) return 3;
    struct sockaddr_in in = {AF_INET, htons(9), {htonl(INADDR_LOOPBACK)}, {0}};
    connect(socket(AF_INET, SOCK_DGRAM, 0), (void *)&in, sizeof in);
    return 0;
}
"#,
        &[],
    );
    let run = test.observe(test.command(program).env("PRESENT", "a value").env_remove("ABSENT_ONE"));
    run.succeeded();
    let present = run.find(EventKind::GetEnv, "PRESENT");
    assert_eq!((present.path2, present.errno, present.module), (&b"a value"[..], 0, 0));
    assert_eq!(run.find(EventKind::GetEnv, "ABSENT_ONE").errno, ENOENT);
    assert_eq!(run.find(EventKind::GetEnv, "ABSENT_TWO").errno, ENOENT);
    for variable in ["LC_ALL", "LANG", "TZ"] {
        assert_eq!(run.find(EventKind::GetEnv, variable).module, 0);
    }
    for function in ["clock_gettime", "gettimeofday", "time"] {
        assert_eq!(run.find(EventKind::Volatile, function).module, 0);
    }
    // Each call is recorded with its number, up to one more than any program makes as it starts.
    let clocks =
        run.of(EventKind::Volatile).into_iter().filter(|r| r.path == b"clock_gettime" && r.module == 0);
    let calls: Vec<(i64, u16)> = clocks.map(|r| (r.aux, r.errno)).collect();
    assert!(calls.iter().zip(1..).all(|(call, number)| *call == (calls[0].0, number)), "{calls:?}");
    assert_eq!(calls.len(), 17);
    assert_eq!(run.find(EventKind::Connect, "unix:/nowhere/socket").errno, ENOENT);
    assert!(run.has(EventKind::Connect, "inet:127.0.0.1:9"));
}

#[test]
fn eight_threads_lose_nothing() {
    let test = Sandbox::new();
    let run = test.observe_c(
        "threads",
        r#"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *work(void *n) {
    char path[64];
    for (int i = 0; i < 10000; i++) {
        sprintf(path, "/nowhere/%ld-%d", (long)n, i);
        close(open(path, O_RDONLY));
    }
    return NULL;
}
int main(void) {
    pthread_t t[8];
    for (long i = 0; i < 8; i++) pthread_create(&t[i], NULL, work, (void *)i);
    for (int i = 0; i < 8; i++) pthread_join(t[i], NULL);
    return 0;
}
"#,
    );
    let reads: std::collections::HashSet<_> = run.of(EventKind::Read).into_iter().map(|r| r.path).collect();
    assert_eq!(reads.iter().filter(|p| p.starts_with(b"/nowhere/")).count(), 80_000);
    assert_eq!(
        run.of(EventKind::Read).iter().map(|r| r.tid).collect::<std::collections::HashSet<_>>().len(),
        8
    );
}

/// The observer keeps the ids of a process that shares its memory with no other and has one thread.
#[test]
fn each_record_has_the_ids_of_its_process_and_thread() {
    let test = Sandbox::new();
    let run = test.observe_c(
        "ids",
        r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static void look(const char *from) {
    char path[64];
    sprintf(path, "/nowhere/%d-%d-%s", getpid(), gettid(), from);
    open(path, O_RDONLY);
}
static int by_clone(void *from) { look(from); return 0; }
static void *by_thread(void *from) { look(from); return NULL; }
static volatile int expired;
static void by_timer(union sigval value) { look("timer"); expired = value.sival_int; }
static void child(pid_t pid, const char *from) {
    if (pid) { waitpid(pid, NULL, __WALL); look("after"); return; }
    look(from);
    pid_t inner = fork();
    if (!inner) { look("inner"); _exit(0); }
    waitpid(inner, NULL, 0);
    look(from);
    _exit(0);
}
int main(int argc, char **argv) {
    look("main");
    if (argc < 2) {
        child(fork(), "fork");
        child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), "clone-call");
        child(syscall(SYS_fork), "fork-call");
        look("main");
        for (int way = 0; way < 4; way++) {
            pid_t pid = fork();
            char of[2] = {'0' + way, 0};
            if (!pid) { execl("/proc/self/exe", "ids", of, NULL); _exit(9); }
            int status;
            waitpid(pid, &status, 0);
            if (status) return 1;
        }
        return 0;
    }
    static char stack[65536];
    pid_t pid;
    switch (atoi(argv[1])) {
    case 0:
        pid = vfork();
        if (!pid) { look("vfork"); _exit(0); }
        break;
    case 1:
        pid = clone(by_clone, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, "clone");
        break;
    case 2: {
        pthread_t thread;
        pthread_create(&thread, NULL, by_thread, "thread");
        pthread_join(thread, NULL);
        pid = fork();
        if (!pid) { look("forked"); _exit(0); }
        break;
    }
    default: {
        struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = by_timer, .sigev_value = {1}};
        struct itimerspec soon = {.it_value = {0, 1000000}};
        timer_t timer;
        if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &soon, NULL)) return 2;
        while (!expired) usleep(1000);
        look("main");
        return 0;
    }
    }
    waitpid(pid, NULL, __WALL);
    look("main");
    child(fork(), "fork");
    return 0;
}
"#,
    );
    let mut from = std::collections::BTreeSet::new();
    for read in run.of(EventKind::Read) {
        let Some(named) = read.path.strip_prefix(b"/nowhere/") else { continue };
        let named = String::from_utf8(named.to_vec()).unwrap();
        let ids = format!("{}-{}-", read.pid, read.tid);
        let Some(way) = named.strip_prefix(&ids) else { panic!("{named} is recorded as of {ids}") };
        from.insert(way.to_owned());
    }
    let ways = "after clone clone-call fork fork-call forked inner main thread timer vfork";
    assert_eq!(from.into_iter().collect::<Vec<_>>().join(" "), ways);
}

#[test]
fn dlopen_still_searches_where_its_caller_says() {
    let test = Sandbox::new();
    fs::create_dir_all(test.path("lib/deep")).unwrap();
    test.c(
        "lib/deep/libinner.so",
        "#include <stdlib.h>\nint inner(void) { getenv(\"IN_INNER\"); return 41; }",
        &["-shared", "-fPIC"],
    );
    let outer = r#"
#include <dlfcn.h>
#include <stdlib.h>
int outer(void) {
    void *h = dlopen("libinner.so", RTLD_NOW | RTLD_LOCAL);
    if (!h) return -1;
    int value = ((int (*)(void))dlsym(h, "inner"))();
    getenv("IN_OUTER");
    dlclose(h);
    return value + 1;
}
"#;
    test.c("lib/libouter.so", outer, &["-shared", "-fPIC", "-Wl,-rpath,$ORIGIN/deep", "-ldl"]);
    let run = test.observe_c(
        "main",
        r#"
#include <dlfcn.h>
#include <stdlib.h>
int main(void) {
    if (dlopen("libinner.so", RTLD_NOW)) return 2;
    if (!dlerror()) return 3;
    void *h = dlopen("./lib/libouter.so", RTLD_NOW);
    int (*outer)(void) = (int (*)(void))dlsym(h, "outer");
    if (outer() != 42 || outer() != 42) return 4;
    getenv("IN_MAIN");
    return 0;
}
"#,
    );
    for (name, module) in
        [("IN_INNER", "lib/deep/libinner.so"), ("IN_OUTER", "lib/libouter.so"), ("IN_MAIN", "main")]
    {
        let read = run.find(EventKind::GetEnv, name);
        assert!(run.module_of(&read).ends_with(module), "{name}: {:?}", run.module_of(&read));
    }
    let opened = run.find(EventKind::Dlopen, "./lib/libouter.so");
    assert!(run.module_of(&opened).ends_with("main"));
    let modules: Vec<_> = run
        .of(EventKind::Dlopen)
        .iter()
        .filter(|r| r.path == b"libinner.so")
        .map(|r| run.module_of(r))
        .collect();
    assert!(
        modules.iter().any(|m| m.ends_with("libouter.so")) && modules.iter().any(|m| m.ends_with("main"))
    );
}

const MACRO: &str = r#"
extern crate proc_macro;
use proc_macro::TokenStream;
#[proc_macro]
pub fn look(input: TokenStream) -> TokenStream {
    let _ = std::env::var("MACRO_READS_THIS");
    let _ = std::fs::read_to_string("macro-input.txt").unwrap();
    let _ = std::fs::read_dir("macro-dir").unwrap().count();
    let _ = std::fs::metadata("macro-absent");
    let now = std::time::SystemTime::now();
    drop(now);
    let status = std::process::Command::new("cat").arg("macro-child.txt").env_clear().env("PATH", "/usr/bin:/bin")
        .stdout(std::process::Stdio::null()).status().unwrap();
    assert!(status.success());
    input
}
"#;

#[test]
fn a_proc_macro_is_told_from_its_compiler() {
    let test = Sandbox::new();
    let source = test.write("mac.rs", MACRO);
    test.write("macro-input.txt", "x");
    test.write("macro-child.txt", "x");
    test.write("macro-dir/file", "x");
    test.write("user.rs", "mac::look! { pub fn f() {} }");
    done(test.command("rustc").args(["--edition=2021", "--crate-type=proc-macro"]).arg(source));
    let user = ["--edition=2021", "--crate-type=lib", "--extern", "mac=libmac.so", "user.rs"];
    done(test.command("rustc").args(user).args(["-o", "out.rlib"]));
    fs::rename(test.path("out.rlib"), test.path("plain.rlib")).unwrap();
    let run = test.observe(test.command("rustc").args(user).args(["-o", "out.rlib"]));
    run.succeeded();
    for (kind, name) in [
        (EventKind::Read, "macro-input.txt"),
        (EventKind::List, "macro-dir"),
        (EventKind::Stat, "macro-absent"),
    ] {
        let record = run.find(kind, test.path(name));
        assert!(run.module_of(&record).ends_with("libmac.so"), "{name}: {:?}", run.module_of(&record));
    }
    let read = run.find(EventKind::GetEnv, "MACRO_READS_THIS");
    assert!(run.module_of(&read).ends_with("libmac.so"));
    let time = |r: &TraceEvent| r.path == b"clock_gettime" && run.module_of(r).ends_with("libmac.so");
    assert!(run.of(EventKind::Volatile).iter().any(time));
    let source = run.find(EventKind::Read, test.path("user.rs"));
    assert!(!run.module_of(&source).ends_with("libmac.so"));
    assert!(run.started("/cat"));
    assert!(run.has(EventKind::Read, test.path("macro-child.txt")));
    assert!(run.all().iter().all(|r| r.module == UNKNOWN_MODULE
        || r.kind == EventKind::Module
        || run.module_of(r).is_absolute()));
    assert!(fs::read(test.path("plain.rlib")).unwrap() == fs::read(test.path("out.rlib")).unwrap());
}

#[test]
fn compilers_write_the_same_bytes() {
    let test = Sandbox::new();
    test.write(
        "a.c",
        "#include <stdio.h>\n#include \"a.h\"\nint main(void) { printf(\"%d\\n\", A); return 0; }",
    );
    test.write("a.h", "#define A 3");
    test.write("main.rs", "fn main() { println!(\"{}\", 3); }");
    let commands: [&[&str]; 3] = [
        &["cc", "-c", "-g", "a.c", "-o", "out"],
        &["cc", "-O2", "a.c", "-o", "out"],
        &["rustc", "-g", "main.rs", "-o", "out"],
    ];
    for command in commands {
        let build = || {
            let mut built = test.command(command[0]);
            built.args(&command[1..]);
            built
        };
        done(&mut build());
        let plain = fs::read(test.path("out")).unwrap();
        fs::remove_file(test.path("out")).unwrap();
        let run = test.observe(&mut build());
        run.succeeded();
        assert!(plain == fs::read(test.path("out")).unwrap(), "{command:?}");
        assert!(run.output.stdout.is_empty() && run.output.stderr.is_empty());
        let source = command.iter().find(|a| a.ends_with(".c") || a.ends_with(".rs")).unwrap();
        let opened =
            run.of(EventKind::Read).iter().any(|r| r.path.ends_with(format!("/{source}").as_bytes()));
        assert!(opened, "{:#?}", run.all());
        if command.contains(&"-c") {
            assert!(run.started("/cc1") && run.has(EventKind::Read, test.path("a.h")));
        } else {
            assert!(
                run.of(EventKind::Start)
                    .iter()
                    .any(|r| r.path.ends_with(b"ld") || r.path.ends_with(b"ld.bfd"))
            );
        }
    }
}

#[test]
fn without_its_log_the_object_does_nothing() {
    let test = Sandbox::new();
    test.write("decoy", "not a log");
    let decoy = test.path("decoy");
    for log in ["/proc/1/fd/999", "/nonexistent", "", decoy.to_str().unwrap()] {
        let mut command = test.command("sh");
        command.args(["-c", "env; cat decoy"]).env_clear().env("PATH", "/usr/bin:/bin");
        let plain = command.output().unwrap();
        command.env(launch::LOG_VARIABLE, log).env(launch::PRELOAD_VARIABLE, &test.object);
        assert_eq!(command.output().unwrap(), plain);
    }
    assert_eq!(fs::read(decoy).unwrap(), b"not a log");
}
