//! Brings notes and cargo's fingerprints together.
//!
//! A fingerprint belongs to a note if cargo began the unit for the wrapper of the note, and has not begun it since: cargo touches
//! `invoked.timestamp` when a unit begins, and empties the file with the hash until the unit is finished. The note has the
//! identity of that file: another target directory may have been put in this one's place.

use crate::layout::{self, Dirs};
use crate::places::Places;
use crate::records::{self, Note, Reruns, Unit};
use kache_core::platform;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;

/// What this module reads of a fingerprint in JSON.
#[derive(Deserialize)]
struct Fingerprint {
    /// Of each unit that it depends on, a package's number, a name, whether it is public, and the hash of its fingerprint.
    deps: Vec<(u64, String, bool, u64)>,
    local: Vec<Local>,
}

/// What cargo looks at to see whether a unit is fresh.
#[derive(Deserialize)]
enum Local {
    /// The version of a package, or the time of the newest file of one that no registry has, with its name in parentheses.
    Precalculated(String),
    CheckDepInfo(IgnoredAny),
    RerunIfChanged {
        paths: Vec<String>,
    },
    RerunIfEnvChanged {
        var: String,
        val: Option<String>,
    },
}

/// What became of a note.
enum Found {
    Unit(Box<Unit>),
    /// cargo has not finished the unit.
    NotYet,
    /// The unit cannot be seeded.
    Never,
}

/// Turns the notes of finished units into units of the build in `dir`. Any error leaves the notes as they are.
pub fn gather(dir: &Path, notes: &Path, places: &Places) {
    let Ok(mut file) = File::options().read(true).write(true).open(notes) else { return };
    if !matches!(platform::try_lock(&file), Ok(true)) {
        return;
    }
    let mut bytes = Vec::new();
    if file.read_to_end(&mut bytes).is_err() {
        return;
    }
    // Of two notes of one unit, the later counts.
    let all: BTreeMap<String, Note> = records::split(&bytes)
        .into_iter()
        .filter_map(Note::decode)
        .map(|note| (note.fingerprint.clone(), note))
        .collect();
    let (mut units, mut left) = (Vec::new(), Vec::new());
    for note in all.into_values() {
        let encoded = note.encode();
        match look_up(note, places) {
            Found::Unit(unit) => units.push(unit.encode()),
            Found::NotYet => left.push(encoded),
            Found::Never => {}
        }
    }
    if units.is_empty() || records::append(&dir.join("units"), units.iter().map(Vec::as_slice)).is_err() {
        return;
    }
    // Notes that another wrapper appended meanwhile are kept.
    let mut newer = Vec::new();
    if file.read_to_end(&mut newer).is_err() || file.rewind().is_err() || file.set_len(0).is_err() {
        return;
    }
    let newer = records::split(&newer);
    let _ = records::append(notes, left.iter().map(Vec::as_slice).chain(newer));
}

fn look_up(note: Note, places: &Places) -> Found {
    let dir = places.target.join(&note.fingerprint);
    let Some(files) = files(&dir) else { return Found::NotYet };
    let dirs = Dirs { fingerprint: note.fingerprint.clone(), script: note.script.clone() };
    let begun = platform::identity(&places.target.join(layout::begun(&dirs)));
    if begun.ok().is_none_or(|(_, id)| (id.ino, id.mtime) != note.begun) {
        return Found::Never;
    }
    let mut hashes = files.iter().filter(|(name, _)| layout::has_hash(name));
    let (name, hash) = match (hashes.next(), hashes.next()) {
        (Some((name, hash)), None) if !hash.is_empty() => (name, hash),
        (_, Some(_)) => return Found::Never,
        _ => return Found::NotYet,
    };
    let json = files.iter().find(|(json, _)| json.strip_suffix(".json") == Some(name));
    let json = json.and_then(|(_, text)| serde_json::from_slice::<Fingerprint>(text).ok());
    let (Some(hash), Some(json)) = (layout::hash(hash), json) else { return Found::Never };
    // cargo would look at the files of this checkout from another one.
    if files.iter().any(|(_, contents)| places.are_in(contents)) {
        return Found::Never;
    }
    let Some(reruns) = reruns(json.local) else { return Found::Never };
    let dependencies = json.deps.into_iter().map(|(_, _, _, hash)| hash).collect();
    Found::Unit(Box::new(Unit { note, files, hash, dependencies, reruns }))
}

/// `None` for a script that declares nothing, of a package that no registry has: its fingerprint has a time, which another
/// checkout does not have, and which moves with each edit.
fn reruns(local: Vec<Local>) -> Option<Reruns> {
    let mut reruns = Reruns::default();
    for one in local {
        match one {
            Local::Precalculated(of) if of.ends_with(')') => return None,
            Local::Precalculated(_) | Local::CheckDepInfo(_) => {}
            Local::RerunIfChanged { paths } => reruns.files.extend(paths),
            Local::RerunIfEnvChanged { var, val } => reruns.variables.push((var, val)),
        }
    }
    Some(reruns)
}

/// The files of a fingerprint's directory, the one with the hash at the end. `None` where one cannot be read.
fn files(dir: &Path) -> Option<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).ok()? {
        let entry = entry.ok()?;
        files.push((entry.file_name().to_str()?.to_string(), platform::read_regular(&entry.path()).ok()?));
    }
    files.sort_by_key(|(name, _)| (layout::has_hash(name), name.clone()));
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kache_core::digest::Digest;
    use std::path::PathBuf;
    use tempfile::TempDir;

    struct Test {
        dir: TempDir,
        places: Places,
    }

    impl Test {
        fn new() -> Test {
            let dir = tempfile::tempdir().unwrap();
            let places = Places { target: dir.path().join("w/target"), workspace: dir.path().join("w") };
            Test { dir, places }
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.places.target.join("debug/.fingerprint/a-1").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn remove(&self, name: &str) {
            fs::remove_file(self.places.target.join("debug/.fingerprint/a-1").join(name)).unwrap();
        }

        /// What cargo leaves of a unit, and the note of its wrapper.
        fn finished(&self) {
            self.write("invoked.timestamp", "");
            self.write("dep-lib-a", "");
            self.write(
                "lib-a.json",
                r#"{"rustc":1,"deps":[[2,"b",false,3]],"local":[
                {"CheckDepInfo":{"dep_info":"d","checksum":false}},{"Precalculated":"1.0.0"},
                {"RerunIfChanged":{"output":"o","paths":["build.rs"]}},
                {"RerunIfEnvChanged":{"var":"CC","val":null}}]}"#,
            );
            self.write("lib-a", "0100000000000000");
            self.note();
        }

        fn note(&self) {
            let begun = self.places.target.join("debug/.fingerprint/a-1/invoked.timestamp");
            let (_, begun) = platform::identity(&begun).unwrap();
            let note = Note {
                begun: (begun.ino, begun.mtime),
                fingerprint: "debug/.fingerprint/a-1".into(),
                script: None,
                workspace: b"/w".to_vec(),
                program: b"rustc".to_vec(),
                args: Vec::new(),
                cwd: b"/registry/a".to_vec(),
                variables: Vec::new(),
                manifests: Digest::of(b"m"),
                result: Digest::of(b"r"),
            };
            records::append(&self.notes(), [&note.encode()[..]].into_iter()).unwrap();
        }

        fn notes(&self) -> PathBuf {
            self.dir.path().join("key/t.notes")
        }

        fn gather(&self) -> Vec<Unit> {
            gather(&self.dir.path().join("key"), &self.notes(), &self.places);
            let bytes = fs::read(self.dir.path().join("key/units")).unwrap_or_default();
            records::split(&bytes).into_iter().filter_map(Unit::decode).collect()
        }

        fn notes_left(&self) -> usize {
            records::split(&fs::read(self.notes()).unwrap()).len()
        }
    }

    #[test]
    fn a_finished_unit_becomes_a_record_and_its_note_goes() {
        let test = Test::new();
        test.finished();
        let units = test.gather();
        assert_eq!(units.len(), 1);
        assert_eq!((units[0].hash, &units[0].dependencies[..]), (1, &[3][..]));
        let expected = Reruns { variables: vec![("CC".into(), None)], files: vec!["build.rs".into()] };
        assert_eq!(units[0].reruns, expected);
        assert_eq!(units[0].files.last().unwrap().0, "lib-a");
        assert_eq!(test.notes_left(), 0);
    }

    #[test]
    fn a_script_that_declares_nothing_of_a_package_of_no_registry_is_none() {
        let of = |text: &str| reruns(vec![Local::Precalculated(text.into())]).is_some();
        assert!(of("1.0.0+x") && of("0123abc"));
        assert!(!of("1795971556.770192463s (src/lib.rs)"));
    }

    #[test]
    fn an_unfinished_unit_waits() {
        let test = Test::new();
        test.finished();
        for begin in [Some(""), None] {
            match begin {
                Some(text) => test.write("lib-a", text),
                None => test.remove("lib-a"),
            }
            assert_eq!((test.gather().len(), test.notes_left()), (0, 1));
        }
        test.write("lib-a", "0100000000000000");
        assert_eq!((test.gather().len(), test.notes_left()), (1, 0));
    }

    #[test]
    fn a_unit_that_was_begun_again_and_one_whose_record_names_the_checkout_are_none() {
        for another in [true, false] {
            let test = Test::new();
            test.finished();
            if another {
                test.remove("invoked.timestamp");
                test.write("other", "");
            }
            test.write("invoked.timestamp", "");
            assert_eq!(test.gather().len(), 0, "another file, or the same at another time");
        }
        let test = Test::new();
        test.finished();
        test.write("dep-lib-a", &format!("x{}/src/lib.rs", test.places.workspace.display()));
        assert_eq!(test.gather().len(), 0);
    }
}
