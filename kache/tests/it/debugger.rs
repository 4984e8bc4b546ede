//! A binary that was restored into another checkout: gdb, started there, shows that checkout's sources, and a hit starts
//! no process.

use crate::KACHE;
use crate::tools::require_tool;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn checkout(dir: &Path) {
    fs::create_dir_all(dir.join(".git")).unwrap();
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::create_dir_all(dir.join("target/debug/build/x/out")).unwrap();
    fs::create_dir_all(dir.join("target/debug/deps")).unwrap();
    fs::write(dir.join("target/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55").unwrap();
    fs::write(
        dir.join("src/main.rs"),
        "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\nfn main() {\n    println!(\"{}\", made()); // the marked line\n}\n",
    )
    .unwrap();
    fs::write(dir.join("target/debug/build/x/out/made.rs"), "fn made() -> u8 {\n    7 // the made line\n}\n")
        .unwrap();
}

fn kache(dir: &Path, cache: &Path, before: &[&str]) -> Output {
    let mut words = before.to_vec();
    words.push(KACHE);
    let out = Command::new(words[0])
        .args(&words[1..])
        .args(["rustc", "--crate-name=app", "--edition=2021", "src/main.rs", "--crate-type=bin", "-g"])
        .args(["--emit=dep-info,link", "--out-dir"])
        .arg(dir.join("target/debug/deps"))
        .current_dir(dir)
        .env("OUT_DIR", dir.join("target/debug/build/x/out"))
        .env("KACHE_CACHE_DIR", cache)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out
}

fn gdb(dir: &Path, commands: &[&str]) -> String {
    let mut c = Command::new("gdb");
    c.args(["-nx", "-batch"]).current_dir(dir);
    for command in commands {
        c.args(["-ex", command]);
    }
    let out = c.arg("target/debug/deps/app").output().unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

#[test]
fn gdb_finds_the_sources_of_the_checkout_it_is_started_in() {
    if !require_tool("gdb", "gdb") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (a, b, cache) = (dir.path().join("a"), dir.path().join("much/deeper/b"), dir.path().join("cache"));
    checkout(&a);
    checkout(&b);
    kache(&a, &cache, &[]);
    kache(&b, &cache, &[]);
    let events = kache_core::events::read_all(&cache).unwrap();
    assert_eq!(events.last().unwrap().outcome, kache_core::events::Outcome::Hit);
    // What is shown must be of this checkout: the other is gone.
    fs::remove_dir_all(&a).unwrap();
    let shown = gdb(&b, &["list app::main", "break app::made", "list app::made"]);
    assert!(shown.contains("the marked line") && shown.contains("the made line"), "{shown}");
}

#[test]
fn a_hit_starts_no_process() {
    if !require_tool("strace", "strace") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (a, cache, log) = (dir.path().join("a"), dir.path().join("cache"), dir.path().join("log"));
    checkout(&a);
    kache(&a, &cache, &[]);
    let log_name = log.to_str().unwrap().to_string();
    kache(&a, &cache, &["strace", "-f", "-e", "trace=execve,fork,vfork,clone,clone3", "-o", &log_name]);
    let text = fs::read_to_string(&log).unwrap();
    let calls: Vec<&str> = text.lines().filter(|l| l.contains('(') && !l.contains("---")).collect();
    assert_eq!(calls.len(), 1, "only the wrapper itself: {text}");
}
