//! The `firefox` workload as it is in `workloads/`, with a stand-in for Firefox's repository: its layout, a `mach` that does in
//! small what mozbuild does (a configured compiler of several words, depfiles named `.deps/x.o.pp`, a header that every source
//! is given, one workspace of vendored crates built by `cargo rustc` into the objects' directory). What cannot be had here is
//! Firefox; what can is that the workload's own commands, variables and wiring lead both compilers through the cache.

use crate::support::{kache, record};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MACH: &str = r##"#!/bin/sh
set -eu
test "$1" = build
top=$(cd "$(dirname "$0")" && pwd)
grep -q '^ac_add_options --disable-bootstrap$' "$MOZCONFIG"
obj=$(sed -n "s|^mk_add_options MOZ_OBJDIR=@TOPSRCDIR@|$top|p" "$MOZCONFIG")
mkdir -p "$obj/xpcom/base/.deps" "$obj/config" "$MOZBUILD_STATE_PATH"
if [ ! -f "$obj/config.status" ]; then
    echo 'int main(void) { return 0; }' >"$obj/conftest.c"
    $CC -o "$obj/conftest" "$obj/conftest.c"
    echo "#define MOZ_BUILDID $MOZ_BUILD_DATE" >"$obj/mozilla-config.h"
    for unified in 0 1; do
        echo "#include \"$top/xpcom/base/nsPart$unified.cpp\"" >"$obj/xpcom/base/Unified_cpp_base$unified.cpp"
    done
    { echo "topsrcdir = $top"; echo "CC = $CC"; echo "CXX = $CXX"; } >"$obj/config/autoconf.mk"
    echo done >"$obj/config.status"
fi
make -s -j2 -C "$obj/xpcom/base" -f "$top/config/rules.mk"
"##;

const RULES: &str = "\
include ../../config/autoconf.mk
export CARGO_TARGET_DIR = $(abspath ../..)
OBJS = Unified_cpp_base0.o Unified_cpp_base1.o nsAlone.o plain.o
FLAGS = -g -O2 -I$(topsrcdir)/mfbt -include ../../mozilla-config.h -MD -MP -MF .deps/$@.pp
all: $(OBJS) rust
Unified_%.o: Unified_%.cpp ; $(CXX) -o $@ -c $(FLAGS) $<
nsAlone.o: $(topsrcdir)/xpcom/base/nsAlone.cpp ; $(CXX) -o $@ -c $(FLAGS) $<
plain.o: $(topsrcdir)/xpcom/base/plain.c ; $(CC) -o $@ -c $(FLAGS) $<
rust: ; +cargo rustc --release --frozen --manifest-path $(topsrcdir)/toolkit/library/rust/Cargo.toml --lib
.PHONY: all rust
-include $(wildcard .deps/*.pp)
";

const PART: &str = "#include \"Part.h\"\nconst char* PART() { return MOZ_PART(__FILE__); }\n";

const FILES: &[(&str, &str)] = &[
    (".gitignore", "/obj-*\n/mozconfig*\n/.mozbuild\n"),
    (
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"third_party/rust\"\n",
    ),
    ("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"toolkit/library/rust\"]\n"),
    ("Cargo.lock", LOCK),
    (
        "toolkit/library/rust/Cargo.toml",
        "[package]\nname = \"gkrust\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\ncrate-type = [\"staticlib\"]\n\
         [dependencies]\nstandin = \"1.0.0\"\n",
    ),
    (
        "toolkit/library/rust/lib.rs",
        "#[no_mangle]\npub extern \"C\" fn gk() -> u32 {\n    standin::value()\n}\n",
    ),
    (
        "third_party/rust/standin/Cargo.toml",
        "[package]\nname = \"standin\"\nversion = \"1.0.0\"\nedition = \"2021\"\nbuild = \"build.rs\"\n",
    ),
    ("third_party/rust/standin/.cargo-checksum.json", "{\"files\":{},\"package\":null}"),
    (
        "third_party/rust/standin/build.rs",
        "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    std::fs::write(out + \"/value.rs\", \"7\").unwrap();\n}\n",
    ),
    (
        "third_party/rust/standin/src/lib.rs",
        "pub fn value() -> u32 {\n    include!(concat!(env!(\"OUT_DIR\"), \"/value.rs\"))\n}\n",
    ),
    ("mfbt/Part.h", "#define MOZ_PART(file) file\n"),
    ("xpcom/base/plain.c", "int plain(void) { return sizeof(MOZ_BUILDID); }\n"),
    ("config/rules.mk", RULES),
    ("mach", MACH),
];

const LOCK: &str = r#"version = 3

[[package]]
name = "gkrust"
version = "0.1.0"
dependencies = [
 "standin",
]

[[package]]
name = "standin"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
"#;

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn make_executable(file: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn git(dir: &Path, arguments: &[&str]) {
    let identity =
        ["-c", "user.name=somebody", "-c", "user.email=somebody@localhost", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").args(identity).args(arguments).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A value of the workload's file.
fn of_workload(key: &str) -> String {
    let text = fs::read_to_string(workloads().join("firefox.toml")).unwrap();
    let file: toml::Table = text.parse().unwrap();
    let (table, key) = key.split_once('.').unwrap();
    file[table][key].as_str().unwrap().to_owned()
}

fn workloads() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads")
}

/// A repository with the layout of Firefox's, and the two tags that the workload names.
fn repository(at: &Path) {
    for (name, text) in FILES {
        write(&at.join(name), text);
    }
    for (name, part) in [("nsPart0", "Part0"), ("nsPart1", "Part1"), ("nsAlone", "Alone")] {
        write(&at.join(format!("xpcom/base/{name}.cpp")), &PART.replace("PART()", &format!("{part}()")));
    }
    make_executable(&at.join("mach"));
    git(at, &["init", "--quiet"]);
    git(at, &["add", "--force", "."]);
    git(at, &["commit", "--quiet", "-m", "A release"]);
    git(at, &["tag", &of_workload("pull.from")]);
    write(&at.join("xpcom/base/nsAlone.cpp"), &PART.replace("PART()", "Changed()"));
    git(at, &["commit", "--quiet", "-a", "-m", "A later one"]);
    git(at, &["tag", &of_workload("source.rev")]);
}

/// Stand-ins for what Firefox needs of the machine and its stand-in does not.
fn tools(at: &Path) {
    for name in ["cbindgen", "clang", "llvm-config", "m4", "nasm", "node", "unzip", "zip", "pkg-config"] {
        write(&at.join(name), "#!/bin/sh\necho \"a stand-in was called: $0\" >&2\nexit 1\n");
        make_executable(&at.join(name));
    }
    write(&at.join("dpkg-query"), "#!/bin/sh\necho installed\n");
    make_executable(&at.join("dpkg-query"));
}

fn bench(dir: &Path, command: &str, arguments: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap();
    Command::new(env!("CARGO_BIN_EXE_kache-bench"))
        .args([
            command,
            "firefox",
            "--results",
            "results",
            "--dir",
            "scratch",
            "--format",
            "json",
            "--workloads",
        ])
        .arg(workloads())
        .arg("--kache")
        .arg(kache())
        .args(arguments)
        .env("PATH", format!("{}:{path}", dir.join("tools").display()))
        .current_dir(dir)
        .output()
        .unwrap()
}

#[test]
fn its_commands_and_wiring_lead_both_compilers_through_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    repository(&dir.path().join("mirror"));
    tools(&dir.path().join("tools"));
    let output = bench(dir.path(), "check", &["--verify", "--source", "mirror"]);
    let record = record(&output);
    // Two in Rust, a build script and its run, which the second clone confirms; three in C++ and one in C.
    let builds: Vec<_> =
        record["phases"].as_array().unwrap().iter().filter(|p| p["summary"].is_object()).collect();
    let units: Vec<_> =
        builds.iter().map(|p| (p["summary"]["units"].clone(), p["summary"]["hits"].clone())).collect();
    let counts = |units: u64, hits: u64| (Value::from(units), Value::from(hits));
    let expected = [counts(8, 0), counts(8, 7), counts(8, 8), counts(8, 8), counts(0, 0), counts(8, 0)];
    assert_eq!(units, expected, "{record:#}");
    assert_eq!((&record["hit_rate"], &record["key_stability"]), (&1.0.into(), &1.0.into()));
    assert_eq!(record["artifacts"]["mismatches"].as_array().unwrap().len(), 0, "{record:#}");
    // All that can be said against it is that it is not Firefox.
    let problems = record["verdict"]["problems"].as_array().unwrap();
    assert!(problems.len() == 1 && problems[0].as_str().unwrap().contains("8 units"), "{problems:#?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn it_is_pulled_from_one_release_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    repository(&dir.path().join("mirror"));
    tools(&dir.path().join("tools"));
    let record = record(&bench(dir.path(), "pull", &["--source", "mirror"]));
    let missed: Vec<_> = record["missed"].as_array().unwrap().iter().map(|m| &m["unit"]).collect();
    assert_eq!(missed, ["obj-build/xpcom/base/nsAlone.o (c++)"], "{record:#}");
    assert!(record["missed"][0]["cause"].as_str().unwrap().contains("nsAlone.cpp"), "{record:#}");
    assert_eq!(record["after"]["summary"]["hits"], 7);
}

#[test]
fn a_source_that_cannot_be_reached_is_told_before_any_tool_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let url = "http://127.0.0.1:9/mozilla-firefox/firefox";
    let output = bench(dir.path(), "check", &["--source", url]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("the repository of workload `firefox` cannot be reached"), "{told}");
    assert!(told.contains(&format!("where: {url}")) && told.contains("--source URL-OR-PATH"), "{told}");
    assert_eq!(fs::read_dir(dir.path().join("scratch")).unwrap().count(), 0);
}

#[test]
fn only_a_repository_can_be_taken_from_elsewhere() {
    let output = Command::new(env!("CARGO_BIN_EXE_kache-bench"))
        .args(["check", "ripgrep", "--source", "/nowhere", "--workloads"])
        .arg(workloads())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("is not a repository: crate ripgrep"), "{told}");
}
