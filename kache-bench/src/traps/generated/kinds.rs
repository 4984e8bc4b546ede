//! A case for each kind of dependency: one of the suite, or one that is made here for what the suite has no case of.

use super::super::case::{Case, Expect::Follows};
use super::super::themes::THEMES;
use kache_core::dependency::Kind;

/// Of which kind the dependency is by which a case notices the change. A test requires a case for each kind.
const KINDS: &[(Kind, &str)] = &[
    (Kind::File, "macro-file"),
    (Kind::Path, "macro-exists"),
    (Kind::Missing, "header-shadowed"),
    (Kind::Listing, "macro-directory"),
    (Kind::Tree, "kind-tree"),
    (Kind::Link, "macro-link"),
    (Kind::LeadsTo, "include-link"),
    (Kind::Twins, "once-by-contents"),
    (Kind::Status, "macro-modified"),
    (Kind::Permission, "kind-permission"),
    (Kind::Env, "macro-env"),
    (Kind::EnvPath, "generated-elsewhere"),
    (Kind::EnvAll, "macro-env-all"),
    (Kind::EnvAllPath, "kind-env-all-path"),
    (Kind::Program, "program-shadowed"),
    (Kind::Library, "macro-library"),
    (Kind::Cwd, "macro-working-directory"),
    (Kind::Place, "macro-pastes-path"),
    (Kind::Host, "host-umask"),
    (Kind::Computed, "linker-replaced"),
];

/// Kinds that no case of the suite shows.
const MADE: &[Case] = &[
    Case {
        name: "kind-tree",
        about: "without the observer, a file of the package that only a macro reads is edited",
        source: "https://doc.rust-lang.org/reference/procedural-macros.html",
        expect: Follows,
        set_up: |s| {
            s.env("KACHE_OBSERVE", "off").env("CARGO_MANIFEST_DIR", "{w}/package");
            s.write("package/Cargo.toml", "[package]\n").write("package/data", "a");
            s.proc_macro(r#"std::fs::read_to_string("package/data").unwrap()"#)
        },
        change: |s| s.write("package/data", "b"),
    },
    Case {
        name: "kind-permission",
        about: "a program that a macro starts asks whether a file may be executed, and it then may",
        source: "https://pubs.opengroup.org/onlinepubs/9799919799/utilities/test.html",
        expect: Follows,
        set_up: |s| {
            s.write("data", "a")
                .program_macro(r#"new("sh").args(["-c", "test -x data && echo may || echo may not"])"#)
        },
        change: |s| s.plainly("chmod +x data"),
    },
    Case {
        name: "kind-env-all-path",
        about: "a script in the linker's place that is declared to use paths only to find files hands a variable on",
        source: "https://doc.rust-lang.org/rustc/codegen-options/index.html#linker",
        expect: Follows,
        set_up: |s| {
            s.script("locating", "exec cc -no-pie \"-Wl,--defsym=VALUE=$CHOSEN\" \"$@\"");
            s.write("user.rs", PRINTS).env("KACHE_PATH_ONLY_MACROS", "locating").env("CHOSEN", "0x1000");
            s.rust_bin("-Crelocation-model=static -C linker={w}/locating").prints("out/user")
        },
        change: |s| s.env("CHOSEN", "0x2000"),
    },
];

const PRINTS: &str = "unsafe extern \"C\" { static VALUE: u8; }\n\
    fn main() { println!(\"{:x}\", unsafe { std::ptr::addr_of!(VALUE) } as usize); }\n";

/// A case of the suite or of the above, by its name.
fn case(name: &str) -> Option<&'static Case> {
    let suite = THEMES.iter().flat_map(|theme| theme.cases);
    suite.chain(MADE).find(|case| case.name == name)
}

pub fn cases() -> impl Iterator<Item = &'static Case> {
    KINDS.iter().filter_map(|(_, name)| case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_case() {
        for kind in Kind::ALL {
            let name = KINDS.iter().find(|(of, _)| of == kind).map(|(_, name)| *name);
            assert!(name.is_some_and(|name| case(name).is_some()), "{kind:?}: {name:?}");
        }
        assert_eq!(cases().count(), Kind::ALL.len());
        assert!(MADE.iter().all(|made| KINDS.iter().any(|(_, name)| *name == made.name)));
    }
}
