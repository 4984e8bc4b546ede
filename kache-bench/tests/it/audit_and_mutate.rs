//! `audit` and `mutate` on a workload of three units: nothing is in neither, everything recorded counts; and both must see
//! what they are there to see. A record that does not have an input is made by taking it out; a change that does not count
//! is made by changing nothing.

use crate::support::{harness_with, kache, record, require_tool, write_files};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const WORKLOAD: &str = r#"
description = "A C source, a proc macro that reads a file and a variable, and a program that uses it"
[source]
kind = "path"
path = "small"
[wiring]
cc = "env"
[build]
commands = ["make part.o", "cargo build --locked --offline"]
env = { FLAVOUR = "plain" }
[expect]
units = 3
"#;

const FILES: &[(&str, &str)] = &[
    ("Makefile", "part.o: part.c\n\t$(CC) -g -Iearly -Iinc -Ialso -c $< -o $@\n"),
    (
        "part.c",
        "#include \"part.h\"\n#include \"one.h\"\n#include \"two.h\"\n#if __has_include(\"more.h\")\n#include \"more.h\"\n#endif\nint part(void) { return PART; }\n",
    ),
    ("early/other.h", "\n"),
    ("early/one.h", "#pragma once\nstruct alike;\n"),
    ("early/two.h", "#pragma once\nstruct alike;\n"),
    ("inc/part.h", "#define PART 3\n"),
    (".gitignore", "*.o\ntarget\n"),
    ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"reader\", \"app\"]\n"),
    (
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"reader\",\n]\n\n\
         [[package]]\nname = \"reader\"\nversion = \"0.1.0\"\n",
    ),
    (
        "reader/Cargo.toml",
        "[package]\nname = \"reader\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\nproc-macro = true\n",
    ),
    (
        "reader/src/lib.rs",
        "#[proc_macro]\npub fn told(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n\
         let text = std::fs::read_to_string(\"app/told.txt\").unwrap();\n\
         let flavour = std::env::var(\"FLAVOUR\").unwrap_or_default();\n\
         let more = std::path::Path::new(\"app/more.txt\").exists();\n\
         let names = std::fs::read_dir(\"app\").unwrap().count();\n\
         format!(\"{:?}\", format!(\"{text}{flavour}{more}{names}\")).parse().unwrap()\n}\n",
    ),
    (
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nreader = { path = \"../reader\" }\n",
    ),
    ("app/told.txt", "hello\n"),
    ("app/src/main.rs", "fn main() {\n    println!(\"{}\", reader::told!());\n}\n"),
];

/// The exit status and the record of a command.
fn run(arguments: &[&str]) -> (Option<i32>, Value) {
    run_with(&[], arguments)
}

/// The same with some files as they are given here.
fn run_with(files: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, Value) {
    run_by(kache(), files, arguments)
}

/// The same by another kache.
fn run_by(kache: &Path, files: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, Value) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("small.toml"), WORKLOAD).unwrap();
    write_files(&dir.path().join("small"), FILES.iter().chain(files).copied());
    std::os::unix::fs::symlink("inc", dir.path().join("small/also")).unwrap();
    let output =
        harness_with(dir.path(), kache, &[arguments, &["--format", "json"]].concat()).output().unwrap();
    let record = record(&output);
    // A build script is a crate and a run.
    let units = if files.iter().any(|(name, _)| name.ends_with("/build.rs")) { 5 } else { 3 };
    assert_eq!(record["units"], units, "{record:#}");
    assert!(
        fs::read_dir(dir.path().join("scratch")).unwrap().next().is_none(),
        "the scratch directory stays"
    );
    (output.status.code(), record)
}

#[test]
fn all_that_a_compile_looks_at_is_recorded_or_excused() {
    if !require_tool("strace") {
        return;
    }
    let (status, record) = run(&["audit", "small"]);
    assert_eq!(status, Some(0), "{record:#}");
    assert_eq!(
        (&record["audited"], record["unaccounted"].as_array().unwrap().len()),
        (&3.into(), 0),
        "{record:#}"
    );
    assert!(record["recorded"]["contents"].as_u64().unwrap() > 10, "{record:#}");
}

#[test]
fn an_audit_finds_out_what_is_not_recorded() {
    if !require_tool("strace") {
        return;
    }
    for (component, path, way) in [
        ("file <workspace>/inc/part.h", "inc/part.h", "read"),
        ("path <workspace>/early/more.h", "early/more.h", "not found"),
        ("file <workspace>/app/told.txt", "app/told.txt", "read"),
        ("listing <workspace>/app", "app", "listed"),
    ] {
        let (status, record) = run(&["audit", "small", "--forget", component]);
        assert_eq!(status, Some(1), "{component}: {record:#}");
        let neither = record["unaccounted"].as_array().unwrap();
        let is_it = |n: &&Value| n["pattern"] == format!("<checkout>/{path}") && n["kind"] == way;
        assert!(neither.iter().any(|n| is_it(&n)), "{component}: {neither:#?}");
    }
}

/// A script that reads a file and a variable, asks for a file that is not there, and calls a compiler.
const SCRIPT: (&str, &str) = (
    "app/build.rs",
    "fn main() {\n\
     let out = std::env::var(\"OUT_DIR\").unwrap();\n\
     let flavour = std::env::var(\"FLAVOUR\").unwrap_or_default();\n\
     let more = std::path::Path::new(\"more.txt\").exists();\n\
     let text = std::fs::read_to_string(\"told.txt\").unwrap();\n\
     std::fs::write(format!(\"{out}/said\"), format!(\"{text}{flavour}{more}\")).unwrap();\n\
     let line = format!(\"-I../early -I../inc -c ../part.c -o {out}/part.o\");\n\
     let done = std::process::Command::new(\"cc\").args(line.split(' ')).status().unwrap();\n\
     assert!(done.success());\n}\n",
);

#[test]
fn all_that_a_build_script_looks_at_is_recorded_or_excused() {
    if !require_tool("strace") {
        return;
    }
    let (status, record) = run_with(&[SCRIPT], &["audit", "small"]);
    assert_eq!((status, &record["audited"]), (Some(0), &5.into()), "{record:#}");
    let forget = ["audit", "small", "--forget", "file <workspace>/app/told.txt"];
    let (status, record) = run_with(&[SCRIPT], &forget);
    assert_eq!(status, Some(1), "{record:#}");
    let unaccounted = record["unaccounted"].as_array().unwrap();
    let is_it = |n: &Value| n["pattern"] == "<checkout>/app/told.txt" && n["program"] == "build-script-build";
    assert!(unaccounted.iter().any(is_it), "{unaccounted:#?}");
}

#[test]
fn what_a_build_script_looks_at_counts() {
    let (status, record) = run_with(&[SCRIPT], &["mutate", "small", "--units", "2"]);
    assert_eq!(status, Some(0), "{record:#}");
    for kind in ["script file", "script path", "script env", "script program"] {
        let found = &record["kinds"][kind];
        let seen = |what: &str| found[what].as_u64().unwrap_or_default();
        assert!(
            seen("changed") > 0 && seen("changed") == seen("named") + seen("refused"),
            "{kind}: {found:#}"
        );
    }
}

/// A copy of kache in which texts are replaced by others of the same length: in the preload object that it holds, or everywhere.
fn planted(dir: &Path, in_object: bool, texts: &[(&str, &str)]) -> PathBuf {
    const OBJECT: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0";
    let mut program = fs::read(kache()).unwrap();
    let found = |bytes: &[u8], text: &[u8], from: usize| {
        bytes[from..].windows(text.len()).position(|window| window == text).map(|at| from + at)
    };
    let start = if in_object { found(&program, OBJECT, 1).unwrap() } else { 0 };
    for (text, other) in texts {
        assert_eq!(text.len(), other.len());
        let mut at = found(&program, text.as_bytes(), start);
        assert!(at.is_some(), "{text:?} is nowhere in kache");
        while let Some(place) = at {
            program[place..place + text.len()].copy_from_slice(other.as_bytes());
            at = found(&program, text.as_bytes(), place);
        }
    }
    let copy = dir.join("kache");
    fs::write(&copy, program).unwrap();
    fs::set_permissions(&copy, fs::metadata(kache()).unwrap().permissions()).unwrap();
    copy
}

/// Requires that an audit by a kache with a hole finds the access that the hole hides.
fn finds(kache: &Path, files: &[(&str, &str)], pattern: &str, program: &str) {
    let (status, record) = run_by(kache, files, &["audit", "small"]);
    assert_eq!(status, Some(1), "{record:#}");
    let unaccounted = record["unaccounted"].as_array().unwrap();
    let is_it = |n: &&Value| n["pattern"] == pattern && n["kind"] == "read" && n["program"] == program;
    assert!(unaccounted.iter().any(|n| is_it(&n)), "{pattern}: {record:#}");
}

#[test]
fn an_audit_finds_a_hook_that_is_gone() {
    if require_tool("strace") {
        let dir = tempfile::tempdir().unwrap();
        let kache = planted(dir.path(), true, &[("open64\0", "nope64\0")]);
        finds(&kache, &[], "<checkout>/app/told.txt", "rustc");
    }
}

#[test]
fn an_audit_finds_a_process_that_is_not_observed() {
    if require_tool("strace") {
        let dir = tempfile::tempdir().unwrap();
        let kache = planted(dir.path(), true, &[("\0posix_spawnp\0", "\0posix_nopenp\0")]);
        let started = "String::from_utf8(std::process::Command::new(\"cat\").arg(\"app/told.txt\").output().unwrap().stdout).unwrap()";
        finds(&kache, &[("reader/src/lib.rs", &pasting(started))], "<checkout>/app/told.txt", "cat");
    }
}

#[test]
fn an_audit_finds_a_row_that_excuses_too_much() {
    if require_tool("strace") {
        let dir = tempfile::tempdir().unwrap();
        let outside = format!("/tmp/k{:03x}", std::process::id() & 0xfff);
        fs::write(&outside, "hello").unwrap();
        let kache = planted(dir.path(), false, &[("/dev/full", &outside)]);
        let reads = format!("std::fs::read_to_string({outside:?}).unwrap()");
        finds(&kache, &[("reader/src/lib.rs", &pasting(&reads))], &outside, "rustc");
        fs::remove_file(&outside).unwrap();
    }
}

#[test]
fn what_is_recorded_counts_and_what_is_excluded_does_not() {
    let (status, record) = run(&["mutate", "small", "--units", "2"]);
    assert_eq!(status, Some(0), "{record:#}");
    for kind in ["file", "path", "listing", "env", "linker", "twins", "leads-to"] {
        let found = &record["kinds"][kind];
        let seen = |what: &str| found[what].as_u64().unwrap_or_default();
        assert!(
            seen("changed") > 0 && seen("changed") == seen("named") + seen("refused"),
            "{kind}: {found:#}"
        );
    }
    assert_eq!(record["excluded"]["env TERM"], 2, "{record:#}");
    assert_eq!(record["equal"], 2, "{record:#}");
    if require_tool("strace") {
        assert_eq!(record["paths"]["watched"], 2, "{record:#}");
        assert_eq!(record["paths"]["rows"]["library libc.so"], 2, "{record:#}");
    }
}

#[test]
fn a_change_that_does_not_count_is_found_out() {
    let (status, record) = run(&["mutate", "small", "--units", "1", "--no-change"]);
    assert_eq!(status, Some(1), "{record:#}");
    let wrong = wrong(&record);
    assert!(wrong.iter().any(|w| w.contains("FALSE HIT")), "{wrong:#?}");
}

/// The macro's crate, where what it pastes is the given expression.
fn pasting(text: &str) -> String {
    format!(
        "#[proc_macro]\npub fn told(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{\n\
         format!(\"{{:?}}\", {text}).parse().unwrap()\n}}\n"
    )
}

fn wrong(record: &Value) -> Vec<&str> {
    record["wrong"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[test]
fn what_comes_out_by_chance_is_told_from_what_is_not() {
    let chance = pasting(
        "std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 1).to_string()",
    );
    let (status, record) = run_with(&[("reader/src/lib.rs", &chance)], &["mutate", "small", "--units", "3"]);
    assert_eq!((status, &record["equal"]), (Some(0), &2.into()), "{record:#}");
    assert_eq!(record["nondeterministic"].as_array().unwrap().len(), 1, "{record:#}");
}

/// The variable is one that no key counts, and the harness sets it where it compiles anew: no build is as the fresh compiles are,
/// which are all alike.
#[test]
fn an_input_that_no_record_has_is_not_taken_for_chance() {
    let hidden = pasting("std::env::var(\"KACHE_READ\").unwrap_or_default()");
    let (status, record) = run_with(&[("reader/src/lib.rs", &hidden)], &["mutate", "small", "--units", "3"]);
    assert_eq!((status, record["nondeterministic"].as_array().unwrap().len()), (Some(1), 0), "{record:#}");
    let wrong = wrong(&record);
    assert!(wrong.iter().any(|w| w.contains("an input is not recorded")), "{wrong:#?}");
}

/// Without the oracle there is no audit, and that is said.
#[test]
fn without_strace_an_audit_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty");
    fs::create_dir_all(&empty).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kache-bench"))
        .args(["audit", "small", "--workloads", ".", "--results", "results", "--dir", "scratch", "--kache"])
        .arg(Path::new("/bin/true"))
        .current_dir(dir.path())
        .env("PATH", &empty)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("strace"));
}
