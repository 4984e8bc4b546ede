//! Inputs of C and C++ compilers besides the source.

use super::case::{Case, Expect::Follows, Expect::Right, Expect::Uncacheable};
use super::project::Probe;
use super::sources::{SAYS, UNLESS_SET, with};
use std::time::Duration;

const CAVEATS: &str = "https://ccache.dev/manual/latest.html#_caveats";

pub const CASES: &[Case] = &[
    Case {
        name: "header",
        about: "a header that the source includes is edited",
        source: "https://ccache.dev/manual/latest.html#_how_ccache_works",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include \"h.h\"\n")).write("h.h", "#define H 1\n").gcc("").says("out/a.o")
        },
        change: |s| s.write("h.h", "#define H 2\n"),
    },
    Case {
        name: "several-sources-header",
        about: "a header of the second of two sources with one -c is edited",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Overall-Options.html",
        expect: Follows,
        set_up: |s| {
            s.write("z.c", "int z;\n")
                .write("a.c", &with("#include \"h.h\"\n"))
                .write("h.h", "#define H 1\n");
            s.c("gcc -c z.c a.c").says("a.o")
        },
        change: |s| s.remove("a.o").remove("z.o").write("h.h", "#define H 2\n"),
    },
    Case {
        name: "header-unnoticed",
        about: "a header is rewritten with its size and modification time",
        source: "https://github.com/ccache/ccache/issues/1215",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include \"h.h\"\n")).write("h.h", "#define H 1\n").gcc("").says("out/a.o")
        },
        change: |s| s.rewrite_unnoticed("h.h", "#define H 2\n"),
    },
    Case {
        name: "header-meanwhile",
        about: "a header is edited while the compiler runs; the next build must use the new content",
        source: "https://github.com/ccache/ccache/issues/1378",
        expect: Right,
        set_up: |s| {
            s.write("h.h", "#define H 1\n")
                .write("a.cc", &with("#include \"h.h\"\n#include <iostream>\n#include <regex>\n"));
            s.c("g++ -O2 -c a.cc -o out/a.o").says("out/a.o").meanwhile(|here| {
                std::thread::sleep(Duration::from_millis(150));
                // If the edit fails, the verdict shows that nothing changed.
                drop(std::fs::write(here.join("h.h"), "#define H 2\n"));
            })
        },
        change: |s| s,
    },
    Case {
        name: "header-shadowed",
        about: "a header of the same name appears in an earlier -I directory",
        source: "https://github.com/ccache/ccache/issues/504",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include <h.h>\n"))
                .directory("early")
                .write("late/h.h", "#define H late\n");
            s.gcc("-Iearly -Ilate").says("out/a.o")
        },
        change: |s| s.write("early/h.h", "#define H early\n"),
    },
    Case {
        name: "header-beside",
        about: "a quoted header that was found by -I appears beside the header that includes it",
        source: CAVEATS,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include \"sub/all.h\"\n")).write("sub/all.h", "#include \"h.h\"\n");
            s.write("inc/h.h", "#define H found\n").gcc("-Iinc").says("out/a.o")
        },
        change: |s| s.write("sub/h.h", "#define H beside\n"),
    },
    Case {
        name: "header-next",
        about: "the target of an #include_next changes, because a header appears in a directory",
        source: "https://gcc.gnu.org/onlinedocs/cpp/Wrapper-Headers.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#include <h.h>\n"))
                .write("one/h.h", "#include_next <h.h>\n")
                .directory("two");
            s.write("three/h.h", "#define H three\n");
            s.gcc("-Ione -Itwo -Ithree").says("out/a.o")
        },
        change: |s| s.write("two/h.h", "#define H two\n"),
    },
    Case {
        name: "has-include",
        about: "the header that __has_include asked for and did not find appears",
        source: "https://github.com/ccache/ccache/issues/811",
        expect: Follows,
        set_up: |s| {
            s.write(
                "a.c",
                &with("#if __has_include(\"x.h\")\n#define H there\n#else\n#define H absent\n#endif\n"),
            );
            s.gcc("").says("out/a.o")
        },
        change: |s| s.write("x.h", ""),
    },
    Case {
        name: "header-generated",
        about: "a generator writes the header anew with the same time, and another file beside it",
        source: "https://github.com/ccache/ccache/issues/1421",
        expect: Follows,
        set_up: |s| {
            s.script(
                "generate",
                "mkdir -p gen; echo \"#define H $1\" > gen/h.h; touch -d @1000000000 gen/h.h",
            );
            s.plainly("./generate 1").write("a.c", &with("#include \"h.h\"\n"));
            s.gcc("-Igen").says("out/a.o")
        },
        change: |s| s.remove("gen").plainly("./generate 2"),
    },
    Case {
        name: "incbin",
        about: "the file of an .incbin in inline assembly is rewritten with its size and time",
        source: "https://github.com/ccache/ccache/issues/1120",
        expect: Follows,
        set_up: |s| {
            s.write("data", "SAID=<1>").write("a.c", "__asm__(\".data\\n.incbin \\\"data\\\"\\n\");\n");
            s.gcc("").says("out/a.o")
        },
        change: |s| s.rewrite_unnoticed("data", "SAID=<2>"),
    },
    Case {
        name: "incbin-assembler",
        about: "the file of an .incbin in preprocessed assembly is edited",
        source: "https://github.com/mozilla/sccache/pull/2795",
        expect: Follows,
        set_up: |s| {
            s.write("data", "SAID=<1>").write("a.S", ".data\n.incbin \"data\"\n");
            s.c("gcc -c a.S -o out/a.o").says("out/a.o")
        },
        change: |s| s.write("data", "SAID=<2>"),
    },
    Case {
        name: "assembler-include",
        about: "the file of an assembler's own .include is edited",
        source: "https://github.com/kunobi-ninja/kache/issues/1015",
        expect: Follows,
        set_up: |s| {
            s.write("part.s", ".ascii \"SAID=<1>\"\n").write("a.s", ".data\n.include \"part.s\"\n");
            s.c("gcc -c a.s -o out/a.o").says("out/a.o")
        },
        change: |s| s.write("part.s", ".ascii \"SAID=<2>\"\n"),
    },
    Case {
        name: "embed",
        about: "the file of an #embed is rewritten with its size and modification time",
        source: "https://github.com/ccache/ccache/pull/1765",
        expect: Follows,
        set_up: |s| {
            s.write("data", "SAID=<1>").write("a.c", "const char said[] = {\n#embed \"data\"\n};\n");
            s.c("clang-19 -std=c23 -c a.c -o out/a.o").says("out/a.o")
        },
        change: |s| s.rewrite_unnoticed("data", "SAID=<2>"),
    },
    Case {
        name: "cpath",
        about: "CPATH is set, and a header is found there",
        source: "https://github.com/mozilla/sccache/issues/2798",
        expect: Follows,
        set_up: |s| s.write("a.c", &with(HAS_X)).write("inc/x.h", "").gcc("").says("out/a.o"),
        change: |s| s.env("CPATH", "{w}/inc"),
    },
    Case {
        name: "specs",
        about: "the file given by -specs= is edited, its size and modification time kept",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Spec-Files.html",
        expect: Follows,
        set_up: |s| {
            s.write("my.specs", "*cpp:\n+ -DH=1\n\n").write("a.c", SAYS);
            s.gcc("-specs=my.specs").says("out/a.o")
        },
        change: |s| s.rewrite_unnoticed("my.specs", "*cpp:\n+ -DH=2\n\n"),
    },
    Case {
        name: "response-file",
        about: "a response file is edited, its size and modification time kept",
        source: "https://github.com/mozilla/sccache/issues/183",
        expect: Follows,
        set_up: |s| s.write("args", "-DH=1\n").write("a.c", SAYS).gcc("@args").says("out/a.o"),
        change: |s| s.rewrite_unnoticed("args", "-DH=2\n"),
    },
    Case {
        name: "forced-include",
        about: "a header forced in by -include is edited",
        source: "https://github.com/ccache/ccache/issues/1324",
        expect: Follows,
        set_up: |s| {
            s.write("force.h", "#define H 1\n").write("a.c", SAYS);
            s.gcc("-include force.h").says("out/a.o")
        },
        change: |s| s.write("force.h", "#define H 2\n"),
    },
    Case {
        name: "macros-file",
        about: "a file of macros given by -imacros with two dashes is edited",
        source: "https://github.com/ccache/ccache/issues/1324",
        expect: Follows,
        set_up: |s| {
            s.write("force.h", "#define H 1\n").write("a.c", SAYS);
            s.gcc("--imacros force.h").says("out/a.o")
        },
        change: |s| s.write("force.h", "#define H 2\n"),
    },
    Case {
        name: "precompiled-header",
        about: "a precompiled header included by flag is rebuilt with other contents",
        source: "https://github.com/ccache/ccache/pull/427",
        expect: Follows,
        set_up: |s| {
            s.write("p.h", "#define H 1\n").plainly("gcc -c p.h -o p.h.gch").write("a.c", SAYS);
            s.gcc("-include p.h").says("out/a.o")
        },
        change: |s| s.write("p.h", "#define H 2\n").plainly("gcc -c p.h -o p.h.gch"),
    },
    Case {
        name: "plugin-gcc",
        about: "a compiler plugin is rebuilt under its name, and runs within the compiler",
        source: "https://gcc.gnu.org/onlinedocs/gccint/Plugins.html",
        expect: Uncacheable,
        set_up: |s| {
            s.write("p.c", &plugin("1")).plainly("cc -shared -fPIC p.c -o p.so").write("a.c", "int f;\n");
            s.gcc("-fplugin=./p.so").probe(Probe::Messages)
        },
        change: |s| s.write("p.c", &plugin("2")).plainly("cc -shared -fPIC p.c -o p.so"),
    },
    Case {
        name: "plugin-clang",
        about: "a clang plugin given by -fplugin= is rebuilt under its name",
        source: "https://github.com/mozilla/sccache/issues/2505",
        expect: Uncacheable,
        set_up: |s| {
            s.write("p.c", &plugin("1")).plainly("cc -shared -fPIC p.c -o p.so").write("a.c", "int f;\n");
            s.c("clang-19 -fplugin=./p.so -c a.c -o out/a.o").probe(Probe::Messages)
        },
        change: |s| s.write("p.c", &plugin("2")).plainly("cc -shared -fPIC p.c -o p.so"),
    },
    Case {
        name: "profile-appears",
        about: "the profile that -fprofile-use asks for and did not find is there",
        source: "https://github.com/ccache/ccache/issues/872",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", PROFILED).probe(Probe::Bytes("out/a.o"));
            s.gcc("-O2 -fprofile-use=prof -Wno-missing-profile")
        },
        change: |s| s.shell(PROFILE),
    },
    Case {
        name: "sanitizer-list",
        about: "a list of what the sanitizer is to ignore is edited, and it is the second of two",
        source: "https://github.com/ccache/ccache/pull/330",
        expect: Follows,
        set_up: |s| {
            s.write("one", "fun:nothing\n")
                .write("two", "fun:f\n")
                .write("a.c", "int f(int *a) { return a[3]; }\n");
            s.c("clang-19 -fsanitize=address -fsanitize-ignorelist=one -fsanitize-ignorelist=two -c a.c -o out/a.o");
            s.probe(Probe::Bytes("out/a.o"))
        },
        change: |s| s.rewrite_unnoticed("two", "fun:g\n"),
    },
    Case {
        name: "once-by-contents",
        about: "two headers that are alike, with #pragma once, come to have one time, and are one to gcc",
        source: "https://gcc.gnu.org/onlinedocs/cpp/Alternatives-to-Wrapper-_0023ifndef.html",
        expect: Follows,
        set_up: |s| {
            for (dir, text) in [("a", "char a[] = \"SAID=<a>\";\n"), ("b", "char b[] = \"SAID=<b>\";\n")] {
                s.write(&format!("{dir}/all.h"), "#pragma once\n#include \"part.h\"\n");
                s.write(&format!("{dir}/part.h"), text);
            }
            s.date("a/all.h", 1_000_000_000).date("b/all.h", 1_100_000_000);
            s.write("a.c", "#include \"a/all.h\"\n#include \"b/all.h\"\n").gcc("").says("out/a.o")
        },
        change: |s| s.date("b/all.h", 1_000_000_000),
    },
    Case {
        name: "header-removed",
        about: "a header that was read is gone, and the next on the path has no macro of that name",
        source: "https://github.com/ccache/ccache/issues/599",
        expect: Follows,
        set_up: |s| {
            s.write("one/h.h", "#define H one\n")
                .write("two/h.h", "")
                .write("a.c", &with("#include <h.h>\n"));
            s.gcc("-Ione -Itwo").says("out/a.o")
        },
        change: |s| s.remove("one/h.h"),
    },
    Case {
        name: "dash-o-directory",
        about: "a header in a directory that is named -o is edited",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Directory-Options.html",
        expect: Follows,
        set_up: |s| {
            s.write("-o/h.h", "#define H 1\n").write("a.c", &with("#include <h.h>\n"));
            s.c("gcc -I -o -c a.c -o out/a.o").says("out/a.o")
        },
        change: |s| s.write("-o/h.h", "#define H 2\n"),
    },
    Case {
        name: "header-odd-name",
        about: "a header whose path has blanks, a dollar sign and letters beyond ASCII is edited",
        source: "https://github.com/ccache/ccache/pull/722",
        expect: Follows,
        set_up: |s| {
            s.write("a dir/$h\u{e4}der #1.h", "#define H 1\n")
                .write("a.c", &with("#include \"$h\u{e4}der #1.h\"\n"));
            s.gcc("-MD -MF out/a.d '-Ia dir'").says("out/a.o").probe(Probe::Rules("out/a.d"))
        },
        change: |s| s.write("a dir/$h\u{e4}der #1.h", "#define H 2\n"),
    },
    Case {
        name: "header-case",
        about: "a header is renamed so that only its case differs: the build must fail",
        source: "https://clang.llvm.org/docs/DiagnosticsReference.html#wnonportable-include-path",
        expect: Follows,
        set_up: |s| {
            s.write("Head.h", "#define H 1\n")
                .write("a.c", &with("#include \"Head.h\"\n"))
                .gcc("")
                .says("out/a.o")
        },
        change: |s| s.rename("Head.h", "head.h"),
    },
    Case {
        name: "macro-order",
        about: "the order of a -D and a -U changes",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Preprocessor-Options.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with(UNLESS_SET)).says("out/a.o");
            s.gcc("-DH=1 -UH")
        },
        change: |s| s.instead().gcc("-UH -DH=1"),
    },
    Case {
        name: "language-behind",
        about: "-x c++ moves from before the source to after it, where it has no effect",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Overall-Options.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", &with("#ifdef __cplusplus\n#define H cpp\n#else\n#define H c\n#endif\n"))
                .says("out/a.o");
            s.c("gcc -c -x c++ a.c -o out/a.o")
        },
        change: |s| s.instead().c("gcc -c a.c -x c++ -o out/a.o"),
    },
    Case {
        name: "warnings-c",
        about: "#warning and a compiler's warning show again when nothing has changed",
        source: "https://github.com/mozilla/sccache/issues/72",
        expect: super::case::Expect::Hits,
        set_up: |s| {
            s.write("a.c", "#warning first\nint f(void) { int unused; return 1; }\n").probe(Probe::Messages);
            s.gcc("-Wall")
        },
        change: |s| s,
    },
    Case {
        name: "colour-c",
        about: "warnings are asked for in colour, after plain ones",
        source: "https://github.com/ccache/ccache/issues/224",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "int f(void) { int unused; return 1; }\n").probe(Probe::Messages);
            s.gcc("-Wall -fdiagnostics-color=never")
        },
        change: |s| s.instead().gcc("-Wall -fdiagnostics-color=always"),
    },
    Case {
        name: "native-cpu",
        about: "-march=native replaces a named processor, with the same object path",
        source: "https://github.com/ccache/ccache/issues/824",
        expect: Follows,
        set_up: |s| s.write("a.c", &with(NATIVE)).says("out/a.o").gcc("-march=x86-64"),
        change: |s| s.instead().gcc("-march=native"),
    },
];

/// A plugin that any compiler can load: it reports when it is loaded.
fn plugin(word: &str) -> String {
    format!(
        "#include <stdio.h>\nint plugin_is_GPL_compatible;\nint plugin_init(void *a, void *b) {{ return 0; }}\n\
         __attribute__((constructor)) static void speak(void) {{ fprintf(stderr, \"plugin {word}\\n\"); }}\n"
    )
}

const HAS_X: &str = "#if __has_include(<x.h>)\n#define H there\n#else\n#define H absent\n#endif\n";
const NATIVE: &str = "#ifdef __AVX2__\n#define H avx2\n#elif defined __SSE4_2__\n#define H sse42\n#else\n#define H base\n#endif\n";
const PROFILED: &str = "int f(int x) { int s = 0; for (int i = 0; i < x; i++) if (i % 7) s += i; else s ^= i; return s; }\n\
    #ifdef MAIN\nint main(void) { return f(1000) == 7; }\n#endif\n";
const PROFILE: &str = "mkdir -p run prof && cp a.c run/a.c && cd run && gcc -O2 -DMAIN -fprofile-generate a.c -o a && ./a; \
    cp *.gcda \"../prof/$(dirname \"$PWD\" | tr / '#')#out#a.gcda\"";
