//! A process that restores units, one after the other: each with its own variables and working directory.

use crate::build;
use crate::layout;
use crate::manifests;
use crate::places::Places;
use crate::records::{self, Unit};
use kache_core::action::Request;
use kache_core::codec::{Reader, Writer};
use kache_core::digest::Digest;
use kache_core::engine::{Ending, Engine, Seed, Seeded};
use kache_core::observe::observer::Unobserved;
use kache_core::origin::Origin;
use kache_core::platform;
use kache_core::restore::Staging;
use kache_core::settings::Settings;
use kache_core::store::Store;
use kache_core::store::result::ActionResult;
use kache_core::timer::Timer;
use kache_frontends::FRONTENDS;
use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The first argument of such a process.
pub const WORKER: &str = "seed-worker";

const MAGIC: &[u8; 8] = b"kachest1";
/// What cargo writes into the file whose time says when a unit was begun.
const BEGUN: &[u8] = b"This file has an mtime of when this was started.";

/// What holds for all units of a build.
#[derive(Debug, PartialEq, Eq)]
pub struct Task {
    pub places: Places,
    /// The time of modification of all that cargo compares, in ns since 1970.
    pub time_ns: i64,
    /// The build in events.
    pub origin: Origin,
}

impl Task {
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        self.places.write(&mut w);
        w.num(self.time_ns as u64);
        w.bytes(self.origin.encode().as_bytes());
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Task> {
        let mut r = Reader::open(bytes, MAGIC)?;
        let (places, time_ns) = (Places::read(&mut r)?, r.num()? as i64);
        Some(Task { places, time_ns, origin: Origin::decode(r.text()?.as_bytes())? })
    }
}

/// Restores the units that standard input names, and answers each with a letter on standard output.
pub fn work() {
    let mut input = io::stdin().lock();
    let Some(task) = records::next(&mut input).as_deref().and_then(Task::decode) else { return };
    let mut environment = Environment { changed: Vec::new() };
    let mut store: Option<(PathBuf, Store)> = None;
    while let Some(bytes) = records::next(&mut input) {
        let restored = Unit::decode(&bytes).and_then(|unit| {
            let cwd = environment.enter(&unit, &task.places)?;
            let settings = Settings::load(&cwd);
            let cache = settings.cache_dir.clone()?;
            if store.as_ref().is_none_or(|(open, _)| *open != cache) {
                store = Some((cache.clone(), Store::open(&cache).ok()?));
            }
            let (_, store) = store.as_ref()?;
            let restored = build::may_be_seeded(&settings).then(|| {
                Place { task: &task, unit: &unit, environment: &environment, cwd, store }.restore(&settings)
            });
            platform::restore_variables();
            restored?
        });
        let answer = if restored.is_some() { b"y" } else { b"n" };
        if io::stdout().write_all(answer).and_then(|()| io::stdout().flush()).is_err() {
            return;
        }
    }
}

/// The variables of this process, and what the last unit changed about them.
struct Environment {
    changed: Vec<(OsString, Option<OsString>)>,
}

impl Environment {
    /// The value of a variable of cargo's own.
    fn of_cargo(&self, name: &str) -> Option<OsString> {
        match self.changed.iter().find(|(changed, _)| changed == name) {
            Some((_, before)) => before.clone(),
            None => std::env::var_os(name),
        }
    }

    /// Gives the process the variables and the working directory that cargo would start the unit with.
    fn enter(&mut self, unit: &Unit, places: &Places) -> Option<PathBuf> {
        for (name, value) in self.changed.drain(..).rev() {
            set(&name, value.as_deref());
        }
        let local = |text: &Option<Vec<u8>>| match text {
            Some(text) => places.local(text).map(Some),
            None => Some(None),
        };
        for variable in &unit.note.variables {
            let (name, before) =
                (platform::os_str(&variable.name), std::env::var_os(platform::os_str(&variable.name)));
            // cargo may make the value of its own, or leave its own as it is.
            if before.as_ref().map(|value| value.as_encoded_bytes()) != local(&variable.of_cargo)?.as_deref()
            {
                return None;
            }
            let value = local(&variable.value)?;
            self.changed.push((name.to_os_string(), before));
            set(name, value.as_deref().map(platform::os_str));
        }
        let cwd = PathBuf::from(platform::os_str(&places.local(&unit.note.cwd)?));
        std::env::set_current_dir(&cwd).ok()?;
        Some(cwd)
    }
}

fn set(name: &OsStr, value: Option<&OsStr>) {
    match value {
        // SAFETY: the process has one thread.
        Some(value) => unsafe { std::env::set_var(name, value) },
        // SAFETY: as above.
        None => unsafe { std::env::remove_var(name) },
    }
}

/// A unit on its way into the target directory.
struct Place<'a> {
    task: &'a Task,
    unit: &'a Unit,
    environment: &'a Environment,
    cwd: PathBuf,
    store: &'a Store,
}

impl Place<'_> {
    fn restore(&self, settings: &Settings) -> Option<()> {
        let (time_us, timer) = ((platform::now_ns() / 1000) as u64, Timer::start());
        if self.fingerprint().symlink_metadata().is_ok() {
            return None;
        }
        // What cargo would say of the package by variables.
        if manifests::digest(self.store)? != self.unit.note.manifests {
            return None;
        }
        let request = self.request()?;
        let ran = Cell::new(None);
        let engine = Engine {
            settings,
            store: self.store,
            frontends: FRONTENDS,
            observer: &Unobserved,
            timer: &timer,
            outer: None,
            time_us,
            ran: &ran,
        };
        let ended = match &self.unit.note.script {
            Some(script) => self.restore_script(&engine, &request, &self.task.places.target.join(script)),
            None => self.restore_compile(&engine, &request),
        }?;
        let mut event = ended.ended.event(&self.task.origin, time_us, &self.cwd, &timer, None);
        event.seeded = true;
        event.append(self.store.dir());
        event.log(settings.log.as_deref());
        Some(())
    }

    fn request(&self) -> Option<Request> {
        let note = &self.unit.note;
        let local = |text: &[u8]| Some(platform::os_str(&self.task.places.local(text)?).to_os_string());
        let args = note.args.iter().map(|arg| local(arg)).collect::<Option<_>>()?;
        Some(Request::new(local(&note.program)?, args, self.cwd.clone()))
    }

    fn fingerprint(&self) -> PathBuf {
        self.task.places.target.join(&self.unit.note.fingerprint)
    }

    fn restore_compile(&self, engine: &Engine, request: &Request) -> Option<Seeded> {
        let at = request.args.iter().position(|arg| arg == "--out-dir")?;
        fs::create_dir_all(request.args.get(at + 1)?).ok()?;
        // The record names the sources that this result was made from.
        let accepts = |key: &Digest, _: &ActionResult| *key == self.unit.note.result;
        let seeded = engine.seed(request, &Seed { accepts: &accepts, staging: None })?;
        let Ending::Restored(restored) = &seeded.ended.ending else { return None };
        let finish = || {
            restored
                .files
                .paths
                .iter()
                .try_for_each(|path| platform::set_modified(path, self.task.time_ns))?;
            self.write_fingerprint(&self.fingerprint())
        };
        platform::uninterrupted(finish).ok()?;
        Some(seeded)
    }

    /// The run's directory is made beside its place, since it must be there at once.
    fn restore_script(&self, engine: &Engine, request: &Request, script: &Path) -> Option<Seeded> {
        if script.symlink_metadata().is_ok() || self.is_rerun() {
            return None;
        }
        name_script(&request.program)?;
        let (out, staging) = (script.join("out"), script.with_extension("kache-seed"));
        fs::create_dir_all(&out).ok()?;
        let seeded = fs::create_dir_all(staging.join("out")).ok().and_then(|()| {
            let recorded = ActionResult::load(self.store, &self.unit.note.result)?;
            // In another place the same run has another key. What it printed is what cargo's record is made from.
            let accepts = |key: &Digest, result: &ActionResult| {
                *key == self.unit.note.result
                    || (&result.stdout, &result.stderr) == (&recorded.stdout, &recorded.stderr)
            };
            // A compile may include what the script made, and cargo compares the times.
            let made = Staging { dir: &staging.join("out"), time_ns: self.task.time_ns };
            let seeded = engine.seed(request, &Seed { accepts: &accepts, staging: Some(made) })?;
            self.write_run(&seeded, &staging, &out).ok()?;
            Some(seeded)
        });
        let _ = fs::remove_dir(&out);
        let _ = fs::remove_dir(script);
        let placed = seeded.filter(|_| {
            let finish = || {
                let fingerprint = self.fingerprint();
                // In the new layout, the fingerprint is in the same directory.
                let fingerprint =
                    fingerprint.strip_prefix(script).map_or(fingerprint.clone(), |dir| staging.join(dir));
                self.write_fingerprint(&fingerprint)?;
                fs::rename(&staging, script)
            };
            platform::uninterrupted(finish).is_ok()
        });
        if placed.is_none() {
            let _ = platform::remove_dir_all(&staging);
        }
        placed
    }

    /// Whether cargo would run a seeded script again, because of what the script declared. The script would find a full `OUT_DIR`.
    fn is_rerun(&self) -> bool {
        let reruns = &self.unit.reruns;
        let differs = |(name, value): &(String, Option<String>)| {
            self.environment.of_cargo(name).as_deref() != value.as_deref().map(OsStr::new)
        };
        let is_newer = |file: &String| {
            let modified = fs::metadata(self.cwd.join(file)).and_then(|meta| meta.modified()).ok();
            let age = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            age.is_none_or(|age| age.as_nanos() as i64 > self.task.time_ns)
        };
        reruns.variables.iter().any(differs) || reruns.files.iter().any(is_newer)
    }

    /// Writes what cargo writes of a script's run, beside the directory of its outputs.
    fn write_run(&self, seeded: &Seeded, dir: &Path, out: &Path) -> io::Result<()> {
        let Some((out_text, err_text)) = &seeded.printed else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let (run, stdout) = layout::run(&self.unit.note.fingerprint);
        let run = dir.join(run);
        fs::create_dir_all(&run)?;
        let files = [
            (layout::BEGUN, BEGUN),
            (stdout, out_text),
            ("stderr", err_text),
            ("root-output", out.as_os_str().as_encoded_bytes()),
        ];
        files.into_iter().try_for_each(|(name, text)| self.write(&run.join(name), text))
    }

    /// Writes the fingerprint. The file with the hash comes last, at once.
    fn write_fingerprint(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let Some(((name, hash), rest)) = self.unit.files.split_last() else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        rest.iter().try_for_each(|(name, text)| self.write(&dir.join(name), text))?;
        let tmp = dir.join(format!("{name}.kache-seed"));
        self.write(&tmp, hash)?;
        fs::rename(tmp, dir.join(name))
    }

    fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        fs::write(path, text)?;
        platform::set_modified(path, self.task.time_ns)
    }
}

/// Gives a script the name by which cargo runs it: `build_script_build-<hash>` is what the compiler made, and
/// `build-script-build` is a further name.
fn name_script(program: &Path) -> Option<()> {
    if program.symlink_metadata().is_ok() {
        return Some(());
    }
    let (dir, name) = (program.parent()?, program.file_name()?.to_str()?);
    let unit = if dir.ends_with("out") { dir.parent()? } else { dir };
    let unit = unit.file_name()?.to_str()?;
    let hash = unit.rsplit_once('-').map_or(unit, |(_, hash)| hash);
    fs::hard_link(dir.join(format!("{}-{hash}", name.replace('-', "_"))), program).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_as_written() {
        let places = Places { target: "/a/target".into(), workspace: "/a".into() };
        let task = Task {
            places,
            time_ns: 1_700_000_000_000_000_001,
            origin: Origin { build: "1-2".into(), ..Origin::default() },
        };
        assert_eq!(Task::decode(&task.encode()), Some(task));
        assert_eq!(Task::decode(b"kachest1"), None);
    }
}
