//! Results: the outputs of an action and what it printed.

use super::{Area, Store};
use crate::codec::{Reader, Writer};
use crate::digest::Digest;
use crate::events::{Confirmation, Observed};
use crate::place::RootOfPlace;
use crate::platform::disk;
use std::io;

const MAGIC: &[u8; 8] = b"kachers4";

/// One output file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The portable path.
    pub path: Vec<u8>,
    /// The digest of the blob.
    pub digest: Digest,
    /// Whether the file is executable. The umask of the restoring user decides all other permission bits.
    pub executable: bool,
    /// Whether the blob is a path template ([`crate::template`]), to be rendered for the restoring checkout.
    pub is_template: bool,
    /// For an entry of a tree of outputs: what is restored besides the contents.
    pub exact: Option<Exact>,
}

/// What is restored of an entry of a tree besides its contents. The blob of a directory is empty, and that of a link is
/// where the link leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact {
    pub node: Node,
    /// The permission bits.
    pub mode: u32,
    /// The place in the order of the times of modification. Entries of one time have one rank.
    pub rank: u32,
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    File,
    Directory,
    Link,
}

impl Exact {
    fn encode(&self) -> u64 {
        let node = match self.node {
            Node::File => 0,
            Node::Directory => 1,
            Node::Link => 2,
        };
        node | u64::from(self.mode & 0o7777) << 2 | u64::from(self.rank) << 16
    }

    fn decode(number: u64) -> Option<Exact> {
        let node = match number & 3 {
            0 => Node::File,
            1 => Node::Directory,
            2 => Node::Link,
            _ => return None,
        };
        Some(Exact { node, mode: (number >> 2 & 0o7777) as u32, rank: (number >> 16).try_into().ok()? })
    }
}

/// Everything that a hit restores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionResult {
    pub outputs: Vec<Output>,
    /// Standard output, as a path template.
    pub stdout: Vec<u8>,
    /// Standard error, as a path template.
    pub stderr: Vec<u8>,
    /// The unit's label, for people.
    pub label: String,
    /// How long the command ran, in µs.
    pub compile_us: u64,
    /// How the dependencies were found.
    pub observed: Observed,
    /// Whether the result was fetched from the remote.
    pub fetched: bool,
    /// Nothing but a mark: the command is right only with paths as they are, and its results are found under the key that
    /// it has then.
    pub literal: bool,
    /// Where the result of a foreign command holds.
    pub confirmation: Option<Confirmation>,
    /// Where a foreign command made it, as long as no other place has confirmed it.
    pub place: Vec<RootOfPlace>,
    /// The exit status: zero, or one with which the command has done what it was asked for. No failed action is stored.
    pub status: i32,
}

fn encode_confirmation(confirmation: Option<Confirmation>) -> u64 {
    match confirmation {
        None => 0,
        Some(Confirmation::Portable) => 1,
        Some(Confirmation::Confirmed) => 2,
        Some(Confirmation::Unconfirmed) => 3,
        Some(Confirmation::Literal) => 4,
    }
}

/// `None` for a number that is not known.
fn decode_confirmation(number: u64) -> Option<Option<Confirmation>> {
    match number {
        0 => Some(None),
        _ => Confirmation::ALL.get(number as usize - 1).copied().map(Some),
    }
}

impl ActionResult {
    pub fn encode(&self, key: &Digest) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(key);
        w.num(self.outputs.len() as u64);
        for o in &self.outputs {
            w.bytes(&o.path);
            w.digest(&o.digest);
            w.num(
                u64::from(o.executable) | u64::from(o.is_template) << 1 | u64::from(o.exact.is_some()) << 2,
            );
            if let Some(exact) = &o.exact {
                w.num(exact.encode());
            }
        }
        w.bytes(&self.stdout);
        w.bytes(&self.stderr);
        w.bytes(self.label.as_bytes());
        w.num(self.compile_us);
        w.num(
            u64::from(self.observed == Observed::Preload)
                | u64::from(self.fetched) << 1
                | u64::from(self.literal) << 2
                | encode_confirmation(self.confirmation) << 3
                | (self.status as u64 & 0xff) << 6,
        );
        w.num(self.place.len() as u64);
        for root in &self.place {
            w.bytes(root.name.as_bytes());
            w.digest(&root.path);
            w.num(root.length);
            w.digest(&root.last);
            w.num(root.components.len() as u64);
            root.components.iter().for_each(|component| w.digest(component));
            w.digest(&root.within);
            w.bytes(&root.characters);
        }
        w.finish()
    }

    /// Decodes a result; `None` unless the bytes are a complete result of this key.
    pub fn decode(bytes: &[u8], key: &Digest) -> Option<ActionResult> {
        let mut r = Reader::open(bytes, MAGIC)?;
        if r.digest()? != *key {
            return None;
        }
        let mut outputs = Vec::new();
        for _ in 0..r.count()? {
            let path = r.bytes()?.to_vec();
            let digest = r.digest()?;
            let flags = r.num()?;
            let exact = if flags & 4 != 0 { Some(Exact::decode(r.num()?)?) } else { None };
            let (executable, is_template) = (flags & 1 != 0, flags & 2 != 0);
            outputs.push(Output { path, digest, executable, is_template, exact });
        }
        let (stdout, stderr) = (r.bytes()?.to_vec(), r.bytes()?.to_vec());
        let (label, compile_us, flags) = (r.text()?, r.num()?, r.num()?);
        let observed = if flags & 1 != 0 { Observed::Preload } else { Observed::Unobserved };
        let (fetched, literal) = (flags & 2 != 0, flags & 4 != 0);
        let (confirmation, status) = (decode_confirmation(flags >> 3 & 7)?, (flags >> 6) as i32);
        let mut place = Vec::new();
        for _ in 0..r.count()? {
            place.push(RootOfPlace {
                name: r.text()?,
                path: r.digest()?,
                length: r.num()?,
                last: r.digest()?,
                components: (0..r.count()?).map(|_| r.digest()).collect::<Option<_>>()?,
                within: r.digest()?,
                characters: r.bytes()?.to_vec(),
            });
        }
        let result = ActionResult {
            outputs,
            stdout,
            stderr,
            label,
            compile_us,
            observed,
            fetched,
            literal,
            confirmation,
            place,
            status,
        };
        r.at_end().then_some(result)
    }

    /// Reads a result; `None` if it is missing or damaged.
    pub fn load(store: &Store, key: &Digest) -> Option<ActionResult> {
        let path = store.path(Area::Results, key);
        let bytes = disk::step("result: read", &path, || std::fs::read(&path)).ok()?;
        ActionResult::decode(&bytes, key)
    }

    /// Writes the result. Its blobs must be in the store already.
    pub fn save(&self, store: &Store, key: &Digest) -> io::Result<()> {
        store.publish(&store.path(Area::Results, key), &self.encode(key))
    }
}
