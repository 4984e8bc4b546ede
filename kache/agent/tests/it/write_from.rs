//! `remote.write_from`: which jobs of a CI system write to the remote.

use crate::fleet::{Machine, objects, text};
use crate::trust::{flipped, kind};
use kache_core::events::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A machine outside CI on which only builds of the main branch may write.
fn machine(url: &str) -> Machine {
    let machine = Machine::with_sources(url).set("KACHE_REMOTE_WRITE_FROM", "refs/heads/main");
    machine.test.write("w/Cargo.lock", "# the same on each machine\n");
    machine.set("GITHUB_ACTIONS", "").set("GITLAB_CI", "").set("TF_BUILD", "")
}

/// A job of GitHub Actions. The author of a pull request chooses `GITHUB_HEAD_REF`.
pub fn github(url: &str, event: &str, name: &str) -> Machine {
    machine(url)
        .set("GITHUB_ACTIONS", "true")
        .set("GITHUB_EVENT_NAME", event)
        .set("GITHUB_REF", name)
        .set("GITHUB_HEAD_REF", "refs/heads/main")
}

/// A job of GitLab CI. The author of a merge request chooses `CI_COMMIT_REF_NAME`.
fn gitlab(url: &str, source: &str) -> Machine {
    machine(url)
        .set("GITLAB_CI", "true")
        .set("CI_PIPELINE_SOURCE", source)
        .set("CI_COMMIT_BRANCH", "main")
        .set("CI_COMMIT_REF_NAME", "main")
}

/// What doctor says about the remote.
fn doctor(machine: &Machine) -> String {
    let output = machine.output(&["doctor", "--format", "json"]);
    let json: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    let checks = json["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "remote").unwrap();
    check["found"].as_str().unwrap().to_string()
}

/// The bytes of all objects.
pub fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    objects(dir).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The objects that were added, removed or changed since.
pub fn changes(dir: &Path, before: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<PathBuf> {
    let after = contents(dir);
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    paths.into_iter().filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
}

#[test]
fn only_a_listed_ref_writes() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let readers = [
        (machine(&url), "not a job of"),
        (github(&url, "push", "refs/heads/feature"), "`refs/heads/feature` is not in `remote.write_from`"),
        (github(&url, "pull_request_target", "refs/heads/main"), "does not say whose code"),
        (gitlab(&url, "parent_pipeline"), "does not say whose code"),
        (
            github(&url, "push", "refs/heads/main").set("KACHE_REMOTE_WRITE_FROM", "main"),
            "`remote.write_from` is invalid",
        ),
        (github(&url, "push", "refs/heads/main").set("KACHE_REMOTE_WRITE_FROM", ""), "is not in"),
        (github(&url, "push", "refs/heads/main").set("KACHE_REMOTE_MODE", "read-only"), "`remote.mode`"),
    ];
    for (reader, why) in readers {
        assert_eq!(reader.rust().outcome, Outcome::Miss);
        assert!(reader.flush().status.success());
        let pushed = reader.output(&["push"]);
        assert_eq!(pushed.status.code(), Some(2), "{}", text(&pushed));
        let found = doctor(&reader);
        assert!(found.contains("read-only: ") && found.contains(why), "{found}");
        assert!(text(&pushed).contains(why), "{}", text(&pushed));
        assert_eq!(fs::read_dir(shared.path()).unwrap().count(), 0, "{why}: the directory is not empty");
    }
    let writer = gitlab(&url, "push");
    assert_eq!(doctor(&writer), format!("remote: {url}, read-write"));
    assert_eq!(writer.rust().outcome, Outcome::Miss);
    assert!(writer.flush().status.success());
    assert!(!objects(shared.path()).is_empty());
    let reader = github(&url, "push", "refs/heads/feature");
    assert_eq!(reader.rust().outcome, Outcome::Hit);
}

/// What a writer would repair: a damaged pack, an index without its lists, and the manifest of the build.
#[test]
fn a_job_that_may_not_write_repairs_nothing() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let writer = github(&url, "push", "refs/heads/main");
    writer.rust();
    writer.c();
    assert!(writer.flush().status.success());
    let all = objects(shared.path());
    for path in all.iter().filter(|path| kind(path) == "packs") {
        let bytes = fs::read(path).unwrap();
        fs::write(path, flipped(&bytes, bytes.len() / 2)).unwrap();
    }
    all.iter().filter(|path| kind(path) == "index").for_each(|path| fs::remove_file(path).unwrap());
    let before = contents(shared.path());
    for reader in
        [github(&url, "push", "refs/heads/feature"), github(&url, "workflow_run", "refs/heads/main")]
    {
        assert_eq!((reader.rust().outcome, reader.c().outcome), (Outcome::Miss, Outcome::Miss));
        assert!(reader.flush().status.success());
        assert_eq!(changes(shared.path(), &before), Vec::<PathBuf>::new(), "a reader wrote");
    }
    let writer = github(&url, "push", "refs/heads/main");
    writer.rust();
    assert!(writer.flush().status.success());
    assert!(!changes(shared.path(), &before).is_empty(), "a writer repairs");
}
