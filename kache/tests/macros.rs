//! What proc macros look at without telling rustc counts: the wrapper, through the real compiler.
#![cfg(target_os = "linux")]

mod stage;

use kache_core::events::{self, Outcome};
use stage::{Stage, USE, good, proc_macro};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// A macro's undeclared input: the first compile is stored, a second restored, the change compiles, and the binary says
/// what the plain compiler's would.
fn counts(body: &str, prepare: impl Fn(&Stage), change: impl Fn(&Stage, &mut Command), says: (&str, &str)) {
    let stage = Stage::new();
    prepare(&stage);
    proc_macro(&stage, body);
    let run = |s: &Stage| String::from_utf8(good(&mut Command::new(s.path("w/user"))).stdout).unwrap();
    assert_eq!(stage.outcome(stage.kache(USE).env("KNOB", "1")), Outcome::Miss);
    assert_eq!(run(&stage).trim(), says.0);
    assert_eq!(stage.outcome(stage.kache(USE).env("KNOB", "1")), Outcome::Hit);
    let mut command = stage.kache(USE);
    command.env("KNOB", "1");
    change(&stage, &mut command);
    assert_eq!(stage.outcome(&mut command), Outcome::Miss, "{body}");
    assert_eq!(run(&stage).trim(), says.1);
    let event = stage.last();
    assert_eq!(event.observed, Some(events::Observed::Preload));
}

#[test]
fn a_macro_reads_a_variable() {
    let body = r#"std::env::var("KNOB").unwrap()"#;
    counts(
        body,
        |_| {},
        |_, c| {
            c.env("KNOB", "2");
        },
        ("1", "2"),
    );
}

#[test]
fn a_macro_reads_all_variables() {
    let body = r#"std::env::vars().filter(|(n, _)| n.starts_with("KN")).map(|(_, v)| v).collect::<Vec<_>>().join(" ")"#;
    counts(
        body,
        |_| {},
        |_, c| {
            c.env("KNOB", "2");
        },
        ("1", "2"),
    );
}

#[test]
fn a_macro_reads_a_file() {
    let body = r#"std::fs::read_to_string("data").unwrap()"#;
    counts(
        body,
        |s| {
            s.write("w/data", "a");
        },
        |s, _| {
            s.write("w/data", "b");
        },
        ("a", "b"),
    );
}

#[test]
fn a_macro_reads_a_file_rewritten_with_its_size_and_times() {
    let body = r#"std::fs::read_to_string("data").unwrap()"#;
    let old = SystemTime::now() - Duration::from_secs(1000);
    let put = move |s: &Stage, text: &str| {
        let path = s.write("w/data", text);
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    };
    counts(body, move |s| put(s, "a"), move |s, _| put(s, "b"), ("a", "b"));
}

#[test]
fn a_macro_lists_a_directory() {
    let body = r#"std::fs::read_dir("list").unwrap().count().to_string()"#;
    counts(
        body,
        |s| {
            s.write("w/list/1", "");
        },
        |s, _| {
            s.write("w/list/2", "");
        },
        ("1", "2"),
    );
}

#[test]
fn a_macro_probes_a_path() {
    let body = r#"std::path::Path::new("deep/er/flag").exists().to_string()"#;
    counts(
        body,
        |_| {},
        |s, _| {
            s.write("w/deep/er/flag", "");
        },
        ("false", "true"),
    );
}

#[test]
fn a_macro_measures_a_file() {
    let body = r#"std::fs::metadata("data").unwrap().len().to_string()"#;
    counts(
        body,
        |s| {
            s.write("w/data", "a");
        },
        |s, _| {
            s.write("w/data", "bb");
        },
        ("1", "2"),
    );
}

#[test]
fn a_macro_follows_a_link() {
    let body = r#"std::fs::read_link("link").unwrap().display().to_string()"#;
    let link = |s: &Stage, to: &str| {
        let _ = fs::remove_file(s.path("w/link"));
        std::os::unix::fs::symlink(to, s.path("w/link")).unwrap();
    };
    counts(body, move |s| link(s, "one"), move |s, _| link(s, "two"), ("one", "two"));
}

#[test]
fn a_program_that_a_macro_starts_reads_a_file() {
    let body = r#"String::from_utf8(std::process::Command::new("cat").arg("data").output().unwrap().stdout).unwrap()"#;
    counts(
        body,
        |s| {
            s.write("w/data", "a");
        },
        |s, _| {
            s.write("w/data", "b");
        },
        ("a", "b"),
    );
}

#[test]
fn a_shell_that_a_macro_starts_reads_a_file_and_a_variable() {
    let body = r#"let o = std::process::Command::new("sh").args(["-c", "cat data; echo $KNOB"]).env_remove("X").output().unwrap();
        String::from_utf8(o.stdout).unwrap().trim().to_string()"#;
    counts(
        body,
        |s| {
            s.write("w/data", "a");
        },
        |_, c| {
            c.env("KNOB", "2");
        },
        ("a1", "a2"),
    );
    counts(
        body,
        |s| {
            s.write("w/data", "a");
        },
        |s, _| {
            s.write("w/data", "b");
        },
        ("a1", "b1"),
    );
}

#[test]
fn a_script_that_a_macro_starts_is_edited() {
    let body = r#"String::from_utf8(std::process::Command::new("./script").output().unwrap().stdout).unwrap().trim().to_string()"#;
    let put = |s: &Stage, word: &str| {
        let path = s.write("w/script", &format!("#!/bin/sh\necho {word}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    counts(body, move |s| put(s, "a"), move |s, _| put(s, "b"), ("a", "b"));
}

#[test]
fn a_program_earlier_in_the_path_is_found() {
    let body = r#"String::from_utf8(std::process::Command::new("say").output().unwrap().stdout).unwrap().trim().to_string()"#;
    let stage = Stage::new();
    let put = |dir: &str, word: &str| {
        let path = stage.write(&format!("{dir}/say"), &format!("#!/bin/sh\necho {word}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    put("late", "late");
    fs::create_dir_all(stage.path("early")).unwrap();
    proc_macro(&stage, body);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", stage.path("early").display(), stage.path("late").display());
    let mut command = stage.kache(USE);
    command.env("PATH", path);
    assert_eq!(stage.outcome(&mut command), Outcome::Miss);
    assert_eq!(stage.outcome(&mut command), Outcome::Hit);
    put("early", "early");
    assert_eq!(stage.outcome(&mut command), Outcome::Miss);
    assert_eq!(good(&mut Command::new(stage.path("w/user"))).stdout, b"early\n");
}

#[test]
fn what_cannot_be_held_in_a_key_is_not_stored() {
    for (body, reason) in [
        (r#"format!("{:?}", std::time::SystemTime::now())"#, "clock"),
        (r#"let _ = std::net::TcpStream::connect("127.0.0.1:9"); String::new()"#, "network"),
        (r#"std::fs::write("left", "x").unwrap(); String::new()"#, "side-effect"),
        (r#"std::fs::read_to_string("/proc/version").unwrap()"#, "host-state"),
        (
            r#"String::from_utf8(std::process::Command::new("date").output().unwrap().stdout).unwrap()"#,
            "clock",
        ),
    ] {
        let stage = Stage::new();
        proc_macro(&stage, body);
        assert_eq!(stage.refusal(&mut stage.kache(USE)), reason, "{body}");
        assert_eq!(stage.refusal(&mut stage.kache(USE)), reason, "{body}");
    }
}

#[test]
fn a_program_without_the_observer_is_not_vouched_for() {
    let stage = Stage::new();
    stage.write("w/s.c", "#include <stdio.h>\nint main(void) { FILE *f = fopen(\"data\", \"r\"); putchar(fgetc(f)); return 0; }");
    stage.write("w/data", "a");
    good(Command::new("cc").current_dir(stage.path("w")).args(["-static", "-o", "s", "s.c"]));
    proc_macro(
        &stage,
        r#"String::from_utf8(std::process::Command::new("./s").output().unwrap().stdout).unwrap()"#,
    );
    assert_eq!(stage.refusal(&mut stage.kache(USE)), "unobserved-program");
}

#[test]
fn a_macro_learns_where_it_is() {
    for body in [
        r#"std::env::current_dir().unwrap().display().to_string()"#,
        r#"std::fs::canonicalize("user.rs").unwrap().display().to_string()"#,
        r#"std::env::var("WHERE").unwrap()"#,
        r#"std::env::args().find(|a| a.contains("out-dir")).unwrap()"#,
        r#"proc_macro::Span::call_site().local_file().unwrap().display().to_string()"#,
    ] {
        let stage = Stage::new();
        proc_macro(&stage, body);
        good(Command::new("cp").args(["-r", "w", "another"]).current_dir(stage.dir.path()));
        let at = |dir: &str| {
            let (input, out) =
                (stage.path(dir).join("user.rs"), format!("--out-dir={}", stage.path(dir).display()));
            let args = USE.iter().map(|a| if *a == "user.rs" { input.to_str().unwrap() } else { a });
            let mut c = stage.kache_in(dir, &args.collect::<Vec<_>>());
            stage.outcome(c.arg(out).env("WHERE", stage.path(dir)))
        };
        assert_eq!(at("w"), Outcome::Miss);
        assert_eq!(at("w"), Outcome::Hit);
        assert_eq!(at("another"), Outcome::Miss, "{body}");
        let said = good(&mut Command::new(stage.path("another/user"))).stdout;
        assert!(String::from_utf8(said).unwrap().contains("another"));
    }
}

#[test]
fn a_macro_that_is_declared_to_locate_is_believed_and_no_other_caller_is_served() {
    let stage = Stage::new();
    let body = r#"let d = std::env::var("CARGO_MANIFEST_DIR").unwrap(); std::fs::read_to_string(format!("{d}/data")).unwrap()"#;
    proc_macro(&stage, body);
    stage.write("w/data", "a");
    good(Command::new("cp").args(["-r", "w", "another"]).current_dir(stage.dir.path()));
    let at = |dir: &str, locators: &str| {
        let mut c = stage.kache_in(dir, USE);
        stage.outcome(c.env("CARGO_MANIFEST_DIR", stage.path(dir)).env("KACHE_LOCATORS", locators))
    };
    assert_eq!((at("w", ""), at("another", "")), (Outcome::Miss, Outcome::Miss));
    assert!(stage.trace().contains("\"by\":\"m\""), "{}", stage.trace());
    assert_eq!((at("w", "m"), at("another", "m")), (Outcome::Miss, Outcome::Hit));
    stage.write("another/data", "b");
    assert_eq!(at("another", "m"), Outcome::Miss);
}
