//! The first command of README.md compiles only what a demo needs, and nothing twice.

use std::collections::BTreeSet;
use std::process::Command;

/// What a build of a package compiles: each package with its version and features.
fn tree(package: &str) -> BTreeSet<String> {
    let out = Command::new("cargo")
        .args(["tree", "--offline", "--locked", "--no-dedupe", "--prefix", "none", "-e", "no-dev"])
        .args(["-f", "{p} {f}", "-p", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().lines().map(str::to_string).collect()
}

/// `cargo install --path kache` finds compiled what the demo has compiled.
#[test]
fn kache_is_compiled_once() {
    let (kache, harness) = (tree("kache"), tree("kache-bench"));
    assert!(kache.len() > 100, "{kache:#?}");
    let other: Vec<_> = kache.difference(&harness).collect();
    assert!(other.is_empty(), "with other features in the harness, these are compiled twice: {other:#?}");
}

#[test]
fn a_demo_needs_no_storage_client_and_no_server() {
    let tree = tree("kache-bench");
    let names: BTreeSet<&str> = tree.iter().filter_map(|line| line.split(' ').next()).collect();
    for name in ["tokio", "hyper", "rustls", "opendal", "s3s", "criterion"] {
        assert!(!names.contains(name), "{name} is compiled for a demo");
    }
    let remedy = "restore it in Cargo.lock with `cargo update -p idna_adapter --precise 1.1.0`";
    assert!(!names.contains("icu_provider"), "the large tables for host names are compiled: {remedy}");
}
