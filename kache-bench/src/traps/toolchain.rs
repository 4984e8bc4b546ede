//! Compilers and their parts, replaced in place.

use super::case::{Case, Expect::Follows, Expect::Uncacheable};
use super::project::TestProject;
use super::sources::{CFG, SAYS, UNLESS_SET, with};

pub const CASES: &[Case] = &[
    Case {
        name: "rustc-replaced",
        about: "another compiler has the same path, version, size and modification time",
        source: "https://github.com/mozilla/sccache/issues/856",
        expect: Uncacheable,
        set_up: |s| {
            s.write("l.rs", CFG).says("out/libl.rlib").script("tc/bin/rustc", "exec rustc --cfg a \"$@\"");
            s.rust_lib_by("{w}/tc/bin/rustc", "")
        },
        change: |s| s.rewrite_unnoticed("tc/bin/rustc", "#!/bin/sh\nexec rustc --cfg b \"$@\"\n"),
    },
    Case {
        name: "rustc-library-replaced",
        about: "a library that the compiler loads is replaced; its program stays",
        source: "https://github.com/mozilla/sccache/pull/922",
        expect: Uncacheable,
        set_up: |s| {
            s.write("l.rs", CFG).says("out/libl.rlib").write("front.c", FRONT).write("lib.c", &back("a"));
            s.shell(BACK).plainly("cc front.c -o tc/bin/rustc -Ltc/lib -lback -Wl,-rpath,$ORIGIN/../lib");
            s.rust_lib_by("{w}/tc/bin/rustc", "")
        },
        change: |s| s.write("lib.c", &back("b")).shell(BACK),
    },
    Case {
        name: "toolchain-file",
        about: "rust-toolchain.toml appears and asks for another toolchain; the command stays",
        source: "https://github.com/mozilla/sccache/issues/943",
        expect: Follows,
        set_up: |s| {
            nightly(s);
            s.write("l.rs", "#![feature(never_type)]\npub static SAID: &str = \"SAID=<nightly>\";\n");
            s.write("rust-toolchain.toml", "[toolchain]\nchannel = \"nightly\"\n").rust_lib("");
            s.says("out/libl.rlib")
        },
        change: |s| s.write("rust-toolchain.toml", "[toolchain]\nchannel = \"stable\"\n"),
    },
    Case {
        name: "toolchain-variable",
        about: "RUSTUP_TOOLCHAIN asks for another toolchain; the command stays",
        source: "https://github.com/mozilla/sccache/issues/87",
        expect: Follows,
        set_up: |s| {
            nightly(s);
            s.write("l.rs", "#![feature(never_type)]\npub static SAID: &str = \"SAID=<nightly>\";\n");
            s.env("RUSTUP_TOOLCHAIN", "nightly").rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.env("RUSTUP_TOOLCHAIN", "stable"),
    },
    Case {
        name: "target-specification",
        about: "the JSON file that specifies the target is edited",
        source: "https://github.com/rust-lang/cargo/issues/2616",
        expect: Follows,
        set_up: |s| {
            s.env("RUSTC_BOOTSTRAP", "1").shell("rustc -Zunstable-options --print=target-spec-json > t.json");
            s.write("l.rs", "#![feature(no_core)]\n#![no_core]\n#[cfg(target_vendor = \"trap\")]\ncompile_error!(\"\");\n");
            s.rust(
                "rustc --crate-name l --edition=2021 l.rs --crate-type lib --emit=dep-info,metadata \
                 --out-dir out --target=t.json -Zunstable-options",
            )
        },
        change: |s| s.plainly("sed -i 's/^{/{\"vendor\": \"trap\",/' t.json"),
    },
    Case {
        name: "sysroot-edited",
        about: "a crate in the sysroot is replaced, its size and modification time kept",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html#--sysroot-override-the-system-root",
        expect: Follows,
        set_up: |s| {
            s.shell(SYSROOT).write("extra.rs", "pub const X: &str = \"SAID=<1>\";\n").shell(EXTRA);
            s.write("l.rs", "extern crate extra;\npub static SAID: &str = extra::X;\n");
            s.rust_lib("--sysroot {w}/sysroot").says("out/libl.rlib")
        },
        change: |s| {
            s.write("extra.rs", "pub const X: &str = \"SAID=<2>\";\n").shell(EXTRA);
            s.shell("touch -d @1000000000 sysroot/lib/rustlib/*/lib/libextra.rlib")
        },
    },
    Case {
        name: "wrapper-unnoticed",
        about: "a script used as C compiler is edited, its size and modification time kept",
        source: "https://ccache.dev/manual/latest.html#config_compiler_check",
        expect: Follows,
        set_up: |s| {
            s.script("mycc", "exec gcc -DH=1 \"$@\"").write("a.c", SAYS).says("out/a.o");
            s.c("{w}/mycc -c a.c -o out/a.o")
        },
        change: |s| s.rewrite_unnoticed("mycc", "#!/bin/sh\nexec gcc -DH=2 \"$@\"\n"),
    },
    Case {
        name: "wrapper-link",
        about: "the compiler's name is a link, which is turned to another compiler",
        source: "https://ccache.dev/manual/latest.html#config_compiler_check",
        expect: Follows,
        set_up: |s| {
            s.script("one/cc", "exec gcc -DH=1 \"$@\"")
                .script("two/cc", "exec gcc -DH=2 \"$@\"")
                .link("one", "now");
            s.write("a.c", SAYS).c("{w}/now/cc -c a.c -o out/a.o").says("out/a.o")
        },
        change: |s| s.link("two", "now"),
    },
    Case {
        name: "assembler-in-path",
        about: "an assembler appears earlier in PATH, where gcc looks for it",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.S", "#ifndef H\n#endif\n.data\n.ifdef Q\n.ascii \"SAID=<2>\"\n.else\n.ascii \"SAID=<1>\"\n.endif\n");
            s.directory("bin").path_first("{w}/bin").says("out/a.o");
            s.c("gcc -c a.S -o out/a.o")
        },
        change: |s| s.script("bin/as", "exec /usr/bin/as --defsym Q=1 \"$@\""),
    },
    Case {
        name: "compiler-path",
        about: "COMPILER_PATH names a directory with another assembler",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html",
        expect: Follows,
        set_up: |s| {
            s.write("a.S", ".data\n.ifdef Q\n.ascii \"SAID=<2>\"\n.else\n.ascii \"SAID=<1>\"\n.endif\n");
            s.script("bin/as", "exec /usr/bin/as --defsym Q=1 \"$@\"").says("out/a.o");
            s.c("gcc -c a.S -o out/a.o")
        },
        change: |s| s.env("COMPILER_PATH", "{w}/bin"),
    },
    Case {
        name: "compiler-part-replaced",
        about: "the compiler proper, which the driver finds by -B, is replaced; the driver stays",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Directory-Options.html",
        expect: Follows,
        set_up: |s| {
            s.script("parts/cc1", &part(1)).write("a.c", SAYS).says("out/a.o");
            s.c("gcc -B{w}/parts -c a.c -o out/a.o")
        },
        change: |s| {
            let text = format!("#!/bin/sh\n{}\n", part(2));
            s.rewrite_unnoticed("parts/cc1", &text)
        },
    },
    Case {
        name: "specs-of-installation",
        about: "a specs file appears where the driver looks for it by -B",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Spec-Files.html",
        expect: Follows,
        set_up: |s| {
            s.directory("parts").write("a.c", &with(UNLESS_SET)).says("out/a.o");
            s.c("gcc -B{w}/parts/ -c a.c -o out/a.o")
        },
        change: |s| s.write("parts/specs", "*cc1:\n+ -DH=specs\n\n*cpp:\n+ -DH=specs\n\n"),
    },
];

/// A compiler that does its work in a library, as rustc does.
const FRONT: &str = "void back(char **);\nint main(int n, char **words) { back(words); return 1; }\n";

fn back(cfg: &str) -> String {
    format!(
        "#include <unistd.h>\nvoid back(char **words) {{\n  char *all[999] = {{ \"rustc\", \"--cfg\", \"{cfg}\" }};\n  \
         for (int i = 1; words[i] && i < 990; i++) all[i + 2] = words[i];\n  execvp(\"rustc\", all);\n}}\n"
    )
}

const BACK: &str = "mkdir -p tc/bin tc/lib && cc -shared -fPIC lib.c -o tc/lib/libback.so";

/// Links to the existing crates, so that one can be added.
const SYSROOT: &str = "real=$(rustc --print sysroot); lib=lib/rustlib/$(rustc -vV | sed -n 's/host: //p')/lib; \
    mkdir -p sysroot/$lib && ln -s $real/$lib/* sysroot/$lib/";
const EXTRA: &str = "rustc --crate-type=lib --edition=2021 extra.rs -o $(echo sysroot/lib/rustlib/*/lib)/libextra.rlib \
     && touch -d @1000000000 sysroot/lib/rustlib/*/lib/libextra.rlib";

fn part(n: u8) -> String {
    format!("exec \"$(gcc -print-prog-name=cc1)\" -DH={n} \"$@\"")
}

fn nightly(s: &mut TestProject) -> &mut TestProject {
    let asked =
        std::process::Command::new("rustc").args(["+nightly", "-V"]).env("RUSTUP_AUTO_INSTALL", "0").output();
    if !asked.is_ok_and(|output| output.status.success()) {
        s.skip("there is no nightly toolchain, or no rustup");
    }
    s
}
