//! Programs that a proc macro starts, libraries that it loads, its location, and accesses that no observer
//! can see.

use super::case::{Case, Expect::Follows, Expect::Uncacheable};
use super::project::Probe;

pub const CASES: &[Case] = &[
    Case {
        name: "program-reads-file",
        about: "a program that a proc macro starts reads a file, which is edited",
        source: "https://github.com/rust-lang/rust/issues/99515",
        expect: Follows,
        set_up: |s| s.write("data", "a").proc_macro(CAT),
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-reads-env",
        about: "a shell that a proc macro starts reads a variable, whose value changes",
        source: "https://github.com/mozilla/sccache/issues/740",
        expect: Follows,
        set_up: |s| {
            s.env("KNOB", "1").proc_macro(
                r#"let o = std::process::Command::new("sh").args(["-c", "echo $KNOB"]).output().unwrap();
                   String::from_utf8(o.stdout).unwrap()"#,
            )
        },
        change: |s| s.env("KNOB", "2"),
    },
    Case {
        name: "program-bare-env",
        about: "a program that is started with an empty environment, so that no preload is inherited, reads a file",
        source: "https://man7.org/linux/man-pages/man8/ld.so.8.html",
        expect: Follows,
        set_up: |s| {
            s.write("data", "a").proc_macro(
                r#"let o = std::process::Command::new("/bin/cat").env_clear().arg("data").output().unwrap();
                   String::from_utf8(o.stdout).unwrap()"#,
            )
        },
        change: |s| s.write("data", "b"),
    },
    Case {
        name: "program-edited",
        about: "a script that a proc macro starts is edited, its size and modification time kept",
        source: "https://github.com/rust-lang/rust/issues/99515",
        expect: Follows,
        set_up: |s| {
            s.script("say", "echo a").proc_macro(
                r#"String::from_utf8(std::process::Command::new("./say").output().unwrap().stdout).unwrap()"#,
            )
        },
        change: |s| s.rewrite_unnoticed("say", "#!/bin/sh\necho b\n"),
    },
    Case {
        name: "program-shadowed",
        about: "a program that a proc macro starts by name appears earlier in PATH",
        source: "https://doc.rust-lang.org/std/process/struct.Command.html",
        expect: Follows,
        set_up: |s| {
            let path = s.base().get("PATH").unwrap_or_default().to_string_lossy().into_owned();
            s.script("late/say", "echo late").directory("early");
            s.env("PATH", &format!("{{w}}/early:{{w}}/late:{path}")).proc_macro(
                r#"String::from_utf8(std::process::Command::new("say").output().unwrap().stdout).unwrap()"#,
            )
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
            s.plainly("cc -static -o s s.c").proc_macro(
                r#"String::from_utf8(std::process::Command::new("./s").output().unwrap().stdout).unwrap()"#,
            )
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

const CAT: &str =
    r#"String::from_utf8(std::process::Command::new("cat").arg("data").output().unwrap().stdout).unwrap()"#;

const HELPED: &str = r#"extern crate proc_macro;
#[link(name = "help")]
extern "C" { fn say() -> *const std::ffi::c_char; }
#[proc_macro]
pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let word = unsafe { std::ffi::CStr::from_ptr(say()) }.to_str().unwrap();
    format!("{:?}", format!("SAID=<{word}>")).parse().unwrap()
}
"#;
