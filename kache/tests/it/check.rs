//! Hits that are compiled all the same: what is compared, what becomes of a wrong result, and where it shows.

use crate::env::{LIB, TestEnv, USE, assert_success, proc_macro};
use kache_core::digest::Digest;
use kache_core::events::{Checked, Event, Outcome, Phase};
use kache_core::store::Store;
use kache_core::store::differences;
use kache_core::store::result::ActionResult;
use serde_json::Value;
use std::fs;

const C: &[&str] = &["gcc", "-c", "f.c", "-o", "f.o", "-MD", "-Wall"];

/// Compiles with that share of checks, and says what the event says.
fn run(test: &TestEnv, args: &[&str], share: &str) -> Event {
    assert_success(test.kache(args).env("KACHE_CHECK", share));
    test.last()
}

/// What the cache commands say.
fn ask(test: &TestEnv, args: &[&str]) -> String {
    String::from_utf8(assert_success(&mut test.kache(args)).stdout).unwrap()
}

/// Alters the stored result of the last event through the library, so that everything is whole and nothing is right.
fn poison(test: &TestEnv, alter: impl FnOnce(&Store, &mut ActionResult)) -> Digest {
    let key = Digest::from_hex(&test.last().result.unwrap()).unwrap();
    let store = Store::open(&test.cache()).unwrap();
    let mut result = ActionResult::load(&store, &key).unwrap();
    alter(&store, &mut result);
    result.save(&store, &key).unwrap();
    key
}

/// Gives the output whose name ends so other bytes.
fn plant(store: &Store, result: &mut ActionResult, name: &str, bytes: &[u8]) {
    let output =
        result.outputs.iter_mut().find(|o| o.path.ends_with(name.as_bytes())).expect("such an output");
    output.digest = store.put_bytes(bytes).unwrap();
}

#[test]
fn what_is_right_is_a_hit_and_none_is_compiled_at_a_share_of_nothing() {
    for (args, file, text) in [
        (LIB, "w/l.rs", "pub fn f() { let unused = 1; }"),
        (C, "w/f.c", "static int unused; int f(void) { return __LINE__; }"),
    ] {
        let test = TestEnv::new();
        test.write(file, text);
        assert_eq!(run(&test, args, "1").checked, None, "a miss is no check");
        for share in ["1", "100%"] {
            let event = run(&test, args, share);
            assert_eq!(
                (event.outcome, event.checked),
                (Outcome::Hit, Some(Checked::Same)),
                "{:?}",
                event.detail
            );
            assert!(event.phases_us.contains_key(&Phase::Compile) && !event.outputs.is_empty());
            let event = run(&test, args, "0");
            assert_eq!((event.outcome, event.checked), (Outcome::Hit, None));
            assert!(!event.phases_us.contains_key(&Phase::Compile));
        }
        assert!(differences::list(&test.cache()).is_empty());
    }
}

#[test]
fn another_checkout_is_checked_in_portable_form() {
    let test = TestEnv::new();
    for dir in ["w", "a/much/longer/one"] {
        fs::create_dir_all(test.path(dir).join(".git")).unwrap();
        test.write(&format!("{dir}/l.rs"), "pub fn f() { let unused = 1; }");
    }
    run(&test, LIB, "0");
    assert_success(test.kache_in("a/much/longer/one", LIB).env("KACHE_CHECK", "1"));
    let event = test.last();
    assert_eq!((event.outcome, event.checked), (Outcome::Hit, Some(Checked::Same)), "{:?}", event.detail);
}

#[test]
fn a_wrong_result_is_found_dropped_and_kept_to_look_at() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() {}");
    run(&test, LIB, "0");
    let right = fs::read(test.path("w/libl.rlib")).unwrap();
    let key = poison(&test, |store, result| plant(store, result, ".rlib", b"wrong"));
    assert_eq!(run(&test, LIB, "0").outcome, Outcome::Hit);
    assert_eq!(fs::read(test.path("w/libl.rlib")).unwrap(), b"wrong", "nothing but a compile can notice");

    let event = run(&test, LIB, "1");
    assert_eq!(
        (event.outcome, event.checked, event.stored),
        (Outcome::Miss, Some(Checked::Different), false)
    );
    assert_eq!(event.reason_word(), Some("different"));
    assert!(event.detail.as_deref().unwrap().contains("<workspace>/libl.rlib"), "{:?}", event.detail);
    assert_eq!(fs::read(test.path("w/libl.rlib")).unwrap(), right, "the build has the compiler's own");

    let (place, kept) = differences::list(&test.cache()).remove(0);
    assert_eq!((kept.names().as_str(), kept.result.as_str()), ("<workspace>/libl.rlib", key.hex().as_str()));
    assert_eq!(kept.fresh_result.as_ref(), Some(&kept.result), "the compile looked at the same");
    assert_eq!(fs::read(place.join("stored-0")).unwrap(), b"wrong");
    assert_eq!(fs::read(place.join("fresh-0")).unwrap(), right);
    assert!(place.join("trace.json").exists() && place.join("fresh-trace.json").exists());

    let report = ask(&test, &["report", "--all"]);
    assert!(
        report.contains("results that a check found to differ") && report.contains("libl.rlib"),
        "{report}"
    );
    let json: Value = serde_json::from_str(&ask(&test, &["report", "--format", "json"])).unwrap();
    assert_eq!(json["scopes"][2]["units"]["checked"]["different"], 1);
    assert_eq!(json["differences"][0]["outputs"][0]["what"], "<workspace>/libl.rlib");
    let explained = ask(&test, &["explain", "l"]);
    assert!(explained.contains("compiled to check it") && explained.contains("libl.rlib"), "{explained}");

    assert_eq!(run(&test, LIB, "0").outcome, Outcome::Miss, "the entry is gone");
    assert_eq!(run(&test, LIB, "1").checked, Some(Checked::Same));
    assert_eq!(fs::read(test.path("w/libl.rlib")).unwrap(), right);
}

#[test]
fn everything_that_a_hit_gives_back_is_compared() {
    type Alter = fn(&Store, &mut ActionResult);
    let cases: &[(&str, Alter)] = &[
        ("<output>/object", |store, r| plant(store, r, "/object", b"")),
        ("<output>/depfile", |store, r| plant(store, r, "/depfile", b"f.o: other.c\n")),
        ("<output>/object", |_, r| r.outputs.retain(|o| !o.path.ends_with(b"/object"))),
        ("<output>/object", |_, r| {
            r.outputs.iter_mut().for_each(|o| o.executable = o.path.ends_with(b"/object"));
        }),
        ("<workspace>/more", |_, r| {
            let mut more = r.outputs[0].clone();
            more.path = b"<workspace>/more".to_vec();
            r.outputs.push(more);
        }),
        ("stderr", |_, r| r.stderr.extend(b"f.c: warning: made up\n")),
        ("stdout", |_, r| r.stdout = b"made up\n".to_vec()),
    ];
    for (what, alter) in cases {
        let test = TestEnv::new();
        test.write("w/f.c", "static int unused; int f(void) { return __LINE__; }");
        run(&test, C, "0");
        poison(&test, *alter);
        let event = run(&test, C, "1");
        assert_eq!(event.checked, Some(Checked::Different), "{what}: {event:?}");
        assert_eq!(differences::list(&test.cache())[0].1.names(), *what);
        assert_eq!(run(&test, C, "1").outcome, Outcome::Miss, "{what}");
    }
}

#[test]
fn a_compile_that_fails_where_a_result_was_stored_differs_by_its_status() {
    let test = TestEnv::new();
    test.write("w/f.c", "int f(void) { return 1; }");
    run(&test, C, "0");
    fs::remove_file(test.path("w/f.o")).unwrap();
    test.write("w/f.o/in the way", "");
    let out = test.kache(C).env("KACHE_CHECK", "1").output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert_eq!((test.last().status, test.last().checked), (1, Some(Checked::Different)));
    let (place, kept) = differences::list(&test.cache()).remove(0);
    assert_eq!(kept.names(), "status");
    assert_eq!(fs::read(place.join("fresh-0")).unwrap(), b"1");
}

#[test]
fn a_macro_that_is_random_differs() {
    let test = TestEnv::new();
    let body = "use std::hash::{BuildHasher, Hasher}; std::collections::hash_map::RandomState::new().build_hasher().finish().to_string()";
    proc_macro(&test, body);
    assert_eq!(run(&test, USE, "1").outcome, Outcome::Miss);
    let event = run(&test, USE, "1");
    assert_eq!((event.outcome, event.checked), (Outcome::Miss, Some(Checked::Different)), "{event:?}");
    assert_eq!(run(&test, USE, "1").checked, None, "nothing is left to check");
}

#[test]
fn what_may_store_nothing_drops_what_is_wrong_and_keeps_no_copies() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() {}");
    run(&test, LIB, "0");
    poison(&test, |store, result| plant(store, result, ".rlib", b"wrong"));
    assert_success(test.kache(LIB).env("KACHE_CHECK", "1").env("KACHE_WRITE", "0"));
    assert_eq!(test.last().checked, Some(Checked::Different));
    assert!(differences::list(&test.cache()).is_empty());
    assert_eq!(run(&test, LIB, "0").outcome, Outcome::Miss);
}

#[test]
fn an_invalid_fraction_gives_a_warning_and_checks_nothing() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() {}");
    run(&test, LIB, "0");
    let out = assert_success(test.kache(LIB).env("KACHE_CHECK", "often"));
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(told.contains("KACHE_CHECK: `check` is `often`, but must be a fraction"), "{told}");
    assert_eq!((test.last().outcome, test.last().checked), (Outcome::Hit, None));
    // From the file, as a number.
    test.write("w/kache.toml", "check = 1\n");
    assert_success(&mut test.kache(LIB));
    assert_eq!(test.last().checked, Some(Checked::Same));
}
