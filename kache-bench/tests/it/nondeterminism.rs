//! A unit that the compiler itself makes differently each time: claimed as such it must be proved, and what is built
//! from it must still equal what the compiler makes from the same.

use crate::support::{harness, record, write_files};
use serde_json::Value;
use std::fs;

const WORKLOAD: &str = r#"
description = "A proc macro that walks a hash map"
[source]
kind = "path"
path = "dice"
[build]
commands = ["cargo build --locked --offline"]
[expect]
units = 3
"#;

const CLAIM: &str = r#"
[[expect.nondeterministic]]
unit = "thrower"
reason = "its macro walks a hash map"
"#;

const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"dice\", \"thrower\", \"app\"]\n"),
    (
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"thrower\",\n]\n\n\
         [[package]]\nname = \"dice\"\nversion = \"0.1.0\"\n\n\
         [[package]]\nname = \"thrower\"\nversion = \"0.1.0\"\ndependencies = [\n \"dice\",\n]\n",
    ),
    (
        "dice/Cargo.toml",
        "[package]\nname = \"dice\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\nproc-macro = true\n",
    ),
    (
        "dice/src/lib.rs",
        "#[proc_macro]\npub fn throw(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n\
         let all: std::collections::HashSet<u32> = (0..64).collect();\n\
         let text: String = all.iter().map(|n| format!(\"{n},\")).collect();\n\
         format!(\"[{text}]\").parse().unwrap()\n}\n",
    ),
    (
        "thrower/Cargo.toml",
        "[package]\nname = \"thrower\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\ndice = { path = \"../dice\" }\n",
    ),
    ("thrower/src/lib.rs", "pub const ALL: [u32; 64] = dice::throw!();\n"),
    (
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nthrower = { path = \"../thrower\" }\n",
    ),
    ("app/src/main.rs", "fn main() {\n    println!(\"{:?}\", thrower::ALL);\n}\n"),
];

/// The exit status and the record of a verified check, with more files in the project.
fn check(claim: &str, more: &[(&str, &str)]) -> (Option<i32>, Value) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("dice.toml"), format!("{WORKLOAD}{claim}")).unwrap();
    write_files(&dir.path().join("dice"), FILES.iter().copied());
    write_files(&dir.path().join("dice"), more.iter().copied());
    let output = harness(dir.path(), &["check", "dice", "--verify", "--format", "json"]).output().unwrap();
    (output.status.code(), record(&output))
}

#[test]
fn a_random_unit_is_a_difference_until_it_is_claimed_and_proved() {
    let (status, record) = check("", &[]);
    assert_eq!(status, Some(1), "{record:#}");
    let differing = record["artifacts"]["mismatches"].as_array().unwrap().len();
    assert!(differing >= 3, "the library and the program that is built from it: {record:#}");

    let (status, record) = check(CLAIM, &[]);
    assert_eq!(status, Some(0), "{record:#}");
    assert_eq!(record["nondeterministic"][0]["unit"], "thrower 0.1.0 (lib)");
    assert!(record["nondeterministic"][0]["evidence"].as_str().unwrap().contains("differ"), "{record:#}");
    assert_eq!(record["artifacts"]["mismatches"].as_array().unwrap().len(), 0);
}

/// A build script that writes and prints in another order each time, names a file by chance, and writes one that is the same.
const SCRIPT: (&str, &str) = (
    "app/build.rs",
    "fn main() {\n\
     let out = std::path::PathBuf::from(std::env::var_os(\"OUT_DIR\").unwrap());\n\
     let all: std::collections::HashSet<u32> = (0..64).collect();\n\
     std::fs::write(out.join(\"log\"), format!(\"{all:?}\")).unwrap();\n\
     std::fs::write(out.join(format!(\"probe-{}\", std::process::id())), \"\").unwrap();\n\
     std::fs::write(out.join(\"same\"), \"same\").unwrap();\n\
     println!(\"{all:?}\");\n}\n",
);

#[test]
fn a_random_file_of_a_build_script_is_a_difference_until_it_is_claimed_and_proved() {
    let (status, record) = check(CLAIM, &[SCRIPT]);
    assert_eq!(status, Some(1), "{record:#}");
    let mismatches = record["artifacts"]["mismatches"].as_array().unwrap();
    let mut names: Vec<_> = mismatches.iter().map(|it| it["file"].as_str().unwrap()).collect();
    names.iter_mut().for_each(|name| *name = name.rsplit(['/', '-']).next().unwrap());
    assert!(names.len() == 4 && names[0] == "log" && names[3] == "output", "{record:#}");
    assert_eq!(record["third"]["scripts"]["app 0.1.0 (script)"], "literal", "{record:#}");

    let claim = "[[expect.nondeterministic]]\nunit = \"app 0.1.0 (script)\"\nreason = \"a log\"\n";
    let (status, record) = check(&format!("{CLAIM}{claim}"), &[SCRIPT]);
    assert_eq!(status, Some(0), "{record:#}");
    let proved = record["nondeterministic"].as_array().unwrap().iter().find(|it| it["reason"] == "a log");
    assert!(proved.unwrap()["evidence"].as_str().unwrap().contains("differ"), "{record:#}");
}
