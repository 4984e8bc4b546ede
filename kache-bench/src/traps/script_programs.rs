//! Build scripts of cargo: the generators, configure scripts, build tools and compilers that they run.
//!
//! Python asks for the time as it starts and can hand it to its scripts; libclang can tell its callers when a header was modified.

use super::case::{Case, Expect::Follows, Expect::Hits, Expect::Right, Expect::Uncacheable};
use super::project::TestProject;
use super::scripts::{project, saying, script};
use std::path::Path;

const CONFIGURE: &str = "https://www.gnu.org/software/autoconf/manual/autoconf.html#Generic-Test-Functions";
const PKG_CONFIG: &str = "https://docs.rs/pkg-config/latest/pkg_config/";
const CMAKE: &str = "https://docs.rs/cmake/latest/cmake/";
const PERL: &str = "https://perldoc.perl.org/perlrun";
const PYTHON: &str = "https://docs.python.org/3/tutorial/modules.html#the-module-search-path";
const BINDGEN: &str = "https://rust-lang.github.io/rust-bindgen/tutorial-3.html";
const PROTOC: &str = "https://docs.rs/prost-build/latest/prost_build/";

pub const CASES: &[Case] = &[
    Case {
        name: "script-configure",
        about: "a configure script compiles a conftest and searches what is left of its macros, and a header is edited",
        source: CONFIGURE,
        expect: Follows,
        set_up: |s| configuring(s).write("inc/said.h", "#define SAID 1\n"),
        change: |s| s.write("inc/said.h", "#define SAID 2\n"),
    },
    Case {
        // What a program would do that is removed after it ran cannot be examined.
        name: "script-configure-run",
        about: "a configure script compiles, runs and removes a conftest, and a header of it is edited",
        source: "https://www.gnu.org/software/autoconf/manual/autoconf.html#Runtime",
        expect: Uncacheable,
        set_up: |s| configuring(s).write("inc/said.h", "#define SAID 1\n").env("RUNS", "1"),
        change: |s| s.write("inc/said.h", "#define SAID 2\n"),
    },
    Case {
        name: "script-configure-header",
        about: "a configure script tries to compile a conftest, whose header appears",
        source: CONFIGURE,
        expect: Follows,
        set_up: |s| configuring(s).directory("inc"),
        change: |s| s.write("inc/said.h", "#define SAID 2\n"),
    },
    Case {
        name: "script-configure-program",
        about: "a configure script looks for a program along PATH, which appears",
        source: "https://www.gnu.org/software/autoconf/manual/autoconf.html#Generic-Programs",
        expect: Follows,
        set_up: |s| configuring(s).directory("inc").directory("tools").path_first("{w}/tools"),
        change: |s| s.script("tools/said-tool", "true"),
    },
    Case {
        name: "script-newer",
        about: "a shell of a build script asks which of two files is newer, and the older one is touched",
        source: "https://pubs.opengroup.org/onlinepubs/9799919799/utilities/test.html",
        expect: Follows,
        set_up: |s| {
            script(s, r#"run("sh", &["-c", "if test one -nt two; then echo one; else echo two; fi"])"#);
            s.write("one", "").write("two", "").date("one", 1_000_000).date("two", 2_000_000)
        },
        change: |s| s.date("one", 3_000_000),
    },
    Case {
        name: "script-by-time",
        about: "a build script has files listed by their times, and one is touched",
        source: "https://pubs.opengroup.org/onlinepubs/9799919799/utilities/ls.html",
        expect: Follows,
        set_up: |s| {
            script(s, r#"run("ls", &["-t", "one", "two"])"#);
            s.write("one", "").write("two", "").date("one", 1_000_000).date("two", 2_000_000)
        },
        change: |s| s.date("one", 3_000_000),
    },
    Case {
        name: "script-header-system",
        about: "a header is edited in a directory of system headers outside of the checkout",
        source: "https://github.com/rust-lang/cc-rs/issues/230",
        expect: Follows,
        set_up: |s| {
            let compiles =
                r#"run("cc", &["-isystem", "../sys", "a.c", "-o", &out("a")]); run(&out("a"), &[])"#;
            script(s, compiles).write("../sys/a.h", "#define SAID \"one\"\n").write("a.c", A_C)
        },
        change: |s| s.rewrite_unnoticed("../sys/a.h", "#define SAID \"two\"\n"),
    },
    Case {
        name: "script-archive",
        about: "a build script makes an archive with ar, and a header of its object is edited",
        source: "https://docs.rs/cc/latest/cc/",
        expect: Follows,
        set_up: |s| {
            let compiles = r#"run("cc", &["-I", "inc", "-c", "a.c", "-o", &out("a.o")]);
                run("ar", &["crsD", &out("liba.a"), &out("a.o")]);
                run("cc", &[&out("liba.a"), "-o", &out("a")]);
                run(&out("a"), &[])"#;
            script(s, compiles).write("inc/a.h", "#define SAID \"one\"\n").write("a.c", A_C)
        },
        change: |s| s.rewrite_unnoticed("inc/a.h", "#define SAID \"two\"\n"),
    },
    Case {
        name: "script-pkg-config",
        about: "the file from which pkg-config has the flags of a library is edited",
        source: PKG_CONFIG,
        expect: Follows,
        set_up: |s| asking_pkg_config(s).write("late/said.pc", &library("one")),
        change: |s| s.write("late/said.pc", &library("two")),
    },
    Case {
        name: "script-pkg-config-early",
        about: "a file for pkg-config appears in an earlier directory",
        source: PKG_CONFIG,
        expect: Follows,
        set_up: |s| asking_pkg_config(s).write("late/said.pc", &library("one")).directory("early"),
        change: |s| s.write("early/said.pc", &library("two")),
    },
    Case {
        name: "script-pkg-config-required",
        about: "a file is edited which the one of a library requires",
        source: PKG_CONFIG,
        expect: Follows,
        set_up: |s| {
            asking_pkg_config(s).write("late/said.pc", &format!("{}Requires: base\n", library("one")));
            s.write("late/base.pc", &library("base"))
        },
        change: |s| s.write("late/base.pc", &library("other")),
    },
    Case {
        name: "script-rustc-accepts",
        about: "a build script asks whether rustc accepts a source on standard input, and a file that the source includes is edited",
        source: "https://docs.rs/crate/rustix/0.38.43/source/build.rs",
        expect: Follows,
        set_up: |s| {
            let tries = r#"run("sh", &["-c", "if ${RUSTC_WRAPPER:-} \"$RUSTC\" --crate-type=rlib --emit=metadata -o - - \
                < try.rs > /dev/null 2>&1; then echo accepted; else echo refused; fi"])"#;
            script(s, tries)
                .write("try.rs", "include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/tried.rs\"));\n")
                .write("tried.rs", "pub fn f() -> u8 { 1 }\n")
        },
        change: |s| s.rewrite_unnoticed("tried.rs", "pub fn f() -> u8 { \"\" }\n"),
    },
    Case {
        name: "script-cmake",
        about: "a header is edited that only cmake and its build tool know of",
        source: CMAKE,
        expect: Follows,
        set_up: |s| {
            with_cmake(s, "build.rs").write("native/inc/a.h", "#define SAID \"one\"\n");
            s.cargo("build --offline -q").prints("target/debug/p")
        },
        change: |s| s.write("native/inc/a.h", "#define SAID \"two\"\n"),
    },
    Case {
        name: "script-cmake-edited",
        about: "a build script runs cmake in its OUT_DIR again after a header was edited",
        source: CMAKE,
        expect: Right,
        set_up: |s| {
            with_cmake(s, "trigger");
            s.then("echo '#define SAID \"one\"' > native/inc/a.h; touch -d @1000000000 native/inc/a.h; touch trigger")
                .cargo("build --offline -q");
            s.then("echo '#define SAID \"two\"' > native/inc/a.h; touch trigger").cargo("build --offline -q");
            s.prints("target/debug/p")
        },
        change: |s| s.env("OTHER", "1"),
    },
    Case {
        name: "script-cmake-time",
        about: "a script of CMake asks when a directory was modified, and it is touched",
        source: "https://cmake.org/cmake/help/latest/command/file.html#timestamp",
        expect: Uncacheable,
        set_up: |s| {
            script(s, r#"run("cmake", &["-P", "say.cmake"]); fs::read_to_string(out("time")).unwrap()"#);
            s.need("cmake").directory("list").shell("touch -d @1000000000 list").write(
                "say.cmake",
                "file(TIMESTAMP list time \"%s\" UTC)\nfile(WRITE \"$ENV{OUT_DIR}/time\" \"${time}\")\n",
            )
        },
        change: |s| s.shell("touch -d @1100000000 list"),
    },
    Case {
        name: "script-perl",
        about: "a module of a Perl script is edited",
        source: PERL,
        expect: Follows,
        set_up: |s| with_perl(s).write("late/Said.pm", &perl_module("one")),
        change: |s| s.write("late/Said.pm", &perl_module("two")),
    },
    Case {
        name: "script-perl-early",
        about: "a module of a Perl script appears in an earlier directory",
        source: PERL,
        expect: Follows,
        set_up: |s| with_perl(s).write("late/Said.pm", &perl_module("one")),
        change: |s| s.write("early/Said.pm", &perl_module("two")),
    },
    Case {
        name: "script-python",
        about: "a module of a Python script is edited",
        source: PYTHON,
        expect: Uncacheable,
        set_up: |s| with_python(s, "-B").write("late/said.py", "SAID = 'one'\n"),
        change: |s| s.write("late/said.py", "SAID = 'two!'\n"),
    },
    Case {
        name: "script-python-early",
        about: "a module of a Python script appears in an earlier directory",
        source: PYTHON,
        expect: Uncacheable,
        set_up: |s| with_python(s, "-B").write("late/said.py", "SAID = 'one'\n").directory("early"),
        change: |s| s.write("early/said.py", "SAID = 'two!'\n"),
    },
    Case {
        name: "script-python-compiled",
        about: "a module of a Python script is edited, whose byte code Python keeps beside it",
        source: "https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation",
        expect: Uncacheable,
        set_up: |s| with_python(s, "-E").write("late/said.py", "SAID = 'one'\n"),
        change: |s| s.write("late/said.py", "SAID = 'two!'\n"),
    },
    Case {
        name: "script-libclang",
        about: "a header is edited that another one includes, which a build script parses with libclang",
        source: BINDGEN,
        expect: Uncacheable,
        set_up: |s| with_libclang(s).write("late/b.h", "int one;\n"),
        change: |s| s.write("late/b.h", "int one; int two;\n"),
    },
    Case {
        name: "script-libclang-early",
        about: "a header appears earlier in the search path of a build script that parses with libclang",
        source: BINDGEN,
        expect: Uncacheable,
        set_up: |s| with_libclang(s).write("late/b.h", "int one;\n").directory("early"),
        change: |s| s.write("early/b.h", "int one; int two;\n"),
    },
    Case {
        name: "script-libclang-search",
        about: "a build script asks clang where it searches for headers, as bindgen does, and CPATH changes",
        source: "https://docs.rs/clang-sys/latest/clang_sys/support/struct.Clang.html",
        expect: Follows,
        set_up: |s| {
            s.need("clang-19").directory("one").directory("two").env("CPATH", "{w}/one");
            let asks = r#"let asked = Command::new("clang-19").args(["-E", "-x", "c", "-", "-v"])
                    .stdin(std::process::Stdio::null()).output().unwrap();
                let text = String::from_utf8(asked.stderr).unwrap();
                text.lines().filter(|line| line.starts_with(" /")).collect()"#;
            script(s, asks)
        },
        change: |s| s.env("CPATH", "{w}/two"),
    },
    Case {
        name: "script-protoc",
        about: "a file is edited that another one imports, which a build script has protoc compile",
        source: PROTOC,
        expect: Follows,
        set_up: |s| with_protoc(s).write("late/b.proto", &message("one")),
        change: |s| s.write("late/b.proto", &message("two")),
    },
    Case {
        name: "script-protoc-early",
        about: "a file that protoc imports appears in an earlier directory",
        source: PROTOC,
        expect: Follows,
        set_up: |s| with_protoc(s).write("late/b.proto", &message("one")).directory("early"),
        change: |s| s.write("early/b.proto", &message("two")),
    },
    Case {
        name: "script-rustc-version",
        about: "a build script asks the compiler for its version, and the compiler is another",
        source: "https://docs.rs/rustc_version/latest/rustc_version/",
        expect: Uncacheable,
        set_up: |s| {
            script(s, r#"run(&var("RUSTC"), &["--version"])"#).env("RUSTC", "{w}/tools/rustc");
            s.script("tools/rustc", &compiler("one"))
        },
        change: |s| s.script("tools/rustc", &compiler("two")),
    },
    Case {
        name: "script-rustc-asked",
        about: "a build script asks the compiler for its version, its cfg and its sysroot, and something else changes",
        source: "https://docs.rs/rustversion/latest/rustversion/",
        expect: Hits,
        set_up: |s| {
            let asks = r#"let rustc = var("RUSTC");
                let asked = [&["--version"][..], &["-vV"], &["--print", "cfg"], &["--print", "sysroot"]];
                asked.map(|words| run(&rustc, words)).concat()"#;
            script(s, asks)
        },
        change: |s| s.env("OTHER", "1").write("other", ""),
    },
    Case {
        name: "script-autocfg",
        about: "a build script has rustc try a source on standard input, which compiles with other flags alone",
        source: "https://docs.rs/autocfg/latest/autocfg/",
        expect: Follows,
        set_up: |s| script(s, AUTOCFG).env("RUSTFLAGS", "--cfg one"),
        change: |s| s.env("RUSTFLAGS", "--cfg said"),
    },
];

const A_C: &str = "#include <stdio.h>\n#include \"a.h\"\nint main(void) { return puts(SAID) < 0; }\n";

/// The steps of a configure script that autoconf makes: is the clock sane, is there a program, does a test compile, and what
/// is in it.
const CONFIGURE_STEPS: &str = r#"set -e
srcdir=$1
echo timestamp > conftest.file
set X `ls -Lt "$srcdir/configure" conftest.file`
test "$2" = conftest.file || { echo 'newly created file is older than distributed files!' >&2; exit 1; }
rm -f conftest.file
{ echo "host `uname -n`, system `uname -sr`"; set; } > config.log
tool=no
IFS=:
for dir in $PATH; do
    test -f "$dir/said-tool" && test -x "$dir/said-tool" && { tool=$dir/said-tool; break; }
done
unset IFS
printf '#include <said.h>\nint main(void) { return SAID; }\n' > conftest.c
result=no
if cc -I "$srcdir/inc" conftest.c -o conftest 2> conftest.err; then
    result=`cc -E -P -I "$srcdir/inc" conftest.c | sed -n 's/.*return \(.*\); }/\1/p'`
    if test -n "$RUNS"; then ./conftest || result=$?; fi
else
    cat conftest.c conftest.err >> config.log
fi
rm -f conftest conftest.*
sed "s,@tool@,$tool,; s,@result@,$result," > config.h <<'EOF'
tool @tool@, result @result@
EOF
"#;

fn configuring(s: &mut TestProject) -> &mut TestProject {
    let runs = r#"run("sh", &["-c", "cd \"$OUT_DIR\" && \"$CARGO_MANIFEST_DIR/configure\" \"$CARGO_MANIFEST_DIR\" && cat config.h"])"#;
    script(s, runs).need("cc").script("configure", CONFIGURE_STEPS)
}

fn library(said: &str) -> String {
    format!("Name: said\nDescription: a library\nVersion: 1\nCflags: -D{said}\nLibs: -l{said}\n")
}

fn asking_pkg_config(s: &mut TestProject) -> &mut TestProject {
    script(s, r#"run("pkg-config", &["--cflags", "--libs", "said"])"#).need("pkg-config");
    s.env("PKG_CONFIG_PATH", "{w}/early:{w}/late")
}

/// A build script that has cmake build a program, and says what that prints.
fn with_cmake<'p>(s: &'p mut TestProject, declared: &str) -> &'p mut TestProject {
    let builds = r#"run("cmake", &["-S", &here("native"), "-B", &out("build")]);
        run("cmake", &["--build", &out("build")]);
        run(&out("build/said"), &[])"#;
    project(s, &saying(builds).replace("changed=build.rs", &format!("changed={declared}")));
    s.need("cmake")
        .need("make")
        .env("CARGO_INCREMENTAL", "0")
        .directory("native/inc")
        .write("native/a.c", A_C)
        .write(
            "native/CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.10)\nproject(said C)\nadd_executable(said a.c)\n\
         target_include_directories(said PRIVATE inc)\n",
        )
}

fn with_perl(s: &mut TestProject) -> &mut TestProject {
    script(s, r#"run("perl", &["-Iearly", "-Ilate", "make.pl"])"#).need("perl");
    s.write("make.pl", "use strict; use warnings; use File::Spec; use Said;\nprint Said::said(), \"\\n\";\n")
}

fn perl_module(said: &str) -> String {
    format!("package Said;\nsub said {{ return '{said}' }}\n1;\n")
}

fn with_python<'p>(s: &'p mut TestProject, flag: &str) -> &'p mut TestProject {
    script(s, &format!("run(\"python3\", &[{flag:?}, \"make.py\"])")).need("python3");
    s.write("make.py", "import sys\nsys.path[:0] = ['early', 'late']\nimport said\nprint(said.SAID)\n")
}

/// As clang-sys does at run time: the library is loaded, and says how many declarations a header has with all that it includes.
const PARSES: &str = r#"use std::ffi::{c_char, c_int, c_uint, c_void, CString};
    extern "C" {
        fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    #[repr(C)] #[derive(Clone, Copy)] struct Cursor(c_int, c_int, [*const c_void; 3]);
    extern "C" fn count(_: Cursor, _: Cursor, sum: *mut c_void) -> c_uint {
        unsafe { *sum.cast::<u32>() += 1 };
        1
    }
    let text = |text: &str| CString::new(text).unwrap();
    let arguments = [text("-Iearly"), text("-Ilate")];
    let arguments: Vec<*const c_char> = arguments.iter().map(|word| word.as_ptr()).collect();
    let mut sum = 0_u32;
    unsafe {
        let library = dlopen(text("libclang-19.so.1").as_ptr(), 2);
        assert!(!library.is_null(), "there is no libclang");
        let function = |name: &str| { let found = dlsym(library, text(name).as_ptr()); assert!(!found.is_null()); found };
        type Parse = extern "C" fn(*mut c_void, *const c_char, *const *const c_char, c_int, *const c_void, c_uint, c_uint) -> *mut c_void;
        type Visit = extern "C" fn(Cursor, extern "C" fn(Cursor, Cursor, *mut c_void) -> c_uint, *mut c_void) -> c_uint;
        let index: extern "C" fn(c_int, c_int) -> *mut c_void = std::mem::transmute(function("clang_createIndex"));
        let parse: Parse = std::mem::transmute(function("clang_parseTranslationUnit"));
        let cursor: extern "C" fn(*mut c_void) -> Cursor = std::mem::transmute(function("clang_getTranslationUnitCursor"));
        let visit: Visit = std::mem::transmute(function("clang_visitChildren"));
        let unit = parse(index(0, 1), text("a.h").as_ptr(), arguments.as_ptr(), 2, std::ptr::null(), 0, 1);
        assert!(!unit.is_null(), "the header cannot be parsed");
        visit(cursor(unit), count, (&raw mut sum).cast());
    }
    sum.to_string()"#;

fn with_libclang(s: &mut TestProject) -> &mut TestProject {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    if !places.iter().any(|dir| Path::new(dir).join("libclang-19.so.1").exists()) {
        return s.skip("libclang-19 is not installed");
    }
    script(s, PARSES).write("a.h", "#include <stddef.h>\n#include <b.h>\nint a;\n")
}

/// As prost-build does.
fn with_protoc(s: &mut TestProject) -> &mut TestProject {
    let compiles = r#"run("protoc", &["--include_imports", "--include_source_info", "-o", &out("a.bin"), "-I", "early",
            "-I", "late", "-I", "protos", "protos/a.proto"]);
        let set = fs::read(out("a.bin")).unwrap();
        set.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(*b)).collect()"#;
    script(s, compiles).need("protoc").directory("early");
    s.write(
        "protos/a.proto",
        "syntax = \"proto3\";\npackage a;\nimport \"b.proto\";\nmessage A { b.B said = 1; }\n",
    )
}

fn message(said: &str) -> String {
    format!("syntax = \"proto3\";\npackage b;\nmessage B {{ int32 {said} = 1; }}\n")
}

/// A compiler with a version of its own.
fn compiler(said: &str) -> String {
    format!("if test \"$*\" = --version; then echo 'rustc {said}'; exit; fi\nexec rustc \"$@\"")
}

const AUTOCFG: &str = r##"use std::{io::Write, process::Stdio};
    let flags = var("CARGO_ENCODED_RUSTFLAGS");
    let mut probe = Command::new(var("RUSTC"))
        .args(["--crate-name", "probe", "--crate-type=lib", "--emit=metadata", "--out-dir", &var("OUT_DIR")])
        .args(flags.split('\x1f').filter(|flag| !flag.is_empty()))
        .arg("-").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    probe.stdin.take().unwrap().write_all(b"#![no_std]\n#[cfg(not(said))] compile_error!(\"\");\n").unwrap();
    probe.wait().unwrap().success().to_string()"##;
