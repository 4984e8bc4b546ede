//! Symbols that a program looks up while it runs.

use crate::sandbox::{ENOENT, Sandbox, done};
use kache_core::observe::trace::{EventKind, flag};
use std::process::Command;

fn library(test: &Sandbox, name: &str, source: &str) {
    let source = test.write(&format!("{name}.c"), source);
    let mut cc = Command::new("cc");
    cc.args(["-D_GNU_SOURCE", "-shared", "-fPIC", "-o"]).arg(test.path(name)).arg(source).arg("-ldl");
    done(&mut cc);
}

#[test]
fn a_function_that_is_looked_up_is_observed() {
    let test = Sandbox::new();
    library(
        &test,
        "libasks.so",
        r#"
#include <dlfcn.h>
#include <fcntl.h>
int by_next(void) { return ((int (*)(const char *, int))dlsym(RTLD_NEXT, "open"))("next", O_RDONLY); }
int by_default(void) { return ((int (*)(const char *, int))dlsym(RTLD_DEFAULT, "open"))("default", O_RDONLY); }
int open64(const char *path, int how, ...) { (void)path; return how + 40; }
"#,
    );
    let run = test.observe_c(
        "p",
        r#"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
typedef int opens(const char *, int, ...);
int main(void) {
    void *c = dlopen("libc.so.6", RTLD_NOW);
    opens *open_ = (opens *)dlsym(c, "open");
    if (!open_ || open_("handle", O_RDONLY) >= 0) return 1;
    opens *twice = (opens *)((void *(*)(void *, const char *))dlsym(c, "dlsym"))(c, "open");
    if (twice != open_) return 2;
#ifdef __x86_64__
    opens *version = (opens *)dlvsym(c, "open", "GLIBC_2.2.5");
    if (version != open_) return 3;
#endif
    void *asks = dlopen("./libasks.so", RTLD_NOW | RTLD_LOCAL);
    if (!asks) return 4;
    if (((int (*)(void))dlsym(asks, "by_next"))() >= 0) return 5;
    if (((int (*)(void))dlsym(asks, "by_default"))() >= 0) return 6;
    /* A library's own function of the same name stays what it is. */
    if (((opens *)dlsym(asks, "open64"))("own", 2) != 42) return 7;
    if (dlsym(c, "nothing_like_it") || !strstr(dlerror(), "nothing_like_it")) return 8;
    if (dlsym(RTLD_DEFAULT, "nothing_either") || !dlerror() || dlerror()) return 9;
    char ***variables = dlsym(c, "environ");
    size_t (*length)(const char *) = dlsym(c, "strlen");
    return variables && *variables && length("four") == 4 ? 0 : 10;
}
"#,
    );
    for name in ["handle", "next", "default"] {
        assert_eq!(run.find(EventKind::Read, test.path(name)).errno, ENOENT, "{name}");
    }
    let asks = run.module_of(&run.find(EventKind::Read, test.path("next")));
    assert!(asks.ends_with("libasks.so"), "{asks:?}");
    let looked: Vec<_> = run.of(EventKind::Lookup);
    let named = |name: &str| looked.iter().filter(|e| e.path == name.as_bytes()).map(|e| e.flags).collect();
    let of_c: Vec<u8> = vec![flag::OF_C_LIBRARY];
    let flags: [Vec<u8>; 4] = ["environ", "strlen", "open64", "open"].map(named);
    assert_eq!(
        flags,
        [of_c.clone(), of_c, vec![0], vec![0]],
        "open by RTLD_DEFAULT leads to the hook by itself"
    );
}

#[test]
fn an_interposer_still_finds_the_next_function() {
    let test = Sandbox::new();
    library(
        &test,
        "libbefore.so",
        r#"
#include <dlfcn.h>
#include <stdio.h>
int access(const char *path, int mode) {
    printf("before ");
    return ((int (*)(const char *, int))dlsym(RTLD_NEXT, "access"))(path, mode);
}
"#,
    );
    let program = test.c(
        "p",
        "#include <unistd.h>\n#include <stdio.h>\nint main(void) { return printf(\"%d\\n\", access(\"/\", 0)) < 0; }",
        &[],
    );
    let log = kache_core::observe::log::Log::create(&Default::default()).unwrap();
    let before = test.path("libbefore.so");
    let mut command = test.command(program);
    command.envs(kache_core::observe::launch::environment(&log, &test.object, Some(before.as_os_str())));
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "before 0\n");
    let trace = log.trace();
    assert_eq!(trace.events.iter().filter(|e| e.kind == EventKind::Stat && e.path == b"/").count(), 1);
}

#[test]
fn what_a_variable_has_the_loader_put_into_a_program_is_recorded() {
    let test = Sandbox::new();
    let script = "LD_PRELOAD='./none.so other.so' /bin/true 2> /dev/null";
    let run = test.observe(test.command("/bin/sh").args(["-c", script]));
    run.succeeded();
    for name in ["./none.so", "other.so"] {
        run.find(EventKind::Dlopen, name);
    }
    assert_eq!(run.of(EventKind::Dlopen).len(), 2, "the observer's own is not among them: {:#?}", run.all());
}
