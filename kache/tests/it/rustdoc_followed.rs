//! `cargo doc` with packages of a registry: their search index is left to the members of the workspace that follow, and the
//! directory is whole when cargo ends, or soon after a build that failed.

use crate::env::{TestEnv, assert_success};
use crate::rustdoc::{assert_equal, doc, plain};
use std::fs::{self, File};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// A workspace with the member `app`, and packages `one`, `two`, which needs `one`, and the macro `mac`, of a registry.
fn workspace(test: &TestEnv, dependencies: &str) {
    let package =
        |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n");
    fs::create_dir_all(test.path("w/.git")).unwrap();
    test.write(
        "w/.cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"kept\"\n[source.kept]\ndirectory = \"kept\"\n",
    );
    let app = format!("{}[workspace]\n[dependencies]\n{dependencies}", package("app"));
    test.write("w/Cargo.toml", &app);
    test.write("w/src/lib.rs", "//! App.\npub struct App;\nimpl Iterator for App { type Item = u8; fn next(&mut self) -> Option<u8> { None } }\n");
    for (name, more, source) in [
        ("one", "", "//! One.\npub struct One;\npub trait Walk {}\npub fn common() {}\n"),
        (
            "two",
            "[dependencies]\none = \"1\"\n",
            "//! Two.\npub struct Two;\nimpl one::Walk for Two {}\npub fn common() {}\n",
        ),
        ("mac", "[lib]\nproc-macro = true\n", "//! Mac.\n"),
    ] {
        test.write(&format!("w/kept/{name}/Cargo.toml"), &format!("{}{more}", package(name)));
        test.write(&format!("w/kept/{name}/src/lib.rs"), source);
        test.write(&format!("w/kept/{name}/.cargo-checksum.json"), "{\"files\":{}}");
    }
}

/// The file that is there once a crate was left to wait.
fn finisher(test: &TestEnv) -> PathBuf {
    test.path("w/target/.kache-doc/rustdoc-finisher")
}

/// Waits for the end of the finisher.
fn wait_for_finisher(test: &TestEnv) {
    let (lock, end) = (File::open(finisher(test)).unwrap(), Instant::now() + Duration::from_secs(120));
    while lock.try_lock().is_err() {
        assert!(Instant::now() < end, "the finisher has not ended");
        thread::sleep(Duration::from_millis(20));
    }
}

fn waiting(test: &TestEnv) -> usize {
    fs::read_dir(test.path("w/target/.kache-doc/waiting")).unwrap().count()
}

const BOTH: &str = "one = \"1\"\ntwo = \"1\"\n";

#[test]
fn packages_wait_for_the_member_that_follows() {
    let test = TestEnv::new();
    workspace(&test, "two = \"1\"\n");
    for _ in ["missed", "hit"] {
        assert_success(&mut doc(&test, "w", &[]));
        assert_eq!(waiting(&test), 0);
        assert!(finisher(&test).exists(), "no package was left to wait");
        assert_success(&mut plain(&test, "w", &[]));
        assert_equal(&test, "w");
        wait_for_finisher(&test);
        assert_equal(&test, "w");
        ["target", "plain"].iter().for_each(|dir| fs::remove_dir_all(test.path("w").join(dir)).unwrap());
    }
}

#[test]
fn packages_that_nobody_follows_are_added_at_once() {
    let test = TestEnv::new();
    workspace(&test, BOTH);
    assert_success(&mut doc(&test, "w", &["-p", "two"]));
    assert_success(&mut plain(&test, "w", &["-p", "two"]));
    assert_equal(&test, "w");
    assert!(!finisher(&test).exists());
}

#[test]
fn macros_of_a_build_for_another_target_are_added_at_once() {
    let test = TestEnv::new();
    workspace(&test, "two = \"1\"\nmac = \"1\"\n");
    let host = std::process::Command::new("rustc").arg("--print=host-tuple").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let config = fs::read_to_string(test.path("w/.cargo/config.toml")).unwrap();
    test.write("w/.cargo/config.toml", &format!("{config}[build]\ntarget = \"{}\"\n", host.trim()));
    assert_success(&mut doc(&test, "w", &[]));
    assert_success(&mut plain(&test, "w", &[]));
    assert!(test.path("w/target/doc/mac/index.html").exists());
    assert_equal(&test, "w");
    assert!(!finisher(&test).exists());
}

#[test]
fn packages_are_added_before_rustdoc_runs_alone() {
    let test = TestEnv::new();
    workspace(&test, "one = \"1\"\n");
    assert_success(&mut doc(&test, "w", &[]));
    assert_success(&mut plain(&test, "w", &[]));
    workspace(&test, BOTH);
    assert_success(&mut doc(&test, "w", &[]));
    assert_eq!(waiting(&test), 0);
    assert_success(&mut plain(&test, "w", &[]));
    assert_equal(&test, "w");
}

#[test]
fn a_member_that_fails_adds_the_packages() {
    let test = TestEnv::new();
    workspace(&test, BOTH);
    test.write("w/src/lib.rs", "#![deny(rustdoc::broken_intra_doc_links)]\n//! [`Nothing`].\n");
    assert!(!doc(&test, "w", &[]).output().unwrap().status.success());
    assert_eq!(waiting(&test), 0);
    assert!(!plain(&test, "w", &[]).output().unwrap().status.success());
    assert_equal(&test, "w");
}

#[test]
fn the_finisher_adds_the_packages_of_a_build_that_never_reaches_a_member() {
    let test = TestEnv::new();
    workspace(&test, BOTH);
    // It fails once the packages are documented.
    test.write(
        "w/build.rs",
        "fn main() { while !std::path::Path::new(&format!(\"{}/../../../../doc/two\", std::env::var(\"OUT_DIR\").unwrap())).exists() \
         { std::thread::sleep(std::time::Duration::from_millis(10)); }\n\
         std::thread::sleep(std::time::Duration::from_millis(500)); std::process::exit(1) }\n",
    );
    assert!(!doc(&test, "w", &["-j2"]).output().unwrap().status.success());
    wait_for_finisher(&test);
    assert_eq!(waiting(&test), 0);
    assert!(!plain(&test, "w", &["-j2"]).output().unwrap().status.success());
    assert_equal(&test, "w");
}
