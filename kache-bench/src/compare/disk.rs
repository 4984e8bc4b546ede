//! Disk space that a backend uses.
//!
//! Allocated blocks, each inode once. A file that the second clone shares with the cache by a hard link
//! counts for the cache only. Blocks shared by reflink cannot be distinguished and count for both.

use crate::system::platform;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Bytes allocated after the first build in the second clone (for `plain`: after its only build).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskUse {
    pub backend: String,
    /// From 1.
    pub round: usize,
    /// The cache after builds in two clones.
    pub cache_bytes: u64,
    /// Additional bytes of the second clone, including sources.
    pub second_tree_bytes: u64,
}

/// Allocated bytes by device and inode.
type Inodes = BTreeMap<(u64, u64), u64>;

pub(super) fn used(backend: &str, round: usize, cache: &Path, tree: &Path) -> DiskUse {
    let (mut in_cache, mut in_tree) = (Inodes::new(), Inodes::new());
    collect(cache, &mut in_cache);
    collect(tree, &mut in_tree);
    in_tree.retain(|inode, _| !in_cache.contains_key(inode));
    DiskUse {
        backend: backend.to_owned(),
        round,
        cache_bytes: in_cache.values().sum(),
        second_tree_bytes: in_tree.values().sum(),
    }
}

/// Unreadable entries are ignored: a server may remove files meanwhile.
fn collect(dir: &Path, into: &mut Inodes) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        into.extend(platform::room(&metadata));
        if metadata.is_dir() {
            collect(&entry.path(), into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_from_the_cache_costs_the_clone_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, tree) = (dir.path().join("cache"), dir.path().join("tree"));
        fs::create_dir_all(&cache).unwrap();
        fs::create_dir_all(&tree).unwrap();
        fs::write(cache.join("blob"), vec![1; 100_000]).unwrap();
        fs::hard_link(cache.join("blob"), tree.join("linked")).unwrap();
        let linked = used("x", 1, &cache, &tree);
        fs::copy(cache.join("blob"), tree.join("copied")).unwrap();
        let copied = used("x", 1, &cache, &tree);
        assert_eq!(linked.cache_bytes, copied.cache_bytes);
        assert!(linked.cache_bytes >= 100_000);
        assert!(copied.second_tree_bytes >= linked.second_tree_bytes + 100_000, "{copied:?} {linked:?}");
    }
}
