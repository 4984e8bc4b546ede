//! Completion in a shell offers what there is.

use std::process::Command;

#[test]
fn completion_offers_the_workloads() {
    let program = env!("CARGO_BIN_EXE_kache-bench");
    for shell in ["bash", "zsh", "fish"] {
        let script = Command::new(program).args(["completions", shell]).output().unwrap();
        assert!(String::from_utf8_lossy(&script.stdout).contains("_KACHE_BENCH_COMPLETE"), "{script:?}");
        for command in ["check", "verify", "gate"] {
            let mut ask = Command::new(program);
            ask.env("_KACHE_BENCH_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "2").env("_CLAP_IFS", "\n");
            let said = ask.args(["--", "kache-bench", command, "dem"]).output().unwrap();
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(said.lines().any(|line| line.starts_with("demo")), "{shell} {command}: {said}");
        }
    }
}
