//! The harness must see what it is there to see: three leaks are planted in a small workload, and each must be
//! reported once, as what it is, with its root units and the affected units.
//!
//! - a flag that only this clone has, from a `.cargo/config.toml` written by the setup;
//! - an environment value of the "machine", compiled in with `env!`;
//! - a build script that writes the checkout's absolute path into generated code.

use crate::support::{harness, write_files};
use serde_json::Value;
use std::fs;
use std::path::Path;

const WORKLOAD: &str = r#"
description = "Three injected key mismatches"
[source]
kind = "path"
path = "injected"
[setup]
commands = ["""
mkdir .cargo
cat > .cargo/config.toml <<END
[build]
rustflags = ['--cfg', 'clone="{checkout}"']
END
"""]
[build]
commands = ["cargo build --locked --offline"]
env = { MACHINE_ID = "machine-{label}" }
[expect]
units = 5
"#;

const FILES: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"envy\", \"generated\", \"innocent\", \"app\"]\n\
         [workspace.lints.rust]\nunexpected_cfgs = \"allow\"\n",
    ),
    ("Cargo.lock", LOCK),
    ("envy/Cargo.toml", "[package]\nname = \"envy\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("envy/src/lib.rs", "pub const ID: &str = env!(\"MACHINE_ID\");\n"),
    ("generated/Cargo.toml", "[package]\nname = \"generated\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("generated/build.rs", BUILD_SCRIPT),
    ("generated/src/lib.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/place.rs\"));\n"),
    ("innocent/Cargo.toml", "[package]\nname = \"innocent\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("innocent/src/lib.rs", "pub fn twice(n: u32) -> u32 {\n    2 * n\n}\n"),
    (
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n\
         envy = { path = \"../envy\" }\ngenerated = { path = \"../generated\" }\ninnocent = { path = \"../innocent\" }\n",
    ),
    (
        "app/src/main.rs",
        "fn main() {\n    println!(\"{} {} {}\", envy::ID, generated::PLACE, innocent::twice(2));\n}\n",
    ),
];

const BUILD_SCRIPT: &str = r#"
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    std::fs::write(format!("{out}/place.rs"), format!("pub const PLACE: &str = {here:?};\n")).unwrap();
}
"#;

const LOCK: &str = r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "envy",
 "generated",
 "innocent",
]

[[package]]
name = "envy"
version = "0.1.0"

[[package]]
name = "generated"
version = "0.1.0"

[[package]]
name = "innocent"
version = "0.1.0"
"#;

fn set_up(workloads: &Path) {
    fs::write(workloads.join("injected.toml"), WORKLOAD).unwrap();
    write_files(&workloads.join("injected"), FILES.iter().copied());
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn three_injected_mismatches_are_reported_by_kind() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let output = harness(dir.path(), &["check", "injected", "--format", "json"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "a key mismatch must make the verdict bad\n{told}");
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let leaks = record["key_mismatches"].as_array().unwrap();
    // That an output has the checkout's path in it follows from the file that was generated with the path.
    let follows = |leak: &Value| leak["component"] == "place workspace";
    let of = |cause: &str| {
        let mut found = leaks.iter().filter(|leak| leak["cause"] == cause && !follows(leak));
        let leak = found.next().unwrap_or_else(|| panic!("no leak of kind {cause}: {leaks:#?}"));
        assert!(found.next().is_none(), "two leaks of kind {cause}: {leaks:#?}");
        leak
    };

    let flag = of("flag");
    assert_eq!(flag["component"], "arg --cfg");
    assert_eq!(names(&flag["root_units"]).len(), 5, "the flag is in every unit: {flag:#}");

    let env = of("env");
    assert_eq!((&env["component"], &env["first"]), (&"env MACHINE_ID".into(), &"envy 0.1.0 (lib)".into()));
    assert_eq!(names(&env["root_units"]), ["envy 0.1.0 (lib)"]);
    assert_eq!(names(&env["affected"]), ["app 0.1.0 (bin)"]);
    // A value that could be a secret is shown by its digest.
    let digest = |v: &str| Value::from(kache_core::digest::Digest::of(v.as_bytes()).hex());
    assert_eq!(
        (&env["text_difference"]["a"], &env["text_difference"]["b"]),
        (&digest("machine-a"), &digest("machine-b"))
    );

    // The value is of the harness's own environment, and shown.
    let words = &env["words"];
    assert_eq!(words["values"], serde_json::json!(["machine-a", "machine-b"]), "{env:#}");
    assert_eq!(words["set_by"], "the workload's file, in `[build] env`");
    assert_eq!(flag["words"]["what"], "the checkout's path", "{flag:#}");
    for leak in [env, flag] {
        assert!(!leak["words"]["remedy"].as_str().unwrap().is_empty());
    }

    let path = of("path");
    assert_eq!(path["words"]["what"], "the checkout's path");
    assert_eq!(path["words"]["set_by"], "a build script, which wrote the file");
    assert_eq!(
        (&path["detail"], &path["first"]),
        (&"generated absolute path".into(), &"generated 0.1.0 (lib)".into())
    );
    assert_eq!(names(&path["root_units"]), ["generated 0.1.0 (lib)"]);
    assert_eq!(names(&path["affected"]), ["app 0.1.0 (bin)"]);

    assert_eq!(leaks.iter().filter(|leak| !follows(leak)).count(), 3, "{leaks:#?}");
    assert!(record["verdict"]["problems"].as_array().unwrap().len() >= 2);
    let line = String::from_utf8_lossy(&output.stdout);
    assert!(
        !line.contains(&*dir.path().to_string_lossy()),
        "the record names a path of this machine:\n{line}"
    );
    assert!(
        fs::read_dir(dir.path().join("scratch")).unwrap().next().is_none(),
        "the scratch directory stays"
    );
}
