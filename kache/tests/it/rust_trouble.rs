//! No trouble of kache's own shows in a build through the real rustc.

use crate::env::{LIB, TestEnv, assert_success};
use crate::tools::missing;
use kache_core::events::Outcome;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn a_failing_compile_is_the_compilers_own() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() -> u8 { \"x\" }");
    let plain = Command::new("rustc").current_dir(test.path("w")).args(&LIB[1..]).output().unwrap();
    for _ in 0..2 {
        let out = test.kache(LIB).output().unwrap();
        assert_eq!(
            (out.status.code(), out.stdout, out.stderr),
            (plain.status.code(), plain.stdout.clone(), plain.stderr.clone())
        );
    }
    let out = test.kache(&["rustc", "-"]).stdin(Stdio::piped()).output().unwrap();
    assert!(!out.status.success() && test.last().reason_word() == Some("failed"));
}

/// Whatever is done to the cache, the compile succeeds with the plain compiler's output.
#[test]
fn trouble_with_the_cache_is_not_the_builds() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() -> u8 { 1 }");
    assert_eq!(test.outcome(&mut plainly(&test)), Outcome::Miss);
    let right = contents_of_lib(&test);
    let mut files = Vec::new();
    walk(&test.cache(), &mut files);
    assert!(files.len() > 5);
    for file in &files {
        let whole = fs::read(file).unwrap();
        for broken in [&b""[..], &whole[..whole.len() / 2], &[0xff; 200]] {
            let _ = fs::set_permissions(file, fs::Permissions::from_mode(0o644));
            fs::write(file, broken).unwrap();
            let _ = fs::remove_file(test.path("w/libl.rlib"));
            assert_success(&mut plainly(&test));
            assert!(contents_of_lib(&test) == right, "{}", file.display());
        }
    }
    for dir in ["manifests", "results", "blobs", "tmp", "locks", "events"] {
        let path = test.cache().join("v1").join(dir);
        let _ = fs::remove_dir_all(&path);
        fs::write(&path, "a file where a directory should be").unwrap();
        let _ = fs::remove_file(test.path("w/libl.rlib"));
        assert_success(&mut plainly(&test));
        assert!(contents_of_lib(&test) == right, "{dir}");
    }
    let config = test.write("kache.toml", "lock_timeout = -7\nno_such = 1\n");
    let out = assert_success(
        plainly(&test).env("KACHE_CONFIG", &config).env("KACHE_CACHE_DIR", test.path("other")),
    );
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        text.contains("kache.toml") && text.contains("lock_timeout") && text.contains("no_such"),
        "{text}"
    );
    for bad in ["/proc/nope", "relative", "/dev/null/x"] {
        let _ = fs::remove_file(test.path("w/libl.rlib"));
        assert_success(
            plainly(&test)
                .env("KACHE_CACHE_DIR", bad)
                .env("HOME", test.path("home"))
                .env("RUSTUP_HOME", rustup_home()),
        );
        assert!(contents_of_lib(&test) == right, "{bad}");
    }
}

/// A fallback compiles without mapped paths; to compare bytes, the others do so too.
fn plainly(test: &TestEnv) -> Command {
    let mut c = test.kache(LIB);
    c.env("KACHE_REMAP", "0");
    c
}

fn rustup_home() -> PathBuf {
    std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".rustup"))
}

fn contents_of_lib(test: &TestEnv) -> Vec<u8> {
    fs::read(test.path("w/libl.rlib")).unwrap()
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, out);
        } else if !path.components().any(|c| c.as_os_str() == "observer") {
            out.push(path);
        }
    }
}

#[test]
fn a_full_file_system_is_not_the_builds_trouble() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() -> u8 { 1 }");
    let small = test.path("small");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=48k", "tmpfs"]).arg(&small).output();
    if !mounted.is_ok_and(|o| o.status.success()) {
        missing("the right to mount a tmpfs", "run the tests as root, in a container with --privileged");
        return;
    }
    let out = test.kache(LIB).env("KACHE_CACHE_DIR", &small).output();
    let done = Command::new("umount").arg("-l").arg(&small).status();
    assert!(out.unwrap().status.success() && done.unwrap().success());
    assert!(test.path("w/libl.rlib").exists());
}

#[test]
fn a_directory_of_an_output_is_missing_as_rustc_says() {
    for emit in ["--emit=obj=out/a.o", "--emit=metadata,dep-info=out/a.d"] {
        let test = TestEnv::new();
        test.write("w/a.rs", "pub fn f() {}");
        test.write("w/out/x", "");
        let words = ["rustc", "--crate-type=lib", emit, "a.rs"];
        assert_success(&mut test.kache_in("w", &words));
        std::fs::remove_dir_all(test.path("w/out")).unwrap();
        let again = test.kache_in("w", &words).output().unwrap();
        assert!(!again.status.success() && !test.path("w/out").exists(), "{emit}");
    }
}
