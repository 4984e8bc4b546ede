//! `kache explain` names what is true of the build that is asked about, and no more.

use crate::KACHE;
use crate::env::{TestEnv, assert_success};
use crate::tools::require_tool;
use serde_json::{Value, json};
use std::fs;
use unicode_width::UnicodeWidthStr;

/// A package that depends on a library beside it.
fn project(test: &TestEnv, at: &str) {
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[features]\nfast = []\n\
                    [dependencies]\nleaf = { path = \"leaf\" }\n[workspace]\n";
    test.write(&format!("{at}/Cargo.toml"), manifest);
    test.write(
        &format!("{at}/src/main.rs"),
        "mod more;\nfn main() { println!(\"{}\", leaf::one() + more::two()); }\n",
    );
    test.write(&format!("{at}/src/more.rs"), "pub fn two() -> u32 { 2 }\n");
    let leaf = "[package]\nname = \"leaf\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    test.write(&format!("{at}/leaf/Cargo.toml"), leaf);
    test.write(&format!("{at}/leaf/src/lib.rs"), "pub fn one() -> u32 { 1 }\n");
    fs::create_dir_all(test.path(at).join(".git")).unwrap();
}

fn build(test: &TestEnv, at: &str, args: &[&str]) {
    let mut cargo = test.cargo(at, &[args, &["-q"]].concat());
    assert_success(cargo.env("KACHE_SEED", "0").env_remove("CARGO_PROFILE_DEV_DEBUG"));
}

/// Waits until the clock that stamps files has moved on.
fn tick() {
    std::thread::sleep(std::time::Duration::from_millis(20));
}

fn text(test: &TestEnv, args: &[&str]) -> String {
    String::from_utf8(assert_success(&mut test.kache(&[&["explain"], args].concat())).stdout).unwrap()
}

fn answer(test: &TestEnv, args: &[&str]) -> Value {
    let out = assert_success(&mut test.kache(&[&["explain"], args, &["--format", "json"]].concat()));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn summaries(answer: &Value) -> Vec<&str> {
    answer["causes"].as_array().unwrap().iter().map(|c| c["summary"].as_str().unwrap()).collect()
}

#[test]
fn a_build_is_compared_with_builds_for_the_same_purpose() {
    let test = TestEnv::new();
    project(&test, "w");
    build(&test, "w", &["build"]);
    assert_eq!(summaries(&answer(&test, &[])), ["first build"]);
    for (args, first) in [
        (&["build", "--release"][..], "first release build"),
        (&["check"], "first check"),
        (&["build", "--features", "fast"], "first build with the feature fast"),
    ] {
        build(&test, "w", args);
        let told = answer(&test, &["demo"]);
        assert_eq!(told["units"][0]["why"]["is"], "first-like", "{args:?}: {told:#}");
        assert_eq!(summaries(&told)[0], first, "{args:?}");
        assert!(text(&test, &["demo"]).contains(&format!("  {first}: no earlier one is recorded")));
    }
    // A release build is compared with a release build, though a debug build is newer.
    tick();
    test.write("w/src/more.rs", "pub fn two() -> u32 { 22 }\n");
    build(&test, "w", &["build", "--release"]);
    assert_eq!(summaries(&answer(&test, &["demo"])), ["file <workspace>/src/more.rs changed"]);
}

/// Only a word that is too long by itself, such as a path, goes beyond the terminal. It stays beside its label.
#[test]
fn lines_fit_a_narrow_terminal() {
    if !require_tool("script", "bsdutils") {
        return;
    }
    let test = TestEnv::new();
    project(&test, "w");
    build(&test, "w", &["build"]);
    tick();
    test.write("w/leaf/src/lib.rs", "pub fn one() -> u32 { 11 }\n");
    test.write("w/src/日本語のモジュールの説明.rs", "");
    test.write(
        "w/src/more.rs",
        "#[path = \"日本語のモジュールの説明.rs\"] mod m;\npub fn two() -> u32 { 22 }\n",
    );
    build(&test, "w", &["build"]);
    for command in ["explain", "explain demo --all", "explain leaf", "report"] {
        let out = test.on_a_terminal(60, &format!("NO_COLOR=1 {KACHE} {command}"));
        let text = String::from_utf8(out.stdout).unwrap().replace('\r', "");
        let is_long = |line: &&str| line.width() > 60 && line.split(' ').all(|word| word.width() <= 40);
        assert_eq!(text.lines().find(is_long), None, "{command}: {text}");
        assert!(text.lines().count() > 3 && text.lines().all(|line| line != "    - raw:"), "{text}");
    }
}

#[test]
fn only_what_this_build_missed_is_counted_and_blamed() {
    let test = TestEnv::new();
    project(&test, "w");
    build(&test, "w", &["build"]);
    tick();
    test.write("w/leaf/src/lib.rs", "pub fn one() -> u32 { 11 }\n");
    build(&test, "w", &["build", "-p", "leaf"]);
    build(&test, "w", &["build"]);
    let told = answer(&test, &[]);
    assert_eq!(told["causes"][0]["changed_units"], json!(["demo 0.1.0 (bin)"]), "{told:#}");
    assert_eq!(summaries(&told), ["the output of leaf 0.1.0 (lib) changed"]);
    let page = text(&test, &[]);
    assert!(page.starts_with("the last build, `cargo build -q --offline`, "), "{page}");
    assert!(
        page.contains(": 1 miss, 0 hits\n") && page.contains("  in 1 unit: demo 0.1.0 (bin)\n"),
        "{page}"
    );
    // With both in one build, the cause is the library.
    tick();
    test.write("w/leaf/src/lib.rs", "pub fn one() -> u32 { 111 }\n");
    build(&test, "w", &["build"]);
    let page = text(&test, &[]);
    assert!(page.contains("in 1 unit: leaf 0.1.0 (lib)\n  and so 1 more unit: demo 0.1.0 (bin)\n"), "{page}");
}

#[test]
fn outputs_of_dependencies_are_not_listed_after_a_cause_of_the_units_own() {
    let test = TestEnv::new();
    project(&test, "w");
    build(&test, "w", &["build"]);
    tick();
    test.write("w/leaf/src/lib.rs", "pub fn one() -> u32 { 11 }\n");
    test.write("w/src/more.rs", "pub fn two() -> u32 { 22 }\n");
    build(&test, "w", &["build"]);
    let page = text(&test, &["demo"]);
    let own = page.split("  follows from").next().unwrap();
    assert!(own.contains("file <workspace>/src/more.rs changed") && !own.contains("libleaf"), "{page}");
    assert!(own.contains("  and 1 output of another unit (--all)\n"), "{page}");
    assert!(text(&test, &["demo", "--all"]).contains("the output of leaf 0.1.0 (lib)"));
}

#[test]
fn a_result_that_was_not_found_is_not_said_to_be_evicted_or_damaged() {
    let test = TestEnv::new();
    project(&test, "w");
    build(&test, "w", &["build"]);
    fs::remove_dir_all(test.cache().join("v1/results")).unwrap();
    fs::remove_dir_all(test.path("w/target")).unwrap();
    build(&test, "w", &["build"]);
    assert_eq!(summaries(&answer(&test, &["demo"])), ["the lookup did not find its result"]);
    let page = text(&test, &["demo"]);
    assert!(page.contains("the lookup did not find the stored result; no reason was recorded"), "{page}");
    assert!(!page.contains("damaged") && !page.contains("evicted"), "{page}");
    // What is known is said.
    fs::remove_dir_all(test.path("w/target")).unwrap();
    assert_success(
        test.cargo("w", &["build", "-q"]).env("KACHE_READ", "0").env_remove("CARGO_PROFILE_DEV_DEBUG"),
    );
    let page = text(&test, &["demo"]);
    assert!(page.contains("the lookup did not find the stored result: the setting `read` is off"), "{page}");
}

#[test]
fn packages_of_one_name_are_told_apart() {
    let test = TestEnv::new();
    project(&test, "w");
    build(&test, "w", &["build"]);
    // Another project whose packages have the same names.
    project(&test, "other");
    for source in ["src/main.rs", "src/more.rs", "leaf/src/lib.rs"] {
        let text = fs::read_to_string(test.path("other").join(source)).unwrap();
        test.write(&format!("other/{source}"), &format!("// Other.\n{text}"));
    }
    build(&test, "other", &["build"]);
    assert_eq!(
        summaries(&answer(&test, &["demo"])),
        ["first build"],
        "it is not another version of the first"
    );
    // A second checkout with a change is another version.
    test.clone_checkout("w", "second");
    fs::remove_dir_all(test.path("second/target")).unwrap();
    tick();
    test.write("second/src/more.rs", "pub fn two() -> u32 { 22 }\n");
    build(&test, "second", &["build"]);
    assert_eq!(summaries(&answer(&test, &["demo"])), ["file <workspace>/src/more.rs changed"]);
    // One name, one version and one build.
    test.write("w/leaf/src/main.rs", "fn main() {}\n");
    let leaf = "[package]\nname = \"leaf\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[[bin]]\nname = \"tool\"\npath = \"src/main.rs\"\n";
    test.write("w/leaf/Cargo.toml", leaf);
    test.write("w/tool.rs", "fn main() {}\n");
    let manifest = fs::read_to_string(test.path("w/Cargo.toml")).unwrap();
    let bin = "[[bin]]\nname = \"tool\"\npath = \"tool.rs\"\n[workspace]\nmembers = [\"leaf\"]\n";
    test.write("w/Cargo.toml", &manifest.replace("[workspace]\n", bin));
    build(&test, "w", &["build", "--workspace", "--bin", "tool"]);
    let told = answer(&test, &["tool"]);
    let mut names: Vec<&str> =
        told["units"].as_array().unwrap().iter().map(|u| u["unit"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["tool 0.1.0 (bin) of demo", "tool 0.1.0 (bin) of leaf"]);
}

/// Builds a program with a dated object. Its date is the time of its source.
fn dated(test: &TestEnv, minute: u32) {
    let touched = format!("202001010{minute:03}");
    let touch = ["-t", &touched, "dated.c"];
    assert_success(std::process::Command::new("touch").args(touch).current_dir(test.path("w")));
    let mut make = std::process::Command::new("make");
    make.args(["-B", "prog"]).current_dir(test.path("w")).env("KACHE", crate::KACHE).env_remove("MAKEFLAGS");
    make.env("KACHE_CACHE_DIR", test.cache()).env("XDG_CONFIG_HOME", test.path("config"));
    make.env_remove("CARGO_PKG_NAME").env_remove("CARGO_PKG_VERSION").env_remove("SOURCE_DATE_EPOCH");
    assert_success(&mut make);
}

#[test]
fn a_root_that_costs_each_build_is_named_with_its_cost_and_the_remedy() {
    let test = TestEnv::new();
    test.write("w/dated.c", "const char *when = __TIMESTAMP__;\n");
    test.write("w/main.c", "extern const char *when; int main(void) { return !when; }\n");
    let link =
        "prog: dated.o main.o\n\t$(KACHE) cc dated.o main.o -o prog\n%.o: %.c\n\t$(KACHE) cc -c $< -o $@\n";
    test.write("w/Makefile", link);
    dated(&test, 1);
    assert!(answer(&test, &[])["roots"].is_null(), "what happened once may not happen again");
    dated(&test, 2);
    dated(&test, 3);
    let roots = answer(&test, &[])["roots"].clone();
    assert_eq!(roots.as_array().map(Vec::len), Some(1), "{roots:#}");
    let root = &roots[0];
    assert_eq!((&root["unit"], &root["kind"]), (&json!("dated.o (c)"), &json!("date")), "{root:#}");
    assert_eq!((&root["builds"], &root["affected"]), (&json!(3), &json!(["prog (link)"])), "{root:#}");
    let event = |name: &str| {
        test.events().into_iter().filter(|e| e.unit.name == name).map(|e| e.compile_us).sum::<u64>()
    };
    assert_eq!(root["cost_us"], json!(event("dated.o") + event("prog")));
    let said =
        "dated.o (c) contains the time of its build (`__DATE__` or `__TIME__`), and 1 more unit with it: ";
    let page = text(&test, &[]);
    assert!(page.contains(said) && page.contains(" in 3 builds; set `source_date_epoch = "), "{page}");
    let report = String::from_utf8(assert_success(&mut test.kache(&["report"])).stdout).unwrap();
    assert!(report.lines().count() == 7 && report.contains(&format!("each time {said}")), "{report}");
    let all = String::from_utf8(assert_success(&mut test.kache(&["report", "--all"])).stdout).unwrap();
    assert!(all.contains("units that cost each build") && all.contains(said), "{all}");
}
