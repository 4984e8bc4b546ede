//! Restoring a stored result: its files, and what the command printed.

use crate::action::{OutputNames, Outputs};
use crate::paths::Roots;
use crate::platform::{self, Method, disk};
use crate::run::write_whole;
use crate::store::Store;
use crate::store::result::{ActionResult, Exact, Node, Output};
use crate::template;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Default)]
pub struct Restored {
    /// The bytes written.
    pub bytes: u64,
    /// The number of files and their bytes, by method.
    pub methods: BTreeMap<Method, (u64, u64)>,
    /// The restored files.
    pub paths: Vec<PathBuf>,
}

impl Restored {
    fn count(&mut self, bytes: u64, method: Method) {
        self.bytes += bytes;
        let by = self.methods.entry(method).or_default();
        *by = (by.0 + 1, by.1 + bytes);
    }
}

/// Writes outputs with all their status. Where it fails, or a blob is missing, what was not there is gone again.
pub fn exact(
    store: &Store,
    result: &ActionResult,
    roots: &Roots,
    names: &OutputNames,
) -> io::Result<Option<Restored>> {
    let absent = names.absent();
    // By the clock of the file system, which may lag: what is written next must not be older.
    let restored = entries(store, result, roots, names, Path::to_path_buf, platform::stamp_ns);
    if !matches!(restored, Ok(Some(_))) {
        clear(names, &absent)?;
    }
    restored
}

/// Where outputs are made that are to be put in their place at once.
#[derive(Clone, Copy, Debug)]
pub struct Staging<'a> {
    /// A directory that is there and empty.
    pub dir: &'a Path,
    /// The time of modification that all outputs lie before, in ns since 1970.
    pub time_ns: i64,
}

/// Writes the outputs of a command whose only output is one directory, with all their status, into `staging`. The caller puts
/// that in the directory's place, and removes it where this fails.
pub fn staged(
    store: &Store,
    result: &ActionResult,
    roots: &Roots,
    names: &OutputNames,
    staging: Staging,
) -> io::Result<Option<Restored>> {
    let [tree] = &names.trees[..] else { return Ok(None) };
    let place = |path: &Path| match path.strip_prefix(&tree.path) {
        Ok(below) => staging.dir.join(below),
        Err(_) => path.to_path_buf(),
    };
    if result.outputs.iter().any(|output| roots.local(&output.path).is_none_or(|path| !tree.owns(&path))) {
        return Ok(None);
    }
    let mut restored = entries(store, result, roots, names, place, || staging.time_ns)?;
    if let Some(restored) = &mut restored {
        for path in &mut restored.paths {
            let below = path.strip_prefix(staging.dir).map(|below| tree.path.join(below));
            *path = below.unwrap_or_else(|_| path.clone());
        }
    }
    Ok(restored)
}

/// Removes what a command has left: all that lies in its directories, and the files that were absent when it started.
pub fn clear(names: &OutputNames, absent: &[PathBuf]) -> io::Result<()> {
    for tree in &names.trees {
        match tree.is_there {
            true => empty(&tree.path)?,
            false if tree.path.exists() => platform::remove_dir_all(&tree.path)?,
            false => {}
        }
    }
    let left = absent.iter().filter(|path| path.symlink_metadata().is_ok());
    left.into_iter().try_for_each(|path| platform::remove_file(path))
}

/// Removes all that lies below a directory.
fn empty(tree: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(tree)? {
        let path = entry?.path();
        match platform::entry(&path)?.0 {
            platform::EntryType::Directory => platform::remove_dir_all(&path)?,
            _ => platform::remove_file(&path)?,
        }
    }
    Ok(())
}

fn entries(
    store: &Store,
    result: &ActionResult,
    roots: &Roots,
    names: &OutputNames,
    place: impl Fn(&Path) -> PathBuf,
    time_ns: impl Fn() -> i64,
) -> io::Result<Option<Restored>> {
    let mut done = Restored::default();
    let mut entries = Vec::with_capacity(result.outputs.len());
    for output in &result.outputs {
        let owned = roots.local(&output.path).filter(|path| names.owns(path));
        let (Some(to), Some(exact)) = (owned, output.exact) else { return Ok(None) };
        let to = place(&to);
        match exact.node {
            Node::Directory => disk::step("restore: make a directory", &to, || std::fs::create_dir(&to))?,
            Node::Link => match blob(store, output, roots, names)? {
                Some(target) => platform::link(Path::new(platform::os_str(&target)), &to)?,
                None => return Ok(None),
            },
            Node::File => {
                let Some((bytes, method)) = one(store, output, &to, roots, names)? else { return Ok(None) };
                done.count(bytes, method);
            }
        }
        entries.push((to, exact));
    }
    set_status(&entries, time_ns())?;
    done.paths = entries.into_iter().map(|(path, _)| path).collect();
    Ok(Some(done))
}

/// Gives entries their permission bits, and times before `now` in the order of their ranks. A directory comes after its
/// entries: each of them changes its time.
fn set_status(entries: &[(PathBuf, Exact)], now: i64) -> io::Result<()> {
    const STEP: i64 = 1_000;
    let latest = entries.iter().map(|(_, exact)| i64::from(exact.rank)).max().unwrap_or(0);
    for (path, exact) in entries.iter().rev() {
        if exact.node != Node::Link {
            platform::set_mode(path, exact.mode)?;
        }
        platform::set_modified(path, now - (latest - i64::from(exact.rank) + 1) * STEP)?;
    }
    Ok(())
}

/// Writes all outputs. `None` if a blob is missing or damaged, or an output has no place here: then only files that the
/// command overwrites have changed.
pub fn outputs(
    store: &Store,
    result: &ActionResult,
    roots: &Roots,
    outputs: &Outputs,
) -> io::Result<Option<Restored>> {
    let mut done = Restored::default();
    let names = &outputs.names;
    for output in &result.outputs {
        let place = names.local(&output.path, roots).filter(|p| platform::can_be_file(p));
        let Some(to) = place else { return Ok(None) };
        let written = match one(store, output, &to, roots, names) {
            Err(e)
                if e.kind() == io::ErrorKind::NotFound
                    && outputs.create_dirs
                    && to.parent() == Some(&names.dir) =>
            {
                // The command makes the one directory that it is given for all outputs. No command makes the directory of an
                // output with a full name.
                let dir = &names.dir;
                disk::step("restore: make a directory", dir, || std::fs::create_dir_all(dir))?;
                one(store, output, &to, roots, names)?
            }
            other => other?,
        };
        let Some((bytes, method)) = written else { return Ok(None) };
        done.count(bytes, method);
        done.paths.push(to);
    }
    Ok(Some(done))
}

fn one(
    store: &Store,
    output: &Output,
    to: &Path,
    roots: &Roots,
    names: &OutputNames,
) -> io::Result<Option<(u64, Method)>> {
    if !output.is_template {
        return store.restore_blob(&output.digest, to, output.executable);
    }
    let Some(text) = blob(store, output, roots, names)? else { return Ok(None) };
    let tmp = crate::store::temporary_beside(to);
    let written = disk::step("restore: create text", &tmp, || File::create(&tmp))
        .and_then(|mut file| disk::write_all("restore: write text", &tmp, &mut file, &text))
        .and_then(|()| crate::store::replace_file(&tmp, to));
    written.inspect_err(|_| {
        let _ = platform::remove_file(&tmp);
    })?;
    Ok(Some((text.len() as u64, Method::Copy)))
}

/// The contents of an output, rendered for this checkout.
fn blob(store: &Store, output: &Output, roots: &Roots, names: &OutputNames) -> io::Result<Option<Vec<u8>>> {
    let Some(mut blob) = store.open_blob(&output.digest)? else { return Ok(None) };
    let mut text = Vec::new();
    disk::step("restore: read text", Path::new(""), || io::Read::read_to_end(&mut blob, &mut text))?;
    let render = |text: &[u8]| template::render_for(text, roots, names.target.as_deref());
    Ok(if output.is_template { render(&text) } else { Some(text) })
}

/// Prints what the command printed, with the paths of this checkout. `None`, and nothing is printed, if a template names an
/// unknown root. An error says why standard output did not reach the caller.
pub fn replay(result: &ActionResult, roots: &Roots) -> Option<io::Result<()>> {
    let (out, err) = (template::render(&result.stdout, roots)?, template::render(&result.stderr, roots)?);
    // First, as a program prints it that keeps standard output in a buffer.
    let _ = write_whole(&mut io::stderr().lock(), &err);
    Some(write_whole(&mut io::stdout().lock(), &out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::OutputTree;
    use crate::digest::Digest;
    use crate::events::Observed;
    use crate::store::Area;
    use tempfile::TempDir;

    struct Test {
        dir: TempDir,
        store: Store,
    }

    impl Test {
        fn new() -> Test {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(&dir.path().join("cache")).unwrap();
            std::fs::create_dir(dir.path().join("w")).unwrap();
            Test { dir, store }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join("w").join(name)
        }

        fn roots(&self) -> Roots {
            let mut roots = Roots::default();
            roots.add("workspace", self.dir.path().join("w"), None);
            roots
        }

        fn output(&self, name: &str, contents: &[u8], is_template: bool) -> Output {
            let path = format!("<workspace>/{name}").into_bytes();
            Output {
                path,
                digest: self.store.put_bytes(contents).unwrap(),
                executable: false,
                is_template,
                exact: None,
            }
        }

        fn restore(&self, outputs: Vec<Output>, makes_dirs: bool) -> io::Result<Option<Restored>> {
            let result = ActionResult { outputs, ..empty() };
            let tree = OutputTree { path: self.path(""), is_there: false };
            let dir = self.path("new/dir");
            let names = OutputNames { dir, trees: vec![tree], ..OutputNames::default() };
            let outputs = Outputs { names, create_dirs: makes_dirs, ..Outputs::default() };
            super::outputs(&self.store, &result, &self.roots(), &outputs)
        }
    }

    fn empty() -> ActionResult {
        ActionResult {
            outputs: Vec::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            label: String::new(),
            compile_us: 0,
            observed: Observed::Preload,
            fetched: false,
            literal: false,
            confirmation: None,
            place: Vec::new(),
            status: 0,
        }
    }

    #[test]
    fn files_and_rendered_templates_replace_old_outputs() {
        let test = Test::new();
        std::fs::write(test.path("a"), "an old output").unwrap();
        let text = format!("{}/a.h\n", test.path("").display()).replace("//", "/");
        let template =
            template::templatize(text.as_bytes(), &test.roots(), template::Format::Printed).unwrap();
        let outputs = vec![
            Output { executable: true, ..test.output("a", b"new", false) },
            test.output("a.d", &template, true),
        ];
        let done = test.restore(outputs, false).unwrap().unwrap();
        assert_eq!(std::fs::read(test.path("a")).unwrap(), b"new");
        assert_eq!(std::fs::read_to_string(test.path("a.d")).unwrap(), text);
        assert_eq!(done.paths, [test.path("a"), test.path("a.d")]);
        assert_eq!(done.bytes, 3 + text.len() as u64);
        assert_eq!(done.methods.values().map(|(files, _)| files).sum::<u64>(), 2);
        let left = std::fs::read_dir(test.path("")).unwrap().count();
        assert_eq!(left, 2, "no temporary file is left");
    }

    #[test]
    fn a_missing_directory_is_made_only_if_the_command_makes_it() {
        let test = Test::new();
        let outputs = || vec![test.output("new/dir/a", b"x", false)];
        assert_eq!(test.restore(outputs(), false).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!test.path("new").exists());
        assert!(test.restore(outputs(), true).unwrap().is_some());
        assert_eq!(std::fs::read(test.path("new/dir/a")).unwrap(), b"x");
        let named_in_full = vec![test.output("other/a", b"x", false)];
        assert_eq!(test.restore(named_in_full, true).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn nothing_is_restored_outside_of_the_allowed_places() {
        let test = Test::new();
        let unknown = Output { path: b"<elsewhere>/a".to_vec(), ..test.output("a", b"x", false) };
        assert!(test.restore(vec![unknown], true).unwrap().is_none());
        let result = ActionResult { outputs: vec![test.output("a", b"x", false)], ..empty() };
        let refused = super::outputs(&test.store, &result, &test.roots(), &Outputs::default()).unwrap();
        assert!(refused.is_none() && !test.path("a").exists());
    }

    #[test]
    fn a_missing_blob_is_not_a_hit_and_keeps_the_old_output() {
        let test = Test::new();
        std::fs::write(test.path("a"), "old").unwrap();
        for is_template in [false, true] {
            let output = test.output("a", b"gone", is_template);
            let blob = test.store.path(Area::Blobs, &Digest::of(b"gone"));
            std::fs::remove_file(blob).unwrap();
            assert!(test.restore(vec![output], false).unwrap().is_none());
            assert_eq!(std::fs::read(test.path("a")).unwrap(), b"old");
        }
    }

    #[test]
    fn a_template_with_an_unknown_root_is_not_restored_or_replayed() {
        let test = Test::new();
        let text = b"\0pnowhere\0/x";
        assert!(test.restore(vec![test.output("a.d", text, true)], false).unwrap().is_none());
        assert!(!test.path("a.d").exists());
        let result = ActionResult { stderr: text.to_vec(), ..empty() };
        assert!(replay(&result, &test.roots()).is_none());
        assert!(replay(&empty(), &test.roots()).unwrap().is_ok());
    }

    /// The command would write into it, for another process to read.
    #[test]
    #[cfg(unix)]
    fn nothing_takes_the_place_of_a_pipe_or_a_link() {
        let test = Test::new();
        let pipe = test.path("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink("elsewhere", test.path("link")).unwrap();
        for name in ["pipe", "link"] {
            let before = test.path(name).symlink_metadata().unwrap().file_type();
            let refused = test.restore(vec![test.output(name, b"new", false)], false).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(test.path(name).symlink_metadata().unwrap().file_type(), before);
        }
        assert_eq!(std::fs::read_dir(test.path("")).unwrap().count(), 2, "no temporary file is left");
    }
}
