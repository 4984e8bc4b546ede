//! rustc's flags, variables that act as flags, modes, and message formats.

use super::case::{Case, Expect::Follows, Expect::Hits, Expect::Uncacheable};
use super::project::Probe;
use super::sources::{CFG, package};

pub const CASES: &[Case] = &[
    Case {
        name: "cfg",
        about: "one --cfg replaces another",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html#--cfg-configure-the-compilation-environment",
        expect: Follows,
        set_up: |s| s.write("l.rs", CFG).rust_lib("--cfg a").says("out/libl.rlib"),
        change: |s| s.instead().rust_lib("--cfg b"),
    },
    Case {
        name: "encoded-rustflags",
        about: "CARGO_ENCODED_RUSTFLAGS has one flag with a space in it, then two flags",
        source: "https://github.com/rust-lang/cargo/issues/3686",
        expect: Follows,
        set_up: |s| {
            let text = "fn main() { println!(\"{} {}\", cfg!(x = \"a b\"), cfg!(y)); }\n";
            s.write("Cargo.toml", &package("p", "[workspace]\n")).write("src/main.rs", text);
            s.env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}x=\"a b\"");
            s.cargo("build --offline -q").prints("target/debug/p")
        },
        change: |s| s.env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}x=\"a\"\u{1f}--cfg\u{1f}y"),
    },
    Case {
        name: "argument-file",
        about: "the @file of rustc's arguments is edited, its size and modification time kept",
        source: "https://github.com/kunobi-ninja/kache/issues/274",
        expect: Follows,
        set_up: |s| s.write("args", "--cfg\na\n").write("l.rs", CFG).rust_lib("@args").says("out/libl.rlib"),
        change: |s| s.rewrite_unnoticed("args", "--cfg\nb\n"),
    },
    Case {
        name: "bootstrap",
        about: "RUSTC_BOOTSTRAP enables unstable features, then is unset",
        source: "https://github.com/dtolnay/thiserror/pull/279",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "#![feature(never_type)]\npub static SAID: &str = \"SAID=<unstable>\";\n");
            s.env("RUSTC_BOOTSTRAP", "1").rust_lib("").says("out/libl.rlib");
            s.env("RUSTUP_TOOLCHAIN", "stable")
        },
        change: |s| s.without("RUSTC_BOOTSTRAP"),
    },
    Case {
        name: "check-then-build",
        about: "cargo check is followed by cargo build, which also needs code",
        source: "https://doc.rust-lang.org/cargo/commands/cargo-check.html",
        expect: Follows,
        set_up: |s| {
            s.write("Cargo.toml", &package("p", "[workspace]\n"))
                .write("src/main.rs", "fn main() { println!(\"{}\", p::f()); }\n");
            s.write("src/lib.rs", "pub fn f() -> u8 { 1 }\n");
            s.cargo("check --offline -q").probe(Probe::By(|s| {
                let ran = std::process::Command::new(s.path("target/debug/p")).output();
                ran.map_or("no program".into(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
            }))
        },
        change: |s| s.instead().cargo("build --offline -q"),
    },
    Case {
        name: "metadata-then-code",
        about: "only metadata is requested, then metadata and code: the library must be there",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html#--emit-specifies-the-types-of-output-files-to-generate",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "pub static SAID: &str = \"SAID=<code>\";\n").says("out/libl.rlib");
            s.rust(
                "rustc --crate-name l --edition=2021 l.rs --crate-type lib --emit=dep-info,metadata -C \
                 metadata=1f --out-dir out -Cembed-bitcode=no",
            )
        },
        change: |s| s.instead().rust_lib(""),
    },
    Case {
        name: "cap-lints",
        about: "--cap-lints warn replaces allow: the warnings must show",
        source: "https://doc.rust-lang.org/rustc/lints/levels.html#capping-lints",
        expect: Follows,
        set_up: |s| s.write("l.rs", WARNS).rust_lib("--cap-lints allow").probe(Probe::Messages),
        change: |s| s.instead().rust_lib("--cap-lints warn"),
    },
    Case {
        name: "warnings",
        about: "nothing changes: the warnings of the first build must show again",
        source: "https://github.com/kunobi-ninja/kache/issues/336",
        expect: Hits,
        set_up: |s| s.write("l.rs", WARNS).rust_lib("").probe(Probe::Messages),
        change: |s| s,
    },
    Case {
        name: "warnings-denied",
        about: "a lint that warned is denied: the build must fail",
        source: "https://github.com/mozilla/sccache/issues/2619",
        expect: Follows,
        set_up: |s| s.write("l.rs", WARNS).rust_lib("-W unused"),
        change: |s| s.instead().rust_lib("-D unused"),
    },
    Case {
        name: "check-cfg",
        about: "--check-cfg now declares the name that the compiler warned about",
        source: "https://github.com/mozilla/sccache/issues/2619",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "#[cfg(feature = \"x\")]\npub fn f() {}\n").probe(Probe::Messages);
            s.rust_lib("--check-cfg 'cfg(feature, values(\"y\"))'")
        },
        change: |s| s.instead().rust_lib("--check-cfg 'cfg(feature, values(\"x\"))'"),
    },
    Case {
        name: "colour",
        about: "--color=always replaces never: the warnings must be in colour",
        source: "https://github.com/mozilla/sccache/issues/99",
        expect: Follows,
        set_up: |s| s.write("l.rs", WARNS).rust_lib("--color=never").probe(Probe::Messages),
        change: |s| s.instead().rust_lib("--color=always"),
    },
    Case {
        name: "json",
        about: "diagnostics are asked for as JSON with rendered colours, after plain text",
        source: "https://github.com/mozilla/sccache/issues/488",
        expect: Follows,
        set_up: |s| s.write("l.rs", WARNS).rust_lib("").probe(Probe::Messages),
        change: |s| s.instead().rust_lib("--error-format=json --json=diagnostic-rendered-ansi,artifacts"),
    },
    Case {
        name: "width",
        about: "--diagnostic-width gets narrower: a warning must be cut as asked",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html#--diagnostic-width-specify-the-terminal-width-for-diagnostics",
        expect: Follows,
        set_up: |s| {
            let long = format!("pub fn f() {{ let unused = \"{}\"; }}\n", "long ".repeat(40));
            s.write("l.rs", &long).rust_lib("--diagnostic-width=140").probe(Probe::Messages)
        },
        change: |s| s.instead().rust_lib("--diagnostic-width=60"),
    },
    Case {
        name: "incremental",
        about: "incremental state exists from the previous build, and a source is edited",
        source: "https://doc.rust-lang.org/rustc/codegen-options/index.html#incremental",
        expect: Uncacheable,
        set_up: |s| {
            s.write("l.rs", "pub static SAID: &str = \"SAID=<1>\";\npub fn f() -> u8 { 1 }\n");
            s.rust_lib("-C incremental=state").says("out/libl.rlib").keeps("state")
        },
        change: |s| s.write("l.rs", "pub static SAID: &str = \"SAID=<2>\";\npub fn f() -> u8 { 2 }\n"),
    },
    Case {
        name: "clippy-configuration",
        about: "clippy.toml appears and lowers a threshold: clippy must warn",
        source: "https://github.com/rust-lang/rust-clippy/issues/9928",
        expect: Follows,
        set_up: |s| {
            s.need("clippy-driver").write("l.rs", "pub fn f(a: u8, b: u8, c: u8) -> u8 { a + b + c }\n");
            s.env("CARGO_MANIFEST_DIR", "{w}").probe(Probe::Messages);
            s.env("CLIPPY_ARGS", "-Wclippy::too_many_arguments__CLIPPY_HACKERY__").rust(
                "clippy-driver rustc --crate-name l --edition=2021 l.rs --crate-type lib \
                     --emit=dep-info,metadata -C metadata=1f --out-dir out",
            )
        },
        change: |s| s.write("clippy.toml", "too-many-arguments-threshold = 2\n"),
    },
    Case {
        name: "extern-renamed",
        about: "the names of two externs are exchanged",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html#--extern-specify-where-an-external-library-is-located",
        expect: Follows,
        set_up: |s| {
            for (name, n) in [("one", "1"), ("two", "2")] {
                s.write(&format!("{name}.rs"), &format!("pub const N: &str = \"{n}\";\n"));
                s.plainly(&format!("rustc --crate-type=lib --edition=2021 {name}.rs"));
            }
            s.write("user.rs", "fn main() { println!(\"{} {}\", a::N, b::N); }\n").prints("out/user");
            s.rust_bin("--extern a=libone.rlib --extern b=libtwo.rlib")
        },
        change: |s| s.instead().rust_bin("--extern b=libone.rlib --extern a=libtwo.rlib"),
    },
    Case {
        name: "crate-by-search",
        about: "a crate that is found by -L appears in an earlier search directory",
        source: "https://doc.rust-lang.org/rustc/command-line-arguments.html#-l-add-a-directory-to-the-library-search-path",
        expect: Follows,
        set_up: |s| {
            s.write("d.rs", "pub const D: &str = \"late\";\n").directory("early").directory("late");
            s.plainly("rustc --crate-type=lib --edition=2021 d.rs --out-dir late");
            s.write("user.rs", "extern crate d;\nfn main() { println!(\"{}\", d::D); }\n").prints("out/user");
            s.rust_bin("-L early -L late")
        },
        change: |s| {
            s.write("d.rs", "pub const D: &str = \"early\";\n").remove("late/libd.rlib");
            s.plainly("rustc --crate-type=lib --edition=2021 d.rs --out-dir early")
        },
    },
    Case {
        name: "remap",
        about: "the user's --remap-path-prefix changes",
        source: "https://doc.rust-lang.org/rustc/remap-source-paths.html",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "pub static SAID: &str = concat!(\"SAID=<\", file!(), \">\");\n")
                .says("out/libl.rlib");
            s.rust_lib_absolute("--remap-path-prefix={w}=/one")
        },
        change: |s| s.instead().rust_lib_absolute("--remap-path-prefix={w}=/two"),
    },
];

const WARNS: &str = "pub fn f() { let unused = 1; }\n";
