//! Where the loader searched for the libraries of programs and plugins.

use super::stage::{Object, Stage, UNOPTIMISED};

const RUSTC: &str = "10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n10 cwd\n10 module id=5 /w/plugin.so\n\
                     10 exec id=5 /w/prog\n10 spawned posix_spawn id=5 /w/prog aux=11\n";
const PLUGIN: &str =
    "10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n10 cwd\n10 module id=5 /w/plugin.so\n";

fn object(libraries: &[&'static str], directories: &[&'static str]) -> Object {
    Object {
        libraries: libraries.to_vec(),
        directories: directories.to_vec(),
        functions: Some(vec![UNOPTIMISED]),
        calls_kernel: Some(false),
        ..Object::default()
    }
}

fn stage() -> Stage {
    Stage::rustc().object("/w/plugin.so", object(&[], &[]))
}

fn program(stage: &Stage, trace: &str) -> Vec<String> {
    let trace = format!("{RUSTC}11 start /w/prog => /w aux=10\n{trace}11 exit");
    let found = stage.collect(&trace);
    assert_eq!(found.refused, None);
    found.dependencies.iter().map(kache_core::dependency::Dependency::label).collect()
}

#[track_caller]
fn has(found: &[String], expected: &[&str]) {
    for one in expected {
        assert!(found.iter().any(|label| label == one), "no {one}: {found:#?}");
    }
}

#[test]
fn a_library_may_appear_in_each_directory_that_an_object_names() {
    let stage = stage()
        .object("/w/prog", object(&["liba.so"], &["$ORIGIN/a:$ORIGIN/b"]))
        .object("/w/b/liba.so", object(&["libdeep.so"], &["/w/c"]))
        .object("/w/b/libdeep.so", object(&[], &[]));
    let modules = "11 module /w/prog\n11 module id=1 /w/b/liba.so\n11 module id=2 /w/b/libdeep.so\n";
    let found = program(&stage, modules);
    has(
        &found,
        &["path <workspace>/a/liba.so", "path <workspace>/b/glibc-hwcaps", "file <workspace>/b/liba.so"],
    );
    has(&found, &["path <workspace>/a/libdeep.so", "path <workspace>/c/libdeep.so", "library libdeep.so"]);
    assert!(!found.contains(&"path <workspace>/c/liba.so".to_string()), "it was named later: {found:#?}");
}

#[test]
fn directories_for_a_processor_are_searched_first() {
    let stage = stage()
        .object("/w/prog", object(&["liba.so"], &["/w/b"]))
        .object("/w/b/liba.so", object(&[], &[]))
        .directory("/w/b/glibc-hwcaps/x86-64-v3");
    let found = program(&stage, "11 module /w/prog\n11 module id=1 /w/b/liba.so\n");
    has(&found, &["listing <workspace>/b/glibc-hwcaps", "path <workspace>/b/glibc-hwcaps/x86-64-v3/liba.so"]);
}

#[test]
fn a_program_may_have_a_search_path_of_its_own() {
    let stage = stage()
        .variable("LD_LIBRARY_PATH", "/w/given")
        .object("/w/prog", object(&["liba.so"], &[]))
        .object("/w/b/liba.so", object(&[], &[]));
    let of = |path: &str| {
        program(
            &stage,
            &format!("11 named ./prog => {path}\n11 module /w/prog\n11 module id=1 /w/b/liba.so\n"),
        )
    };
    has(&of("a:/w/b"), &["path <workspace>/a/liba.so", "library liba.so"]);
    assert!(
        of("/w/given").iter().all(|label| !label.contains("given")),
        "the dependency on the name covers it"
    );
}

#[test]
fn what_a_library_lacks_is_searched_for_when_the_loader_is_asked_for_it() {
    let stage = stage()
        .object("/w/prog", object(&[], &["/w/b"]))
        .object("/w/b/liba.so", object(&["libmissing.so", "libpresent.so"], &["$ORIGIN/deep"]))
        .object("/w/b/deep/libpresent.so", object(&["libfurther.so"], &[]));
    for asked in ["11 dlopen liba.so\n", "11 dlopen /w/b/liba.so\n"] {
        let found = program(&stage, &format!("11 module /w/prog\n{asked}"));
        has(&found, &["path <workspace>/b/libmissing.so", "path <workspace>/b/deep/libmissing.so"]);
        has(&found, &["library libmissing.so", "file <workspace>/b/deep/libpresent.so"]);
        has(&found, &["path <workspace>/b/libfurther.so", "library libfurther.so"]);
    }
}

#[test]
fn what_a_plugin_needs_is_searched_for_too() {
    let stage = Stage::rustc()
        .object("/w/plugin.so", object(&["liba.so"], &["/w/a:/w/b"]))
        .object("/w/b/liba.so", object(&[], &[]));
    let found = stage.collect(&format!("{PLUGIN}10 module id=6 /w/b/liba.so")).dependencies;
    let found: Vec<_> = found.iter().map(kache_core::dependency::Dependency::label).collect();
    has(&found, &["path <workspace>/a/liba.so", "file <workspace>/b/liba.so"]);
}
