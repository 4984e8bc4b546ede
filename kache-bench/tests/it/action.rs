//! `action.yml` and `.github/actions/summary`: their shell steps, in their order, as GitHub's runner calls them. What `actions/cache`
//! does between them is done here by leaving files where they are.

use crate::support::kache;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn summary_action() -> PathBuf {
    top().join(".github/actions/summary")
}

/// The shell lines of an action, in order.
fn lines(action: &Path) -> Vec<String> {
    let text = fs::read_to_string(action.join("action.yml")).unwrap();
    let runs =
        text.lines().filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix("run: "));
    runs.map(|line| line.trim_matches('\'').to_owned()).collect()
}

/// A runner's job.
struct Job {
    dir: tempfile::TempDir,
    inputs: Vec<(&'static str, &'static str)>,
}

impl Job {
    fn new(inputs: &[(&'static str, &'static str)]) -> Job {
        let dir = tempfile::tempdir().unwrap();
        for file in ["output", "env", "path", "summary"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        Job { dir, inputs: inputs.to_vec() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Puts the program where the first `actions/cache` would have put it.
    fn has_program(&self) {
        let bin = self.path("tools/kache/program/bin");
        fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(kache(), bin.join("kache")).unwrap();
    }

    fn run(&self, action: &Path, line: &str) -> Output {
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", line])
            .current_dir(self.dir.path())
            .env("GITHUB_ACTION_PATH", action)
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("GITHUB_ENV", self.path("env"))
            .env("GITHUB_PATH", self.path("path"))
            .env("GITHUB_STEP_SUMMARY", self.path("summary"))
            .env("RUNNER_TOOL_CACHE", self.path("tools"))
            .env("RUNNER_ARCH", "X64")
            .envs(self.inputs.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        output
    }

    fn act(&self) -> String {
        let outputs = lines(&top()).iter().map(|line| self.run(&top(), line).stdout).collect::<Vec<_>>();
        String::from_utf8(outputs.concat()).unwrap()
    }

    /// What later steps of the job have.
    fn variables(&self) -> BTreeMap<String, String> {
        let split =
            |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut all: BTreeMap<_, _> = self.read("env").lines().filter_map(split).collect();
        let path = std::env::var("PATH").unwrap();
        // Each is put in front of those before.
        let path = self.read("path").lines().fold(path, |path, dir| format!("{dir}:{path}"));
        all.insert("PATH".into(), path);
        all
    }

    fn build(&self, dir: &Path, line: &str) {
        let output =
            Command::new("sh").args(["-c", line]).current_dir(dir).envs(self.variables()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

fn project(dir: &Path) {
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::write(dir.join("src/lib.rs"), "pub fn one() -> u32 {\n    1\n}\n").unwrap();
    fs::write(dir.join("Cargo.toml"), "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")
        .unwrap();
    fs::write(dir.join("a.c"), "int a;\n").unwrap();
}

#[test]
fn a_job_builds_through_the_cache_and_says_so_in_its_summary() {
    let job =
        Job::new(&[("KACHE_ACTION_CC", "env"), ("KACHE_ACTION_MAX_SIZE", "3G"), ("RUNNER_OS", "Linux")]);
    job.has_program();
    job.act();
    let outputs = job.read("output");
    assert!(outputs.contains("\nprogram=Linux-X64-rustc-1."), "{outputs}");
    assert!(outputs.contains(&format!("cache={}", job.path("tools/kache/cache").display())), "{outputs}");
    let variables = job.variables();
    assert_eq!(variables["KACHE_MAX_SIZE"], "3G");
    assert!(variables["CC"].ends_with("/kache cc"), "{variables:?}");
    for place in ["first", "second"] {
        project(&job.path(place));
        job.build(&job.path(place), "cargo build --offline --quiet && $CC -c a.c && kache --version");
    }
    for line in lines(&summary_action()) {
        job.run(&summary_action(), &line);
    }
    let summary = job.read("summary");
    assert!(summary.starts_with("### kache: 50.0 % hits") && summary.contains("| hits | 2 |"), "{summary}");

    // The next job on the same cache tells of itself alone.
    fs::write(job.path("summary"), "").unwrap();
    job.act();
    project(&job.path("third"));
    job.build(&job.path("third"), "cargo build --offline --quiet");
    for line in lines(&summary_action()) {
        job.run(&summary_action(), &line);
    }
    let summary = job.read("summary");
    assert!(summary.starts_with("### kache: 100.0 % hits") && summary.contains("| hits | 1 |"), "{summary}");
}

#[test]
fn compilers_are_put_behind_it_as_the_build_listens() {
    let launcher = Job::new(&[("KACHE_ACTION_CC", "launcher"), ("KACHE_ACTION_RUST", "false")]);
    launcher.has_program();
    launcher.act();
    let variables = launcher.variables();
    assert!(variables["CMAKE_CXX_COMPILER_LAUNCHER"].ends_with("/kache") && !variables.contains_key("CC"));
    assert!(!variables.contains_key("RUSTC_WRAPPER"));

    let shims = Job::new(&[("KACHE_ACTION_CC", "shims")]);
    shims.has_program();
    shims.act();
    project(&shims.path("p"));
    shims.build(&shims.path("p"), "cc -c a.c");
    let events = fs::read_dir(shims.path("tools/kache/cache/v1/events")).unwrap();
    assert_eq!(events.count(), 1);

    let wrong = Job::new(&[("KACHE_ACTION_CC", "ccache")]);
    wrong.has_program();
    assert!(wrong.act().contains("::warning title=kache::cc is `ccache`"));
}

#[test]
fn where_it_cannot_run_the_build_goes_on_without_it() {
    let job = Job::new(&[("RUNNER_OS", "Windows")]);
    assert!(job.act().contains("::warning title=kache::kache does not run on Windows yet"));
    assert_eq!((&*job.read("env"), &*job.read("path")), ("", ""));
    for line in lines(&summary_action()) {
        job.run(&summary_action(), &line);
    }
    assert_eq!(job.read("summary"), "");
}
