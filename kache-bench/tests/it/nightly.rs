//! `scripts/nightly.sh`, with a stand-in for the harness that writes down how it is called and answers as it is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// `answers` has a line `COMMAND NAME=WHAT` for each step that is not simply good; `WHAT` is shell.
const BENCH: &str = r#"#!/bin/sh
here=$(dirname "$0")
answer=$(sed -n "s/^$1 $2=//p" "$here/answers" | head -n 1)
if [ "$1" = help ]; then eval "$answer"; exit 0; fi
echo "$1 $2" >>"$here/called"
eval "$answer"
"#;

struct Night {
    dir: tempfile::TempDir,
}

impl Night {
    fn new(answers: &str) -> Night {
        let night = Night { dir: tempfile::tempdir().unwrap() };
        fs::write(night.path("bench"), BENCH).unwrap();
        fs::set_permissions(night.path("bench"), fs::Permissions::from_mode(0o755)).unwrap();
        night.answer(answers);
        night
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn answer(&self, answers: &str) {
        fs::write(self.path("answers"), answers).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/nightly.sh");
        let mut command = Command::new(script);
        command.args(arguments).env("NIGHTLY_DIR", self.path("out")).env_remove("GITHUB_STEP_SUMMARY");
        command.env("KACHE_BENCH", self.path("bench")).env("KACHE", "/bin/true");
        command
    }

    /// Status and what was printed.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        told(self.command(arguments).output().unwrap())
    }

    /// The steps that were called since this was asked last.
    fn called(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("called")).unwrap_or_default();
        drop(fs::remove_file(self.path("called")));
        text.lines().map(str::to_owned).collect()
    }

    fn wait_for(&self, name: &str, child: &mut Child) {
        while !self.path(name).exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was at {name}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn told(output: Output) -> (i32, String) {
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn interrupted_it_stops_what_runs_and_goes_on_later() {
    // The mark is renamed into place, so that it is there whole.
    let night = Night::new(
        "latency --count=echo $$ >\"$here/new\"; mv \"$here/new\" \"$here/runs\"; exec sleep 1000\n",
    );
    let mut child = night.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    night.wait_for("runs", &mut child);
    let sleeper: i32 = fs::read_to_string(night.path("runs")).unwrap().trim().parse().unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (status, text) = told(child.wait_with_output().unwrap());
    assert_eq!(status, 130, "{text}");
    assert!(text.contains("interrupted; the next call goes on with latency check-eza "), "{text}");
    assert!(!Path::new(&format!("/proc/{sleeper}")).exists(), "the step still runs");
    let first = night.called();
    assert_eq!(first.last().unwrap(), "latency --count");

    night.answer("");
    let (status, text) = night.run(&[]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("going on with what was begun on") && text.ends_with("nightly: OK\n"), "{text}");
    let then = night.called();
    assert_eq!(then[..2], ["latency --count", "check eza"], "{then:?}");
    assert_eq!(then[then.len() - 2..], ["gate ", "report "], "{then:?}");
    // Both in the one folder of this pass.
    let logs = text.lines().find_map(|line| line.strip_prefix("logs: ")).unwrap();
    for step in ["check-demo", "latency", "check-firefox", "gate"] {
        assert!(Path::new(logs).join(format!("{step}.log")).is_file(), "{step}");
    }
    // All is done: the next one begins anew.
    assert_eq!(night.run(&[]).0, 0);
    assert_eq!(night.called()[0], "check demo");
}

#[test]
fn what_is_wrong_is_shown_and_what_cannot_be_tried_is_said() {
    let night = Night::new(
        "check zstd=echo the key of x differs; exit 1\n\
         check nu=echo 'kache-bench: the registry is out of reach' >&2; exit 2\n\
         help gate=exit 2\n",
    );
    let (status, text) = night.run(&[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("    the key of x differs"), "{text}");
    assert!(text.contains("nightly: NOT OK: check-zstd \n"), "{text}");
    let row =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
    assert!(
        row("check-nu ").contains("skipped") && row("check-nu ").ends_with("the registry is out of reach")
    );
    assert!(row("gate ").contains("skipped") && row("gate ").ends_with("has no command `gate`"));
    assert!(row("check-zstd ").contains("failed") && row("report ").contains("ok"));
}

#[test]
fn a_step_that_is_called_wrongly_is_no_skipped_one() {
    let night = Night::new("check demo=echo 'error: unexpected argument' >&2; exit 2\n");
    let (status, text) = night.run(&[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("nightly: NOT OK: check-demo"), "{text}");
}

#[test]
fn with_no_time_nothing_is_run_and_nothing_is_proved() {
    let night = Night::new("");
    let (status, text) = night.run(&["--budget", "0"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("not one step came to its end"), "{text}");
    assert_eq!(night.run(&["--budget", "soon"]).0, 2);
    assert_eq!(night.run(&["--fast"]).0, 2);
    let (status, text) = night.run(&["--list"]);
    assert_eq!(status, 0);
    assert!(text.contains("check-demo") && text.contains("kache-bench check demo --verify"), "{text}");
}
