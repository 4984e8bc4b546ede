//! Outputs of foreign commands: named files, and all that lies below named directories.
//!
//! What is restored is what the command left, down to permission bits and links. Of the times of modification the order is
//! kept: a build tool that later runs there compares them. The times themselves are new, and all lie before the restore, so
//! that none of the outputs is newer than what the caller writes after it.

use crate::action::OutputNames;
use crate::paths::Roots;
use crate::platform::{self, EntryType};
use crate::reason::{NotCacheable, Reason};
use crate::store::result::{Exact, Node, Output};
use crate::store::{Store, Stored};
use crate::template::{self, Format};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// A file, a directory or a link among the outputs.
struct Entry {
    path: PathBuf,
    node: Node,
    mode: u32,
    mtime: i64,
}

/// Stores what a command left. Directories come before their entries.
pub(super) fn store(
    names: &OutputNames,
    roots: &Roots,
    store: &Store,
) -> Result<(Vec<Output>, u64, u64), NotCacheable> {
    let entries = entries(names)?;
    let times: BTreeSet<i64> = entries.iter().map(|entry| entry.mtime).collect();
    let rank = |mtime: i64| times.range(..mtime).count() as u32;
    let (mut outputs, mut bytes, mut known) = (Vec::new(), 0, 0);
    for Entry { path, node, mode, mtime } in entries {
        let exact = Exact { node, mode, rank: rank(mtime) };
        let Kept { digest, is_template, stored } = keep(&path, node, roots, store)?;
        bytes += stored.bytes;
        known += if stored.known { stored.bytes } else { 0 };
        let path = roots.portable(path.as_os_str().as_encoded_bytes());
        outputs.push(Output { path, digest, executable: mode & 0o100 != 0, is_template, exact: Some(exact) });
    }
    Ok((outputs, bytes, known))
}

/// The paths of everything that a command left.
pub(super) fn paths(names: &OutputNames) -> Result<Vec<PathBuf>, NotCacheable> {
    Ok(entries(names)?.into_iter().map(|entry| entry.path).collect())
}

fn entries(names: &OutputNames) -> Result<Vec<Entry>, NotCacheable> {
    let mut entries = Vec::new();
    for tree in &names.trees {
        if !tree.is_there {
            add(&tree.path, &mut entries)?;
        }
        walk(&tree.path, &mut entries)?;
    }
    for path in &names.exact {
        add(path, &mut entries)?;
    }
    Ok(entries)
}

/// The contents of an entry as they are stored, and whether they are a template.
pub(super) fn contents(path: &Path, roots: &Roots) -> io::Result<(Vec<u8>, bool)> {
    let (plain, format) = match platform::entry(path)?.0 {
        EntryType::Directory => return Ok((Vec::new(), false)),
        EntryType::Link => (std::fs::read_link(path)?.into_os_string().into_encoded_bytes(), Format::Printed),
        EntryType::File => (platform::read_regular(path)?, Format::Printed),
        EntryType::Other => return Err(io::ErrorKind::InvalidInput.into()),
    };
    match template::templatize(&plain, roots, format) {
        // What is rendered here must be what the command wrote, to the byte.
        Some(marked) if marked != plain && template::render(&marked, roots).as_ref() == Some(&plain) => {
            Ok((marked, true))
        }
        _ => Ok((plain, false)),
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> NotCacheable {
    move |e| NotCacheable::new(Reason::UnreadableOutput, format!("{}: {e}", path.display()))
}

/// Adds one entry, and says whether it is a directory.
fn add(path: &Path, entries: &mut Vec<Entry>) -> Result<bool, NotCacheable> {
    let (kind, mode, mtime) = platform::entry(path).map_err(unreadable(path))?;
    let odd = |what: &str| Err(NotCacheable::new(Reason::OddOutput, format!("{} {what}", path.display())));
    let node = match kind {
        EntryType::File if platform::has_other_names(path) => return odd("has other names"),
        EntryType::File => Node::File,
        EntryType::Directory => Node::Directory,
        EntryType::Link => Node::Link,
        EntryType::Other => return odd("is neither a file, a directory nor a link"),
    };
    entries.push(Entry { path: path.to_path_buf(), node, mode, mtime });
    Ok(node == Node::Directory)
}

fn walk(dir: &Path, entries: &mut Vec<Entry>) -> Result<(), NotCacheable> {
    let mut names =
        std::fs::read_dir(dir).and_then(|all| all.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>());
    if let Ok(names) = &mut names {
        names.sort();
    }
    for path in names.map_err(unreadable(dir))? {
        if add(&path, entries)? {
            walk(&path, entries)?;
        }
    }
    Ok(())
}

struct Kept {
    digest: crate::digest::Digest,
    is_template: bool,
    stored: Stored,
}

fn keep(path: &Path, node: Node, roots: &Roots, store: &Store) -> Result<Kept, NotCacheable> {
    let failed = |e: io::Error| NotCacheable::new(Reason::Store, format!("{}: {e}", path.display()));
    let (bytes, is_template) = contents(path, roots).map_err(failed)?;
    if node == Node::File && !is_template {
        let stored = store.put_blob(path).map_err(failed)?;
        return Ok(Kept { digest: stored.digest, is_template, stored });
    }
    let digest = store.put_bytes(&bytes).map_err(failed)?;
    let stored = Stored { digest, bytes: bytes.len() as u64, known: false };
    Ok(Kept { digest, is_template, stored })
}
