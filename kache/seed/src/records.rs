//! What is kept of a build, in `<cache>/v1/seeds`.
//!
//! | file | what |
//! | --- | --- |
//! | `builds/<parent process>` | the key and the places of a build that runs, or ran |
//! | `<key>/<target directory>.place` | a build, as in `builds` |
//! | `<key>/<target directory>.notes` | notes of units for which cargo has written no fingerprint yet |
//! | `<key>/units` | units, in the order in which they were found; of two with one name the later counts |
//!
//! Notes and units are appended. Each record follows its length and ends with a seal, by which a reader recognises a record that a
//! killed process did not finish.

use kache_core::codec::{Reader, Writer};
use kache_core::digest::Digest;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

const NOTE: &[u8; 8] = b"kachesn2";
const UNIT: &[u8; 8] = b"kachesu2";

/// A variable that cargo set or removed for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: Vec<u8>,
    /// `None` where cargo removed it.
    pub value: Option<Vec<u8>>,
    /// The value that cargo was started with, which the other may be made of.
    pub of_cargo: Option<Vec<u8>>,
}

/// A command that cargo ran, in portable text ([`crate::places`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The directory of the fingerprint, below the target directory: `debug/.fingerprint/serde-0123456789abcdef`.
    pub fingerprint: String,
    /// The directory of a script's run, below the target directory: `debug/build/serde-0123456789abcdef`.
    pub script: Option<String>,
    /// The workspace as it was called.
    pub workspace: Vec<u8>,
    pub program: Vec<u8>,
    pub args: Vec<Vec<u8>>,
    pub cwd: Vec<u8>,
    /// How the command's variables differ from those of cargo.
    pub variables: Vec<Variable>,
    /// The digest of the manifests that cargo takes variables from ([`crate::manifests`]).
    pub manifests: Digest,
    /// The result key.
    pub result: Digest,
    /// The file that cargo touched when it began the unit: its number, and its time of modification in ns since 1970. Another
    /// beginning has another.
    pub begun: (u64, i64),
}

/// A note with cargo's record of the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub note: Note,
    /// The files of the fingerprint's directory. The last one holds the hash.
    pub files: Vec<(String, Vec<u8>)>,
    /// The fingerprint's hash.
    pub hash: u64,
    /// The hashes of the units that this one depends on.
    pub dependencies: Vec<u64>,
    pub reruns: Reruns,
}

/// When cargo runs a script again, by what the script declared: if a variable has another value, or a file below the package is newer
/// than the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reruns {
    pub variables: Vec<(String, Option<String>)>,
    pub files: Vec<String>,
}

impl Note {
    fn write(&self, w: &mut Writer) {
        w.bytes(self.fingerprint.as_bytes());
        w.bytes(self.script.as_deref().unwrap_or_default().as_bytes());
        w.bytes(&self.workspace);
        w.bytes(&self.program);
        w.num(self.args.len() as u64);
        self.args.iter().for_each(|arg| w.bytes(arg));
        w.bytes(&self.cwd);
        w.num(self.variables.len() as u64);
        for variable in &self.variables {
            w.bytes(&variable.name);
            for value in [&variable.value, &variable.of_cargo] {
                w.num(u64::from(value.is_some()));
                w.bytes(value.as_deref().unwrap_or_default());
            }
        }
        w.digest(&self.manifests);
        w.digest(&self.result);
        w.num(self.begun.0);
        w.num(self.begun.1 as u64);
    }

    fn read(r: &mut Reader) -> Option<Note> {
        let fingerprint = r.text()?;
        let script = Some(r.text()?).filter(|dir| !dir.is_empty());
        let (workspace, program) = (r.bytes()?.to_vec(), r.bytes()?.to_vec());
        let args = (0..r.count()?).map(|_| Some(r.bytes()?.to_vec())).collect::<Option<_>>()?;
        let cwd = r.bytes()?.to_vec();
        let variables = (0..r.count()?)
            .map(|_| {
                let name = r.bytes()?.to_vec();
                let mut value = || {
                    let (is_set, value) = (r.num()? == 1, r.bytes()?);
                    Some(is_set.then(|| value.to_vec()))
                };
                Some(Variable { name, value: value()?, of_cargo: value()? })
            })
            .collect::<Option<_>>()?;
        Some(Note {
            fingerprint,
            script,
            workspace,
            program,
            args,
            cwd,
            variables,
            manifests: r.digest()?,
            result: r.digest()?,
            begun: (r.num()?, r.num()? as i64),
        })
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(NOTE);
        self.write(&mut w);
        w.finish()
    }

    pub fn decode(bytes: &[u8]) -> Option<Note> {
        let mut r = Reader::open(bytes, NOTE)?;
        Note::read(&mut r).filter(|_| r.at_end())
    }
}

impl Unit {
    /// Whether cargo takes the unit for another one in another checkout: of a package that is vendored into the workspace, the
    /// fingerprint has the path.
    pub fn is_of_its_place(&self) -> bool {
        self.note.script.is_none() && self.note.cwd.starts_with(b"\0w/")
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(UNIT);
        self.note.write(&mut w);
        w.num(self.files.len() as u64);
        for (name, contents) in &self.files {
            w.bytes(name.as_bytes());
            w.bytes(contents);
        }
        w.num(self.hash);
        w.num(self.dependencies.len() as u64);
        self.dependencies.iter().for_each(|hash| w.num(*hash));
        w.num(self.reruns.variables.len() as u64);
        for (name, value) in &self.reruns.variables {
            w.bytes(name.as_bytes());
            w.num(u64::from(value.is_some()));
            w.bytes(value.as_deref().unwrap_or_default().as_bytes());
        }
        w.num(self.reruns.files.len() as u64);
        self.reruns.files.iter().for_each(|file| w.bytes(file.as_bytes()));
        w.finish()
    }

    pub fn decode(bytes: &[u8]) -> Option<Unit> {
        let mut r = Reader::open(bytes, UNIT)?;
        let note = Note::read(&mut r)?;
        let files = (0..r.count()?).map(|_| Some((r.text()?, r.bytes()?.to_vec()))).collect::<Option<_>>()?;
        let hash = r.num()?;
        let dependencies = (0..r.count()?).map(|_| r.num()).collect::<Option<_>>()?;
        let variables = (0..r.count()?)
            .map(|_| {
                let (name, is_set, value) = (r.text()?, r.num()? == 1, r.text()?);
                Some((name, is_set.then_some(value)))
            })
            .collect::<Option<_>>()?;
        let named = (0..r.count()?).map(|_| r.text()).collect::<Option<_>>()?;
        let reruns = Reruns { variables, files: named };
        r.at_end().then_some(Unit { note, files, hash, dependencies, reruns })
    }
}

/// A record after its length, as in files and between processes.
pub fn framed(record: &[u8]) -> Vec<u8> {
    [&(record.len() as u32).to_le_bytes(), record].concat()
}

/// The next record of a stream.
pub fn next(input: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    input.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// Appends records to a file in one write, so that those of two processes do not interleave.
pub fn append<'a>(path: &Path, records: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    let bytes = records.map(framed).collect::<Vec<_>>().concat();
    if bytes.is_empty() {
        return Ok(());
    }
    let open = || OpenOptions::new().append(true).create(true).open(path);
    let mut file = match open() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            kache_core::platform::make_private_dir(path.parent().unwrap_or(path))?;
            open()?
        }
        other => other?,
    };
    file.write_all(&bytes)
}

/// The records of a file's bytes, up to the first that is cut short.
pub fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_at_checked(4) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let Some((record, rest)) = rest.split_at_checked(length) else { break };
        found.push(record);
        bytes = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn unit() -> Unit {
        let note = Note {
            fingerprint: "debug/.fingerprint/a-1".into(),
            script: Some("debug/build/a-1".into()),
            workspace: b"/w".to_vec(),
            program: b"\0t/debug/build/a-0/build-script-build".to_vec(),
            args: vec![b"-x".to_vec(), Vec::new()],
            cwd: b"\0w".to_vec(),
            variables: vec![
                Variable { name: b"A".to_vec(), value: Some(Vec::new()), of_cargo: None },
                Variable { name: b"B".to_vec(), value: None, of_cargo: Some(b"b".to_vec()) },
            ],
            manifests: Digest::of(b"m"),
            result: Digest::of(b"r"),
            begun: (8, -9),
        };
        let files = vec![("run.json".into(), b"{}".to_vec()), ("run".into(), b"00".to_vec())];
        let variables = vec![("A".into(), None), ("B".into(), Some(String::new()))];
        let reruns = Reruns { variables, files: vec!["build.rs".into()] };
        Unit { note, files, hash: u64::MAX, dependencies: vec![0, 1], reruns }
    }

    #[test]
    fn records_are_read_as_written_and_a_cut_one_ends_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, unit) = (dir.path().join("key/units"), unit());
        append(&path, [&unit.encode()[..], &unit.note.encode()[..]].into_iter()).unwrap();
        append(&path, [&unit.encode()[..]].into_iter()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let records = split(&bytes);
        assert_eq!(records.len(), 3);
        assert_eq!(Unit::decode(records[0]).as_ref(), Some(&unit));
        assert_eq!(Note::decode(records[1]).as_ref(), Some(&unit.note));
        assert_eq!(Note::decode(records[2]), None);
        assert_eq!(split(&bytes[..bytes.len() - 1]).len(), 2);
    }
}
