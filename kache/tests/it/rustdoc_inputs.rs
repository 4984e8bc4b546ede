//! Whatever the pages of a crate depend on makes a miss when it changes, and nothing else does.

use crate::env::{DOC, TestEnv, assert_success};
use kache_core::events::Outcome::{Hit, Miss};
use std::fs;
use std::process::Command;

/// rustdoc with more arguments, into an empty directory.
fn doc(test: &TestEnv, more: &[&str]) -> Command {
    let _ = fs::remove_dir_all(test.path("w/target/doc"));
    test.write("w/target/CACHEDIR.TAG", "");
    test.kache(&[DOC, more].concat())
}

/// The page of the crate.
fn page(test: &TestEnv) -> String {
    fs::read_to_string(test.path("w/target/doc/l/index.html")).unwrap()
}

/// Documents before and after a change. Both times the page has a text of its own, and what is unchanged is a hit.
#[track_caller]
fn counts(test: &TestEnv, run: impl Fn() -> Command, change: impl FnOnce(), words: [&str; 2]) {
    assert_eq!(test.outcome(&mut run()), Miss);
    assert!(page(test).contains(words[0]), "{words:?}");
    assert_eq!(test.outcome(&mut run()), Hit);
    assert!(page(test).contains(words[0]) && !page(test).contains(words[1]), "{words:?}");
    change();
    assert_eq!(test.outcome(&mut run()), Miss);
    assert!(page(test).contains(words[1]), "{words:?}");
}

#[test]
fn files_that_a_page_is_made_of_count() {
    let test = TestEnv::new();
    test.write("w/l.rs", "#![doc = include_str!(\"intro.md\")]\n");
    test.write("w/intro.md", "Introduced once.");
    let change = || drop(test.write("w/intro.md", "Introduced twice."));
    counts(&test, || doc(&test, &[]), change, ["Introduced once", "Introduced twice"]);
    test.write("w/head.html", "<meta name=\"before\">");
    let change = || drop(test.write("w/head.html", "<meta name=\"after\">"));
    let run = || doc(&test, &["--html-in-header", "head.html"]);
    counts(&test, run, change, ["name=\"before\"", "name=\"after\""]);
}

#[test]
fn themes_and_style_sheets_count() {
    let test = TestEnv::new();
    test.write("w/l.rs", "//! L.\n");
    let style = |name: &str| fs::read_to_string(test.path("w/target/doc").join(name)).unwrap();
    let run = || {
        let mut command = doc(&test, &["-Zunstable-options", "--extend-css", "more.css"]);
        command.env("RUSTC_BOOTSTRAP", "1");
        test.outcome(&mut command)
    };
    test.write("w/more.css", "p { color: red; }");
    assert_eq!((run(), run()), (Miss, Hit));
    assert!(style("theme.css").contains("red"));
    test.write("w/more.css", "p { color: blue; }");
    assert_eq!(run(), Miss);
    assert!(style("theme.css").contains("blue"));
}

#[test]
fn variables_and_flags_count() {
    let test = TestEnv::new();
    test.write("w/l.rs", "#![doc = env!(\"KNOB\")]\n#[cfg(wide)]\npub struct OnlyWide;\n");
    let with = |value: &str, more: &[&str]| {
        let mut command = doc(&test, more);
        command.env("KNOB", value);
        (test.outcome(&mut command), page(&test))
    };
    assert_eq!(with("turned left", &[]).0, Miss);
    let (outcome, text) = with("turned left", &[]);
    assert!(outcome == Hit && text.contains("turned left") && !text.contains("OnlyWide"));
    let (outcome, text) = with("turned right", &[]);
    assert!(outcome == Miss && text.contains("turned right"));
    let (outcome, text) = with("turned right", &["--cfg", "wide"]);
    assert!(outcome == Miss && text.contains("OnlyWide"));
    for (version, expected) in [("1.2.3", Miss), ("1.2.4", Miss), ("1.2.3", Hit)] {
        let (outcome, text) = with("turned left", &["--crate-version", version]);
        assert!(outcome == expected && text.contains(version), "{version}");
    }
}

#[test]
fn a_changed_dependency_and_the_address_of_its_pages_count() {
    let test = TestEnv::new();
    test.write("w/l.rs", "//! L.\npub use m::*;\n");
    let library = |text: &str| {
        test.write("w/m.rs", text);
        let mut rustc = Command::new("rustc");
        let args = ["--crate-name=m", "--crate-type=lib", "--edition=2021", "--emit=metadata", "m.rs"];
        assert_success(rustc.current_dir(test.path("w")).args(args));
    };
    library("#[doc(inline)] pub struct Before;\n");
    let run = || doc(&test, &["--extern", "m=libm.rmeta"]);
    counts(&test, run, || library("#[doc(inline)] pub struct After;\n"), ["Before", "After"]);
    test.write("w/l.rs", "//! L.\n/// [m::After]\npub fn f(_: m::After) {}\n");
    let at = |url: &str| {
        let url = format!("m={url}");
        let flags = ["--extern", "m=libm.rmeta", "-Zunstable-options", "--extern-html-root-url", &url];
        let mut command = doc(&test, &flags);
        let outcome = test.outcome(command.env("RUSTC_BOOTSTRAP", "1"));
        (outcome, fs::read_to_string(test.path("w/target/doc/l/fn.f.html")).unwrap())
    };
    for (url, expected) in [("https://one.org/", Miss), ("https://two.org/", Miss), ("https://one.org/", Hit)]
    {
        let (outcome, text) = at(url);
        assert!(outcome == expected && text.contains(url), "{url}: {outcome:?}");
    }
}

#[test]
fn what_kache_cannot_join_is_left_to_rustdoc() {
    let test = TestEnv::new();
    test.write("w/l.rs", "//! ```\n//! assert!(true);\n//! ```\n");
    let refused = |more: &[&str]| {
        let mut command = doc(&test, more);
        test.refusal(command.env("RUSTC_BOOTSTRAP", "1"))
    };
    assert_eq!(refused(&["--test"]), "unsupported-flag");
    assert_eq!(refused(&["-Zunstable-options", "--enable-index-page"]), "unsupported-flag");
    assert!(test.path("w/target/doc/index.html").exists());
}
