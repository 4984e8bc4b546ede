//! Precompiled headers and modules of C++ that the build makes.

use super::case::{Case, Expect::Follows, Expect::Right, Expect::Uncacheable};
use super::project::{Probe, TestProject};

const GCC: &str = "https://gcc.gnu.org/onlinedocs/gcc/Precompiled-Headers.html";
const CLANG: &str = "https://clang.llvm.org/docs/PCHInternals.html";
const MODULES: &str = "https://clang.llvm.org/docs/StandardCPlusPlusModules.html";

const USER: &str = "extern const char said[] = \"SAID=<\" S(H) \">\";\n";

/// A header `x.h`, which includes `k.h`, and a source that has what it says from there.
fn header(s: &mut TestProject) -> &mut TestProject {
    s.write("x.h", "#include <k.h>\n#define S2(x) #x\n#define S(x) S2(x)\n").directory("early");
    s.write("late/k.h", "#define H 1\n").write("a.cc", USER)
}

fn by_gcc<'s>(s: &'s mut TestProject, flags: &str) -> &'s mut TestProject {
    header(s).c(&format!("g++ {flags} -x c++-header x.h -o out/x.h.gch"));
    s.c(&format!("g++ {flags} -Winvalid-pch -include out/x.h -c a.cc -o out/a.o")).says("out/a.o")
}

fn by_clang<'s>(s: &'s mut TestProject, flags: &str) -> &'s mut TestProject {
    header(s).c(&format!("clang++-19 {flags} -x c++-header x.h -o out/x.pch"));
    s.c(&format!("clang++-19 {flags} -include-pch out/x.pch -c a.cc -o out/a.o")).says("out/a.o")
}

/// A module, and a source that says what it exports.
fn module(s: &mut TestProject) -> &mut TestProject {
    s.write("k.h", "#define H '1'\n");
    s.write("m.cppm", "module;\n#include <k.h>\nexport module m;\nexport constexpr char m = H;\n");
    s.write("a.cc", "import m;\nextern const char said[] = {'S','A','I','D','=','<', m, '>', 0};\n");
    s.c("clang++-19 -std=c++20 -Iearly -I. --precompile m.cppm -o out/m.pcm");
    s.c("clang++-19 -std=c++20 -fmodule-file=m=out/m.pcm -c a.cc -o out/a.o").says("out/a.o")
}

pub const CASES: &[Case] = &[
    Case {
        name: "precompiled-header-gcc",
        about: "a header of a header that gcc precompiles is edited",
        source: GCC,
        expect: Uncacheable,
        set_up: |s| by_gcc(s, "-Ilate"),
        change: |s| s.write("late/k.h", "#define H 2\n"),
    },
    Case {
        name: "precompiled-header-clang",
        about: "a header of a header that clang precompiles is edited",
        source: CLANG,
        expect: Follows,
        set_up: |s| by_clang(s, "-Ilate"),
        change: |s| s.write("late/k.h", "#define H 2\n"),
    },
    Case {
        name: "precompiled-shadowed-gcc",
        about: "a header of a precompiled header appears in an earlier directory",
        source: GCC,
        expect: Uncacheable,
        set_up: |s| by_gcc(s, "-Iearly -Ilate"),
        change: |s| s.write("early/k.h", "#define H 2\n"),
    },
    Case {
        name: "precompiled-shadowed-clang",
        about: "a header of a precompiled header of clang's appears in an earlier directory",
        source: CLANG,
        expect: Follows,
        set_up: |s| by_clang(s, "-Iearly -Ilate"),
        change: |s| s.write("early/k.h", "#define H 2\n"),
    },
    Case {
        name: "precompiled-touched-clang",
        about: "a header is touched; clang refuses a precompiled header that has the header's old time",
        source: CLANG,
        expect: Right,
        set_up: |s| by_clang(s, "-Ilate"),
        change: |s| s.date("late/k.h", 1_600_000_000),
    },
    Case {
        name: "precompiled-elsewhere-clang",
        about: "clang's precompiled header in another checkout must not name the first",
        source: CLANG,
        expect: Right,
        set_up: |s| by_clang(s, "-Ilate").probe(Probe::Foreign("out/x.pch")),
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "precompiled-path-gcc",
        about: "__FILE__ in a precompiled header that is named by its full path, in another checkout",
        source: GCC,
        expect: Uncacheable,
        set_up: |s| {
            s.write("x.h", "static const char *here() { return __FILE__; }\n");
            s.write("a.cc", "const char *said = here();\n").probe(Probe::Foreign("out/x.h.gch"));
            s.probe(Probe::Foreign("out/a.o")).c("g++ -x c++-header {w}/x.h -o out/x.h.gch");
            s.c("g++ -include out/x.h -c a.cc -o out/a.o")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "module-header",
        about: "a header in the global fragment of a module is edited",
        source: MODULES,
        expect: Follows,
        set_up: |s| module(s),
        change: |s| s.write("k.h", "#define H '2'\n"),
    },
    Case {
        name: "module-shadowed",
        about: "a header of a module appears in an earlier directory",
        source: MODULES,
        expect: Follows,
        set_up: |s| module(s.directory("early")),
        change: |s| s.write("early/k.h", "#define H '2'\n"),
    },
    Case {
        name: "module-replaced",
        about: "the compiled module of an importer is made of another source with the same name",
        source: MODULES,
        expect: Follows,
        set_up: |s| {
            let source = |value: char| format!("export module m;\nexport constexpr char m = '{value}';\n");
            module(s).write("one.cppm", &source('1')).write("two.cppm", &source('2')).instead();
            s.then("clang++-19 -std=c++20 --precompile -x c++-module one.cppm -o out/m.pcm");
            s.c("clang++-19 -std=c++20 -fprebuilt-module-path=out -c a.cc -o out/a.o")
        },
        change: |s| {
            s.instead().then("clang++-19 -std=c++20 --precompile -x c++-module two.cppm -o out/m.pcm");
            s.c("clang++-19 -std=c++20 -fprebuilt-module-path=out -c a.cc -o out/a.o")
        },
    },
    Case {
        name: "module-elsewhere",
        about: "a compiled module in another checkout must not name the first",
        source: MODULES,
        expect: Right,
        set_up: |s| module(s).probe(Probe::Foreign("out/m.pcm")),
        change: |s| s.elsewhere_at("another/checkout"),
    },
];
