//! A stored result that holds here and now, opened to be compared.

use crate::dependency::RecordedDependency;
use crate::digest::Digest;
use crate::store::Store;
use crate::store::differences::Version;
use crate::store::manifest::Entry;
use crate::store::result::ActionResult;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

/// A result that could be restored here and now.
pub(super) struct Hit {
    pub(super) key: Digest,
    pub(super) dependencies: Vec<RecordedDependency>,
    result: ActionResult,
    /// The outputs' bytes, in order.
    blobs: Vec<File>,
}

impl Hit {
    /// `None` where a part of the result is missing.
    pub(super) fn open(store: &Store, entry: &Entry, result: &ActionResult) -> Option<Hit> {
        let blobs = result.outputs.iter().map(|o| store.open_blob(&o.digest).ok()?).collect::<Option<_>>()?;
        Some(Hit {
            key: entry.result,
            dependencies: entry.dependencies.clone(),
            result: result.clone(),
            blobs,
        })
    }

    /// The exit status that would be replayed.
    pub(super) fn status(&self) -> i32 {
        self.result.status
    }

    /// Everything that would be restored, by name.
    pub(super) fn versions(mut self) -> io::Result<BTreeMap<String, Version>> {
        let mut all = BTreeMap::new();
        for (output, blob) in self.result.outputs.iter().zip(&mut self.blobs) {
            let mut bytes = Vec::new();
            blob.read_to_end(&mut bytes)?;
            all.insert(name(&output.path), Version::of(bytes, output.executable));
        }
        all.insert("stdout".to_string(), Version::of(self.result.stdout, false));
        all.insert("stderr".to_string(), Version::of(self.result.stderr, false));
        Ok(all)
    }
}

/// The name of an output in comparisons.
pub(super) fn name(portable: &[u8]) -> String {
    String::from_utf8_lossy(portable).into_owned()
}
