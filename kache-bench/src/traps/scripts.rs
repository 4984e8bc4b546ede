//! Build scripts of cargo: what they read without saying so. The program prints what its script has put into `OUT_DIR`.

use super::case::{Case, Expect::Follows};
use super::project::TestProject;
use super::sources::package;

const ABOUT_SCRIPTS: &str = "https://doc.rust-lang.org/cargo/reference/build-scripts.html#rerun-if-changed";
pub(super) const MAIN: &str =
    "fn main() { print!(\"{}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/said\"))) }\n";

/// What the body of a build script may call.
const CALLS: &str = r#"#[allow(unused)] use std::{env, fs, path::Path, process::Command};
#[allow(unused)] fn var(name: &str) -> String { env::var(name).unwrap_or_default() }
#[allow(unused)] fn out(name: &str) -> String { format!("{}/{name}", var("OUT_DIR")) }
#[allow(unused)] fn here(name: &str) -> String { format!("{}/{name}", var("CARGO_MANIFEST_DIR")) }
#[allow(unused)] fn exists(name: &str) -> bool { Path::new(name).exists() }
#[allow(unused)] fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
"#;

/// The source of a build script that declares to depend on nothing but itself.
pub(super) fn source(statements: &str) -> String {
    format!("{CALLS}fn main() {{\n    println!(\"cargo:rerun-if-changed=build.rs\");\n    {statements}\n}}\n")
}

/// The same for one that puts the value of an expression into `OUT_DIR`.
pub(super) fn saying(body: &str) -> String {
    source(&format!("let said: String = {{ {body} }};\n    fs::write(out(\"said\"), said).unwrap();"))
}

/// A package that prints what its build script has put into `OUT_DIR`.
pub(super) fn project<'p>(s: &'p mut TestProject, build: &str) -> &'p mut TestProject {
    s.write("Cargo.toml", &package("p", "[workspace]\n")).write("src/main.rs", MAIN).write("build.rs", build)
}

/// The same, and the command that builds it.
pub(super) fn script<'p>(s: &'p mut TestProject, body: &str) -> &'p mut TestProject {
    project(s, &saying(body)).cargo("build --offline -q").prints("target/debug/p")
}

/// Compiles `a.c` in `OUT_DIR` with `cc`, and says what the program prints.
const COMPILES: &str = r#"let out = var("OUT_DIR");
    run("cc", &["-c", "a.c", "-I", "first", "-I", "inc", "-o", &format!("{out}/a.o")]);
    run("cc", &[&format!("{out}/a.o"), "-o", &format!("{out}/a")]);
    run(&format!("{out}/a"), &[])"#;
const A_C: &str = "#include <stdio.h>\n#include \"a.h\"\nint main(void) { return puts(SAID) < 0; }\n";

pub const CASES: &[Case] = &[
    Case {
        name: "script-env",
        about: "a variable that a build script reads and does not declare changes",
        source: ABOUT_SCRIPTS,
        expect: Follows,
        set_up: |s| script(s, r#"var("CHOSEN")"#).env("CHOSEN", "one"),
        change: |s| s.env("CHOSEN", "two"),
    },
    Case {
        name: "script-file",
        about: "a file that a build script reads and does not declare is edited, its size and modification time kept",
        source: ABOUT_SCRIPTS,
        expect: Follows,
        set_up: |s| script(s, r#"fs::read_to_string("data").unwrap()"#).write("data", "one"),
        change: |s| s.rewrite_unnoticed("data", "two"),
    },
    Case {
        name: "script-exists",
        about: "a file appears for which a build script looks",
        source: "https://github.com/rust-lang/cargo/issues/4213",
        expect: Follows,
        set_up: |s| script(s, r#"exists("local/config").to_string()"#),
        change: |s| s.write("local/config", ""),
    },
    Case {
        name: "script-directory",
        about: "a directory that a build script lists gets a file",
        source: "https://github.com/rust-lang/cargo/issues/2599",
        expect: Follows,
        set_up: |s| script(s, r#"fs::read_dir("list").unwrap().count().to_string()"#).write("list/one", ""),
        change: |s| s.write("list/two", ""),
    },
    Case {
        name: "script-program",
        about: "a program earlier in PATH takes the place of one that a build script runs",
        source: "https://doc.rust-lang.org/std/process/struct.Command.html#method.new",
        expect: Follows,
        set_up: |s| {
            script(s, r#"run("say", &[])"#).path_first("early:late").directory("early");
            s.script("late/say", "echo one")
        },
        change: |s| s.script("early/say", "echo two"),
    },
    Case {
        name: "script-shell",
        about: "a file that a shell of a build script reads is edited",
        source: ABOUT_SCRIPTS,
        expect: Follows,
        set_up: |s| script(s, r#"run("sh", &["-c", "cat data"])"#).write("data", "one"),
        change: |s| s.write("data", "two"),
    },
    Case {
        name: "script-git",
        about: "a build script asks git for the commit, and another one is checked out",
        source: "https://github.com/rustyhorde/vergen/issues/174",
        expect: Follows,
        set_up: |s| {
            script(s, r#"run("git", &["rev-parse", "HEAD"])"#).need("git");
            s.shell("git init -q . && git add build.rs && git -c user.name=n -c user.email=e commit -qm one")
        },
        change: |s| s.shell("git -c user.name=n -c user.email=e commit -q --allow-empty -m two"),
    },
    Case {
        name: "script-header",
        about: "a header of a C source that a build script compiles is edited",
        source: "https://github.com/rust-lang/cc-rs/issues/230",
        expect: Follows,
        set_up: |s| {
            script(s, COMPILES)
                .write("a.c", A_C)
                .write("inc/a.h", "#define SAID \"one\"\n")
                .directory("first")
        },
        change: |s| s.write("inc/a.h", "#define SAID \"two\"\n"),
    },
    Case {
        name: "script-header-shadowed",
        about: "a header appears earlier in the search path of a compiler that a build script starts",
        source: "https://gcc.gnu.org/onlinedocs/cpp/Search-Path.html",
        expect: Follows,
        set_up: |s| {
            script(s, COMPILES)
                .write("a.c", A_C)
                .write("inc/a.h", "#define SAID \"one\"\n")
                .directory("first")
        },
        change: |s| s.write("first/a.h", "#define SAID \"two\"\n"),
    },
    Case {
        name: "script-compiler-variable",
        about: "CPATH changes, by which the compiler of a build script finds headers",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Environment-Variables.html",
        expect: Follows,
        set_up: |s| {
            script(s, COMPILES).write("a.c", A_C).write("one/a.h", "#define SAID \"one\"\n");
            s.write("two/a.h", "#define SAID \"two\"\n").env("CPATH", "{w}/one")
        },
        change: |s| s.env("CPATH", "{w}/two"),
    },
    Case {
        name: "script-trial-compile",
        about: "a trial compile of a build script fails, and passes once a header is there",
        source: "https://www.gnu.org/software/autoconf/manual/autoconf.html#Running-the-Compiler",
        expect: Follows,
        set_up: |s| {
            let tries = r#"Command::new("cc").args(["-I", "inc", "-c", "a.c", "-o", &format!("{}/a.o", var("OUT_DIR"))])
                .status().unwrap().success().to_string()"#;
            script(s, tries).write("a.c", A_C)
        },
        change: |s| s.write("inc/a.h", "#define SAID \"two\"\n"),
    },
    Case {
        name: "script-out-dir-length",
        about: "a build script writes the length of OUT_DIR, in another checkout",
        source: "https://github.com/mozilla/sccache/issues/2870",
        expect: Follows,
        set_up: |s| script(s, r#"var("OUT_DIR").len().to_string()"#),
        change: |s| s.elsewhere_at("another/checkout-with-a-longer-name"),
    },
    Case {
        name: "script-manifest-dir",
        about: "a build script writes the path of its package, in another checkout",
        source: "https://doc.rust-lang.org/cargo/reference/environment-variables.html",
        expect: Follows,
        set_up: |s| script(s, r#"var("CARGO_MANIFEST_DIR")"#),
        change: |s| s.elsewhere_at("another/checkout-with-a-longer-name"),
    },
    Case {
        name: "script-link-out-of-its-directory",
        about: "a link in OUT_DIR leads to a file of the package, which is edited",
        source: "https://doc.rust-lang.org/std/os/unix/fs/fn.symlink.html",
        expect: Follows,
        set_up: |s| {
            let links = r#"let link = format!("{}/link", var("OUT_DIR"));
                std::os::unix::fs::symlink(format!("{}/data", var("CARGO_MANIFEST_DIR")), &link).unwrap();
                fs::read_to_string(&link).unwrap()"#;
            script(s, links).write("data", "one")
        },
        change: |s| s.write("data", "two"),
    },
    Case {
        name: "script-feature",
        about: "a feature of the package is switched on, which a build script sees as a variable",
        source: "https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-build-scripts",
        expect: Follows,
        set_up: |s| {
            script(s, r#"env::var_os("CARGO_FEATURE_EXTRA").is_some().to_string()"#);
            s.write("Cargo.toml", &package("p", "[features]\nextra = []\n[workspace]\n"))
        },
        change: |s| s.instead().cargo("build --offline -q --features extra"),
    },
];
