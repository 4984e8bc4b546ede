//! `cargo doc`: what is in the documentation directory is what plain rustdoc would have left there.

use crate::env::{TestEnv, assert_success};
use kache_core::events::Outcome::{self, Hit, Miss};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The crate `b` implements a trait of `a` and shows a type of `a` as its own; `c` stands alone.
fn workspace(test: &TestEnv, checkout: &str) {
    let write = |name: &str, text: &str| test.write(&format!("{checkout}/{name}"), text);
    fs::create_dir_all(test.path(checkout).join(".git")).unwrap();
    write("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\", \"c\"]\nresolver = \"2\"\n");
    for (name, dependencies) in [("a", ""), ("b", "a = { path = \"../a\" }\n"), ("c", "")] {
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        write(&format!("{name}/Cargo.toml"), &format!("{package}[dependencies]\n{dependencies}"));
    }
    write("a/src/lib.rs", A);
    write(
        "b/src/lib.rs",
        "//! B.\npub use a::Alpha;\npub struct Beta;\nimpl a::Walk for Beta { fn walk(&self) -> u32 { 2 } }\n\
         impl From<Beta> for Alpha<Beta> { fn from(b: Beta) -> Self { Alpha(b) } }\npub fn common() {}\n",
    );
    write(
        "c/src/lib.rs",
        "//! C.\npub struct Gamma;\npub fn common() {}\n\
         impl Iterator for Gamma { type Item = u32; fn next(&mut self) -> Option<u32> { None } }\n",
    );
}

const A: &str = "//! A.\n/// Of `T`.\npub struct Alpha<T>(pub T);\npub trait Walk { fn walk(&self) -> u32; }\n\
     impl<T> Walk for Alpha<T> { fn walk(&self) -> u32 { 1 } }\npub type Bytes = Alpha<u8>;\npub fn common() {}\n";

/// `cargo doc` with kache in place of rustdoc.
pub(crate) fn doc(test: &TestEnv, checkout: &str, args: &[&str]) -> Command {
    let link = test.path("link/rustdoc");
    if !link.exists() {
        test.write("link/.kache-shims", "");
        symlink(crate::kache(), &link).unwrap();
    }
    let mut command = plain(test, checkout, args);
    command.env("RUSTDOC", link).env_remove("CARGO_TARGET_DIR");
    command
}

/// The same without kache, into another target directory.
pub(crate) fn plain(test: &TestEnv, checkout: &str, args: &[&str]) -> Command {
    let mut command = test.cargo(checkout, &[&["doc"], args].concat());
    command.env("CARGO_BUILD_JOBS", "1");
    command
        .env("CARGO_TARGET_DIR", test.path(checkout).join("plain"))
        .env_remove("RUSTDOC")
        .env_remove("RUSTDOCFLAGS");
    command
}

fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                all.insert(path.strip_prefix(dir).unwrap().display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    all
}

/// Asserts that the two documentation directories of a checkout hold the same files.
#[track_caller]
pub(crate) fn assert_equal(test: &TestEnv, checkout: &str) {
    let (ours, plain) = ["target/doc", "plain/doc"].map(|dir| tree(&test.path(checkout).join(dir))).into();
    let names = |one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>| {
        one.iter()
            .filter(|(name, file)| other.get(*name) != Some(file))
            .map(|(name, _)| name.clone())
            .collect()
    };
    let (more, less): (Vec<_>, Vec<_>) = (names(&ours, &plain), names(&plain, &ours));
    assert!(more.is_empty() && less.is_empty(), "{checkout}: ours {more:?}, rustdoc's {less:?}");
    assert!(ours.len() > 50, "{}", ours.len());
}

/// How the documentation of each crate ended since the event before.
fn outcomes(test: &TestEnv, since: usize) -> Vec<(String, Outcome, Option<String>)> {
    let events = test.events().into_iter().skip(since).filter(|event| event.unit.family == "rustdoc");
    let why = |event: &kache_core::events::Event| event.reason_word().map(str::to_string);
    let mut all: Vec<_> = events.map(|event| (event.unit.name.clone(), event.outcome, why(&event))).collect();
    all.sort();
    all
}

fn all_of(outcome: Outcome, names: &[&str]) -> Vec<(String, Outcome, Option<String>)> {
    names.iter().map(|name| (name.to_string(), outcome, None)).collect()
}

#[test]
fn the_third_clone_restores_the_documentation_that_rustdoc_would_write() {
    let test = TestEnv::new();
    for (checkout, expected) in [("first", Miss), ("the-second", Miss), ("one-more-clone", Hit)] {
        workspace(&test, checkout);
        let since = test.events().len();
        assert_success(&mut doc(&test, checkout, &[]));
        assert_eq!(outcomes(&test, since), all_of(expected, &["a", "b", "c"]), "{checkout}");
        assert_success(&mut plain(&test, checkout, &[]));
        assert_equal(&test, checkout);
    }
    // What rustdoc keeps of the earlier version in shared files, it alone knows.
    let checkout = "one-more-clone";
    test.write("one-more-clone/a/src/lib.rs", &format!("{A}pub struct Newer;\n"));
    let since = test.events().len();
    assert_success(&mut doc(&test, checkout, &[]));
    let again = outcomes(&test, since);
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(again.iter().all(|(_, _, why)| why.as_deref() == Some("documented-before")), "{again:?}");
    assert_success(&mut plain(&test, checkout, &[]));
    assert_equal(&test, checkout);
    // From an empty directory the edited crate is a miss, and the one that it did not change a hit.
    for dir in ["target", "plain"] {
        fs::remove_dir_all(test.path(checkout).join(dir).join("doc")).unwrap();
    }
    let since = test.events().len();
    assert_success(&mut doc(&test, checkout, &[]));
    let outcomes: Vec<_> =
        outcomes(&test, since).into_iter().map(|(name, outcome, _)| (name, outcome)).collect();
    assert_eq!(
        outcomes,
        [("a", Miss), ("b", Miss), ("c", Hit)].map(|(name, outcome)| (name.to_string(), outcome))
    );
    assert_success(&mut plain(&test, checkout, &[]));
    assert_equal(&test, checkout);
}

#[test]
fn the_order_of_crates_and_the_pages_that_are_there_count() {
    let test = TestEnv::new();
    workspace(&test, "w");
    let run = |args: &[&str]| {
        let since = test.events().len();
        assert_success(&mut doc(&test, "w", args));
        assert_success(&mut plain(&test, "w", args));
        outcomes(&test, since)
    };
    let clean =
        || ["target", "plain"].map(|dir| fs::remove_dir_all(test.path("w").join(dir).join("doc")).unwrap());
    let b = ["-p", "b", "--no-deps"];
    assert_eq!(run(&b), all_of(Miss, &["b"]));
    assert_equal(&test, "w");
    clean();
    assert_eq!(run(&b), all_of(Hit, &["b"]));
    let since = test.events().len();
    // A crate that comes before one that it depends on. rustdoc loses an entry of the search index in this order.
    assert_success(&mut doc(&test, "w", &["-p", "a", "--no-deps"]));
    assert_eq!(outcomes(&test, since), all_of(Miss, &["a"]));
    fs::remove_dir_all(test.path("w/plain/doc")).unwrap();
    assert_success(&mut plain(&test, "w", &["-p", "a", "--no-deps"]));
    assert_success(&mut plain(&test, "w", &b));
    let [ours, plain] =
        ["target", "plain"].map(|dir| tree(&test.path("w").join(dir).join("doc/search.index")));
    assert!(ours == plain && ours.len() > 6, "{:?}", ours.keys());
    clean();
    // Now the pages of `b` lead to those of `a`.
    assert_eq!(run(&["-p", "b"]).last(), all_of(Miss, &["b"]).last());
    assert_eq!(run(&["-p", "c"]), all_of(Miss, &["c"]));
    assert_equal(&test, "w");
}

#[test]
fn where_rustdoc_has_written_without_kache_it_goes_on_alone() {
    let test = TestEnv::new();
    workspace(&test, "w");
    let mut alone = plain(&test, "w", &["-p", "a"]);
    assert_success(alone.env("CARGO_TARGET_DIR", test.path("w/target")));
    assert_success(&mut plain(&test, "w", &["-p", "a"]));
    assert_success(&mut doc(&test, "w", &[]));
    let why: Vec<_> =
        outcomes(&test, 0).into_iter().map(|(name, _, why)| (name, why.unwrap_or_default())).collect();
    assert_eq!(why, ["b", "c"].map(|name| (name.to_string(), "documented-before".to_string())));
    assert_success(&mut plain(&test, "w", &[]));
    assert_equal(&test, "w");
}

#[test]
fn crates_that_are_documented_at_once_are_all_added() {
    let test = TestEnv::new();
    fs::create_dir_all(test.path("w/.git")).unwrap();
    let names: Vec<String> = (0..8).map(|n| format!("crate{n}")).collect();
    test.write("w/Cargo.toml", &format!("[workspace]\nmembers = {names:?}\nresolver = \"2\"\n"));
    for name in &names {
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        test.write(&format!("w/{name}/Cargo.toml"), &package);
        test.write(&format!("w/{name}/src/lib.rs"), &format!("//! Of {name}.\npub struct Of{name};\n"));
    }
    assert_success(&mut plain(&test, "w", &[]));
    let last = ["help.html", "settings.html"];
    let mut expected = tree(&test.path("w/plain/doc"));
    for outcome in [Miss, Hit] {
        let since = test.events().len();
        let mut command = doc(&test, "w", &[]);
        assert_success(command.arg("-j8"));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(outcomes(&test, since), all_of(outcome, &names));
        let mut all = tree(&test.path("w/target/doc"));
        // They name the crate that was the last.
        last.iter().for_each(|name| drop((all.remove(*name), expected.remove(*name))));
        assert!(all == expected, "{:?}", all.keys().filter(|name| all.get(*name) != expected.get(*name)));
        assert_eq!(fs::read_dir(test.path("w/target/.kache-doc/waiting")).unwrap().count(), 0);
        fs::remove_dir_all(test.path("w/target/doc")).unwrap();
    }
}
