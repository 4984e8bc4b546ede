//! Build scripts of packages of a registry, which lie in no checkout.

use crate::env::{TestEnv, assert_success};
use kache_core::events::Outcome::{self, Hit, Miss};
use std::fs;
use std::os::unix::fs::symlink;

/// Containers share a registry by a link in cargo's home. A working directory has no link in it.
#[test]
fn a_script_behind_a_linked_registry_is_confirmed_by_two_checkouts() {
    let test = TestEnv::new();
    fs::create_dir_all(test.path("w/.git")).unwrap();
    fs::create_dir_all(test.path("home")).unwrap();
    let kept = test.path("home/registry/kept");
    let package =
        |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n");
    test.write("shared/kept/one/Cargo.toml", &package("one"));
    test.write("shared/kept/one/.cargo-checksum.json", "{\"files\":{}}");
    test.write("shared/kept/one/src/lib.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/place.rs\"));");
    test.write(
        "shared/kept/one/build.rs",
        "fn main() { let out = std::env::var(\"OUT_DIR\").unwrap(); \
         std::fs::write(format!(\"{out}/place.rs\"), format!(\"pub const PLACE: &str = {out:?};\")).unwrap() }",
    );
    symlink(test.path("shared"), test.path("home/registry")).unwrap();
    let source = format!(
        "[source.crates-io]\nreplace-with = \"kept\"\n[source.kept]\ndirectory = {:?}\n",
        kept.to_str().unwrap()
    );
    test.write("w/.cargo/config.toml", &source);
    test.write("w/Cargo.toml", &format!("{}[workspace]\n[dependencies]\none = \"1\"\n", package("app")));
    test.write("w/src/main.rs", "fn main() { print!(\"{}\", one::PLACE) }");
    let places = ["w", "another", "third"];
    places[1..].iter().for_each(|place| test.clone_checkout("w", place));
    let script_in = |checkout: &&str| -> Outcome {
        assert_success(test.cargo(checkout, &["run", "-q"]).env("CARGO_HOME", test.path("home")));
        let mut scripts = test.events().into_iter().filter(|event| event.unit.kind == "script");
        scripts.next_back().expect("the script handed over to kache").outcome
    };
    let outcomes: Vec<_> = places.iter().map(script_in).collect();
    assert_eq!(outcomes, [Miss, Miss, Hit]);
}
