//! The event logs of many machines: each is a copy of the event files of one cache.

use kache_core::events::{Event, VERSION};
use kache_core::store::Area;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

/// The extension of event files.
const EXTENSION: &str = "jsonl";

/// The events of one machine.
#[derive(Debug)]
pub struct MachineLog {
    /// The name of the directory or file; the whole path where two machines would have the same name.
    pub machine: String,
    /// The path as it was given.
    pub path: PathBuf,
    /// Oldest first.
    pub events: Vec<Event>,
    /// Lines that are not whole: a build was killed while it wrote, or still ran when the file was copied.
    pub torn: u64,
    /// Whole lines that this version of kache does not understand.
    pub unknown: u64,
}

/// Why the log of a machine cannot be read.
#[derive(Debug)]
pub enum LogError {
    Io(PathBuf, io::Error),
    /// The path is neither a directory nor a regular file.
    NotALog(PathBuf),
    /// The same log was given before.
    Twice(PathBuf),
    NoEvents {
        path: PathBuf,
        torn: u64,
        unknown: u64,
        /// Whether directories in it are logs.
        has_logs: bool,
    },
    /// A newer kache wrote the events, in a format that this one cannot read.
    Newer {
        file: PathBuf,
        line: usize,
        format: u32,
        kache: String,
    },
}

/// The start of any version's event.
#[derive(Deserialize)]
struct Head {
    v: u32,
    #[serde(default)]
    kache: String,
}

/// Reads logs, one machine after the other, so that only the events of one are in memory.
pub fn logs(paths: &[PathBuf]) -> impl Iterator<Item = Result<MachineLog, LogError>> {
    let names = names(paths);
    let mut seen = BTreeSet::new();
    paths.iter().zip(names).map(move |(path, machine)| {
        let real = std::fs::canonicalize(path).map_err(|e| LogError::Io(path.clone(), e))?;
        if !seen.insert(real) {
            return Err(LogError::Twice(path.clone()));
        }
        read(path, machine)
    })
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    let own: Vec<String> = paths.iter().map(|path| name(path)).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    own.iter().for_each(|name| *uses.entry(name).or_default() += 1);
    let unique = |(name, path): (&String, &PathBuf)| match uses[name.as_str()] {
        1 => name.clone(),
        _ => path.display().to_string(),
    };
    own.iter().zip(paths).map(unique).collect()
}

fn name(path: &Path) -> String {
    // A name for `.` and for what ends in `..`.
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let named = if path.file_name().is_some() { path } else { &real };
    let is_file = named.extension().is_some_and(|e| e == EXTENSION) && named.is_file();
    let name = if is_file { named.file_stem() } else { named.file_name() };
    name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn read(path: &Path, machine: String) -> Result<MachineLog, LogError> {
    let mut log = MachineLog { machine, path: path.to_path_buf(), events: Vec::new(), torn: 0, unknown: 0 };
    for file in files(path)? {
        let text = std::fs::read(&file).map_err(|e| LogError::Io(file.clone(), e))?;
        let lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
        for (at, line) in lines {
            log.add(line).map_err(|head| LogError::Newer {
                file: file.clone(),
                line: at + 1,
                format: head.v,
                kache: head.kache,
            })?;
        }
    }
    if log.events.is_empty() {
        let MachineLog { torn, unknown, .. } = log;
        return Err(LogError::NoEvents { path: path.to_path_buf(), torn, unknown, has_logs: has_logs(path) });
    }
    log.events.sort_by_key(|e| e.time_us);
    Ok(log)
}

impl MachineLog {
    /// Adds a line of a file; the error is the start of a newer version's event.
    fn add(&mut self, line: &[u8]) -> Result<(), Head> {
        match serde_json::from_slice::<Head>(line) {
            Ok(head) if head.v > VERSION => return Err(head),
            Ok(head) => match serde_json::from_slice(line) {
                Ok(event) if head.v == VERSION => self.events.push(event),
                _ => self.unknown += 1,
            },
            Err(e) if e.is_data() => self.unknown += 1,
            Err(_) => self.torn += 1,
        }
        Ok(())
    }
}

/// The event files at a path: the file, those of the directory, or those of a copied cache.
fn files(path: &Path) -> Result<Vec<PathBuf>, LogError> {
    let kind = std::fs::metadata(path).map_err(|e| LogError::Io(path.to_path_buf(), e))?;
    if kind.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    if !kind.is_dir() {
        return Err(LogError::NotALog(path.to_path_buf()));
    }
    let own = event_files(path).map_err(|e| LogError::Io(path.to_path_buf(), e))?;
    match own.is_empty() {
        // A copy of a whole cache.
        true => Ok(event_files(&Area::Events.in_cache(path)).unwrap_or_default()),
        false => Ok(own),
    }
}

/// The event files of a directory, in the order of their names.
fn event_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == EXTENSION) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn has_logs(dir: &Path) -> bool {
    let within = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    within.filter(|path| path.is_dir()).any(|path| files(&path).is_ok_and(|files| !files.is_empty()))
}

impl std::error::Error for LogError {}

impl std::fmt::Display for LogError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        const ADVICE: &str = "give a copy of a machine's `<cache>/v1/events`, or one of its files";
        match self {
            LogError::Io(path, e) => write!(f, "{}: {e}: {ADVICE}", path.display()),
            LogError::NotALog(path) => {
                write!(f, "{} is neither a directory nor a file: {ADVICE}", path.display())
            }
            LogError::Twice(path) => {
                write!(
                    f,
                    "{} was given before, and its events would count twice: give it once",
                    path.display()
                )
            }
            LogError::NoEvents { path, torn, unknown, has_logs } => {
                write!(f, "{} has no events", path.display())?;
                if torn + unknown > 0 {
                    write!(f, " (torn lines: {torn}; lines of other versions: {unknown})")?;
                }
                match has_logs {
                    true => write!(f, ", but directories in it have: give `{}/*`", path.display()),
                    false => write!(f, ": {ADVICE}"),
                }
            }
            LogError::Newer { file, line, format, kache } => write!(
                f,
                "{}:{line}: kache {kache} wrote events of format {format}, and this kache reads format {VERSION}: \
                 run `kache report` of that version",
                file.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_one_name_are_told_apart_by_their_paths() {
        let named = |paths: &[&str]| names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(named(&["/logs/ci-1", "/logs/ci-2/"]), ["ci-1", "ci-2"]);
        assert_eq!(named(&["/a/v1/events", "/b/v1/events", "/c"]), ["/a/v1/events", "/b/v1/events", "c"]);
    }
}
