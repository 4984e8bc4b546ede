//! The layout of the store: the directories below `<cache>/v1` and the paths of the files in them.
//!
//! [`Area`] is the only place that knows the directory names. Readers without an open store (reports, the harness) use
//! [`Area::in_cache`]; the store itself uses [`Area::below`] and [`Area::file`].

use crate::digest::Digest;
use std::path::{Path, PathBuf};

/// The version of the layout. Another version lives in a directory beside this one. A test sets the name at build time to
/// have two versions at once.
pub const FORMAT: &str = match option_env!("KACHE_STORE_FORMAT") {
    Some(format) => format,
    None => "v1",
};

/// A directory of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Manifests by action key.
    Manifests,
    /// Results by result key.
    Results,
    /// Output files by the digest of their contents.
    Blobs,
    /// Key traces by result key.
    Traces,
    /// Files before their rename.
    Temporary,
    /// Locks of actions and of the collection.
    Locks,
    /// Events, one file a day.
    Events,
    /// The observer's shared object.
    Observer,
    /// Identities of toolchains and programs.
    Toolchains,
    /// Differences that a check found.
    Differences,
    /// Sockets, locks and queues of agents.
    Agent,
    /// Remote objects that were refused, for people to look at.
    Quarantine,
    /// Keys of results that a check found wrong; they are not fetched again.
    Blocklist,
    /// What builds asked for, so that the next one finds it restored.
    Seeds,
    /// The builds that run, by their processes.
    Builds,
    /// What commands left for later runs of themselves, by action key.
    States,
}

impl Area {
    pub const ALL: &[Area] = &[
        Area::Manifests,
        Area::Results,
        Area::Blobs,
        Area::Traces,
        Area::Temporary,
        Area::Locks,
        Area::Events,
        Area::Observer,
        Area::Toolchains,
        Area::Differences,
        Area::Agent,
        Area::Quarantine,
        Area::Blocklist,
        Area::Seeds,
        Area::Builds,
        Area::States,
    ];

    /// The areas whose directories a new store gets. The others are made by their first file.
    pub const INITIAL: &[Area] = &[
        Area::Manifests,
        Area::Results,
        Area::Blobs,
        Area::Traces,
        Area::Temporary,
        Area::Locks,
        Area::Events,
        Area::Observer,
        Area::Toolchains,
    ];

    /// The name of the directory.
    pub const fn name(self) -> &'static str {
        match self {
            Area::Manifests => "manifests",
            Area::Results => "results",
            Area::Blobs => "blobs",
            Area::Traces => "traces",
            Area::Temporary => "tmp",
            Area::Locks => "locks",
            Area::Events => "events",
            Area::Observer => "observer",
            Area::Toolchains => "toolchains",
            Area::Differences => "differences",
            Area::Agent => "agent",
            Area::Quarantine => "quarantine",
            Area::Blocklist => "condemned",
            Area::Seeds => "seeds",
            Area::Builds => "builds",
            Area::States => "states",
        }
    }

    /// The directory in the store at `store` (`<cache>/v1`).
    pub fn below(self, store: &Path) -> PathBuf {
        store.join(self.name())
    }

    /// The directory in the cache at `cache`, which may not exist.
    pub fn in_cache(self, cache: &Path) -> PathBuf {
        self.below(&cache.join(FORMAT))
    }

    /// The file of a key in this area of the store at `store`: keys are spread over directories by their first byte.
    pub fn file(self, store: &Path, key: &Digest) -> PathBuf {
        let hex = key.hex();
        let mut path = self.below(store);
        path.push(&hex[..2]);
        match self {
            Area::Traces => path.push(hex + ".json"),
            _ => path.push(hex),
        }
        path
    }
}

/// The file with the digests of files by their identity, in the store at `store`.
pub fn digest_table(store: &Path) -> PathBuf {
    store.join("digests")
}

/// The file with the approximate size of the store at `store`.
pub fn usage(store: &Path) -> PathBuf {
    store.join("usage")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_area_has_its_own_directory() {
        let names: std::collections::BTreeSet<_> = Area::ALL.iter().map(|area| area.name()).collect();
        assert_eq!(names.len(), Area::ALL.len());
        assert!(Area::INITIAL.iter().all(|area| Area::ALL.contains(area)));
    }

    #[test]
    fn keys_are_spread_by_their_first_byte() {
        let key = Digest([0xab; 32]);
        let hex = "ab".repeat(32);
        let store = Path::new("/c/v1");
        assert_eq!(Area::Results.file(store, &key), Path::new(&format!("/c/v1/results/ab/{hex}")));
        assert_eq!(Area::Traces.file(store, &key), Path::new(&format!("/c/v1/traces/ab/{hex}.json")));
    }
}
