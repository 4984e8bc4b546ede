//! Power cuts. kache does not sync, so after a power cut the disk may hold any part of what was written:
//! names without bytes, bytes without names, later changes without earlier ones. Torn files must be detected.
//!
//! `strace` records the engine's changes of its cache during a store. A replay creates a cache in which, from
//! a random change on, each change of a name is applied or lost, in order or out of order, and each write is
//! complete, half done, or zeros. Then the machine restarts (`KACHE_FAULT_BOOT`), and the engine runs.
//!
//! The digest table contains each blob's digest as if the blob were complete, so that trusting the table
//! would give a wrong result.

use super::harness::{Engine, Task, clean, must_succeed};
use super::rng;
use super::session::StressRun;
use super::steps::CacheState;
use crate::error::{Error, Result};
use crate::system::strace::{Call, Reader};
use fastrand::Rng;
use kache_core::area;
use kache_core::digest::{Digest, Known, Table};
use kache_core::platform;
use kache_core::store::Area;
use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One change of the disk. Files are numbered; paths are relative to the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Directory(PathBuf),
    Create(PathBuf, usize),
    /// Number of bytes at an offset.
    Write(usize, u64, u64),
    Length(usize, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// The recorded changes, and the final content of each file.
struct Recording {
    changes: Vec<Change>,
    contents: Vec<Vec<u8>>,
}

pub fn run(run_state: &mut StressRun) -> Result<()> {
    if Command::new("strace").arg("-V").output().is_err() {
        run_state.stats.skip("strace is not installed");
        return Ok(());
    }
    let engine = run_state.engine("cut");
    let mut rng = run_state.rng("cut");
    let mut recordings = Vec::new();
    for task in &run_state.tasks {
        for state in [CacheState::Empty, CacheState::Miss] {
            if state == CacheState::Empty && task.name != run_state.tasks[0].name {
                continue;
            }
            state.bring(task, &engine)?;
            let before = run_state.dir().join(format!("before-the-cut-{}", recordings.len()));
            copy(&engine.cache, &before)?;
            recordings.push((task.clone(), before, record(run_state, &engine, task)?));
        }
    }
    let (mut at_least, mut torn) = (8, 0);
    while at_least > 0 || !run_state.is_over()? {
        let (task, before, recording) = rng::pick(&mut rng, &recordings);
        let in_order = rng.bool();
        torn += replay(run_state, task, before, recording, in_order, &mut rng)?;
        let order =
            if in_order { "unsynced changes lost in order" } else { "unsynced changes lost in any order" };
        run_state.stats.passed(&format!("a power cut while storing, {order}"), 1);
        at_least -= usize::from(at_least > 0);
    }
    run_state.stats.passed("torn files under the names of entries after such cuts", torn);
    Ok(())
}

fn record(run_state: &StressRun, engine: &Engine, task: &Task) -> Result<Recording> {
    let log = run_state.dir().join("strace");
    task.clear()?;
    let mut command = Command::new("strace");
    clean(&mut command).current_dir(&task.dir);
    let kache = task.command(engine);
    command.envs(kache.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-f", "-qq", "-xx", "-y", "-s", "0", "-o"]).arg(&log);
    command.args(["-e", "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,ftruncate,write,pwrite64,copy_file_range,sendfile,ioctl"]);
    command.arg(&engine.program).args(&task.words);
    must_succeed(&mut command, "under strace")?;
    let text = fs::read(&log).map_err(Error::io("read", &log))?;
    understand(&text, &engine.cache)
}

/// Converts strace's lines to changes of the cache.
fn understand(text: &[u8], cache: &Path) -> Result<Recording> {
    let (mut reader, mut changes) = (Reader::default(), Vec::new());
    let mut names: HashMap<PathBuf, usize> = HashMap::new();
    let mut files = 0;
    for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        // A truncated text ends in dots; elsewhere that would be a truncated path.
        let line = String::from_utf8_lossy(line).replace("\"\"...", "\"\"");
        let call = reader.line(line.as_bytes()).map_err(|e| Error::run(e.to_string()))?;
        let Some(call) = call.filter(|call| call.result.is_ok()) else { continue };
        let paths: Vec<PathBuf> = call
            .arguments
            .iter()
            .filter_map(|a| a.path())
            .map(|bytes| PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
            .filter_map(|path| Some(path.strip_prefix(cache).ok()?.to_path_buf()))
            .collect();
        one(&call, &paths, &mut names, &mut files, &mut changes);
    }
    let mut contents = vec![Vec::new(); files];
    for (path, file) in names {
        contents[file] = fs::read(cache.join(path)).unwrap_or_default();
    }
    Ok(Recording { changes, contents })
}

fn one(
    call: &Call,
    paths: &[PathBuf],
    names: &mut HashMap<PathBuf, usize>,
    files: &mut usize,
    changes: &mut Vec<Change>,
) {
    let (Some(path), Ok(result)) = (paths.first(), &call.result) else { return };
    let words = |at: usize| call.arguments.get(at).map_or("", |a| a.words());
    let number = |at: usize| words(at).parse::<u64>().unwrap_or(0);
    match call.name.as_str() {
        "mkdir" | "mkdirat" => changes.push(Change::Directory(path.clone())),
        "open" | "openat" | "creat" => {
            let creates =
                call.arguments.iter().any(|a| a.words().contains("O_CREAT")) || call.name == "creat";
            if creates && !names.contains_key(path) {
                names.insert(path.clone(), *files);
                changes.push(Change::Create(path.clone(), *files));
                *files += 1;
            }
        }
        "rename" | "renameat" | "renameat2" => {
            let Some(to) = paths.last() else { return };
            if let Some(file) = names.remove(path) {
                names.insert(to.clone(), file);
            }
            changes.push(Change::Rename(path.clone(), to.clone()));
        }
        "unlink" | "unlinkat" | "rmdir" => {
            names.remove(path);
            changes.push(Change::Remove(path.clone()));
        }
        _ => {
            // The last named file is the target: copies name the source first.
            let Some(file) = paths.last().and_then(|path| names.get(path)) else { return };
            let bytes = (*result).max(0) as u64;
            changes.push(match call.name.as_str() {
                "ftruncate" => Change::Length(*file, number(1)),
                "pwrite64" => Change::Write(*file, number(3), bytes),
                // Sequential writes: each begins where the last ended.
                _ => Change::Write(*file, u64::MAX, bytes),
            });
        }
    }
}

/// The disk after a power cut; returns the number of torn files under final names.
fn replay(
    run_state: &StressRun,
    task: &Task,
    before: &Path,
    recording: &Recording,
    in_order: bool,
    rng: &mut Rng,
) -> Result<usize> {
    let engine = run_state.engine("after-the-cut");
    engine.wipe()?;
    copy(before, &engine.cache)?;
    fs::create_dir_all(&engine.cache).map_err(Error::io("create", &engine.cache))?;
    let synced = rng::below(rng, recording.changes.len() + 1);
    let (kept, mut tail) = recording.changes.split_at(synced);
    let mut later: Vec<Change> = tail.to_vec();
    if in_order {
        later.truncate(rng::below(rng, tail.len() + 1));
    } else {
        rng.shuffle(&mut later);
        later.retain(|_| rng::below(rng, 4) > 0);
    }
    tail = &later;
    let mut disk = Disk { cache: &engine.cache, recording, ends: HashMap::new(), paths: HashMap::new() };
    for change in kept.iter().chain(tail) {
        disk.apply(change, rng);
    }
    let torn = tear(&engine)?;
    let boot = format!("boot {}", rng::below(rng, 1 << 30));
    let order = if in_order { "in order" } else { "in any order" };
    let (all, kept, tail) = (recording.changes.len(), kept.len(), tail.len());
    let context =
        format!("after a power cut ({kept} of {all} changes synced, {tail} of those after them, {order})");
    let boot: &[(&str, &str)] = &[("KACHE_FAULT_BOOT", &boot)];
    task.must(&engine, boot, &context)?;
    task.must(&engine, boot, &format!("again {context}"))?;
    Ok(torn)
}

/// Counts torn entries and blobs, and enters each blob in the digest table as complete.
fn tear(engine: &Engine) -> Result<usize> {
    if !Area::Blobs.below(&engine.store()).is_dir() {
        return Ok(0);
    }
    let table = Table::at(area::digest_table(&engine.store()));
    for path in engine.files(Area::Blobs) {
        let name = path.file_name().and_then(|name| Digest::from_hex(name.to_str()?));
        if let (Some(digest), Ok((_, id))) = (name, platform::identity(&path)) {
            table.put(&id, Known { digest });
        }
    }
    Ok(engine.verify(false)?.faults.iter().filter(|fault| !fault.harmless).count())
}

struct Disk<'a> {
    cache: &'a Path,
    recording: &'a Recording,
    /// Offset of the next sequential write.
    ends: HashMap<usize, u64>,
    paths: HashMap<usize, PathBuf>,
}

impl Disk<'_> {
    /// A change that cannot be applied depends on a lost change and is lost as well.
    fn apply(&mut self, change: &Change, rng: &mut Rng) {
        match change {
            Change::Directory(path) => _ = fs::create_dir(self.cache.join(path)),
            Change::Create(path, file) => {
                let mut create = File::options();
                create.write(true).create(true).truncate(false);
                if create.open(self.cache.join(path)).is_ok() {
                    self.paths.insert(*file, path.clone());
                }
            }
            Change::Write(file, at, bytes) => self.write(*file, *at, *bytes, rng),
            Change::Length(file, bytes) => {
                if let Some(file) = self.open(*file) {
                    let _ = file.set_len(*bytes);
                }
            }
            Change::Rename(from, to) => {
                if fs::rename(self.cache.join(from), self.cache.join(to)).is_ok() {
                    self.paths.values_mut().filter(|p| *p == from).for_each(|p| *p = to.clone());
                }
            }
            Change::Remove(path) => {
                let path = self.cache.join(path);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
            }
        }
    }

    fn open(&self, file: usize) -> Option<File> {
        File::options().write(true).open(self.cache.join(self.paths.get(&file)?)).ok()
    }

    /// Complete, half, or a length of zeros.
    fn write(&mut self, number: usize, at: u64, bytes: u64, rng: &mut Rng) {
        let next = self.ends.entry(number).or_default();
        let at = if at == u64::MAX { *next } else { at };
        *next = at + bytes;
        let Some(file) = self.open(number) else { return };
        let contents = &self.recording.contents[number];
        let (from, to) = ((at as usize).min(contents.len()), ((at + bytes) as usize).min(contents.len()));
        let there = &contents[from..to];
        let part = match rng::below(rng, 6) {
            0 => 0,
            1 => rng::below(rng, there.len()),
            _ => there.len(),
        };
        let length = file.metadata().map_or(0, |m| m.len()).max(at + bytes);
        // Sizes reach the disk before or with the bytes.
        if rng::below(rng, 3) > 0 || part == there.len() {
            let _ = file.set_len(length);
        }
        let _ = file.write_all_at(&there[..part], at);
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    drop(fs::remove_dir_all(to));
    if !from.exists() {
        return Ok(());
    }
    let mut copy = Command::new("cp");
    must_succeed(copy.args(["-a", "--sparse=always"]).arg(from).arg(to), "copying a cache").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strace_says_becomes_changes() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path();
        fs::create_dir_all(cache.join("v1")).unwrap();
        fs::write(cache.join("v1/b"), "hello").unwrap();
        let at = cache.display();
        let text = format!(
            "7 mkdir(\"{at}/v1\", 0700) = 0\n\
             7 openat(AT_FDCWD</w>, \"{at}/v1/t\", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3<{at}/v1/t>\n\
             7 write(3<{at}/v1/t>, \"\"..., 5) = 5\n\
             7 write(1</dev/null>, \"\"..., 9) = 9\n\
             7 rename(\"{at}/v1/t\", \"{at}/v1/b\") = 0\n\
             7 unlink(\"{at}/v1/u\") = -1 ENOENT (No such file or directory)\n"
        );
        let found = understand(text.as_bytes(), cache).unwrap();
        let p = |name: &str| PathBuf::from(format!("v1/{name}"));
        assert_eq!(
            found.changes,
            [
                Change::Directory("v1".into()),
                Change::Create(p("t"), 0),
                Change::Write(0, u64::MAX, 5),
                Change::Rename(p("t"), p("b")),
            ]
        );
        assert_eq!(found.contents, [b"hello".to_vec()]);
    }
}
