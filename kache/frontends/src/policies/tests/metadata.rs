//! What a proc macro can learn of the files that it looks at, besides their contents.

use super::stage::{Object, Stage, UNOPTIMISED};

const TRACE: &str =
    "10 start /tc/bin/rustc => /w aux=1\n10 module /tc/bin/rustc\n10 cwd\n10 module id=5 /w/macro.so\n";

fn lines(functions: Option<Vec<&'static str>>, imports: Vec<&'static str>, trace: &str) -> Vec<String> {
    let object = Object { functions, imports, calls_kernel: Some(false), ..Object::default() };
    let stage = Stage::rustc().file("/w/data").object("/w/macro.so", object);
    let known = stage.lines(TRACE);
    let all = stage.lines(&format!("{TRACE}{trace}"));
    all.into_iter().filter(|line| !known.contains(line)).collect()
}

fn named(function: &'static str) -> Option<Vec<&'static str>> {
    Some(vec![UNOPTIMISED, function])
}

const STATUS: &str = "status <workspace>/data";
const IDENTITY: &str = "host stat <workspace>/data";
const FILE: &str = "file <workspace>/data";

#[test]
fn what_its_functions_tell_counts_for_each_file_that_a_macro_looks_at() {
    let read = |function| lines(named(function), vec![], "10 read id=5 /w/data");
    assert_eq!(read("_ZN3std2fs8Metadata3len17h0E"), [FILE]);
    assert_eq!(read("_RNvMso_NtCs_3std2fsNtB5_8Metadata8modified"), [FILE, STATUS]);
    assert_eq!(
        read("_ZN69_$LT$std..fs..Metadata$u20$as$u20$std..os..linux..fs..MetadataExt$GT$8st_mtime17h0E"),
        [FILE, STATUS]
    );
    assert_eq!(
        read("_RNvXs2_NtNtNtCs_3std2os4unix2fsNtB8_8MetadataNtB6_11MetadataExt3ino"),
        [FILE, IDENTITY]
    );
    assert_eq!(
        read("_ZN68_$LT$std..fs..Metadata$u20$as$u20$std..os..unix..fs..MetadataExt$GT$5nlink17h0E"),
        [FILE, IDENTITY]
    );
    let reading =
        read("_ZN69_$LT$std..fs..Metadata$u20$as$u20$std..os..linux..fs..MetadataExt$GT$8st_atime17h0E");
    assert_eq!(reading, [FILE], "refused before it reads");
}

#[test]
fn a_crate_that_compares_files_is_excused() {
    let ino = "_ZN68_$LT$std..fs..Metadata$u20$as$u20$std..os..unix..fs..MetadataExt$GT$3ino17h0E";
    let walks = Some(vec![UNOPTIMISED, ino, "_ZN9same_file4unix6Handle17h0E"]);
    assert_eq!(lines(walks, vec![], "10 stat id=5 /w/data"), [FILE]);
}

#[test]
fn where_functions_have_no_names_all_counts() {
    let optimised = Some(vec!["_RNvNtNtCs_3std3sys2fs8metadata"]);
    assert_eq!(lines(optimised, vec![], "10 stat id=5 /w/data"), [FILE, IDENTITY, STATUS]);
    assert_eq!(lines(None, vec![], "10 stat id=5 /w/data"), [FILE, IDENTITY, STATUS], "stripped");
    let c = lines(Some(vec![UNOPTIMISED]), vec!["lstat"], "10 stat id=5 /w/data");
    assert_eq!(c, [FILE, IDENTITY, STATUS], "C code in a macro");
    let std = lines(Some(vec![UNOPTIMISED]), vec!["stat64", "fstat64", "statx"], "10 stat id=5 /w/data");
    assert_eq!(std, [FILE], "the standard library");
}

#[test]
fn the_times_of_a_file_that_was_just_made_are_a_clock() {
    let made = "10 write id=5 create /tmp/x\n10 stat id=5 /tmp/x";
    let refused = "refused clock: rustc can tell when /tmp/x was made";
    assert_eq!(lines(named("8Metadata8modified"), vec![], made), ["absent /tmp/x", refused]);
    assert_eq!(lines(named("8Metadata3len"), vec![], made), ["absent /tmp/x"]);
    assert_eq!(
        lines(named("8Metadata8modified"), vec![], "10 write create /tmp/x\n10 stat /tmp/x"),
        [""; 0],
        "rustc"
    );
}

#[test]
fn the_path_by_which_the_compiler_was_started_is_a_place() {
    let stage = |imports| {
        Stage::rustc().object(
            "/w/macro.so",
            Object {
                functions: Some(vec![UNOPTIMISED]),
                imports,
                calls_kernel: Some(false),
                ..Object::default()
            },
        )
    };
    let has_place = |imports| stage(imports).lines(TRACE).contains(&"place".to_string());
    assert!(has_place(vec!["program_invocation_name"]) && !has_place(vec!["__progname"]));
}
