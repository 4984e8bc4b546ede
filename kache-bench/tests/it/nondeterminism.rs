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

/// A program without chance in it, whose build script prints and writes `lines` in the order of a hash map.
fn script_of_lines(lines: &str) -> [(&'static str, String); 3] {
    let script = format!(
        "fn main() {{\n\
         let lines: std::collections::HashSet<String> = {lines};\n\
         lines.iter().for_each(|line| println!(\"{{line}}\"));\n\
         let text: String = lines.iter().map(|line| format!(\"{{line}}\\n\")).collect();\n\
         let out = std::path::PathBuf::from(std::env::var_os(\"OUT_DIR\").unwrap());\n\
         std::fs::write(out.join(\"log\"), text).unwrap();\n}}\n"
    );
    [
        ("thrower/src/lib.rs", "pub const ALL: [u32; 1] = [0];\n".into()),
        ("app/src/main.rs", "fn main() {}\n".into()),
        ("app/build.rs", script),
    ]
}

/// A verified check of the script with the claim that only the order of its lines differs.
fn check_any_order(lines: &str) -> (Option<i32>, Value) {
    let claim = "[[expect.nondeterministic]]\nunit = \"app 0.1.0 (script)\"\nreason = \"a hash map\"\n\
                 lines = \"any-order\"\n";
    let files = script_of_lines(lines);
    check(claim, &files.each_ref().map(|(name, text)| (*name, text.as_str())))
}

/// The phases that follow the first comparison of artifacts, each with its number of units.
fn phases_of_proof(record: &Value) -> Vec<(&str, Option<u64>)> {
    let phases = record["phases"].as_array().unwrap().iter();
    let phases = phases.map(|it| (it["name"].as_str().unwrap(), it["summary"]["units"].as_u64()));
    phases.skip_while(|(name, _)| *name != "compare artifacts").skip(1).collect()
}

#[test]
fn lines_in_any_order_are_proved_without_another_compile() {
    let (status, record) = check_any_order("(0..64).map(|n| format!(\"line {n}\")).collect()");
    assert_eq!(status, Some(0), "{record:#}");
    let proofs = record["nondeterministic"].as_array().unwrap();
    assert_eq!(proofs.len(), 1, "{record:#}");
    assert_eq!(proofs[0]["evidence"], "the same lines in another order: 2 of 2 files", "{record:#}");
    // The program is compiled below the restored run of its script.
    let phases = phases_of_proof(&record);
    assert_eq!(phases[0], ("build on their restored output", Some(1)));
    assert_eq!(phases[1..], [("compare artifacts", None)]);
}

#[test]
fn a_random_number_is_not_lines_in_any_order() {
    let number = "std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)";
    let (status, record) = check_any_order(&format!("[format!(\"number {{}}\", {number})].into()"));
    assert_eq!(status, Some(1), "{record:#}");
    let proof = &record["nondeterministic"][0];
    assert!(proof["evidence"].is_null(), "{record:#}");
    let problem = proof["problem"].as_str().unwrap();
    assert!(problem.contains("/out/log`") && problem.contains("the line `number "), "{problem}");
    let problems = record["verdict"]["problems"].as_array().unwrap();
    assert!(problems.iter().any(|it| it.as_str().unwrap().contains(problem)), "{record:#}");
    assert!(phases_of_proof(&record).is_empty(), "{record:#}");
}
