//! Programs that change the file system, under the observer: what was there before is in the record.

use crate::sandbox::{ENOENT, Sandbox};
use kache_core::observe::trace::{EventKind, TraceEvent, flag};
use kache_core::platform::StatId;
use std::os::unix::ffi::OsStrExt;

#[test]
fn a_change_tells_what_was_there_before() {
    let test = Sandbox::new();
    test.write("old", "text");
    test.write("other", "text");
    let run = test.observe_c(
        "changes",
        r#"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    errno = 77;
    close(open("old", O_RDWR | O_CREAT, 0600));
    if (errno != 77) return 2;
    close(open("new", O_RDWR | O_CREAT, 0600));
    close(syscall(SYS_openat, AT_FDCWD, "raw", O_WRONLY | O_CREAT, 0600));
    fclose(fopen("old", "a"));
    fclose(fopen("stream", "w"));
    truncate("old", 2);
    if (access("old", R_OK | X_OK) == 0 && geteuid() != 0) return 3;
    faccessat(AT_FDCWD, "old", W_OK, 0);
    rename("new", "free");
    rename("free", "other");
    rename("none", "nowhere");
    chmod("old", 0640);
    chmod("none", 0640);
    int fd = open("old", O_RDONLY);
    fchmod(fd, 0600);
    futimens(fd, NULL);
    utimensat(AT_FDCWD, "stream", NULL, AT_SYMLINK_NOFOLLOW);
    chown("raw", -1, -1);
    return open(NULL, O_WRONLY | O_CREAT, 0600) != -1 || errno != EFAULT;
}
"#,
    );
    let at = |name: &str| test.path(name).as_os_str().as_bytes().to_vec();
    let of = |kind: EventKind, name: &str| -> Vec<TraceEvent<'_>> {
        run.of(kind).into_iter().filter(|e| e.path == at(name)).collect()
    };
    let flags =
        |kind: EventKind, name: &str| -> Vec<u8> { of(kind, name).into_iter().map(|e| e.flags).collect() };
    let there =
        [flag::THERE | flag::CREATE, flag::THERE | flag::CREATE | flag::APPEND, flag::THERE | flag::TRUNCATE];
    assert_eq!(flags(EventKind::Write, "old"), there);
    assert_eq!(flags(EventKind::Write, "new"), [flag::CREATE]);
    assert_eq!(flags(EventKind::Write, "raw"), [flag::CREATE]);
    assert_eq!(flags(EventKind::Write, "stream"), [flag::CREATE | flag::TRUNCATE]);
    assert!(!run.has(EventKind::Read, test.path("new")), "what is new has nothing to read");
    assert_eq!(flags(EventKind::Stat, "old"), [flag::MAY_READ | flag::MAY_EXECUTE, flag::MAY_WRITE]);
    let renamed: Vec<(u8, u16)> = run.of(EventKind::Rename).iter().map(|e| (e.flags, e.errno)).collect();
    assert_eq!(renamed, [(0, 0), (flag::REPLACES, 0), (0, ENOENT)]);
    assert_eq!(of(EventKind::Change, "old").len(), 3);
    assert_eq!(flags(EventKind::Change, "stream"), [flag::NO_FOLLOW]);
    assert_eq!(flags(EventKind::Change, "raw"), [0]);
    assert_eq!(of(EventKind::Change, "none")[0].errno, ENOENT);
}

#[test]
fn an_open_tells_which_file_it_was() {
    let test = Sandbox::new();
    let path = test.write("in", "text");
    let run = test.observe_c(
        "identity",
        r#"
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    close(open("in", O_RDONLY));
    close(syscall(SYS_openat, AT_FDCWD, "in", O_RDONLY));
    fclose(fopen("in", "r"));
    return 0;
}
"#,
    );
    let (_, id) = kache_core::platform::identity(&path).unwrap();
    let found: Vec<_> = run.of(EventKind::Read).into_iter().filter(|e| e.path.ends_with(b"/in")).collect();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|e| StatId::parse(e.path2) == Some(id)), "{found:?}");
}

/// What was loaded and closed again has answered meanwhile.
#[test]
fn a_library_is_recorded_before_it_is_closed() {
    let test = Sandbox::new();
    test.c("libinner.so", "int inner(void) { return 7; }", &["-shared", "-fPIC"]);
    let inner = test.path("libinner.so");
    let outer = "extern int inner(void); int answer(void) { return inner(); }";
    test.c("libouter.so", outer, &["-shared", "-fPIC", inner.to_str().unwrap()]);
    let run = test.observe_c(
        "loads",
        r#"
#include <dlfcn.h>
int main(void) {
    void *library = dlopen("./libouter.so", RTLD_NOW);
    if (!library) return 2;
    int (*answer)(void) = (int (*)(void))dlsym(library, "answer");
    int found = answer();
    dlclose(library);
    return found != 7;
}
"#,
    );
    for name in ["libouter.so", "libinner.so"] {
        let is_it = |e: &TraceEvent<'_>| e.path.ends_with(name.as_bytes());
        assert!(run.of(EventKind::Module).iter().any(is_it), "{name}: {:#?}", run.all());
    }
}
