//! Who asks for the status of a file: the place of the call is recorded, and of open files that code that was loaded later, or
//! that such code started, asks about.

use crate::sandbox::Sandbox;
use kache_core::observe::object;
use kache_core::observe::trace::{EventKind, TraceEvent, flag};

const LIBRARY: &str = r#"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int look(void) {
    struct stat st;
    struct statx more;
    int fd = open("opened", O_RDONLY);
    return stat("data", &st) | fstat(fd, &st) | statx(fd, "", AT_EMPTY_PATH, STATX_MTIME, &more) |
           fstatat(fd, "", &st, AT_EMPTY_PATH);
}
int look_past_libc(void) {
    struct stat st;
    int fd = open("opened", O_RDONLY);
    return syscall(SYS_fstat, fd, &st) | syscall(SYS_newfstatat, AT_FDCWD, "data", &st, 0) |
           syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH);
}
"#;

const PROGRAM: &str = r#"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct stat st;
    if (fstat(open("own", O_RDONLY), &st)) return 2;
    if (!argv[1]) return 0;
    int (*look)(void) = (int (*)(void))dlsym(dlopen("./lib.so", RTLD_NOW), argv[1]);
    if (look()) return 3;
    return execl(argv[0], argv[0], NULL);
}
"#;

fn statuses<'a>(all: &[TraceEvent<'a>], name: &str) -> Vec<TraceEvent<'a>> {
    let is = |e: &&TraceEvent| e.kind == EventKind::Stat && e.path.ends_with(name.as_bytes());
    all.iter().filter(is).copied().collect()
}

#[test]
fn the_function_that_asks_for_a_status_is_known() {
    let test = Sandbox::new();
    let library = test.c("lib.so", LIBRARY, &["-shared", "-fPIC"]);
    let program = test.c("p", PROGRAM, &["-ldl"]);
    for name in ["data", "opened", "own"] {
        test.write(name, "");
    }
    let run = test.observe(test.command(&program).arg("look"));
    run.succeeded();
    let all = run.all();
    let (data, opened) = (statuses(&all, "/data"), statuses(&all, "/opened"));
    assert_eq!((data.len(), opened.len()), (1, 3), "{all:#?}");
    for event in data.iter().chain(&opened) {
        let function = object::function_at(&library, ((event.aux as u64) >> 32) - 1).unwrap();
        assert_eq!(String::from_utf8_lossy(&function), "look");
        assert_eq!(run.module_of(event), library);
    }
    assert!(opened.iter().all(|event| event.flags == flag::BY_DESCRIPTOR));
    // The second time, the program began after the library had been loaded.
    assert_eq!(statuses(&all, "/own").len(), 1);
    let arguments: Vec<_> = run.of(EventKind::Argument).iter().map(|e| (e.path, e.aux)).collect();
    assert_eq!(arguments, [(program.as_os_str().as_encoded_bytes(), 0)]);

    let run = test.observe(test.command(&program).arg("look_past_libc"));
    run.succeeded();
    let all = run.all();
    let (data, opened) = (statuses(&all, "/data"), statuses(&all, "/opened"));
    assert_eq!((data.len(), opened.len()), (1, 2), "{all:#?}");
    assert!(data.iter().chain(&opened).all(|event| event.flags & flag::BEYOND_LIBC != 0));
}
