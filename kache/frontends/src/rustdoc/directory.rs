//! A documentation directory, and what kache knows of it.
//!
//! Beside `doc` lies `.kache-doc`, which goes with the target directory. It holds the search index of each crate that kache has
//! added, since the index of all is made anew from those of each, and the digest of the index that was made last. If another
//! index is there now, rustdoc has documented a crate without kache: then rustdoc is left to do the rest too. So it is with a crate
//! that is documented again: rustdoc keeps rows of the earlier version, in a way of its own.
//!
//! To make the index takes long where there are many crates. So a crate is only noted as waiting where another
//! process is at it, which does not end before all that wait are added, and where another crate of the same cargo follows
//! (`followed.rs`). As with rustdoc alone, the directory is whole when cargo ends. A process that fails to add the crates that
//! wait runs rustdoc for each of them.

use super::followed;
use super::index::{Files, Index, ROOT};
use super::join::{self, Command};
use super::pack::{self, Sort};
use super::template;
use kache_core::codec::{Reader, Writer};
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MAGIC: &[u8; 8] = b"kachedd1";

/// How long no crate may come before those that wait are added.
const QUIET: Duration = Duration::from_millis(60);

/// The lock of the process that adds crates.
const MERGING: &str = "merging";

/// The lock of a process that adds crates after the end of cargo.
const LATE: &str = "late";

/// A documentation directory.
pub(super) struct Directory {
    pub doc: PathBuf,
    /// The directory of kache's own files.
    side: PathBuf,
    rustdoc: PathBuf,
    /// The identity of the toolchain, which knows the format of the index.
    toolchain: Digest,
}

/// The files of one run.
pub(super) struct Work {
    /// The private directory.
    pub tree: PathBuf,
    pub pack: PathBuf,
    /// The crates with pages in the documentation directory when the run was planned.
    pub crates: BTreeSet<String>,
}

impl Work {
    /// Removes what is left. What cannot be removed, the next run of the crate removes.
    pub(super) fn remove(&self) {
        let _ = platform::remove_dir_all(&self.tree);
        let _ = platform::remove_file(&self.pack);
    }
}

/// What kache has added to the directory.
#[derive(Default)]
struct State {
    /// The digest of the index that was made last.
    root: Option<Digest>,
    crates: Vec<String>,
}

impl Directory {
    /// # Errors
    /// When the directory is not in a target directory of cargo.
    pub(super) fn of(doc: &Path, rustdoc: &Path, toolchain: &Digest) -> Result<Directory, NotCacheable> {
        let odd = |what: &str| refuse(Reason::OddOutput, format!("{} {what}", doc.display()));
        let (Some(dir), Some(name)) = (doc.parent(), doc.file_name()) else {
            return odd("is not a directory below another");
        };
        if crate::invocation::target_dir(dir, None).is_none() {
            return odd("is not in a target directory of cargo");
        }
        let mut side = OsString::from(".kache-");
        side.push(name);
        let (doc, rustdoc) = (doc.to_path_buf(), rustdoc.to_path_buf());
        Ok(Directory { doc, side: dir.join(side), rustdoc, toolchain: *toolchain })
    }

    /// The directory as arguments of a process.
    pub(super) fn told(&self) -> [OsString; 3] {
        [self.doc.clone().into(), self.rustdoc.clone().into(), self.toolchain.hex().into()]
    }

    pub(super) fn from_told(args: &[OsString]) -> Option<Directory> {
        let [doc, rustdoc, toolchain] = args else { return None };
        let toolchain = Digest::from_hex(toolchain.to_str()?)?;
        Directory::of(Path::new(doc), Path::new(rustdoc), &toolchain).ok()
    }

    /// Refuses a crate that rustdoc itself must add to what is there.
    pub(super) fn accepts(&self, name: &str) -> Result<(), NotCacheable> {
        let failed =
            |e: io::Error| NotCacheable::new(Reason::OddOutput, format!("{}: {e}", self.side.display()));
        fs::create_dir_all(self.side.join("waiting")).map_err(failed)?;
        let _lock = self.lock("lock").map_err(failed)?;
        let again = || refuse(Reason::DocumentedBefore, format!("{name} is documented there already"));
        match self.state() {
            None => refuse(Reason::DocumentedBefore, "rustdoc has documented crates there without kache"),
            Some(state) if state.crates.iter().any(|known| known == name) => again(),
            Some(_) if self.waiting().map_err(failed)?.iter().any(|waiting| ends_with(waiting, name)) => {
                again()
            }
            Some(_) => Ok(()),
        }
    }

    /// Makes the private directory.
    pub(super) fn work(&self, unit: &str, hidden: &BTreeSet<String>) -> io::Result<Work> {
        let dir = self.side.join("new");
        let work =
            Work { tree: dir.join(unit), pack: dir.join(format!("{unit}.pack")), crates: self.crates() };
        work.remove();
        fs::create_dir_all(&work.tree)?;
        work.crates.union(hidden).try_for_each(|name| fs::create_dir(work.tree.join(name)))?;
        Ok(work)
    }

    /// The crates with pages.
    fn crates(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.doc).into_iter().flatten().flatten();
        let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|sort| sort.is_dir()));
        let names = dirs.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| !pack::SHARED.contains(&&**name)).collect()
    }

    /// Whether a crate has pages.
    pub(super) fn has(&self, name: &str) -> bool {
        self.doc.join(name).is_dir()
    }

    /// Adds a crate, and all that wait. A crate that is `followed` may be left to wait.
    pub(super) fn add(&self, name: &str, files: &Files, command: &Command, followed: bool) -> io::Result<()> {
        let (own, shared): (Vec<_>, Vec<_>) =
            files.iter().partition(|(path, _)| pack::sort(path, name) == Some(Sort::Own));
        for (path, file) in own {
            self.write(path, file)?;
        }
        let merging = self.file(MERGING)?;
        {
            let _lock = self.lock("lock")?;
            let next =
                self.waiting()?.iter().filter_map(|path| number(path)).max().map_or(0, |last| last + 1);
            let path = self.side.join("waiting").join(format!("{next:08}-{name}"));
            let mut text = Writer::new(MAGIC);
            text.bytes(&pack::encode(shared.into_iter()));
            command.write(&mut text);
            publish(&path, &text.finish())?;
            if followed && followed::has_finisher(&self.side, &self.told()) {
                return Ok(());
            }
            // Cargo does not wait for a finisher, so a finisher is not who may be left with the crate.
            let is_merging = merging.try_lock().is_err();
            if is_merging && self.file(LATE)?.try_lock().is_ok() {
                return Ok(());
            }
        }
        merging.lock()?;
        self.merge_all(&[&merging], name)
    }

    /// Adds the crates that wait before rustdoc itself is run.
    pub(super) fn finish(&self) -> io::Result<()> {
        if self.waiting()?.is_empty() {
            return Ok(());
        }
        let merging = self.lock(MERGING)?;
        self.merge_all(&[&merging], "")
    }

    /// Adds the crates that wait after the end of cargo, as the finisher that holds `finisher`.
    pub(super) fn finish_late(&self, finisher: &File) -> io::Result<()> {
        let late = self.lock(LATE)?;
        let merging = self.lock(MERGING)?;
        self.merge_all(&[&merging, &late, finisher], "")
    }

    /// Adds crates until none waits. The locks of `held` are given up while `lock` is held, so that nothing begins to wait unseen.
    fn merge_all(&self, held: &[&File], name: &str) -> io::Result<()> {
        loop {
            {
                let _lock = self.lock("lock")?;
                if self.waiting()?.is_empty() {
                    return held.iter().try_for_each(|file| file.unlock());
                }
            }
            let waiting = self.quiet()?;
            if let Err(e) = self.merge(&waiting) {
                self.run_rustdoc(&waiting, name)?;
                return Err(io::Error::other(format!("the search index: {e}")));
            }
        }
    }

    /// The crates that wait, once no other comes.
    fn quiet(&self) -> io::Result<Vec<PathBuf>> {
        let mut waiting = self.waiting()?;
        loop {
            std::thread::sleep(QUIET);
            let now = self.waiting()?;
            if now == std::mem::replace(&mut waiting, now.clone()) {
                return Ok(waiting);
            }
        }
    }

    /// Has rustdoc add the crates that wait, but for the one that this process documents.
    fn run_rustdoc(&self, waiting: &[PathBuf], name: &str) -> io::Result<()> {
        for path in waiting {
            let (_, command) = read_waiting(path)?;
            fs::remove_file(path)?;
            if !ends_with(path, name) {
                command.run()?;
            }
        }
        Ok(())
    }

    /// Adds the crates that wait.
    fn merge(&self, waiting: &[PathBuf]) -> io::Result<()> {
        fs::create_dir_all(&self.doc)?;
        // As rustdoc makes and takes it.
        let lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.doc.join(pack::LOCK))?;
        lock.lock()?;
        let mut state =
            self.state().ok_or_else(|| io::Error::other("rustdoc has documented another crate"))?;
        let mut parts = Vec::new();
        for name in &state.crates {
            parts.push(read_index(&fs::read(self.part(name))?)?);
        }
        let mut templates = Files::new();
        for path in waiting {
            let (files, _) = read_waiting(path)?;
            let name = name_of(path);
            let (indices, shared): (Vec<_>, Vec<_>) =
                files.iter().partition(|(path, _)| pack::sort(path, name) == Some(Sort::Index));
            let index = pack::encode(indices.into_iter());
            parts.push(read_index(&index)?);
            publish(&self.part(name), &index)?;
            shared.into_iter().try_for_each(|(path, own)| self.join(&mut templates, path, own))?;
            state.crates.push(name.to_string());
        }
        let made = self.side.join("index");
        let _ = platform::remove_dir_all(&made);
        join::finish(&self.rustdoc, parts, &made)?;
        let _lock = self.lock("lock")?;
        for (path, file) in &templates {
            self.write(path, file)?;
        }
        let index = self.doc.join("search.index");
        if index.exists() {
            platform::remove_dir_all(&index)?;
        }
        fs::rename(made.join("search.index"), &index)?;
        state.root = Some(Digest::of(&fs::read(self.doc.join(ROOT))?));
        self.save(&state)?;
        let _ = platform::remove_dir_all(&made);
        waiting.iter().try_for_each(fs::remove_file)
    }

    /// Joins a shared file of a crate with what is there.
    fn join(&self, templates: &mut Files, path: &str, own: &[u8]) -> io::Result<()> {
        let there = match templates.get(path) {
            Some(there) => Some(there.clone()),
            None => fs::read(self.doc.join(path)).ok(),
        };
        let joined = match there {
            Some(there) => template::join(&there, own),
            None => Some(own.to_vec()),
        };
        let joined = joined.ok_or_else(|| io::Error::other(format!("{path} has another format")))?;
        templates.insert(path.to_string(), joined);
        Ok(())
    }

    fn write(&self, path: &str, file: &[u8]) -> io::Result<()> {
        let to = self.doc.join(path);
        // The name of a static file has the hash of what is in it.
        if path.starts_with("static.files/")
            && fs::metadata(&to).is_ok_and(|meta| meta.len() == file.len() as u64)
        {
            return Ok(());
        }
        match fs::write(&to, file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(to.parent().unwrap_or(&self.doc))?;
                fs::write(&to, file)
            }
            other => other,
        }
    }

    fn part(&self, name: &str) -> PathBuf {
        self.side.join("parts").join(name)
    }

    fn file(&self, name: &str) -> io::Result<File> {
        File::create(self.side.join(name))
    }

    fn lock(&self, name: &str) -> io::Result<File> {
        let file = self.file(name)?;
        file.lock()?;
        Ok(file)
    }

    fn waiting(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.side.join("waiting"))?;
        let mut all = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        all.retain(|path| number(path).is_some());
        all.sort();
        Ok(all)
    }

    /// What kache has added to what is there now. `None` if there is more.
    fn state(&self) -> Option<State> {
        let is_new = || !self.doc.join("crates.js").exists() && !self.doc.join("search-index.js").exists();
        let Ok(root) = fs::read(self.doc.join(ROOT)) else { return is_new().then(State::default) };
        let bytes = fs::read(self.side.join("state")).ok()?;
        let mut bytes = Reader::open(&bytes, MAGIC)?;
        let (toolchain, then) = (bytes.digest()?, bytes.digest()?);
        let mut crates = Vec::new();
        for _ in 0..bytes.count()? {
            crates.push(std::str::from_utf8(bytes.bytes()?).ok()?.to_string());
        }
        let is_same = toolchain == self.toolchain && then == Digest::of(&root);
        is_same.then_some(State { root: Some(then), crates })
    }

    fn save(&self, state: &State) -> io::Result<()> {
        let mut out = Writer::new(MAGIC);
        out.digest(&self.toolchain);
        out.digest(&state.root.unwrap_or(Digest([0; 32])));
        out.num(state.crates.len() as u64);
        state.crates.iter().for_each(|name| out.bytes(name.as_bytes()));
        publish(&self.side.join("state"), &out.finish())
    }
}

/// Writes a file in one step.
fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir)?;
    let beside = dir.join(format!(".{}", std::process::id()));
    fs::write(&beside, bytes)?;
    fs::rename(&beside, path)
}

fn read_waiting(path: &Path) -> io::Result<(Files, Command)> {
    let bytes = fs::read(path)?;
    let read = || {
        let mut bytes = Reader::open(&bytes, MAGIC)?;
        Some((pack::decode(bytes.bytes()?)?, Command::read(&mut bytes)?))
    };
    read().ok_or_else(|| io::Error::other(format!("{} is damaged", path.display())))
}

fn read_index(bytes: &[u8]) -> io::Result<Index> {
    let index = pack::decode(bytes).and_then(|files| Index::read(&files));
    index.ok_or_else(|| io::Error::other("the search index of a crate is damaged"))
}

/// The place in the order of those that wait.
fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.split_once('-')?.0.parse().ok()
}

fn name_of(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split_once('-').map_or(name, |(_, name)| name)
}

fn ends_with(path: &Path, name: &str) -> bool {
    name_of(path) == name
}
