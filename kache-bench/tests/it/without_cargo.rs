//! A build that is not cargo's: its compilers are put behind the cache in the way it listens to, and what it leaves is compared
//! as well, beside its sources, by what its files are, and with what a fresh clone in the same place makes.

use crate::support::{harness, record};
use serde_json::Value;
use std::fs;

const WORKLOAD: &str = r#"
description = "A makefile that builds among its sources"
[source]
kind = "path"
path = "made"
[wiring]
rustc = false
cc = "WIRING"
[setup]
commands = ["echo 'at {checkout}' > config.log"]
[build]
commands = ["make all"]
[clean]
commands = ["make clean"]
[tools]
required = ["cc", "make", "ar"]
[expect]
units = 3
"#;

/// Without a seed gcc writes the time into coverage notes and into the object that goes with them.
const MAKEFILE: &str = "\
all: app\n\
app: main.o libparts.a\n\t$(CC) --coverage -o $@ main.o libparts.a\n\
libparts.a: part.o other.o\n\tar crU $@ part.o other.o\n\
%.o: %.c\n\t$(CC) -g --coverage -frandom-seed=$@ -MMD $(STAMP) -c $< -o $@\n\
clean:\n\trm -f app *.o *.a *.d *.gcno\n\
-include $(wildcard *.d)\n";

/// The record of a run.
fn run(command: &[&str], wiring: &str, makefile: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let sources = dir.path().join("made");
    fs::create_dir_all(&sources).unwrap();
    fs::write(dir.path().join("made.toml"), WORKLOAD.replace("WIRING", wiring)).unwrap();
    fs::write(sources.join("Makefile"), makefile).unwrap();
    fs::write(sources.join(".gitignore"), "*.o\n*.a\n*.d\n*.gcno\n").unwrap();
    fs::write(sources.join("main.c"), "int part(void);\nint main(void) { return part(); }\n").unwrap();
    fs::write(sources.join("part.c"), "int other(void);\nint part(void) { return other(); }\n").unwrap();
    let other = "#ifndef STAMP\n#define STAMP 0\n#endif\nint other(void) { return STAMP; }\n";
    fs::write(sources.join("other.c"), other).unwrap();
    let arguments = [command, &["made", "--format", "json"]].concat();
    record(&harness(dir.path(), &arguments).output().unwrap())
}

/// The comparison of a verified run.
fn verify(makefile: &str) -> Value {
    run(&["verify"], "env", makefile)["artifacts"].clone()
}

#[test]
fn objects_archives_depfiles_and_notes_are_compared() {
    let found = verify(MAKEFILE);
    // Three objects, depfiles and notes; the program and the archive, whose members carry times with `ar U`.
    assert_eq!(found["artifacts"], 11, "{found:#}");
    assert_eq!(found["mismatches"].as_array().unwrap().len(), 0, "{found:#}");
}

#[test]
fn what_differs_is_named_with_all_that_is_made_of_it() {
    let found = verify(&MAKEFILE.replace("$(STAMP)", "-DSTAMP=$$(date +%s%N)L"));
    let differing: Vec<_> =
        found["mismatches"].as_array().unwrap().iter().map(|m| m["file"].as_str().unwrap()).collect();
    assert_eq!(differing, ["app", "libparts.a", "other.o"], "{found:#}");
}

#[test]
fn compilers_are_behind_the_cache_by_the_environment_or_by_their_names() {
    // An archive with times is another input of the link in each clone.
    let plain = MAKEFILE.replace("--coverage ", "").replace("ar crU", "ar crD");
    // A makefile that names its compiler does not listen to the environment.
    let deaf = format!("CC = cc\n{plain}");
    for (wiring, makefile) in [("env", &plain), ("shims", &plain), ("shims", &deaf)] {
        let record = run(&["check", "--verify"], wiring, makefile);
        assert_eq!(record["verdict"]["ok"], true, "{wiring}: {record:#}");
        assert_eq!(record["hit_rate"], 1.0, "{wiring}: {record:#}");
    }
    let record = run(&["check"], "env", &deaf);
    assert_eq!(record["verdict"]["ok"], false, "no unit came by the cache: {record:#}");
}
