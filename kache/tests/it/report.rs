//! `kache report` against a count made by hand: the events' lines are read here as plain JSON, and added up anew.

mod fleet;

use crate::KACHE;
use crate::env::{LIB, TestEnv, assert_success, tick_in_shell};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// The lines of the events, as they are written.
fn lines(test: &TestEnv) -> Vec<Value> {
    let files = fs::read_dir(test.cache().join("v1/events")).unwrap().map(|f| f.unwrap().path());
    let text: String = files.map(|f| fs::read_to_string(f).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ask(test: &TestEnv, args: &[&str]) -> String {
    String::from_utf8(assert_success(&mut test.kache(&[&["report"], args].concat())).stdout).unwrap()
}

fn answer(test: &TestEnv, args: &[&str]) -> Value {
    serde_json::from_str(&ask(test, &[args, &["--format", "json"]].concat())).unwrap()
}

/// As one build: a shell runs them, and is the parent of each.
fn build(test: &TestEnv, compiles: &[&str]) {
    let each: Vec<String> = compiles.iter().map(|c| format!("'{KACHE}' {c}")).collect();
    let script = format!("{}{}\nexit 0", tick_in_shell(test.dir.path()), each.join("; tick; "));
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &script]).current_dir(test.path("w")).env("KACHE_CACHE_DIR", test.cache());
    // Units would be named by the package that is tested.
    shell.env_remove("CARGO_PKG_NAME").env_remove("CARGO_PKG_VERSION");
    assert_success(shell.env("XDG_CONFIG_HOME", test.path("config")).env_remove("RUSTC_WRAPPER"));
}

/// Appends what no small build makes: kache in trouble, a hit of the remote, two days ago.
fn add(test: &TestEnv, like: &Value, with: Value) {
    let mut event: Map<String, Value> = like.as_object().unwrap().clone();
    event.extend(with.as_object().unwrap().clone());
    let path = test.cache().join("v1/events/1.jsonl");
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(path, before + &Value::Object(event).to_string() + "\n").unwrap();
}

fn filled() -> TestEnv {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn one() -> u32 { 1 }");
    test.write("w/bad.rs", "fn");
    test.write("w/c.c", "int one(void) { return 1; }\n");
    let lib = LIB.join(" ");
    build(&test, &[&lib, "rustc -vV"]);
    build(
        &test,
        &[
            &format!("{lib} 2>/dev/null"),
            "rustc --crate-name bad --crate-type lib bad.rs 2>/dev/null",
            &format!("{lib} --no-such-flag 2>/dev/null"),
            "cc -c c.c -o c.o",
            // Other inputs, the same bytes.
            "cc -c c.c -o c.o -DNOBODY_ASKS",
        ],
    );
    let hit = lines(&test).into_iter().find(|e| e["outcome"] == "hit" && e["kind"] == "unit").unwrap();
    let day = 86_400_000_000u64;
    let then = hit["time_us"].as_u64().unwrap() - 2 * day;
    add(&test, &hit, json!({"time_us": then, "build": "old", "remote": {"way": "fetched", "us": 7}}));
    add(&test, &hit, json!({"time_us": then, "build": "old", "outcome": "error", "reason": "panic"}));
    test
}

fn ended<'a, 'b: 'a>(events: &'a [&'b Value], is: &'static str) -> impl Iterator<Item = &'b Value> + 'a {
    events.iter().copied().filter(move |e| e["outcome"] == is)
}

/// Adds up a number of the events that a test chooses.
fn sum<'a>(events: impl IntoIterator<Item = &'a Value>, number: impl Fn(&Value) -> u64) -> u64 {
    events.into_iter().map(number).sum()
}

#[test]
fn each_figure_is_what_a_count_by_hand_gives() {
    let test = filled();
    let events = lines(&test);
    let report = answer(&test, &[]);
    assert_eq!(report["v"], 2);
    let newest = events.iter().filter(|e| e["kind"] == "unit").max_by_key(|e| e["time_us"].as_u64()).unwrap();
    let last = newest["build"].clone();
    for (scope, name, within) in [
        (0, "last-build", &(|e: &Value| e["build"] == last) as &dyn Fn(&Value) -> bool),
        (1, "last-day", &|e: &Value| e["build"] != "old"),
        (2, "all", &|_: &Value| true),
    ] {
        let told = &report["scopes"][scope];
        assert_eq!(told["scope"], name);
        let units: Vec<&Value> = events.iter().filter(|e| within(e) && e["kind"] == "unit").collect();
        let with = |key: &str, is: &str| units.iter().filter(|e| e[key] == is).count() as u64;
        let of = |key: &'static str| move |e: &Value| e[key].as_u64().unwrap_or(0);
        let u = &told["units"];
        let (hits, misses, errors) =
            (with("outcome", "hit"), with("outcome", "miss"), with("outcome", "error"));
        assert_eq!((&u["hits"], &u["misses"]), (&json!(hits), &json!(misses)), "{name}");
        assert_eq!(told["hit_rate"], json!(hits as f64 / (hits + misses + errors) as f64));
        assert_eq!(u["errors"], if errors > 0 { json!({"panic": errors}) } else { json!({}) });
        assert_eq!(
            u["remote_hits"],
            json!(ended(&units, "hit").filter(|e| e["remote"]["way"] == "fetched").count())
        );
        assert_eq!(u["not_stored"]["failed"], json!(with("reason", "failed")));
        assert_eq!(u["passthroughs"]["unknown-flag"], json!(with("reason", "unknown-flag")));
        let stored = || ended(&units, "miss").filter(|e| e["stored"] == true);
        assert_eq!(u["stored"], json!(stored().count()));
        let dup = |e: &&Value| e["bytes"].as_u64() > Some(0) && e["bytes"] == e["known_bytes"];
        assert_eq!((stored().filter(dup).count(), &u["dups"]), (1, &json!(1)), "{name}");
        assert_eq!(told["stored_bytes"], json!(sum(stored(), of("bytes"))));
        assert_eq!(told["known_bytes"], json!(sum(stored(), of("known_bytes"))));
        let hits = || ended(&units, "hit");
        let time = &told["time"];
        let saved = sum(hits(), of("compile_us")) as i64 - sum(hits(), of("total_us")) as i64;
        assert_eq!(
            (&time["saved_us"], &time["hits_us"]),
            (&json!(saved), &json!(sum(hits(), of("total_us"))))
        );
        assert_eq!(time["compile_us"], json!(sum(ended(&units, "miss"), of("compile_us"))));
        assert_eq!(told["restored"]["bytes"], json!(sum(hits(), of("bytes"))));
        for (method, given) in told["restored"]["methods"].as_object().unwrap() {
            assert_eq!(given["files"], json!(sum(hits(), |e| e["restore"][method].as_u64().unwrap_or(0))));
            let bytes = sum(hits(), |e| e["restore_bytes"][method].as_u64().unwrap_or(0));
            assert!(bytes > 0 && given["bytes"] == json!(bytes));
        }
        let by_method = told["restored"]["methods"].as_object().unwrap().values();
        let methods: u64 = by_method.map(|g| g["bytes"].as_u64().unwrap()).sum();
        assert_eq!(told["restored"]["bytes"], json!(methods), "{name}: every byte has a method");
        let slowest = ended(&units, "miss").map(|e| e["compile_us"].as_u64().unwrap()).max();
        assert_eq!(told["slowest"][0]["compile_us"].as_u64(), slowest);
    }
    assert_eq!(report["scopes"][0]["builds"], 1);
    assert_eq!(report["scopes"][2]["builds"], 3);
    let probes = report["scopes"][1]["probes"].as_object().unwrap().values();
    assert_eq!(probes.map(|n| n.as_u64().unwrap()).sum::<u64>(), 1);
}

#[test]
fn what_sharing_saves_is_the_blobs_that_two_results_name() {
    let test = filled();
    let report = answer(&test, &[]);
    let object = fs::metadata(test.path("w/c.o")).unwrap().len();
    let sharing = &report["sharing"];
    // A crate, an object twice, and the answer to `-vV`.
    assert_eq!((&sharing["results"], &sharing["saved_bytes"]), (&json!(4), &json!(object)));
    let blobs: u64 = files(&test.cache().join("v1/blobs")).into_iter().sum();
    assert_eq!(
        (&sharing["blob_bytes"], &report["store"]["kinds"]["blobs"]["bytes"]),
        (&json!(blobs), &json!(blobs))
    );
}

fn files(dir: &Path) -> Vec<u64> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p.metadata().unwrap().len()] }).collect()
}

#[test]
fn the_default_is_six_lines_about_the_last_build_of_this_workspace() {
    let test = filled();
    let text = ask(&test, &[]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    let at = |n: usize, name: &str| {
        let rest = lines[n].strip_prefix(name).unwrap_or_else(|| panic!("line {n} is not {name}: {text}"));
        rest.trim_start().to_string()
    };
    assert!(at(0, "project").ends_with("/w"), "{text}");
    assert!(at(1, "command").contains(" ago, took "), "{text}");
    assert_eq!(at(2, "hits"), "1 of 4 units, 25.0 %");
    assert!(at(3, "saved").ends_with(" of compile time"), "{text}");
    assert!(at(4, "misses").starts_with("3, of which "), "{text}");
    assert!(at(5, "kache").contains("store v1"), "{text}");
    // Another project has not been built.
    fs::create_dir_all(test.path("elsewhere/.git")).unwrap();
    let other = assert_success(&mut test.kache_in("elsewhere", &["report"])).stdout;
    let other = String::from_utf8(other).unwrap();
    assert!(other.contains("none is recorded here; the last build was in "), "{other}");
    let none = ask(&TestEnv::new(), &[]);
    assert!(none.contains("no build is recorded yet: `kache init`"), "{none}");
}

#[test]
fn a_cache_that_cannot_be_used_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let test = filled();
    fs::set_permissions(test.cache().join("v1"), fs::Permissions::from_mode(0o777)).unwrap();
    for args in [&[][..], &["--all"]] {
        let text = ask(&test, args);
        assert!(text.contains("cannot be used, so builds run without it: "), "{text}");
    }
}

#[test]
fn every_form_says_the_same_and_names_the_kache_that_says_it() {
    let test = filled();
    let report = answer(&test, &["--last-build"]);
    let saved = report["scopes"][0]["units"]["hits"].as_u64().unwrap();
    assert_eq!((saved, report["scopes"].as_array().unwrap().len()), (1, 1));
    let observer = report["observer"].as_str().unwrap();
    let footer = format!("kache {}, store format v1, observer {observer}", report["kache"].as_str().unwrap());
    let text = ask(&test, &["--last-build"]);
    assert!(text.ends_with(&format!("{footer}\n")) && !text.contains('\x1b'), "{text}");
    assert!(
        text.lines().any(|l| l.starts_with("  hit rate ") && l.contains(" 25.0 %"))
            && text.contains("unknown-flag"),
        "{text}"
    );
    let page = ask(&test, &["--last-build", "--format", "markdown"]);
    assert!(page.contains(&footer) && page.contains("| hit rate | 25.0 % |"), "{page}");
    let summary = ask(&test, &["--format", "github"]);
    assert!(summary.starts_with("### kache: 25.0 % hits") && summary.contains("<details>"), "{summary}");
    assert!(summary.contains("Last build: 1 hit, ") && !summary.contains(" 1 errors"), "{summary}");
    // The old name of it.
    assert_eq!(answer(&test, &["--since", "1h"])["scopes"][0]["units"]["hits"], 1);
    assert!(
        assert_success(&mut test.kache(&["stats", "--all"]))
            .stdout
            .starts_with(b"last build, last day, all of ")
    );
}

#[test]
fn without_an_invocation_there_is_no_page_of_noughts() {
    let test = TestEnv::new();
    let text = ask(&test, &["--all"]);
    assert!(text.contains("no build is recorded yet: `kache init`") && !text.contains("hit rate"), "{text}");
    assert!(text.contains("the whole cache"), "{text}");
    let test = filled();
    let text = ask(&test, &["--since", "0s"]);
    assert!(text.contains("no build is recorded for that time") && !text.contains("`kache init`"), "{text}");
}

#[test]
fn what_is_stored_is_listed_and_shown_by_its_key() {
    let test = filled();
    let kache = |args: &[&str]| String::from_utf8(assert_success(&mut test.kache(args)).stdout).unwrap();
    let json = |args: &[&str]| -> Value {
        serde_json::from_str(&kache(&[args, &["--format", "json"]].concat())).unwrap()
    };
    let listed = json(&["list", "l (lib)"]);
    assert_eq!((&listed["of"], &listed["results"][0]["hits"]), (&json!(1), &json!(2)));
    let key = listed["results"][0]["key"].as_str().unwrap().to_string();
    assert_eq!(kache(&["list", "l (lib)", "--keys"]), key.clone() + "\n");
    assert_eq!(json(&["list", "--limit", "2"])["results"].as_array().unwrap().len(), 2);
    let shown = json(&["show", &key[..10]]);
    assert_eq!((&shown["key"], &shown["unit"]), (&json!(key), &json!("l (lib)")));
    let rlib =
        shown["outputs"].as_array().unwrap().iter().find(|o| o["path"] == "<workspace>/libl.rlib").unwrap();
    assert_eq!(rlib["bytes"], json!(fs::metadata(test.path("w/libl.rlib")).unwrap().len()));
    let text = kache(&["show", &key]);
    assert!(
        text.contains("file <workspace>/l.rs") && text.contains("raw: ") && text.contains(&key),
        "{text}"
    );
    for (asked, says) in [("serde", "is not a key"), ("", "is not a key"), (&"0".repeat(64), "kache list")] {
        let refused = test.kache(&["show", asked]).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains(says), "{said}");
    }
}
