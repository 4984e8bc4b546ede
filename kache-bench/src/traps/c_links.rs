//! Links by the drivers of C and C++.

use super::case::{Case, Expect::Follows, Expect::Hits, Expect::Right, Expect::Uncacheable};
use super::project::{Probe, TestProject};

const LINKING: &str = "https://gcc.gnu.org/onlinedocs/gcc/Link-Options.html";
const DIRECTORIES: &str = "https://gcc.gnu.org/onlinedocs/gcc/Directory-Options.html";
const VARIABLES: &str = "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html";
const LD: &str = "https://sourceware.org/binutils/docs/ld/Options.html";
const SCRIPTS: &str = "https://sourceware.org/binutils/docs/ld/Scripts.html";

pub const CASES: &[Case] = &[
    Case {
        name: "link-object",
        about: "an object is compiled again, its size and modification time kept",
        source: LINKING,
        expect: Follows,
        set_up: |s| program(s).links("gcc main.o one.o -o out/prog").prints("out/prog"),
        change: |s| s.shell("cp -p one.o old && cp two.o one.o && touch -r old one.o"),
    },
    Case {
        name: "link-archive-member",
        about: "a member of an archive is replaced, size and modification time kept",
        source: LINKING,
        expect: Follows,
        set_up: |s| program(s).links("gcc main.o -Llib -lo -o out/prog").prints("out/prog"),
        change: |s| {
            s.shell(&format!("cp -p lib/libo.a old && {} && touch -r old lib/libo.a", archive("lib", "two")))
        },
    },
    Case {
        name: "link-thin-archive",
        about: "an object that a thin archive names is replaced, and the archive is not",
        source: "https://sourceware.org/binutils/docs/binutils/ar.html",
        expect: Follows,
        set_up: |s| {
            program(s).shell("cp one.o lib/o.o && cd lib && ar rcDT libthin.a o.o");
            s.links("gcc main.o -Llib -lthin -o out/prog").prints("out/prog")
        },
        change: |s| s.shell("cp two.o lib/o.o"),
    },
    Case {
        name: "link-library-early",
        about: "a library of the same name appears in an earlier search directory",
        source: DIRECTORIES,
        expect: Follows,
        set_up: |s| program(s).links("gcc main.o -Learly -Llib -lo -o out/prog").prints("out/prog"),
        change: |s| s.shell(&archive("early", "two")),
    },
    Case {
        name: "link-directory-appears",
        about: "a search directory that was not there appears, with a library of the same name",
        source: DIRECTORIES,
        expect: Follows,
        set_up: |s| program(s).links("gcc main.o -Llater/lib -Llib -lo -o out/prog").prints("out/prog"),
        change: |s| s.shell(&archive("later/lib", "two")),
    },
    Case {
        name: "link-shared-first",
        about: "a shared library appears beside the archive of the same name",
        source: DIRECTORIES,
        expect: Follows,
        set_up: |s| {
            program(s).links("gcc main.o -Llib -lo -Wl,-rpath,{w}/lib -o out/prog").prints("out/prog")
        },
        change: |s| s.plainly("gcc -shared two.o -o lib/libo.so"),
    },
    Case {
        name: "link-directory-turned",
        about: "a search directory is a symbolic link, and leads to another directory",
        source: DIRECTORIES,
        expect: Follows,
        set_up: |s| {
            program(s).shell(&archive("other", "two")).link("lib", "current");
            s.links("gcc main.o -Lcurrent -lo -o out/prog").prints("out/prog")
        },
        change: |s| s.link("other", "current"),
    },
    Case {
        name: "link-script-library",
        about: "a shared library is a script that names another file",
        source: SCRIPTS,
        expect: Follows,
        set_up: |s| {
            program(s).write("lib/libscript.so", "INPUT(one.o)\n");
            s.links("gcc main.o -Llib -lscript -o out/prog").prints("out/prog")
        },
        change: |s| s.rewrite_unnoticed("lib/libscript.so", "INPUT(two.o)\n"),
    },
    Case {
        name: "link-script-elsewhere",
        about: "a script names an object by its path in another checkout, and that object changes",
        source: SCRIPTS,
        expect: Follows,
        set_up: |s| {
            let script = s.fill("INPUT({w}/one.o)\n");
            program(s).write("lib/libscript.so", &script).elsewhere_at("another");
            s.links("gcc main.o -Llib -lscript -o out/prog").prints("out/prog")
        },
        change: |s| s.shell("cp two.o ../w/one.o"),
    },
    Case {
        name: "link-script-pattern",
        about: "a script chooses an object by a part of its path, and another checkout is linked",
        source: SCRIPTS,
        expect: Right,
        set_up: |s| {
            s.write("a.c", "int main(void) { return 0; }\n")
                .write("b.c", &in_section("b"))
                .write("c.c", &in_section("c"));
            s.shell("gcc -c a.c b.c c.c");
            s.write("x.ld", "SECTIONS { .said : { *e/w/c.o(.said) *(.said) } } INSERT AFTER .data;\n");
            s.links("gcc -T x.ld {w}/a.o {w}/b.o {w}/c.o -o out/prog").says("out/prog")
        },
        change: |s| s.elsewhere_at("another/place"),
    },
    Case {
        name: "link-version-script",
        about: "a version script is edited",
        source: "https://sourceware.org/binutils/docs/ld/VERSION.html",
        expect: Follows,
        set_up: |s| {
            program(s).write("x.map", "{ global: o; };\n").probe(Probe::Bytes("out/libx.so"));
            s.links("gcc -shared one.o -Wl,--version-script,x.map -o out/libx.so")
        },
        change: |s| s.rewrite_unnoticed("x.map", "{ local:  o; };\n"),
    },
    Case {
        name: "link-dynamic-list",
        about: "a list of symbols for the dynamic table is edited",
        source: LD,
        expect: Follows,
        set_up: |s| {
            program(s).write("x.list", "{ o; };\n").probe(Probe::Bytes("out/prog"));
            s.links("gcc main.o one.o -Wl,--dynamic-list=x.list -o out/prog")
        },
        change: |s| s.rewrite_unnoticed("x.list", "{ x; };\n"),
    },
    Case {
        name: "link-response-file",
        about: "a response file names another object",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Overall-Options.html",
        expect: Follows,
        set_up: |s| {
            program(s).write("words", "main.o one.o\n").links("gcc @words -o out/prog").prints("out/prog")
        },
        change: |s| s.rewrite_unnoticed("words", "main.o two.o\n"),
    },
    Case {
        name: "link-linker-replaced",
        about: "the linker that -B leads to is a script, and is edited",
        source: DIRECTORIES,
        expect: Follows,
        set_up: |s| {
            program(s).script("tools/ld", "exec ld \"$@\" one.o\n");
            s.links("gcc -Btools main.o -o out/prog").prints("out/prog")
        },
        change: |s| s.rewrite_unnoticed("tools/ld", "#!/bin/sh\nexec ld \"$@\" two.o\n"),
    },
    Case {
        name: "link-linker-appears",
        about: "a linker appears in a directory of COMPILER_PATH",
        source: VARIABLES,
        expect: Follows,
        set_up: |s| {
            program(s).directory("tools").env("COMPILER_PATH", "{w}/tools");
            s.links("gcc main.o -Llib -lo -o out/prog").prints("out/prog")
        },
        change: |s| s.script("tools/ld", "exec ld \"$@\" two.o\n"),
    },
    Case {
        name: "link-specs",
        about: "a specs file has the driver add another object",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Spec-Files.html",
        expect: Follows,
        set_up: |s| {
            program(s).write("x.specs", "*link:\n+ one.o\n\n");
            s.links("gcc -specs=x.specs main.o -o out/prog").prints("out/prog")
        },
        change: |s| s.rewrite_unnoticed("x.specs", "*link:\n+ two.o\n\n"),
    },
    Case {
        name: "link-crt",
        about: "a start-up object appears in a directory that the driver searches first",
        source: DIRECTORIES,
        expect: Follows,
        set_up: |s| {
            program(s).directory("crt");
            s.links("gcc -Bcrt/ main.o -Llib -lo -o out/prog").prints("out/prog")
        },
        change: |s| s.shell("ld -r \"$(gcc -print-file-name=Scrt1.o)\" two.o -o crt/Scrt1.o"),
    },
    Case {
        name: "link-library-path",
        about: "LIBRARY_PATH names a directory where another library of the name lies",
        source: VARIABLES,
        expect: Follows,
        set_up: |s| {
            program(s)
                .shell(&archive("dirs/one", "one"))
                .shell(&archive("dirs/two", "two"))
                .env("LIBRARY_PATH", "{w}/dirs/one");
            s.links("gcc main.o -lo -o out/prog").prints("out/prog")
        },
        change: |s| s.env("LIBRARY_PATH", "{w}/dirs/two"),
    },
    Case {
        name: "link-run-path-variable",
        about: "LD_RUN_PATH has the linker write another run path",
        source: LD,
        expect: Follows,
        set_up: |s| {
            program(s).shell(
                "gcc -shared one.o -o lib/libs.so && mkdir other && gcc -shared two.o -o other/libs.so",
            );
            s.env("LD_RUN_PATH", "{w}/lib").links("gcc main.o -Llib -ls -o out/prog").prints("out/prog")
        },
        change: |s| s.env("LD_RUN_PATH", "{w}/other"),
    },
    Case {
        name: "link-run-path",
        about: "a run path in the checkout, and another checkout is linked",
        source: LD,
        expect: Right,
        set_up: |s| {
            program(s).shell("gcc -shared one.o -o lib/libs.so").probe(Probe::Foreign("out/prog"));
            s.links("gcc main.o -Llib -ls -Wl,-rpath,{w}/lib -o out/prog").prints("out/prog")
        },
        change: |s| s.elsewhere_at("a/much/deeper/place"),
    },
    Case {
        name: "link-needed-by-path",
        about: "a library without a name of its own is needed by its path, and another checkout is linked",
        source: LD,
        expect: Right,
        set_up: |s| {
            program(s).shell("gcc -shared one.o -o lib/libs.so").probe(Probe::Foreign("out/prog"));
            s.links("gcc main.o {w}/lib/libs.so -o out/prog").prints("out/prog")
        },
        change: |s| s.elsewhere_at("a/much/deeper/place"),
    },
    Case {
        name: "link-elsewhere",
        about: "objects and libraries of another checkout, by absolute paths",
        source: LINKING,
        expect: Hits,
        set_up: |s| program(s).links("gcc {w}/main.o -L{w}/lib -lo -o {w}/out/prog").prints("out/prog"),
        change: |s| s.elsewhere_at("a/much/deeper/place"),
    },
    Case {
        name: "link-map-elsewhere",
        about: "a map of the link and a depfile of the linker, in another checkout",
        source: LD,
        expect: Hits,
        set_up: |s| {
            program(s).probe(Probe::Text("out/x.map")).probe(Probe::Text("out/x.d"));
            s.links("gcc {w}/main.o {w}/one.o -Wl,-Map={w}/out/x.map -Wl,--dependency-file=out/x.d -o {w}/out/prog")
        },
        change: |s| s.elsewhere_at("a/much/deeper/place"),
    },
    Case {
        name: "link-map-columns",
        about: "a map whose columns depend on the length of a path, in another checkout",
        source: LD,
        expect: Right,
        set_up: |s| {
            program(s).probe(Probe::Text("out/x.map"));
            s.links("gcc {w}/main.o {w}/lib/libo.a -Wl,-Map=out/x.map -o out/prog")
        },
        change: |s| s.elsewhere_at("a/much/deeper/place/than/one/column/of/it"),
    },
    Case {
        name: "link-temporary-name",
        about: "the linker names an object by the temporary file that the driver made",
        source: LINKING,
        expect: Uncacheable,
        set_up: |s| {
            program(s).write("t.s", ".section .note.GNU-stack,\"\",@progbits\n.text\nt: ret\n");
            s.links("gcc main.o one.o t.s -o out/prog").prints("out/prog")
        },
        change: |s| s.shell("cp two.o one.o"),
    },
    Case {
        name: "link-time-optimisation",
        about: "an object that is compiled at link time is replaced",
        source: "https://gcc.gnu.org/wiki/LinkTimeOptimization",
        expect: Uncacheable,
        set_up: |s| {
            program(s).shell("gcc -flto -c one.c two.c");
            s.links("gcc main.o one.o -o out/prog").prints("out/prog")
        },
        change: |s| s.shell("cp two.o one.o"),
    },
    Case {
        name: "link-reads-its-output",
        about: "a library is linked to what its output was before",
        source: LINKING,
        expect: Uncacheable,
        set_up: |s| {
            program(s).write("x.c", "int o(void);\nint x(void) { return o(); }\n").shell("gcc -fPIC -c x.c");
            s.shell("gcc -shared one.o -o libx.so").probe(Probe::Bytes("libx.so"));
            s.links("gcc -shared x.o -L. -lx -o libx.so")
        },
        change: |s| s.shell("gcc -shared two.o -o libx.so"),
    },
    Case {
        name: "link-and-compile",
        about: "a header of a source that is compiled and linked in one command changes",
        source: LINKING,
        expect: Follows,
        set_up: |s| {
            program(s)
                .write("o.c", "#include \"o.h\"\nint o(void) { return O; }\n")
                .write("o.h", "#define O 1\n");
            s.links("gcc main.c o.c -o out/prog").prints("out/prog")
        },
        change: |s| s.rewrite_unnoticed("o.h", "#define O 2\n"),
    },
    Case {
        name: "link-and-compile-elsewhere",
        about: "a source with its path in it is compiled and linked in one command, in another checkout",
        source: LINKING,
        expect: Hits,
        set_up: |s| {
            program(s).write("o.c", "const char *here = __FILE__;\nint o(void) { return 3; }\n");
            s.links("gcc -g {w}/main.c {w}/o.c -o out/prog").prints("out/prog");
            s.probe(Probe::Foreign("out/prog"))
        },
        change: |s| s.elsewhere_at("a/much/deeper/place"),
    },
];

/// A program that prints the result of `o`, two objects that have it, and an archive of the first.
fn program(s: &mut TestProject) -> &mut TestProject {
    s.write(
        "main.c",
        "#include <stdio.h>\nint o(void);\nint main(void) { printf(\"%d\\n\", o()); return 0; }\n",
    );
    s.write("one.c", "int o(void) { return 1; }\n").write("two.c", "int o(void) { return 2; }\n");
    s.directory("early").shell("gcc -fPIC -c main.c one.c two.c").shell(&archive("lib", "one"))
}

fn archive(dir: &str, object: &str) -> String {
    format!("mkdir -p {dir} && rm -f {dir}/libo.a && cp {object}.o o.o && ar crD {dir}/libo.a o.o && rm o.o")
}

fn in_section(name: &str) -> String {
    format!("__attribute__((section(\".said\"), used)) static const char said[] = \"SAID=<{name}>\";\n")
}
