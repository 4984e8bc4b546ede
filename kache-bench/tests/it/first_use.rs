//! The first command of README.md compiles only what a demo needs, and nothing twice.

use std::collections::BTreeSet;
use std::process::Command;

/// What a build of a package compiles for programs, build scripts left out: for each package its depth, name, version and
/// features, in cargo's order, parents first.
fn tree(package: &str) -> Vec<(usize, String)> {
    let out = Command::new("cargo")
        .args(["tree", "--offline", "--locked", "--no-dedupe", "--prefix", "depth", "-e", "normal"])
        .args(["-f", " {p} {f}", "-p", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let line = |line: &str| {
        let (depth, rest) = line.split_once(' ').unwrap();
        (depth.parse().unwrap(), rest.to_string())
    };
    text.lines().map(line).collect()
}

/// The crates of kache that the harness has too, and all below them.
fn engine(package: &str) -> BTreeSet<String> {
    let (mut inside, mut all) = (None, BTreeSet::new());
    for (depth, line) in tree(package) {
        if inside.is_some_and(|top| depth <= top) {
            inside = None;
        }
        let ours = ["kache-core ", "kache-frontends ", "kache-report ", "kache-seed "];
        if inside.is_none() && ours.iter().any(|name| line.starts_with(name)) {
            inside = Some(depth);
        }
        if inside.is_some() {
            all.insert(line);
        }
    }
    all
}

/// `cargo install --path kache` finds compiled what the demo has compiled.
#[test]
fn the_engine_is_compiled_once() {
    let (kache, harness) = (engine("kache"), engine("kache-bench"));
    assert!(kache.len() > 20, "{kache:#?}");
    assert_eq!(kache, harness, "another feature of a dependency compiles the engine anew");
}

#[test]
fn a_demo_needs_no_storage_client_and_no_server() {
    let names: BTreeSet<String> = tree("kache-bench")
        .into_iter()
        .map(|(_, line)| line.split(' ').next().unwrap_or_default().to_string())
        .collect();
    for name in ["tokio", "hyper", "rustls", "opendal", "s3s", "criterion"] {
        assert!(!names.contains(name), "{name} is compiled for a demo");
    }
    let remedy = "restore it in Cargo.lock with `cargo update -p idna_adapter --precise 1.1.0`";
    assert!(!names.contains("icu_provider"), "the large tables for host names are compiled: {remedy}");
}
