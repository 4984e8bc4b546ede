//! Search paths and rarely used inputs of C and C++ compilers and their parts.

use super::case::{Case, Expect::Follows};
use super::sources::{SAYS, UNLESS_SET, with};

const DIRECTORIES: &str = "https://gcc.gnu.org/onlinedocs/gcc/Directory-Options.html";
const OVERALL: &str = "https://gcc.gnu.org/onlinedocs/gcc/Overall-Options.html";
const PROC: &str = "https://man7.org/linux/man-pages/man5/proc_pid_cwd.5.html";

pub const CASES: &[Case] = &[
    Case {
        name: "source-through-proc",
        about: "the source is named by way of /proc/self/cwd, and edited",
        source: PROC,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &says("1")).says("out/a.o");
            s.c("gcc -c /proc/self/cwd/a.c -o out/a.o")
        },
        change: |s| s.rewrite_unnoticed("a.c", &says("2")),
    },
    Case {
        name: "header-through-proc",
        about: "an include directory is named by way of /proc/self/cwd, and a header in it is edited",
        source: PROC,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include <h.h>\n")).write("inc/h.h", "#define H 1\n").says("out/a.o");
            s.gcc("-I/proc/self/cwd/inc")
        },
        change: |s| s.write("inc/h.h", "#define H 2\n"),
    },
    Case {
        name: "header-through-proc-early",
        about: "a header appears in an earlier include directory that is named by way of /proc/self/cwd",
        source: PROC,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include <h.h>\n"))
                .write("inc/h.h", "#define H 1\n")
                .directory("early")
                .says("out/a.o");
            s.gcc("-I/proc/self/cwd/early -Iinc")
        },
        change: |s| s.write("early/h.h", "#define H 2\n"),
    },
    Case {
        name: "header-by-descriptor",
        about: "a header is what the compiler was given open, as a shell's <(…) gives it; it says something else",
        source: "https://www.gnu.org/software/bash/manual/html_node/Process-Substitution.html",
        expect: super::case::Expect::Uncacheable,
        set_up: |s| {
            s.write("a.c", &with("#include \"/dev/fd/3\"\n")).write("given", "#define H 1\n");
            s.opened("given").gcc("").says("out/a.o")
        },
        change: |s| s.write("given", "#define H 2\n"),
    },
    Case {
        name: "source-by-descriptor",
        about: "the source is an inherited descriptor, as in a shell's <(…), with other content",
        source: "https://www.gnu.org/software/bash/manual/html_node/Process-Substitution.html",
        expect: super::case::Expect::Uncacheable,
        set_up: |s| {
            s.write("given", &says("1")).opened("given").says("out/a.o");
            s.c("gcc -x c -c /proc/self/fd/3 -o out/a.o")
        },
        change: |s| s.write("given", &says("2")),
    },
    Case {
        name: "response-file-nested",
        about: "a response file that is named in a response file is edited, its size and modification time kept",
        source: OVERALL,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", SAYS).write("one", "-Wall @two\n").write("two", "-DH=1\n").says("out/a.o");
            s.gcc("@one")
        },
        change: |s| s.rewrite_unnoticed("two", "-DH=2\n"),
    },
    Case {
        name: "response-file-assembler",
        about: "a response file that only the assembler reads is edited",
        source: "https://sourceware.org/binutils/docs/as/Invoking.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.S", ASSEMBLER).write("args", "--defsym Q=1\n").says("out/a.o");
            s.c("gcc -c a.S -o out/a.o -Wa,@args")
        },
        change: |s| s.rewrite_unnoticed("args", "--defsym Q=2\n"),
    },
    Case {
        name: "incbin-shadowed",
        about: "the file of an .incbin appears in an earlier -I directory",
        source: "https://sourceware.org/binutils/docs/as/Incbin.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "__asm__(\".data\\n.incbin \\\"data\\\"\\n\");\n")
                .write("late/data", "SAID=<late>");
            s.directory("early").says("out/a.o").gcc("-Iearly -Ilate")
        },
        change: |s| s.write("early/data", "SAID=<early>"),
    },
    Case {
        name: "header-by-prefix",
        about: "a header appears in a directory that -iwithprefixbefore names after an -iprefix",
        source: DIRECTORIES,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include <h.h>\n"))
                .write("inc/h.h", "#define H 1\n")
                .directory("pre/fix")
                .says("out/a.o");
            s.gcc("-iprefix pre/ -iwithprefixbefore fix -idirafter inc")
        },
        change: |s| s.write("pre/fix/h.h", "#define H 2\n"),
    },
    Case {
        name: "header-in-sysroot",
        about: "a system header appears below another --sysroot, named by `=`",
        source: DIRECTORIES,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include <h.h>\n"))
                .write("root/inc/h.h", "#define H 1\n")
                .directory("root/early");
            s.gcc("--sysroot=root -I=/early -I=/inc").says("out/a.o")
        },
        change: |s| s.write("root/early/h.h", "#define H 2\n"),
    },
    Case {
        name: "header-other-name",
        about: "a header has two names (hard links), and is rewritten by the other",
        source: "https://github.com/ccache/ccache/issues/1215",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include <h.h>\n"))
                .write("inc/h.h", "#define H 1\n")
                .plainly("ln inc/h.h other");
            s.gcc("-Iinc").says("out/a.o")
        },
        change: |s| s.rewrite_unnoticed("other", "#define H 2\n"),
    },
    Case {
        name: "exec-prefix",
        about: "GCC_EXEC_PREFIX is set, and leads to another compiler proper",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with(UNLESS_SET)).says("out/a.o").gcc("");
            s.shell(CC1_BY_PREFIX)
        },
        change: |s| s.env("GCC_EXEC_PREFIX", "{w}/parts/"),
    },
    Case {
        name: "override-options",
        about: "CCC_OVERRIDE_OPTIONS adds a word to clang's command line",
        source: "https://clang.llvm.org/docs/UsersManual.html",
        expect: Follows,
        set_up: |s| s.write("a.c", &with(UNLESS_SET)).says("out/a.o").clang(""),
        change: |s| s.env("CCC_OVERRIDE_OPTIONS", "+-DH=1"),
    },
    Case {
        name: "overlay",
        about: "the file of clang's virtual file system overlay is edited",
        source: "https://clang.llvm.org/docs/ClangCommandLineReference.html",
        expect: Follows,
        set_up: |s| {
            let text = overlay(s.fill("{w}").as_str(), 1);
            s.write("a.c", &with("#include <h.h>\n"))
                .write("1.h", "#define H 1\n")
                .write("2.h", "#define H 2\n");
            s.write("o.yaml", &text).says("out/a.o");
            s.clang("-I{w}/inc -ivfsoverlay {w}/o.yaml")
        },
        change: |s| {
            let text = overlay(s.fill("{w}").as_str(), 2);
            s.rewrite_unnoticed("o.yaml", &text)
        },
    },
    Case {
        name: "configuration-clang",
        about: "a configuration file of clang includes a second one, which is edited",
        source: "https://clang.llvm.org/docs/UsersManual.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", SAYS).write("one.cfg", "@two.cfg\n").write("two.cfg", "-DH=1\n").says("out/a.o");
            s.clang("--config {w}/one.cfg")
        },
        change: |s| s.rewrite_unnoticed("two.cfg", "-DH=2\n"),
    },
    Case {
        name: "random-seed",
        about: "-frandom-seed= changes, and with it the names of anonymous symbols",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Developer-Options.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.cc", "namespace { int said; }\nint *f() { return &said; }\n");
            s.c("g++ -flto -c a.cc -o out/a.o -frandom-seed=1");
            s.probe(super::project::Probe::Bytes("out/a.o"))
        },
        change: |s| s.instead().c("g++ -flto -c a.cc -o out/a.o -frandom-seed=2"),
    },
    Case {
        name: "optimiser-object-elsewhere",
        about: "an object for link-time optimisation must not name the first checkout when another is built",
        source: "https://gcc.gnu.org/onlinedocs/gccint/LTO-Overview.html",
        expect: super::case::Expect::Right,
        set_up: |s| {
            s.write("a.c", "const char *f(void) { return __FILE__; }\n");
            s.c("gcc -flto -ffat-lto-objects -g -c {w}/a.c -o {w}/out/a.o");
            s.probe(super::project::Probe::Foreign("out/a.o"))
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "dependencies-output",
        about: "DEPENDENCIES_OUTPUT makes gcc write a depfile, which a hit must restore",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html",
        expect: super::case::Expect::Uncacheable,
        set_up: |s| {
            s.write("a.c", &says("1")).env("DEPENDENCIES_OUTPUT", "out/a.d").gcc("");
            s.probe(super::project::Probe::Text("out/a.d"))
        },
        change: |s| s,
    },
];

const ASSEMBLER: &str = ".data\n.if Q == 1\n.ascii \"SAID=<1>\"\n.else\n.ascii \"SAID=<2>\"\n.endif\n";

const CC1_BY_PREFIX: &str = "d=parts/$(gcc -dumpmachine)/$(gcc -dumpversion); mkdir -p $d; \
    real=$(gcc -print-prog-name=cc1); printf '#!/bin/sh\\nexec %s -DH=found \"$@\"\\n' $real > $d/cc1; chmod +x $d/cc1";

fn says(h: &str) -> String {
    with(&format!("#define H {h}\n"))
}

fn overlay(at: &str, n: u8) -> String {
    format!(
        "{{\"version\": 0, \"roots\": [{{\"name\": \"{at}/inc/h.h\", \"type\": \"file\", \
         \"external-contents\": \"{at}/{n}.h\"}}]}}\n"
    )
}
