//! Ways in which a hit was once wrong, or a result was never kept, found by trying to break the wrapper. Each case
//! here was seen to fail first.

use crate::KACHE;
use crate::env::{LIB, TestEnv, USE, assert_success, proc_macro};
use kache_core::events::{self, Outcome};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

#[test]
fn a_macro_pastes_a_path_that_the_crate_also_includes_by() {
    let test = TestEnv::new();
    proc_macro(&test, r#"std::env::var("OUT_DIR").unwrap()"#);
    test.write("w/l.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\")); pub const P: &str = m::m!();");
    test.write("w/out/g.rs", "");
    let outcomes = test.two_clones(|dir| test.with_macro(dir));
    assert_eq!(outcomes, (Outcome::Miss, Outcome::Hit, Outcome::Miss));
}

#[test]
fn a_further_name_that_a_macro_gives_a_file_is_a_change_of_it() {
    let test = TestEnv::new();
    test.write("w/data", "a");
    proc_macro(
        &test,
        r#"std::fs::hard_link("data", "tmp").unwrap();
        let s = std::fs::read_to_string("tmp").unwrap(); std::fs::remove_file("tmp").unwrap(); s"#,
    );
    assert_eq!(test.refusal(&mut test.kache(USE)), "changed-while-compiling");
}

#[test]
fn an_input_named_like_the_output_counts() {
    let test = TestEnv::new();
    test.write(
        "w/app.rs",
        "unsafe extern \"C\" { safe fn f() -> i32; } fn main() { println!(\"{}\", f()); }",
    );
    let archive = |n: u8| {
        test.write("w/f.c", &format!("int f(void) {{ return {n}; }}"));
        let sh = "cc -c f.c && rm -f libapp.a && ar crD libapp.a f.o";
        assert_success(Command::new("sh").current_dir(test.path("w")).args(["-c", sh]));
    };
    archive(1);
    let args = ["rustc", "--edition=2024", "app.rs", "-L.", "-lstatic=app", "-o", "app"];
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit);
    archive(2);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(assert_success(&mut Command::new(test.path("w/app"))).stdout, b"2\n");
}

#[test]
fn a_library_named_like_the_program_counts() {
    let test = TestEnv::new();
    test.write("w/main.rs", "fn main() { println!(\"{}\", app::N); }");
    let lib = |n: u8| {
        test.write("w/lib.rs", &format!("pub const N: u8 = {n};"));
        let args = ["--crate-type=lib", "--crate-name=app", "lib.rs"];
        assert_success(Command::new("rustc").current_dir(test.path("w")).args(args));
    };
    lib(1);
    let args = ["rustc", "--edition=2021", "main.rs", "--extern=app=libapp.rlib", "-o", "app"];
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Hit);
    lib(2);
    assert_eq!(test.outcome(&mut test.kache(&args)), Outcome::Miss);
    assert_eq!(assert_success(&mut Command::new(test.path("w/app"))).stdout, b"2\n");
}

#[test]
fn what_the_compiler_logs_is_not_replayed_to_others() {
    let test = TestEnv::new();
    test.write("w/l.rs", "pub fn f() {}");
    let logged = assert_success(test.kache(LIB).env("RUSTC_LOG", "info")).stderr;
    assert!(!logged.is_empty());
    let out = assert_success(&mut test.kache(LIB));
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
}

#[test]
fn colours_asked_for_on_a_terminal() {
    for color in ["", "--color=auto", "--color auto"] {
        let test = TestEnv::new();
        test.write("w/l.rs", "pub fn f() { let unused = 1; }");
        let args = format!("rustc --crate-type=lib l.rs {color}");
        let plain = test.on_a_terminal(80, &args);
        assert!(String::from_utf8_lossy(&plain.stdout).contains("\x1b["), "{plain:?}");
        for _ in 0..2 {
            let ours = test.on_a_terminal(80, &format!("{} {args}", KACHE));
            let text = |o: &Output| String::from_utf8_lossy(&o.stdout).into_owned();
            assert_eq!((ours.status, text(&ours)), (plain.status, text(&plain)), "{color}");
        }
    }
}

#[test]
fn a_checkout_with_blanks_gets_a_well_formed_dep_info() {
    for (first, second) in [("w", "b c"), ("b c", "w"), ("w", "q\"\\x"), ("x#y z", "w"), ("w", "a$b#c d")] {
        let test = TestEnv::new();
        for dir in [first, second] {
            fs::create_dir_all(test.path(dir).join(".git")).unwrap();
            test.write(
                &format!("{dir}/l.rs"),
                "pub fn f() { let unused = 1; } pub const O: &str = env!(\"X\");",
            );
        }
        let run = |dir: &str, read: &str| {
            let mut args = LIB.to_vec();
            let (input, out) = (test.path(dir).join("l.rs"), test.path(dir).join("out"));
            args[4] = input.to_str().unwrap();
            fs::create_dir_all(&out).unwrap();
            let out_dir = format!("--out-dir={}", out.display());
            args.extend([&*out_dir, "--error-format=json", "--json=artifacts"]);
            let done = assert_success(test.kache_in(dir, &args).env("KACHE_READ", read).env("X", "y"));
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            (text(&done.stderr), text(&fs::read(out.join("l.d")).unwrap()))
        };
        run(first, "1");
        let restored = run(second, "1");
        assert_eq!(test.last().outcome, Outcome::Hit, "{first} to {second}");
        assert_eq!(restored, run(second, "0"), "{first} to {second}");
    }
}

#[test]
fn the_length_of_a_checkouts_path_does_not_count() {
    let test = TestEnv::new();
    let home = test.path("home/of/cargo");
    fs::create_dir_all(&home).unwrap();
    for dir in ["w", "a/very/much/deeper/place/than/that"] {
        fs::create_dir_all(test.path(dir).join(".git")).unwrap();
        test.write(&format!("{dir}/l.rs"), "pub fn f() {}");
    }
    let at = |dir: &str| test.outcome(test.kache_in(dir, LIB).env("CARGO_HOME", &home));
    assert_eq!(at("w"), Outcome::Miss);
    assert_eq!(at("a/very/much/deeper/place/than/that"), Outcome::Hit);
}

#[test]
fn a_shared_object_without_a_name_is_needed_by_its_path() {
    let test = TestEnv::new();
    for dir in ["w", "another"] {
        fs::create_dir_all(test.path(dir).join(".git")).unwrap();
        test.write(
            &format!("{dir}/user.rs"),
            "unsafe extern \"C\" { safe fn f() -> i32; } fn main() { f(); }",
        );
        test.write(&format!("{dir}/f.c"), "int f(void) { return 1; }");
        let args = ["-shared", "-fPIC", "f.c", "-o", "libf.so"];
        assert_success(Command::new("cc").current_dir(test.path(dir)).args(args));
    }
    let at = |dir: &str| {
        let arg = format!("-Clink-arg={}", test.path(dir).join("libf.so").display());
        test.outcome(&mut test.kache_in(dir, &["rustc", "--edition=2024", "user.rs", &arg]))
    };
    assert_eq!((at("w"), at("w")), (Outcome::Miss, Outcome::Hit));
    at("another");
    fs::remove_dir_all(test.path("w")).unwrap();
    assert_success(&mut Command::new(test.path("another/user")));
}

#[test]
fn a_run_path_depends_on_the_place() {
    let test = TestEnv::new();
    for dir in ["w", "a/deeper/place"] {
        fs::create_dir_all(test.path(dir).join(".git")).unwrap();
        test.write(&format!("{dir}/user.rs"), "fn main() {}");
    }
    let at = |dir: &str| {
        let args = ["rustc", "user.rs", "-Cprefer-dynamic", "-Crpath"];
        test.outcome(&mut test.kache_in(dir, &args))
    };
    assert_eq!((at("w"), at("w")), (Outcome::Miss, Outcome::Hit));
    at("a/deeper/place");
    assert_success(Command::new(test.path("a/deeper/place/user")).env_remove("LD_LIBRARY_PATH"));
}

#[test]
fn a_library_of_a_macro_is_shadowed() {
    let test = TestEnv::new();
    let helper = |dir: &str, word: &str| {
        test.write("w/h.c", &format!("const char *say(void) {{ return \"{word}\"; }}"));
        fs::create_dir_all(test.path("w").join(dir)).unwrap();
        let out = format!("{dir}/libhelp.so");
        let args = ["-shared", "-fPIC", "-Wl,-soname,libhelp.so", "h.c", "-o", &out];
        assert_success(Command::new("cc").current_dir(test.path("w")).args(args));
    };
    helper("late", "late");
    test.write("w/m.rs", "extern crate proc_macro; use proc_macro::TokenStream;\n\
         #[link(name = \"help\")] unsafe extern \"C\" { safe fn say() -> *const std::ffi::c_char; }\n\
         #[proc_macro] pub fn m(_: TokenStream) -> TokenStream {\n\
         let s = unsafe { std::ffi::CStr::from_ptr(say()) }; format!(\"{:?}\", s.to_str().unwrap()).parse().unwrap() }");
    let args = ["--crate-type=proc-macro", "--edition=2024", "m.rs", "-Llate"];
    assert_success(Command::new("rustc").current_dir(test.path("w")).args(args));
    test.write("w/user.rs", "fn main() { println!(\"{}\", m::m!()); }");
    fs::create_dir_all(test.path("w/early")).unwrap();
    let (early, late) = (test.path("w/early"), test.path("w/late"));
    let run = || {
        let path = format!("{}:{}", early.display(), late.display());
        let outcome = test.outcome(test.kache(USE).env("LD_LIBRARY_PATH", path));
        (outcome, String::from_utf8(assert_success(&mut Command::new(test.path("w/user"))).stdout).unwrap())
    };
    assert_eq!(run(), (Outcome::Miss, "late\n".into()));
    assert_eq!(run(), (Outcome::Hit, "late\n".into()));
    helper("early", "early");
    assert_eq!(run(), (Outcome::Miss, "early\n".into()));
}

#[test]
fn a_cache_at_a_path_with_a_blank_is_a_cache() {
    let test = TestEnv::new();
    test.write("w/user.rs", "fn main() {}");
    let run = || {
        let mut c = test.kache(&["rustc", "user.rs"]);
        assert_success(c.env("KACHE_CACHE_DIR", test.path("my cache")));
        let event = events::read_all(&test.path("my cache")).unwrap().pop().unwrap();
        (event.outcome, event.reason)
    };
    assert_eq!(run(), (Outcome::Miss, None));
    assert_eq!(run(), (Outcome::Hit, None));
}

#[test]
fn a_source_from_the_future_is_a_source() {
    let test = TestEnv::new();
    let path = test.write("w/l.rs", "pub fn f() {}");
    let later = SystemTime::now() + Duration::from_secs(100_000);
    fs::File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
    assert_eq!(test.outcome(&mut test.kache(LIB)), Outcome::Miss);
    assert_eq!(test.outcome(&mut test.kache(LIB)), Outcome::Hit);
}

#[test]
fn a_cargo_home_that_is_no_text_builds() {
    use std::os::unix::ffi::OsStrExt;
    let test = TestEnv::new();
    let dir = test.dir.path().join(std::ffi::OsStr::from_bytes(b"a\xffb"));
    fs::create_dir_all(dir.join(".git")).unwrap();
    test.write("w/l.rs", "pub fn f() {}");
    assert_success(test.kache(LIB).env("CARGO_HOME", &dir));
}

#[test]
fn a_macro_takes_its_time() {
    let test = TestEnv::new();
    let body = r#"let t = std::time::Instant::now(); let s = std::collections::HashMap::<u8, u8>::new().len();
        std::thread::spawn(move || { drop(t.elapsed()); s.to_string() }).join().unwrap()"#;
    proc_macro(&test, body);
    assert_success(&mut test.kache(USE));
    println!("{:?}", test.last().reason);
}

#[test]
fn a_wrapper_that_is_told_to_stop_stops_the_compiler() {
    let test = TestEnv::new();
    // The compiler holds a FIFO open for as long as it lives.
    proc_macro(
        &test,
        r#"use std::io::Write; let mut alive = std::fs::File::options().write(true).open("alive").unwrap();
        writeln!(alive, "{}", std::process::id()).unwrap(); loop { std::thread::park() }"#,
    );
    assert_success(Command::new("mkfifo").arg(test.path("w/alive")));
    for signal in ["TERM", "KILL"] {
        let mut child = test.kache(USE).stderr(Stdio::null()).spawn().unwrap();
        let (tell, told) = mpsc::channel();
        let fifo = test.path("w/alive");
        std::thread::spawn(move || {
            let lines = BufReader::new(fs::File::open(fifo).unwrap()).lines();
            lines.for_each(|line| drop(tell.send(line.unwrap())));
        });
        let pid = told.recv_timeout(LONGEST).expect("the compiler runs");
        assert_success(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]));
        child.wait().unwrap();
        let lives = told.recv_timeout(LONGEST) != Err(mpsc::RecvTimeoutError::Disconnected);
        if lives {
            let _ = Command::new("kill").args(["-9", &pid]).status();
        }
        assert!(!lives, "the compiler lives on after SIG{signal}");
    }
}

/// Longer than anything takes here: what has not happened by then does not happen.
const LONGEST: Duration = Duration::from_secs(60);

#[test]
fn coloured_diagnostics_show_real_paths() {
    let test = TestEnv::new();
    let input = test.write("w/l.rs", "pub fn f() { let unused = 1; }");
    let mut args = LIB.to_vec();
    args[4] = input.to_str().unwrap();
    args.extend(["--error-format=json", "--json=diagnostic-rendered-ansi,artifacts"]);
    let plain = assert_success(Command::new("rustc").args(&args[1..]).current_dir(test.path("w")));
    let text = |o: &Output| String::from_utf8_lossy(&o.stderr).into_owned();
    for _ in 0..2 {
        assert_eq!(text(&assert_success(&mut test.kache(&args))), text(&plain));
    }
    args.truncate(6);
    args.push("--color=always");
    let plain = assert_success(Command::new("rustc").args(&args[1..]).current_dir(test.path("w")));
    for _ in 0..2 {
        assert_eq!(text(&assert_success(&mut test.kache(&args))), text(&plain));
    }
}

#[test]
fn a_target_directory_that_cargo_did_not_make_is_one() {
    let test = TestEnv::new();
    for (dir, target) in [("w", "w/target"), ("a/b", "elsewhere/made/before")] {
        fs::create_dir_all(test.path(dir).join(".git")).unwrap();
        test.write(&format!("{dir}/l.rs"), "pub fn f() {}");
        // Cargo tags what it makes: the inner one.
        test.write(&format!("{target}/x86_64-unknown-linux-gnu/CACHEDIR.TAG"), "");
        test.write(&format!("{target}/x86_64-unknown-linux-gnu/debug/.cargo-lock"), "");
        let deps = test.path(target).join("x86_64-unknown-linux-gnu/debug/deps");
        fs::create_dir(&deps).unwrap();
        let mut args = LIB.to_vec();
        let out = format!("--out-dir={}", deps.display());
        let host = format!("-Ldependency={}", test.path(target).join("debug/deps").display());
        args.extend(["--target=x86_64-unknown-linux-gnu", &out, &host]);
        let wanted = if dir == "w" { Outcome::Miss } else { Outcome::Hit };
        assert_eq!(test.outcome(&mut test.kache_in(dir, &args)), wanted);
    }
}

#[test]
fn a_macro_asks_where_it_is_and_the_target_directory_is_elsewhere() {
    let test = TestEnv::new();
    proc_macro(&test, r#"std::env::current_dir().unwrap().display().to_string()"#);
    let into = |dir: &str| {
        test.write(&format!("{dir}/CACHEDIR.TAG"), "");
        test.write(&format!("{dir}/deps/other"), "");
        let out = test.path(dir).join("deps");
        let mut command = test.kache(USE);
        test.outcome(command.arg("--out-dir").arg(out))
    };
    assert_eq!((into("one"), into("two")), (Outcome::Miss, Outcome::Hit));
}

/// What a prefix leaves of the checkout's path goes into the crate.
#[test]
fn a_users_map_of_a_directory_above_leaves_the_place() {
    let test = TestEnv::new();
    let text = "pub fn f() -> &'static str { file!() }";
    for dir in ["w", "v"] {
        fs::create_dir_all(test.path(dir).join(".git")).unwrap();
        let source = test.write(&format!("{dir}/l.rs"), text);
        let map = format!("--remap-path-prefix={}=HOME", test.dir.path().display());
        let words =
            ["rustc", "--crate-name=l", "--crate-type=lib", "--emit=link", source.to_str().unwrap(), &map];
        assert_eq!(test.outcome(&mut test.kache_in(dir, &words)), Outcome::Miss, "{dir}");
        let library = fs::read(test.path(dir).join("libl.rlib")).unwrap();
        let own = format!("HOME/{dir}/l.rs");
        assert!(library.windows(own.len()).any(|w| w == own.as_bytes()), "{dir}");
    }
}

#[test]
fn a_flag_that_does_nothing_is_warned_about() {
    let test = TestEnv::new();
    test.write("w/l.rs", "");
    assert_eq!(test.outcome(&mut test.kache(LIB)), Outcome::Miss);
    for flag in ["ar=nothing", "no-stack-check"] {
        for wanted in [Outcome::Miss, Outcome::Hit] {
            let mut command = test.kache(LIB);
            command.args(["-C", flag]);
            let said = assert_success(&mut command).stderr;
            assert!(String::from_utf8_lossy(&said).contains("deprecated"), "{flag} {wanted:?}");
            assert_eq!(test.last().outcome, wanted, "{flag}");
        }
    }
}
