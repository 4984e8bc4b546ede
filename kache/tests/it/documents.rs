//! The commands in the README and the manual are run: each page in a project of its own, through the real binary.
//!
//! | fence | meaning |
//! | --- | --- |
//! | `sh` | run here |
//! | `sh ci` | `.ci/run` takes each line from the README and runs it |
//! | `sh no-run` | cannot be run here: the first line is a comment that says why. Options of kache, packages and scripts must exist |
//!
//! Text of kache's own is `plaintext`, which a narrow screen wraps; `text` may be a drawing.
//!
//! A file for another program (`yaml`, `dockerfile`) is not run either and begins with such a comment. A `toml` block is read as
//! a `kache.toml`.

use crate::KACHE;
use crate::manual::{self, Block, root};
use crate::tools::require_tool;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How the first line of a block begins that is not run.
const NOT_RUN: &str = "# Not run by the tests";

/// Tools that a page may need and a machine may lack: what a line begins with, and the Debian package.
const TOOLS: &[(&str, &str)] = &[("cmake", "cmake"), ("meson", "meson")];

/// A project with a crate, a crate that it depends on, and a file in C with files for three build systems.
const PROJECT: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nserde = { path = \"serde\" }\n[workspace]\n",
    ),
    ("src/main.rs", "fn main() { println!(\"{}\", serde::one()) }\n"),
    ("serde/Cargo.toml", "[package]\nname = \"serde\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("serde/src/lib.rs", "pub fn one() -> u32 { 1 }\n"),
    ("hello.c", "int hello(void) { return 1; }\n"),
    ("Makefile", "hello.o: hello.c\n\t$(CC) -c hello.c -o hello.o\n"),
    (
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.10)\nproject(hello C)\nadd_library(hello STATIC hello.c)\n",
    ),
    ("meson.build", "project('hello', 'c', 'cpp')\nstatic_library('hello', 'hello.c')\n"),
    (".gitignore", "/target\n"),
];

/// A home with that project, as somebody has it who has built the project once.
fn set_up(home: &Path) {
    for (name, text) in PROJECT {
        let file = home.join("project").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    fs::create_dir_all(home.join("bin")).unwrap();
    std::os::unix::fs::symlink(KACHE, home.join("bin/kache")).unwrap();
    let commit = "git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm a";
    let script = format!("cargo build && kache cc -c hello.c -o hello.o && {commit}");
    let built = shell(home, &script).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// A shell in that home, without this user's settings.
fn shell(home: &Path, script: &str) -> Command {
    let mut c = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = ["KACHE_", "CARGO", "RUSTC", "XDG_", "GIT_"].iter().any(|p| text.starts_with(p));
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
    // As somebody has it who has set kache up.
    c.env("RUSTC_WRAPPER", "kache");
    c.current_dir(home.join("project")).stdin(Stdio::null());
    c
}

/// The line as it is run. A command that draws on a terminal gets one, and a key that ends it.
fn runnable(line: &str) -> String {
    if line.contains("kache monitor") {
        let line = line.split(" #").next().unwrap_or(line).trim();
        return format!("printf q | TERM=xterm timeout 60 script -qec '{line}' /dev/null");
    }
    line.to_string()
}

/// Runs the blocks of a page in a copy of the home `built`.
fn run(page: &Path, built: &Path) {
    let blocks = manual::blocks(&fs::read_to_string(page).unwrap());
    let blocks: Vec<&Block> = blocks.iter().filter(|block| block.fence == "sh").collect();
    if blocks.is_empty() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(built.join(".")).arg(home.path()).status().unwrap();
    assert!(copied.success());
    for block in blocks {
        let has_tool = |line: &String| {
            let needed = TOOLS.iter().find(|(tool, _)| line.contains(&format!("{tool} ")));
            needed.is_none_or(|(tool, package)| require_tool(tool, package))
        };
        if !block.lines.iter().all(has_tool) {
            continue;
        }
        let mut script = String::new();
        for line in &block.lines {
            let line = runnable(line);
            script += &format!("echo ':: '{}\n{line}\n", quoted(&line));
        }
        let ran = shell(home.path(), &script).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        let last = out.lines().rfind(|l| l.starts_with(":: ")).unwrap_or_default();
        let place = format!("{}:{}", page.display(), block.at);
        assert!(ran.status.success(), "{place}: {last}\n{out}\n{err}");
        assert!(!err.contains("kache: error") && !err.contains("kache: warning"), "{place}: {err}");
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn the_commands_of_each_page_run() {
    let built = tempfile::tempdir().unwrap();
    set_up(built.path());
    let pages = manual::documents();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(page, built.path());
                }
            });
        }
    });
}

#[test]
fn a_block_that_is_not_run_says_why_and_names_what_exists() {
    for page in manual::documents() {
        for block in manual::blocks(&fs::read_to_string(&page).unwrap()) {
            let place = format!("{}:{}", page.display(), block.at);
            let says_why = || block.lines.first().is_some_and(|line| line.starts_with(NOT_RUN));
            match block.fence.as_str() {
                "sh no-run" => {
                    assert!(says_why(), "{place}: begin the block with `{NOT_RUN}: …`");
                    block.lines[1..].iter().for_each(|line| check(line, &place));
                }
                "sh ci" => check_ci(&page, &block, &place),
                "yaml" | "dockerfile" => assert!(says_why(), "{place}: begin the block with `{NOT_RUN}: …`"),
                "toml" => {
                    let read = kache_core::settings::Settings::with_file(&page, &block.lines.join("\n"));
                    assert!(read.warnings.is_empty(), "{place}: {:?}", read.warnings);
                }
                "sh" | "text" | "plaintext" | "json" | "toml cargo" => {}
                other => panic!("{place}: `{other}` is not a fence that the tests know"),
            }
        }
    }
}

/// Checks a line that is not run.
fn check(line: &str, place: &str) {
    let words: Vec<&str> = line.split(" #").next().unwrap_or(line).split_whitespace().collect();
    let value = |flag: &str| words.iter().position(|word| *word == flag).map(|at| words[at + 1]);
    match words[..] {
        ["kache", command, ..] => {
            let help = Command::new(KACHE).args([command, "--help"]).output().unwrap();
            assert!(help.status.success(), "{place}: there is no command `{command}`");
            let help = String::from_utf8_lossy(&help.stdout).into_owned();
            let own = words.iter().take_while(|word| **word != "--");
            for option in own.filter(|word| word.starts_with("--")) {
                assert!(help.contains(option), "{place}: `kache {command}` has no {option}");
            }
        }
        ["cargo", "install" | "test" | "run", ..] => {
            let is_package = |path: &str| root().join(path).join("Cargo.toml").is_file();
            assert!(value("--path").is_none_or(is_package), "{place}: {line}");
            assert!(value("-p").is_none_or(|name| packages().contains(&name.to_string())), "{place}: {line}");
        }
        [script, ..] if script.starts_with("scripts/") || script.starts_with(".ci/") => {
            let mode = root().join(script).metadata().unwrap_or_else(|e| panic!("{place}: {script}: {e}"));
            assert!(mode.permissions().mode() & 0o111 != 0, "{place}: {script} cannot be run");
        }
        _ => {}
    }
}

/// The names of the workspace's packages.
fn packages() -> Vec<String> {
    let members = [
        "kache",
        "kache/agent",
        "kache/core",
        "kache/frontends",
        "kache/report",
        "kache/seed",
        "kache-bench",
    ];
    let name = |member: &&str| {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \""));
        name.unwrap().trim_end_matches('"').to_string()
    };
    members.iter().map(name).collect()
}

/// Each line of such a block is in the README, and `.ci/run` asks for it.
fn check_ci(page: &Path, block: &Block, place: &str) {
    assert!(page.ends_with("README.md"), "{place}: .ci/run reads the README only");
    let script = fs::read_to_string(root().join(".ci/run")).unwrap();
    let asked: Vec<&str> =
        script.split("readme '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    for line in &block.lines {
        assert!(asked.iter().any(|text| line.contains(text)), "{place}: .ci/run does not run `{line}`");
    }
}
