//! Files that the C library opens by itself.

use crate::sandbox::{Run, Sandbox};
use kache_core::observe::trace::{EventKind, flag};

/// Runs a program with variables.
fn run(sandbox: &Sandbox, body: &str, variables: &[(&str, &str)]) -> Run {
    const INCLUDES: &str = "#include <fcntl.h>\n#include <iconv.h>\n#include <libintl.h>\n\
        #include <locale.h>\n#include <stdlib.h>\n#include <sys/file.h>\n#include <time.h>\n#include <unistd.h>\n#include <wordexp.h>\n";
    let program = sandbox.c("p", &format!("{INCLUDES}int main(void) {{ {body} return 0; }}"), &[]);
    let mut command = sandbox.command(program);
    command.env_remove("TZ").env_remove("LOCPATH").env_remove("GCONV_PATH").env_remove("TZDIR");
    let run = sandbox.observe(command.envs(variables.iter().copied()));
    run.succeeded();
    run
}

#[test]
fn the_file_of_a_time_zone_is_read() {
    let sandbox = Sandbox::new();
    const BODY: &str = "tzset();";
    let zone = sandbox.write("zone", "");
    let zone = zone.to_str().unwrap();
    run(&sandbox, BODY, &[]).find(EventKind::Read, "/etc/localtime");
    run(&sandbox, BODY, &[("TZ", &format!(":{zone}"))]).find(EventKind::Read, zone);
    let named = run(&sandbox, BODY, &[("TZ", "No/Such")]);
    assert_eq!(named.find(EventKind::Read, "/usr/share/zoneinfo/No/Such").errno, libc::ENOENT as u16);
    let directory = zone.strip_suffix("/zone").unwrap();
    run(&sandbox, BODY, &[("TZ", "zone"), ("TZDIR", directory)]).find(EventKind::Read, zone);
    let nothing = run(&sandbox, BODY, &[("TZ", "")]);
    assert!(!nothing.has(EventKind::Read, "/etc/localtime"));
    let set = run(&sandbox, &format!("tzset(); setenv(\"TZ\", \"{zone}\", 1); tzset();"), &[]);
    set.find(EventKind::Read, zone);
}

#[test]
fn directories_that_variables_name_are_walked() {
    let sandbox = Sandbox::new();
    let directory = sandbox.write("data/x", "");
    let directory = directory.parent().unwrap().to_str().unwrap();
    let walks = |body: &str, variables: &[(&str, &str)]| {
        let run = run(&sandbox, body, variables);
        run.of(EventKind::List)
            .iter()
            .any(|e| e.path == directory.as_bytes() && e.flags & flag::RECURSIVE != 0)
    };
    assert!(walks("setlocale(LC_ALL, \"xx_YY\");", &[("LOCPATH", directory)]));
    assert!(walks("setlocale(LC_ALL, \"\");", &[("LOCPATH", directory), ("LC_TIME", "xx_YY")]));
    assert!(!walks("setlocale(LC_ALL, \"C\");", &[("LOCPATH", directory)]), "it is built in");
    assert!(walks("iconv_open(\"A\", \"B\");", &[("GCONV_PATH", directory)]));
    assert!(walks(&format!("bindtextdomain(\"d\", \"{directory}\");"), &[]));
    assert!(!walks("bindtextdomain(\"d\", \"/usr/share/locale\");", &[]));
}

#[test]
fn patterns_of_words_cannot_be_followed() {
    let sandbox = Sandbox::new();
    let follows = |words: &str| {
        let body = format!("wordexp_t w; wordexp(\"{words}\", &w, 0);");
        !run(&sandbox, &body, &[]).has(EventKind::Unlocated, words)
    };
    assert!(follows("a b"));
    assert!(!follows("*.c"));
    assert!(!follows("~"));
}

#[test]
fn whoever_does_not_wait_for_a_lock_sees_whether_another_holds_it() {
    let sandbox = Sandbox::new();
    let asks = |call: &str| {
        let body =
            format!("struct flock l = {{.l_type = F_WRLCK}}; int f = open(\"/dev/null\", O_RDWR); {call};");
        run(&sandbox, &body, &[]).has(EventKind::Volatile, "flock")
    };
    assert!(asks("flock(f, LOCK_EX | LOCK_NB)"));
    assert!(!asks("flock(f, LOCK_EX)"));
    assert!(asks("fcntl(f, F_GETLK, &l)"));
    assert!(asks("fcntl(f, F_OFD_SETLK, &l)"));
    assert!(!asks("fcntl(f, F_GETFD)"));
    assert!(asks("lockf(f, F_TEST, 0)"));
}
