//! Effects of paths in C and C++: other checkouts, links, and compilers called by other paths.

use super::case::{Case, Expect::Follows, Expect::Hits, Expect::Right};
use super::project::Probe;
use super::sources::with;

pub const CASES: &[Case] = &[
    Case {
        name: "file-macro",
        about: "__FILE__ of a source named by its full path, in another checkout, must not name the first",
        source: "https://github.com/mozilla/sccache/issues/2863",
        expect: Right,
        set_up: |s| {
            s.write("a.c", "const char *here = __FILE__;\n").gcc_absolute("").probe(Probe::Foreign("out/a.o"))
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "assert-macro",
        about: "assert in a header named by its full path, in another checkout, must not name the first",
        source: "https://github.com/ccache/ccache/issues/1042",
        expect: Right,
        set_up: |s| {
            s.write("inc/h.h", "#include <assert.h>\nstatic inline void g(int x) { assert(x); }\n");
            s.write("a.c", "#include <h.h>\nvoid f(int x) { g(x); }\n").probe(Probe::Foreign("out/a.o"));
            s.gcc_absolute("-I{w}/inc")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "file-macro-spelling",
        about: "__FILE__ of one source spelt with a detour",
        source: "https://gcc.gnu.org/onlinedocs/cpp/Standard-Predefined-Macros.html",
        expect: Follows,
        set_up: |s| {
            s.write("sub/x", "")
                .write("a.c", "const char said[] = \"SAID=<\" __FILE__ \">\";\n")
                .says("out/a.o");
            s.gcc("")
        },
        change: |s| s.instead().c("gcc -c sub/../a.c -o out/a.o"),
    },
    Case {
        name: "self-by-name",
        about: "a source includes itself by a macro, behind a comment; a cache that maps paths makes it include another file",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Preprocessor-Options.html",
        expect: Hits,
        set_up: |s| {
            s.write("src/a.c", INCLUDES_ITSELF).write("src/src/a.c", "const char said[] = \"SAID=<2>\";\n");
            s.says("out/a.o").c("gcc -DSELF=__FILE__ -c {w}/src/a.c -o {w}/out/a.o")
        },
        change: |s| s.write("src/src/a.c", "const char said[] = \"SAID=<3>\";\n"),
    },
    Case {
        name: "path-in-text-elsewhere",
        about: "a macro names a header of the first checkout by its full path, and a copy of the tree still does",
        source: "https://github.com/ccache/ccache/issues/1058",
        expect: Follows,
        set_up: |s| {
            let header = s.path("v.h");
            s.write("v.h", "#define H 1\n").says("out/a.o").gcc("");
            s.write("a.c", &with(&format!("#define V \"{}\"\n#include V\n", header.display())))
        },
        change: |s| {
            let header = s.path("v.h");
            s.elsewhere_at("another/checkout");
            // If the edit fails, the verdict shows that nothing changed.
            drop(std::fs::write(header, "#define H 2\n"));
            s
        },
    },
    Case {
        name: "debug-elsewhere",
        about: "debug information in another checkout must not name the first",
        source: "https://github.com/ccache/ccache/issues/117",
        expect: Right,
        set_up: |s| {
            s.write("a.c", "int f(int x) { return x; }\n").probe(Probe::Foreign("out/a.o"));
            s.gcc("-g")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "sanitizer-elsewhere",
        about: "the paths that a sanitizer embeds, which no prefix map changes, must not name the first checkout",
        source: "https://github.com/ccache/ccache/issues/1128",
        expect: Right,
        set_up: |s| {
            s.write("a.c", "int f(int x, int *a) { return a[x] << x; }\n").probe(Probe::Foreign("out/a.o"));
            s.gcc_absolute("-fsanitize=undefined")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "coverage-elsewhere",
        about: "the file that coverage counters go to, in another checkout, must be that checkout's",
        source: "https://github.com/ccache/ccache/pull/1515",
        expect: Right,
        set_up: |s| {
            s.write("a.c", "int f(int x) { return x ? 1 : 2; }\n").probe(Probe::Foreign("out/a.o"));
            s.gcc("--coverage")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "depfile-elsewhere",
        about: "the depfile in another checkout is that checkout's to the byte",
        source: "https://github.com/ccache/ccache/issues/351",
        expect: Right,
        set_up: |s| {
            s.write("inc/h.h", "#define H 1\n")
                .write("a.c", "#include <h.h>\n")
                .probe(Probe::Rules("out/a.d"));
            s.gcc_absolute("-I{w}/inc -MD -MP -MF {w}/out/a.d")
        },
        change: |s| s.elsewhere_at("another/rather/deeper/and/longer/checkout with a blank"),
    },
    Case {
        name: "depfile-of-another",
        about: "a source that is alike but has another name: the depfile must name it",
        source: "https://github.com/mozilla/sccache/issues/2321",
        expect: Follows,
        set_up: |s| {
            s.write("foo.c", "int f;\n").write("bar.c", "int f;\n").probe(Probe::Rules("out/a.d"));
            s.c("gcc -c foo.c -o out/foo.o -MD -MF out/a.d")
        },
        change: |s| s.instead().c("gcc -c bar.c -o out/bar.o -MD -MF out/a.d"),
    },
    Case {
        name: "depfile-place",
        about: "-MD without a name puts the depfile beside the object",
        source: "https://github.com/mozilla/sccache/issues/1032",
        expect: super::case::Expect::Hits,
        set_up: |s| {
            s.write("src/a.c", "int f;\n").probe(Probe::Rules("out/a.d"));
            s.c("gcc -c -MD src/a.c -o out/a.o")
        },
        change: |s| s,
    },
    Case {
        name: "depfile-target",
        about: "the depfile's target is named by -MT, then by another -MT",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Preprocessor-Options.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "int f;\n").probe(Probe::Rules("out/a.d"));
            s.gcc("-MD -MF out/a.d -MT one")
        },
        change: |s| s.instead().gcc("-MD -MF out/a.d -MT two"),
    },
    Case {
        name: "define-path",
        about: "a -D has the checkout's path, and a source uses it; another checkout is built",
        source: "https://github.com/mozilla/sccache/issues/35",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "const char said[] = \"SAID=<\" DIR \">\";\n").says("out/a.o");
            s.gcc("'-DDIR=\"{w}/data\"'")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "header-elsewhere",
        about: "another checkout has another header, under the same relative name",
        source: "https://github.com/mozilla/sccache/issues/2863",
        expect: Follows,
        set_up: |s| {
            s.write("inc/h.h", "#define H 1\n").write("a.c", &with("#include <h.h>\n")).says("out/a.o");
            s.gcc_absolute("-I{w}/inc")
        },
        change: |s| s.elsewhere_at("another/checkout").write("inc/h.h", "#define H 2\n"),
    },
    Case {
        name: "source-link",
        about: "a source is a link: quoted headers are looked for beside the link, not beside what it goes to",
        source: "https://github.com/ccache/ccache/issues/111",
        expect: Follows,
        set_up: |s| {
            s.write("d/h.h", "#define H target\n").write("d/a.c", &with("#include \"h.h\"\n"));
            s.write("h.h", "#define H link\n").link("d/a.c", "a.c").says("out/a.o");
            s.c("gcc -c {w}/d/a.c -o out/a.o")
        },
        change: |s| s.instead().c("gcc -c {w}/a.c -o out/a.o"),
    },
    Case {
        name: "include-link",
        about: "an include directory is a link, which is turned to another directory",
        source: "https://github.com/ccache/ccache/issues/1620",
        expect: Follows,
        set_up: |s| {
            s.write("v1/h.h", "#define H 1\n").write("v2/h.h", "#define H 2\n").link("v1", "current");
            s.write("a.c", &with("#include <h.h>\n")).gcc("-Icurrent").says("out/a.o")
        },
        change: |s| s.link("v2", "current"),
    },
    Case {
        name: "include-twice",
        about: "two -I name one directory by way of a link, which is turned: then it is searched as well",
        source: "https://gcc.gnu.org/onlinedocs/cpp/Search-Path.html",
        expect: Follows,
        set_up: |s| {
            s.write("one/other.h", "").write("two/h.h", "#define H 2\n").write("three/h.h", "#define H 3\n");
            s.link("one", "link").write("a.c", &with("#include <h.h>\n")).says("out/a.o");
            s.gcc("-Ione -Ilink -Ithree")
        },
        change: |s| s.link("two", "link"),
    },
    Case {
        name: "working-directory-link",
        about: "PWD spells the directory through a link, and debug information has it as it is spelt",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html",
        expect: Right,
        set_up: |s| {
            s.link("w", "../by")
                .env("PWD", "{root}/by")
                .write("a.c", "int f;\n")
                .probe(Probe::Foreign("out/a.o"));
            s.gcc("-g")
        },
        change: |s| s.elsewhere_at("another").env("PWD", "{w}"),
    },
    Case {
        name: "split-debug",
        about: "the object names its .dwo file, and another checkout is built",
        source: "https://gcc.gnu.org/wiki/DebugFission",
        expect: Right,
        set_up: |s| {
            s.write("a.c", "int f(int x) { return x; }\n").gcc("-g -gsplit-dwarf");
            s.probe(Probe::Foreign("out/a.o")).probe(Probe::Foreign("out/a.dwo"))
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
];

const INCLUDES_ITSELF: &str = "#ifndef AGAIN\n#define AGAIN\n#include/**/SELF\n#else\n\
    const char said[] = \"SAID=<1>\";\n#endif\n";
