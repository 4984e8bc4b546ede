//! Facts about the host: each question that a program asks is recorded with the answer, and can be asked again.

use crate::sandbox::Sandbox;
use kache_core::observe::trace::{EventKind, TraceEvent, flag};
use kache_core::platform::{answer_hash, host_fact};
use std::collections::BTreeSet;

const EVERY_QUESTION: &str = r#"
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>
int main(void) {
    char text[4096];
    uid_t ids[3];
    gid_t groups[1000];
    int count = 1000;
    struct passwd user, *found_user;
    struct group group, *found_group;
    struct servent *service;
    struct protoent *protocol;
    struct rlimit limit;
    cpu_set_t set;
    struct utsname name;
    struct statfs fs;
    struct statvfs vfs;
    struct ifaddrs *interfaces;
    struct sigaction action;
    sigset_t mask;
    struct winsize size;
    sigaction(SIGHUP, NULL, &action);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    prctl(PR_CAPBSET_READ, 21, 0, 0, 0);
    prctl(PR_CAPBSET_READ, 1000, 0, 0, 0);
    personality(0xffffffff);
    ioctl(0, TIOCGWINSZ, &size);
    getuid(); geteuid(); getgid(); getegid(); gethostid();
    getresuid(ids, ids + 1, ids + 2);
    getresgid(ids, ids + 1, ids + 2);
    getgroups(1000, groups);
    getgrouplist("root", 0, groups, &count);
    getpwuid_r(0, &user, text, sizeof text, &found_user);
    getpwuid(12345);
    getpwnam("root");
    getpwnam_r("no such user", &user, text, sizeof text, &found_user);
    getgrgid(0);
    getgrnam_r("root", &group, text, sizeof text, &found_group);
    service = getservbyname("http", "tcp");
    service = getservbyport(htons(53), NULL);
    protocol = getprotobyname("tcp");
    protocol = getprotobynumber(17);
    (void)service; (void)protocol;
    getlogin();
    getrlimit(RLIMIT_NOFILE, &limit);
    prlimit(0, RLIMIT_CORE, NULL, &limit);
    getpriority(PRIO_PROCESS, 0);
    sched_getaffinity(0, sizeof set, &set);
    isatty(0); isatty(1);
    sysconf(_SC_NPROCESSORS_ONLN);
    sysconf(_SC_PHYS_PAGES);
    sysconf(_SC_OPEN_MAX);
    sysconf(_SC_LEVEL1_DCACHE_SIZE);
    uname(&name);
    gethostname(text, sizeof text);
    getdomainname(text, sizeof text);
    getauxval(AT_HWCAP); getauxval(AT_PLATFORM);
    statfs("/proc", &fs);
    statvfs("/proc", &vfs);
    fstatfs(open(".", O_RDONLY), &fs);
    pathconf(".", _PC_NAME_MAX);
    getxattr("in", "user.fact", text, sizeof text);
    getxattr("in", "user.none", text, sizeof text);
    listxattr("in", text, sizeof text);
    getifaddrs(&interfaces);
    if_nameindex();
    if_nametoindex("lo");
    if_indextoname(1, text);
    syscall(SYS_getpriority, PRIO_USER, 0);
    umask(umask(0));
    return 0;
}
"#;

#[test]
fn each_answer_is_what_the_host_answers_later() {
    let test = Sandbox::new();
    let file = test.write("in", "text");
    let run = test.observe_c("questions", EVERY_QUESTION);
    let facts = run.of(EventKind::HostFact);
    let asked = |r: &&TraceEvent| r.flags & (flag::SET | flag::UNANSWERED) == 0;
    for record in facts.iter().filter(asked).filter(|r| !(r.path == b"umask" && r.aux == answer_hash(b"0 ")))
    {
        let answer = host_fact(record.path, record.path2).unwrap_or_else(|| panic!("{record:?}"));
        assert_eq!(answer_hash(&answer), record.aux, "{record:?}: {}", answer.escape_ascii());
    }
    let names: BTreeSet<String> = facts
        .iter()
        .map(|r| String::from_utf8_lossy(r.path).split('/').next().unwrap().to_string())
        .collect();
    let expected = "affinity auxv domainname egid euid fstatfs gid grgid grnam grouplist groups hostid hostname \
                    indextoname interfaces isatty login nameindex nametoindex pathconf personality port prctl \
                    priority protocol protonumber pwnam pwuid resgid resuid rlimit service sigmask signal statfs \
                    statvfs sysconf uid umask uname winsize xattr xattrs";
    assert_eq!(names.into_iter().collect::<Vec<_>>().join(" "), expected);
    let attribute = facts.iter().find(|r| r.path == b"xattr/user.none").unwrap();
    assert_eq!(attribute.path2, file.as_os_str().as_encoded_bytes());
}

#[test]
fn what_a_program_sets_itself_is_recorded_apart() {
    let test = Sandbox::new();
    let run = test.observe_c(
        "setter",
        "#include <sys/stat.h>\n#include <sys/resource.h>\n\
         int main(void) {\n\
             umask(0123); umask(0);\n\
             struct rlimit none = {0, 0};\n\
             setrlimit(RLIMIT_CORE, &none); getrlimit(RLIMIT_CORE, &none);\n\
             return 0;\n\
         }",
    );
    let set = |name: &str, answer: &[u8]| {
        let wanted = |r: &&TraceEvent| r.path == name.as_bytes() && r.aux == answer_hash(answer);
        run.of(EventKind::HostFact).iter().filter(wanted).map(|r| r.flags).collect::<Vec<_>>()
    };
    assert_eq!(set("umask", b"83 "), [flag::SET, 0]);
    assert_eq!(set("rlimit/4", b"0 0 "), [flag::SET, 0]);
}

#[test]
fn signals_that_a_program_sets_or_finds_are_recorded() {
    let test = Sandbox::new();
    let all = |call: &str| {
        let program = format!(
            "#define _GNU_SOURCE\n#include <signal.h>\n#include <stddef.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n\
             static void handle(int n) {{ (void)n; }}\n\
             int main(void) {{ struct sigaction a = {{0}}, o; sigset_t s; unsigned long w = 2, was; sigemptyset(&s); \
             sigaddset(&s, SIGINT); (void)a; (void)o; (void)w; (void)was; (void)handle; {call}; return 0; }}"
        );
        let run = test.observe_c("p", &program);
        let own =
            run.of(EventKind::HostFact).into_iter().filter(|e| e.path.starts_with(b"sig") && e.module == 0);
        let answers = [(answer_hash(b"0 "), "0"), (answer_hash(b"1 "), "1"), (answer_hash(b"2 "), "2")];
        let shown = own.map(|e| {
            let answer = answers.iter().find(|(hash, _)| *hash == e.aux).map_or("?", |(_, text)| text);
            let how = match e.flags {
                flag::SET => "set",
                flag::UNANSWERED => "any",
                _ => "is",
            };
            format!("{} {how} {answer}", String::from_utf8_lossy(e.path))
        });
        shown.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(all("sigaction(SIGHUP, NULL, &o)"), "signal/1 is 0");
    assert_eq!(all("a.sa_handler = SIG_IGN; sigaction(SIGHUP, &a, NULL)"), "signal/1 set 1");
    assert_eq!(all("signal(SIGHUP, handle)"), "signal/1 is 0, signal/1 set 0");
    assert_eq!(
        all("signal(SIGHUP, SIG_IGN); sigaction(SIGHUP, NULL, &o)"),
        "signal/1 is 0, signal/1 set 1, signal/1 is 1"
    );
    assert_eq!(all("sigprocmask(SIG_SETMASK, &s, NULL)"), "sigmask set 2");
    assert_eq!(all("sigprocmask(SIG_BLOCK, &s, &s)"), "sigmask is 0, sigmask set 2");
    assert_eq!(all("sigprocmask(SIG_BLOCK, &s, NULL)"), "sigmask any 0, sigmask set 2");
    assert_eq!(all("syscall(SYS_rt_sigprocmask, SIG_BLOCK, &w, &was, 8)"), "sigmask is 0, sigmask set 2");
    assert_eq!(all("sigset(SIGHUP, SIG_HOLD)"), "sigmask any 0, signal/1 is 0");
}

#[test]
fn a_fact_is_recorded_once_for_each_module() {
    let test = Sandbox::new();
    let run = test.observe_c(
        "loop",
        "#include <unistd.h>\nint main(void) { for (int i = 0; i < 1000; i++) getuid(); return 0; }",
    );
    assert_eq!(run.of(EventKind::HostFact).iter().filter(|r| r.path == b"uid" && r.module == 0).count(), 1);
}

#[test]
fn what_changes_is_recorded_by_its_function() {
    let test = Sandbox::new();
    let run = test.observe_c(
        "changing",
        r#"
#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static int each(struct dl_phdr_info *info, size_t size, void *data) { return 0; }
int main(void) {
    struct timespec now;
    struct rusage used;
    struct sysinfo info;
    struct tms spent;
    double load[3];
    Dl_info found;
    clock_gettime(CLOCK_MONOTONIC, &now);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    clock(); times(&spent); getrusage(RUSAGE_SELF, &used);
    getloadavg(load, 3); sysinfo(&info);
    sched_getcpu();
    sysconf(_SC_AVPHYS_PAGES);
    dladdr(main, &found);
    dl_iterate_phdr(each, NULL);
    getauxval(AT_EXECFN);
    wait4(-1, NULL, 0, &used);
    return 0;
}
"#,
    );
    let all = run.of(EventKind::Volatile);
    let mut names: Vec<_> =
        all.iter().filter(|r| r.module == 0).map(|r| r.path.escape_ascii().to_string()).collect();
    names.dedup();
    // Once for all that tell the same sort of thing, and a clock for each call.
    assert_eq!(
        names,
        ["clock_gettime/timer", "clock", "getloadavg", "sched_getcpu", "sysconf/memory", "dladdr"]
    );
}

#[test]
fn there_is_a_terminal_if_it_can_be_opened() {
    let opens = std::fs::File::open("/dev/tty").is_ok();
    let expected: &[u8] = if opens { b"1 " } else { b"0 " };
    assert_eq!(host_fact(b"terminal", b"").unwrap(), expected);
}

#[test]
fn an_attempt_to_lock_without_waiting_is_recorded() {
    let sandbox = Sandbox::new();
    const OPEN: &str = "#include <fcntl.h>\n#include <sys/file.h>\n#include <unistd.h>\n\
        int main(void) { struct flock l = {.l_type = F_WRLCK}; int f = open(\"/dev/null\", O_RDWR);";
    let asks = |call: &str| {
        let run = sandbox.observe_c("p", &format!("{OPEN} {call}; return 0; }}"));
        run.has(EventKind::Volatile, "flock")
    };
    assert!(asks("flock(f, LOCK_EX | LOCK_NB)"));
    assert!(!asks("flock(f, LOCK_EX)"));
    assert!(asks("fcntl(f, F_GETLK, &l)"));
    assert!(asks("fcntl(f, F_OFD_SETLK, &l)"));
    assert!(!asks("fcntl(f, F_GETFD)"));
    assert!(asks("lockf(f, F_TEST, 0)"));
}
