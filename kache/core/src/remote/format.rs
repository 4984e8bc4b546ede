//! What lies in the remote, and under which names.
//!
//! ```text
//! <prefix>/v1/dependencies/ab/<action>    which things compiles of an action looked at: lists of names, each signed by itself
//!             lists/ab/<action>/…  each of those lists once more, under its digest
//!             packs/cd/<state>     what a compile made that looked at a list and saw just that: result and blobs
//!             orders/ef/<place>    what a build of a project used, in order: a hint for fetching ahead
//! ```
//!
//! A *state* is the digest of an action, a list of dependencies and their digests. A reader evaluates the same names and
//! knows which pack it wants. So an action has few lists, however many states its sources were in, and the
//! number of round trips does not grow with history. (Sets of dependencies, as the local manifest has them, would have to be fetched
//! one by one, or listed, which Redis and GitHub's cache cannot do.)
//!
//! Packs are immutable: what may stand under a state's name says so itself, and whoever writes it second writes the same. So is
//! a list under its digest. The object with all lists of an action is the one thing that changes: an index, that spares a
//! reader one round trip. A writer puts its list under its digest, reads the index, adds its own in front, and writes it. Of two that
//! do so at once one is overwritten: whoever finds nothing by the index asks which lists there are, and one that may write
//! puts back what is missing.
//!
//! Nothing is believed for its name. Every object is sealed with a digest and says which key it belongs to; a pack says
//! the digest and the length of each blob, and a signature covers all of that. Lengths are bounded before anything is unpacked.

use crate::codec::{Reader, Writer};
use crate::dependency::{Dependency, RecordedDependency};
use crate::digest::Digest;
use crate::platform;
use crate::store::result::ActionResult;
use std::fmt;

/// The version of all that is below; another version has a folder of its own.
pub const VERSION: &str = "v1";
const LOOKS: &[u8; 8] = b"kacherl1";
const HEADER: &[u8; 8] = b"kacheph1";
const ORDER: &[u8; 8] = b"kachero1";
/// With what a pack begins.
pub const PACK: &[u8; 8] = b"kachepk1";

/// Lists kept under one action, newest first.
pub const LISTS: usize = 16;
/// The most that the lists of an action, a pack's header or an order may take, packed and unpacked.
pub const SMALL: usize = 64 << 20;
/// The most that a pack's blobs may take unpacked: 4 GiB.
pub const LARGE: u64 = 4 << 30;

/// Why something is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses for a reason.
pub fn refuse<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

fn name(part: &str, key: &Digest) -> String {
    let hex = key.hex();
    format!("{VERSION}/{part}/{}/{hex}", &hex[..2])
}

/// Where the lists of an action are.
pub fn looks_name(action: &Digest) -> String {
    name("dependencies", action)
}

/// Below which all lists of an action are.
pub fn lists_folder(action: &Digest) -> String {
    name("lists", action) + "/"
}

/// Where one list of an action is, as [`encode_lists`] makes it of that one alone.
pub fn list_name(action: &Digest, one: &Signed) -> String {
    lists_folder(action) + &Digest::of(&encode_lists(action, std::slice::from_ref(one))).hex()
}

/// Where the pack of a state is.
pub fn pack_name(state: &Digest) -> String {
    name("packs", state)
}

/// Where the order of a project's builds is.
pub fn order_name(place: &Digest) -> String {
    name("orders", place)
}

/// The key of a state: an action, and what was seen at each look of a list.
pub fn state_key<'a>(action: &Digest, seen: impl Iterator<Item = (&'a Dependency, &'a Digest)>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"kache state 1\0").update(&action.0);
    for (look, digest) in seen {
        hasher.update(&[look.kind as u8]).update(&(look.name.len() as u64).to_le_bytes());
        hasher.update(&look.name).update(&digest.0);
    }
    Digest(*hasher.finalize().as_bytes())
}

/// The state that a set of dependencies is.
pub fn state_of(action: &Digest, set: &[RecordedDependency]) -> Digest {
    state_key(action, set.iter().map(|o| (&o.dependency, &o.digest)))
}

/// A list of dependencies, as bytes: what a signature is made over.
pub fn encode_looks<'a>(dependencies: impl ExactSizeIterator<Item = &'a Dependency>) -> Vec<u8> {
    let mut w = Writer::default();
    w.num(dependencies.len() as u64);
    dependencies.for_each(|look| look.write(&mut w));
    w.finish()
}

/// A list of dependencies, from bytes.
pub fn decode_looks(bytes: &[u8]) -> Option<Vec<Dependency>> {
    let mut r = Reader::open_plain(bytes)?;
    let n = r.count()?;
    let dependencies = (0..n).map(|_| Dependency::read(&mut r)).collect::<Option<_>>()?;
    r.at_end().then_some(dependencies)
}

/// A list of an action, with the signature that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// [`encode_looks`].
    pub list: Vec<u8>,
    /// Empty where it is not signed.
    pub signature: Vec<u8>,
}

/// All lists of an action, as bytes (not packed).
pub fn encode_lists(action: &Digest, lists: &[Signed]) -> Vec<u8> {
    let mut w = Writer::new(LOOKS);
    w.digest(action);
    w.num(lists.len() as u64);
    for one in lists {
        w.bytes(&one.list);
        w.bytes(&one.signature);
    }
    w.finish()
}

/// The lists of an action. Signatures are the caller's to check.
pub fn decode_lists(bytes: &[u8], action: &Digest) -> Result<Vec<Signed>, Refused> {
    let read = || {
        let mut r = Reader::open(bytes, LOOKS)?;
        let whose = r.digest()?;
        let n = r.count()?;
        let one = |r: &mut Reader| Some(Signed { list: r.bytes()?.to_vec(), signature: r.bytes()?.to_vec() });
        let lists = (0..n).map(|_| one(&mut r)).collect::<Option<Vec<_>>>()?;
        r.at_end().then_some((whose, lists))
    };
    match read() {
        None => refuse("it is torn, or not what kache writes"),
        Some((whose, _)) if whose != *action => refuse("it belongs to another action"),
        Some((_, lists)) => Ok(lists),
    }
}

/// What a pack says before its blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What was asked.
    pub action: Digest,
    /// What was seen.
    pub set: Vec<RecordedDependency>,
    /// The key of the result.
    pub key: Digest,
    /// The result.
    pub result: ActionResult,
    /// The blobs that follow, each once, with their lengths in bytes.
    pub blobs: Vec<(Digest, u64)>,
}

impl Header {
    /// As bytes (not packed).
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(HEADER);
        w.digest(&self.action);
        w.num(self.set.len() as u64);
        self.set.iter().for_each(|o| o.write(&mut w));
        w.digest(&self.key);
        w.bytes(&self.result.encode(&self.key));
        w.num(self.blobs.len() as u64);
        for (digest, size) in &self.blobs {
            w.digest(digest);
            w.num(*size);
        }
        w.finish()
    }

    /// From bytes, if it is what may stand under a state's name.
    pub fn decode(bytes: &[u8], state: &Digest) -> Result<Header, Refused> {
        let Some(header) = Header::read(bytes) else { return refuse("it is torn, or not what kache writes") };
        if state_of(&header.action, &header.set) != *state {
            return refuse("it belongs to another state");
        }
        let total = header.blobs.iter().try_fold(0u64, |sum, (_, size)| sum.checked_add(*size));
        if total.is_none_or(|total| total > LARGE) {
            return refuse("it would unpack to more than 4 GiB");
        }
        for output in &header.result.outputs {
            if output.path.is_empty() || output.path.contains(&0) || climbs(&output.path) {
                return refuse("an output's path leads out of its place");
            }
            if !header.blobs.iter().any(|(digest, _)| *digest == output.digest) {
                return refuse("a blob that it names is not in it");
            }
        }
        Ok(header)
    }

    /// From bytes, whatever name they were found under.
    pub fn read(bytes: &[u8]) -> Option<Header> {
        let mut r = Reader::open(bytes, HEADER)?;
        let action = r.digest()?;
        let n = r.count()?;
        let set = (0..n).map(|_| RecordedDependency::read(&mut r)).collect::<Option<_>>()?;
        let key = r.digest()?;
        let result = ActionResult::decode(r.bytes()?, &key)?;
        let n = r.count()?;
        let blobs = (0..n).map(|_| Some((r.digest()?, r.num()?))).collect::<Option<_>>()?;
        r.at_end().then_some(Header { action, set, key, result, blobs })
    }

    /// Bytes of all blobs.
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|(_, size)| size).sum()
    }
}

fn climbs(path: &[u8]) -> bool {
    std::path::Path::new(platform::os_str(path)).components().any(|c| c == std::path::Component::ParentDir)
}

/// One unit that a build used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Used {
    /// What was asked.
    pub action: Digest,
    /// Under which state it lies.
    pub state: Digest,
    /// The result's key: whether it is here already.
    pub result: Digest,
}

/// Builds kept in one order, newest first: `check` and `build`, debug and release are builds of their own.
pub const CHAPTERS: usize = 12;
/// Units kept of one build.
pub const UNITS: usize = 8192;

/// What the builds of a project used. It is a hint: what it names is verified like anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Each a build's units, in the order in which they were wanted.
    pub chapters: Vec<Vec<Used>>,
}

impl Order {
    /// As bytes (not packed).
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(ORDER);
        w.num(self.chapters.len() as u64);
        for chapter in &self.chapters {
            w.num(chapter.len() as u64);
            for used in chapter {
                [used.action, used.state, used.result].iter().for_each(|d| w.digest(d));
            }
        }
        w.finish()
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Option<Order> {
        let mut r = Reader::open(bytes, ORDER)?;
        let mut chapters = Vec::new();
        for _ in 0..r.count()? {
            let n = r.count()?;
            let used =
                |r: &mut Reader| Some(Used { action: r.digest()?, state: r.digest()?, result: r.digest()? });
            chapters.push((0..n).map(|_| used(&mut r)).collect::<Option<_>>()?);
        }
        r.at_end().then_some(Order { chapters })
    }

    /// Takes in what a build used: into the chapter that shares most actions with it, where there the newer state counts; else as
    /// a chapter of its own.
    pub fn take_in(&mut self, build: &[Used]) {
        let shared = |chapter: &Vec<Used>| {
            build.iter().filter(|u| chapter.iter().any(|known| known.action == u.action)).count()
        };
        let best = (0..self.chapters.len()).max_by_key(|i| shared(&self.chapters[*i]));
        let best = best.filter(|i| shared(&self.chapters[*i]) > 0);
        let mut chapter = best.map(|i| self.chapters.remove(i)).unwrap_or_default();
        for used in build {
            match chapter.iter_mut().find(|known| known.action == used.action) {
                Some(known) => *known = *used,
                None => chapter.push(*used),
            }
        }
        chapter.truncate(UNITS);
        self.chapters.insert(0, chapter);
        self.chapters.truncate(CHAPTERS);
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
            }],
            stdout: Vec::new(),
            stderr: Vec::new(),
            label: "l".into(),
            compile_us: 1,
            observed: Observed::Preload,
            fetched: false,
        };
        let set = vec![RecordedDependency {
            dependency: Dependency::new(Kind::File, "<workspace>/l.rs"),
            digest: digest("source"),
        }];
        Header { action: digest("action"), set, key: digest("key"), result, blobs: vec![(digest("blob"), 4)] }
    }

    #[test]
    fn a_header_is_read_under_its_own_name_alone() {
        let header = header("<target>/l.lib");
        let state = state_of(&header.action, &header.set);
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes, &state), Ok(header));
        assert!(Header::decode(&bytes, &digest("another")).is_err());
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(Header::decode(&bad, &state).is_err(), "byte {at}");
            assert!(Header::decode(&bytes[..at], &state).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_leads_out_bursts_or_is_missing_is_refused() {
        let why = |header: Header| {
            let state = state_of(&header.action, &header.set);
            Header::decode(&header.encode(), &state).unwrap_err().0
        };
        assert!(why(header("<target>/../../etc/passwd")).contains("out of its place"));
        assert!(why(header("")).contains("out of its place"));
        let mut bomb = header("<target>/l");
        bomb.blobs[0].1 = LARGE + 1;
        assert!(why(bomb).contains("4 GiB"));
        let mut wraps = header("<target>/l");
        wraps.blobs.push((digest("another"), u64::MAX));
        assert!(why(wraps).contains("4 GiB"));
        let mut poor = header("<target>/l");
        poor.blobs.clear();
        assert!(why(poor).contains("not in it"));
    }

    #[test]
    fn an_order_learns_and_keeps_builds_apart() {
        let used = |action: &str, state: &str| Used {
            action: digest(action),
            state: digest(state),
            result: digest(state),
        };
        let mut order = Order::default();
        order.take_in(&[used("a", "1"), used("b", "1")]);
        order.take_in(&[used("check a", "1")]);
        order.take_in(&[used("b", "2"), used("c", "2")]);
        assert_eq!(
            order.chapters,
            [vec![used("a", "1"), used("b", "2"), used("c", "2")], vec![used("check a", "1")]]
        );
        assert_eq!(Order::decode(&order.encode()), Some(order));
    }

    #[test]
    fn lists_are_read_under_their_own_action_alone() {
        let dependencies = [Dependency::new(Kind::Env, "CC"), Dependency::new(Kind::Path, "<workspace>/x")];
        let list = encode_looks(dependencies.iter());
        assert_eq!(decode_looks(&list).as_deref(), Some(&dependencies[..]));
        let lists = vec![Signed { list, signature: vec![1, 2] }];
        let bytes = encode_lists(&digest("a"), &lists);
        assert_eq!(decode_lists(&bytes, &digest("a")), Ok(lists));
        assert!(decode_lists(&bytes, &digest("b")).is_err());
        assert!(decode_lists(&bytes[1..], &digest("a")).is_err());
    }
}
