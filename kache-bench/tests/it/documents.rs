//! Every command of the harness in the documents is one that it knows, option by option. (Most take minutes to hours: what they
//! do is what the other tests are about.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BEFORE: &[&str] = &[
    "cargo run --release -p kache-bench -- ",
    "cargo run --release --locked -p kache-bench -- ",
    "cargo run --release -p kache-bench --features remote -- ",
];

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

/// The `--help` of each command, as the page has it.
fn reference() -> String {
    let help = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_kache-bench"))
            .args(args)
            .arg("--help")
            .env_remove("COLUMNS")
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}");
        let text = String::from_utf8(out.stdout).unwrap();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    let all = help(&[]);
    let listed =
        all.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A line that goes on is indented further.
    let named =
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let commands = named.filter(|name| *name != "help");
    commands
        .map(|name| format!("## kache-bench {name}\n\n```plaintext\n{}\n```\n\n", help(&[name])))
        .collect()
}

#[test]
fn the_reference_of_the_harness_is_fresh() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kache/docs/src/reference/harness-cli.md");
    let text = fs::read_to_string(&page).unwrap();
    let (head, rest) = text.split_once("`end`. -->\n\n").expect("the page has a generated part");
    let (_, tail) = rest.split_once("\n<!-- end -->").expect("the generated part has an end");
    let fresh = format!("{head}`end`. -->\n\n{}\n\n<!-- end -->{tail}", reference().trim_end());
    if std::env::var_os("KACHE_REFRESH_DOCS").is_some() {
        fs::write(&page, fresh).unwrap();
    } else {
        let refresh = "KACHE_REFRESH_DOCS=1 cargo test -p kache-bench --test it reference";
        assert!(text == fresh, "{} is stale: run {refresh}", page.display());
    }
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

/// The names of the fields of a record, and of the entries of its lists.
fn fields(record: &serde_json::Value) -> Vec<&String> {
    let top = record.as_object().unwrap();
    let entries = top.values().filter_map(|value| value.as_array()?.first()?.as_object());
    top.keys().chain(entries.flat_map(|entry| entry.keys())).collect()
}

#[test]
fn every_field_of_the_recorded_runs_is_explained() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("results");
    let page = fs::read_to_string(results.join("README.md")).unwrap();
    let files = fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")) {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let record = serde_json::from_str(line).unwrap();
            for field in fields(&record) {
                assert!(page.contains(&format!("`{field}`")), "{} has `{field}`", file.display());
            }
        }
    }
}
