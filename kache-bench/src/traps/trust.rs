//! Excuses that would be wider than their reasons: what holds for the compiler's own code does not hold for a macro, a
//! script or a program with a compiler's name, and what holds for one path or variable does not hold for its neighbour.

use super::case::{
    Case,
    Expect::{Follows, Hits, Right, Uncacheable},
};
use super::project::{Probe, TestProject};

const PROC: &str = "https://man7.org/linux/man-pages/man5/proc_pid_task.5.html";
const LOADER: &str = "https://man7.org/linux/man-pages/man8/ld.so.8.html";
const LD: &str = "https://sourceware.org/binutils/docs/ld/Options.html";

pub const CASES: &[Case] = &[
    Case {
        name: "macro-through-thread",
        about: "a proc macro reads a file by way of the directory of one of its threads; the file is edited",
        source: PROC,
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").proc_macro(
                r#"let thread = std::fs::read_dir("/proc/self/task").unwrap().next().unwrap().unwrap().path();
                   let here = std::env::current_dir().unwrap();
                   let here = here.strip_prefix("/").unwrap();
                   std::fs::read_to_string(thread.join("root").join(here).join("data")).unwrap()"#,
            )
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-variable-like-ours",
        about: "a proc macro reads a variable of its project whose name begins like those of the cache",
        source: "https://doc.rust-lang.org/std/env/fn.var.html",
        expect: Follows,
        set_up: |s| s.env("KACHE_BANNER", "1").proc_macro(r#"std::env::var("KACHE_BANNER").unwrap()"#),
        change: |s| s.env("KACHE_BANNER", "2"),
    },
    Case {
        name: "macro-variable-of-make",
        about: "a proc macro reads MAKEFLAGS, in which a variable of make changes",
        source: "https://www.gnu.org/software/make/manual/html_node/Options_002fRecursion.html",
        expect: Follows,
        set_up: |s| s.env("MAKEFLAGS", " -- SET=1").proc_macro(r#"std::env::var("MAKEFLAGS").unwrap()"#),
        change: |s| s.env("MAKEFLAGS", " -- SET=2"),
    },
    Case {
        name: "linker-script-language",
        about: "a script in the linker's place hands LC_TIME on to the linker",
        source: LD,
        expect: Follows,
        set_up: |s| linker_script(s, "LC_TIME"),
        change: |s| s.env("LC_TIME", "0x2000"),
    },
    Case {
        name: "linker-script-variable",
        about: "a script in the linker's place hands a variable on whose name begins like rustup's",
        source: LD,
        expect: Follows,
        set_up: |s| linker_script(s, "RUSTUP_MINE"),
        change: |s| s.env("RUSTUP_MINE", "0x2000"),
    },
    Case {
        name: "linker-with-a-compilers-name",
        about: "the linker is a program that is called like a cross compiler, and hands a variable on to the real one",
        source: LD,
        expect: Follows,
        set_up: |s| {
            s.write("lk.c", HANDS_ON).plainly("cc lk.c -o aarch64-mine-linux-gnu-gcc-12");
            s.write("user.rs", PRINTS_VALUE).env("CHOSEN", "-Wl,--defsym=VALUE=0x1000");
            s.rust_bin("-Crelocation-model=static -C linker={w}/aarch64-mine-linux-gnu-gcc-12");
            s.prints("out/user")
        },
        change: |s| s.env("CHOSEN", "-Wl,--defsym=VALUE=0x2000"),
    },
    Case {
        name: "linker-script-session",
        about: "a script in the linker's place runs in another session",
        source: LD,
        expect: Hits,
        set_up: |s| {
            s.env("SSH_CONNECTION", "1").env("TMUX_PANE", "%1");
            linker_script(s, "UNUSED")
        },
        change: |s| s.env("SSH_CONNECTION", "2").env("TMUX_PANE", "%2").env("XDG_SESSION_ID", "7"),
    },
    Case {
        name: "preload-of-user",
        about: "LD_PRELOAD names an object that redirects files, where it named none",
        source: LOADER,
        expect: Follows,
        set_up: |s| {
            s.write("data", "a")
                .write("data2", "b")
                .write("pre.c", REDIRECTS)
                .plainly("cc -shared -fPIC pre.c -opre.so");
            s.proc_macro(r#"std::fs::read_to_string("data").unwrap()"#)
        },
        change: |s| s.env("LD_PRELOAD", "{w}/pre.so"),
    },
    Case {
        name: "preload-rebuilt",
        about: "the object that LD_PRELOAD names is rebuilt, and redirects files",
        source: LOADER,
        expect: Follows,
        set_up: |s| {
            s.write("data", "a")
                .write("data2", "b")
                .write("pre.c", "")
                .plainly("cc -shared -fPIC pre.c -opre.so");
            s.env("LD_PRELOAD", "{w}/pre.so").proc_macro(r#"std::fs::read_to_string("data").unwrap()"#)
        },
        change: |s| s.write("pre.c", REDIRECTS).plainly("cc -shared -fPIC pre.c -opre.so"),
    },
    Case {
        name: "linker-search-variable",
        about: "GNU ld looks in LD_LIBRARY_PATH for what a library needs, and the directory is taken out of it",
        source: LD,
        expect: Follows,
        set_up: |s| {
            s.write("dep.c", "int dep(void) { return 1; }\n").directory("near").directory("far");
            s.plainly("cc -shared -fPIC -Wl,-soname,libdep.so dep.c -o far/libdep.so");
            s.write("foo.c", "int dep(void); int foo(void) { return dep(); }\n");
            s.plainly("cc -shared -fPIC foo.c -o near/libfoo.so -Lfar -ldep");
            s.write("user.rs", CALLS_FOO).env("LD_LIBRARY_PATH", "{w}/far");
            s.rust_bin("-Clink-arg=-fuse-ld=bfd -Lnear")
                .probe(Probe::By(|s| s.path("out/user").exists().to_string()))
        },
        change: |s| s.env("LD_LIBRARY_PATH", "{w}/near"),
    },
    Case {
        name: "linker-loses-its-mode",
        about: "the linker that is named by its path may no longer be executed",
        source: "https://doc.rust-lang.org/rustc/codegen-options/index.html#linker",
        expect: Follows,
        set_up: |s| {
            s.script("lk", "exec cc \"$@\"").write("user.rs", "fn main() {}\n");
            s.rust_bin("-C linker={w}/lk").prints("out/user")
        },
        change: |s| s.plainly("chmod 644 lk"),
    },
    Case {
        name: "shared-form-of-a-crate",
        about: "a crate of a crate is there as a shared library too, and shared ones are preferred",
        source: "https://doc.rust-lang.org/rustc/codegen-options/index.html#prefer-dynamic",
        expect: Follows,
        set_up: |s| {
            two_forms(s, "libdep.so");
            s.write("user.rs", "fn main() { println!(\"{}\", mid::g()); }\n");
            s.rust_bin("-Cprefer-dynamic -Ldependency=d --extern mid=d/libmid.rlib");
            s.probe(Probe::By(needs_shared))
        },
        change: |s| s.rename("libdep.so", "d/libdep.so"),
    },
    Case {
        name: "static-form-of-a-crate",
        about: "a crate of a crate that was there as a shared library alone is there as a static one too",
        source: "https://doc.rust-lang.org/reference/linkage.html",
        expect: Follows,
        set_up: |s| {
            two_forms(s, "libdep.rlib");
            s.write("user.rs", "fn main() { println!(\"{}\", mid::g()); }\n");
            s.rust_bin("-Ldependency=d --extern mid=d/libmid.rlib");
            s.probe(Probe::By(needs_shared))
        },
        change: |s| s.rename("libdep.rlib", "d/libdep.rlib"),
    },
    Case {
        name: "toolchain-file-beside",
        about: "a proc macro reads a file of the toolchain's installation that is not a part of the compiler",
        source: "https://rust-lang.github.io/rustup/concepts/components.html",
        expect: Right,
        set_up: |s| {
            s.shell("cp -al \"$(rustc --print sysroot)\" tc || cp -a \"$(rustc --print sysroot)\" tc");
            s.write("tc/lib/rustlib/mine", "a")
                .macro_crate(r#"std::fs::read_to_string("tc/lib/rustlib/mine").unwrap()"#);
            s.write("l.rs", "pub static SAID: &str = m::m!();\n")
                .says("out/libl.rlib")
                .env("LD_LIBRARY_PATH", "");
            s.rust_lib_by("{w}/tc/bin/rustc", "--extern m=libm.so")
        },
        change: |s| s.write("tc/lib/rustlib/mine", "b"),
    },
];

/// A script that has the linker define a symbol by a variable of its environment, whose address the program prints.
fn linker_script<'a>(s: &'a mut TestProject, variable: &str) -> &'a mut TestProject {
    let text = format!("exec cc -no-pie -Wl,--defsym=VALUE=\"${{{variable}:-0x4000}}\" \"$@\"");
    s.env(variable, "0x1000").script("lk", &text);
    s.write("user.rs", PRINTS_VALUE);
    s.rust_bin("-Crelocation-model=static -C linker={w}/lk").prints("out/user")
}

/// `dep` in two forms, one of which is put aside; and `mid`, which uses it.
fn two_forms<'a>(s: &'a mut TestProject, aside: &str) -> &'a mut TestProject {
    s.write("dep.rs", "pub fn f() -> i32 { 1 }\n").write("mid.rs", "pub fn g() -> i32 { dep::f() }\n");
    s.directory("d").plainly("rustc --crate-type=rlib,dylib -Cprefer-dynamic dep.rs --out-dir d");
    s.plainly("rustc --edition=2021 --crate-type=rlib mid.rs --extern=dep=d/libdep.rlib --out-dir d");
    s.rename(&format!("d/{aside}"), aside)
}

/// Takes a variable from the third argument of `main`, which no function is called for.
const HANDS_ON: &str = r#"#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words, char **environment) {
    char **all = calloc(count + 3, sizeof *all);
    memcpy(all, words, count * sizeof *all);
    for (; *environment; environment++)
        if (!strncmp(*environment, "CHOSEN=", 7)) all[count] = *environment + 7;
    all[0] = "gcc";
    all[count + 1] = "-no-pie";
    execv("/usr/bin/gcc", all);
    return 1;
}
"#;

const PRINTS_VALUE: &str = "extern \"C\" { static VALUE: u8; }\n\
                            fn main() { println!(\"{:?}\", unsafe { std::ptr::addr_of!(VALUE) }); }\n";

const CALLS_FOO: &str =
    "#[link(name = \"foo\")] extern \"C\" { fn foo() -> i32; }\nfn main() { unsafe { foo() }; }\n";

/// Opens another file than it is asked for.
const REDIRECTS: &str = r#"#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
int open64(const char *path, int flags, int mode) {
    int (*next)(const char *, int, int) = dlsym(RTLD_NEXT, "open64");
    return next(strcmp(path, "data") ? path : "data2", flags, mode);
}
"#;

fn needs_shared(s: &TestProject) -> String {
    let program = std::fs::read(s.path("out/user")).unwrap_or_default();
    program.windows(9).any(|name| name == b"libdep.so").to_string()
}
