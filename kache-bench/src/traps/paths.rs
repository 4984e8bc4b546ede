//! Which Rust sources are read, and how their paths affect the output.

use super::case::{Case, Expect::Follows, Expect::Right};
use super::project::Probe;
use super::sources::package;
use std::time::Duration;

const DEP_INFO: &str = "https://doc.rust-lang.org/rustc/command-line-arguments.html#--emit-specifies-the-types-of-output-files-to-generate";

pub const CASES: &[Case] = &[
    Case {
        name: "source-unnoticed",
        about: "a source is rewritten with its size and modification time",
        source: "https://github.com/mozilla/sccache/issues/2169",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "mod m;\npub use m::SAID;\n").write("m.rs", &said("1"));
            s.rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.rewrite_unnoticed("m.rs", &said("2")),
    },
    Case {
        name: "macro-answer-meanwhile",
        about: "a proc macro asks whether a file is there, and another process then removes the file",
        source: "https://doc.rust-lang.org/std/fs/fn.exists.html",
        expect: Right,
        set_up: |s| {
            s.write("flag", "").proc_macro(
                r#"let there = std::path::Path::new("flag").exists();
                   std::thread::sleep(std::time::Duration::from_millis(600));
                   there.to_string()"#,
            );
            s.meanwhile(|here| {
                std::thread::sleep(Duration::from_millis(350));
                // If the removal fails, the verdict shows that nothing changed.
                drop(std::fs::remove_file(here.join("flag")));
            })
        },
        change: |s| s,
    },
    Case {
        name: "source-changed-meanwhile",
        about: "a module is edited while the compiler runs; the next build must use the new content",
        source: "https://github.com/ccache/ccache/issues/1378",
        expect: Right,
        set_up: |s| {
            let busy: String = (0..4000).map(|n| format!("pub fn f{n}() -> u32 {{ {n} }}\n")).collect();
            s.write("l.rs", "mod m;\npub use m::SAID;\npub mod busy;\n").write("busy.rs", &busy);
            s.write("m.rs", &said("1")).rust_lib("").says("out/libl.rlib").meanwhile(|here| {
                std::thread::sleep(Duration::from_millis(150));
                // If the edit fails, the verdict shows that nothing changed.
                drop(std::fs::write(here.join("m.rs"), said("2")));
            })
        },
        change: |s| s,
    },
    Case {
        name: "module-moved",
        about: "foo/mod.rs with other contents replaces foo.rs",
        source: "https://doc.rust-lang.org/reference/items/modules.html#module-source-filenames",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "mod foo;\npub use foo::SAID;\n").write("foo.rs", &said("file"));
            s.rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.remove("foo.rs").write("foo/mod.rs", &said("directory")),
    },
    Case {
        name: "module-ambiguous",
        about: "foo/mod.rs appears beside foo.rs, which is an error",
        source: "https://doc.rust-lang.org/error_codes/E0761.html",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "mod foo;\npub use foo::SAID;\n").write("foo.rs", &said("file"));
            s.rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.write("foo/mod.rs", &said("directory")),
    },
    Case {
        name: "module-link",
        about: "a module is read through a link to a directory, which is turned",
        source: "https://doc.rust-lang.org/reference/items/modules.html#the-path-attribute",
        expect: Follows,
        set_up: |s| {
            s.write("one/m.rs", &said("one")).write("two/m.rs", &said("two")).link("one", "now");
            s.write("l.rs", "#[path = \"now/m.rs\"]\nmod m;\npub use m::SAID;\n");
            s.rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.link("two", "now"),
    },
    Case {
        name: "include-bytes",
        about: "the file in an include_bytes! is rewritten with its size and modification time",
        source: "https://doc.rust-lang.org/std/macro.include_bytes.html",
        expect: Follows,
        set_up: |s| {
            s.write("data", "SAID=<1>").write("l.rs", "pub static SAID: &[u8] = include_bytes!(\"data\");\n");
            s.rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.rewrite_unnoticed("data", "SAID=<2>"),
    },
    Case {
        name: "generated-moved",
        about: "generated code comes from another directory with other content",
        source: "https://doc.rust-lang.org/cargo/reference/build-script-examples.html#code-generation",
        expect: Follows,
        set_up: |s| {
            s.write("gen/one/g.rs", &said("one")).write("gen/two/g.rs", &said("two"));
            s.write("l.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\n")
                .env("OUT_DIR", "{w}/gen/one");
            s.rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.env("OUT_DIR", "{w}/gen/two"),
    },
    Case {
        name: "generated-elsewhere",
        about: "generated code is edited in another checkout, whose OUT_DIR is its own",
        source: "https://doc.rust-lang.org/cargo/reference/build-script-examples.html#code-generation",
        expect: Follows,
        set_up: |s| {
            s.write("gen/g.rs", &said("one"));
            s.write("l.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\n").env("OUT_DIR", "{w}/gen");
            s.rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.elsewhere_at("another/checkout").write("gen/g.rs", &said("two")),
    },
    Case {
        name: "out-dir-length",
        about: "env!(\"OUT_DIR\").len() in another checkout, where only the length of the path is in the program",
        source: "https://github.com/mozilla/sccache/issues/2870",
        expect: Follows,
        set_up: |s| {
            s.write("gen/g.rs", "").env("OUT_DIR", "{w}/gen").write(
                "user.rs",
                "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\n\
                 const N: usize = env!(\"OUT_DIR\").len();\nfn main() { println!(\"{N}\"); }\n",
            );
            s.rust_bin("").prints("out/user")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "manifest-dir",
        about: "env!(\"CARGO_MANIFEST_DIR\") is in the program, and another checkout is built",
        source: "https://github.com/mozilla/sccache/issues/89",
        expect: Follows,
        set_up: |s| {
            s.write(
                "l.rs",
                "pub static SAID: &str = concat!(\"SAID=<\", env!(\"CARGO_MANIFEST_DIR\"), \">\");\n",
            );
            s.env("CARGO_MANIFEST_DIR", "{w}").rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "env-changed",
        about: "the variable in an env! changes its value",
        source: "https://github.com/mozilla/sccache/issues/972",
        expect: Follows,
        set_up: |s| {
            s.write("l.rs", "pub static SAID: &str = concat!(\"SAID=<\", env!(\"REVISION\"), \">\");\n");
            s.env("REVISION", "1").rust_lib("").says("out/libl.rlib")
        },
        change: |s| s.env("REVISION", "2"),
    },
    Case {
        name: "env-appears",
        about: "the variable in an option_env! that was not set is set",
        source: "https://doc.rust-lang.org/std/macro.option_env.html",
        expect: Follows,
        set_up: |s| s.write("l.rs", OPTION).rust_lib("").says("out/libl.rlib"),
        change: |s| s.env("REVISION", "2"),
    },
    Case {
        name: "env-emptied",
        about: "the variable in an option_env! that was set to nothing is taken away",
        source: "https://doc.rust-lang.org/std/macro.option_env.html",
        expect: Follows,
        set_up: |s| s.write("l.rs", OPTION).env("REVISION", "").rust_lib("").says("out/libl.rlib"),
        change: |s| s.without("REVISION"),
    },
    Case {
        name: "dep-info-elsewhere",
        about: "dep-info in another checkout must name that checkout's files, blanks and all",
        source: DEP_INFO,
        expect: Right,
        set_up: |s| {
            s.write("with blank/a.txt", "a")
                .write("l.rs", "pub const A: &str = include_str!(\"with blank/a.txt\");\n");
            s.rust(
                "rustc --crate-name l --edition=2021 {w}/l.rs --crate-type lib \
                 --emit=dep-info,metadata,link --out-dir {w}/out",
            );
            s.probe(Probe::Rules("out/l.d"))
        },
        change: |s| s.elsewhere_at("another check\u{f6}ut/with blanks"),
    },
    Case {
        name: "panic-elsewhere",
        about: "a panic's place in another checkout must not name the first",
        source: "https://github.com/mozilla/sccache/pull/345",
        expect: Right,
        set_up: |s| {
            s.write("l.rs", "pub fn f(x: Option<u8>) -> u8 { x.unwrap() }\n");
            s.rust(
                "rustc --crate-name l --edition=2021 {w}/l.rs --crate-type lib -g \
                 --emit=dep-info,metadata,link --out-dir {w}/out",
            );
            s.probe(Probe::Foreign("out/libl.rlib"))
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "features-unified",
        about: "a dependency is built for one package, then for another that wants a feature more of it",
        source: "https://github.com/rust-lang/cargo/issues/4463",
        expect: Follows,
        set_up: |s| {
            s.write("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"d\", \"one\", \"two\"]\n");
            s.write("d/Cargo.toml", &package("d", "[features]\nmore = []\n"));
            s.write("d/src/lib.rs", "pub fn f() -> bool { cfg!(feature = \"more\") }\n");
            for (name, feature) in [("one", "[]"), ("two", "[\"more\"]")] {
                let dependency = format!("[dependencies]\nd = {{ path = \"../d\", features = {feature} }}\n");
                s.write(&format!("{name}/Cargo.toml"), &package(name, &dependency));
                s.write(&format!("{name}/src/main.rs"), "fn main() { println!(\"{}\", d::f()); }\n");
            }
            s.cargo("build --offline -q -p one").prints("target/debug/one")
        },
        change: |s| s.instead().cargo("build --offline -q --workspace"),
    },
];

const OPTION: &str = "pub static SAID: &str = match option_env!(\"REVISION\") {\n    \
    None => \"SAID=<none>\", Some(v) if v.is_empty() => \"SAID=<empty>\", Some(_) => \"SAID=<some>\" };\n";

fn said(word: &str) -> String {
    format!("pub static SAID: &str = \"SAID=<{word}>\";\n")
}
