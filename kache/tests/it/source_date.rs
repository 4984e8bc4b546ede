//! A date for `__DATE__` makes dated objects cacheable, and is a part of their keys.

use crate::env::{TestEnv, assert_success};
use kache_core::events::Outcome::{Hit, Miss};
use std::process::Command;

fn gcc(test: &TestEnv, date: &str) -> Command {
    let mut command = test.kache(&["gcc", "-c", "a.c", "-o", "a.o"]);
    command.env("KACHE_SOURCE_DATE_EPOCH", date).env_remove("SOURCE_DATE_EPOCH");
    command
}

fn object(test: &TestEnv) -> String {
    String::from_utf8_lossy(&std::fs::read(test.path("w/a.o")).unwrap()).into_owned()
}

#[test]
fn a_date_makes_a_dated_object_cacheable_and_is_a_part_of_its_key() {
    let test = TestEnv::new();
    test.write("w/a.c", "const char *when = __DATE__;\n");
    assert_eq!(test.refusal(&mut gcc(&test, "none")), "clock");
    let at = |date: &str| test.outcome(&mut gcc(&test, date));
    assert_eq!((at("100000"), at("100000"), at("200000000")), (Miss, Hit, Miss));
    assert!(object(&test).contains("May  3 1976"));
    // Without the setting, the date is today's again.
    assert_eq!(test.refusal(&mut gcc(&test, "none")), "clock");
    assert!(!object(&test).contains("1976"));
    // The build's own date comes first.
    assert_eq!(test.outcome(gcc(&test, "100000").env("SOURCE_DATE_EPOCH", "300000000")), Miss);
    assert!(object(&test).contains("Jul  5 1979"));
}

#[test]
fn a_source_without_a_date_does_not_depend_on_it() {
    let test = TestEnv::new();
    test.write("w/a.c", "int x;\n");
    let at = |date: &str| test.outcome(&mut gcc(&test, date));
    assert_eq!((at("none"), at("100000"), at("200000000")), (Miss, Hit, Hit));
}

#[test]
fn a_command_that_is_not_cached_is_given_the_date_as_well() {
    let test = TestEnv::new();
    test.write("w/a.c", "const char *when = __DATE__;\n");
    let mut command = test.kache(&["gcc", "-E", "-dD", "a.c"]);
    let output = assert_success(command.env("KACHE_SOURCE_DATE_EPOCH", "200000000"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("May  3 1976"));
}

#[test]
fn the_date_of_the_last_commit_is_that_of_the_checkout() {
    let test = TestEnv::new();
    test.write("w/a.c", "const char *when = __DATE__;\n");
    std::fs::remove_dir_all(test.path("w/.git")).unwrap();
    let git = |args: &[&str], date: &str| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"])
            .args(args);
        git.current_dir(test.path("w")).env("GIT_COMMITTER_DATE", date).env("GIT_AUTHOR_DATE", date);
        assert_success(&mut git);
    };
    // In no checkout, and in one without a commit.
    assert_eq!(test.outcome(&mut gcc(&test, "commit")), Miss);
    assert!(object(&test).contains("Jan  1 1980"));
    git(&["init", "-q"], "0");
    assert_eq!(test.refusal(&mut gcc(&test, "commit")), "clock");
    git(&["commit", "-q", "--allow-empty", "-m", "one"], "200000000 +0000");
    assert_eq!(
        (test.outcome(&mut gcc(&test, "commit")), test.outcome(&mut gcc(&test, "commit"))),
        (Miss, Hit)
    );
    assert!(object(&test).contains("May  3 1976"));
    git(&["commit", "-q", "--allow-empty", "-m", "two"], "300000000 +0000");
    assert_eq!(test.outcome(&mut gcc(&test, "commit")), Miss);
    assert!(object(&test).contains("Jul  5 1979"));
}

#[test]
fn one_build_has_one_date() {
    let test = TestEnv::new();
    std::fs::remove_dir_all(test.path("w/.git")).unwrap();
    let commit =
        "git -c user.name=n -c user.email=e@example.org -c commit.gpgsign=false commit -q --allow-empty -m x";
    let recipe = format!(
        "all:\n\tgit init -q; GIT_COMMITTER_DATE='200000000 +0000' {commit}\n\t$(KACHE) gcc -c a.c -o a.o\n\
         \tGIT_COMMITTER_DATE='300000000 +0000' {commit}\n\t$(KACHE) gcc -c a.c -o b.o\n"
    );
    test.write("w/Makefile", &recipe);
    test.write("w/a.c", "const char *when = __DATE__;\n");
    let mut make = Command::new("make");
    make.current_dir(test.path("w")).env("KACHE", crate::KACHE).env("KACHE_CACHE_DIR", test.cache());
    make.env("KACHE_SOURCE_DATE_EPOCH", "commit").env_remove("MAKEFLAGS").env_remove("SOURCE_DATE_EPOCH");
    assert_success(make.env("XDG_CONFIG_HOME", test.path("config")));
    let bytes = |name: &str| std::fs::read(test.path("w").join(name)).unwrap();
    assert_eq!(bytes("a.o"), bytes("b.o"));
}
