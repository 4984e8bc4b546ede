//! Whether a program read the array of all variables, as the observer tells it at the program's end.

use super::sandbox::{Run, Sandbox};
use kache_core::observe::trace::{EventKind, flag};
use kache_core::observe::variables::{Use, used_by};
use std::process::Command;

/// Loads a library, as a compiler loads a macro, and becomes another program.
const LOADER: &str = r#"
    #include <dlfcn.h>
    #include <unistd.h>
    int main(int argc, char **argv) { return argc < 2 || !dlopen("libm.so.6", RTLD_NOW) || execv(argv[1], argv + 1); }
"#;

/// What a program's last word is on whether it read the array.
fn ends_unread(run: &Run) -> bool {
    run.of(EventKind::Exit).last().is_some_and(|exit| exit.flags & flag::EXIT_UNREAD != 0)
}

fn started(sandbox: &Sandbox, body: &str, arguments: &[&str]) -> Run {
    let source = format!(
        "#include <getopt.h>\n#include <libintl.h>\n#include <locale.h>\n#include <stdio.h>\n#include <stdlib.h>\n\
         #include <string.h>\n#include <time.h>\n#include <sys/wait.h>\n#include <unistd.h>\n#include <spawn.h>\n\
         extern char **environ;\nint main(int argc, char **argv, char **envp) {{ {body} return 0; }}"
    );
    let loader = sandbox.c("loader", LOADER, &["-ldl"]);
    let program = sandbox.c("program", &source, &[]);
    let mut command = sandbox.command(loader);
    command.arg(program).args(arguments).env("KNOB", "a=b").env("LANG", "C");
    let run = sandbox.observe(&mut command);
    run.succeeded();
    run
}

#[test]
fn a_program_that_asks_by_name_or_passes_the_array_on_has_not_read_it() {
    let sandbox = Sandbox::new();
    for body in [
        "",
        r#"if (strcmp(getenv("KNOB"), "a=b") || getenv("KNO")) return 1;"#,
        r#"setlocale(LC_ALL, ""); gettext("x"); getopt(argc, argv, "a");"#,
        r#"time_t at = 86400; struct tm parts = {.tm_year = 100, .tm_mday = 1}; char text[64];
           locale_t c = newlocale(LC_ALL_MASK, "", NULL);
           ctime(&at); ctime_r(&at, text); timelocal(&parts); strftime(text, 64, "%Z", &parts);
           strftime_l(text, 64, "%Z", &parts, c); strptime("1", "%d", &parts);
           localtime(&at); mktime(&parts); tzset();"#,
        // The library writes the array, and makes a larger one.
        r#"for (int i = 0; i < 40; i++) { char name[9]; sprintf(name, "N%d", i); setenv(name, "v", 1); }
           unsetenv("N1"); putenv("P=q"); setenv("KNOB", "c", 1);
           if (getenv("N1") || strcmp(getenv("N39"), "v") || strcmp(getenv("P"), "q") || strcmp(getenv("KNOB"), "c"))
               return 1;"#,
        r#"if (system("test \"$KNOB\" = a=b")) return 1;"#,
        r#"if (!fork()) { execle("/bin/sh", "sh", "-c", "test \"$KNOB\" = a=b", NULL, environ); _exit(9); }
           int s; wait(&s); if (s) return 1;"#,
        r#"char *a[] = {"sh", "-c", "test \"$KNOB\" = a=b", 0}; pid_t p; int s;
           if (posix_spawnp(&p, "sh", 0, 0, a, envp) || waitpid(p, &s, 0) != p || s) return 1;"#,
        r#"if (!fork()) { execlp("not-there", "x", NULL); _exit(0); } int s; wait(&s); if (s) return 1;"#,
    ] {
        let run = started(&sandbox, body, &[]);
        assert!(ends_unread(&run), "{body}: {:#?}", run.all());
    }
}

#[test]
fn a_program_that_reads_the_array_has_read_it() {
    let sandbox = Sandbox::new();
    for body in [
        "for (char **e = environ; *e; e++) if (!strlen(*e)) return 1;",
        "if (!envp[0]) return 1;",
        // In a child, which ends without destructors.
        "if (!fork()) _exit(!environ[0]); int s; wait(&s); if (s || !environ[0]) return 1;",
        // An array of the program's own.
        r#"static char *own[] = {"A=b", 0}; environ = own; if (strcmp(getenv("A"), "b")) return 1;"#,
        "clearenv();",
        r#"if (!environ[0]) return 1; setenv("A", "b", 1); if (strcmp(getenv("A"), "b")) return 1;"#,
        "if (write(fileno(tmpfile()), environ, 8) != 8) return 1;",
    ] {
        let run = started(&sandbox, body, &[]);
        assert!(!ends_unread(&run), "{body}: {:#?}", run.all());
    }
}

#[test]
fn a_program_that_becomes_another_says_so_before() {
    let sandbox = Sandbox::new();
    let unread = |body: &str| {
        let run = started(&sandbox, body, &[]);
        run.find(EventKind::Exec, "/bin/true").flags & flag::EXEC_UNREAD != 0
    };
    assert!(unread(r#"execl("/bin/true", "true", NULL);"#));
    assert!(!unread(r#"if (environ[0]) execl("/bin/true", "true", NULL);"#));
}

#[test]
fn a_program_that_no_plugin_can_have_started_is_not_watched() {
    let sandbox = Sandbox::new();
    let run = sandbox.observe_c("alone", "int main(void) { return 0; }");
    assert!(!ends_unread(&run));
}

/// A library of Rust's with one exported function.
fn library(sandbox: &Sandbox, body: &str, optimised: bool) -> Use {
    let source = sandbox.write(
        "plugin.rs",
        &format!("use std::process::Command;\n#[unsafe(no_mangle)] pub fn plugin() -> usize {{ {body} }}"),
    );
    let out = sandbox.path("libplugin.so");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]).arg(&out).arg(source);
    let level = if optimised { "-Copt-level=3" } else { "-Copt-level=0" };
    assert!(rustc.arg(level).status().unwrap().success(), "{body}");
    used_by(&out, 0)
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the code of other processors is not read")]
fn a_library_that_only_starts_programs_passes_the_variables_on() {
    let sandbox = Sandbox::new();
    let passes_on = Use::PassesOn { in_rust: false };
    for optimised in [false, true] {
        for body in [
            r#"Command::new("git").output().unwrap().stdout.len()"#,
            r#"Command::new("git").env("A", "b").env_remove("C").spawn().unwrap().id() as usize"#,
            r#"Command::new("git").env("A", "b").status().map_or(0, |s| s.success() as usize)"#,
        ] {
            assert_eq!(library(&sandbox, body, optimised), passes_on, "{body}");
        }
        for body in [
            "std::env::vars().count()",
            "std::env::vars_os().map(|(name, _)| name.len()).sum()",
            "let read: fn() -> std::env::VarsOs = std::hint::black_box(std::env::vars_os); read().count()",
            r#"unsafe extern "C" { static environ: *const *const u8; } unsafe { *environ as usize }"#,
            r#"Command::new("git").env("A", "b").status().unwrap(); std::env::vars().count()"#,
            r#"#[used] #[unsafe(link_section = ".init_array")] static FIRST: extern "C" fn() = first;
               extern "C" fn first() {} 0"#,
        ] {
            assert_eq!(library(&sandbox, body, optimised), Use::Reads, "{body}");
        }
    }
    assert_eq!(library(&sandbox, r#"std::env::var("A").unwrap().len()"#, false), Use::None);
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the code of other processors is not read")]
fn a_program_whose_main_is_rusts_is_known_by_its_symbols() {
    let sandbox = Sandbox::new();
    let source = r#"fn main() { std::process::Command::new("git").env("A", "b").status().unwrap(); }"#;
    let (source, out) = (sandbox.write("main.rs", source), sandbox.path("main"));
    assert!(Command::new("rustc").arg("-o").arg(&out).arg(source).status().unwrap().success());
    assert_eq!(used_by(&out, 0), Use::PassesOn { in_rust: true });
}
