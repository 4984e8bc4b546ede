//! Build scripts of cargo: paths that they print or compute, links that lead out of `OUT_DIR`, side effects, and the times by
//! which cargo and make decide what to do.

use super::case::{Case, Expect::Follows, Expect::Hits, Expect::Right, Expect::Uncacheable};
use super::project::{Probe, TestProject};
use super::scripts::{MAIN, project, saying, script, source};
use super::sources::package;

const PRINTED: &str = "https://doc.rust-lang.org/cargo/reference/build-scripts.html#rustc-link-search";
const DECLARED: &str = "https://doc.rust-lang.org/cargo/reference/build-scripts.html#rerun-if-changed";
const OUT_DIR: &str = "https://doc.rust-lang.org/cargo/reference/build-script-examples.html#code-generation";
const LINKED: &str = "https://doc.rust-lang.org/std/os/unix/fs/fn.symlink.html";
const HASHED: &str = "https://github.com/mozilla/sccache/issues/2870";

pub const CASES: &[Case] = &[
    Case {
        name: "script-search",
        about: "a library is replaced in a directory of the package that a build script names, size and time kept",
        source: PRINTED,
        expect: Follows,
        set_up: |s| searching(s).shell("cp one/libsaid.a prebuilt/"),
        change: |s| {
            s.shell("cp -p prebuilt/libsaid.a old && cp two/libsaid.a prebuilt/ && touch -r old prebuilt/libsaid.a")
        },
    },
    Case {
        name: "script-search-early",
        about: "a library appears in the first of two directories that a build script names",
        source: PRINTED,
        expect: Follows,
        set_up: |s| searching(s).shell("cp one/libsaid.a prebuilt/"),
        change: |s| s.shell("mkdir early && cp two/libsaid.a early/"),
    },
    Case {
        name: "script-search-elsewhere",
        about: "a build script names a directory of its package, and another checkout has another library there",
        source: PRINTED,
        expect: Follows,
        set_up: |s| searching(s).shell("cp one/libsaid.a prebuilt/"),
        change: |s| s.elsewhere_at("another/checkout-with-a-longer-name").shell("cp two/libsaid.a prebuilt/"),
    },
    Case {
        name: "script-search-sibling",
        about: "the script of one dependency puts a library into its OUT_DIR, which comes before that of another dependency",
        source: PRINTED,
        expect: Follows,
        set_up: |s| {
            libraries(s).write("src/main.rs", CALLS_SAID);
            let both = "[dependencies]\na = { path = \"a\" }\nb = { path = \"b\" }\n[workspace]\n";
            s.write("Cargo.toml", &package("p", both));
            s.write("build.rs", &source("println!(\"cargo:rustc-link-lib=static=said\");"));
            for name in ["a", "b"] {
                let copies = "println!(\"cargo:rustc-link-search=native={}\", var(\"OUT_DIR\"));
                    if let Ok(from) = fs::read_to_string(\"chosen\") {
                        fs::copy(format!(\"../{from}/libsaid.a\"), out(\"libsaid.a\")).unwrap();
                    }";
                s.write(&format!("{name}/Cargo.toml"), &package(name, ""));
                s.write(&format!("{name}/build.rs"), &source(copies));
                s.write(&format!("{name}/src/lib.rs"), "");
            }
            s.write("b/chosen", "one").cargo("build --offline -q").prints("target/debug/p")
        },
        change: |s| s.write("a/chosen", "two"),
    },
    Case {
        name: "script-target-directory",
        about: "a build script writes OUT_DIR, and the target directory is another",
        source: "https://doc.rust-lang.org/cargo/reference/environment-variables.html",
        expect: Follows,
        set_up: |s| {
            script(s, r#"var("OUT_DIR")"#).env("CARGO_TARGET_DIR", "{w}/target/one");
            s.probes.clear();
            s.probe(Probe::By(printed_below_target))
        },
        change: |s| s.env("CARGO_TARGET_DIR", "{w}/target/another"),
    },
    Case {
        name: "script-target-directory-read",
        about: "a build script reads a file in another target directory by the path that a variable gives, and it is edited",
        source: OUT_DIR,
        expect: Follows,
        set_up: |s| {
            script(s, r#"fs::read_to_string(format!("{}/header", var("BUILT"))).unwrap()"#);
            s.write("../other/target/debug/header", "one").env("BUILT", "{root}/other/target/debug")
        },
        change: |s| s.write("../other/target/debug/header", "two"),
    },
    Case {
        name: "script-out-dir-hash",
        about: "a build script writes a hash of OUT_DIR, in another checkout",
        source: HASHED,
        expect: Follows,
        set_up: |s| script(s, HASH),
        change: |s| s.elsewhere_at("another/checkout-with-a-longer-name"),
    },
    Case {
        name: "script-third-checkout",
        about: "two checkouts agree on what a build script makes, and a third one with a new name is built",
        source: OUT_DIR,
        expect: Hits,
        set_up: |s| in_two_checkouts(s, r#"fs::read_to_string("data").unwrap()"#),
        change: |s| s.elsewhere_at("third"),
    },
    Case {
        name: "script-third-checkout-parent",
        about: "two checkouts beside each other agree on their parent, which a third one does not have",
        source: OUT_DIR,
        expect: Follows,
        set_up: |s| {
            in_two_checkouts(s, r#"std::path::Path::new(&here("")).parent().unwrap().display().to_string()"#)
        },
        change: |s| s.elsewhere_at("a/third"),
    },
    Case {
        name: "script-third-checkout-depth",
        about: "two checkouts agree on how deep they are, and a third one is deeper",
        source: OUT_DIR,
        expect: Follows,
        set_up: |s| {
            in_two_checkouts(s, r#"std::path::Path::new(&here("")).components().count().to_string()"#)
        },
        change: |s| s.elsewhere_at("a/third"),
    },
    Case {
        name: "script-third-checkout-encoded",
        about: "two checkouts agree on the URL of their paths, and the path of a third one has a space",
        source: OUT_DIR,
        expect: Follows,
        set_up: |s| in_two_checkouts(s, r#"here("data").replace(' ', "%20")"#),
        change: |s| s.elsewhere_at("my third"),
    },
    Case {
        name: "script-copied-mode",
        about: "a build script copies a program, which is no longer executable",
        source: "https://doc.rust-lang.org/std/fs/fn.copy.html",
        expect: Follows,
        set_up: |s| {
            let body = r##"{ fs::copy("tool", out("tool")).unwrap();
                std::process::Command::new(out("tool")).status().is_ok().to_string() }"##;
            script(s, body).write("tool", "#!/bin/sh\n").shell("chmod +x tool")
        },
        change: |s| s.shell("chmod -x tool"),
    },
    Case {
        name: "script-below-descriptor",
        about: "a build script reads a file below a directory that it has open, and the file changes",
        source: "https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html",
        expect: Uncacheable,
        set_up: |s| {
            let body = r##"{ use std::os::fd::AsRawFd; let dir = fs::File::open("dir").unwrap();
                fs::read_to_string(format!("/proc/self/fd/{}/data", dir.as_raw_fd())).unwrap() }"##;
            script(s, body).write("dir/data", "one")
        },
        change: |s| s.write("dir/data", "two"),
    },
    Case {
        name: "script-third-checkout-path",
        about: "two checkouts agree on what a build script makes but for their own paths, and a third one is built",
        source: OUT_DIR,
        expect: Follows,
        set_up: |s| in_two_checkouts(s, r#"here("data")"#),
        change: |s| s.elsewhere_at("a/third"),
    },
    Case {
        name: "script-third-checkout-hash",
        about: "two checkouts are built where a build script writes a hash of its OUT_DIR, and then a third",
        source: HASHED,
        expect: Follows,
        set_up: |s| in_two_checkouts(s, HASH),
        change: |s| s.elsewhere_at("a/third"),
    },
    Case {
        name: "script-third-checkout-edited",
        about: "two checkouts agree on what a build script makes of a file, which is another in a third",
        source: OUT_DIR,
        expect: Follows,
        set_up: |s| in_two_checkouts(s, r#"fs::read_to_string("data").unwrap()"#),
        change: |s| s.elsewhere_at("a/third").write("data", "two"),
    },
    Case {
        name: "script-link-unread",
        about: "a build script makes a link to a file of its package and does not read it; the file is edited",
        source: LINKED,
        expect: Follows,
        set_up: |s| linking(s, r#"here("data")"#),
        change: |s| s.write("data", "two"),
    },
    Case {
        name: "script-link-relative",
        about: "a link in OUT_DIR climbs out of the target directory to a file, which is edited",
        source: LINKED,
        expect: Follows,
        set_up: |s| linking(s, r#"Path::new("../../../../../data")"#),
        change: |s| s.write("data", "two"),
    },
    Case {
        name: "script-link-elsewhere",
        about: "a link in OUT_DIR leads to a file of the package, which is another in another checkout",
        source: LINKED,
        expect: Follows,
        set_up: |s| linking(s, r#"here("data")"#),
        change: |s| s.elsewhere_at("another/checkout-with-a-longer-name").write("data", "two"),
    },
    Case {
        name: "script-link-directory",
        about: "a link in OUT_DIR leads to a directory of the package, in which a file is edited",
        source: LINKED,
        expect: Uncacheable,
        set_up: |s| {
            linking(s, r#"here("list")"#).write("list/data", "one");
            s.write("src/main.rs", &MAIN.replace("/said", "/said/data"))
        },
        change: |s| s.write("list/data", "two"),
    },
    Case {
        name: "script-hard-link",
        about: "a build script gives a file of the package a second name in OUT_DIR, and the file is edited in place",
        source: "https://doc.rust-lang.org/std/fs/fn.hard_link.html",
        expect: Uncacheable,
        set_up: |s| {
            project(s, &source(r#"fs::hard_link("data", out("said")).unwrap();"#)).write("data", "one");
            s.cargo("build --offline -q").prints("target/debug/p")
        },
        change: |s| s.shell("echo two > data"),
    },
    Case {
        name: "script-link-from-outside",
        about: "a build script makes a link to its OUT_DIR in the package, and the link is removed",
        source: DECLARED,
        expect: Uncacheable,
        set_up: |s| {
            let links = r#"let _ = fs::remove_file("current");
                std::os::unix::fs::symlink(var("OUT_DIR"), "current").unwrap();
                "made".to_string()"#;
            script(s, links).probe(Probe::Text("current/said"))
        },
        change: |s| s.remove("current"),
    },
    Case {
        name: "script-writes-what-it-reads",
        about: "a build script normalises a file of the package that it reads, and the file is as before the first run again",
        source: DECLARED,
        expect: Uncacheable,
        set_up: |s| {
            let rewrites = r#"let text = fs::read_to_string("data").unwrap().to_uppercase();
                fs::write("data", &text).unwrap();
                text"#;
            script(s, rewrites).write("data", "one").probe(Probe::Text("data"))
        },
        change: |s| s.write("data", "one"),
    },
    Case {
        name: "script-writes-beside",
        about: "a build script writes a source file that the crate includes, and that file is removed",
        source: "https://docs.rs/tonic-build/latest/tonic_build/struct.Builder.html#method.out_dir",
        expect: Uncacheable,
        set_up: |s| {
            script(s, r#"fs::write("src/made.rs", "const MADE: u8 = 1;").unwrap(); "made".to_string()"#);
            s.write(
                "src/main.rs",
                &format!("include!(\"made.rs\");\n{}", MAIN.replace("{}\"", "{} {MADE}\"")),
            )
        },
        change: |s| s.remove("src/made.rs"),
    },
    Case {
        name: "script-then-up-to-date",
        about: "cargo builds again at once, and has nothing to do",
        source: DECLARED,
        expect: Right,
        set_up: |s| {
            project(s, &declaring("data", r#"fs::read_to_string("data").unwrap()"#)).write("data", "one");
            s.cargo("build --offline -q").cargo(LISTED).probe(Probe::UpToDate)
        },
        change: |s| s.env("OTHER", "1"),
    },
    Case {
        name: "script-then-edited",
        about: "a file that a build script declares is edited right after the build, and cargo builds again",
        source: DECLARED,
        expect: Right,
        set_up: |s| {
            project(s, &declaring("data", r#"fs::read_to_string("data").unwrap()"#));
            edited_between(s, "printf one > data", "printf two > data").prints("target/debug/p")
        },
        change: |s| s.env("OTHER", "1"),
    },
    Case {
        name: "script-declares-out-dir",
        about: "a build script declares its own OUT_DIR as an input, and a file that it does not declare is edited",
        source: DECLARED,
        expect: Follows,
        set_up: |s| {
            let body = r#"println!("cargo:rerun-if-changed={}", var("OUT_DIR")); fs::read_to_string("data").unwrap()"#;
            script(s, body).write("data", "one")
        },
        change: |s| s.write("data", "two"),
    },
    Case {
        name: "script-make-up-to-date",
        about: "a build script runs make in its OUT_DIR again, which says that there is nothing to do",
        source: "https://www.gnu.org/software/make/manual/html_node/Rule-Syntax.html",
        expect: Right,
        set_up: |s| {
            making(s, &format!("{MAKE} said"));
            edited_between(s, "touch trigger", "touch trigger").prints("target/debug/p")
        },
        change: |s| s.env("OTHER", "1"),
    },
    Case {
        name: "script-make-edited",
        about: "a build script runs make in its OUT_DIR again after a header was edited",
        source: "https://www.gnu.org/software/make/manual/html_node/Rule-Syntax.html",
        expect: Right,
        set_up: |s| {
            making(s, &format!("{MAKE} run(&out(\"said-by-make\"), &[])"));
            let edit = |word: &str| format!("echo '#define SAID \"{word}\"' > inc/a.h; touch trigger");
            let dated = edit("one") + "; touch -d @1000000000 inc/a.h";
            edited_between(s, &dated, &edit("two")).prints("target/debug/p")
        },
        change: |s| s.env("OTHER", "1"),
    },
    Case {
        name: "script-make",
        about: "a header is edited that only make knows of, which a build script runs",
        source: DECLARED,
        expect: Follows,
        set_up: |s| {
            making(s, &format!("{MAKE} run(&out(\"said-by-make\"), &[])"));
            s.write("trigger", "").cargo("build --offline -q").prints("target/debug/p")
        },
        change: |s| s.write("inc/a.h", "#define SAID \"two\"\n"),
    },
];

const LISTED: &str = "build --offline -q --message-format=json-render-diagnostics";
const HASH: &str = r#"use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    var("OUT_DIR").hash(&mut hasher);
    hasher.finish().to_string()"#;
const CALLS_SAID: &str =
    "extern \"C\" { fn said() -> i32; }\nfn main() { println!(\"{}\", unsafe { said() }) }\n";

/// The source of a build script that declares to depend on a file.
fn declaring(file: &str, body: &str) -> String {
    saying(body).replace("rerun-if-changed=build.rs", &format!("rerun-if-changed={file}"))
}

/// Builds, edits, and builds again in the same target directory.
fn edited_between<'p>(s: &'p mut TestProject, before: &str, between: &str) -> &'p mut TestProject {
    s.env("CARGO_INCREMENTAL", "0");
    s.then(before).cargo("build --offline -q").then(between).cargo("build --offline -q")
}

/// Two archives of the same name in `one/` and `two/`, whose function says where it is from.
fn libraries(s: &mut TestProject) -> &mut TestProject {
    for (name, number) in [("one", 1), ("two", 2)] {
        s.write(&format!("{name}/said.c"), &format!("int said(void) {{ return {number}; }}\n"));
        s.shell(&format!("cd {name} && gcc -fPIC -c said.c && ar crD libsaid.a said.o"));
    }
    s.directory("prebuilt")
}

/// A program that is linked with a library in `early/` or `prebuilt/`.
fn searching(s: &mut TestProject) -> &mut TestProject {
    let prints = r#"for dir in ["early", "prebuilt"] { println!("cargo:rustc-link-search=native={}", here(dir)); }
        println!("cargo:rustc-link-lib=static=said");"#;
    libraries(project(s, &source(prints))).write("src/main.rs", CALLS_SAID);
    s.cargo("build --offline -q").prints("target/debug/p")
}

/// A program that prints what a link in `OUT_DIR` leads to.
fn linking<'p>(s: &'p mut TestProject, to: &str) -> &'p mut TestProject {
    project(s, &source(&format!("std::os::unix::fs::symlink({to}, out(\"said\")).unwrap();")));
    s.write("data", "one").cargo("build --offline -q").prints("target/debug/p")
}

/// Builds a second checkout as well, which differs from the first in its place alone.
fn in_two_checkouts<'p>(s: &'p mut TestProject, body: &str) -> &'p mut TestProject {
    script(s, body).write("data", "one").shell("cp -r . ../the-second-checkout");
    s.instead().then("rm -rf {root}/the-second-checkout/target");
    s.cargo("build --offline -q");
    s.cargo("build --offline -q --manifest-path {root}/the-second-checkout/Cargo.toml")
}

/// Runs make in `OUT_DIR` and has what it printed in `said`.
const MAKE: &str = r#"let (dir, sources) = (var("OUT_DIR"), format!("SRC={}", here("")));
    let said = run("make", &["--no-print-directory", "-C", &dir, "-f", &here("Makefile"), &sources]);"#;

/// A package whose script runs make with a program of two rules.
fn making<'p>(s: &'p mut TestProject, body: &str) -> &'p mut TestProject {
    project(s, &declaring("trigger", body)).need("make").need("cc");
    s.write("a.c", "#include <stdio.h>\n#include \"a.h\"\nint main(void) { return puts(SAID) < 0; }\n");
    s.write("inc/a.h", "#define SAID \"one\"\n");
    s.write(
        "Makefile",
        "said-by-make: a.o\n\tcc a.o -o $@\na.o: $(SRC)a.c $(SRC)inc/a.h\n\tcc -I$(SRC)inc -c $(SRC)a.c -o $@\n",
    )
}

/// What the program prints, in whichever target directory it is.
fn printed_below_target(s: &TestProject) -> String {
    let programs = ["one", "another"].map(|dir| s.path(&format!("target/{dir}/debug/p")));
    let Some(program) = programs.iter().find(|program| program.exists()) else { return "no program".into() };
    let output = std::process::Command::new(program).output();
    output.map_or_else(|e| e.to_string(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}
