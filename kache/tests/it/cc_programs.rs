//! Programs that are called in the place of a C compiler: scripts, links, `clang-cl`, and the wrapper itself.

use crate::KACHE;
use crate::c::{contains, object, outcomes};
use crate::env::{TestEnv, assert_success};
use crate::tools::require_tool;
use Outcome::{Hit, Miss, Passthrough};
use kache_core::events::Outcome;
use std::fs;
use std::process::Command;

#[test]
fn a_script_in_the_compilers_place() {
    let test = TestEnv::new();
    test.write("w/a.c", "int f(void) { return H; }\n");
    let script = |h: u32| {
        let path = test.write("bin/my-gcc", &format!("#!/bin/sh\nexec gcc -DH={h} \"$@\"\n"));
        assert_success(Command::new("chmod").arg("+x").arg(path));
    };
    script(1);
    let program = test.path("bin/my-gcc");
    let words = [program.to_str().unwrap(), "-c", "a.c", "-o", "a.o"];
    assert_eq!(outcomes(&test, &words, 2), [Miss, Hit]);
    let before = fs::metadata(&program).unwrap().modified().unwrap();
    script(2);
    fs::File::options().write(true).open(&program).unwrap().set_modified(before).unwrap();
    assert_eq!(outcomes(&test, &words, 2), [Miss, Hit]);
}

#[test]
fn names_that_say_nothing() {
    let test = TestEnv::new();
    test.write("w/a.c", "int f;\n");
    assert_eq!(outcomes(&test, &["cc", "-c", "a.c", "-o", "a.o"], 2), [Miss, Hit]);
    let script = test.write("bin/compiler", "#!/bin/sh\nexec gcc \"$@\"\n");
    assert_success(Command::new("chmod").arg("+x").arg(&script));
    assert_eq!(outcomes(&test, &[script.to_str().unwrap(), "-c", "a.c", "-o", "a.o"], 2), [Miss, Hit]);
    let other = test.write("bin/other", "#!/bin/sh\necho \"$@\" >> ran\n");
    assert_success(Command::new("chmod").arg("+x").arg(&other));
    assert_success(&mut test.kache(&[other.to_str().unwrap(), "x"]));
    assert_eq!(test.last().reason_word(), Some("unknown-compiler"));
    assert_eq!(fs::read_to_string(test.path("w/ran")).unwrap(), "x\n");
}

#[test]
fn clang_in_the_place_of_cl() {
    let test = TestEnv::new();
    let program = "clang-19";
    if !require_tool(program, program) {
        return;
    }
    test.write("w/a.cpp", "#include \"h.h\"\nconst char *here = __FILE__; int f() { return H; }\n");
    test.write("w/h.h", "#define H 1\n");
    test.clone_checkout("w", "deep/er/clone");
    let build = |dir: &str, more: &[&str]| {
        let source = test.path(dir).join("a.cpp");
        let mode = [
            "--driver-mode=cl",
            "--target=x86_64-pc-windows-msvc",
            "/nologo",
            "/c",
            "/Brepro",
            "/showIncludes",
        ];
        let words = [&[program][..], &mode, more, &["/Fosub\u{2f}", "--", source.to_str().unwrap()]].concat();
        fs::create_dir_all(test.path(dir).join("sub")).unwrap();
        let out = assert_success(&mut test.kache_in(dir, &words));
        let said = String::from_utf8(out.stdout).unwrap();
        assert!(said.contains(test.path(dir).join("h.h").to_str().unwrap()), "{said}");
        (test.last().outcome, object(&test, &format!("{dir}/sub/a.obj")))
    };
    let (first, second) = (build("w", &[]), build("deep/er/clone", &[]));
    assert_eq!((first.0, second.0), (Miss, Hit));
    assert!(first.1 == second.1 && !contains(&first.1, "clone"));
    // The command line is in this format's debug information.
    assert_eq!((build("w", &["/Z7"]).0, build("deep/er/clone", &["/Z7"]).0), (Miss, Miss));
    assert_eq!(build("w", &["/Z7"]).0, Hit);
    test.write("w/h.h", "#define H 2\n");
    assert_eq!(build("w", &[]).0, Miss);
}

#[test]
fn links_that_stand_in_for_compilers() {
    let test = TestEnv::new();
    test.write("w/a.c", "int main(void) { return 0; }\n");
    let dir = test.path("links");
    let made = assert_success(&mut test.kache(&["shims", "install", dir.to_str().unwrap()]));
    assert!(String::from_utf8(made.stdout).unwrap().contains("export PATH="));
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    let run = |words: &[&str]| {
        let mut command = test.kache(&[]);
        let mut link = Command::new(dir.join(words[0]));
        link.args(&words[1..]).current_dir(test.path("w")).env("PATH", &path);
        link.envs(command.args([""; 0]).get_envs().filter_map(|(n, v)| Some((n, v?))));
        assert_success(&mut link);
        test.last().outcome
    };
    assert_eq!((run(&["gcc", "-c", "a.c"]), run(&["gcc", "-c", "a.c"])), (Miss, Hit));
    assert_eq!((run(&["cc", "a.c", "-o", "a"]), run(&["cc", "a.c", "-o", "a"])), (Miss, Hit));
    assert_eq!(run(&["cc", "-E", "-dM", "a.c"]), Passthrough);
    assert!(test.path("w/a").exists());
    // A link somewhere else, by hand, must not find itself either.
    let own = test.path("own");
    fs::create_dir(&own).unwrap();
    std::os::unix::fs::symlink(KACHE, own.join("g++")).unwrap();
    let mut by_hand = Command::new("g++");
    by_hand.args(["-c", "a.c"]).current_dir(test.path("w")).env("KACHE_CACHE_DIR", test.cache());
    assert_success(by_hand.env("PATH", format!("{}:{path}", own.display())));
    assert_eq!(test.last().outcome, Miss);
    let other = test.write("full/file", "");
    let refused =
        test.kache(&["shims", "install", other.parent().unwrap().to_str().unwrap()]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_success(&mut test.kache(&["shims", "remove", dir.to_str().unwrap()]));
    assert!(!dir.exists());
    let again = test.kache(&["shims", "remove", dir.to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is no directory"));
}

#[test]
fn the_wrapper_as_the_driver_of_rustcs_linker() {
    let test = TestEnv::new();
    test.write("w/main.rs", "fn main() {}\n");
    let script = test.write("bin/linker", &format!("#!/bin/sh\nexec {} cc \"$@\"\n", KACHE));
    assert_success(Command::new("chmod").arg("+x").arg(&script));
    let linker = format!("-Clinker={}", script.display());
    assert_eq!(outcomes(&test, &["rustc", "main.rs", &linker], 2), [Miss, Hit]);
}
