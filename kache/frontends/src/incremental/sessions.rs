//! The directories of sessions.

use crate::flags::Flags;
use crate::invocation::Invocation;
use kache_core::observe::log::Records;
use kache_core::observe::trace::EventKind;
use kache_core::platform;
use kache_core::store::states::State;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

const WORKING: &str = "-working";

/// A session that a compile has begun.
pub(super) struct Begun {
    crate_dir: PathBuf,
    /// `s-TIME-RANDOM`.
    stem: String,
}

/// A finished session.
pub(super) struct Session {
    pub(super) dir: PathBuf,
}

/// The session that a compile has begun in a directory of state, where it has begun one in the directory of a crate that it
/// made itself.
pub(super) fn begun(dir: &Path, records: Records) -> Option<Begun> {
    let dir = dir.canonicalize().ok()?;
    let made = records.filter(|e| e.kind == EventKind::Mkdir && e.errno == 0);
    let mut sessions = made.filter_map(|e| {
        let path = Path::new(platform::os_str(e.path));
        let stem = path.file_name()?.to_str()?.strip_suffix(WORKING)?;
        let crate_dir = path.parent()?;
        (crate_dir.parent() == Some(&dir))
            .then(|| Begun { crate_dir: crate_dir.to_path_buf(), stem: stem.to_string() })
    });
    let session = sessions.next()?;
    sessions.next().is_none().then_some(session)
}

impl Begun {
    /// The session by the name that it has when it is finished.
    pub(super) fn finished(self) -> Option<Session> {
        let entries = fs::read_dir(&self.crate_dir).ok()?.flatten();
        let is_ours = |name: &OsStr| {
            let rest = name.to_str().and_then(|name| name.strip_prefix(&self.stem)?.strip_prefix('-'));
            rest.is_some_and(|rest| rest != "working")
        };
        let dir = entries.map(|entry| entry.path()).find(|path| path.file_name().is_some_and(is_ours))?;
        Some(Session { dir })
    }
}

impl Session {
    /// Keeps other compiles from removing the session for as long as the file is open.
    pub(super) fn hold(&self) -> Option<File> {
        let lock = OpenOptions::new().read(true).write(true).open(lock_of(&self.dir)?).ok()?;
        lock.try_lock_shared().ok()?;
        Some(lock)
    }
}

/// The lock of a session: `s-TIME-RANDOM.lock` for `s-TIME-RANDOM-HASH`.
pub(super) fn lock_of(session: &Path) -> Option<PathBuf> {
    let (stem, _) = session.file_name()?.to_str()?.rsplit_once('-')?;
    (stem.starts_with("s-") && stem.split('-').count() == 3)
        .then(|| session.with_file_name(format!("{stem}.lock")))
}

/// Whether the directory of a crate has a session that a compile may begin with.
pub(super) fn has_finished(crate_dir: &Path) -> bool {
    let mut entries = fs::read_dir(crate_dir).into_iter().flatten().flatten();
    entries.any(|entry| {
        let name = entry.file_name();
        let is_session = lock_of(Path::new(&name)).is_some();
        is_session && !name.to_string_lossy().ends_with(WORKING)
    })
}

/// Whether the names of a state are those of a session of the crate.
pub(super) fn is_of_crate(state: &State, invocation: &Invocation) -> bool {
    let name = Flags(&invocation.flags).last("--crate-name");
    let id = state.head.above.to_str().and_then(|dir| dir.strip_prefix(name?)?.strip_prefix('-'));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()))
        && lock_of(Path::new(&state.head.name)).is_some()
}
