//! Dates and times that compilers embed.
//!
//! A time of day is compared only as fresh or stale: after or before its build began.

use super::case::{Case, Expect::Follows, Expect::Hits, Expect::Uncacheable};
use super::probe::said;
use super::project::Probe;
use super::project::TestProject;
use std::time::{Duration, UNIX_EPOCH};

const MACROS: &str = "https://gcc.gnu.org/onlinedocs/cpp/Standard-Predefined-Macros.html";

pub const CASES: &[Case] = &[
    Case {
        name: "time-macro",
        about: "__TIME__ is in the object: a later build must contain the later time",
        source: "https://github.com/kunobi-ninja/kache/issues/423",
        expect: Uncacheable,
        set_up: |s| {
            s.write("a.c", "const char said[] = \"SAID=<\" __TIME__ \">\";\n").gcc("").probe(Probe::By(fresh))
        },
        change: wait,
    },
    Case {
        name: "time-macro-header",
        about: "__TIME__ is in a header",
        source: "https://ccache.dev/manual/latest.html#_caveats",
        expect: Uncacheable,
        set_up: |s| {
            s.write("h.h", "#define WHEN __TIME__\n");
            s.write("a.c", "#include \"h.h\"\nconst char said[] = \"SAID=<\" WHEN \">\";\n");
            s.gcc("").probe(Probe::By(fresh))
        },
        change: wait,
    },
    Case {
        name: "time-macro-pasted",
        about: "__TIME__ is built by token pasting, so the word is not in the sources",
        source: "https://gcc.gnu.org/onlinedocs/cpp/Concatenation.html",
        expect: Uncacheable,
        set_up: |s| {
            s.write("a.c", "#define P(a, b) a##b\nconst char said[] = \"SAID=<\" P(__TI, ME__) \">\";\n");
            s.gcc("").probe(Probe::By(fresh))
        },
        change: wait,
    },
    Case {
        name: "time-macro-clang",
        about: "__TIME__ is in the object that clang makes",
        source: "https://github.com/imneme/pcg-cpp/issues/59",
        expect: Uncacheable,
        set_up: |s| {
            s.write("a.c", "const char said[] = \"SAID=<\" __TIME__ \">\";\n").probe(Probe::By(fresh));
            s.c("clang-19 -c a.c -o out/a.o")
        },
        change: wait,
    },
    Case {
        name: "time-macro-unused",
        about: "a header only mentions __TIME__ and nothing expands it: it must hit",
        source: "https://github.com/imneme/pcg-cpp/issues/59",
        expect: Hits,
        set_up: |s| {
            s.write("h.h", "#define WHEN __TIME__\n")
                .write("a.c", "#include \"h.h\"\nconst char said[] = \"SAID=<x>\";\n");
            s.gcc("").says("out/a.o")
        },
        change: |s| s,
    },
    Case {
        name: "timestamp-macro",
        about: "__TIMESTAMP__ has the source's modification time, which changes",
        source: "https://github.com/ccache/ccache/pull/488",
        expect: Uncacheable,
        set_up: |s| {
            s.write("a.c", "const char said[] = \"SAID=<\" __TIMESTAMP__ \">\";\n")
                .date("a.c", 1_000_000_000);
            s.gcc("").says("out/a.o")
        },
        change: |s| s.date("a.c", 1_100_000_000),
    },
    Case {
        name: "source-date-epoch",
        about: "SOURCE_DATE_EPOCH changes, and __DATE__ with it",
        source: "https://github.com/ccache/ccache/pull/755",
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "const char said[] = \"SAID=<\" __DATE__ \">\";\n")
                .env("SOURCE_DATE_EPOCH", "1000000000");
            s.gcc("").says("out/a.o")
        },
        change: |s| s.env("SOURCE_DATE_EPOCH", "1100000000"),
    },
    Case {
        name: "date-macro-epoch-gone",
        about: "SOURCE_DATE_EPOCH is unset, and __DATE__ is today's date",
        source: MACROS,
        expect: Follows,
        set_up: |s| {
            s.write("a.c", "const char said[] = \"SAID=<\" __DATE__ \">\";\n")
                .env("SOURCE_DATE_EPOCH", "1000000000");
            s.gcc("").says("out/a.o")
        },
        change: |s| s.without("SOURCE_DATE_EPOCH"),
    },
    Case {
        name: "macro-clock",
        about: "a proc macro pastes the time of day",
        source: "https://docs.rs/build-time/latest/build_time/",
        expect: Uncacheable,
        set_up: |s| {
            s.proc_macro(
                r#"let t = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() % 86400;
                   format!("{:02}:{:02}:{:02}", t / 3600, t / 60 % 60, t % 60)"#,
            );
            only_fresh(s)
        },
        change: wait,
    },
    Case {
        name: "macro-clock-by-number",
        about: "a proc macro pastes the time of day, which it reads by system call number",
        source: "https://man7.org/linux/man-pages/man2/syscall.2.html",
        expect: Uncacheable,
        set_up: |s| {
            s.on_x86().proc_macro(
                r#"extern "C" { fn syscall(number: i64, ...) -> i64; }
                   let mut now = [0i64; 2];
                   unsafe { syscall(228, 0i64, now.as_mut_ptr()) };
                   let t = now[0] % 86400;
                   format!("{:02}:{:02}:{:02}", t / 3600, t / 60 % 60, t % 60)"#,
            );
            only_fresh(s)
        },
        change: wait,
    },
    Case {
        name: "macro-clock-program",
        about: "a proc macro pastes the output of the program date",
        source: "https://docs.rs/build-time/latest/build_time/",
        expect: Uncacheable,
        set_up: |s| {
            s.program_macro(r#"new("date").args(["-u", "+%H:%M:%S"])"#);
            only_fresh(s)
        },
        change: wait,
    },
    Case {
        name: "macro-clock-shell",
        about: "a proc macro pastes the time of day that a shell's builtin prints; the shell reads no file before",
        source: "https://www.gnu.org/software/bash/manual/html_node/Bash-Builtins.html#index-printf",
        expect: Uncacheable,
        set_up: |s| {
            s.program_macro(r#"new("bash").args(["-c", "TZ=UTC0 printf '%(%H:%M:%S)T' -1"])"#);
            only_fresh(s)
        },
        change: wait,
    },
];

/// Waits until the clock's second changes.
pub fn wait(s: &mut TestProject) -> &mut TestProject {
    std::thread::sleep(Duration::from_millis(1100));
    s
}

/// Compares the macro's time only as fresh or stale.
fn only_fresh(s: &mut TestProject) -> &mut TestProject {
    s.probes.clear();
    s.probe(Probe::By(|s| fresh_in(s, "out/libl.rlib")))
}

fn fresh(project: &TestProject) -> String {
    fresh_in(project, "out/a.o")
}

/// Whether the time `HH:MM:SS` in a file is from the last build.
pub fn fresh_in(project: &TestProject, file: &str) -> String {
    let text = said(&std::fs::read(project.path(file)).unwrap_or_default());
    let parts: Vec<u64> = text.split(':').filter_map(|part| part.parse().ok()).collect();
    let [hours, minutes, seconds] = parts[..] else { return format!("no time: {text}") };
    let began = project.began.get().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // More than half a day earlier means that midnight is in between.
    let ahead = (hours * 3600 + minutes * 60 + seconds + 86_400 - began % 86_400) % 86_400;
    if ahead < 43_200 { "fresh".into() } else { "stale".into() }
}
