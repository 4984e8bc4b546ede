//! Outputs of C compilers that are text: preprocessed sources, and rules for make.

use super::case::{Case, Expect::Follows, Expect::Hits, Expect::Right, Expect::Uncacheable};
use super::project::Probe;

const PREPROCESSOR: &str = "https://gcc.gnu.org/onlinedocs/gcc/Preprocessor-Options.html";

pub const CASES: &[Case] = &[
    Case {
        name: "preprocess-header",
        about: "a source is preprocessed to a file, and its header is edited",
        source: PREPROCESSOR,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "#include \"h.h\"\nint x = H;\n").write("h.h", "#define H 1\n");
            s.c("gcc -E a.c -o out/a.i").probe(Probe::Text("out/a.i"))
        },
        change: |s| s.write("h.h", "#define H 2\n"),
    },
    Case {
        name: "preprocess-shadowed",
        about: "a source is preprocessed, and a header appears in an earlier directory",
        source: "https://github.com/ccache/ccache/issues/504",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "#include <h.h>\nint x = H;\n").directory("early");
            s.write("late/h.h", "#define H 1\n").probe(Probe::Text("out/a.i"));
            s.c("clang-19 -E -Iearly -Ilate a.c -o out/a.i")
        },
        change: |s| s.write("early/h.h", "#define H 1\n"),
    },
    Case {
        name: "preprocess-elsewhere",
        about: "a source is preprocessed by its full path in another checkout: the lines name that checkout",
        source: PREPROCESSOR,
        expect: Right,
        set_up: |s| {
            s.write("a.c", "const char *here = __FILE__;\n").probe(Probe::Text("out/a.i"));
            s.probe(Probe::Foreign("out/a.i")).c("gcc -E {w}/a.c -o {w}/out/a.i")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "preprocess-directory",
        about: "with -g the preprocessed source names the working directory, which is another one",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Preprocessor-Options.html#index-fworking-directory",
        expect: Right,
        set_up: |s| {
            s.write("a.c", "int x;\n").probe(Probe::Text("out/a.i"));
            s.probe(Probe::Foreign("out/a.i")).c("gcc -E -g a.c -o out/a.i")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "preprocess-date",
        about: "a preprocessed source holds the time of day",
        source: "https://gcc.gnu.org/onlinedocs/cpp/Standard-Predefined-Macros.html",
        expect: Uncacheable,
        set_up: |s| {
            s.write("a.c", "const char *when = __TIME__;\n").c("gcc -E a.c -o out/a.i");
            s.probe(Probe::Foreign("out/a.i"))
        },
        change: |s| s.write("b.c", ""),
    },
    Case {
        name: "preprocess-elsewhere-hit",
        about: "a source is preprocessed by a relative path in another checkout",
        source: PREPROCESSOR,
        expect: Hits,
        set_up: |s| {
            s.write("a.c", "const char *here = __FILE__;\n").probe(Probe::Text("out/a.i"));
            s.c("gcc -E a.c -o out/a.i")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "rules-header",
        about: "rules for make are written without a compile, and a header includes one more",
        source: PREPROCESSOR,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "#include \"h.h\"\n").write("h.h", "\n").write("more.h", "\n");
            s.c("gcc -MM a.c -MF out/a.d").probe(Probe::Rules("out/a.d"))
        },
        change: |s| s.write("h.h", "#include \"more.h\"\n"),
    },
    Case {
        name: "rules-elsewhere",
        about: "rules for make of a source by its full path, in another checkout",
        source: PREPROCESSOR,
        expect: Hits,
        set_up: |s| {
            s.write("a.c", "#include <h.h>\n").write("inc/h.h", "\n").probe(Probe::Rules("out/a.d"));
            s.probe(Probe::Foreign("out/a.d")).c("clang-19 -M -I{w}/inc {w}/a.c -o {w}/out/a.d")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
];
