//! Results: the outputs of an action and what it printed.

use super::{Area, Store};
use crate::codec::{Reader, Writer};
use crate::digest::Digest;
use crate::events::Observed;
use crate::platform::disk;
use std::io;

const MAGIC: &[u8; 8] = b"kachers2";

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
}

/// Everything that a hit restores. The exit status is always 0: the store does not hold failed actions.
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
}

impl ActionResult {
    pub fn encode(&self, key: &Digest) -> Vec<u8> {
        let mut w = Writer::new(MAGIC);
        w.digest(key);
        w.num(self.outputs.len() as u64);
        for o in &self.outputs {
            w.bytes(&o.path);
            w.digest(&o.digest);
            w.num(u64::from(o.executable) | u64::from(o.is_template) << 1);
        }
        w.bytes(&self.stdout);
        w.bytes(&self.stderr);
        w.bytes(self.label.as_bytes());
        w.num(self.compile_us);
        w.num(
            u64::from(self.observed == Observed::Preload)
                | u64::from(self.fetched) << 1
                | u64::from(self.literal) << 2,
        );
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
            outputs.push(Output { path, digest, executable: flags & 1 != 0, is_template: flags & 2 != 0 });
        }
        let (stdout, stderr) = (r.bytes()?.to_vec(), r.bytes()?.to_vec());
        let (label, compile_us, flags) = (r.text()?, r.num()?, r.num()?);
        let observed = if flags & 1 != 0 { Observed::Preload } else { Observed::Unobserved };
        let (fetched, literal) = (flags & 2 != 0, flags & 4 != 0);
        let result = ActionResult { outputs, stdout, stderr, label, compile_us, observed, fetched, literal };
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
