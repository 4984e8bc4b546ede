//! Every command in the documents is run: each fenced block of shell, in a project of its own, through the real binary.
//!
//! A line that takes too long here is a row of [`NOT_RUN`], which checks it in another way. A new command in a document is run,
//! or needs a row.

use crate::KACHE;
use crate::tools::require_tool;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What must hold of the words of a line.
type Check = fn(&[&str]) -> bool;

/// How lines begin that are not run, and their checks.
const NOT_RUN: &[(&str, Check)] = &[
    // The harness's own test of the documents checks these options.
    ("cargo run --release -p kache-bench", |_| true),
    ("cargo test", names_a_package),
    ("cargo install", names_a_package),
    ("scripts/", |words| root().join(words[0]).metadata().unwrap().permissions().mode() & 0o111 != 0),
    // It is a script of Mozilla's.
    ("../configure", |words| words[1] == "--with-compiler-wrapper=kache"),
];

/// Whether the value of `-p` or `--path` is a package of the workspace. Without one it is the whole workspace.
fn names_a_package(words: &[&str]) -> bool {
    let members = ["kache", "kache/agent", "kache/core", "kache/frontends", "kache/report", "kache-bench"];
    let value = |flag: &str| words.iter().position(|word| *word == flag).map(|at| words[at + 1]);
    let is_named = |member: &str, name: &str| {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        manifest.contains(&format!("\nname = \"{name}\"\n"))
    };
    value("--path").is_none_or(|path| members.contains(&path))
        && value("-p").is_none_or(|name| members.iter().any(|member| is_named(member, name)))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A home, and in it a checkout with a crate, a crate that it depends on, and a file in C with a makefile.
fn project(home: &Path) -> PathBuf {
    let p = home.join("project");
    for (name, text) in [
        (
            "project/Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nserde = { path = \"serde\" }\n[workspace]\n",
        ),
        ("project/src/main.rs", "fn main() { println!(\"{}\", serde::one()) }\n"),
        (
            "project/serde/Cargo.toml",
            "[package]\nname = \"serde\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        ),
        ("project/serde/src/lib.rs", "pub fn one() -> u32 { 1 }\n"),
        ("project/hello.c", "int hello(void) { return 1; }\n"),
        ("project/Makefile", "hello.o: hello.c\n\t$(CC) -c hello.c -o hello.o\n"),
        (
            "project/CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.10)\nproject(hello C)\nadd_library(hello STATIC hello.c)\n",
        ),
        ("project/.git/HEAD", "ref: refs/heads/main\n"),
    ] {
        let file = home.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let bin = home.join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(KACHE, bin.join("kache")).unwrap();
    p
}

/// A shell in that home, with nothing of this user's settings.
fn shell(home: &Path, script: &str) -> Command {
    let mut c = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = ["KACHE_", "CARGO", "RUSTC", "XDG_"].iter().any(|p| text.starts_with(p));
        if ours || text == "CI" {
            c.env_remove(&name);
        }
    }
    let rustup = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let rustup = rustup.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".rustup"));
    let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap());
    c.args(["-e", "-o", "pipefail", "-c", script]).env("HOME", home).env("RUSTUP_HOME", rustup);
    c.env("CARGO_HOME", home.join(".cargo"))
        .env("PATH", path)
        .env("GITHUB_STEP_SUMMARY", home.join("summary"));
    // As one has it who has set kache up.
    c.env("RUSTC_WRAPPER", "kache");
    c.current_dir(home.join("project")).stdin(Stdio::null());
    c
}

/// The shell blocks of a document, line by line.
fn blocks(text: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut open: Option<Vec<String>> = None;
    for line in text.lines() {
        match (&mut open, line.trim()) {
            (None, "```sh") => open = Some(Vec::new()),
            (Some(_), "```") => all.extend(open.take()),
            (Some(block), line) if !line.is_empty() => block.push(line.to_string()),
            _ => {}
        }
    }
    all
}

/// The line as it is run, if it is. A command that draws on a terminal gets one, and a key that ends it.
fn runnable(line: &str) -> Option<String> {
    if let Some((_, holds)) = NOT_RUN.iter().find(|(prefix, _)| line.starts_with(prefix)) {
        let words: Vec<&str> = line.split(" #").next().unwrap_or(line).split_whitespace().collect();
        assert!(holds(&words), "{line}");
        return None;
    }
    if line.starts_with("cmake") && !require_tool("cmake", "cmake") {
        return None;
    }
    if line.contains("kache monitor") {
        let line = line.split(" #").next().unwrap_or(line).trim();
        return Some(format!("printf q | TERM=xterm timeout 60 script -qec '{line}' /dev/null"));
    }
    Some(line.to_string())
}

fn run(document: &Path) {
    let home = tempfile::tempdir().unwrap();
    project(home.path());
    // What was built before anybody asked.
    let built = shell(home.path(), "cargo build && kache cc -c hello.c -o hello.o").output();
    let built = built.unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for block in blocks(&fs::read_to_string(document).unwrap()) {
        let mut script = String::new();
        for line in &block {
            if let Some(line) = runnable(line) {
                script += &format!("echo ':: '{}\n{line}\n", quoted(&line));
            }
        }
        let ran = shell(home.path(), &script).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        let last = out.lines().rfind(|l| l.starts_with(":: ")).unwrap_or_default();
        assert!(ran.status.success(), "{}: {last}\n{out}\n{err}", document.display());
        assert!(
            !err.contains("kache: error") && !err.contains("kache: warning"),
            "{}: {err}",
            document.display()
        );
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

macro_rules! documents {
    ($($name:ident: $path:literal;)*) => {
        $(#[test] fn $name() { run(&root().join($path)); })*

        #[test]
        fn no_page_of_the_manual_is_left_out() {
            let named: &[&str] = &[$($path),*];
            for page in fs::read_dir(root().join("kache/docs")).unwrap() {
                let name = format!("kache/docs/{}", page.unwrap().file_name().display());
                assert!(named.contains(&name.as_str()), "{name} is not run");
            }
        }
    };
}

documents! {
    the_readme: "README.md";
    the_index: "kache/docs/README.md";
    seeing: "kache/docs/seeing.md";
    scripts: "kache/docs/scripts.md";
    seeding: "kache/docs/seeding.md";
    keys: "kache/docs/keys.md";
    portability: "kache/docs/portability.md";
    c_and_cpp: "kache/docs/c.md";
    settings: "kache/docs/settings.md";
    storage: "kache/docs/storage.md";
    ci: "kache/docs/ci.md";
    harness: "kache/docs/harness.md";
    a_flag: "kache/docs/flag-row.md";
    a_workload: "kache/docs/workload.md";
    a_trap: "kache/docs/trap.md";
    style: "kache/docs/style.md";
}

#[test]
fn every_setting_is_in_the_manual_and_nothing_else() {
    let page = fs::read_to_string(root().join("kache/docs/settings.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|l| l.starts_with("| `")).collect();
    let expected: Vec<String> = kache_core::settings::TABLE
        .iter()
        .map(|r| format!("| `{}` | `{}` | {} | {} |", r.var, r.key, r.default, r.what))
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn links_of_the_manual_lead_somewhere() {
    let docs = root().join("kache/docs");
    for page in fs::read_dir(&docs).unwrap() {
        let text = fs::read_to_string(page.unwrap().path()).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = link.split_once('#').map_or((link, None), |(f, h)| (f, Some(h)));
            let led = fs::read_to_string(docs.join(file)).unwrap_or_else(|e| panic!("{link}: {e}"));
            if let Some(heading) = heading {
                let there =
                    |l: &str| l.trim_start_matches('#').trim().to_lowercase().replace(' ', "-") == heading;
                assert!(led.lines().filter(|l| l.starts_with('#')).any(there), "{link}");
            }
        }
    }
}
