//! Files, directories and variables that a proc macro reads without declaring them.
//!
//! Stable Rust has no interface to declare them, so dep-info does not list them.

use super::case::{Case, Expect::Follows};

const TRACKED: &str = "https://github.com/rust-lang/rust/issues/99515";

pub const CASES: &[Case] = &[
    Case {
        name: "macro-env",
        about: "a proc macro reads a variable, whose value changes",
        source: "https://github.com/rust-lang/rust/issues/74690",
        expect: Follows,
        set_up: |s| s.proc_macro(r#"std::env::var("KNOB").unwrap()"#).env("KNOB", "1"),
        change: |s| s.env("KNOB", "2"),
    },
    Case {
        name: "macro-env-appears",
        about: "a proc macro asks for a variable that is not set, and then is",
        source: "https://github.com/knurling-rs/defmt/pull/938",
        expect: Follows,
        set_up: |s| s.proc_macro(r#"std::env::var("KNOB").unwrap_or("none".into())"#),
        change: |s| s.env("KNOB", "set"),
    },
    Case {
        name: "macro-env-all",
        about: "a proc macro lists the whole environment, and a variable that it has no name for changes",
        source: "https://github.com/kunobi-ninja/kache/issues/635",
        expect: Follows,
        set_up: |s| {
            s.proc_macro(
                r#"std::env::vars().filter(|(n, _)| n.starts_with("KNOB_")).map(|(n, v)| n + &v).collect()"#,
            )
            .env("KNOB_A", "1")
        },
        change: |s| s.env("KNOB_B", "2"),
    },
    Case {
        name: "macro-file",
        about: "a proc macro reads a file of its package, which is edited",
        source: TRACKED,
        expect: Follows,
        set_up: |s| s.write("data", "a").proc_macro(r#"std::fs::read_to_string("data").unwrap()"#),
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-file-outside",
        about: "a proc macro reads a file outside of the checkout, which is edited",
        source: "https://github.com/stellar/rs-soroban-sdk/issues/1873",
        expect: Follows,
        set_up: |s| {
            s.write("../shared/data", "a").proc_macro(r#"std::fs::read_to_string("../shared/data").unwrap()"#)
        },
        change: |s| s.write("../shared/data", "b"),
    },
    Case {
        name: "macro-file-unnoticed",
        about: "the file that a proc macro reads is rewritten with its size and modification time",
        source: "https://github.com/rust-lang/cargo/issues/14136",
        expect: Follows,
        set_up: |s| s.write("data", "a").proc_macro(r#"std::fs::read_to_string("data").unwrap()"#),
        change: |s| s.rewrite_unnoticed("data", "b"),
    },
    Case {
        name: "macro-file-size",
        about: "a proc macro asks how long a file is, and does not open it",
        source: TRACKED,
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").proc_macro(r#"std::fs::metadata("data").unwrap().len().to_string()"#)
        },
        change: |s| s.write("data", "bb"),
    },
    Case {
        name: "macro-directory",
        about: "a proc macro lists a directory, in which a file appears",
        source: "https://github.com/Michael-F-Bryan/include_dir/issues/31",
        expect: Follows,
        set_up: |s| {
            s.write("list/1", "").proc_macro(r#"std::fs::read_dir("list").unwrap().count().to_string()"#)
        },
        change: |s| s.write("list/2", ""),
    },
    Case {
        name: "macro-directory-kind",
        about: "a proc macro tells files from directories in a listing, and one becomes the other",
        source: "https://github.com/Michael-F-Bryan/include_dir/issues/120",
        expect: Follows,
        set_up: |s| {
            s.write("list/1", "").proc_macro(
                r#"std::fs::read_dir("list").unwrap().filter(|e| e.as_ref().unwrap().file_type().unwrap().is_dir()).count().to_string()"#,
            )
        },
        change: |s| s.remove("list/1").directory("list/1"),
    },
    Case {
        name: "macro-exists",
        about: "a proc macro asks whether a path exists, several missing directories deep, and then it does",
        source: TRACKED,
        expect: Follows,
        set_up: |s| s.proc_macro(r#"std::path::Path::new("deep/er/flag").exists().to_string()"#),
        change: |s| s.write("deep/er/flag", ""),
    },
    Case {
        name: "macro-link",
        about: "a proc macro asks where a symbolic link goes, and it is turned",
        source: TRACKED,
        expect: Follows,
        set_up: |s| {
            s.link("one", "way").proc_macro(r#"std::fs::read_link("way").unwrap().display().to_string()"#)
        },
        change: |s| s.link("two", "way"),
    },
    Case {
        name: "macro-link-within",
        about: "a proc macro resolves a path with a link in the middle, which is turned to a like directory",
        source: TRACKED,
        expect: Follows,
        set_up: |s| {
            s.write("one/file", "").write("two/file", "").link("one", "way").proc_macro(
                r#"let p = std::fs::canonicalize("way/file").unwrap();
                   p.parent().unwrap().file_name().unwrap().to_str().unwrap().to_string()"#,
            )
        },
        change: |s| s.link("two", "way"),
    },
    Case {
        name: "macro-migrations",
        about: "a proc macro embeds a directory of migrations found by CARGO_MANIFEST_DIR; one is edited",
        source: "https://github.com/transact-rs/sqlx/issues/681",
        expect: Follows,
        set_up: |s| {
            s.write("migrations/1.sql", "create a").write("migrations/2.sql", "create b");
            s.proc_macro(MIGRATIONS).env("CARGO_MANIFEST_DIR", "{w}")
        },
        change: |s| s.write("migrations/2.sql", "drop b"),
    },
    Case {
        name: "macro-migrations-new",
        about: "a proc macro embeds a directory of migrations, and one is added",
        source: "https://github.com/transact-rs/sqlx/issues/4267",
        expect: Follows,
        set_up: |s| {
            s.write("migrations/1.sql", "create a").proc_macro(MIGRATIONS).env("CARGO_MANIFEST_DIR", "{w}")
        },
        change: |s| s.write("migrations/2.sql", "create b"),
    },
    Case {
        name: "macro-include-bytes",
        about: "a proc macro emits include_str! of a file that nothing else names, and it is edited",
        source: "https://github.com/pyrossh/rust-embed/issues/182",
        expect: Follows,
        set_up: |s| {
            s.write("data", "SAID=<a>").write("m.rs", EMITS);
            s.plainly("rustc --crate-type=proc-macro --edition=2021 m.rs");
            s.uses_macro()
        },
        change: |s| s.write("data", "SAID=<b>"),
    },
    Case {
        name: "macro-manifest",
        about: "a proc macro looks for a crate's name in the manifest above, as proc-macro-crate does; it is edited",
        source: "https://docs.rs/proc-macro-crate/latest/proc_macro_crate/",
        expect: Follows,
        set_up: |s| {
            s.write("Cargo.toml", "[package]\nname = \"a\"\n").env("CARGO_MANIFEST_DIR", "{w}").proc_macro(
                r#"let d = std::env::var("CARGO_MANIFEST_DIR").unwrap();
                   std::fs::read_to_string(d + "/Cargo.toml").unwrap().lines().nth(1).unwrap().replace('"', "'")"#,
            )
        },
        change: |s| s.write("Cargo.toml", "[package]\nname = \"b\"\n"),
    },
];

/// A small version of what sqlx does on stable Rust.
const MIGRATIONS: &str = r#"let dir = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/migrations";
    let mut all: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect::<Vec<_>>().join(", ")"#;

const EMITS: &str = r#"extern crate proc_macro;
#[proc_macro]
pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    "include_str!(\"data\")".parse().unwrap()
}
"#;
