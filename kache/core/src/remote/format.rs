//! The objects of the remote: names, keys and encodings.
//!
//! ```text
//! <prefix>/v2/index/ab/<action>    the lists of dependencies that runs of an action had; each list is signed separately
//!             lists/ab/<action>/…  each of those lists once more, under its digest
//!             packs/cd/<key>       by input key: what a run produced, result and blobs
//!             builds/ef/<project>  the units that builds of a project used, in order: a hint for prefetching
//! ```
//!
//! An *input key* is the digest of an action, a list of dependencies and the digest of each dependency. A reader evaluates
//! the dependencies of a list on its own machine, and so knows the name of the pack. An action has few lists, however often its
//! sources change, so the number of round trips does not grow with history. (Sets of recorded dependencies, as in the local
//! manifest, would have to be fetched one by one, or listed, which Redis and GitHub's cache cannot do.)
//!
//! Packs are immutable: a pack contains the inputs of its key, and all writers of a key write equivalent packs. Lists
//! under their digests are immutable, too. The index of an action is the only object that changes; it saves readers
//! one round trip. A writer stores its list under the list's digest, reads the index, prepends its list, and writes the index. If two
//! writers do this at once, the index loses one list: a reader that finds nothing through the index lists the
//! folder, and a reader with write access adds the missing lists to the index.
//!
//! Names prove nothing. Every object is sealed with a digest and contains the key it belongs to; a pack contains
//! the digest and the length of each blob, and a signature covers all of that. Lengths are checked before anything is
//! decompressed.

use crate::codec::{Reader, Writer};
use crate::dependency::{Dependency, RecordedDependency};
use crate::digest::Digest;
use crate::platform;
use crate::store::result::ActionResult;
use std::fmt;

/// The version of this module's formats, and the remote's folder for it.
pub const VERSION: &str = "v2";
/// An object that the agent queries to test whether the remote responds. The object does not have to exist.
pub const PROBE: &str = "v2/probe";
const LISTS_MAGIC: &[u8; 8] = b"kacherl1";
const HEADER_MAGIC: &[u8; 8] = b"kacheph1";
const BUILDS_MAGIC: &[u8; 8] = b"kachero1";
/// The first bytes of a pack.
pub const PACK_MAGIC: &[u8; 8] = b"kachepk1";

/// The maximum number of lists in an index; the newest are kept.
pub const MAX_LISTS: usize = 16;
/// The maximum size of an index, a pack's header or a build manifest, compressed and decompressed.
pub const MAX_METADATA: usize = 64 << 20;
/// The maximum size of a pack's blobs, decompressed: 4 GiB.
pub const MAX_BLOBS: u64 = 4 << 30;

/// Why an object of the remote is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidObject(pub String);

impl fmt::Display for InvalidObject {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidObject {}

pub fn invalid<T>(why: impl Into<String>) -> Result<T, InvalidObject> {
    Err(InvalidObject(why.into()))
}

fn name(part: &str, key: &Digest) -> String {
    let hex = key.hex();
    format!("{VERSION}/{part}/{}/{hex}", &hex[..2])
}

/// The name of an action's index.
pub fn index_name(action: &Digest) -> String {
    name("index", action)
}

/// The folder of an action's lists.
pub fn lists_folder(action: &Digest) -> String {
    name("lists", action) + "/"
}

/// The name of a list, stored by itself as [`encode_index`] encodes it.
pub fn list_name(action: &Digest, list: &SignedList) -> String {
    lists_folder(action) + &Digest::of(&encode_index(action, std::slice::from_ref(list))).hex()
}

/// The folder of all packs.
pub fn packs_folder() -> String {
    format!("{VERSION}/packs/")
}

pub fn pack_name(input_key: &Digest) -> String {
    name("packs", input_key)
}

/// The name of the manifest of a project's builds.
pub fn build_manifest_name(project: &Digest) -> String {
    name("builds", project)
}

/// The digest of an action and of dependencies with their digests.
pub fn input_key<'a>(
    action: &Digest,
    dependencies: impl Iterator<Item = (&'a Dependency, &'a Digest)>,
) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"kache state 1\0").update(&action.0);
    for (dependency, digest) in dependencies {
        hasher.update(&[dependency.kind as u8]).update(&(dependency.name.len() as u64).to_le_bytes());
        hasher.update(&dependency.name).update(&digest.0);
    }
    Digest(*hasher.finalize().as_bytes())
}

/// The input key of a set of recorded dependencies.
pub fn recorded_input_key(action: &Digest, set: &[RecordedDependency]) -> Digest {
    input_key(action, set.iter().map(|recorded| (&recorded.dependency, &recorded.digest)))
}

/// Encodes a list of dependencies: the bytes that are signed.
pub fn encode_list<'a>(dependencies: impl ExactSizeIterator<Item = &'a Dependency>) -> Vec<u8> {
    let mut w = Writer::default();
    w.num(dependencies.len() as u64);
    dependencies.for_each(|dependency| dependency.write(&mut w));
    w.finish()
}

pub fn decode_list(bytes: &[u8]) -> Option<Vec<Dependency>> {
    let mut r = Reader::open_plain(bytes)?;
    let n = r.count()?;
    let dependencies = (0..n).map(|_| Dependency::read(&mut r)).collect::<Option<_>>()?;
    r.at_end().then_some(dependencies)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedList {
    /// Encoded by [`encode_list`].
    pub list: Vec<u8>,
    /// Empty if the list is not signed.
    pub signature: Vec<u8>,
}

/// Encodes the index of an action (not compressed).
pub fn encode_index(action: &Digest, lists: &[SignedList]) -> Vec<u8> {
    let mut w = Writer::new(LISTS_MAGIC);
    w.digest(action);
    w.num(lists.len() as u64);
    for one in lists {
        w.bytes(&one.list);
        w.bytes(&one.signature);
    }
    w.finish()
}

/// Decodes the index of an action. Does not check the signatures.
pub fn decode_index(bytes: &[u8], action: &Digest) -> Result<Vec<SignedList>, InvalidObject> {
    let read = || {
        let mut r = Reader::open(bytes, LISTS_MAGIC)?;
        let owner = r.digest()?;
        let n = r.count()?;
        let one =
            |r: &mut Reader| Some(SignedList { list: r.bytes()?.to_vec(), signature: r.bytes()?.to_vec() });
        let lists = (0..n).map(|_| one(&mut r)).collect::<Option<Vec<_>>>()?;
        r.at_end().then_some((owner, lists))
    };
    match read() {
        None => invalid("truncated, or written by another program"),
        Some((owner, _)) if owner != *action => invalid("it belongs to another action"),
        Some((_, lists)) => Ok(lists),
    }
}

/// The header of a pack, before its blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub action: Digest,
    pub set: Vec<RecordedDependency>,
    /// The key of the result.
    pub key: Digest,
    pub result: ActionResult,
    /// The blobs that follow, each once, with their lengths in bytes.
    pub blobs: Vec<(Digest, u64)>,
}

impl Header {
    /// Encodes the header (not compressed).
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(HEADER_MAGIC);
        w.digest(&self.action);
        w.num(self.set.len() as u64);
        self.set.iter().for_each(|recorded| recorded.write(&mut w));
        w.digest(&self.key);
        w.bytes(&self.result.encode(&self.key));
        w.num(self.blobs.len() as u64);
        for (digest, size) in &self.blobs {
            w.digest(digest);
            w.num(*size);
        }
        w.finish()
    }

    /// Decodes and validates the header of the pack of an input key.
    pub fn decode(bytes: &[u8], key: &Digest) -> Result<Header, InvalidObject> {
        let Some(header) = Header::read(bytes) else {
            return invalid("truncated, or written by another program");
        };
        if recorded_input_key(&header.action, &header.set) != *key {
            return invalid("it belongs to another input key");
        }
        let total = header.blobs.iter().try_fold(0u64, |sum, (_, size)| sum.checked_add(*size));
        if total.is_none_or(|total| total > MAX_BLOBS) {
            return invalid("it would decompress to more than 4 GiB");
        }
        for output in &header.result.outputs {
            if output.path.is_empty() || output.path.contains(&0) || has_parent_dir(&output.path) {
                return invalid("the path of an output leaves its directory");
            }
            if !header.blobs.iter().any(|(digest, _)| *digest == output.digest) {
                return invalid("it does not contain the blob of an output");
            }
        }
        Ok(header)
    }

    /// Decodes a header without validating it.
    pub fn read(bytes: &[u8]) -> Option<Header> {
        let mut r = Reader::open(bytes, HEADER_MAGIC)?;
        let action = r.digest()?;
        let n = r.count()?;
        let set = (0..n).map(|_| RecordedDependency::read(&mut r)).collect::<Option<_>>()?;
        let key = r.digest()?;
        let result = ActionResult::decode(r.bytes()?, &key)?;
        let n = r.count()?;
        let blobs = (0..n).map(|_| Some((r.digest()?, r.num()?))).collect::<Option<_>>()?;
        r.at_end().then_some(Header { action, set, key, result, blobs })
    }

    /// The size of all blobs, in bytes.
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|(_, size)| size).sum()
    }
}

fn has_parent_dir(path: &[u8]) -> bool {
    std::path::Path::new(platform::os_str(path)).components().any(|c| c == std::path::Component::ParentDir)
}

/// A unit that a build used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildUnit {
    pub action: Digest,
    pub input_key: Digest,
    /// The key of the result, which tells whether the local store has it.
    pub result: Digest,
}

/// The maximum number of builds in a manifest, newest first: `check` and `build`, debug and release are separate builds.
pub const MAX_BUILDS: usize = 12;
/// The maximum number of units in a build.
pub const MAX_UNITS: usize = 8192;

/// The units that the builds of a project used. A hint: each object that it names is verified like any other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildManifest {
    /// The units of each build, in the order of their first use.
    pub builds: Vec<Vec<BuildUnit>>,
}

impl BuildManifest {
    /// Encodes the manifest (not compressed).
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(BUILDS_MAGIC);
        w.num(self.builds.len() as u64);
        for build in &self.builds {
            w.num(build.len() as u64);
            for unit in build {
                [unit.action, unit.input_key, unit.result].iter().for_each(|d| w.digest(d));
            }
        }
        w.finish()
    }

    pub fn decode(bytes: &[u8]) -> Option<BuildManifest> {
        let mut r = Reader::open(bytes, BUILDS_MAGIC)?;
        let mut builds = Vec::new();
        for _ in 0..r.count()? {
            let n = r.count()?;
            let unit = |r: &mut Reader| {
                Some(BuildUnit { action: r.digest()?, input_key: r.digest()?, result: r.digest()? })
            };
            builds.push((0..n).map(|_| unit(&mut r)).collect::<Option<_>>()?);
        }
        r.at_end().then_some(BuildManifest { builds })
    }

    /// Merges the units of a build into the recorded build that shares most actions with it, and replaces outdated units
    /// there. If no recorded build shares an action, adds a new one.
    pub fn merge_build(&mut self, units: &[BuildUnit]) {
        let shared = |build: &Vec<BuildUnit>| {
            units.iter().filter(|unit| build.iter().any(|known| known.action == unit.action)).count()
        };
        let best = (0..self.builds.len()).max_by_key(|i| shared(&self.builds[*i]));
        let best = best.filter(|i| shared(&self.builds[*i]) > 0);
        let mut build = best.map(|i| self.builds.remove(i)).unwrap_or_default();
        for unit in units {
            match build.iter_mut().find(|known| known.action == unit.action) {
                Some(known) => *known = *unit,
                None => build.push(*unit),
            }
        }
        build.truncate(MAX_UNITS);
        self.builds.insert(0, build);
        self.builds.truncate(MAX_BUILDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependency::Kind;
    use crate::events::Observed;
    use crate::store::result::Output;

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn header(path: &str) -> Header {
        let result = ActionResult {
            outputs: vec![Output {
                path: path.into(),
                digest: digest("blob"),
                executable: false,
                is_template: false,
                exact: None,
            }],
            stdout: Vec::new(),
            stderr: Vec::new(),
            label: "l".into(),
            compile_us: 1,
            observed: Observed::Preload,
            fetched: false,
            literal: false,
            confirmation: None,
            place: Vec::new(),
            status: 0,
        };
        let set = vec![RecordedDependency {
            dependency: Dependency::new(Kind::File, "<workspace>/l.rs"),
            digest: digest("source"),
        }];
        Header { action: digest("action"), set, key: digest("key"), result, blobs: vec![(digest("blob"), 4)] }
    }

    #[test]
    fn a_header_is_valid_only_under_its_own_input_key() {
        let header = header("<target>/l.lib");
        let key = recorded_input_key(&header.action, &header.set);
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes, &key), Ok(header));
        assert!(Header::decode(&bytes, &digest("another")).is_err());
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(Header::decode(&bad, &key).is_err(), "byte {at}");
            assert!(Header::decode(&bytes[..at], &key).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn unsafe_paths_oversized_and_missing_blobs_are_invalid() {
        let why = |header: Header| {
            let key = recorded_input_key(&header.action, &header.set);
            Header::decode(&header.encode(), &key).unwrap_err().0
        };
        assert!(why(header("<target>/../../etc/passwd")).contains("leaves its directory"));
        assert!(why(header("")).contains("leaves its directory"));
        let mut bomb = header("<target>/l");
        bomb.blobs[0].1 = MAX_BLOBS + 1;
        assert!(why(bomb).contains("4 GiB"));
        let mut wraps = header("<target>/l");
        wraps.blobs.push((digest("another"), u64::MAX));
        assert!(why(wraps).contains("4 GiB"));
        let mut poor = header("<target>/l");
        poor.blobs.clear();
        assert!(why(poor).contains("does not contain the blob"));
    }

    #[test]
    fn builds_are_merged_by_shared_actions() {
        let unit = |action: &str, inputs: &str| BuildUnit {
            action: digest(action),
            input_key: digest(inputs),
            result: digest(inputs),
        };
        let mut manifest = BuildManifest::default();
        manifest.merge_build(&[unit("a", "1"), unit("b", "1")]);
        manifest.merge_build(&[unit("check a", "1")]);
        manifest.merge_build(&[unit("b", "2"), unit("c", "2")]);
        assert_eq!(
            manifest.builds,
            [vec![unit("a", "1"), unit("b", "2"), unit("c", "2")], vec![unit("check a", "1")]]
        );
        assert_eq!(BuildManifest::decode(&manifest.encode()), Some(manifest));
    }

    #[test]
    fn an_index_is_valid_only_for_its_own_action() {
        let dependencies = [Dependency::new(Kind::Env, "CC"), Dependency::new(Kind::Path, "<workspace>/x")];
        let list = encode_list(dependencies.iter());
        assert_eq!(decode_list(&list).as_deref(), Some(&dependencies[..]));
        let lists = vec![SignedList { list, signature: vec![1, 2] }];
        let bytes = encode_index(&digest("a"), &lists);
        assert_eq!(decode_index(&bytes, &digest("a")), Ok(lists));
        assert!(decode_index(&bytes, &digest("b")).is_err());
        assert!(decode_index(&bytes[1..], &digest("a")).is_err());
    }
}
