//! Every command of the harness in the documents is one that it knows, option by option. (Most take minutes to hours: what they
//! do is what the other tests are about.)

use std::fs;
use std::path::Path;
use std::process::Command;

const RUN: &str = "cargo run --release -p kache-bench -- ";

/// All such lines, with the document that each is from.
fn commands() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manual = fs::read_dir(root.join("kache/docs")).unwrap().map(|f| f.unwrap().path());
    let documents =
        manual.chain(["README.md", "workloads/README.md", "results/README.md"].map(|f| root.join(f)));
    let mut all = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let lines = text.lines().filter_map(|l| l.trim().strip_prefix(RUN));
        all.extend(
            lines.map(|l| {
                (document.display().to_string(), l.split(" #").next().unwrap_or(l).trim().to_string())
            }),
        );
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
