//! What programs and plugins take from the C library, and whose code a library is that looks on behalf of its callers.

use super::stage::{Object, Stage};

const RUSTC: &str = "10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n10 module id=1 /lib/libc.so.6\n\
                     10 module id=2 /usr/lib/libstdc++.so.6\n10 module id=3 /lib/libgcc_s.so.1\n10 cwd\n";

fn object(imports: &[&'static str], libraries: &[&'static str]) -> Object {
    Object {
        imports: imports.to_vec(),
        libraries: libraries.to_vec(),
        functions: Some(Vec::new()),
        calls_kernel: Some(false),
        ..Object::default()
    }
}

fn stage() -> Stage {
    Stage::rustc()
        .object("/lib/libc.so.6", Object { exports: vec!["open", "brand_new"], ..object(&[], &[]) })
        .plain_object("/usr/lib/libstdc++.so.6")
        .plain_object("/lib/libgcc_s.so.1")
}

fn refusal(stage: &Stage, trace: &str) -> String {
    let refused = stage.collect(trace).refused;
    refused.map_or_else(|| "stored".to_string(), |r| format!("{}: {}", r.reason, r.detail))
}

/// What becomes of a crate whose macro imports a symbol.
fn of_import(import: &'static str) -> String {
    let stage = stage().object("/w/p.so", object(&[import], &[]));
    refusal(&stage, &format!("{RUSTC}10 module id=5 /w/p.so"))
}

#[test]
fn a_symbol_is_judged_by_its_row() {
    assert_eq!(of_import("open@libc.so.6"), "stored");
    assert_eq!(of_import("cbrt@libm.so.6"), "stored");
    let unaccounted =
        |name: &str| format!("unrecorded-function: /w/p.so takes {name}, which no record accounts for");
    assert_eq!(of_import("mq_open@librt.so.1"), unaccounted("mq_open"));
    assert_eq!(of_import("mq_open"), unaccounted("mq_open"));
    assert_eq!(of_import("brand_new@libc.so.6"), unaccounted("brand_new"));
    assert_eq!(of_import("mq_open@libmine.so"), "stored", "of another library, by the same name");
    assert_eq!(of_import("brand_new@libmine.so"), "stored");
}

#[test]
fn a_symbol_without_a_version_is_the_c_librarys_if_that_exports_it() {
    assert_eq!(of_import("unheard_of"), "stored");
    assert!(of_import("brand_new").contains("takes brand_new"));
    let versioned = stage().object("/w/p.so", object(&["open@libc.so.6", "brand_new"], &[]));
    assert_eq!(refusal(&versioned, &format!("{RUSTC}10 module id=5 /w/p.so")), "stored");
}

#[test]
fn programs_and_their_libraries_are_judged_too() {
    let stage = stage()
        .object("/w/p.so", object(&[], &[]))
        .object("/usr/bin/queue", object(&["mq_open@libc.so.6"], &[]))
        .object("/usr/lib/libqueue.so", object(&["mq_open@libc.so.6"], &[]));
    let started = |by: &str, program: &str| {
        format!(
            "{RUSTC}10 module id=5 /w/p.so\n10 spawned posix_spawn {by} {program} aux=11\n\
             11 start {program} => /w aux=10\n11 module {program}\n"
        )
    };
    let is_refused = |trace: &str| refusal(&stage, trace).contains("takes mq_open");
    assert!(is_refused(&started("id=5", "/usr/bin/queue")), "by a macro");
    assert!(is_refused(&started("", "/usr/bin/queue")), "a script in the linker's place");
    assert!(!is_refused(&started("id=5", "/usr/bin/perl")));
    assert!(is_refused(&format!("{}11 module id=1 /usr/lib/libqueue.so", started("id=5", "/usr/bin/perl"))));
    assert!(!is_refused(&started("", "/usr/bin/ld")), "a tool");
}

#[test]
fn what_a_plugin_needs_of_the_c_library_is_an_input() {
    let stage = stage().object("/w/p.so", object(&[], &["libc.so.6", "libgcc_s.so.1"]));
    let without = stage.lines(RUSTC);
    assert!(!without.iter().any(|line| line.contains("/lib/")), "{without:?}");
    let with = stage.lines(&format!("{RUSTC}10 module id=5 /w/p.so"));
    assert_eq!(with, ["file /lib/libc.so.6", "file <workspace>/p.so", "library p.so"]);
}

#[test]
fn what_a_program_needs_of_the_c_library_is_an_input() {
    let trace = format!(
        "{RUSTC}10 module id=5 /w/p.so\n10 spawned posix_spawn id=5 /usr/bin/perl aux=11\n\
         11 start /usr/bin/perl => /w aux=10\n11 module /usr/bin/perl\n11 module id=1 /lib/libc.so.6\n\
         11 module id=2 /lib/libgcc_s.so.1"
    );
    let lines = stage().object("/w/p.so", object(&[], &[])).lines(&trace);
    assert!(lines.contains(&"file /lib/libc.so.6".to_string()), "{lines:?}");
    assert!(!lines.contains(&"file /lib/libgcc_s.so.1".to_string()), "{lines:?}");
}

#[test]
fn a_library_that_a_plugin_needs_looks_for_the_plugin() {
    let asks = |module: u32| format!("10 volatile id={module} time");
    let alone = stage().object("/w/p.so", object(&[], &[]));
    let sharing = stage().object("/w/p.so", object(&[], &["libstdc++.so.6"]));
    let of = |stage: &Stage, module| {
        refusal(stage, &format!("{RUSTC}10 module id=5 /w/p.so\n{}", asks(module))) == "stored"
    };
    assert!(of(&alone, 2) && of(&alone, 1), "the compiler's own");
    assert!(!of(&sharing, 2) && of(&sharing, 1));
    let lines = sharing.lines(&format!("{RUSTC}10 module id=5 /w/p.so"));
    assert!(lines.contains(&"file /usr/lib/libstdc++.so.6".to_string()), "{lines:?}");
    // By way of another library, and by the plugin's own loading.
    let indirect = stage()
        .object("/w/p.so", object(&[], &["libmine.so"]))
        .object("/w/libmine.so", object(&[], &["libstdc++.so.6"]));
    let trace = "10 module id=5 /w/p.so\n10 module id=6 /w/libmine.so\n";
    assert!(refusal(&indirect, &format!("{RUSTC}{trace}{}", asks(2))).starts_with("clock"));
    let loaded = format!("{RUSTC}10 module id=5 /w/p.so\n10 dlopen id=5 libstdc++.so.6\n{}", asks(2));
    assert!(refusal(&alone, &loaded).starts_with("clock"));
}

#[test]
fn a_library_that_comes_with_a_plugin_is_none_of_the_compilers() {
    let start = RUSTC.replace("10 module id=2 /usr/lib/libstdc++.so.6\n", "");
    let late = format!(
        "{start}10 module id=5 /w/p.so\n10 module id=6 /usr/lib/libstdc++.so.6\n10 volatile id=6 time"
    );
    let stage = stage().object("/w/p.so", object(&[], &["libstdc++.so.6"]));
    assert!(refusal(&stage, &late).starts_with("clock"));
    let late = late.replace("libstdc++.so.6", "libm.so.6");
    let stage = stage.plain_object("/usr/lib/libm.so.6");
    assert!(refusal(&stage, &late).starts_with("clock"), "a part of the C library");
}

#[test]
fn what_is_looked_up_while_a_program_runs_is_judged_by_the_same_rows() {
    let stage = stage().object("/w/p.so", object(&[], &[]));
    let of = |event: &str| refusal(&stage, &format!("{RUSTC}10 module id=5 /w/p.so\n10 lookup {event}"));
    let taken = |name: &str| format!("unrecorded-function: rustc takes {name}, which no record accounts for");
    assert_eq!(of("id=5 strlen"), "stored");
    assert_eq!(of("id=5 of_c_library strlen"), "stored");
    assert_eq!(of("id=5 mq_open"), taken("mq_open"));
    assert_eq!(of("mq_open"), "stored", "by the compiler");
    assert_eq!(of("id=5 open"), "stored", "the hook, or a function of a plugin that has the same name");
    assert_eq!(of("id=5 of_c_library open"), taken("open"), "past the hook");
    assert_eq!(of("id=5 of_c_library unheard_of"), taken("unheard_of"));
    assert_eq!(of("id=5 unheard_of"), "stored");
    assert_eq!(of("id=5 brand_new"), taken("brand_new"));
    let trace = format!("{RUSTC}10 module id=5 /w/p.so\n10 lookup id=5 of_c_library environ");
    assert!(stage.lines(&trace).contains(&"env-all every".to_string()));
}
