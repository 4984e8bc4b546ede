//! Changes that must not matter: the same compile requested in another way, or from another place. A cache
//! that compiles again is right but of little use.

use super::case::{Case, Expect::Hits};
use super::project::Probe;
use super::project::TestProject;
use super::sources;

pub const CASES: &[Case] = &[
    Case {
        name: "hit-macro-bash",
        about: "a proc macro starts bash, which opens the terminal as it starts",
        source: "https://git.savannah.gnu.org/cgit/bash.git/tree/general.c",
        expect: Hits,
        set_up: |s| s.program_macro(r#"new("bash").args(["-c", "echo $((6 * 7))"])"#),
        change: |s| s.write("unrelated", ""),
    },
    Case {
        name: "hit-linker-path",
        about: "-C linker= names the same linker at another path",
        source: "https://github.com/mozilla/sccache/issues/124",
        expect: Hits,
        set_up: |s| {
            s.script("one/linker", "exec cc \"$@\"").script("two/linker", "exec cc \"$@\"");
            s.write("l.rs", "pub fn f() {}\n").rust_lib("-C linker={w}/one/linker")
        },
        change: |s| s.instead().rust_lib("-C linker={w}/two/linker"),
    },
    Case {
        name: "hit-linker-path-linking",
        about: "-C linker= names the same linker at another path, and a program is linked",
        source: "https://github.com/mozilla/sccache/issues/124",
        expect: Hits,
        set_up: |s| {
            s.script("one/linker", "exec cc \"$@\"").script("two/linker", "exec cc \"$@\"");
            s.write("user.rs", "fn main() { println!(\"hello\"); }\n").prints("out/user");
            s.rust_bin("-C linker={w}/one/linker")
        },
        change: |s| s.instead().rust_bin("-C linker={w}/two/linker"),
    },
    Case {
        name: "hit-rustflags-blanks",
        about: "RUSTFLAGS has more blanks between its flags",
        source: "https://github.com/rust-lang/cargo/issues/6139",
        expect: Hits,
        set_up: |s| {
            package(s);
            s.env("RUSTFLAGS", "--cfg a -C debuginfo=0").cargo("build --offline -q")
        },
        change: |s| s.env("RUSTFLAGS", "  --cfg  a   -C debuginfo=0 "),
    },
    Case {
        name: "hit-rustflags-encoded",
        about: "the flags of RUSTFLAGS come as CARGO_ENCODED_RUSTFLAGS",
        source: "https://github.com/mozilla/sccache/pull/2651",
        expect: Hits,
        set_up: |s| {
            package(s);
            s.env("RUSTFLAGS", "--cfg a -C debuginfo=0").cargo("build --offline -q")
        },
        change: |s| {
            s.without("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}a\u{1f}-C\u{1f}debuginfo=0")
        },
    },
    Case {
        name: "hit-spelling",
        about: "flags are joined to their values where they were apart",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html",
        expect: Hits,
        set_up: |s| s.write("l.rs", "pub fn f() {}\n").rust_lib("-C opt-level=1 --cfg a -L dependency=out"),
        change: |s| s.instead().rust_lib("-Copt-level=1 --cfg=a -Ldependency=out"),
    },
    Case {
        name: "hit-order",
        about: "flags without effect on the output change their order and position",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html",
        expect: Hits,
        set_up: |s| {
            s.write("l.rs", "pub fn f() {}\n");
            s.rust(
                "rustc --crate-name l --error-format=json --json=diagnostic-rendered-ansi \
                 --diagnostic-width=80 --edition=2021 l.rs --crate-type lib \
                 --emit=dep-info,metadata,link -L dependency=out --out-dir out",
            )
        },
        change: |s| {
            s.instead().rust(
                "rustc --out-dir out --diagnostic-width=80 --crate-name l -L dependency=out \
                     --edition=2021 --crate-type lib --emit=link,metadata,dep-info \
                     --json=diagnostic-rendered-ansi --error-format=json l.rs",
            )
        },
    },
    Case {
        name: "hit-order-c",
        about: "source, -c and -o of a gcc command line change places with its other flags",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Invoking-GCC.html",
        expect: Hits,
        set_up: |s| {
            c_project(s);
            s.c("gcc -O1 -Iinc -c a.c -o out/a.o")
        },
        change: |s| s.instead().c("gcc -c -o out/a.o a.c -O1 -Iinc"),
    },
    Case {
        name: "hit-jobs",
        about: "cargo is told -j1 after -j2",
        source: "https://github.com/mozilla/sccache/issues/193",
        expect: Hits,
        set_up: |s| {
            package(s);
            s.cargo("build --offline -q -j2")
        },
        change: |s| s.instead().cargo("build --offline -q -j1"),
    },
    Case {
        name: "hit-jobserver",
        about: "the environment names another jobserver",
        source: "https://github.com/mozilla/sccache/issues/193",
        expect: Hits,
        set_up: |s| {
            lib(s);
            s.env("CARGO_MAKEFLAGS", "-j --jobserver-fds=8,9 --jobserver-auth=8,9")
        },
        change: |s| {
            s.env("CARGO_MAKEFLAGS", "-j --jobserver-fds=10,11 --jobserver-auth=10,11")
                .env("MAKEFLAGS", "-j3")
        },
    },
    Case {
        name: "hit-term",
        about: "TERM, COLORTERM and the terminal's width change, and nothing is printed",
        source: "https://github.com/mozilla/sccache/issues/99",
        expect: Hits,
        set_up: |s| {
            lib(s);
            s.env("TERM", "xterm").env("COLUMNS", "80")
        },
        change: |s| s.env("TERM", "dumb").env("COLUMNS", "200").env("COLORTERM", "truecolor"),
    },
    Case {
        name: "hit-width",
        about: "--diagnostic-width changes, as in another terminal, and nothing is printed",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html#--diagnostic-width-specify-the-terminal-width-for-diagnostics",
        expect: Hits,
        set_up: |s| s.write("l.rs", "pub fn f() {}\n").rust_lib("--diagnostic-width=80"),
        change: |s| s.instead().rust_lib("--diagnostic-width=200"),
    },
    Case {
        name: "hit-home",
        about: "HOME changes, and CARGO_HOME and RUSTUP_HOME are set",
        source: "https://github.com/mozilla/sccache/issues/89",
        expect: Hits,
        set_up: |s| {
            lib(s);
            homes(s);
            s.directory("one").directory("two").env("HOME", "{w}/one")
        },
        change: |s| s.env("HOME", "{w}/two"),
    },
    Case {
        name: "hit-tmpdir",
        about: "TMPDIR names another directory",
        source: "https://doc.rust-lang.org/std/env/fn.temp_dir.html",
        expect: Hits,
        set_up: |s| {
            lib(s);
            c_unit(s);
            s.directory("one").directory("two").env("TMPDIR", "{w}/one")
        },
        change: |s| s.env("TMPDIR", "{w}/two"),
    },
    Case {
        name: "hit-pwd-link",
        about: "PWD spells the working directory through a link",
        source: "https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pwd.html",
        expect: Hits,
        set_up: |s| {
            lib(s);
            s.link("w", "../by").env("PWD", "{w}")
        },
        change: |s| s.env("PWD", "{root}/by"),
    },
    Case {
        name: "hit-pwd-link-c",
        about: "PWD spells the working directory through a link, and a C source is compiled with debug information",
        source: "https://github.com/ccache/ccache/pull/491",
        expect: Hits,
        set_up: |s| {
            c_project(s);
            s.gcc("-Iinc").link("w", "../by").env("PWD", "{w}")
        },
        change: |s| s.env("PWD", "{root}/by"),
    },
    Case {
        name: "hit-elsewhere",
        about: "another checkout of a library, at a path of other length and depth",
        source: "https://github.com/mozilla/sccache/issues/2652",
        expect: Hits,
        set_up: |s| {
            s.write("l.rs", "mod m;\npub fn f() -> u8 { m::g() }\n")
                .write("m.rs", "pub fn g() -> u8 { 1 }\n");
            s.rust_lib_absolute("").probe(Probe::Rules("out/l.d"))
        },
        change: |s| s.elsewhere_at("another/and/deeper/checkout"),
    },
    Case {
        name: "hit-elsewhere-program",
        about: "another checkout of a program with debug information",
        source: "https://github.com/mozilla/sccache/issues/124",
        expect: Hits,
        set_up: |s| {
            s.write("user.rs", "fn main() { println!(\"hello\"); }\n").rust_bin("-g").prints("out/user")
        },
        change: |s| s.elsewhere_at("another/and/deeper/checkout"),
    },
    Case {
        name: "hit-elsewhere-generated",
        about: "another checkout, with code that a build script generated under its own OUT_DIR",
        source: "https://github.com/mozilla/sccache/issues/2870",
        expect: Hits,
        set_up: |s| {
            s.write("gen/g.rs", "pub fn g() -> u8 { 1 }\n").env("OUT_DIR", "{w}/gen");
            s.write("l.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\n").rust_lib("")
        },
        change: |s| s.elsewhere_at("another/and/deeper/checkout"),
    },
    Case {
        name: "hit-elsewhere-cargo",
        about: "another checkout of a package with a build script, by cargo",
        source: "https://github.com/mozilla/sccache/pull/2678",
        expect: Hits,
        set_up: |s| {
            package(s);
            s.write("build.rs", "fn main() { println!(\"cargo::rustc-cfg=built\"); println!(\"cargo::rustc-check-cfg=cfg(built)\"); }\n");
            s.cargo("build --offline -q")
        },
        change: |s| s.elsewhere_at("another/and/deeper/checkout"),
    },
    Case {
        name: "hit-elsewhere-c",
        about: "another checkout of a C source, everything by full paths, with depfile",
        source: "https://github.com/ccache/ccache/issues/212",
        expect: Hits,
        set_up: |s| {
            s.write("inc/h.h", "#define H 1\n").write("a.c", "#include <h.h>\nint f(void) { return H; }\n");
            s.c("gcc -I{w}/inc -c {w}/a.c -o {w}/out/a.o -MD -MF {w}/out/a.d");
            s.probe(Probe::Rules("out/a.d"))
        },
        change: |s| s.elsewhere_at("another/and/deeper/checkout"),
    },
    Case {
        name: "hit-elsewhere-debug",
        about: "another checkout of a C++ source with debug information",
        source: "https://github.com/ccache/ccache/pull/64",
        expect: Hits,
        set_up: |s| {
            s.write("a.cc", "#include <vector>\nint f(std::vector<int> &v) { return v[0]; }\n");
            s.c("g++ -g -c a.cc -o out/a.o").probe(Probe::Foreign("out/a.o"))
        },
        change: |s| s.elsewhere_at("another/and/deeper/checkout"),
    },
    Case {
        name: "hit-elsewhere-clang",
        about: "another checkout of a C source with debug information, by clang",
        source: "https://github.com/ccache/ccache/pull/1535",
        expect: Hits,
        set_up: |s| {
            s.write("a.c", "int f(int x) { return x; }\n").probe(Probe::Foreign("out/a.o"));
            s.c("clang-19 -g -c a.c -o out/a.o")
        },
        change: |s| s.elsewhere_at("another/and/deeper/checkout"),
    },
    Case {
        name: "hit-define-unused",
        about: "a -D has the checkout's path, no source uses it, and another checkout is built",
        source: "https://github.com/mozilla/sccache/issues/207",
        expect: Hits,
        set_up: |s| s.write("a.c", "int f(void) { return 1; }\n").gcc("'-DDATADIR=\"{w}/data\"'"),
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "hit-umask",
        about: "the umask changes; the modes of restored files must follow it",
        source: "https://ccache.dev/manual/latest.html#config_umask",
        expect: Hits,
        set_up: |s| s.write("l.rs", "pub fn f() {}\n").rust_lib("").umask("022").probe(Probe::By(mode)),
        change: |s| s.umask("077"),
    },
    Case {
        name: "hit-locale",
        about: "the locale changes, and nothing is printed",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html",
        expect: Hits,
        set_up: |s| {
            lib(s);
            s.env("LC_ALL", "C")
        },
        change: |s| s.env("LC_ALL", "C.UTF-8").env("LANG", "C.UTF-8"),
    },
    Case {
        name: "hit-locale-c",
        about: "the locale changes for a C compiler, and nothing is printed",
        source: "https://ccache.dev/manual/latest.html#config_sloppiness",
        expect: Hits,
        set_up: |s| {
            c_unit(s);
            s.env("LC_ALL", "C")
        },
        change: |s| s.env("LC_ALL", "C.UTF-8").env("LANG", "C.UTF-8"),
    },
    Case {
        name: "hit-touched",
        about: "all sources are touched and keep their content",
        source: "https://github.com/rust-lang/cargo/issues/14136",
        expect: Hits,
        set_up: |s| {
            lib(s);
            c_unit(s)
        },
        change: |s| s.plainly("touch l.rs a.c inc/h.h"),
    },
    Case {
        name: "hit-unrelated",
        about: "an unrelated variable is set, an unrelated file appears, and previous output exists",
        source: "https://github.com/mozilla/sccache/issues/289",
        expect: Hits,
        set_up: |s| {
            lib(s);
            c_unit(s)
        },
        change: |s| {
            s.env("UNRELATED", "1").write("inc/other.h", "").write("other.rs", "").write("README", "x")
        },
    },
    Case {
        name: "hit-path-longer",
        about: "PATH has one more directory, without a program that is used",
        source: "https://github.com/mozilla/sccache/issues/289",
        expect: Hits,
        set_up: |s| {
            lib(s);
            c_unit(s);
            s.script("bin/unrelated", "true")
        },
        change: |s| s.path_first("{w}/bin"),
    },
    Case {
        name: "hit-target-directory",
        about: "CARGO_TARGET_DIR names another directory",
        source: "https://doc.rust-lang.org/cargo/reference/environment-variables.html",
        expect: Hits,
        set_up: |s| {
            package(s);
            s.cargo("build --offline -q").env("CARGO_TARGET_DIR", "{w}/target/one")
        },
        change: |s| s.env("CARGO_TARGET_DIR", "{w}/target/two/deeper"),
    },
    Case {
        name: "hit-macro-git",
        about: "a proc macro pastes the commit that git names, while a variable changes that git passes on at most",
        source: "https://docs.rs/git-version/latest/git_version/",
        expect: Hits,
        set_up: |s| {
            s.plainly("git init -q")
                .plainly("git -c user.name=a -c user.email=a@b commit -q --allow-empty -m a");
            s.program_macro(r#"new("git").args(["rev-parse", "HEAD"])"#)
        },
        change: |s| s.env("OTHER", "2"),
    },
    Case {
        name: "hit-macro-same",
        about: "a proc macro reads a file and a variable that stay, while others change beside them",
        source: "https://github.com/rust-lang/rust/issues/99515",
        expect: Hits,
        set_up: |s| {
            s.write("data", "a")
                .env("KNOB", "1")
                .proc_macro(r#"std::fs::read_to_string("data").unwrap() + &std::env::var("KNOB").unwrap()"#)
        },
        change: |s| s.env("OTHER", "2").write("other", "").plainly("touch data"),
    },
];

fn lib(s: &mut TestProject) -> &mut TestProject {
    s.write("l.rs", "pub fn f() {}\n").rust_lib("")
}

fn c_project(s: &mut TestProject) -> &mut TestProject {
    s.write("inc/h.h", "#define H 1\n").write("a.c", "#include <h.h>\nint f(void) { return H; }\n")
}

fn c_unit(s: &mut TestProject) -> &mut TestProject {
    c_project(s);
    s.gcc("-Iinc")
}

fn package(s: &mut TestProject) -> &mut TestProject {
    s.write("Cargo.toml", &sources::package("p", "[workspace]\n"));
    s.write("src/lib.rs", "pub fn f() -> u8 { 1 }\n")
}

/// Paths of cargo and rustup, so that they do not depend on HOME.
fn homes(s: &mut TestProject) -> &mut TestProject {
    let home = s.base().get("HOME").unwrap_or_default().to_string_lossy().into_owned();
    for (name, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let given = s.base().get(name).map(|value| value.to_string_lossy().into_owned());
        s.env(name, &given.unwrap_or(format!("{home}/{default}")));
    }
    s
}

/// The library's mode after the umask.
fn mode(s: &TestProject) -> String {
    let words = ["-c", "%a", "out/libl.rlib"];
    let asked = std::process::Command::new("stat").args(words).current_dir(s.here()).output();
    asked.map_or_else(|e| e.to_string(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
