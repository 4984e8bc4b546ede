//! Converts every kind of source to one local git repository.
//!
//! Checkouts are then made in one way, and have a `.git` as a developer's do, which build scripts may read. A
//! directory or a package becomes a single commit with fixed author and date, so that its hash, which some
//! programs embed, is the same in every run. A repository keeps its history.

use super::{Source, Workload, debian, registry};
use crate::error::{Error, Result};
use crate::system::child;
use crate::system::environment::Environment;
use crate::system::files;
use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Branch of the clones.
const BRANCH: &str = "workload";
/// 2024-01-01, the date of created commits.
const DATE: i64 = 1_704_067_200;

/// Time limit of `git ls-remote`.
const ANSWER: Duration = Duration::from_secs(30);

/// Fails within half a minute if the workload's repository cannot be reached, before tools are checked.
pub fn require_reachable(workload: &Workload) -> Result<()> {
    let Source::Git { url, rev, .. } = &workload.source else { return Ok(()) };
    let asked = child::output_within(git().args(["ls-remote", "--quiet", url, rev]), ANSWER);
    let why = match asked {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().replace('\n', "\n    "),
        Err(e) if e.kind() == ErrorKind::TimedOut => format!("no answer within {} s", ANSWER.as_secs()),
        Err(e) => return Err(no_git(&e)),
    };
    let what = format!("the repository of workload `{}` cannot be reached\n    {why}", workload.name);
    Err(Error::input(what).at(url).remedy(format!(
        "check that `git ls-remote {url}` works, or name a mirror or a local clone: --source URL-OR-PATH"
    )))
}

/// Creates the repository at `to` from the workload's source and returns the commit of clones.
pub fn materialise(workload: &Workload, to: &Path, poll: &mut dyn FnMut()) -> Result<String> {
    match &workload.source {
        Source::Path(dir) => {
            if !dir.is_dir() {
                return Err(Error::input("the workload's source directory does not exist")
                    .at(dir.display())
                    .remedy(format!("fix `path` under [source] in {}.toml", workload.name)));
            }
            copy_tree(dir, to)?;
            commit(to).map_err(|e| git_trouble(&e, to))
        }
        Source::Crate { name, version } => {
            fs::create_dir_all(to).map_err(Error::io("create", to))?;
            let dir = registry::fetch(name, version, to)?;
            copy_tree(&dir, to)?;
            commit(to).map_err(|e| git_trouble(&e, to))
        }
        Source::Debian { package, version, without } => {
            debian::fetch(package, version.as_deref(), *without, to)?;
            commit(to).map_err(|e| git_trouble(&e, to))
        }
        Source::Git { url, rev, history: true } => fetch(url, rev, to, poll),
        Source::Git { url, rev, history: false } => fetch_tree(url, rev, to, poll),
    }
}

/// Copies a tree without `target`, `.git` and cargo's marker file.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for entry in fs::read_dir(from).map_err(Error::io("list", from))? {
        let entry = entry.map_err(Error::io("list", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(Error::io("look at", &source))?;
        let is_build = entry.file_name() == "target" && source.join("CACHEDIR.TAG").exists();
        if is_build || [".git", ".cargo-ok"].iter().any(|skip| entry.file_name() == *skip) {
            continue;
        }
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            files::copy(&source, &target)?;
        }
    }
    Ok(())
}

fn commit(dir: &Path) -> std::result::Result<String, git2::Error> {
    let repository = Repository::init_opts(dir, RepositoryInitOptions::new().initial_head(BRANCH))?;
    // Files of a package are needed even if its .gitignore lists them.
    let mut index = repository.index()?;
    index.add_all(["*"], IndexAddOption::FORCE, None)?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let author = Signature::new("kache-bench", "kache-bench@localhost", &Time::new(DATE, 0))?;
    let id = repository.commit(Some("HEAD"), &author, &author, "The workload's sources\n", &tree, &[])?;
    Ok(id.to_string())
}

/// The `git` program, which has the user's credentials, proxies and protocols; libgit2 is built without
/// network support here.
fn git() -> Command {
    let mut git = Command::new("git");
    // Gives up on a stalled connection.
    git.args(["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60"]);
    git.env_clear().envs(Environment::of_caller().iter());
    // A password prompt would wait forever.
    git.env("GIT_TERMINAL_PROMPT", "0");
    git
}

fn no_git(error: &std::io::Error) -> Error {
    Error::input(format!("cannot run git: {error}")).remedy("install git")
}

/// Fetches `what` from `url` into a new repository at `to`.
fn fetch_into(to: &Path, url: &str, what: &[&str], poll: &mut dyn FnMut()) -> Result<Repository> {
    let repository = Repository::init_opts(to, RepositoryInitOptions::new().initial_head(BRANCH))
        .map_err(|e| git_trouble(&e, to))?;
    let mut command = git();
    command.args(["fetch", "--quiet"]).args(what).current_dir(to);
    let output = child::output(&mut command, poll).map_err(|e| no_git(&e))?;
    if output.status.success() {
        return Ok(repository);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(Error::input(format!("cannot fetch the workload's repository\n    {}", why.trim()))
        .at(url)
        .remedy("check `url` and `rev` under [source], and the network"))
}

/// All branches and tags with history.
fn fetch(url: &str, rev: &str, to: &Path, poll: &mut dyn FnMut()) -> Result<String> {
    let all = ["--tags", url, "+refs/heads/*:refs/remotes/origin/*"];
    let repository = fetch_into(to, url, &all, poll)?;
    let found = [rev.to_owned(), format!("origin/{rev}")]
        .iter()
        .find_map(|name| repository.revparse_single(name).and_then(|object| object.peel_to_commit()).ok());
    let commit = found.ok_or_else(|| {
        Error::input(format!("the repository has no revision `{rev}`"))
            .at(url)
            .remedy("name a commit, tag or branch that exists in `rev` under [source]")
    })?;
    repository.branch(BRANCH, &commit, true).map_err(|e| git_trouble(&e, to))?;
    Ok(commit.id().to_string())
}

/// One revision without history. A shallow commit has missing parents, which not every reader supports, so
/// its tree becomes a commit without parents, with the same author and time.
fn fetch_tree(url: &str, rev: &str, to: &Path, poll: &mut dyn FnMut()) -> Result<String> {
    let repository = fetch_into(to, url, &["--depth=1", "--no-tags", url, rev], poll)?;
    let alone = || -> std::result::Result<String, git2::Error> {
        let fetched = repository.revparse_single("FETCH_HEAD")?.peel_to_commit()?;
        let message = format!("{}\n\n{rev}, {}\n", fetched.summary().unwrap_or_default(), fetched.id());
        let (author, tree) = (fetched.author(), fetched.tree()?);
        let branch = format!("refs/heads/{BRANCH}");
        let id = repository.commit(Some(&branch), &author, &author, &message, &tree, &[])?;
        Ok(id.to_string())
    };
    let id = alone().map_err(|e| git_trouble(&e, to))?;
    // Without parents, nothing was shallow.
    files::remove(&to.join(".git/shallow"))?;
    Ok(id)
}

fn git_trouble(error: &git2::Error, at: &Path) -> Error {
    Error::run(format!("git: {}", error.message())).at(at.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::checkout::Checkout;

    fn workload(source: &str) -> Workload {
        let text = format!("description = \"d\"\n[source]\n{source}\n");
        super::super::parse::parse("w", Path::new("/nonexistent/w.toml"), &text).unwrap()
    }

    #[test]
    fn a_directory_becomes_the_same_commit_every_time() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("sub")).unwrap();
        fs::write(tree.join("sub/file"), "content").unwrap();
        fs::write(tree.join(".gitignore"), "ignored\n").unwrap();
        fs::write(tree.join("ignored"), "shipped although ignored").unwrap();
        let workload = workload(&format!("kind = \"path\"\npath = \"{}\"", tree.display()));
        let first = materialise(&workload, &dir.path().join("one"), &mut || {}).unwrap();
        let second = materialise(&workload, &dir.path().join("two"), &mut || {}).unwrap();
        assert_eq!(first, second);
        let clone = Checkout::clone("a", &dir.path().join("one"), dir.path().join("deep/er/clone")).unwrap();
        assert_eq!(fs::read_to_string(clone.root().join("sub/file")).unwrap(), "content");
        assert!(clone.root().join("ignored").exists());
    }

    #[test]
    fn a_repository_is_taken_at_its_revision() {
        let dir = tempfile::tempdir().unwrap();
        let origin = dir.path().join("origin");
        fs::create_dir_all(&origin).unwrap();
        fs::write(origin.join("file"), "old").unwrap();
        let id = commit(&origin).unwrap();
        let git =
            |rev: &str| workload(&format!("kind = \"git\"\nurl = \"{}\"\nrev = \"{rev}\"", origin.display()));
        assert_eq!(materialise(&git(BRANCH), &dir.path().join("by-branch"), &mut || {}).unwrap(), id);
        assert_eq!(materialise(&git(&id), &dir.path().join("by-commit"), &mut || {}).unwrap(), id);
        let clone = Checkout::clone("a", &dir.path().join("by-commit"), dir.path().join("clone")).unwrap();
        assert_eq!(fs::read_to_string(clone.root().join("file")).unwrap(), "old");
        let error = materialise(&git("v9"), &dir.path().join("none"), &mut || {}).unwrap_err();
        assert!(error.to_string().contains("no revision `v9`"), "{error}");
    }

    #[test]
    fn an_unreachable_url_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let workload = workload("kind = \"git\"\nurl = \"/no/such/repository\"\nrev = \"main\"");
        let error = workload.obtain(&dir.path().join("to"), &mut || {}).unwrap_err();
        assert_eq!(error.status(), 2);
        let text = error.to_string();
        assert!(text.contains("`w`") && text.contains("where: /no/such/repository"), "{text}");
        assert!(text.contains("--source URL-OR-PATH"), "{text}");
    }

    #[test]
    fn without_its_history_a_revision_is_one_commit_that_can_be_cloned_and_moved_to() {
        let dir = tempfile::tempdir().unwrap();
        let origin = dir.path().join("origin");
        fs::create_dir_all(&origin).unwrap();
        fs::write(origin.join("file"), "old").unwrap();
        let first = commit(&origin).unwrap();
        let repository = Repository::open(&origin).unwrap();
        fs::write(origin.join("file"), "new").unwrap();
        let mut index = repository.index().unwrap();
        index.add_path(Path::new("file")).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let author = Signature::now("somebody", "somebody@localhost").unwrap();
        let parent = repository.find_commit(git2::Oid::from_str(&first).unwrap()).unwrap();
        let second = repository.commit(Some("HEAD"), &author, &author, "second", &tree, &[&parent]).unwrap();
        for (tag, id) in [("v1", parent.id()), ("v2", second)] {
            let object = repository.find_object(id, None).unwrap();
            repository.tag_lightweight(tag, &object, true).unwrap();
        }
        let git = |rev: &str| {
            let url = origin.display();
            workload(&format!("kind = \"git\"\nurl = \"{url}\"\nrev = \"{rev}\"\nhistory = false"))
        };
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let id = git("v1").obtain(&one, &mut || {}).unwrap();
        git("v2").obtain(&two, &mut || {}).unwrap();
        let clone = Checkout::clone("a", &one, dir.path().join("clone")).unwrap();
        assert_eq!(fs::read_to_string(clone.root().join("file")).unwrap(), "old");
        clone.move_to(&two).unwrap();
        assert_eq!(fs::read_to_string(clone.root().join("file")).unwrap(), "new");
        assert_eq!(git("v1").obtain(&dir.path().join("again"), &mut || {}).unwrap(), id);
        let head = Repository::open(clone.root()).unwrap();
        assert_eq!(head.head().unwrap().peel_to_commit().unwrap().parent_count(), 0);
        let error = git("v9").obtain(&dir.path().join("none"), &mut || {}).unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("v9"), "{error}");
    }
}
