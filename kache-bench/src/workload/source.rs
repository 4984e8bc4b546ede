//! Whatever a workload's source is, it becomes one local git repository.
//!
//! From then on there is one way to make checkouts, and a checkout has what a developer's has: a `.git` that
//! build scripts may look into. A directory or a package becomes a single commit with fixed author and date,
//! so that its hash, which some programs build in, is the same in every run. A repository keeps its history.

use super::{Source, Workload, debian, registry};
use crate::environment::Environment;
use crate::trouble::{Result, Trouble};
use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The branch that clones check out.
const BRANCH: &str = "workload";
/// 2024-01-01, the date of every commit made here.
const DATE: i64 = 1_704_067_200;

/// Makes the repository at `to` from the workload's source and says which commit clones will have.
pub fn materialise(workload: &Workload, to: &Path) -> Result<String> {
    match &workload.source {
        Source::Path(dir) => {
            if !dir.is_dir() {
                return Err(Trouble::input("the workload's source directory does not exist")
                    .at(dir.display())
                    .remedy(format!("mend `path` under [source] in {}.toml", workload.name)));
            }
            copy_tree(dir, to)?;
            commit(to).map_err(|e| git_trouble(&e, to))
        }
        Source::Crate { name, version } => {
            fs::create_dir_all(to).map_err(Trouble::io("create", to))?;
            let dir = registry::fetch(name, version, to)?;
            copy_tree(&dir, to)?;
            commit(to).map_err(|e| git_trouble(&e, to))
        }
        Source::Debian { package, version } => {
            debian::fetch(package, version.as_deref(), to)?;
            commit(to).map_err(|e| git_trouble(&e, to))
        }
        Source::Git { url, rev } => fetch(url, rev, to),
    }
}

/// Copies a tree, less what is no source: a build's `target`, another repository's `.git`, cargo's own mark.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Trouble::io("create", to))?;
    for entry in fs::read_dir(from).map_err(Trouble::io("list", from))? {
        let entry = entry.map_err(Trouble::io("list", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(Trouble::io("look at", &source))?;
        let is_build = entry.file_name() == "target" && source.join("CACHEDIR.TAG").exists();
        if is_build || [".git", ".cargo-ok"].iter().any(|skip| entry.file_name() == *skip) {
            continue;
        }
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            copy_link(&source, &target).map_err(Trouble::io("copy the link", &source))?;
        } else {
            fs::copy(&source, &target).map_err(Trouble::io("copy", &source))?;
        }
    }
    Ok(())
}

fn copy_link(source: &Path, target: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(fs::read_link(source)?, target);
    #[cfg(not(unix))]
    return fs::copy(source, target).map(drop);
}

fn commit(dir: &Path) -> std::result::Result<String, git2::Error> {
    let repository = Repository::init_opts(dir, RepositoryInitOptions::new().initial_head(BRANCH))?;
    // What a package ships it needs, whatever its .gitignore says.
    let mut index = repository.index()?;
    index.add_all(["*"], IndexAddOption::FORCE, None)?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let author = Signature::new("kache-bench", "kache-bench@localhost", &Time::new(DATE, 0))?;
    let id = repository.commit(Some("HEAD"), &author, &author, "The workload's sources\n", &tree, &[])?;
    Ok(id.to_string())
}

/// Fetches by the `git` program, which has the user's credentials, proxies and protocols; libgit2 is built
/// here without any network.
fn fetch(url: &str, rev: &str, to: &Path) -> Result<String> {
    let repository = Repository::init_opts(to, RepositoryInitOptions::new().initial_head(BRANCH))
        .map_err(|e| git_trouble(&e, to))?;
    let output = Command::new("git")
        .args(["fetch", "--quiet", "--tags", url, "+refs/heads/*:refs/remotes/origin/*"])
        .current_dir(to)
        .env_clear()
        .envs(Environment::of_caller().iter())
        // A question for a password would wait for ever.
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .map_err(|e| Trouble::input(format!("cannot run git: {e}")).remedy("install git"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(Trouble::input(format!("cannot fetch the workload's repository\n    {}", why.trim()))
            .at(url)
            .remedy("check `url` under [source], the network, and that `git ls-remote` works on it"));
    }
    let found = [rev.to_owned(), format!("origin/{rev}")]
        .iter()
        .find_map(|name| repository.revparse_single(name).and_then(|object| object.peel_to_commit()).ok());
    let commit = found.ok_or_else(|| {
        Trouble::input(format!("the repository has no revision `{rev}`"))
            .at(url)
            .remedy("name a commit, tag or branch that exists in `rev` under [source]")
    })?;
    repository.branch(BRANCH, &commit, true).map_err(|e| git_trouble(&e, to))?;
    Ok(commit.id().to_string())
}

fn git_trouble(error: &git2::Error, at: &Path) -> Trouble {
    Trouble::run(format!("git: {}", error.message())).at(at.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::Checkout;

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
        fs::write(tree.join("ignored"), "shipped all the same").unwrap();
        let workload = workload(&format!("kind = \"path\"\npath = \"{}\"", tree.display()));
        let first = materialise(&workload, &dir.path().join("one")).unwrap();
        let second = materialise(&workload, &dir.path().join("two")).unwrap();
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
        assert_eq!(materialise(&git(BRANCH), &dir.path().join("by-branch")).unwrap(), id);
        assert_eq!(materialise(&git(&id), &dir.path().join("by-commit")).unwrap(), id);
        let clone = Checkout::clone("a", &dir.path().join("by-commit"), dir.path().join("clone")).unwrap();
        assert_eq!(fs::read_to_string(clone.root().join("file")).unwrap(), "old");
        let trouble = materialise(&git("v9"), &dir.path().join("none")).unwrap_err();
        assert!(trouble.to_string().contains("no revision `v9`"), "{trouble}");
    }

    #[test]
    fn an_unreachable_url_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let workload = workload("kind = \"git\"\nurl = \"/no/such/repository\"\nrev = \"main\"");
        let trouble = materialise(&workload, &dir.path().join("to")).unwrap_err();
        assert_eq!(trouble.status(), 2);
        assert!(trouble.to_string().contains("/no/such/repository"), "{trouble}");
    }
}
