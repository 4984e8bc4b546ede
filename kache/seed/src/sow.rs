//! Restores the units of a build into its empty target directory.
//!
//! This process hands out units, in the order of their dependencies, to processes that restore them ([`crate::worker`]): planning reads the
//! variables and the working directory of a process, which each unit has its own of. cargo waits meanwhile for the answer to its question.
//!
//! cargo's own lock on the directory of the profile is held. cargo takes it after its questions.

use crate::build::{self, Build};
use crate::harvest;
use crate::layout;
use crate::records::{self, Unit};
use crate::worker::{Task, WORKER};
use kache_core::action::Request;
use kache_core::platform;
use kache_core::settings::Settings;
use kache_core::store::Store;
use kache_frontends::{origin, script};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex};

/// The text by which other programs tell a directory of caches, as cargo writes it.
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This file is a cache directory tag created by cargo.\n\
    # For information about cache directory tags see https://bford.info/cachedir/\n";

/// One tick of the slowest file clock that Linux has (100 Hz), in ns.
const TICK: i64 = 10_000_000;

/// Fills the target directory of the cargo that asked `request`, if that is its first question and the directory is empty.
/// Any error leaves the rest to cargo.
pub fn sow(store: &Store, settings: &Settings, request: &Request) {
    let (compiler, args) = build::compiler(request);
    if args != ["-vV"] || !build::may_be_seeded(settings) {
        return;
    }
    let Some(build) = Build::of_parent(store, &compiler) else { return };
    if !is_empty(&build.places.target) {
        return;
    }
    // Notes of what lay here before.
    let own = build.notes(store);
    let _ = fs::remove_file(&own);
    for (other, notes) in build.all_like(store) {
        if notes != own {
            harvest::gather(&build.dir(store), &notes, &other.places);
        }
    }
    let records = build.dir(store).join("units");
    let workspace = build.places.workspace.as_os_str().as_encoded_bytes();
    let mut units = units(&records);
    units.retain(|unit| !unit.is_of_its_place() || unit.note.workspace == workspace);
    if units.is_empty() {
        return;
    }
    // A collection removes records that were not touched for long.
    let _ = platform::touch(&records);
    let _ = fill(store, &build, &units);
}

/// Empties the output directory of a script that cargo runs although the directory was restored ahead for this very build. Without
/// kache, the script would have found an empty one. cargo runs such a script where it finds something newer than what was restored,
/// or where something that the script depends on could not be restored.
pub fn clear_restored(store: &Store, request: &Request) {
    let out = std::env::var_os("OUT_DIR").filter(|_| script::is_run(&request.program, &request.args));
    let Some(out) = out.map(PathBuf::from) else { return };
    let Ok(restored) = fs::read(build::restored_ahead(store)) else { return };
    if restored.split(|b| *b == 0).any(|dir| dir == out.as_os_str().as_encoded_bytes()) {
        let _ = platform::remove_dir_all(&out);
        let _ = fs::create_dir(&out);
    }
}

/// Whether nothing was built there.
fn is_empty(target: &Path) -> bool {
    let Ok(entries) = fs::read_dir(target) else { return target.symlink_metadata().is_err() };
    entries
        .flatten()
        .all(|entry| ["CACHEDIR.TAG", ".rustc_info.json"].iter().any(|known| entry.file_name() == *known))
}

/// The units in a file. Of two of one name, the later counts. A file with many that do not count, or with a torn one, is written
/// anew.
fn units(path: &Path) -> Vec<Unit> {
    let Ok(bytes) = fs::read(path) else { return Vec::new() };
    let records = records::split(&bytes);
    let mut is_torn = records.iter().map(|record| record.len() + 4).sum::<usize>() < bytes.len();
    let mut last: HashMap<String, (usize, Unit)> = HashMap::new();
    for (n, record) in records.iter().enumerate() {
        match Unit::decode(record) {
            Some(unit) => _ = last.insert(unit.note.fingerprint.clone(), (n, unit)),
            None => is_torn = true,
        }
    }
    let mut kept: Vec<(usize, Unit)> = last.into_values().collect();
    kept.sort_by_key(|(n, _)| *n);
    if is_torn || records.len() > 2 * kept.len() + 100 {
        let tmp = path.with_extension(format!("{}.new", std::process::id()));
        let written = records::append(&tmp, kept.iter().map(|(n, _)| records[*n]));
        let _ = written.and_then(|()| fs::rename(&tmp, path)).inspect_err(|_| _ = fs::remove_file(&tmp));
    }
    kept.into_iter().map(|(_, unit)| unit).collect()
}

fn fill(store: &Store, build: &Build, units: &[Unit]) -> io::Result<()> {
    let target = &build.places.target;
    if target.symlink_metadata().is_err() {
        fs::create_dir_all(target)?;
        fs::write(target.join("CACHEDIR.TAG"), TAG)?;
    }
    // Before anything is looked at: what changes from now on is newer than all that cargo compares.
    let time_ns = platform::stamp_ns() - TICK;
    let mut locks = Vec::new();
    for profile in profiles(units) {
        let dir = target.join(profile);
        fs::create_dir_all(&dir)?;
        let is_new = units.iter().any(|unit| layout::is_new(&unit.note.fingerprint));
        let names = if is_new { &[".cargo-lock", ".cargo-build-lock"][..] } else { &[&*build.lock] };
        for name in names {
            let lock = File::options().create(true).truncate(false).write(true).open(dir.join(name))?;
            // Another cargo builds here.
            if !platform::try_lock(&lock)? {
                return Ok(());
            }
            locks.push(lock);
        }
        // Something has been built since.
        if [".fingerprint", "build"].iter().any(|built| dir.join(built).exists()) {
            return Ok(());
        }
    }
    let queue = Queue::new(units);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(units.len()).min(16);
    let head =
        Task { places: build.places.clone(), time_ns, origin: origin::of_this_process(Some(store)).clone() };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| queue.serve(&head));
        }
    });
    // Before cargo gets the locks: from then on, it runs scripts.
    let scripts = units.iter().filter_map(|unit| unit.note.script.as_ref());
    let out = |script: &String| target.join(script).join("out").into_os_string().into_encoded_bytes();
    let written =
        store.publish(&build::restored_ahead(store), &scripts.map(out).collect::<Vec<_>>().join(&0));
    drop(locks);
    written
}

/// The directories of profiles that units are in.
fn profiles(units: &[Unit]) -> BTreeSet<&str> {
    units.iter().filter_map(|unit| layout::profile(&unit.note.fingerprint)).collect()
}

/// Units in the order of their dependencies.
struct Queue<'a> {
    units: &'a [Unit],
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Units whose dependencies are all restored.
    ready: Vec<usize>,
    /// For each unit, how many of its dependencies are not restored yet.
    missing: Vec<usize>,
    /// For each unit, those that depend on it.
    dependents: Vec<Vec<usize>>,
    running: usize,
}

impl<'a> Queue<'a> {
    /// A unit with a dependency that is not among the units stays where it is.
    fn new(units: &'a [Unit]) -> Queue<'a> {
        let by_hash: HashMap<u64, usize> = units.iter().enumerate().map(|(n, unit)| (unit.hash, n)).collect();
        let mut missing = vec![0; units.len()];
        let mut dependents = vec![Vec::new(); units.len()];
        for (n, unit) in units.iter().enumerate() {
            let distinct: HashSet<u64> = unit.dependencies.iter().copied().collect();
            missing[n] = distinct.len();
            for dependency in distinct.iter().filter_map(|hash| by_hash.get(hash)) {
                dependents[*dependency].push(n);
            }
        }
        // The last one is taken first: those that were built first go first.
        let ready = (0..units.len()).rev().filter(|n| missing[*n] == 0).collect();
        Queue {
            units,
            state: Mutex::new(State { ready, missing, dependents, running: 0 }),
            changed: Condvar::new(),
        }
    }

    /// The next unit; `None` once no other can become ready.
    fn take(&self) -> Option<usize> {
        let mut state = self.state.lock().ok()?;
        loop {
            if let Some(n) = state.ready.pop() {
                state.running += 1;
                return Some(n);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).ok()?;
        }
    }

    fn done(&self, n: usize, is_restored: bool) {
        let Ok(mut state) = self.state.lock() else { return };
        state.running -= 1;
        if is_restored {
            for dependent in std::mem::take(&mut state.dependents[n]) {
                state.missing[dependent] -= 1;
                if state.missing[dependent] == 0 {
                    state.ready.push(dependent);
                }
            }
        }
        self.changed.notify_all();
    }

    /// Has a process of its own restore units until there are no more, or until the process fails.
    fn serve(&self, head: &Task) {
        let Ok(mut worker) = start(head) else { return };
        while let Some(n) = self.take() {
            let answer = ask(&mut worker, &self.units[n]);
            self.done(n, matches!(answer, Ok(true)));
            if answer.is_err() {
                break;
            }
        }
        drop(worker.stdin.take());
        let _ = worker.wait();
    }
}

fn start(head: &Task) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(WORKER).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut worker = command.spawn()?;
    let sent = send(&mut worker, &head.encode());
    if sent.is_err() {
        let _ = worker.kill();
        let _ = worker.wait();
    }
    sent.map(|()| worker)
}

fn send(worker: &mut Child, record: &[u8]) -> io::Result<()> {
    let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
    let pipe = worker.stdin.as_mut().ok_or_else(closed)?;
    pipe.write_all(&records::framed(record))
}

/// Whether the worker has restored the unit.
fn ask(worker: &mut Child, unit: &Unit) -> io::Result<bool> {
    send(worker, &unit.encode())?;
    let mut answer = [0];
    let pipe = worker.stdout.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
    pipe.read_exact(&mut answer)?;
    Ok(answer == *b"y")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Note;
    use kache_core::digest::Digest;

    fn unit(name: &str, hash: u64, dependencies: &[u64]) -> Unit {
        let note = Note {
            fingerprint: format!("debug/.fingerprint/{name}"),
            script: None,
            workspace: Vec::new(),
            program: Vec::new(),
            args: Vec::new(),
            cwd: Vec::new(),
            variables: Vec::new(),
            manifests: Digest::of(b"m"),
            result: Digest::of(b"r"),
            begun: (0, 0),
        };
        let (files, dependencies) = (Vec::new(), dependencies.to_vec());
        Unit { note, files, hash, dependencies, reruns: Default::default() }
    }

    fn order(units: &[Unit], fails: u64) -> Vec<u64> {
        let queue = Queue::new(units);
        let mut order = Vec::new();
        while let Some(n) = queue.take() {
            order.push(units[n].hash);
            queue.done(n, units[n].hash != fails);
        }
        order
    }

    #[test]
    fn a_unit_comes_after_what_it_depends_on_and_not_at_all_where_that_fails() {
        let units = [
            unit("a", 1, &[]),
            unit("c", 3, &[2, 1, 1]),
            unit("b", 2, &[1]),
            unit("d", 4, &[]),
            unit("e", 5, &[9]),
        ];
        assert_eq!(order(&units, 0), [1, 2, 3, 4]);
        assert_eq!(order(&units, 2), [1, 2, 4]);
        assert_eq!(order(&units, 1), [1, 4]);
    }

    #[test]
    fn of_two_units_of_one_name_the_later_counts_and_the_file_does_not_grow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("units");
        for hash in 0..200 {
            records::append(&path, [&unit("a", hash, &[]).encode()[..]].into_iter()).unwrap();
        }
        records::append(&path, [&unit("b", 7, &[]).encode()[..]].into_iter()).unwrap();
        let hashes = |path: &Path| units(path).iter().map(|unit| unit.hash).collect::<Vec<_>>();
        assert_eq!(hashes(&path), [199, 7]);
        let read = || fs::read(&path).unwrap();
        assert_eq!(records::split(&read()).len(), 2);
        assert_eq!(hashes(&path), [199, 7]);
        // Two processes wrote into each other.
        let intact = read();
        for torn in [[&intact[..], &[9, 0, 0]].concat(), [&intact[..], &[1, 0, 0, 0, 7]].concat()] {
            fs::write(&path, torn).unwrap();
            assert_eq!(hashes(&path), [199, 7]);
            assert_eq!(read(), intact);
        }
    }

    #[test]
    fn a_directory_is_empty_as_long_as_nothing_was_built_there() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        assert!(is_empty(&target));
        fs::create_dir(&target).unwrap();
        fs::write(target.join("CACHEDIR.TAG"), TAG).unwrap();
        assert!(is_empty(&target));
        fs::create_dir(target.join("release")).unwrap();
        assert!(!is_empty(&target));
    }
}
