//! A kache that was put in front of a compiler within an observed run.
//!
//! The run's observer (`preload/front.c`) starts kache in the compiler's place, and tells it of its log by a variable that
//! nothing else sees. kache ends in one of two ways:
//!
//! - It restored or stored the compiler's result. Then it writes into the log what the compiler would have looked at and made:
//!   a program that began, with the flag [`flag::IN_PLACE`], and its events ([`Outer::tell`]).
//! - It becomes the compiler, which is then observed as if the run had started it ([`Outer::environment`]).

use super::launch::{LOG_VARIABLE, PRELOAD_VARIABLE};
use super::log::RECORD;
use super::trace::{EventKind, flag};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// The variable. Its lines: the log, the preload object, and the name by which the compiler was called, if another than its
/// program.
pub const OUTER_VARIABLE: &str = "KACHE_OUTER";

/// The run that this process is a part of.
#[derive(Debug)]
pub struct Outer {
    log: PathBuf,
    object: PathBuf,
    /// By what name the compiler was called.
    pub called: Option<OsString>,
    /// Whether the run puts kache in front of compilers and records nothing.
    pub is_quiet: bool,
}

impl Outer {
    /// Takes the variable out of the environment. Must be called before the process has a second thread.
    pub fn take() -> Option<Outer> {
        let value = std::env::var_os(OUTER_VARIABLE)?;
        // SAFETY: the caller has no other thread yet.
        unsafe { std::env::remove_var(OUTER_VARIABLE) };
        let mut lines = value.as_encoded_bytes().splitn(3, |b| *b == b'\n').map(crate::platform::os_str);
        let (log, object): (PathBuf, PathBuf) = (lines.next()?.into(), lines.next()?.into());
        let called = lines.next().filter(|name| !name.is_empty()).map(OsStr::to_os_string);
        let is_quiet = super::log::is_quiet(&log);
        Some(Outer { log, object, called, is_quiet })
    }

    /// The variables with which this process becomes the compiler under the run's observation.
    pub fn environment(&self) -> [(&'static str, OsString); 2] {
        let mut preload = self.object.clone().into_os_string();
        if let Some(base) = std::env::var_os(PRELOAD_VARIABLE) {
            preload.push(":");
            preload.push(base);
        }
        [(LOG_VARIABLE, self.log.clone().into()), (PRELOAD_VARIABLE, preload)]
    }

    /// Writes what a program would have done in this process into the log of the run.
    ///
    /// # Errors
    /// When the log cannot be written to. The run then has a program that nothing answers for, and is not stored.
    pub fn tell(&self, deeds: &Deeds) -> io::Result<()> {
        super::log::append(&self.log, &deeds.records)
    }
}

/// What a program would have done, as records of the log.
pub struct Deeds {
    records: Vec<u8>,
    /// Of this process.
    pid: u32,
}

impl Deeds {
    /// Of a program that starts in a directory. `file` has its links followed.
    pub fn of(file: &Path, cwd: &Path) -> Deeds {
        let mut deeds = Deeds { records: Vec::new(), pid: std::process::id() };
        let (file, cwd) = (file.as_os_str().as_encoded_bytes(), cwd.as_os_str().as_encoded_bytes());
        let parent = crate::platform::parent_id();
        deeds.put(EventKind::Start, flag::IN_PLACE, 0, parent.into(), file, cwd);
        deeds
    }

    /// Adds an event.
    pub fn put(&mut self, kind: EventKind, flags: u8, errno: i32, aux: i64, path: &[u8], path2: &[u8]) {
        let total = (RECORD + path.len() + 1 + path2.len() + 1).next_multiple_of(8);
        let start = self.records.len();
        let out = &mut self.records;
        out.extend((total as u32).to_ne_bytes());
        out.extend([kind as u8, flags]);
        out.extend((errno as u16).to_ne_bytes());
        // The process, and the thread.
        out.extend(self.pid.to_ne_bytes());
        out.extend(self.pid.to_ne_bytes());
        out.extend(super::trace::UNKNOWN_MODULE.to_ne_bytes());
        out.extend(0_u32.to_ne_bytes());
        out.extend(aux.to_ne_bytes());
        for text in [path, path2] {
            out.extend(text);
            out.push(0);
        }
        out.resize(start + total, 0);
    }
}
