//! `pull`: what a change between two revisions leaves to hit, and what is said of the rest.

use crate::support::harness;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

const WORKLOAD: &str = r#"
description = "Two revisions"
[source]
kind = "path"
path = "new"
[pull]
from = "old"
[build]
commands = ["cargo build --offline", "test ! -e gone.txt -o ! -e added"]
"#;

fn member(dir: &Path, name: &str, dependency: Option<&str>, source: &str) {
    fs::create_dir_all(dir.join(name).join("src")).unwrap();
    let dependency = dependency.map(|d| format!("{d} = {{ path = \"../{d}\" }}\n")).unwrap_or_default();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n{dependency}"
    );
    fs::write(dir.join(name).join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.join(name).join("src/lib.rs"), source).unwrap();
}

/// `old` has a value that `new` changes at the bottom, and a file that is gone; `new` has a crate more.
fn set_up(dir: &Path) {
    fs::write(dir.join("two.toml"), WORKLOAD).unwrap();
    for revision in ["old", "new"] {
        let tree = dir.join(revision);
        let (value, more) = if revision == "old" { (1, "") } else { (2, ", \"added\"") };
        fs::create_dir_all(&tree).unwrap();
        let members =
            format!("[workspace]\nresolver = \"3\"\nmembers = [\"bottom\", \"middle\", \"apart\"{more}]\n");
        fs::write(tree.join("Cargo.toml"), members).unwrap();
        member(&tree, "bottom", None, &format!("pub const VALUE: u32 = {value};\n"));
        member(&tree, "middle", Some("bottom"), "pub fn twice() -> u32 {\n    2 * bottom::VALUE\n}\n");
        member(&tree, "apart", None, "pub fn one() -> u32 {\n    1\n}\n");
    }
    member(&dir.join("new"), "added", None, "");
    fs::write(dir.join("old/gone.txt"), "").unwrap();
}

fn pull(dir: &Path, arguments: &[&str]) -> Output {
    harness(dir, &[&["pull", "two"], arguments].concat()).output().unwrap()
}

#[test]
fn what_a_change_reached_is_compiled_and_told_why() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let output = pull(dir.path(), &["--format", "json"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&record["before"]["summary"]["units"], &record["before"]["summary"]["hits"]),
        (&3.into(), &0.into())
    );
    let after = &record["after"]["summary"];
    assert_eq!(
        (&after["units"], &after["hits"], &after["misses"]),
        (&4.into(), &1.into(), &3.into()),
        "{record:#}"
    );
    let missed = |name: &str| {
        let mut all = record["missed"].as_array().unwrap().iter();
        all.find(|missed| missed["unit"].as_str().unwrap().starts_with(name))
            .unwrap_or_else(|| panic!("{record:#}"))
    };
    assert!(missed("bottom")["cause"].as_str().unwrap().contains("bottom/src/lib.rs"), "{record:#}");
    assert_eq!(missed("bottom")["root_unit"], Value::Null);
    assert!(missed("middle")["cause"].as_str().unwrap().contains("bottom/src/lib.rs"), "{record:#}");
    assert_eq!(missed("middle")["root_unit"], "bottom 0.1.0 (lib)");
    assert_eq!(missed("added")["cause"], "not in the earlier revision");
    assert_eq!(record["missed"].as_array().unwrap().len(), 3);

    let text = pull(dir.path(), &[]);
    let text = String::from_utf8_lossy(&text.stdout);
    assert!(text.contains("hits    25.0 %  (1 of 4 units after the move)"), "{text}");
    let history = fs::read_to_string(dir.path().join("results/two.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 2);
    assert!(!history.contains(&*dir.path().to_string_lossy()), "a path of this machine: {history}");
}

#[test]
fn a_workload_without_an_earlier_revision_says_what_to_add() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let file = dir.path().join("two.toml");
    fs::write(&file, WORKLOAD.replace("[pull]\nfrom = \"old\"\n", "")).unwrap();
    let output = pull(dir.path(), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("add a table [pull] with the key `from`"), "{told}");

    fs::write(&file, WORKLOAD.replace("from = \"old\"", "from = \"new\"")).unwrap();
    let output = pull(dir.path(), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("the revision that the workload already has"), "{told}");
}
