//! What must hold.

use crate::Case;
use crate::env::{TestEnv, assert_success, kache, make_writable, output, set_back};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const fn case(name: &'static str, run: fn()) -> Case {
    Case { name, left_out: None, run }
}

/// A case for systems without an observer of their own.
const fn unobserved(name: &'static str, run: fn()) -> Case {
    Case { name, left_out: if cfg!(target_os = "linux") { Some("Linux has an observer") } else { None }, run }
}

const fn windows(name: &'static str, run: fn()) -> Case {
    let left_out = if cfg!(windows) { None } else { Some("a place has one spelling here") };
    Case { name, left_out, run }
}

/// Every case that needs no fault.
pub static ALL: &[Case] = &[
    case("a miss is stored, and a hit gives back the same bytes without a compiler", round_trip),
    case("a source that changed is compiled, and one that is as before is not", source_changes),
    case("a file that only the report names counts, by `mod` and by `include!`", reported_files),
    case("a report with lines as Windows ends them is understood", crlf),
    case("a variable that the report names counts", reported_env),
    case("a crate that is linked in counts", externs),
    case("another checkout, deeper and with a blank in its path, gets a hit", two_checkouts),
    case("a file of a native library's directory counts", native),
    case("with a macro every variable and every file of the package counts", macros),
    unobserved("a macro is not believed to look at its package alone, unless that is said", wild_macros),
    case("a library beside the compiler counts", own_libraries),
    case("a crate that no flag names could be any", unnamed_crates),
    case("a warning is printed again, and an error as the compiler has it", diagnostics),
    case("a flag that no row knows is left to the compiler", unknown_flag),
    case("a program that is not there is told, with the shell's status", no_compiler),
    case("a program is found through PATH without its ending", through_path),
    case("a program and its debug file are stored together or not at all: not", linked),
    case("C is compiled each time, by gcc and by clang-cl", c),
    case("what nobody recognises is passed on, with what it prints and its status", unrecognised),
    unobserved("`observe = require` stores nothing", required),
    case("a hit that is checked is the same", checked),
    case("a blob that was spoilt is found, and compiled again", spoilt),
    case("a store that may only be read gives hits, and grows no further", read_only),
    case("a collection removes what it should, blobs that may not be written too", collection),
    case("`purge` leaves nothing", purge),
    case("two at once: one compiles, the other waits for it", together),
    case("a wrapper that is killed leaves nothing, and takes its compiler along", killed),
    case("an output that somebody has open is given back all the same", held_open),
    case("outputs lie deeper than 260 letters", long_paths),
    windows("many spellings of one place give right results", spellings),
    windows("a place in another spelling, wherever a compiler leaves it, is no other checkout's", odd_places),
    case("the cache is found below the user's directory", default_place),
];

fn round_trip() {
    let s = TestEnv::new("pub fn f() {}");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    let made: Vec<Vec<u8>> = ["libl-1.rlib", "libl-1.rmeta", "l-1.d"]
        .iter()
        .map(|f| s.read(&format!("w/target/debug/deps/{f}")))
        .collect();
    s.clean("w");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
    for (file, bytes) in ["libl-1.rlib", "libl-1.rmeta", "l-1.d"].iter().zip(made) {
        assert_eq!(s.read(&format!("w/target/debug/deps/{file}")), bytes, "{file}");
    }
    // Over what is there, too.
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
    assert_eq!(s.compiles(), 1);
    // What was restored is the build's own: it may be written to.
    fs::write(s.path("w/target/debug/deps/libl-1.rlib"), "another").expect("it is no blob");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
    assert_ne!(s.rlib("w"), b"another");
}

fn source_changes() {
    let s = TestEnv::new("one");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    let one = s.rlib("w");
    s.write("w/src/lib.rs", "two");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_ne!(s.rlib("w"), one);
    s.write("w/src/lib.rs", "one");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
    assert_eq!(s.rlib("w"), one);
}

fn misses_after(s: &TestEnv, file: &str, text: &str) {
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
    let before = s.rlib("w");
    s.write(file, text);
    assert_eq!(s.outcome(&mut s.lib("w")), "miss", "{file}");
    assert_ne!(s.rlib("w"), before, "{file}");
}

fn reported_files() {
    let s = TestEnv::new("mod m;\ninclude!(\"a b.txt\")");
    s.write("w/src/m.rs", "m");
    s.write("w/src/a b.txt", "t");
    misses_after(&s, "w/src/m.rs", "mm");
    s.write("w/src/m.rs", "mmm");
    misses_after(&s, "w/src/a b.txt", "tt");
}

fn crlf() {
    let s = TestEnv::new("mod m;\n#crlf\nenv!(\"OTHER\")");
    s.write("w/src/m.rs", "m");
    misses_after(&s, "w/src/m.rs", "mm");
    assert!(s.read("w/target/debug/deps/l-1.d").windows(2).any(|w| w == b"\r\n"));
    assert_eq!(s.outcome(s.lib("w").env("OTHER", "1")), "miss");
}

fn reported_env() {
    let s = TestEnv::new("env!(\"KNOB\")");
    assert_eq!(s.outcome(s.lib("w").env("KNOB", "a")), "miss");
    assert_eq!(s.outcome(s.lib("w").env("KNOB", "b")), "miss");
    assert_eq!(s.outcome(s.lib("w").env("KNOB", "a").env("ANOTHER", "x")), "hit");
}

fn externs() {
    let s = TestEnv::new("uses x");
    let x = s.deps("w").join("libx.rlib");
    let flag = format!("x={}", x.display());
    let mut build = s.lib_with("w", &["--extern", &flag]);
    fs::write(&x, "1").expect("room");
    assert_eq!(s.outcome(&mut build), "miss");
    assert_eq!(s.outcome(&mut build), "hit");
    fs::write(&x, "2").expect("room");
    assert_eq!(s.outcome(&mut build), "miss");
}

fn two_checkouts() {
    let text = "mod m;\n#warn careful";
    let s = TestEnv::new(text);
    let other = "deeper down/than the/other checkout";
    s.checkout(other, text);
    s.write("w/src/m.rs", "m");
    s.write(&format!("{other}/src/m.rs"), "m");
    let search = |c: &str| format!("dependency={}", s.deps(c).display());
    assert_eq!(s.outcome(&mut s.lib_with("w", &["-L", &search("w")])), "miss");
    assert_eq!(s.outcome(&mut s.lib_with(other, &["-L", &search(other)])), "hit");
    assert_eq!(s.rlib("w"), s.rlib(other));
    let report = String::from_utf8(s.read(&format!("{other}/target/debug/deps/l-1.d"))).expect("UTF-8");
    let own = s.deps(other).join("l-1.d").display().to_string();
    assert!(report.starts_with(&format!("{own}: ")), "{report}\nwants {own}");
}

fn native() {
    let s = TestEnv::new("links");
    s.write("w/native/native.lib", "1");
    let flag = format!("native={}", s.path("w/native").display());
    let mut build = s.lib_with("w", &["-L", &flag, "-l", "static=native"]);
    assert_eq!(s.outcome(&mut build), "miss");
    assert_eq!(s.outcome(&mut build), "hit");
    s.write("w/native/native.lib", "2");
    assert_eq!(s.outcome(&mut build), "miss");
}

fn macros() {
    let s = TestEnv::new("uses m");
    let m = s.deps("w").join("m.dll");
    fs::write(&m, "macro").expect("room");
    let flag = format!("m={}", m.display());
    let mut build = s.lib_with("w", &["--extern", &flag]);
    build.env("CARGO_MANIFEST_DIR", s.path("w"));
    s.write("w/data", "1");
    assert_eq!(s.outcome(&mut build), "miss");
    assert_eq!(s.outcome(&mut build), "hit");
    assert_eq!(s.outcome(build.env("KNOB", "1")), "miss");
    s.write("w/data", "2");
    assert_eq!(s.outcome(&mut build), "miss");
    // The same where another crate hands its macros on.
    let x = s.deps("w").join("libx.rlib");
    fs::write(&x, "hands on m").expect("room");
    let (flag, search) = (format!("x={}", x.display()), format!("dependency={}", s.deps("w").display()));
    let mut build = s.lib_with("w", &["--extern", &flag, "-L", &search]);
    build.env("CARGO_MANIFEST_DIR", s.path("w"));
    assert_eq!(s.outcome(&mut build), "miss");
    assert_eq!(s.outcome(&mut build), "hit");
    s.write("w/data", "3");
    assert_eq!(s.outcome(&mut build), "miss");
}

fn wild_macros() {
    let s = TestEnv::new("uses m");
    let m = s.deps("w").join("m-0123.dll");
    fs::write(&m, "macro").expect("room");
    let x = s.deps("w").join("libx.rlib");
    let search = format!("dependency={}", s.deps("w").display());
    for (of_x, stored) in [("built against m-0123", false), ("built against no macro", true)] {
        fs::write(&x, of_x).expect("room");
        let mut build = s.lib_with("w", &["--extern", &format!("x={}", x.display()), "-L", &search]);
        for again in ["miss", "hit"] {
            let wanted = if stored { again } else { "not-observed" };
            assert_eq!(s.outcome(build.env_remove("KACHE_OBSERVE")), wanted, "{of_x}");
        }
    }
    let mut build = s.lib_with("w", &["--extern", &format!("m={}", m.display())]);
    assert_eq!(s.outcome(build.env_remove("KACHE_OBSERVE")), "not-observed");
}

fn own_libraries() {
    let s = TestEnv::new("x");
    let library = format!("sys/lib/back{}", std::env::consts::DLL_SUFFIX);
    s.write(&library, "1");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
    s.write(&library, "2");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
}

fn unnamed_crates() {
    let s = TestEnv::new("extern crate x;");
    let dir = s.path("w").display().to_string();
    for flags in [&["-L", &dir][..], &["--extern", "x"]] {
        assert_eq!(s.outcome(&mut s.lib_with("w", flags)), "not-observed");
    }
}

fn diagnostics() {
    let s = TestEnv::new("#warn careful");
    let text = |out: std::process::Output| String::from_utf8(out.stderr).expect("UTF-8");
    let first = text(assert_success(&mut s.lib("w")));
    let again = text(assert_success(&mut s.lib("w")));
    assert_eq!(s.compiles(), 1);
    assert!(first.contains("warning: careful") && first.contains("lib.rs:1:1"), "{first}");
    assert_eq!(first, again);
    s.write("w/src/lib.rs", "#error wrong");
    // What fails is compiled again with paths as they are: without the observer, the maps may be the reason.
    for times in [3, 5] {
        let out = output(&mut s.lib("w"));
        assert_eq!(out.status.code(), Some(1));
        assert!(text(out).contains("error: wrong"));
        assert_eq!(s.compiles(), times, "an error is not kept");
    }
}

fn unknown_flag() {
    let s = TestEnv::new("x");
    for _ in 0..2 {
        assert_eq!(s.outcome(&mut s.lib_with("w", &["--no-such-flag"])), "unknown-flag");
    }
    assert_eq!(s.compiles(), 2);
    assert!(!s.rlib("w").is_empty());
}

fn no_compiler() {
    let s = TestEnv::new("x");
    fs::remove_file(s.program("rustc")).expect("nobody runs it");
    let out = output(&mut s.lib("w"));
    assert_eq!(out.status.code(), Some(127), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8_lossy(&out.stderr).contains("rustc"));
}

fn through_path() {
    let s = TestEnv::new("x");
    let path = s.program("rustc").parent().expect("bin").to_path_buf();
    let mut c = Command::new(kache());
    let built = s.lib("w");
    c.arg("rustc").args(built.get_args().skip(1)).current_dir(s.path("w"));
    c.envs(built.get_envs().filter_map(|(n, v)| Some((n, v?)))).env("PATH", path);
    assert_eq!(s.outcome(&mut c), "miss");
    assert_eq!(s.outcome(&mut c), "hit");
    // By its path, as cargo has it, it is the same program.
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
}

fn linked() {
    let s = TestEnv::new("fn main() {}");
    let deps = s.deps("w").display().to_string();
    let source = Path::new("src").join("lib.rs").display().to_string();
    let args =
        ["--crate-name", "b", "--crate-type", "bin", "--emit=dep-info,link", &source, "--out-dir", &deps];
    for times in [1, 2] {
        assert_eq!(s.outcome(&mut s.wrapped("w", "rustc", &args)), "not-observed");
        assert_eq!(s.compiles(), times);
        assert_eq!(s.read("w/target/debug/deps/b.exe"), s.read("w/target/debug/deps/b.pdb"));
        s.clean("w");
        s.deps("w");
    }
    assert!(s.stored("blobs").is_empty() && s.stored("results").is_empty());
}

fn c() {
    let s = TestEnv::new("");
    s.write("w/a.c", "#include \"a.h\"");
    for (program, args) in [("gcc", &["-c", "a.c", "-o", "a.o"][..]), ("clang-cl", &["/c", "a.c", "/Foa.o"])]
    {
        for header in ["int a;", "int b;"] {
            s.write("w/a.h", header);
            let before = s.compiles();
            let _ = s.outcome(&mut s.wrapped("w", program, args));
            assert_eq!(s.compiles(), before + 1, "{program}");
            assert!(String::from_utf8(s.read("w/a.o")).expect("UTF-8").contains(header));
        }
    }
    assert!(s.stored("blobs").is_empty());
}

fn unrecognised() {
    let s = TestEnv::new("");
    s.write("w/a.c", "#include \"a.h\"");
    s.write("w/a.h", "#error no");
    let mut build = s.wrapped("w", "cl", &["/c", "a.c", "/showIncludes"]);
    let out = output(&mut build);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stdout).starts_with("Note: including file: "));
    assert_eq!(s.last()["reason"], "unknown-compiler");
}

fn required() {
    let s = TestEnv::new("x");
    for _ in 0..2 {
        assert_eq!(s.outcome(s.lib("w").env("KACHE_OBSERVE", "require")), "not-observed");
    }
}

fn checked() {
    let s = TestEnv::new("x");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_eq!(s.outcome(s.lib("w").env("KACHE_CHECK", "1")), "hit");
    assert_eq!((s.compiles(), s.last()["checked"].as_str()), (2, Some("same")));
}

fn spoilt() {
    let s = TestEnv::new("x");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    let right = s.rlib("w");
    assert_success(&mut s.command(&["verify"]));
    for blob in s.stored("blobs") {
        make_writable(&blob);
        let length = fs::metadata(&blob).expect("it is there").len() as usize;
        fs::write(&blob, vec![b'?'; length]).expect("it may be written to now");
    }
    assert!(!s.command(&["verify"]).status().expect("kache runs").success());
    s.clean("w");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_eq!(s.rlib("w"), right);
    assert_success(&mut s.command(&["verify"]));
}

fn read_only() {
    let s = TestEnv::new("x");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    let parts = ["blobs", "results", "manifests"];
    let before: Vec<_> = parts.iter().map(|p| s.stored(p)).collect();
    for file in before.iter().flatten() {
        let mut permissions = fs::metadata(file).expect("it is there").permissions();
        permissions.set_readonly(true);
        fs::set_permissions(file, permissions).expect("it is ours");
    }
    s.clean("w");
    assert_eq!(s.outcome(s.lib("w").env("KACHE_WRITE", "0")), "hit");
    s.write("w/src/lib.rs", "y");
    assert_eq!(s.outcome(s.lib("w").env("KACHE_WRITE", "0")), "write-off");
    assert_eq!(parts.iter().map(|p| s.stored(p)).collect::<Vec<_>>(), before);
    // And where it may be written to again, entries are replaced all the same.
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
}

fn collection() {
    let s = TestEnv::new("x");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert!(!s.stored("blobs").is_empty());
    // What is young may be in use.
    ["blobs", "results"].iter().flat_map(|part| s.stored(part)).for_each(|file| set_back(&file));
    assert_success(&mut s.command(&["gc", "--max-size", "1"]));
    assert_eq!((s.stored("blobs"), s.stored("results")), (vec![], vec![]));
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
}

fn purge() {
    let s = TestEnv::new("x");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_success(&mut s.command(&["purge"]));
    assert!(!s.path("cache/v1").exists());
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
}

/// Waits for something to become true, and fails if that takes longer than anything takes here.
fn until(holds: impl Fn() -> bool, otherwise: &str) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{otherwise}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn appears(path: &Path) {
    until(|| path.exists(), &format!("{} does not appear", path.display()));
}

fn together() {
    let s = TestEnv::new("#wait go");
    s.checkout("v", "#wait go");
    let mut first = s.lib("w").spawn().expect("kache runs");
    appears(&s.path("w/src/go.waits"));
    // A build with the feature `faults` lists its steps: the second comes to the lock, finds it taken, and comes back. In
    // another build the second may come later. In each it does not compile.
    let steps = s.path("steps");
    let mut second = s.lib("v").env("KACHE_FAULT_STEPS", &steps).spawn().expect("kache runs");
    if cfg!(feature = "faults") {
        let opened = || fs::read_to_string(&steps).unwrap_or_default().matches("lock: open").count() > 1;
        until(opened, "the second build does not come to the lock");
    }
    s.write("v/src/go", "");
    s.write("w/src/go", "");
    assert!(first.wait().expect("it ends").success() && second.wait().expect("it ends").success());
    assert_eq!(s.rlib("w"), s.rlib("v"));
    assert_eq!(s.compiles(), 1);
}

fn killed() {
    let s = TestEnv::new("#wait go");
    let mut build = s.lib("w").spawn().expect("kache runs");
    appears(&s.path("w/src/go.waits"));
    build.kill().expect("it runs");
    build.wait().expect("it ends");
    // The compiler holds this lock for as long as it lives.
    let lock = fs::File::options().write(true).open(s.path("w/src/go.lock")).expect("it is there");
    until(|| lock.try_lock().is_ok(), "the compiler lives on");
    drop(lock);
    assert!(!s.path("w/target/debug/deps/libl-1.rlib").exists());
    s.write("w/src/go", "");
    assert!(s.stored("results").is_empty());
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
}

fn held_open() {
    let s = TestEnv::new("x");
    assert_eq!(s.outcome(&mut s.lib("w")), "miss");
    let right = s.rlib("w");
    let held = fs::File::open(s.path("w/target/debug/deps/libl-1.rlib")).expect("it is there");
    assert_eq!(s.outcome(&mut s.lib("w")), "hit");
    drop(held);
    assert_eq!(s.rlib("w"), right);
}

fn long_paths() {
    let s = TestEnv::new("x");
    let deep = ["a directory with a name of some forty letters"; 8].join("/");
    let out = s.path(&format!("w/{deep}"));
    assert!(out.as_os_str().len() > 300);
    let source = Path::new("src").join("lib.rs").display().to_string();
    let mut build = s.wrapped("w", "rustc", &["--crate-name", "l", "--crate-type", "lib", &source]);
    build.args(["--emit=dep-info,link", "--out-dir"]).arg(&out);
    assert_eq!(s.outcome(&mut build), "miss");
    let right = fs::read(out.join("libl.rlib")).expect("it was made");
    fs::remove_file(out.join("libl.rlib")).expect("nobody holds it");
    assert_eq!(s.outcome(&mut build), "hit");
    assert_eq!(fs::read(out.join("libl.rlib")).expect("it was restored"), right);
}

fn spellings() {
    let s = TestEnv::new("mod m;");
    s.write("w/src/m.rs", "m");
    let out = s.deps("w").display().to_string();
    let source = s.path("w/src/lib.rs").display().to_string();
    let upside = |text: &str| -> String {
        let swap = |c: char| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        text.chars().map(swap).collect()
    };
    let slashes = |text: &str| text.replace('\\', "/");
    let long = |text: &str| format!(r"\\?\{text}");
    let mut round = 0;
    for spell in [&|t: &str| t.to_string() as _, &upside as &dyn Fn(&str) -> String, &slashes, &long] {
        for _ in 0..2 {
            round += 1;
            s.write("w/src/m.rs", &format!("m{}", round / 2));
            let _ = fs::remove_file(s.path("w/target/debug/deps/libl.rlib"));
            let args = ["--crate-name", "l", "--crate-type", "lib", "--emit=dep-info,link"];
            let mut build = s.wrapped("w", "rustc", &args);
            build.arg(spell(&source).replace(".RS", ".rs").replace("LIB", "lib"));
            assert_success(build.arg("--out-dir").arg(spell(&out)));
            let made = String::from_utf8(s.read("w/target/debug/deps/libl.rlib")).expect("UTF-8");
            assert!(made.contains(&format!("m{}", round / 2)), "{made}");
        }
    }
}

/// Maps and marks know one spelling. What is left in another would lead a second checkout into the first.
fn odd_places() {
    for odd in ["output", "report", "print"] {
        let text = format!("#odd {odd}");
        let s = TestEnv::new(&text);
        s.checkout("Other Place", &text);
        for checkout in ["w", "Other Place"] {
            s.write(&format!("{checkout}/src/odd.rs"), "");
            assert_eq!(s.outcome(&mut s.lib(checkout)), "miss", "{odd}, {checkout}");
            assert_eq!(s.outcome(&mut s.lib(checkout)), "hit", "{odd}, {checkout}");
        }
    }
}

fn default_place() {
    let s = TestEnv::new("x");
    let mut build = s.lib("w");
    let home = s.path("home");
    fs::create_dir_all(&home).expect("room");
    build.env_remove("KACHE_CACHE_DIR").env_remove("LOCALAPPDATA").env_remove("XDG_CACHE_HOME");
    assert_success(build.env("HOME", &home).env("USERPROFILE", &home));
    let place = if cfg!(windows) { "home/AppData/Local/kache/v1" } else { "home/.cache/kache/v1" };
    assert!(s.path(place).is_dir());
}
