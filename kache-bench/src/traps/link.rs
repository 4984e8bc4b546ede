//! Inputs of a linker, and commands that link.

use super::case::{Case, Expect::Follows};

pub const CASES: &[Case] = &[
    Case {
        name: "native-transitive",
        about: "native code in an indirect dependency changes, and no file that the command line names",
        source: "https://github.com/rust-lang/rust/issues/58393",
        expect: Follows,
        set_up: |s| {
            s.write("n.c", "int n(void) { return 1; }\n").shell(ARCHIVE);
            s.write("sys.rs", "extern \"C\" { fn n() -> i32; } pub fn f() -> i32 { unsafe { n() } }\n");
            s.write("mid.rs", "pub fn g() -> i32 { sys::f() }\n");
            s.write("user.rs", "fn main() { println!(\"{}\", mid::g()); }\n");
            let lib = |name: &str, more: &str| {
                format!(
                    "rustc --crate-name {name} --edition=2021 {name}.rs --crate-type lib \
                     --emit=dep-info,metadata,link -C metadata=3f --out-dir out {more}"
                )
            };
            s.rust(&lib("sys", "-L native=lib -l static=n"));
            s.rust(&lib("mid", "--extern sys=out/libsys.rlib"));
            s.rust_bin("--extern mid=out/libmid.rlib -L dependency=out").prints("out/user")
        },
        change: |s| s.write("n.c", "int n(void) { return 2; }\n").shell(ARCHIVE),
    },
    Case {
        name: "native-static",
        about: "a static library that a crate bundles is rebuilt, its size and modification time kept",
        source: "https://github.com/mozilla/sccache/issues/2074",
        expect: Follows,
        set_up: |s| {
            s.write("n.c", "const char n[] = \"SAID=<1>\";\n").shell(ARCHIVE);
            s.write("l.rs", "extern \"C\" { pub static n: u8; }\n");
            s.rust_lib("-L native=lib -l static=n").says("out/libl.rlib")
        },
        change: |s| {
            s.write("n.c", "const char n[] = \"SAID=<2>\";\n");
            s.shell("cp -p lib/libn.a old && cc -c n.c -o n.o && ar crD lib/libn.a n.o && touch -r old lib/libn.a")
        },
    },
    Case {
        name: "native-shadowed",
        about: "a static library of the same name appears in an earlier search directory",
        source: "https://github.com/mozilla/sccache/issues/123",
        expect: Follows,
        set_up: |s| {
            s.directory("early").write("n.c", "const char n[] = \"SAID=<late>\";\n").shell(ARCHIVE);
            s.write("l.rs", "extern \"C\" { pub static n: u8; }\n");
            s.rust_lib("-L native=early -L native=lib -l static=n").says("out/libl.rlib")
        },
        change: |s| {
            s.write("n.c", "const char n[] = \"SAID=<early>\";\n");
            s.shell("cc -c n.c -o n.o && ar crD early/libn.a n.o")
        },
    },
    Case {
        name: "link-arg-object",
        about: "an object named in -C link-arg is recompiled",
        source: "https://doc.rust-lang.org/rustc/codegen-options/index.html#link-arg",
        expect: Follows,
        set_up: |s| {
            s.write("o.c", "int o(void) { return 1; }\n").plainly("cc -c o.c -o o.o");
            s.write("user.rs", CALLS_O).rust_bin("-C link-arg=o.o").prints("out/user")
        },
        change: |s| s.write("o.c", "int o(void) { return 2; }\n").plainly("cc -c o.c -o o.o"),
    },
    Case {
        name: "link-arg-script",
        about: "a linker script named in -C link-arg is edited",
        source: "https://github.com/coconut-svsm/svsm/pull/330",
        expect: Follows,
        set_up: |s| {
            s.write("script.ld", "INPUT(one.o)\n");
            s.write("one.c", "int o(void) { return 1; }\n").plainly("cc -c one.c -o one.o");
            s.write("two.c", "int o(void) { return 2; }\n").plainly("cc -c two.c -o two.o");
            s.write("user.rs", CALLS_O).rust_bin("-C link-arg=script.ld").prints("out/user")
        },
        change: |s| s.rewrite_unnoticed("script.ld", "INPUT(two.o)\n"),
    },
    Case {
        name: "linker-replaced",
        about: "the linker is replaced in place, its size and modification time kept",
        source: "https://github.com/rust-lang/cargo/pull/9647",
        expect: Follows,
        set_up: |s| {
            s.write("one.c", "int o(void) { return 1; }\n").plainly("cc -c one.c -o one.o");
            s.write("two.c", "int o(void) { return 2; }\n").plainly("cc -c two.c -o two.o");
            s.script("linker", "exec cc \"$@\" one.o").write("user.rs", CALLS_O);
            s.rust_bin("-C linker=./linker").prints("out/user")
        },
        change: |s| s.rewrite_unnoticed("linker", "#!/bin/sh\nexec cc \"$@\" two.o\n"),
    },
    Case {
        name: "crt-replaced",
        about: "a start-up object of the C runtime that the linker finds by its own search is replaced",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Directory-Options.html",
        expect: Follows,
        set_up: |s| {
            s.write(
                "user.rs",
                "fn main() { println!(\"{}\", std::env::var(\"CRT\").unwrap_or(\"plain\".into())); }\n",
            );
            s.write("crt.c", "static void f(void) {}\n").shell(CRT);
            s.rust_bin("-C link-arg=-B{w}/crt").prints("out/user")
        },
        change: |s| {
            s.write(
                "crt.c",
                "#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { setenv(\"CRT\", \"new\", 1); }\n",
            );
            s.shell(CRT)
        },
    },
    Case {
        name: "library-path",
        about: "LIBRARY_PATH names a directory where the linker finds another library of that name first",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html",
        expect: Follows,
        set_up: |s| {
            for (dir, n) in [("one", 1), ("two", 2)] {
                s.write(&format!("{dir}/o.c"), &format!("int o(void) {{ return {n}; }}\n"));
                s.shell(&format!("cd {dir} && cc -c o.c && ar crD libo.a o.o"));
            }
            s.env("LIBRARY_PATH", "{w}/one").write("user.rs", CALLS_O);
            s.rust_bin("-C link-arg=-lo").prints("out/user")
        },
        change: |s| s.env("LIBRARY_PATH", "{w}/two"),
    },
    Case {
        name: "extern-unnoticed",
        about: "the rlib behind an --extern is replaced, its size and modification time kept",
        source: "https://github.com/mozilla/sccache/issues/2169",
        expect: Follows,
        set_up: |s| {
            s.write("d.rs", "pub const D: &str = \"1\";\n").plainly(DEP);
            s.write("user.rs", "fn main() { println!(\"{}\", d::D); }\n");
            s.rust_bin("--extern d=libd.rlib").prints("out/user")
        },
        change: |s| {
            s.write("d.rs", "pub const D: &str = \"2\";\n").rename("libd.rlib", "old").plainly(DEP);
            s.plainly("touch -r old libd.rlib")
        },
    },
    Case {
        name: "run-path",
        about: "-C rpath writes the place into the program, and another checkout is built",
        source: "https://doc.rust-lang.org/rustc/codegen-options/index.html#rpath",
        expect: super::case::Expect::Right,
        set_up: |s| {
            s.write("user.rs", "fn main() { println!(\"runs\"); }\n");
            s.rust_bin("-C prefer-dynamic -C rpath").prints("out/user")
        },
        change: |s| s.elsewhere_at("a/much/deeper/place"),
    },
];

const ARCHIVE: &str = "mkdir -p lib && cc -c n.c -o n.o && rm -f lib/libn.a && ar crD lib/libn.a n.o";
/// The installed start-up object merged with one of ours.
const CRT: &str =
    "mkdir -p crt && cc -c crt.c -o crt.o && ld -r \"$(cc -print-file-name=Scrt1.o)\" crt.o -o crt/Scrt1.o";
const DEP: &str = "rustc --crate-type=lib --edition=2021 d.rs";
const CALLS_O: &str = "extern \"C\" { fn o() -> i32; }\nfn main() { println!(\"{}\", unsafe { o() }); }\n";
