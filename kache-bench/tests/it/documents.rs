//! Every command of the harness in the documents is one that it knows, option by option. (Most take minutes to hours: what they
//! do is what the other tests are about.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BEFORE: &[&str] =
    &["cargo run --release -p kache-bench -- ", "cargo run --release --locked -p kache-bench -- "];

/// Every Markdown file below a directory.
fn pages(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => out.extend(pages(&path)),
            false if path.extension().is_some_and(|e| e == "md") => out.push(path),
            false => {}
        }
    }
    out
}

/// All such lines, with the document that each is from.
fn commands() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let around =
        ["README.md", "CONTRIBUTING.md", "workloads/README.md", "results/README.md"].map(|f| root.join(f));
    let mut all = Vec::new();
    for document in pages(&root.join("kache/docs/src")).into_iter().chain(around) {
        let text = fs::read_to_string(&document).unwrap();
        let command = |line: &str| {
            let rest = BEFORE.iter().find_map(|before| line.trim().strip_prefix(before))?;
            Some((document.display().to_string(), rest.split(" #").next().unwrap_or(rest).trim().to_string()))
        };
        all.extend(text.lines().filter_map(command));
    }
    all
}

#[test]
fn the_harness_knows_every_command_of_the_documents() {
    let commands = commands();
    assert!(commands.len() > 10, "{commands:?}");
    for (document, command) in commands {
        let mut words = command.split_whitespace();
        let name = words.next().unwrap();
        let help = Command::new(env!("CARGO_BIN_EXE_kache-bench")).args([name, "--help"]).output().unwrap();
        let text = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(help.status.success(), "{document}: there is no `{name}`");
        for option in words.filter(|w| w.starts_with("--")) {
            assert!(
                text.contains(&format!("{option} ")) || text.contains(&format!("{option}\n")),
                "{document}: `{name}` has no {option}"
            );
        }
    }
}
