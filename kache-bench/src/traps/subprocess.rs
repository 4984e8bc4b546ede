//! Programs that a proc macro starts, libraries that it loads, its location, and accesses that no observer
//! can see.

use super::case::{Case, Expect::Follows, Expect::Uncacheable};
use super::project::{Probe, TestProject};

pub const CASES: &[Case] = &[
    Case {
        name: "program-reads-file",
        about: "a program that a proc macro starts reads a file, which is edited",
        source: "https://github.com/rust-lang/rust/issues/99515",
        expect: Follows,
        set_up: |s| s.write("data", "a").program_macro(CAT),
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-reads-env",
        about: "a shell that a proc macro starts reads a variable, whose value changes",
        source: "https://github.com/mozilla/sccache/issues/740",
        expect: Follows,
        set_up: |s| s.env("KNOB", "1").program_macro(r#"new("sh").args(["-c", "echo $KNOB"])"#),
        change: |s| s.env("KNOB", "2"),
    },
    Case {
        name: "program-bare-env",
        about: "a program that is started with an empty environment, so that no preload is inherited, reads a file",
        source: "https://man7.org/linux/man-pages/man8/ld.so.8.html",
        expect: Follows,
        set_up: |s| s.write("data", "a").program_macro(r#"new("/bin/cat").env_clear().arg("data")"#),
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-edited",
        about: "a script that a proc macro starts is edited, its size and modification time kept",
        source: "https://github.com/rust-lang/rust/issues/99515",
        expect: Follows,
        set_up: |s| s.script("say", "echo a").program_macro(r#"new("./say")"#),
        change: |s| s.rewrite_unnoticed("say", "#!/bin/sh\necho b\n"),
    },
    Case {
        name: "program-shadowed",
        about: "a program that a proc macro starts by name appears earlier in PATH",
        source: "https://doc.rust-lang.org/std/process/struct.Command.html",
        expect: Follows,
        set_up: |s| {
            s.script("late/say", "echo late").directory("early");
            s.path_first("{w}/early:{w}/late").program_macro(r#"new("say")"#)
        },
        change: |s| s.script("early/say", "echo early"),
    },
    Case {
        name: "program-static",
        about: "a proc macro starts a statically linked program, which no preload reaches; it reads a file",
        source: "https://man7.org/linux/man-pages/man8/ld.so.8.html",
        expect: Uncacheable,
        set_up: |s| {
            s.write("data", "a").write(
                "s.c",
                "#include <stdio.h>\nint main(void) { FILE *f = fopen(\"data\", \"r\"); putchar(fgetc(f)); return 0; }\n",
            );
            s.plainly("cc -static -o s s.c").program_macro(r#"new("./s")"#)
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "macro-library",
        about: "a library that a proc macro is linked with appears earlier in LD_LIBRARY_PATH",
        source: "https://man7.org/linux/man-pages/man8/ld.so.8.html",
        expect: Follows,
        set_up: |s| {
            s.directory("early")
                .directory("late")
                .write("late.c", "const char *say(void) { return \"late\"; }\n");
            s.plainly("cc -shared -fPIC -Wl,-soname,libhelp.so late.c -o late/libhelp.so");
            s.write("m.rs", HELPED).plainly("rustc --crate-type=proc-macro --edition=2021 m.rs -Llate");
            s.env("LD_LIBRARY_PATH", "{w}/early:{w}/late").uses_macro()
        },
        change: |s| {
            s.write("early.c", "const char *say(void) { return \"early\"; }\n");
            s.plainly("cc -shared -fPIC -Wl,-soname,libhelp.so early.c -o early/libhelp.so")
        },
    },
    Case {
        name: "macro-working-directory",
        about: "a proc macro pastes its working directory, and another checkout is built",
        source: "https://github.com/mozilla/sccache/pull/345",
        expect: Follows,
        set_up: |s| s.proc_macro(r#"std::env::current_dir().unwrap().display().to_string()"#),
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "macro-pastes-path",
        about: "a proc macro pastes CARGO_MANIFEST_DIR, as rust-embed does; another checkout is built",
        source: "https://github.com/mozilla/sccache/issues/2870",
        expect: Follows,
        set_up: |s| {
            s.proc_macro(r#"std::env::var("CARGO_MANIFEST_DIR").unwrap()"#).env("CARGO_MANIFEST_DIR", "{w}")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "macro-span-path",
        about: "a proc macro pastes the path of the file that calls it, and another checkout is built",
        source: "https://doc.rust-lang.org/proc_macro/struct.Span.html#method.local_file",
        expect: Follows,
        set_up: |s| {
            s.macro_crate(r#"proc_macro::Span::call_site().local_file().unwrap().display().to_string()"#)
                .write("l.rs", "pub static SAID: &str = m::m!();\n");
            s.rust_lib_absolute("--extern m=libm.so").says("out/libl.rlib")
        },
        change: |s| s.elsewhere_at("another/checkout"),
    },
    Case {
        name: "program-runpath-earlier",
        about: "a library of a program that a proc macro starts appears in a directory that its RUNPATH names first",
        source: LOADER,
        expect: Follows,
        set_up: |s| {
            s.write("prog.c", "int say(void); int main(void) { return say(); }\n")
                .directory("a")
                .directory("b");
            plug(s, "1", "b/libplug.so");
            s.plainly("cc -o prog prog.c -Lb -lplug -Wl,-rpath,$ORIGIN/a:$ORIGIN/b");
            s.proc_macro(PROG)
        },
        change: |s| plug(s, "2", "a/libplug.so"),
    },
    Case {
        name: "program-library-for-processor",
        about: "a library of a program appears in the directory below its own that is for newer processors",
        source: LOADER,
        expect: Follows,
        set_up: |s| {
            let newer = if cfg!(target_arch = "x86_64") { "x86-64-v2" } else { "unknown" };
            s.directory(&format!("b/glibc-hwcaps/{newer}"));
            if newer == "unknown" {
                s.skip("the C library knows such directories of x86-64");
            }
            s.write("prog.c", "int say(void); int main(void) { return say(); }\n");
            plug(s, "1", "b/libplug.so");
            s.plainly("cc -o prog prog.c -Lb -lplug -Wl,-rpath,$ORIGIN/b");
            s.proc_macro(PROG)
        },
        change: |s| plug(s, "2", "b/glibc-hwcaps/x86-64-v2/libplug.so"),
    },
    Case {
        name: "program-own-library-path",
        about: "a library appears in the first directory of a LD_LIBRARY_PATH that a shell sets for the program",
        source: LOADER,
        expect: Follows,
        set_up: |s| {
            s.write("prog.c", "int say(void); int main(void) { return say(); }\n")
                .directory("a")
                .directory("b");
            plug(s, "1", "b/libplug.so");
            s.plainly("cc -o prog prog.c -Lb -lplug");
            s.program_macro(r#"new("sh").args(["-c", "LD_LIBRARY_PATH=a:b ./prog; echo $?"])"#)
        },
        change: |s| plug(s, "2", "a/libplug.so"),
    },
    Case {
        name: "program-own-preload",
        about: "a library that a shell has the loader put into a program is not there, and appears",
        source: LOADER,
        expect: Follows,
        set_up: |s| {
            s.write("prog.c", "int say(void); int main(void) { return say(); }\n").directory("b");
            plug(s, "1", "b/libplug.so")
                .plainly("cc -o prog prog.c -Lb -lplug -Wl,-rpath,$ORIGIN/b")
                .program_macro(r#"new("sh").args(["-c", "LD_PRELOAD=./pre.so ./prog; echo $?"])"#)
        },
        change: |s| plug(s, "2", "pre.so"),
    },
    Case {
        name: "dlopen-lacks-library",
        about: "a library that a program asks for cannot be loaded, as one that it needs is missing; that appears",
        source: LOADER,
        expect: Follows,
        set_up: |s| {
            s.write(
                "prog.c",
                "#include <dlfcn.h>\nint main(void) { return dlopen(\"./libouter.so\", RTLD_NOW) != 0; }\n",
            );
            s.write("outer.c", "int say(void); int outer(void) { return say(); }\n").directory("a");
            plug(s, "1", "a/libplug.so");
            s.plainly("cc -shared -fPIC -o libouter.so outer.c -La -lplug -Wl,-rpath,$ORIGIN/a");
            s.plainly("cc -o prog prog.c -ldl").remove("a/libplug.so").proc_macro(PROG)
        },
        change: |s| plug(s, "1", "a/libplug.so"),
    },
    Case {
        name: "macro-leaves-file",
        about: "a proc macro writes a file next to the sources, which a hit would not restore",
        source: "https://github.com/kunobi-ninja/kache/issues/635",
        expect: Uncacheable,
        set_up: |s| {
            s.proc_macro(r#"std::fs::write("out/left", "x").unwrap(); "done".into()"#)
                .probe(Probe::Text("out/left"))
        },
        change: |s| s,
    },
];

const CAT: &str = r#"new("cat").arg("data")"#;

const LOADER: &str = "https://man7.org/linux/man-pages/man8/ld.so.8.html";

/// Makes a library whose function returns a number.
fn plug<'a>(s: &'a mut TestProject, number: &str, at: &str) -> &'a mut TestProject {
    s.write("plug.c", &format!("int say(void) {{ return {number}; }}\n"))
        .plainly(&format!("cc -shared -fPIC -o {at} plug.c"))
}

const PROG: &str = r#"std::process::Command::new("./prog").status().unwrap().to_string()"#;

const HELPED: &str = r#"extern crate proc_macro;
#[link(name = "help")]
extern "C" { fn say() -> *const std::ffi::c_char; }
#[proc_macro]
pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let word = unsafe { std::ffi::CStr::from_ptr(say()) }.to_str().unwrap();
    format!("{:?}", format!("SAID=<{word}>")).parse().unwrap()
}
"#;
